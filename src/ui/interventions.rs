//! Which commands apply to what is selected, in the words the engine reads.

use super::format;
use super::text::TEXT;
use crate::view::frame::{Broker, Frame, Node, Partition, Selection, State};

/// What a slow disk adds to each write and each flush: as much as a busy one with rotating platters.
const SLOWED_BY: &str = "50ms";

/// A command that applies now.
#[derive(Clone, PartialEq)]
pub struct Choice {
    /// What the button says.
    pub label: &'static str,
    /// To whom, where that is not what is selected.
    pub target: String,
    /// The key that does it while the thing is selected.
    pub key: &'static str,
    /// The command.
    pub command: String,
}

/// The commands that apply to a selection.
pub fn choices(selection: &Selection, frame: &Frame) -> Vec<Choice> {
    match selection {
        Selection::Node(node) => of_node(node, frame),
        Selection::Link(a, b) => vec![of_link(a, b, frame)],
        Selection::Partition { topic, index } => of_partition(topic, *index, frame),
        Selection::Batch { topic, index, broker, offset } => {
            let mut choices = of_node(&Node::Broker(*broker), frame);
            choices.extend(lost_indexes(topic, *index, *broker, frame));
            choices.extend(bit_rot(topic, *index, *broker, *offset, frame));
            choices
        }
        Selection::None | Selection::Packet(_) | Selection::Event(_) => Vec::new(),
    }
}

/// The command that cuts a link, or heals it.
pub fn of_link(a: &Node, b: &Node, frame: &Frame) -> Choice {
    let target = format!("link {} - {}", format::node(a), format::node(b));
    if is_cut(a, b, frame) {
        Choice { label: TEXT.heal, key: "x", target: String::new(), command: format!("heal {target}") }
    } else {
        Choice { label: TEXT.cut, key: "x", target: String::new(), command: format!("cut {target}") }
    }
}

/// Is a link cut in either direction?
pub fn is_cut(a: &Node, b: &Node, frame: &Frame) -> bool {
    frame.cuts.iter().any(|cut| (&cut.from, &cut.to) == (a, b) || (&cut.from, &cut.to) == (b, a))
}

/// What can be done to a process and, of a broker, to its disk.
fn of_node(node: &Node, frame: &Frame) -> Vec<Choice> {
    let Some(state) = state(node, frame) else { return Vec::new() };
    let mut choices = of_process(node, state);
    if let Node::Broker(id) = node
        && let Some(broker) = frame.brokers.iter().find(|broker| broker.id == *id)
    {
        choices.extend(of_disk(broker));
    }
    choices
}

/// To its leader, and to the index files of its replicas that are down.
fn of_partition(topic: &str, index: i32, frame: &Frame) -> Vec<Choice> {
    let is_it = |it: &&Partition| it.topic == *topic && it.index == index;
    let Some(partition) = frame.partitions.iter().find(is_it) else { return Vec::new() };
    let mut choices = match partition.leader {
        ..0 => Vec::new(),
        leader => of_node(&Node::Broker(leader), frame),
    };
    choices.extend(partition.replicas.iter().filter_map(|broker| lost_indexes(topic, index, *broker, frame)));
    choices
}

fn of_process(node: &Node, state: State) -> Vec<Choice> {
    let target = format::node(node);
    let choice = |label, key, word| Choice { label, key, target: target.clone(), command: format!("{word} {target}") };
    if is_down(state) {
        return vec![choice(TEXT.restart, "k", "restart")];
    }
    let pause = match state {
        State::Paused => choice(TEXT.resume_process, "z", "resume"),
        _ => choice(TEXT.pause_process, "z", "pause"),
    };
    vec![choice(TEXT.kill, "k", "kill"), choice(TEXT.power_loss, "p", "power-loss"), pause]
}

fn of_disk(broker: &Broker) -> Vec<Choice> {
    let target = format::node(&Node::Broker(broker.id));
    let choice = |label, key, command| Choice { label, key, target: target.clone(), command };
    if broker.disk_full || broker.disk_slowed_us > 0 {
        return vec![choice(TEXT.heal_disk, "d", format!("heal-disk {target}"))];
    }
    vec![
        choice(TEXT.fill_disk, "d", format!("fill-disk {target}")),
        choice(TEXT.slow_disk, "w", format!("slow-disk {target} by {SLOWED_BY}")),
    ]
}

/// One bit of a batch on the disk turns over, unless that has happened to it already.
fn bit_rot(topic: &str, index: i32, broker: i32, offset: i64, frame: &Frame) -> Option<Choice> {
    let log = frame.log.as_ref().filter(|log| log.topic == topic && log.index == index)?;
    let replica = log.replicas.iter().find(|it| it.broker == broker && it.log_end >= 0)?;
    let batch = replica.batch_at(offset)?;
    let command = format!("bit-rot {} offset {}", name_of(topic, index, broker), batch.base);
    (!batch.corrupt).then(|| Choice { label: TEXT.bit_rot, key: "r", target: String::new(), command })
}

/// A broker that runs has its index files open and would not miss them; what is left of one that lost power is known
/// when it recovers.
fn lost_indexes(topic: &str, index: i32, broker: i32, frame: &Frame) -> Option<Choice> {
    let node = Node::Broker(broker);
    let is_killed = state(&node, frame).is_some_and(|state| matches!(state, State::Killed | State::Halted));
    let command = format!("lose-indexes {}", name_of(topic, index, broker));
    is_killed.then(|| Choice { label: TEXT.lose_indexes, key: "l", target: format::node(&node), command })
}

fn name_of(topic: &str, index: i32, broker: i32) -> String {
    format!("replica of {topic}-{index} on {}", format::node(&Node::Broker(broker)))
}

/// Whether nothing runs there.
pub fn is_down(state: State) -> bool {
    matches!(state, State::Killed | State::Halted | State::PowerLost)
}

/// The state of a process that commands may name: brokers and the controller.
fn state(node: &Node, frame: &Frame) -> Option<State> {
    match node {
        Node::Controller => Some(frame.controller.state),
        Node::Broker(id) => frame.brokers.iter().find(|broker| broker.id == *id).map(|broker| broker.state),
        Node::Client(_) => None,
    }
}
