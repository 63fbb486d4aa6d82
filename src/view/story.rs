//! What happened, in sentences: notable events, marks and density for the timeline.

use super::coordination::Rebalance;
use super::frame::{Event, Kind, Mark, SLICES, Selection};
use super::nodes::{node_of, process_of};
use crate::lab::check::When;
use crate::lab::notable::{Notable, NotableKind, Occasion, Subject};
use crate::lab::rebalance as lab;
use crate::lab::scenario::{Consumer, Pipeline, Producer};
use crate::lab::session::Session;
use crate::lab::story::{Line, tell};
use crate::lab::trace::Entry;
use crate::wire::TopicPartition;

/// Notable events that are shown.
const EVENTS: usize = 60;
/// Marks on the timeline.
const MARKS: usize = 400;

/// The last lines of the story up to the present instant, oldest first.
pub(super) fn events(session: &Session) -> Vec<Event> {
    let lines = tell(session.notables_so_far(), session.world());
    let before = lines.len().saturating_sub(EVENTS);
    let line = |line: &Line| sentence(session, line.at, line.kind, line.text.clone(), line.about.clone());
    lines.iter().skip(before).map(line).collect()
}

/// Faults, elections and findings of the run as far as it has been computed.
pub(super) fn marks(session: &Session) -> Vec<Mark> {
    let marked = |notable: &&Notable| {
        use NotableKind::{Election, Fault, Finding, Repair};
        matches!(notable.kind(), Fault | Repair | Election | Finding)
    };
    let mark = |notable: &Notable| Mark {
        at_us: notable.date().time,
        event: notable.date().event,
        kind: kind(notable.kind()),
        text: notable.text(),
    };
    session.notables().iter().filter(marked).take(MARKS).map(mark).collect()
}

/// Rebalances of the run as far as it has been computed, and the one under way where it ends after that.
pub(super) fn rebalances(session: &Session) -> Vec<Rebalance> {
    let names = session.world().names();
    let over = session.notables().iter().filter_map(|notable| match &notable.occasion {
        Occasion::Rebalance(rebalance) => Some((**rebalance).clone()),
        Occasion::Note(_)
        | Occasion::Cut { .. }
        | Occasion::Skip(_)
        | Occasion::Weighed { .. }
        | Occasion::Trouble(_)
        | Occasion::Stall(_)
        | Occasion::Intervention { .. }
        | Occasion::Finding(_) => None,
    });
    let mut all: Vec<lab::Rebalance> = over.take(MARKS).collect();
    let is_known = |it: &lab::Rebalance, all: &[lab::Rebalance]| {
        all.iter().any(|known| known.group == it.group && known.from == it.from)
    };
    let open: Vec<lab::Rebalance> = session.world().open_rebalances().filter(|it| !is_known(it, &all)).collect();
    all.extend(open);
    let told = |it: lab::Rebalance| Rebalance {
        group: it.group.to_string(),
        from_us: it.from.time,
        to_us: it.to.time,
        is_over: it.is_over,
        to: it.leads_to(),
        why: it.why(names),
        about: it.text(names),
        stops_us: it.stops,
    };
    all.into_iter().map(told).collect()
}

/// Events in each slice of the duration, as far as the run has been computed.
pub(super) fn density(session: &Session) -> Vec<u32> {
    let duration = session.scenario().duration_us.max(1);
    let mut before = 0;
    let mut counts = Vec::new();
    for slice in 1..=SLICES {
        let end = duration / SLICES * slice;
        let events = session.trace().last_at(end);
        counts.push(u32::try_from(events - before).unwrap_or(u32::MAX));
        before = events;
        if end >= session.computed_us() {
            break;
        }
    }
    counts
}

/// Who is selected; nobody where a selection is of an event, or of what is not there (any more).
pub(super) fn subjects(session: &Session, selection: &Selection) -> Vec<Subject> {
    let names = session.world().names();
    let process = |node| process_of(node, names);
    match selection {
        Selection::Node(node) => process(node).map(Subject::Process).into_iter().collect(),
        Selection::Partition { number, index, .. } | Selection::Batch { number, index, .. } => {
            vec![Subject::Partition(TopicPartition { topic: *number, partition: *index })]
        }
        Selection::Link(a, b) => match (process(a), process(b)) {
            (Some(a), Some(b)) => vec![Subject::Link(a, b), Subject::Link(b, a)],
            (None, _) | (_, None) => Vec::new(),
        },
        Selection::Group(id) => {
            let is_member = |(_, it): &(u32, &Consumer)| it.group.as_ref() == Some(id);
            let members = names.consumers().zip(&session.scenario().consumers).filter(is_member);
            let pipelines = names.pipelines().zip(&session.scenario().pipelines).filter(|(_, it)| it.group == *id);
            let members = members.map(|(process, _)| process).chain(pipelines.map(|(process, _)| process));
            members.map(Subject::Process).collect()
        }
        Selection::TransactionalId(id) => {
            let is_its = |(_, it): &(u32, &Producer)| it.config.transactional_id.0.as_ref() == Some(id);
            let its = names.producers().zip(&session.scenario().producers).filter(is_its);
            let is_theirs = |(_, it): &(u32, &Pipeline)| it.producer.transactional_id.0.as_ref() == Some(id);
            let pipelines = names.pipelines().zip(&session.scenario().pipelines).filter(is_theirs);
            let its = its.map(|(process, _)| process).chain(pipelines.map(|(process, _)| process));
            its.map(Subject::Process).collect()
        }
        Selection::None | Selection::Packet(_) | Selection::Event(_) => Vec::new(),
    }
}

pub(super) fn event(session: &Session, notable: &Notable) -> Event {
    sentence(session, notable.date(), notable.kind(), notable.text(), notable.about())
}

fn sentence(session: &Session, at: When, of_kind: NotableKind, text: String, about: Vec<Subject>) -> Event {
    let When { time, event } = at;
    Event {
        number: event,
        at_us: time,
        kind: kind(of_kind),
        text,
        cause: session.trace().get(event).and_then(cause),
        about: about.into_iter().map(|subject| selection(session, subject)).collect(),
    }
}

pub(super) fn cause(entry: &Entry) -> Option<u64> {
    (entry.cause != 0).then_some(entry.cause.into())
}

fn selection(session: &Session, subject: Subject) -> Selection {
    let names = session.world().names();
    match subject {
        Subject::Process(process) => Selection::Node(node_of(process, names)),
        Subject::Link(from, to) => Selection::Link(node_of(from, names), node_of(to, names)),
        Subject::Partition(TopicPartition { topic, partition }) => {
            Selection::Partition { topic: names.topic(topic).to_owned(), index: partition, number: topic }
        }
    }
}

fn kind(kind: NotableKind) -> Kind {
    match kind {
        NotableKind::Fault => Kind::Fault,
        NotableKind::Repair => Kind::Repair,
        NotableKind::Election => Kind::Election,
        NotableKind::Isr => Kind::Isr,
        NotableKind::Registration => Kind::Registration,
        NotableKind::Truncation => Kind::Truncation,
        NotableKind::Compaction => Kind::Compaction,
        NotableKind::Storage => Kind::Storage,
        NotableKind::Error => Kind::Error,
        NotableKind::Finding => Kind::Finding,
        NotableKind::Record => Kind::Other,
    }
}
