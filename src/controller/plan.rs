//! Which topics of a scenario come and go, and when.

use super::settings::NewTopic;
use crate::sim::Time;

/// One thing that is to be done with a topic of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    /// When.
    pub(super) at: Time,
    /// Its place in the scenario.
    pub(super) topic: usize,
    /// It is created; else it is deleted.
    pub(super) creates: bool,
}

/// What is to be done with the topics of a run, in order.
pub(super) fn steps(topics: &[NewTopic]) -> Vec<Step> {
    let creations =
        topics.iter().enumerate().map(|(place, topic)| Step { at: topic.at_us, topic: place, creates: true });
    let deletion =
        |(place, topic): (usize, &NewTopic)| Some(Step { at: topic.delete_at_us?, topic: place, creates: false });
    let mut steps: Vec<Step> = creations.chain(topics.iter().enumerate().filter_map(deletion)).collect();
    // Who goes makes room for a successor of the same name, so deletions come first.
    steps.sort_by_key(|step| (step.at, step.creates, step.topic));
    steps
}
