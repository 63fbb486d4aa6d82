//! Which commands apply to what is selected: the rows of the table of faults that the page offers, in the words the engine reads.

use super::format;
use crate::lab::fault::page::{Page, Seen};
use crate::lab::fault::{FaultAction, Object, Row};
use crate::lab::scenario::action::words;
use crate::lab::scenario::{LinkEnd, Target};
use crate::view::coordination::{Group, Table};
use crate::view::frame::{Frame, Node, Packet, Partition, Selection};
use crate::view::state::State;
use crate::wire::Api;

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
    // It may not be there yet, or not any more: what has its name then is another one, which a command would hit.
    let partition = frame.partitions.iter().find(|it| it.is_selected(selection));
    match selection {
        Selection::Node(node) => of_node(node, frame),
        Selection::Link(a, b) => links(a, b, frame),
        Selection::Partition { .. } => partition.map_or_else(Vec::new, |partition| of_partition(partition, frame)),
        Selection::Batch { broker, offset, .. } => {
            let mut choices = of_node(&Node::Broker(*broker), frame);
            choices.extend(partition.into_iter().flat_map(|it| lost_indexes(it, *broker, frame)));
            choices.extend(partition.into_iter().flat_map(|it| bit_rot(it, *broker, *offset, frame)));
            choices
        }
        Selection::Packet(id) => frame.packets.iter().find(|it| it.id == *id).map_or_else(Vec::new, of_packet),
        Selection::None | Selection::Event(_) | Selection::TransactionalId(_) => Vec::new(),
        Selection::Group(id) => frame.groups.iter().find(|it| it.id == *id).map_or_else(Vec::new, of_group),
    }
}

/// The command that cuts a link, or heals it; `None` where nothing ever passes.
pub fn of_link(a: &Node, b: &Node, frame: &Frame) -> Option<Choice> {
    links(a, b, frame).into_iter().next()
}

/// Is a link cut in either direction?
pub fn is_cut(a: &Node, b: &Node, frame: &Frame) -> bool {
    frame.cuts.iter().any(|cut| (&cut.from, &cut.to) == (a, b) || (&cut.from, &cut.to) == (b, a))
}

/// Whether nothing runs there.
pub fn is_down(state: State) -> bool {
    matches!(state, State::Killed | State::Halted | State::Stopped | State::PowerLost)
}

/// The rows that the page offers for such a thing.
fn offered(seen: Seen, fits: impl Fn(&Row) -> bool) -> impl Iterator<Item = (&'static Row, Page)> {
    let rows = FaultAction::ROWS.iter().filter(move |row| fits(row));
    rows.filter_map(|row| Some((row, row.page?))).filter(move |(_, page)| (page.when)(&seen))
}

fn choice(row: &Row, page: Page, target: &Target, of: String, amount: Option<i64>) -> Choice {
    let action = row.action(amount.or(page.usual).unwrap_or_default());
    Choice { label: page.label, key: page.key, target: of, command: words(action, target) }
}

/// What can be done to a process, to its machine and, of a broker, to its disk.
fn of_node(node: &Node, frame: &Frame) -> Vec<Choice> {
    let target = match node {
        Node::Controller => Target::Controller,
        Node::Broker(id) => Target::Broker(*id),
        Node::Client(name) => Target::Client(name.clone()),
    };
    // The frame may not hold it yet, or not any more.
    let Some(seen) = seen(node, frame) else { return Vec::new() };
    // What lies in a broker's log is selected on its own.
    let fits = |row: &Row| row.object != Object::Replica && target.is(row.object);
    offered(seen, fits).map(|(row, page)| choice(row, page, &target, format::node(node), None)).collect()
}

/// To the programs of each table that a group has: one more where some are not there, else one less.
fn of_group(group: &Group) -> Vec<Choice> {
    let seen = Seen { member: true, ..Seen::default() };
    let of_table = |table: &Table| {
        let to = if table.running < table.programs { table.running + 1 } else { table.programs.saturating_sub(1) };
        let target = Target::Members(table.name.clone());
        let fits = |row: &Row| row.object == Object::Members;
        offered(seen, fits)
            .map(|(row, page)| choice(row, page, &target, table.name.clone(), Some(i64::from(to))))
            .collect::<Vec<_>>()
    };
    group.tables.iter().flat_map(of_table).collect()
}

/// To its leader, and to the index files of its replicas that are down.
fn of_partition(partition: &Partition, frame: &Frame) -> Vec<Choice> {
    let mut choices = match partition.leader {
        ..0 => Vec::new(),
        leader => of_node(&Node::Broker(leader), frame),
    };
    choices.extend(partition.replicas.iter().flat_map(|broker| lost_indexes(partition, *broker, frame)));
    choices
}

