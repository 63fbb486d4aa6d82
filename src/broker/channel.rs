//! A connection that a client or another broker opened: one request at a time, in their order
//! (Kafka: a muted `KafkaChannel`).

use std::collections::VecDeque;
use std::sync::Arc;

use kafka_protocol::messages::ProduceResponse;

use crate::sim::Time;
use crate::wire::{Message, TopicPartition};

/// The state of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    /// Requests that have not begun.
    pub(super) queue: VecDeque<Arc<Message>>,
    /// The request that waits.
    pub(super) pending: Option<Pending>,
    /// The session of the one-time fetch that is under way.
    pub(super) one_time_session: Option<i32>,
}

/// A request without an answer yet.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) correlation_id: i32,
    /// When it is answered at the latest.
    pub(super) deadline: Time,
    pub(super) work: Work,
}

/// What it waits for.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// So many bytes for its session.
    Fetch { session: i32, min_bytes: i32, max_bytes: i32 },
    /// The high watermarks of some partitions.
    Produce { response: ProduceResponse, waits: Vec<Replication> },
    /// A block of producer ids.
    ProducerId,
}

/// A batch that is to be replicated before its producer is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replication {
    pub(super) partition: TopicPartition,
    pub(super) high_watermark: i64,
    /// Its place in the response: topic, partition.
    pub(super) place: (usize, usize),
}
