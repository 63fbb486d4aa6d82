//! Why nothing is read: what is wrong with whoever should read, with its group, and with the partition's leader.

use crate::broker::TRANSACTIONS_TOPIC;
use crate::broker::groups::{Assigned, GROUPS_TOPIC, GroupSight, MemberSight, Place};
use crate::lab::check::{Evidence, Stored};
use crate::lab::observer::Observer;
use crate::lab::trouble::{Ill, Reason, reasons, reasons_of_isr, reasons_of_leader, reasons_of_writes, state_of};
use crate::note::PollError;
use crate::service::Pace;
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{TopicPartition, assignment_of};

/// Why nothing is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A process that reads, or would, does not do its work.
    Member(ProcessId, Ill),
    /// Its `poll()` has thrown.
    Over(ProcessId, PollError),
    /// Its thread is here, and does not poll.
    Waits(ProcessId, WaitsIn),
    /// It waits for an answer though nothing is wrong with whoever was asked: that was lost, or went to somebody else.
    Unanswered {
        /// For how long it does: `request.timeout.ms`.
        timeout_ms: u64,
    },
    /// The group's coordinator still counts it as a member.
    Session {
        /// Whom.
        process: ProcessId,
        /// That is a former life of this process.
        is_former: bool,
        /// By the protocol of KIP-848, in which the brokers say how long.
        is_modern: bool,
        /// Until it has not heard of it for so long.
        timeout_ms: u64,
    },
    /// The group is joined anew, and waits for this member.
    Joins(ProcessId),
    /// It has to give the partition up first.
    Revokes(ProcessId),
    /// It shall have the partition, and hears of it with its next heartbeat.
    Hears {
        /// Who.
        process: ProcessId,
        /// By the protocol of KIP-848.
        is_modern: bool,
        /// How long it is to the next one at most.
        interval_ms: u64,
    },
    /// It has the partition, and asks where to begin.
    Begins(ProcessId),
    /// No member of the group has the partition: it is not assigned anew yet.
    Nobody,
    /// The next batch does not match its CRC, and `poll()` throws.
    Corrupt,
    /// It waits at the last stable offset: this transaction is open, in this partition or in several.
    OpenTransaction {
        /// Who has it, if that is a process of this cluster that is known by its `transactional.id`,
        producer: Option<ProcessId>,
        /// else its producer id.
        producer_id: i64,
        /// When the first of its records was made that holds readers back.
        since: Time,
    },
    /// It waits at the high watermark, which does not move though records lie behind it.
    HighWatermark(i64),
    /// The partition cannot be read.
    Of(Reason),
    /// What is wrong with another partition, on which reading depends.
    At(Seat, TopicPartition, Reason),
    /// It asks this broker, which was the coordinator of its group before.
    Former(ProcessId, i32),
}

/// Where a thread is that does not poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsIn {
    /// In `commitSync()`.
    Commit,
    /// For the records that it sends on.
    Send,
    /// In a call of its transactions.
    Transaction,
}

/// What a partition is to a reader of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// Its leader coordinates the group.
    Group,
    /// Its leader coordinates the transactions.
    Transactions,
    /// It is written to.
    Output,
}

/// A reader's group, as far as that is known now.
pub(super) struct OfGroup<'a> {
    id: &'a str,
    /// The partition of `__consumer_offsets` to which it belongs.
    seat: Option<TopicPartition>,
    /// As its coordinator has it, if it has one that runs.
    sight: Option<GroupSight>,
}

impl<'a> OfGroup<'a> {
    pub(super) fn see(id: &'a str, observer: &Observer<'_>) -> Self {
        let seat = observer.seat_of(GROUPS_TOPIC, id);
        let leader = seat.and_then(|seat| observer.leader_of(seat)).filter(|leader| observer.is_running(*leader));
        Self { id, seat, sight: leader.and_then(|leader| observer.broker(leader)?.group(id)) }
    }

