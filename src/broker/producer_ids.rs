//! Producer ids, drawn from blocks that the controller hands out (Kafka: `RPCProducerIdManager`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{AllocateProducerIdsResponse, InitProducerIdResponse};

use super::purgatory::{Asker, WaitId};
use super::waits::{WaitKey, Work};
use super::{Broker, Context};
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
    pub(super) fn init_producer_id(&mut self, asker: Asker, context: &mut Context<'_>) {
        let id = self.begin_wait(asker, context.now() + WAIT_US, Work::ProducerId, context);
        self.continue_init_producer_id(id, false, context);
    }

    pub(super) fn continue_init_producer_id(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
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
        let wait = self.end_wait(id, context);
        self.answer(wait.asker, Response::InitProducerId(response), context);
    }

    pub(super) fn take_producer_ids(&mut self, response: &AllocateProducerIdsResponse) {
        self.producer_ids.asked = false;
        if response.error_code == 0 {
            let next = response.producer_id_start.0;
            (self.producer_ids.next, self.producer_ids.end) = (next, next + i64::from(response.producer_id_len));
        }
        self.purgatory.wake(WaitKey::ProducerIds);
    }
}
