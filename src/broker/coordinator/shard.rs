//! What a coordinator has to say of itself (Kafka: `CoordinatorShard`).

use kafka_protocol::ResponseError;

use super::effects::{Effects, Moment, Settled, Ticket};
use super::record::{CoordinatorRecord, RecordPlace};
use crate::sim::Time;
use crate::wire::{BrokerRequest, Request, Response};

/// What a request asks of a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation<'a> {
    /// To change something of this id (a group's, a transactional id's), which names the partition.
    Write(&'a str),
    /// To tell what is committed of this id.
    Read(&'a str),
    /// To tell what is committed in all partitions that are led here.
    ReadAll,
    /// Something of several ids, each on its own: [`CoordinatorShard::split`] has the parts.
    Split,
}

/// What a shard makes of a write (Kafka: `CoordinatorResult`).
#[derive(Clone, Debug)]
pub struct Written {
    /// What has to be in the log for it.
    pub records: Vec<CoordinatorRecord>,
    /// The answer, once they are committed.
    pub response: Response,
}

/// The state of one partition of an internal topic: a value. What its records say changes by the records of the partition and
/// by nothing else, so that whoever leads next comes to the same. Beside that a shard may keep what dies with the
/// leadership: who waits for an answer, and when who is given up. That it changes in [`operate`](Self::operate) and its like.
///
/// A coordinator that has nothing of the kind implements [`handle`](Self::handle) and [`replay`](Self::replay) and leaves the
/// rest as it is.
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

    /// Decides a write by the state after all writes. Who asked is answered by what is told to the ticket, now or at any later
    /// time.
    fn operate(
        &mut self,
        request: BrokerRequest<'_>,
        ticket: Ticket,
        moment: &mut Moment<'_>,
    ) -> Result<Effects, ResponseError> {
        let Written { records, response } = self.handle(request, moment.wall_ms)?;
        Ok(Effects { records, answers: vec![(ticket, response)], ..Effects::default() })
    }

    /// Answers a read; `committed` is the same shard behind the last committed record.
    fn look(&self, committed: &Self, request: BrokerRequest<'_>, _moment: &Moment<'_>) -> Response {
        committed.read(request)
    }

    /// What a request of an older version says, as the newest version says it; `None` where that is the same.
    fn modern(_request: BrokerRequest<'_>, _version: i16) -> Option<Request> {
        None
    }

    /// The answer as a request of this version has room for it.
    fn dated(response: Response, _version: i16) -> Response {
        response
    }

    /// The parts of a request of several ids, one for each.
    fn split(_request: BrokerRequest<'_>) -> Vec<Request> {
        unreachable!("what splits no request has no parts")
    }

    /// The answer to a request of several parts, from theirs.
    fn join(_request: BrokerRequest<'_>, _parts: Vec<Response>) -> Response {
        unreachable!("what splits no request joins none")
    }

    /// As [`replay`](Self::replay), with the place of the record.
    fn replay_at(&mut self, _place: RecordPlace, record: &CoordinatorRecord) {
        self.replay(record);
    }

    /// Takes the marker that ends a producer's transaction in the partition.
    fn replay_marker(&mut self, _producer_id: i64, _is_commit: bool) {
        // Silence is right for a topic that is in no transaction.
    }

    /// All of the log is read: from now on it is asked.
    fn loaded(&mut self, _moment: &mut Moment<'_>) {
        // Silence is right for what keeps nothing beside its records.
    }

    /// When it wants to be woken, on the machine's monotonic clock.
    fn wakes_at(&self) -> Option<Time> {
        None
    }

    /// Its time has come: does the first thing that is due. `None` where there is none.
    fn wake(&mut self, _moment: &mut Moment<'_>) -> Option<Effects> {
        None
    }

    /// A write that it wanted to hear of ([`Effects::then`]) is committed, or is not known to be.
    fn settled(&mut self, _then: u64, _outcome: Settled, _moment: &mut Moment<'_>) -> Effects {
        Effects::default()
    }

    /// Topics are gone from the cluster.
    fn topics_deleted(&mut self, _names: &[&str], _moment: &mut Moment<'_>) -> Effects {
        Effects::default()
    }
}
