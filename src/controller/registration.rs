//! Brokers come, stay and go (Kafka: `ClusterControlManager`, `ReplicationControlManager.processBrokerHeartbeat`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};

use super::{Controller, SESSIONS};
use crate::note::Note;
use crate::sim::process::Context;
use crate::wire::{BrokerImage, Message};

impl Controller {
    pub(super) fn register(
        &mut self,
        request: &BrokerRegistrationRequest,
        context: &mut Context<'_, Message, Note>,
    ) -> BrokerRegistrationResponse {
        let (broker, now) = (request.broker_id.0, context.now());
        let timeout = self.settings.broker_session_timeout_us;
        let known = self.image.brokers.get(&broker).cloned();
        if let Some(incarnation) = self.sessions.living(broker, now, timeout)
            && incarnation != request.incarnation_id
        {
            let code = ResponseError::DuplicateBrokerRegistration.code();
            return BrokerRegistrationResponse::default().with_error_code(code);
        }
        let is_same_life = known.as_ref().is_some_and(|known| known.incarnation == request.incarnation_id);
        if let Some(known) = known.as_ref().filter(|_| !is_same_life) {
            if request.previous_broker_epoch == known.epoch {
                self.remove_from_isrs(broker, context);
            } else {
                // It did not stop cleanly: what it had not flushed may be gone (KIP-966).
                self.distrust(broker, context);
            }
        }
        let image = Arc::make_mut(&mut self.image);
        image.offset += 1;
        let incarnation = request.incarnation_id;
        // The same incarnation only amends its registration (`ClusterControlManager.registerBroker`).
        let registered = known.filter(|_| is_same_life).unwrap_or(BrokerImage {
            incarnation,
            epoch: image.offset,
            fenced: true,
            in_controlled_shutdown: false,
        });
        let epoch = registered.epoch;
        image.brokers.insert(broker, registered);
        self.sessions.begin(broker, request.incarnation_id, now);
        context.note(Note::Registered { broker, broker_epoch: epoch });
        self.watch_sessions(context);
        BrokerRegistrationResponse::default().with_broker_epoch(epoch)
    }

    pub(super) fn heartbeat(
        &mut self,
        request: &BrokerHeartbeatRequest,
        context: &mut Context<'_, Message, Note>,
    ) -> BrokerHeartbeatResponse {
        let broker = request.broker_id.0;
        let refusal = |error: ResponseError| BrokerHeartbeatResponse::default().with_error_code(error.code());
        let Some(registered) = self.image.brokers.get(&broker) else {
            return refusal(ResponseError::BrokerIdNotRegistered);
        };
        if registered.epoch != request.broker_epoch {
            return refusal(ResponseError::StaleBrokerEpoch);
        }
        let is_caught_up = request.current_metadata_offset >= registered.epoch;
        let mut is_fenced = registered.fenced;
        self.sessions.touch(broker, context.now());
        self.watch_sessions(context);
        if is_fenced && !request.want_fence && is_caught_up {
            self.set_fenced(broker, false, context);
            self.elect_where_there_is_no_leader(broker, context);
            is_fenced = false;
        } else if !is_fenced && request.want_fence {
            self.fence(broker, context);
            is_fenced = true;
        }
        BrokerHeartbeatResponse::default().with_is_caught_up(is_caught_up).with_is_fenced(is_fenced)
    }

    /// A controller that becomes active knows of no heartbeat yet: every broker has a whole session from now on.
    pub(super) fn begin_sessions(&mut self, context: &mut Context<'_, Message, Note>) {
        self.sessions.touch_all(context.now());
        self.watch_sessions(context);
    }

    pub(super) fn fence_silent_brokers(&mut self, context: &mut Context<'_, Message, Note>) {
        for broker in self.sessions.expired(context.now(), self.settings.broker_session_timeout_us) {
            if self.image.is_alive(broker) {
                self.fence(broker, context);
            }
        }
        self.watch_sessions(context);
    }

    fn fence(&mut self, broker: i32, context: &mut Context<'_, Message, Note>) {
        self.set_fenced(broker, true, context);
        self.remove_from_isrs(broker, context);
    }

    fn set_fenced(&mut self, broker: i32, fenced: bool, context: &mut Context<'_, Message, Note>) {
        let image = Arc::make_mut(&mut self.image);
        let Some(registered) = image.brokers.get_mut(&broker) else { return };
        registered.fenced = fenced;
        image.offset += 1;
        context.note(Note::Fenced { broker, fenced });
    }

    fn watch_sessions(&self, context: &mut Context<'_, Message, Note>) {
        match self.sessions.next_expiry(context.now(), self.settings.broker_session_timeout_us) {
            Some(expiry) => context.set_timer(SESSIONS, expiry),
            None => context.cancel_timer(SESSIONS),
        }
    }
}
