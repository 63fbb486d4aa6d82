//! Which turning points are told together.

use crate::lab::fault::effect::Hit;
use crate::lab::interventions::Intervention;
use crate::lab::names::Names;
use crate::lab::notable::{Notable, Occasion};
use crate::lab::stall::Stall;
use crate::lab::trouble::Trouble;
use crate::note::{Elected, Moved, Note};
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

/// What one cause does to several partitions comes within so long, and nothing else that it could be the effect of.
const NEAR_US: Time = 100 * MILLISECOND;

/// A topic's number, and a partition's.
type Place = (u32, i32);

/// What turning points have in common that are told together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A log rolls.
    Rolled(Place),
    /// Replicas of a partition lose their oldest segments.
    Deleted(Place),
    /// Replicas of a partition are compacted.
    Cleaned(Place),
    /// A consumer resets its position in a partition.
    Reset(u32, Place),
    /// A consumer asks for what is not there.
    OutOfRange(u32, Place),
    /// A follower is given what it does not take.
    Invalid(i32, Place),
    /// A consumer begins behind records that its reader was never given.
    Skipped(u32),
    /// Members of a group are assigned partitions in a generation.
    Assigned(String, i32),
    /// Members of a group are told of an error that their offsets are not committed.
    NotCommitted(String, i16),
    /// A member's program does not poll, and leaves its group.
    PollExpired(u32),
    /// A member has lost what it had.
    Lost(u32),
    /// Brokers register.
    Registered,
    /// Brokers are fenced or unfenced at once.
    Fenced(bool),
    /// The same brokers leave or enter ISRs.
    Isr {
        /// Who leaves.
        left: Vec<i32>,
        /// Who enters.
        entered: Vec<i32>,
        /// The ELR from now on, where it changes with that.
        elr: Option<Vec<i32>>,
    },
    /// The ELR of several partitions changes alike, and nothing else of them.
    Elr(Vec<i32>, Vec<i32>),
    /// A leader was elected for several partitions at once, or they lost theirs.
    Led(i32, u8),
    /// A broker opened several logs, and lost nothing of them.
    Opened(i32),
    /// The same was done to several.
    Done(&'static str),
}

impl Key {
    /// How long behind the first another one belongs to the same group.
    pub(super) fn window_us(&self) -> Time {
        match self {
            Self::Rolled(_)
            | Self::Deleted(_)
            | Self::Cleaned(_)
            | Self::Reset(..)
            | Self::OutOfRange(..)
            | Self::Invalid(..)
            | Self::NotCommitted(..)
            | Self::PollExpired(_)
            | Self::Lost(_) => Time::MAX,
            Self::Skipped(_) | Self::Assigned(..) | Self::Registered | Self::Isr { .. } => NEAR_US,
            Self::Fenced(_) | Self::Elr(..) | Self::Led(..) | Self::Opened(_) | Self::Done(_) => 0,
        }
    }

    /// What a log does for as long as there are records: several logs stand in one line.
    pub(super) fn routine(&self) -> Option<Routine> {
        match self {
            Self::Rolled(_) => Some(Routine::Rolled),
            Self::Deleted(_) => Some(Routine::Deleted),
            Self::Cleaned(_) => Some(Routine::Cleaned),
            Self::Reset(..)
            | Self::OutOfRange(..)
            | Self::Invalid(..)
            | Self::Skipped(_)
            | Self::Assigned(..)
            | Self::NotCommitted(..)
            | Self::PollExpired(_)
            | Self::Lost(_)
            | Self::Registered
            | Self::Fenced(_)
            | Self::Isr { .. }
            | Self::Elr(..)
            | Self::Led(..)
            | Self::Opened(_)
            | Self::Done(_) => None,
        }
    }

    /// So many are told one by one.
    pub(super) fn told_apart(&self) -> usize {
        match self.window_us() {
            // Whoever looks at a few wants to see each.
            Time::MAX => 3,
            _ => 1,
        }
    }
}

/// What logs do all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Routine {
    /// They roll.
    Rolled,
    /// They lose their oldest segments.
    Deleted,
    /// They are compacted.
    Cleaned,
}

/// Turning points that are told together.
#[derive(Debug)]
pub(super) struct Group<'n> {
    pub(super) key: Option<Key>,
    /// In order of time, at least one.
    pub(super) members: Vec<&'n Notable>,
    /// What they are together, where they are troubles.
    pub(super) trouble: Option<Trouble>,
    /// The same of stalls.
    pub(super) stall: Option<Stall>,
}

impl<'n> Group<'n> {
    pub(super) fn alone(notable: &'n Notable) -> Self {
        Self { key: None, members: vec![notable], trouble: None, stall: None }
    }

    pub(super) fn of_trouble(notable: &'n Notable, trouble: &Trouble) -> Self {
        Self { trouble: Some(trouble.clone()), ..Self::alone(notable) }
    }

    pub(super) fn of_stall(notable: &'n Notable, stall: &Stall) -> Self {
        Self { stall: Some(stall.clone()), ..Self::alone(notable) }
    }

    pub(super) fn first(&self) -> &'n Notable {
        self.members[0]
    }

    pub(super) fn last(&self) -> &'n Notable {
        self.members[self.members.len() - 1]
    }

    /// Whether it is told in one line.
    pub(super) fn is_told_together(&self) -> bool {
        self.key.as_ref().is_some_and(|key| self.members.len() > key.told_apart())
    }

    pub(super) fn takes_trouble(&self, other: &Trouble) -> bool {
        self.trouble.as_ref().is_some_and(|trouble| trouble.is_one_with(other))
    }

    pub(super) fn takes_stall(&self, other: &Stall) -> bool {
        self.stall.as_ref().is_some_and(|stall| stall.is_one_with(other))
    }

    pub(super) fn join_stall(&mut self, notable: &'n Notable, other: &Stall) {
        self.members.push(notable);
        self.stall.as_mut().expect("a group of stalls").join(other);
    }

    pub(super) fn join_trouble(&mut self, notable: &'n Notable, other: &Trouble) {
        self.members.push(notable);
        self.trouble.as_mut().expect("a group of troubles").join(other);
    }
}

