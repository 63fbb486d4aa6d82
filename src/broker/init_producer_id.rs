//! How producers come to their ids (Kafka: `TransactionCoordinator.handleInitProducerId`, `RPCProducerIdManager`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{AllocateProducerIdsResponse, InitProducerIdRequest, InitProducerIdResponse};

use super::delayed::{WaitKey, Work};
use super::purgatory::{Asker, WaitId};
use super::{Broker, Context};
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{Body, Message, Request, Response};

/// How long a client waits for a block before it is told to try again.
const WAIT_US: Time = SECOND;
/// How long the controller is left alone that has given none (`RPCProducerIdManager.RETRY_BACKOFF_MS`).
const BACKOFF_US: Time = 50 * MILLISECOND;

impl Broker {
    /// One with a transactional id asks its coordinator, which needs a new id only for those that it does not know, or whose
    /// epochs are used up; one without asks any broker.
    pub(super) fn init_producer_id(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: &InitProducerIdRequest,
        context: &mut Context<'_>,
    ) {
        let is_transactional = request.transactional_id.is_some();
        if is_transactional && !self.init_transactional_producer(asker, message, request, None, context) {
            return;
        }
        let message = is_transactional.then(|| Arc::clone(message));
        let id = self.begin_wait(asker, context.after(WAIT_US), Work::ProducerId(message), context);
        self.continue_init_producer_id(id, false, context);
    }

    pub(super) fn continue_init_producer_id(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let drawn = self.draw_producer_id(overdue, context);
        let backs_off = self.producer_ids.backoff_until > context.now();
        if drawn.is_none() && !overdue && !backs_off {
            return;
        }
        let wait = self.end_wait(id, context);
        let Work::ProducerId(message) = wait.work else { unreachable!("who waits for an id is continued so") };
        if let (Some(message), Some(_)) = (&message, drawn) {
            let Body::Request(Request::InitProducerId(request)) = &message.body else {
                unreachable!("only these wait for ids")
            };
            let needs_another = self.init_transactional_producer(wait.asker, message, request, drawn, context);
            assert!(!needs_another, "one id is enough");
            return;
        }
        let response = match drawn {
            Some(id) => InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(0),
            None => InitProducerIdResponse::default()
                .with_error_code(ResponseError::CoordinatorLoadInProgress.code())
                .with_producer_id((-1).into())
                .with_producer_epoch(-1),
        };
        self.answer(wait.asker, Response::InitProducerId(response), context);
    }

    /// The next id, if there is one; else the controller is asked for a block, unless whoever wants it waits no longer.
    pub(super) fn draw_producer_id(&mut self, overdue: bool, context: &mut Context<'_>) -> Option<i64> {
        let ids = &mut self.producer_ids;
        let drawn = ids.draw();
        let may_ask = drawn.is_none() && !overdue && ids.backoff_until <= context.now();
        if may_ask && self.controller.broker_epoch() >= 0 && !std::mem::replace(&mut ids.asked, true) {
            self.ask_for_producer_ids(context);
        }
        drawn
    }

    /// Who waits is answered: with an id, or that it may try again.
    pub(super) fn take_producer_ids(&mut self, response: &AllocateProducerIdsResponse, context: &mut Context<'_>) {
        let ids = &mut self.producer_ids;
        ids.asked = false;
        if response.error_code == 0 {
            let next = response.producer_id_start.0;
            ids.take(next..next + i64::from(response.producer_id_len));
        } else {
            ids.backoff_until = context.after(BACKOFF_US);
        }
        self.purgatory.wake(WaitKey::ProducerIds);
    }
}
