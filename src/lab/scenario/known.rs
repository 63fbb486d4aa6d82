//! What is known of a scenario while its file is read.

use super::error::{Wrong, short};
use super::model::Scenario;
use super::reader::{Reader, Span};
use crate::wire::why_no_topic_name;

/// What of a scenario is known for certain. Where something is wrong, what would follow from it is not told as well.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub(super) duration: bool,
    /// How many brokers there are.
    pub(super) brokers: bool,
    /// All topics, their names and how many partitions they have.
    pub(super) topics: bool,
    /// All clients and their names.
    pub(super) clients: bool,
}

/// A name of a topic that is there, or that brokers create for whoever names it.
#[inline(never)]
pub(super) fn known_topic<'t>(reader: &mut Reader<'t>, name: &str, span: &Span, scenario: &Scenario, known: Known) {
    let is_created = scenario.cluster.config.auto_create_topics_enable && why_no_topic_name(name).is_none();
    if known.topics && !is_created && !scenario.topics.iter().any(|topic| topic.name == name) {
        let names = scenario.topics.iter().map(|topic| topic.name.as_str());
        reader.wrong(span, Wrong::word(format!("there is no topic \"{}\"", short(name)), name, names));
    }
}
