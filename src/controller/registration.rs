//! Brokers come, stay and go (Kafka: `ClusterControlManager`, `ReplicationControlManager.processBrokerHeartbeat`).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse,
};

use super::heartbeats::{ControlState, Heartbeats};
use super::timer::ControllerTimer;
use super::{Context, Controller};
use crate::note::Note;
use crate::wire::BrokerImage;

impl Controller {
    pub(super) fn register(
        &mut self,
        request: &BrokerRegistrationRequest,
        context: &mut Context<'_>,
    ) -> BrokerRegistrationResponse {
        let (broker, incarnation) = (request.broker_id.0, request.incarnation_id);
        let known = self.image.brokers.get(&broker).cloned();
        let is_same_life = known.as_ref().is_some_and(|known| known.incarnation == incarnation);
        let session = self.settings.broker_session_timeout_us;
        if self.heartbeats.has_session(broker, context.now(), session) && !is_same_life {
            let code = ResponseError::DuplicateBrokerRegistration.code();
            return BrokerRegistrationResponse::default().with_error_code(code);
        }
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
        // The same incarnation only amends its registration (`ClusterControlManager.registerBroker`).
        let mut registered = known.filter(|_| is_same_life).unwrap_or(BrokerImage {
            incarnation,
            epoch: image.offset,
            fenced: true,
            in_controlled_shutdown: false,
            rack: None,
        });
        registered.rack = request.rack.as_deref().map(Into::into);
        let (epoch, fenced) = (registered.epoch, registered.fenced);
        image.brokers.insert(broker, registered);
        self.heartbeats.register(broker, fenced, context.now());
        context.note(Note::Registered { broker, broker_epoch: epoch });
        BrokerRegistrationResponse::default().with_broker_epoch(epoch)
    }

    pub(super) fn heartbeat(
        &mut self,
        request: &BrokerHeartbeatRequest,
        context: &mut Context<'_>,
    ) -> BrokerHeartbeatResponse {
        let broker = request.broker_id.0;
        let refusal = |error: ResponseError| BrokerHeartbeatResponse::default().with_error_code(error.code());
        let Some(registered) = self.image.brokers.get(&broker) else {
            return refusal(ResponseError::BrokerIdNotRegistered);
        };
        if registered.epoch != request.broker_epoch {
            return refusal(ResponseError::StaleBrokerEpoch);
        }
        let registered_at = registered.epoch;
        let leads = || self.image.partitions().any(|(_, image)| image.leader == broker);
        let (current, next) = self.heartbeats.next_state(request, registered_at, leads);
        if current != next {
            match next {
                ControlState::Fenced | ControlState::ShutdownNow => self.fence(broker, context),
                ControlState::Unfenced => self.unfence(broker, context),
                ControlState::ControlledShutdown => self.enter_controlled_shutdown(broker, context),
            }
        }
        self.heartbeats.touch(broker, next.is_fenced(), request.current_metadata_offset, context.now());
        let in_controlled_shutdown = next == ControlState::ControlledShutdown;
        if in_controlled_shutdown {
            self.heartbeats.shutting_down_at(broker, self.image.offset);
        }
        BrokerHeartbeatResponse::default()
            .with_is_caught_up(request.current_metadata_offset >= registered_at)
            .with_is_fenced(next.is_fenced())
            .with_should_shut_down(next == ControlState::ShutdownNow)
    }

    /// A controller that becomes active looks at all brokers from then on.
    pub(super) fn begin_sessions(&mut self, context: &mut Context<'_>) {
        self.heartbeats.touch_all(context.now());
        self.look_for_stale_brokers_later(context);
    }

    pub(super) fn fence_stale_brokers(&mut self, context: &mut Context<'_>) {
        for broker in self.heartbeats.end_sessions(context.now(), self.settings.broker_session_timeout_us) {
            if self.image.is_alive(broker) {
                self.fence(broker, context);
                self.heartbeats.fence(broker);
            }
        }
        self.look_for_stale_brokers_later(context);
    }

    fn look_for_stale_brokers_later(&self, context: &mut Context<'_>) {
        let interval = Heartbeats::check_interval(self.settings.broker_session_timeout_us);
        context.set_timer(ControllerTimer::StaleBrokers, context.after(interval));
    }

    /// It may neither lead nor be in an ISR from now on (`handleBrokerFenced`).
    fn fence(&mut self, broker: i32, context: &mut Context<'_>) {
        self.set_fenced(broker, true, context);
        self.remove_from_isrs(broker, context);
    }

    /// It may lead where nobody does (`handleBrokerUnfenced`).
    fn unfence(&mut self, broker: i32, context: &mut Context<'_>) {
        self.set_fenced(broker, false, context);
        self.elect_where_there_is_no_leader(broker, context);
    }

    fn set_fenced(&mut self, broker: i32, fenced: bool, context: &mut Context<'_>) {
        let image = Arc::make_mut(&mut self.image);
        // A BrokerRegistrationChangeRecord.
        image.offset += 1;
        image.brokers.get_mut(&broker).expect("who is fenced or unfenced is registered").fenced = fenced;
        context.note(Note::Fenced { broker, fenced });
    }

    /// Its partitions get other leaders before it goes (`handleBrokerInControlledShutdown`).
    fn enter_controlled_shutdown(&mut self, broker: i32, context: &mut Context<'_>) {
        let image = Arc::make_mut(&mut self.image);
        let registered = image.brokers.get_mut(&broker).expect("who shuts down is registered");
        if !std::mem::replace(&mut registered.in_controlled_shutdown, true) {
            image.offset += 1;
            context.note(Note::InControlledShutdown { broker });
        }
        self.remove_from_isrs(broker, context);
    }
}
