//! Which commands apply to what is selected, in the words the engine reads.

use super::format;
use super::text::TEXT;
use crate::view::frame::{Frame, Node, Selection, State};

/// A command that applies now.
#[derive(Clone, PartialEq)]
pub struct Choice {
    /// What the button says.
    pub label: &'static str,
    /// The key that does it while the thing is selected.
    pub key: &'static str,
    /// The command.
    pub command: String,
}

/// The commands that apply to a selection.
pub fn choices(selection: &Selection, frame: &Frame) -> Vec<Choice> {
    match selection {
        Selection::Node(node) => state(node, frame).map_or_else(Vec::new, |state| of_process(node, state)),
        Selection::Link(a, b) => vec![of_link(a, b, frame)],
        Selection::Partition { topic, index } | Selection::Batch { topic, index, .. } => frame
            .partitions
            .iter()
            .find(|partition| partition.topic == *topic && partition.index == *index && partition.leader >= 0)
            .map_or_else(Vec::new, |partition| {
                let leader = Node::Broker(partition.leader);
                state(&leader, frame).map_or_else(Vec::new, |state| of_process(&leader, state))
            }),
        Selection::None | Selection::Packet(_) | Selection::Event(_) => Vec::new(),
    }
}

/// The command that cuts a link, or heals it.
pub fn of_link(a: &Node, b: &Node, frame: &Frame) -> Choice {
    let target = format!("link {} - {}", format::node(a), format::node(b));
    if is_cut(a, b, frame) {
        Choice { label: TEXT.heal, key: "x", command: format!("heal {target}") }
    } else {
        Choice { label: TEXT.cut, key: "x", command: format!("cut {target}") }
    }
}

/// Is a link cut in either direction?
pub fn is_cut(a: &Node, b: &Node, frame: &Frame) -> bool {
    frame.cuts.iter().any(|cut| (&cut.from, &cut.to) == (a, b) || (&cut.from, &cut.to) == (b, a))
}

fn of_process(node: &Node, state: State) -> Vec<Choice> {
    let name = format::node(node);
    let kill = Choice { label: TEXT.kill, key: "k", command: format!("kill {name}") };
    match state {
        State::Killed | State::PowerLost => {
            vec![Choice { label: TEXT.restart, key: "k", command: format!("restart {name}") }]
        }
        State::Paused => {
            vec![kill, Choice { label: TEXT.resume_process, key: "z", command: format!("resume {name}") }]
        }
        State::Running | State::Fenced | State::Starting => {
            vec![kill, Choice { label: TEXT.pause_process, key: "z", command: format!("pause {name}") }]
        }
    }
}

/// The state of a process that commands may name: brokers and the controller.
fn state(node: &Node, frame: &Frame) -> Option<State> {
    match node {
        Node::Controller => Some(frame.controller.state),
        Node::Broker(id) => frame.brokers.iter().find(|broker| broker.id == *id).map(|broker| broker.state),
        Node::Client(_) => None,
    }
}
