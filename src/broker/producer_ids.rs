//! Producer ids, drawn from blocks that the controller hands out (Kafka: `RPCProducerIdManager`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{AllocateProducerIdsResponse, InitProducerIdResponse};

use super::channel::Work;
use super::{Broker, Context};
use crate::sim::network::ConnectionId;
use crate::sim::{SECOND, Time};
use crate::wire::Response;

/// How long a client waits for a block before it is told to try again.
const WAIT_US: Time = SECOND;

/// The ids at hand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProducerIds {
    next: i64,
    end: i64,
    /// A request for a block is on its way.
    pub(super) asked: bool,
}

impl Broker {
    pub(super) fn init_producer_id(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        context: &mut Context<'_>,
    ) {
        self.park(connection, correlation_id, context.now() + WAIT_US, Work::ProducerId, context);
        self.continue_init_producer_id(connection, false, context);
    }

    pub(super) fn continue_init_producer_id(
        &mut self,
        connection: ConnectionId,
        overdue: bool,
        context: &mut Context<'_>,
    ) {
        let ids = &mut self.producer_ids;
        let response = if ids.next < ids.end {
            let id = ids.next;
            ids.next += 1;
            InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(0)
        } else if overdue {
            let code = ResponseError::CoordinatorLoadInProgress.code();
            InitProducerIdResponse::default()
                .with_error_code(code)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1)
        } else {
            if self.controller.broker_epoch() >= 0 && !std::mem::replace(&mut self.producer_ids.asked, true) {
                self.ask_for_producer_ids(context);
            }
            return;
        };
        if let Some(pending) = self.unpark(connection, context) {
            self.answer(connection, pending.correlation_id, Response::InitProducerId(response), context);
        }
    }

    pub(super) fn take_producer_ids(&mut self, response: &AllocateProducerIdsResponse) {
        self.producer_ids.asked = false;
        if response.error_code == 0 {
            let next = response.producer_id_start.0;
            (self.producer_ids.next, self.producer_ids.end) = (next, next + i64::from(response.producer_id_len));
        }
        let waits = |channel: &super::Channel| {
            channel.pending.as_ref().is_some_and(|pending| matches!(pending.work, Work::ProducerId))
        };
        self.awake.extend(self.channels.iter().filter(|(_, channel)| waits(channel)).map(|(id, _)| *id));
    }
}
