//! The turning points of a run: what is worth a line in a story of it, and where a person stops when stepping through it.
//!
//! A turning point keeps what it tells of as data; kind, subjects, silence and words are functions of that. Each says of every
//! [`Note`] what it has to say, so that a new one is forgotten nowhere: `telling` what it is and whom it is about, `words`
//! what a person reads. No other code may read meaning out of the words.

mod kind;
mod known;
mod telling;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use kind::{NotableKind, Silence, Subject};
pub use known::Known;
pub(super) use words::{commit_error, coordinates, how_elected};

use super::check::{Finding, When};
use super::fault::effect::{Hit, MessageHit};
use super::interventions::Intervention;
use super::names::Names;
use super::rebalance::Rebalance;
use super::scenario::{FaultAction, with_more};
use super::stall::{self, Reader, Skip, Stall};
use super::trouble::{self, Trouble};
use crate::note::Note;

/// What a turning point tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A process told of it.
    Note(Note),
    /// A replica cut its log.
    Cut {
        /// The note that tells of it.
        note: Note,
        /// How many records that were acknowledged go with it, and are not in the leader's log.
        acknowledged: u64,
    },
    /// A consumer begins behind records that its reader was never given.
    Skip(Skip),
    /// A process told of it, and what it moves by how much is known from what was before.
    Weighed {
        /// The note that tells of it.
        note: Note,
        /// What is known.
        known: Known,
    },
    /// What a producer suffered, when it is over.
    Trouble(Box<Trouble>),
    /// What a reader suffered, when it is over.
    Stall(Box<Stall>),
    /// A group has rebalanced.
    Rebalance(Box<Rebalance>),
    /// The scenario or a person did it.
    Intervention {
        /// What was done, and to whom.
        intervention: Intervention,
        /// Why it did nothing to some that it was meant for.
        idle: Vec<String>,
    },
    /// A checker found it.
    Finding(Finding),
}

/// One turning point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notable {
    /// The number of its event.
    pub event: u64,
    /// When.
    pub time: u64,
    /// What it tells of.
    pub occasion: Occasion,
    /// What processes and topics are called, those that were there by then.
    pub names: Arc<Names>,
}

impl Notable {
    /// The turning point that a note tells of, if it does.
    #[must_use]
    pub fn of_note(note: &Note, event: u64, time: u64, names: &Arc<Names>) -> Option<Self> {
        let notable = || Self { event, time, occasion: Occasion::Note(note.clone()), names: Arc::clone(names) };
        telling::is_told(note).then(notable)
    }

    /// Whether a note is a turning point by itself.
    #[must_use]
    pub fn tells_of(note: &Note) -> bool {
        telling::is_told(note)
    }

    /// The turning point of a first position that goes past records.
    #[must_use]
    pub fn of_skip(skip: Skip, event: u64, time: u64, names: &Arc<Names>) -> Self {
        Self { event, time, occasion: Occasion::Skip(skip), names: Arc::clone(names) }
    }

    /// The turning point of a log that is cut.
    #[must_use]
    pub fn of_cut(note: Note, acknowledged: u64, event: u64, time: u64, names: &Arc<Names>) -> Self {
        Self { event, time, occasion: Occasion::Cut { note, acknowledged }, names: Arc::clone(names) }
    }

    /// The turning point of a note of which more is known.
    #[must_use]
    pub fn weighed(note: Note, known: Known, event: u64, time: u64, names: &Arc<Names>) -> Self {
        Self { event, time, occasion: Occasion::Weighed { note, known }, names: Arc::clone(names) }
    }

    /// The turning point of a trouble, when it is over or told of.
    #[must_use]
    pub fn of_trouble(trouble: Trouble, now: When, names: &Arc<Names>) -> Self {
        let (event, time, names) = (now.event, now.time, Arc::clone(names));
        Self { event, time, occasion: Occasion::Trouble(Box::new(trouble)), names }
    }

    /// The turning point of a stall, when it is over or told of.
    #[must_use]
    pub fn of_stall(stall: Stall, now: When, names: &Arc<Names>) -> Self {
        let (event, time, names) = (now.event, now.time, Arc::clone(names));
        Self { event, time, occasion: Occasion::Stall(Box::new(stall)), names }
    }

    /// The turning point of a rebalance, when it is over or told of.
    #[must_use]
    pub fn of_rebalance(rebalance: Rebalance, now: When, names: &Arc<Names>) -> Self {
        let (event, time, names) = (now.event, now.time, Arc::clone(names));
        Self { event, time, occasion: Occasion::Rebalance(Box::new(rebalance)), names }
    }