    /// What is wrong with its coordinator for this member.
    fn wrong(&self, member: ProcessId, observer: &Observer<'_>) -> Vec<Why> {
        // Nobody has asked for it yet.
        let Some(seat) = self.seat else { return Vec::new() };
        let at = reasons_of_writes(member, seat, observer).into_iter().map(|reason| Why::At(Seat::Group, seat, reason));
        let asked = observer.coordinator_known_to(member).filter(|node| observer.leader_of(seat) != Some(*node));
        at.chain(asked.map(|node| Why::Former(member, node))).collect()
    }
}

impl Why {
    /// Whether two say the same: that a transaction is open is one reason, whatever clocks show of its begin.
    pub(super) fn is_one_with(&self, other: &Self) -> bool {
        if let (Self::OpenTransaction { producer_id, .. }, Self::OpenTransaction { producer_id: of_other, .. }) =
            (self, other)
        {
            return producer_id == of_other;
        }
        self == other
    }
}

/// All that is wrong now for a partition that these processes read.
pub(super) fn whys(
    members: &[ProcessId],
    group: Option<&OfGroup<'_>>,
    partition: TopicPartition,
    observer: &Observer<'_>,
) -> Vec<Why> {
    let has_it = |member: &&ProcessId| observer.position_of(**member, partition).is_some();
    let is_well = |member: &&ProcessId| state_of(**member, observer).is_none();
    // One that stood still while its partition went to another may not know that it did.
    let owner = members.iter().filter(has_it).find(is_well).or(members.iter().find(has_it));
    match (owner, group) {
        // What is wrong with others does not keep this one from reading.
        (Some(owner), _) if is_well(&owner) => of_owner(*owner, group, partition, observer),
        (_, Some(group)) => of_group(members, group, partition, observer),
        (_, None) => members.iter().flat_map(|member| of_process(*member, observer)).collect(),
    }
}

/// What keeps whoever has the partition from reading on.
fn of_owner(
    owner: ProcessId,
    group: Option<&OfGroup<'_>>,
    partition: TopicPartition,
    observer: &Observer<'_>,
) -> Vec<Why> {
    let of_group = || group.map_or_else(Vec::new, |group| group.wrong(owner, observer));
    let (waits_in, behind) = match observer.pace_of(owner) {
        Some(Pace::Over(error)) => return vec![Why::Over(owner, error)],
        Some(Pace::Commits) => (WaitsIn::Commit, of_group()),
        Some(Pace::Sends) => (WaitsIn::Send, of_output(owner, observer)),
        Some(Pace::SendsOffsets) => {
            (WaitsIn::Transaction, of_transactions(owner, observer).into_iter().chain(of_group()).collect())
        }
        Some(Pace::EndsTransaction) => (WaitsIn::Transaction, of_transactions(owner, observer)),
        Some(Pace::Begins | Pace::Polls | Pace::Works | Pace::Closes) | None => {
            return of_reading(owner, partition, observer);
        }
    };
    let is_alone = behind.is_empty() && waits_in != WaitsIn::Send;
    let unanswered = is_alone.then(|| Why::Unanswered { timeout_ms: observer.request_timeout_ms(owner) });
    std::iter::once(Why::Waits(owner, waits_in)).chain(behind).chain(unanswered).collect()
}

/// What keeps it from fetching.
fn of_reading(reader: ProcessId, partition: TopicPartition, observer: &Observer<'_>) -> Vec<Why> {
    let of_leader = reasons_of_leader(reader, partition, observer);
    let leader = observer.leader_of(partition);
    let believed = observer.leader_known_to(reader, partition);
    let deposed = believed.filter(|broker| *broker >= 0 && leader.is_some_and(|leader| leader != *broker));
    let reasons = of_leader.into_iter().chain(deposed.map(Reason::Deposed)).map(Why::Of);
    corrupt(reader, partition, observer).into_iter().chain(reasons).collect()
}