/// What a turning point has in common with others that are told with it; `None` for one that is told alone.
pub(super) fn key(notable: &Notable) -> Option<Key> {
    match &notable.occasion {
        Occasion::Note(note) => of_note(note, &notable.names),
        Occasion::Skip(skip) => Some(Key::Skipped(skip.consumer)),
        Occasion::Intervention { intervention, idle } => idle.is_empty().then(|| of_intervention(intervention))?,
        Occasion::Cut { .. }
        | Occasion::Weighed { .. }
        | Occasion::Trouble(_)
        | Occasion::Stall(_)
        | Occasion::Rebalance(_)
        | Occasion::Finding(_) => None,
    }
}

fn of_note(note: &Note, names: &Names) -> Option<Key> {
    let group = |consumer: u32| names.group_of(consumer).map_or("", |(group, _)| group).to_owned();
    let place = |partition: &TopicPartition| (partition.topic, partition.partition);
    Some(match note {
        Note::Rolled { partition, .. } => Key::Rolled(place(partition)),
        Note::SegmentsDeleted { partition, .. } => Key::Deleted(place(partition)),
        Note::Cleaned { partition, .. } => Key::Cleaned(place(partition)),
        Note::Positioned { consumer, partition, moved: Moved::Reset { in_former: false, .. }, .. } => {
            Key::Reset(*consumer, place(partition))
        }
        Note::OutOfRange { consumer, partition, .. } => Key::OutOfRange(*consumer, place(partition)),
        Note::InvalidMessages { broker, partition, .. } => Key::Invalid(*broker, place(partition)),
        Note::Assigned { consumer, generation, .. } => Key::Assigned(group(*consumer), *generation),
        Note::NotCommitted { consumer, error } => Key::NotCommitted(group(*consumer), *error),
        Note::PollExpired { consumer, .. } => Key::PollExpired(*consumer),
        Note::Revoked { consumer, lost: true, .. } => Key::Lost(*consumer),
        Note::Registered { .. } => Key::Registered,
        Note::Fenced { fenced, .. } => Key::Fenced(*fenced),
        Note::LogRecovered { broker, recovered, .. } if recovered.cuts.is_empty() && recovered.rebuilt.is_empty() => {
            Key::Opened(*broker)
        }
        Note::PartitionChanged { leader, leader_before, isr, isr_before, elected, elr, elr_before, .. } => {
            if leader != leader_before {
                return Some(Key::Led(*leader, of_election(*elected)));
            }
            if isr == isr_before {
                return Some(Key::Elr(elr_before.clone(), elr.clone()));
            }
            let elr = (elr != elr_before).then(|| elr.clone());
            Key::Isr { left: missing(isr_before, isr), entered: missing(isr, isr_before), elr }
        }
        // Each of these is a turning point by itself, or none.
        Note::Positioned { .. }
        | Note::Poisoned { .. }
        | Note::LogRecovered { .. }
        | Note::SendBlocks { .. }
        | Note::Sent { .. }
        | Note::SendDone { .. }
        | Note::SentAgain { .. }
        | Note::BatchRetried { .. }
        | Note::EpochBumped { .. }
        | Note::Transaction { .. }
        | Note::Derived { .. }
        | Note::NotSent { .. }
        | Note::Served { .. }
        | Note::Read { .. }
        | Note::Revoked { lost: false, .. }
        | Note::WorkedOn { .. }
        | Note::Committed { .. }
        | Note::MemberFailed { .. }
        | Note::PollThrew { .. }
        | Note::OffsetsExpired { .. }
        | Note::RegistrationRefused { .. }
        | Note::Administered { .. }
        | Note::TransactionTimedOut { .. }
        | Note::Ordered { .. }
        | Note::BecameLeader { .. }
        | Note::BecameFollower { .. }
        | Note::Truncated { .. }
        | Note::TruncatedFully { .. }
        | Note::TopicCreated { .. }
        | Note::TopicRefused { .. }
        | Note::TopicDeleted { .. }
        | Note::PartitionsCreated { .. }
        | Note::IsrProposed { .. }
        | Note::InControlledShutdown { .. }
        | Note::RetentionHeldUp { .. }
        | Note::Halted { .. }
        | Note::StorageWarning { .. }
        | Note::ReplicaFailed { .. }
        | Note::Uncleanable { .. }
        | Note::HighWatermark { .. }
        | Note::Appended { .. } => return None,
    })
}

/// Who is in the one and not in the other.
fn missing(from: &[i32], of: &[i32]) -> Vec<i32> {
    from.iter().copied().filter(|broker| !of.contains(broker)).collect()
}

fn of_election(elected: Option<Elected>) -> u8 {
    match elected {
        None | Some(Elected::InSync | Elected::Nobody) => 0,
        Some(Elected::Eligible) => 1,
        Some(Elected::LastKnown) => 2,
        Some(Elected::Unclean) => 3,
    }
}

/// What is done by an amount is told by itself: each may have another.
fn of_intervention(intervention: &Intervention) -> Option<Key> {
    let is_plain = |hit: &Hit| matches!(hit, Hit::Process(_) | Hit::Link(..));
    let action = intervention.action;
    (action.amount().is_none() && intervention.hits.iter().all(is_plain)).then(|| Key::Done(action.word()))
}
