//! What the faults of a file do as far as the file alone says: what would meet nobody, and what would take nothing back.

use super::action::Target;
use super::model::{Fault, Scenario, Topic};
use crate::lab::fault::{FaultAction, Object};

/// Why a fault of the file will do nothing as far as the file alone says, in a sentence without a full stop.
#[must_use]
pub fn idle(fault: &Fault, scenario: &Scenario) -> Option<String> {
    meets_nobody(fault, scenario).or_else(|| takes_nothing_back(fault, scenario))
}

/// Its target is a partition that is not there then, or a follower where there is none.
fn meets_nobody(fault: &Fault, scenario: &Scenario) -> Option<String> {
    if let (FaultAction::Scale { to }, Target::Members(name)) = (fault.action, &fault.target) {
        let there = scenario.consumers.iter().filter(|it| it.table.0 == *name).count();
        return (usize::try_from(to).is_ok_and(|to| to > there)).then(|| {
            format!("\"scale consumer {name}\" to {to} finds {there} programs: more of them are there with \"spare\"")
        });
    }
    let (topic, partition, least_replicas) = match &fault.target {
        Target::LeaderOf { topic, partition } | Target::ReplicaOn { topic, partition, .. } => (topic, *partition, 1),
        Target::FollowerOf { topic, partition } | Target::FollowersOf { topic, partition } => (topic, *partition, 2),
        // These are there all the time, and a message is waited for.
        Target::Broker(_)
        | Target::Controller
        | Target::Client(_)
        | Target::Members(_)
        | Target::Link { .. }
        | Target::Message { .. }
        | Target::Next { .. } => return None,
    };
    let is_there = |known: &&Topic| {
        let lives = known.at_us <= fault.at_us && known.delete_at_us.is_none_or(|end| fault.at_us < end);
        known.name == *topic && partition < known.partitions && lives
    };
    let replicas = scenario.topics.iter().filter(is_there).map(|known| known.replication_factor).max();
    let what = format!("{} {}", fault.action.word(), fault.target);
    match replicas {
        None => Some(format!("\"{what}\" meets nobody: there is no {topic}-{partition} at that time")),
        Some(replicas) if replicas < least_replicas => {
            Some(format!("\"{what}\" meets nobody: {topic}-{partition} has no follower, its replication factor is 1"))
        }
        Some(_) => None,
    }
}

fn takes_nothing_back(fault: &Fault, scenario: &Scenario) -> Option<String> {
    if !fault.action.is_repair() {
        return None;
    }
    let is_open = |earlier: &&Fault| {
        let is_earlier = (earlier.at_us, earlier.id) < (fault.at_us, fault.id);
        is_earlier && breaks(earlier.action, fault.action) && may_be(&earlier.target, &fault.target)
    };
    // A broker that ended by itself is not up again when its disk is mended.
    let ends = |earlier: &Fault| {
        let taken_back = earlier.undo_after_us.filter(|_| earlier.action.undo() == Some(fault.action));
        taken_back.map(|after| earlier.at_us + after)
    };
    // One that was not there from the start may join whenever it will.
    let is_spare = |name: &String| scenario.consumers.iter().any(|it| it.name == *name && it.is_spare);
    if matches!(&fault.target, Target::Client(name) if is_spare(name)) {
        return None;
    }
    let mut earlier = scenario.faults.iter().filter(is_open).peekable();
    let what = format!("{} {}", fault.action.word(), fault.target);
    if earlier.peek().is_none() {
        return Some(format!("\"{what}\" has nothing to take back: no fault before it makes it necessary"));
    }
    let over = earlier.all(|earlier| ends(earlier).is_some_and(|end| end <= fault.at_us));
    over.then(|| format!("\"{what}\" has nothing to take back: what goes before it is over by then"))
}

/// Whether the one may make the other necessary. A broker also ends by itself when its disk fails.
fn breaks(fault: FaultAction, repair: FaultAction) -> bool {
    // A member that begins later than the others has left in a way.
    if repair == FaultAction::Join {
        return matches!(fault, FaultAction::Leave | FaultAction::Stop | FaultAction::Kill | FaultAction::PowerLoss);
    }
    let by_its_disk = repair == FaultAction::Restart && matches!(fault.object(), Object::Brokers | Object::Replica);
    fault.undo() == Some(repair) || by_its_disk && !fault.is_repair()
}

/// Whether the two may be the same. Who leads or follows is not known before the run.
fn may_be(a: &Target, b: &Target) -> bool {
    let is_found_late = |target: &Target| match target {
        Target::LeaderOf { .. } | Target::FollowerOf { .. } | Target::FollowersOf { .. } => true,
        Target::Broker(_)
        | Target::Controller
        | Target::Client(_)
        | Target::Members(_)
        | Target::ReplicaOn { .. }
        | Target::Link { .. }
        | Target::Message { .. }
        | Target::Next { .. } => false,
    };
    match (a, b) {
        (Target::Link { from, to, both_ways }, Target::Link { from: other_from, to: other_to, both_ways: others }) => {
            (from, to) == (other_from, other_to) || ((from, to) == (other_to, other_from) && (*both_ways || *others))
        }
        (Target::ReplicaOn { broker, .. }, Target::Broker(other)) => broker == other,
        (a, b) => a == b || (is_found_late(a) || is_found_late(b)) && same_sort(a, b),
    }
}

fn same_sort(a: &Target, b: &Target) -> bool {
    let is_message = |target: &Target| target.is(Object::Message);
    is_message(a) == is_message(b)
}
