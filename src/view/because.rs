//! Why something is as it is: the causes of an event, told back to what a person or the scenario did.
//!
//! The trace names the causes of each event: the first is followed to its end, and then the others, as what a wait was
//! for beside what ended it. Three things are put right on the way: a timer that found somebody silent leads to the
//! silence and to the fault behind it, what mends something leads to what broke it, and what only repeats itself is told
//! once.

use std::collections::BTreeSet;

use super::frame::{Event, Kind, Selection};
use super::nodes::node_of;
use super::story;
use crate::lab::fault::effect::{Hit, MessageHit};
use crate::lab::fault::{FaultAction, Silences};
use crate::lab::interventions::Intervention;
use crate::lab::notable::{Notable, NotableKind, Occasion, Silence, Subject};
use crate::lab::scenario::FindingKind;
use crate::lab::scenario::units::duration_text;
use crate::lab::session::Session;
use crate::lab::trace::{self, Entry};
use crate::note::Note;
use crate::sim::process::ProcessId;
use crate::sim::sorted::sort_by_key;
use crate::wire::{Api, TopicPartition};

/// Links that are shown of what the first causes lead to.
const LINKS: usize = 24;
/// Links that are shown of what another cause leads to.
const LINKS_BESIDE: usize = 10;
/// Links that are shown of all.
const LINKS_IN_ALL: usize = 40;
/// How far back the last request of somebody silent is looked for.
const EVENTS_SEARCHED: u64 = 2_000_000;

/// Why the selection is as it is: its last notable event, what caused it, and so on.
pub(super) fn because(session: &Session, selection: &Selection) -> Vec<Event> {
    // Nothing is selected, or nothing has happened to it.
    let Some(start) = start_of(session, selection) else { return Vec::new() };
    chain(session, selection, start)
}

/// The event from which the causes of a selection are told.
fn start_of(session: &Session, selection: &Selection) -> Option<u64> {
    match selection {
        Selection::None => None,
        Selection::Event(number) => Some(*number),
        Selection::Packet(sequence) => {
            let events = session.world().kernel().in_flight();
            events.iter().find(|event| event.sequence == *sequence).map(|event| event.cause())
        }
        Selection::Node(_)
        | Selection::Partition { .. }
        | Selection::Batch { .. }
        | Selection::Link(..)
        | Selection::Group(_)
        | Selection::TransactionalId(_) => {
            let subjects = story::subjects(session, selection);
            let concerns = |notable: &&Notable| subjects.iter().any(|subject| notable.is_about(*subject));
            // What somebody suffers from follows from what was done to it.
            let is_suffered =
                |notable: &&Notable| matches!(notable.occasion, Occasion::Trouble(_) | Occasion::Stall(_));
            let told = || session.notables_so_far().rev().filter(concerns);
            let first = told().find(|notable| !is_suffered(notable)).or_else(|| told().next());
            first.map(|notable| notable.date().event)
        }
    }
}

/// The event and what led to it, newest first.
fn chain(session: &Session, selection: &Selection, start: u64) -> Vec<Event> {
    let about = partitions(&story::subjects(session, selection)).collect();
    let mut chain =
        Chain { session, about, links: Vec::new(), met: Vec::new(), seen: BTreeSet::new(), beside: BTreeSet::new() };
    chain.follow(start, LINKS);
    while let Some(number) = chain.beside.pop_last().filter(|_| chain.links.len() < LINKS_IN_ALL) {
        chain.follow(number, LINKS_BESIDE);
    }
    sort_by_key(&mut chain.links, |event| (u64::MAX - event.number).into());
    chain.links
}

struct Chain<'a> {
    session: &'a Session,
    /// The partitions that the chain is about.
    about: Vec<TopicPartition>,
    links: Vec<Event>,
    /// What has been told of events that are no turning points.
    met: Vec<(trace::Kind, u64, u16, u16)>,
    /// The events that have been told.
    seen: BTreeSet<u64>,
    /// The events that are causes beside the first and may not have been told.
    beside: BTreeSet<u64>,
}

impl<'a> Chain<'a> {
    /// Adds an event and what leads to it by first causes.
    fn follow(&mut self, start: u64, links: usize) {
        let end = self.links.len() + links;
        let mut next = Some(start);
        while let Some(number) = next.filter(|_| self.links.len() < end) {
            next = self.tell(number);
        }
    }

