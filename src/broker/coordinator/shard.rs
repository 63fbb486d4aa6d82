//! What a coordinator has to say of itself (Kafka: `CoordinatorShard`).

use bytes::Bytes;
use kafka_protocol::ResponseError;

use crate::wire::{BrokerRequest, Response};

/// One record of an internal topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorRecord {
    /// What it is about.
    pub key: Bytes,
    /// What is so now; `None` is a tombstone.
    pub value: Option<Bytes>,
}

/// What a request asks of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// To change something of this id (a group's, a transactional id's), which names the partition.
    Write(&'a str),
    /// To tell what is committed of this id.
    Read(&'a str),
}

/// What a shard makes of a write (Kafka: `CoordinatorResult`).
#[derive(Clone, Debug)]
pub struct Written {
    /// What has to be in the log for it.
    pub records: Vec<CoordinatorRecord>,
    /// The answer, once they are committed.
    pub response: Response,
}

/// The state of one partition of an internal topic: a pure value. It changes by the records of the partition and by nothing
/// else, so that whoever leads next comes to the same.
pub trait CoordinatorShard: Clone + Default + std::fmt::Debug + Send + Sync + 'static {
    /// The internal topic whose partitions are its shards.
    const TOPIC: &'static str;

    /// What a request asks of it; `None` for what is not for it.
    fn operation<'a>(request: BrokerRequest<'a>) -> Option<Operation<'a>>;

    /// Decides a write by the state after all writes.
    fn handle(&self, request: BrokerRequest<'_>, now_ms: i64) -> Result<Written, ResponseError>;

    /// Answers a read by the committed state.
    fn read(&self, request: BrokerRequest<'_>) -> Response;

    /// Takes a record of the partition.
    fn replay(&mut self, record: &CoordinatorRecord);

    /// The answer to a request that could not be served.
    fn refusal(request: BrokerRequest<'_>, error: ResponseError) -> Response;
}
