//! What requests of a broker wait for, and the connections that they came on.

use std::collections::VecDeque;
use std::sync::Arc;

use kafka_protocol::messages::ProduceResponse;

use super::coordinator::PendingWrite;
use super::purgatory::{Asker, Wait, WaitId, Waiting};
use super::{Broker, BrokerTimer, Context};
use crate::sim::Time;
use crate::wire::{Body, Message, Request, Response, TopicPartition};

/// What a request may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WaitKey {
    /// The high watermark or the role of a partition (Kafka: `TopicPartitionOperationKey`).
    Partition(TopicPartition),
    /// News for a fetch session.
    Session(i32),
    /// A block of producer ids.
    ProducerIds,
}

/// What is left to do when a wait ends.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Enough bytes for its session (Kafka: `DelayedFetch`).
    Fetch { session: i32, min_bytes: i32, max_bytes: i32 },
    /// The high watermarks of some partitions (Kafka: `DelayedProduce`). Most that waits is a fetch, and smaller.
    Produce(Box<PendingProduce>),
    /// A block of producer ids.
    ProducerId,
    /// A coordinator's write, to be committed.
    Coordinator(Box<PendingWrite>),
    /// The controller's answer to this.
    Forwarded(Box<Request>),
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

impl Waiting<WaitKey> for Work {
    fn each_key(&self, tell: &mut dyn FnMut(WaitKey)) {
        match self {
            Self::Fetch { session, .. } => tell(WaitKey::Session(*session)),
            Self::Produce(it) => it.waits.iter().for_each(|wait| tell(WaitKey::Partition(wait.partition))),
            Self::ProducerId => tell(WaitKey::ProducerIds),
            Self::Coordinator(write) => tell(WaitKey::Partition(write.partition)),
            // Its answer ends it.
            Self::Forwarded(_) => {}
        }
    }
}

/// A connection that a client or another broker opened: one request at a time, in their order (Kafka: a muted
/// `KafkaChannel`).
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    /// Requests that have not begun.
    pub(super) queue: VecDeque<Arc<Message>>,
    /// The request that waits.
    pub(super) waits: Option<WaitId>,
    /// The session of the one-time fetch that is under way.
    pub(super) one_time_session: Option<i32>,
    /// When something last went over it.
    pub(super) last_active: Time,
}

impl Channel {
    /// True where a request can be taken up at once.
    pub(super) fn is_idle(&self) -> bool {
        self.waits.is_none() && self.queue.is_empty()
    }
}

impl Broker {
    /// Answers a request.
    pub(super) fn answer(&self, asker: Asker, response: Response, context: &mut Context<'_>) {
        let Asker { connection, correlation_id } = asker;
        context.send(connection, Message { correlation_id, body: Body::Response(response) });
    }

    /// Lets a request wait until something it waits for happens, or `deadline`.
    pub(super) fn begin_wait(&mut self, asker: Asker, deadline: Time, work: Work, context: &mut Context<'_>) -> WaitId {
        let id = self.purgatory.begin(Wait { asker, deadline, began: context.event(), work });
        let channel = self.channels.get_mut(&asker.connection).expect("only a request on an open connection waits");
        let former = channel.waits.replace(id);
        assert!(former.is_none(), "a connection has one request under way");
        context.set_timer(BrokerTimer::Wait(u64::from(id.0)), deadline);
        id
    }

    /// Ends a wait, to answer it: the connection's next request may begin.
    pub(super) fn end_wait(&mut self, id: WaitId, context: &mut Context<'_>) -> Wait<Work> {
        let wait = self.purgatory.end(id);
        let channel = self.channels.get_mut(&wait.asker.connection).expect("a closed connection ends its wait");
        let ended = channel.waits.take();
        channel.last_active = context.now();
        assert_eq!(ended, Some(id), "a connection waits for what it began to wait for");
        context.cancel_timer(BrokerTimer::Wait(u64::from(id.0)));
        if wait.began < context.event() {
            context.because(wait.began);
        }
        wait
    }

    /// Drops what a closed connection leaves behind. Its fetch session stays: the client may go on with it elsewhere.
    pub(super) fn forget(&mut self, channel: &Channel, context: &mut Context<'_>) {
        if let Some(session) = channel.one_time_session {
            self.close_session(session);
        }
        if let Some(id) = channel.waits {
            self.purgatory.end(id);
            context.cancel_timer(BrokerTimer::Wait(u64::from(id.0)));
        }
    }

    /// Looks once more at the requests that wait on what this event changed.
    pub(super) fn look_at_awake(&mut self, context: &mut Context<'_>) {
        while let Some(id) = self.purgatory.next_awake() {
            let wait = self.purgatory.get(id).expect("what is awake has not ended");
            let (connection, overdue) = (wait.asker.connection, wait.deadline <= context.now());
            match wait.work {
                Work::Fetch { session, min_bytes, max_bytes } => {
                    self.continue_fetch(id, session, (min_bytes, max_bytes), overdue, context);
                }
                Work::Produce(_) => self.continue_produce(id, overdue, context),
                Work::ProducerId => self.continue_init_producer_id(id, overdue, context),
                Work::Coordinator(_) => self.continue_write(id, overdue, context),
                Work::Forwarded(_) => self.continue_forwarded(id, overdue, context),
            }
            self.serve(connection, context);
        }
    }
}