fn links(a: &Node, b: &Node, frame: &Frame) -> Vec<Choice> {
    // Clients and the controller talk to brokers alone.
    if !matches!(a, Node::Broker(_)) && !matches!(b, Node::Broker(_)) {
        return Vec::new();
    }
    let target = Target::Link { from: end(a), to: end(b), both_ways: true };
    let seen = Seen { cut: is_cut(a, b, frame), ..Seen::default() };
    let fits = |row: &Row| row.object == Object::Link;
    offered(seen, fits).map(|(row, page)| choice(row, page, &target, String::new(), None)).collect()
}

fn end(node: &Node) -> LinkEnd {
    match node {
        Node::Controller => LinkEnd::Controller,
        Node::Broker(id) => LinkEnd::Broker(*id),
        Node::Client(name) => LinkEnd::Client(name.clone()),
    }
}

/// To what is on its way.
fn of_packet(packet: &Packet) -> Vec<Choice> {
    // An API that is named is one that there is.
    let Some(api) = Api::named(&packet.api) else { return Vec::new() };
    let (from, to) = (end(&packet.from), end(&packet.to));
    let target = Target::Message { api, request: !packet.response, ordinal: packet.ordinal, from, to };
    let fits = |row: &Row| row.object == Object::Message;
    offered(Seen::default(), fits).map(|(row, page)| choice(row, page, &target, String::new(), None)).collect()
}

/// One bit of a batch on the disk turns over, unless that has happened to it already.
fn bit_rot(partition: &Partition, broker: i32, offset: i64, frame: &Frame) -> Vec<Choice> {
    let log = frame.log.as_ref().filter(|log| (log.number, log.index) == (partition.number, partition.index));
    let replica = log.and_then(|log| log.replicas.iter().find(|it| it.broker == broker && it.log_end >= 0));
    // The frame may not hold it yet, or not any more.
    let Some(batch) = replica.and_then(|replica| replica.batch_at(offset)) else { return Vec::new() };
    let seen = Seen { corrupt: batch.corrupt, ..Seen::default() };
    let fits = |row: &Row| row.object == Object::Replica && row.parameter.is_some();
    let target = replica_of(partition, broker);
    offered(seen, fits).map(|(row, page)| choice(row, page, &target, String::new(), Some(batch.base))).collect()
}

/// A broker that runs has its index files open and would not miss them; what is left of one that lost power is known
/// when it recovers.
fn lost_indexes(partition: &Partition, broker: i32, frame: &Frame) -> Vec<Choice> {
    let node = Node::Broker(broker);
    // The frame may not hold it yet, or not any more.
    let Some(seen) = seen(&node, frame) else { return Vec::new() };
    let fits = |row: &Row| row.object == Object::Replica && row.parameter.is_none();
    let target = replica_of(partition, broker);
    offered(seen, fits).map(|(row, page)| choice(row, page, &target, format::node(&node), None)).collect()
}

fn replica_of(Partition { topic, index, .. }: &Partition, broker: i32) -> Target {
    Target::ReplicaOn { topic: topic.clone(), partition: index.unsigned_abs(), broker }
}

/// How a process and its machine look; `None` for one that the frame does not hold.
fn seen(node: &Node, frame: &Frame) -> Option<Seen> {
    let clock_wrong = frame.wrong_clocks.contains(node);
    let reader = match node {
        Node::Client(name) => frame.consumers.iter().find(|it| it.name == *name),
        Node::Controller | Node::Broker(_) => None,
    };
    let (state, disk_faulty) = match node {
        Node::Controller => (frame.controller.state, false),
        Node::Broker(id) => {
            let broker = frame.brokers.iter().find(|broker| broker.id == *id)?;
            (broker.state, broker.disk_full || broker.disk_slowed_us > 0)
        }
        Node::Client(name) => {
            let producer = frame.producers.iter().find(|it| it.name == *name).map(|it| it.state);
            (producer.or_else(|| Some(reader?.state))?, false)
        }
    };
    Some(Seen {
        up: !is_down(state),
        paused: state == State::Paused,
        killed: matches!(state, State::Killed | State::Halted | State::Stopped),
        disk_faulty,
        clock_wrong,
        cut: false,
        corrupt: false,
        consumer: reader.is_some_and(|it| it.sending.is_none()),
        // A pipeline is told by its name alone: it is no `[[consumer]]`.
        member: reader.is_some_and(|it| it.sending.is_none() && !it.group.is_empty()),
    })
}
