//! A broker registers, beats, and asks to be let go (Kafka: `BrokerLifecycleManager`).

use kafka_protocol::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerId, BrokerRegistrationRequest, BrokerRegistrationResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::super::{Broker, BrokerTimer, Context};
use super::{Asked, Lane};
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{Request, incarnation_id};

/// The wait between heartbeats until the broker is unfenced (`BrokerHeartbeatResponseEvent`: 10 ms).
const STARTING_US: Time = 10 * MILLISECOND;
/// The wait for the second heartbeat of a controlled shutdown (the same: 50 ms).
const SHUTDOWN_US: Time = 50 * MILLISECOND;
/// A broker that is not let go shuts down all the same after so long (`Server.shutdown`: 5 minutes).
const SHUTDOWN_MAX_US: Time = 300 * SECOND;

impl Broker {
    /// The next registration or heartbeat is due, or the last has had no answer for `broker.heartbeat.interval.ms`
    /// (`BrokerServer`: the retry time-out of the heartbeat channel).
    pub(in crate::broker) fn heartbeat_due(&mut self, context: &mut Context<'_>) {
        if self.controller.oldest(Lane::Lifecycle).is_some() {
            return self.lane_is_gone(Lane::Lifecycle, context);
        }
        self.communicate(context);
    }

    /// Registers, or beats once registered and with metadata. A broker that halts while it loads its logs sends nothing more.
    pub(super) fn communicate(&mut self, context: &mut Context<'_>) {
        let now = context.now();
        if self.controller.shutdown_by.is_some_and(|by| by <= now) {
            return self.shut_down(context);
        }
        let link = &self.controller;
        // Another answer or the timer brings it here again.
        if link.connections[Lane::Lifecycle as usize].is_none() || link.oldest(Lane::Lifecycle).is_some() {
            return;
        }
        if self.controller.broker_epoch < 0 {
            let request = BrokerRegistrationRequest::default()
                .with_broker_id(BrokerId(self.settings.id))
                .with_incarnation_id(incarnation_id(self.settings.id, self.controller.incarnation))
                .with_rack(self.settings.rack.clone().map(StrBytes::from_string))
                .with_previous_broker_epoch(self.replicas.previous_epoch());
            self.ask(Asked::Registration, Request::BrokerRegistration(request), context);
        } else if self.controller.offset < 0 || self.replicas.is_halting() {
            return context.set_timer(BrokerTimer::Heartbeat, context.after(STARTING_US));
        } else {
            let request = BrokerHeartbeatRequest::default()
                .with_broker_id(BrokerId(self.settings.id))
                .with_broker_epoch(self.controller.broker_epoch)
                .with_current_metadata_offset(self.controller.offset)
                .with_want_shut_down(self.controller.shutdown_by.is_some());
            self.ask(Asked::Heartbeat, Request::BrokerHeartbeat(request), context);
        }
        context.set_timer(BrokerTimer::Heartbeat, context.after(self.settings.heartbeat_interval_us));
    }

    /// SIGTERM: the leaderships are given away before the broker ends (`BrokerLifecycleManager.beginControlledShutdown`). One
    /// that has not started puts nothing in order: `BrokerServer.shutdown` does nothing then.
    pub(in crate::broker) fn terminate(&mut self, context: &mut Context<'_>) {
        if !self.controller.has_started() {
            return context.exit();
        }
        // Who is told twice goes on with it.
        if self.controller.shutdown_by.is_none() {
            self.controller.shutdown_by = Some(context.after(SHUTDOWN_MAX_US));
            self.communicate(context);
        }
    }

    pub(super) fn registered(&mut self, response: &BrokerRegistrationResponse, context: &mut Context<'_>) {
        if response.error_code != 0 {
            // DUPLICATE_BROKER_REGISTRATION: the session of the former life is not over.
            return self.communicate_after_failure(context);
        }
        self.controller.broker_epoch = response.broker_epoch;
        self.communicate(context);
    }

    /// When the next heartbeat is due (`BrokerLifecycleManager.BrokerHeartbeatResponseEvent`).
    pub(super) fn heartbeat_answered(&mut self, response: &BrokerHeartbeatResponse, context: &mut Context<'_>) {
        if response.error_code != 0 {
            return self.communicate_after_failure(context);
        }
        let starts = !response.is_fenced && !self.controller.started;
        self.controller.started |= starts;
        if starts {
            self.coordinators_begin(context);
        }
        let link = &mut self.controller;
        let wait = match (link.shutdown_by, link.started) {
            (Some(_), _) if response.should_shut_down => return self.shut_down(context),
            (Some(_), _) if !std::mem::replace(&mut link.is_shutting_down, true) => SHUTDOWN_US,
            (Some(_), _) | (None, true) => self.settings.heartbeat_interval_us,
            (None, false) => STARTING_US,
        };
        context.set_timer(BrokerTimer::Heartbeat, context.after(wait));
    }

    /// As long as after a success (`scheduleNextCommunicationAfterFailure`).
    fn communicate_after_failure(&mut self, context: &mut Context<'_>) {
        context.set_timer(BrokerTimer::Heartbeat, context.after(self.settings.heartbeat_interval_us));
    }
}