    /// Adds an event; answers what caused it, unless that has been told.
    fn tell(&mut self, number: u64) -> Option<u64> {
        if !self.seen.insert(number) {
            return None;
        }
        let entry = self.session.trace().get(number)?;
        let notables = self.turning_points(number);
        if notables.is_empty() {
            let what = (entry.kind, of_same_kind(entry), entry.from, entry.to);
            // What a run begins with has no cause. Who begins again leads to what ended it.
            let begins = entry.kind == trace::Kind::Boot && entry.cause == 0;
            if begins || self.met.contains(&what) {
                return None;
            }
            self.met.push(what);
            self.links.push(self.plain(number, entry));
        }
        for notable in &notables {
            self.about.extend(partitions(&notable.about()));
            self.links.push(self.turning_point(notable, entry));
        }
        let silence = notables.iter().find_map(|notable| notable.silence());
        if let Some(silence) = silence.filter(|_| entry.kind == trace::Kind::Timer) {
            return self.tell_silence(silence, number);
        }
        if let Some(fault) = self.broken_before(&notables) {
            return Some(fault.event);
        }
        let election = notables.iter().find_map(|notable| self.election_before(notable));
        self.beside.extend(election);
        let mut causes = self.session.trace().causes(number);
        let first = causes.next();
        self.beside.extend(causes);
        first
    }

    /// Where a write is lost: the last election of its partition, for it chose the log that does not hold the write. A
    /// broker may read of it long after, so that it need not be among the causes of the event.
    fn election_before(&self, notable: &Notable) -> Option<u64> {
        // Only a finding says that a write is lost.
        let Occasion::Finding(finding) = &notable.occasion else { return None };
        if finding.kind != FindingKind::LostWrite {
            return None;
        }
        let known = self.session.notables();
        let before = known.before(known.partition_point(|other| other.event < finding.event));
        let is_it = |other: &&Notable| {
            other.kind() == NotableKind::Election && other.is_about(Subject::Partition(finding.partition))
        };
        before.rev().find(is_it).map(|election| election.event)
    }

