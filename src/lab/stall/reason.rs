//! Why nothing is read: what is wrong with whoever should read, and with the partition's leader.

use crate::lab::check::{Evidence, Stored};
use crate::lab::observer::Observer;
use crate::lab::trouble::{Ill, Reason, reasons_of_isr, reasons_of_leader, state_of};
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::TopicPartition;

/// Why nothing is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A process that reads, or would, does not do its work.
    Member(ProcessId, Ill),
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
}

impl Why {
    /// Whether two say the same: that a transaction is open is one reason, whatever clocks show of its begin.
    pub(super) fn is_one_with(&self, other: &Self) -> bool {
        let of = |why: &Self| match why {
            Self::OpenTransaction { producer_id, .. } => Some(*producer_id),
            Self::Member(..) | Self::Nobody | Self::Corrupt | Self::HighWatermark(_) | Self::Of(_) => None,
        };
        self == other || of(self).is_some() && of(self) == of(other)
    }
}

/// All that is wrong now for a partition that these processes read.
pub(super) fn whys(members: &[ProcessId], partition: TopicPartition, observer: &Observer<'_>) -> Vec<Why> {
    let has_it = |member: &&ProcessId| observer.position_of(**member, partition).is_some();
    let ills = members
        .iter()
        .filter(|member| observer.has_joined(**member))
        .filter_map(|member| Some(Why::Member(*member, state_of(*member, observer)?)));
    let is_well = |member: &&ProcessId| state_of(**member, observer).is_none();
    // One that stood still while its partition went to another may not know that it did.
    let owner = members.iter().filter(has_it).find(is_well).or(members.iter().find(has_it));
    let mut whys: Vec<Why> = match owner {
        // What is wrong with others does not keep this one from reading.
        Some(owner) => state_of(*owner, observer).map(|ill| Why::Member(*owner, ill)).into_iter().collect(),
        None if members.len() > 1 => ills.chain([Why::Nobody]).collect(),
        None => ills.collect(),
    };
    let reader = owner.or(members.first());
    whys.extend(reader.and_then(|reader| corrupt(*reader, partition, observer)));
    whys.extend(reader.into_iter().flat_map(|reader| reasons_of_leader(*reader, partition, observer)).map(Why::Of));
    whys
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
