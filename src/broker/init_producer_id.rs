//! How producers come to their ids (Kafka: `TransactionCoordinator.handleInitProducerId`, `RPCProducerIdManager`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{AllocateProducerIdsResponse, InitProducerIdResponse};

use super::delayed::{WaitKey, Work};
use super::purgatory::{Asker, WaitId};
use super::{Broker, Context};
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::Response;

/// How long a client waits for a block before it is told to try again.
const WAIT_US: Time = SECOND;
/// How long the controller is left alone that has given none (`RPCProducerIdManager.RETRY_BACKOFF_MS`).
const BACKOFF_US: Time = 50 * MILLISECOND;

impl Broker {
    pub(super) fn init_producer_id(&mut self, asker: Asker, context: &mut Context<'_>) {
        let id = self.begin_wait(asker, context.after(WAIT_US), Work::ProducerId, context);
        self.continue_init_producer_id(id, false, context);
    }

    pub(super) fn continue_init_producer_id(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let ids = &mut self.producer_ids;
        let response = if let Some(id) = ids.draw() {
            InitProducerIdResponse::default().with_producer_id(id.into()).with_producer_epoch(0)
        } else if overdue || ids.backoff_until > context.now() {
            let code = ResponseError::CoordinatorLoadInProgress.code();
            InitProducerIdResponse::default()
                .with_error_code(code)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1)
        } else {
            if self.controller.broker_epoch() >= 0 && !std::mem::replace(&mut ids.asked, true) {
                self.ask_for_producer_ids(context);
            }
            return;
        };
        let wait = self.end_wait(id, context);
        self.answer(wait.asker, Response::InitProducerId(response), context);
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
