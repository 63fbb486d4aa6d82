//! What requests of a broker wait for, and what is left to do then (Kafka: `DelayedOperationKey`, `DelayedOperation`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{DeleteRecordsResponse, ProduceRequest, ProduceResponse};

use super::coordinator::PendingWrite;
use super::purgatory::Waiting;
use super::transactions::{PendingDecision, PendingMarkers, PendingOffsets, PendingPartitions};
use crate::log::VerificationGuard;
use crate::sim::Time;
use crate::wire::{Message, Request, TopicPartition};

/// What a request may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WaitKey {
    /// The high watermark or the role of a partition (Kafka: `TopicPartitionOperationKey`).
    Partition(TopicPartition),
    /// News for a fetch session.
    Session(i32),
    /// A block of producer ids.
    ProducerIds,
    /// What a coordinator says of partitions of a transaction; the number of the question.
    Verified(u64),
}

/// What is left to do when a wait ends.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Enough bytes for its session (Kafka: `DelayedFetch`).
    Fetch { session: i32, min_bytes: i32, max_bytes: i32 },
    /// The high watermarks of some partitions (Kafka: `DelayedProduce`). Most that waits is a fetch, and smaller.
    Produce(Box<PendingProduce>),
    /// The log starts of all replicas of some partitions (Kafka: `DelayedDeleteRecords`).
    DeleteRecords(Box<PendingDeletion>),
    /// A block of producer ids, for a producer with a transactional id or without.
    ProducerId(Option<Arc<Message>>),
    /// Whether its partitions are in its transaction.
    Verification(Box<PendingVerification>),
    /// Whether the offsets of a group are in their transaction.
    Offsets(Box<PendingOffsets>),
    /// What a coordinator of transactions has decided, to be committed.
    Decision(Box<PendingDecision>),
    /// Writes of several transactions, to be committed.
    AddPartitions(Box<PendingPartitions>),
    /// Markers, to be replicated.
    Markers(Box<PendingMarkers>),
    /// What a coordinator works on: to be committed, or to be answered by what others do.
    Coordinator(Box<PendingWrite>),
    /// The controller's answer to this.
    Forwarded(Box<Request>),
    /// Nothing: it is never answered.
    Never,
}

/// What is known of a partition of a Produce before its batch is appended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict {
    /// Its place in the request: topic, partition.
    pub(super) place: (usize, usize),
    pub(super) partition: TopicPartition,
    pub(super) outcome: Result<VerificationGuard, ResponseError>,
}

/// A Produce that asks whether its partitions are in its transaction.
#[derive(Clone, Debug)]
pub(super) struct PendingVerification {
    pub(super) question: u64,
    pub(super) request: ProduceRequest,
    /// The producer of its batches, and its epoch.
    pub(super) producer: (i64, i16),
    pub(super) verdicts: Vec<Verdict>,
    pub(super) began: Time,
    /// The transaction before is not complete: its coordinator is asked again at the end of the wait.
    pub(super) asks_again: bool,
}

/// A Produce whose batches are to be replicated before it is answered.
#[derive(Clone, Debug)]
pub(super) struct PendingProduce {
    pub(super) response: ProduceResponse,
    pub(super) waits: Vec<Replication>,
}

/// A batch that is to be replicated before its producer is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replication {
    pub(super) partition: TopicPartition,
    pub(super) high_watermark: i64,
    /// Its place in the response: topic, partition.
    pub(super) place: (usize, usize),
    /// Its error is known.
    pub(super) is_settled: bool,
}

/// A DeleteRecords whose followers are to follow before it is answered.
#[derive(Clone, Debug)]
pub(super) struct PendingDeletion {
    pub(super) response: DeleteRecordsResponse,
    pub(super) removals: Vec<Removal>,
}

/// A log that is to begin later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Removal {
    pub(super) partition: TopicPartition,
    /// Where its replicas shall begin.
    pub(super) offset: i64,
    /// Its place in the response: topic, partition.
    pub(super) place: (usize, usize),
    /// Its error is known.
    pub(super) is_settled: bool,
}

impl Waiting<WaitKey> for Work {
    fn each_key(&self, tell: &mut dyn FnMut(WaitKey)) {
        match self {
            Self::Fetch { session, .. } => tell(WaitKey::Session(*session)),
            Self::Produce(it) => it.waits.iter().for_each(|wait| tell(WaitKey::Partition(wait.partition))),
            Self::DeleteRecords(it) => it.removals.iter().for_each(|wait| tell(WaitKey::Partition(wait.partition))),
            Self::ProducerId(_) => tell(WaitKey::ProducerIds),
            Self::Verification(it) => tell(WaitKey::Verified(it.question)),
            Self::Offsets(it) => tell(WaitKey::Verified(it.question)),
            Self::Decision(it) => tell(WaitKey::Partition(it.partition)),
            Self::AddPartitions(it) => it.waits.iter().for_each(|wait| tell(WaitKey::Partition(wait.partition))),
            Self::Markers(it) => it.waits.iter().for_each(|wait| tell(WaitKey::Partition(wait.partition))),
            Self::Coordinator(write) => write.partitions().for_each(|partition| tell(WaitKey::Partition(partition))),
            // Its answer ends it; or nothing does.
            Self::Forwarded(_) | Self::Never => {}
        }
    }
}