    /// What a process told, where that is what it tells of.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        match &self.occasion {
            Occasion::Note(note) | Occasion::Cut { note, .. } | Occasion::Weighed { note, .. } => Some(note),
            Occasion::Skip(_)
            | Occasion::Trouble(_)
            | Occasion::Stall(_)
            | Occasion::Rebalance(_)
            | Occasion::Intervention { .. }
            | Occasion::Finding(_) => None,
        }
    }

    /// What a consumer goes past, where that is what it tells of.
    #[must_use]
    pub fn skip(&self) -> Option<&Skip> {
        match &self.occasion {
            Occasion::Skip(skip) => Some(skip),
            Occasion::Note(_)
            | Occasion::Cut { .. }
            | Occasion::Weighed { .. }
            | Occasion::Trouble(_)
            | Occasion::Stall(_)
            | Occasion::Rebalance(_)
            | Occasion::Intervention { .. }
            | Occasion::Finding(_) => None,
        }
    }

    /// The turning point of a finding, when it is found.
    #[must_use]
    pub fn of_finding(finding: &Finding, now: When, names: &Arc<Names>) -> Self {
        let (event, time, names) = (now.event, now.time, Arc::clone(names));
        Self { event, time, occasion: Occasion::Finding(finding.clone()), names }
    }

    /// When what it tells of happened: of a finding the event that made it true, which may be long before it is found, of a
    /// trouble its begin.
    #[must_use]
    pub fn date(&self) -> When {
        match &self.occasion {
            Occasion::Finding(finding) => When { time: finding.at_us, event: finding.event },
            Occasion::Trouble(trouble) => trouble.from,
            Occasion::Stall(stall) => stall.from,
            Occasion::Rebalance(rebalance) => rebalance.from,
            Occasion::Note(_)
            | Occasion::Cut { .. }
            | Occasion::Weighed { .. }
            | Occasion::Skip(_)
            | Occasion::Intervention { .. } => When { time: self.time, event: self.event },
        }
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> NotableKind {
        match &self.occasion {
            Occasion::Note(note) | Occasion::Cut { note, .. } | Occasion::Weighed { note, .. } => telling::kind(note),
            Occasion::Skip(_) | Occasion::Trouble(_) | Occasion::Stall(_) => NotableKind::Error,
            Occasion::Rebalance(_) => NotableKind::Registration,
            Occasion::Intervention { intervention, .. } if intervention.action.is_repair() => NotableKind::Repair,
            Occasion::Intervention { .. } => NotableKind::Fault,
            Occasion::Finding(_) => NotableKind::Finding,
        }
    }

    /// Whom it is about.
    #[must_use]
    pub fn about(&self) -> Vec<Subject> {
        match &self.occasion {
            Occasion::Note(note) | Occasion::Cut { note, .. } | Occasion::Weighed { note, .. } => telling::about(note),
            Occasion::Skip(skip) => vec![Subject::Process(skip.consumer), Subject::Partition(skip.partition)],
            Occasion::Trouble(trouble) => {
                let of = trouble.partitions.iter().copied().map(Subject::Partition);
                std::iter::once(Subject::Process(trouble.producer)).chain(of).collect()
            }
            Occasion::Stall(stall) => {
                let who = match &stall.reader {
                    Reader::Alone(process) => Some(Subject::Process(*process)),
                    Reader::Group(_) => None,
                };
                who.into_iter().chain(stall.partitions.iter().copied().map(Subject::Partition)).collect()
            }
            Occasion::Rebalance(rebalance) => {
                rebalance.changes.iter().map(|(process, _)| Subject::Process(*process)).collect()
            }
            Occasion::Intervention { intervention, .. } => {
                intervention.hits.iter().filter_map(|hit| of_hit(*hit)).collect()
            }
            Occasion::Finding(finding) => vec![Subject::Partition(finding.partition)],
        }
    }

    /// Whether it is about this subject.
    #[must_use]
    pub fn is_about(&self, subject: Subject) -> bool {
        self.about().contains(&subject)
    }

    /// What was missing, where a timer brought it about.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        match &self.occasion {
            Occasion::Note(note) => telling::silence(note),
            Occasion::Cut { .. }
            | Occasion::Skip(_)
            | Occasion::Weighed { .. }
            | Occasion::Trouble(_)
            | Occasion::Stall(_)
            | Occasion::Rebalance(_)
            | Occasion::Intervention { .. }
            | Occasion::Finding(_) => None,
        }
    }

    /// What the scenario or a person did.
    #[must_use]
    pub fn intervention(&self) -> Option<&Intervention> {
        match &self.occasion {
            Occasion::Intervention { intervention, .. } => Some(intervention),
            Occasion::Note(_)
            | Occasion::Cut { .. }
            | Occasion::Skip(_)
            | Occasion::Weighed { .. }
            | Occasion::Trouble(_)
            | Occasion::Stall(_)
            | Occasion::Rebalance(_)
            | Occasion::Finding(_) => None,
        }
    }

    /// Whether this was done.
    #[must_use]
    pub fn is_done(&self, what: FaultAction) -> bool {
        self.intervention().is_some_and(|intervention| intervention.action == what)
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.occasion {
            Occasion::Note(note) => words::of_note(note, &self.names),
            Occasion::Cut { note, acknowledged } => words::of_cut(note, *acknowledged, &self.names),
            Occasion::Skip(skip) => stall::skip_text(skip, &self.names),
            Occasion::Weighed { note, known } => words::weighed(note, known, &self.names),
            Occasion::Trouble(suffered) => trouble::text(suffered, &self.names),
            Occasion::Stall(stall) => stall::text(stall, &self.names),
            Occasion::Rebalance(rebalance) => rebalance.text(&self.names),
            Occasion::Intervention { intervention, idle } => intervention.text(idle, &self.names),
            Occasion::Finding(finding) => {
                format!("{}: {}", finding.kind.name(), with_more(&finding.about, finding.count))
            }
        }
    }
}

fn of_hit(hit: Hit) -> Option<Subject> {
    match hit {
        Hit::Process(id) => Some(Subject::Process(id)),
        Hit::Replica(_, partition) => Some(Subject::Partition(partition)),
        Hit::Link(from, to) => Some(Subject::Link(from, to)),
        // The next message of a kind may be anybody's.
        Hit::Message(MessageHit::Next(_, from, to)) => from.or(to).map(Subject::Process),
        Hit::Message(MessageHit::Named(name)) => Some(Subject::Link(name.from, name.to)),
    }
}