    /// Where something is mended: what broke it. Where a fault ends as it was planned, that is the one with its number; else
    /// it is the last fault that this takes back, unless something else took that back before.
    fn broken_before(&self, notables: &[&Notable]) -> Option<&'a Notable> {
        let repair = notables.iter().find(|notable| notable.kind() == NotableKind::Repair)?;
        let mended = repair.intervention()?;
        let is_planned = |(_, fault): &(&Notable, &Intervention)| fault.id == mended.id;
        let is_open = |(notable, fault): &(&'a Notable, &'a Intervention)| {
            let is_mended = |hit: &&Hit| mended.hits.contains(*hit) && mended.action.ends(fault.action);
            let mut hits = fault.hits.iter().filter(is_mended);
            hits.any(|hit| self.end_of(notable, fault.action, *hit, repair.event).is_none())
        };
        let planned = self.faults_before(repair.event).find(is_planned);
        planned.or_else(|| self.faults_before(repair.event).find(is_open)).map(|(notable, _)| notable)
    }

    /// The faults before an event, the last first.
    fn faults_before(&self, event: u64) -> impl Iterator<Item = (&'a Notable, &'a Intervention)> {
        let known = self.session.notables();
        let before = known.before(known.partition_point(|notable| notable.event < event));
        let faults = before.rev().filter(|notable| notable.kind() == NotableKind::Fault);
        faults.filter_map(|notable| Some((notable, notable.intervention()?)))
    }

    /// The first event before `until` that took a fault back from one of those that it hit.
    fn end_of(&self, fault: &Notable, action: FaultAction, hit: Hit, until: u64) -> Option<u64> {
        let known = self.session.notables();
        let after = known.from(known.partition_point(|notable| notable.event <= fault.event));
        let is_end = |notable: &&Notable| {
            notable.intervention().is_some_and(|end| end.action.ends(action) && end.hits.contains(&hit))
        };
        after.take_while(|notable| notable.event < until).find(is_end).map(|notable| notable.event)
    }

    /// What is notable of an event and belongs to this chain: of several partitions that changed at once, the one that the
    /// chain is about, and then what happened to a broker, for that is why.
    fn turning_points(&self, number: u64) -> Vec<&'a Notable> {
        let notables = self.session.notables();
        let first = notables.partition_point(|notable| notable.event < number);
        let here: Vec<&Notable> = notables.from(first).take_while(|notable| notable.event == number).collect();
        let concerns = |notable: &Notable| {
            let subjects = notable.about();
            let mut partitions = partitions(&subjects).peekable();
            partitions.peek().is_none() || self.about.is_empty() || partitions.any(|it| self.about.contains(&it))
        };
        let mut told: Vec<&Notable> = Vec::new();
        for notable in here.iter().rev().copied().filter(|notable| concerns(notable)) {
            let same_kind = told.iter().any(|before| before.kind() == notable.kind());
            if !same_kind {
                told.push(notable);
            }
        }
        // A chain that begins here and is about none of them yet takes the last.
        if told.is_empty() { here.last().copied().into_iter().collect() } else { told }
    }

    fn turning_point(&self, notable: &Notable, entry: &Entry) -> Event {
        let mut event = story::event(self.session, notable);
        let names = self.session.world().names();
        let by_request = entry.kind == trace::Kind::Request && entry.api == Some(Api::AlterPartition);
        if notable.kind() == NotableKind::Isr && by_request {
            event.text = format!("AlterPartition of {} accepted: {}", names.process(entry.from.into()), event.text);
        }
        if let Some(silence) = notable.silence().filter(|_| entry.kind == trace::Kind::Timer) {
            event.text = format!("{}; {}", event.text, self.limit(silence));
        }
        event
    }

    /// The setting whose time has passed.
    fn limit(&self, silence: Silence) -> String {
        let config = &self.session.scenario().cluster.config;
        let limit = |ms: u64| duration_text(ms.saturating_mul(1_000));
        match silence {
            Silence::Lag { .. } => {
                format!("replica.lag.time.max.ms ({}) has passed", limit(config.replica_lag_time_max_ms))
            }
            Silence::Session { .. } => {
                let (api, limit) = (silence.api(), limit(config.broker_session_timeout_ms));
                format!("no {api} for broker.session.timeout.ms ({limit})")
            }
        }
    }

    /// The last that was heard, and the fault that stands behind the silence, in order of time; answers the cause of neither:
    /// a fault has none, and that somebody spoke does not say why it stopped.
    fn tell_silence(&mut self, silence: Silence, before: u64) -> Option<u64> {
        let heard = self.last_heard(silence, before);
        let fault = self.fault_behind(silence, before, heard.map_or(0, |(number, _)| number));
        let mut links: Vec<Event> = fault.map(|fault| story::event(self.session, fault)).into_iter().collect();
        if let Some((number, entry)) = heard {
            let names = self.session.world().names();
            let (of, towards) = (names.process(silence.of()), names.process(silence.towards()));
            let text = format!("the last {} of {of} that {towards} received", silence.api());
            links.push(Event { text, ..self.plain(number, entry) });
        }
        sort_by_key(&mut links, |event| (u64::MAX - event.number).into());
        self.links.extend(links);
        None
    }

    fn last_heard(&self, silence: Silence, before: u64) -> Option<(u64, &'a Entry)> {
        let is_it = |entry: &Entry| {
            entry.kind == trace::Kind::Request
                && u32::from(entry.from) == silence.of()
                && u32::from(entry.to) == silence.towards()
                && entry.api == Some(silence.api())
        };
        let numbers = (before.saturating_sub(EVENTS_SEARCHED)..before).rev();
        numbers.filter_map(|number| Some((number, self.session.trace().get(number)?))).find(|(_, entry)| is_it(entry))
    }

    /// The last fault that keeps the silent one, or its link, from speaking; where none does any more, the last one that did
    /// so after the silent one was heard last.
    fn fault_behind(&self, silence: Silence, before: u64, heard: u64) -> Option<&'a Notable> {
        let lasts_until = |(notable, fault): (&'a Notable, &'a Intervention)| {
            let silences = |hit: &&Hit| self.silences(silence, notable, fault.action, **hit, before);
            let end = |hit: &Hit| self.end_of(notable, fault.action, *hit, before).unwrap_or(before);
            Some((notable, fault.hits.iter().filter(silences).map(end).max()?))
        };
        let faults = || self.faults_before(before).filter_map(lasts_until);
        let lasting = faults().find(|(_, end)| *end == before);
        lasting.or_else(|| faults().find(|(_, end)| *end > heard)).map(|(notable, _)| notable)
    }

    /// Whether what was done to one whom it hit keeps what is missing from being heard.
    fn silences(&self, silence: Silence, fault: &Notable, action: FaultAction, hit: Hit, before: u64) -> bool {
        let ends = [silence.of(), silence.towards()];
        let is_missing = |kind: u32| [true, false].map(|is_request| silence.api().kind(is_request)).contains(&kind);
        let may_be = |end: Option<ProcessId>| end.is_none_or(|end| ends.contains(&end));
        match (action.silence(), hit) {
            (Silences::Always, Hit::Process(process)) => process == silence.of(),
            (Silences::Always, Hit::Link(from, to)) => ends.contains(&from) && ends.contains(&to),
            (Silences::Always, Hit::Message(MessageHit::Next(kind, from, to))) => {
                is_missing(kind) && may_be(from) && may_be(to)
            }
            (Silences::ByHalting, Hit::Process(process)) => {
                process == silence.of() && self.halts(process, fault.event, before)
            }
            (Silences::Always, Hit::Message(MessageHit::Named(name))) => {
                is_missing(name.kind) && ends.contains(&name.from) && ends.contains(&name.to)
            }
            (Silences::Always, Hit::Replica(..))
            | (Silences::ByHalting, Hit::Link(..) | Hit::Replica(..) | Hit::Message(_))
            | (Silences::Never, _) => false,
        }
    }

    /// Whether a broker ended by itself between two events.
    fn halts(&self, process: ProcessId, after: u64, before: u64) -> bool {
        let known = self.session.notables();
        let between = known.from(known.partition_point(|notable| notable.event <= after));
        let halted = |notable: &Notable| {
            let has_halted = matches!(notable.occasion, Occasion::Note(Note::Halted { .. }));
            has_halted && notable.is_about(Subject::Process(process))
        };
        between.take_while(|notable| notable.event < before).any(halted)
    }

    fn plain(&self, number: u64, entry: &Entry) -> Event {
        let names = self.session.world().names();
        let (from, to) = (names.process(entry.from.into()), names.process(entry.to.into()));
        let api = api(entry);
        let text = match entry.kind {
            trace::Kind::Boot => format!("{to} begins"),
            trace::Kind::Timer => {
                format!("{to} {}", self.session.world().kernel().process(entry.to.into()).timer_words(entry.detail))
            }
            trace::Kind::Terminate => format!("{to} is told to end"),
            trace::Kind::Told => format!("{to} is told to go to offset {}", entry.detail.cast_signed()),
            trace::Kind::Exit => format!("{to} ends: its disk has done what it asked for last"),
            trace::Kind::Connected => format!("{to} is connected with {from}"),
            trace::Kind::Disconnected => format!("{to} is disconnected from {from}"),
            trace::Kind::Written => format!("{to} has written in full what it sent {from}"),
            trace::Kind::Request => format!("{to} receives {api} from {from}"),
            trace::Kind::Response => format!("{to} receives the answer to {api} from {from}"),
            trace::Kind::Waits => format!("{api} from {from} reaches {to} and waits"),
            trace::Kind::Dropped => format!("{api} from {from} reaches {to}, where nobody takes it"),
            trace::Kind::Intervention => format!("something is done to {to}"),
        };
        Event {
            number,
            at_us: entry.time,
            kind: Kind::Other,
            text,
            cause: story::cause(entry),
            about: [entry.to, entry.from].map(|id| Selection::Node(node_of(id.into(), names))).to_vec(),
        }
    }
}

fn partitions(subjects: &[Subject]) -> impl Iterator<Item = TopicPartition> {
    subjects.iter().filter_map(|subject| match subject {
        Subject::Partition(partition) => Some(*partition),
        Subject::Process(_) | Subject::Link(..) => None,
    })
}

fn api(entry: &Entry) -> &'static str {
    entry.api.map(Api::name).unwrap_or_default()
}

/// What makes two events of one kind the same to a reader: the purpose of a timer, the API of a message.
fn of_same_kind(entry: &Entry) -> u64 {
    match entry.kind {
        trace::Kind::Timer => entry.detail,
        trace::Kind::Boot
        | trace::Kind::Terminate
        | trace::Kind::Told
        | trace::Kind::Exit
        | trace::Kind::Connected
        | trace::Kind::Disconnected
        | trace::Kind::Written
        | trace::Kind::Request
        | trace::Kind::Response
        | trace::Kind::Waits
        | trace::Kind::Dropped
        | trace::Kind::Intervention => entry.api.map_or(0, |api| api.number().into()),
    }
}