/// Why what it has sent on is not stored.
fn of_output(process: ProcessId, observer: &Observer<'_>) -> Vec<Why> {
    let outputs = observer.unsent_of(process).into_iter();
    outputs
        .flat_map(|to| reasons(process, to, observer).into_iter().map(move |it| Why::At(Seat::Output, to, it)))
        .collect()
}

/// What is wrong with the coordinator of its transactions.
fn of_transactions(process: ProcessId, observer: &Observer<'_>) -> Vec<Why> {
    let id = observer.transactional_id(process);
    // Nobody has asked for it yet.
    let Some(seat) = id.and_then(|id| observer.seat_of(TRANSACTIONS_TOPIC, id)) else { return Vec::new() };
    let reasons = reasons_of_writes(process, seat, observer).into_iter();
    reasons.map(|reason| Why::At(Seat::Transactions, seat, reason)).collect()
}

/// What is wrong with a process that reads, whatever it has.
fn of_process(process: ProcessId, observer: &Observer<'_>) -> Option<Why> {
    let over = || match observer.pace_of(process)? {
        Pace::Over(error) => Some(Why::Over(process, error)),
        Pace::Begins
        | Pace::Polls
        | Pace::Works
        | Pace::Commits
        | Pace::Sends
        | Pace::SendsOffsets
        | Pace::EndsTransaction
        | Pace::Closes => None,
    };
    match state_of(process, observer) {
        Some(ill) => observer.has_joined(process).then_some(Why::Member(process, ill)),
        None => over(),
    }
}

/// Why no member of a group that is well has the partition.
fn of_group(
    members: &[ProcessId],
    group: &OfGroup<'_>,
    partition: TopicPartition,
    observer: &Observer<'_>,
) -> Vec<Why> {
    let of_members = || members.iter().filter_map(|member| of_process(*member, observer));
    // Where only one reads, what is wrong with it says all.
    let nobody = (members.len() > 1 || of_members().next().is_none()).then_some(Why::Nobody);
    let Some(sight) = &group.sight else {
        // Nobody says who is to have it.
        let asks = members.iter().find(|member| state_of(**member, observer).is_none());
        let wrong = group.wrong(*asks.unwrap_or(&members[0]), observer);
        return if wrong.is_empty() {
            of_members().chain(nobody).collect()
        } else {
            of_members().chain(wrong).collect()
        };
    };
    let place = (observer.image().topics.name_of(partition.topic).to_owned(), partition.partition);
    let known = match sight.protocol {
        "consumer" => of_modern(sight, &place, group, observer),
        _ => of_classic(sight, &place, group, observer),
    };
    if known.is_empty() { of_members().chain(nobody).collect() } else { known }
}

fn of_classic(sight: &GroupSight, place: &Place, group: &OfGroup<'_>, observer: &Observer<'_>) -> Vec<Why> {
    let has_it = |member: &&MemberSight| match &member.assigned {
        Assigned::Told(bytes) => assignment_of(bytes).is_some_and(|it| it.contains(place)),
        Assigned::Known(places) => places.contains(place),
    };
    if let Some(member) = sight.members.iter().find(has_it) {
        return of_member(member, group, observer, Why::Begins);
    }
    let standing = observer.coordinated(group.id).map(|(_, standing)| standing.awaited).unwrap_or_default();
    let awaited = sight.members.iter().filter(|member| member.process().is_some_and(|it| standing.contains(&it)));
    awaited.flat_map(|member| of_member(member, group, observer, Why::Joins)).collect()
}

fn of_modern(sight: &GroupSight, place: &Place, group: &OfGroup<'_>, observer: &Observer<'_>) -> Vec<Why> {
    let shall_have = |member: &&MemberSight| match &member.assigned {
        Assigned::Told(_) => false,
        Assigned::Known(places) => places.contains(place),
    };
    let target = sight.members.iter().find(shall_have);
    let holder = sight.members.iter().find(|member| member.holds.contains(place));
    match (target, holder) {
        (Some(target), Some(holder)) if target.id == holder.id => of_member(holder, group, observer, Why::Begins),
        (_, Some(holder)) => of_member(holder, group, observer, Why::Revokes),
        (Some(target), None) => {
            let hears = |process| Why::Hears {
                process,
                is_modern: observer.is_modern(process),
                interval_ms: observer.heartbeat_interval_ms(process),
            };
            of_member(target, group, observer, hears)
        }
        (None, None) => Vec::new(),
    }
}

/// Why a member that shall have the partition does not read it.
fn of_member(
    member: &MemberSight,
    group: &OfGroup<'_>,
    observer: &Observer<'_>,
    well: impl Fn(ProcessId) -> Why,
) -> Vec<Why> {
    // A member that is no process of this cluster.
    let Some(process) = member.process() else { return Vec::new() };
    let is_former = observer.member_id_of(process).is_some_and(|id| id != member.id);
    let session = |is_former| Why::Session {
        process,
        is_former,
        is_modern: observer.is_modern(process),
        timeout_ms: observer.session_timeout_ms(process),
    };
    match of_process(process, observer) {
        Some(why @ Why::Member(..)) => vec![why, session(false)],
        Some(why) => vec![why],
        None if is_former => vec![session(true)],
        None => {
            let wrong = group.wrong(process, observer);
            std::iter::once(well(process)).chain(wrong).collect()
        }
    }
}

fn corrupt(reader: ProcessId, partition: TopicPartition, observer: &Observer<'_>) -> Option<Why> {
    let (at, leader) = (observer.position_of(reader, partition)?, observer.leader_of(partition)?);
    let mut found = None;
    observer.records(leader, partition, at, at + 1, &mut |met| {
        if let Stored::Corrupt { .. } = met {
            found = Some(Why::Corrupt);
        }
    });
    found
}

/// What keeps its leader from giving a reader what lies in the log at this offset: a transaction, to those who read what is committed,
/// and else a high watermark that stands still. With acks=1 records are acknowledged above that (KAFKA-15583): it does not move
/// while the ISR is smaller than `min.insync.replicas` (KIP-966), or waits for followers.
pub(super) fn held_back(committed_only: bool, at: i64, partition: TopicPartition, observer: &Observer<'_>) -> Vec<Why> {
    let leader = observer.leader_of(partition);
    let log = leader.and_then(|leader| Some((leader, observer.log(leader, partition)?.0)));
    // That nobody leads is told.
    let Some((leader, log)) = log else { return Vec::new() };
    if at >= log.high_watermark() {
        let of_isr = reasons_of_isr(partition, observer).into_iter().map(Why::Of);
        return std::iter::once(Why::HighWatermark(log.high_watermark())).chain(of_isr).collect();
    }
    // Else it is given what is there.
    let open = observer.open_transaction(leader, partition).filter(|(first, _)| committed_only && at >= *first);
    open.map(|(first, producer_id)| open_transaction(first, producer_id, (leader, partition), observer))
        .into_iter()
        .collect()
}

fn open_transaction(
    first: i64,
    producer_id: i64,
    (leader, partition): (i32, TopicPartition),
    observer: &Observer<'_>,
) -> Why {
    let brokers = observer.names.brokers().filter(|id| observer.is_running(*id));
    let known = brokers.filter_map(|id| observer.broker(id)?.transaction_of(producer_id)).next();
    let senders = || observer.names.producers().chain(observer.names.pipelines());
    let by_id = known.and_then(|known| senders().find(|it| observer.transactional_id(*it) == Some(&known.id)));
    // Where nobody coordinates it, its producer knows.
    let producer = by_id.or_else(|| senders().find(|it| observer.producer_id(*it) == Some(producer_id)));
    let mut made_ms = None;
    observer.batches(leader, partition, first, first + 1, &mut |batch| made_ms = Some(batch.max_timestamp));
    let age_ms = made_ms.map_or(0, |made_ms| observer.wall_ms(leader).saturating_sub(made_ms).max(0));
    let since = observer.kernel.time().saturating_sub(age_ms.unsigned_abs() * MILLISECOND);
    Why::OpenTransaction { producer, producer_id, since }
}
