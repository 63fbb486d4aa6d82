//! The state of a client's connection to one node (Kafka: `ClusterConnectionStates`, `InFlightRequests`).

use std::collections::VecDeque;

use super::settings::NetworkSettings;
use crate::client::{ClientContext, backoff};
use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::sim::random::Random;

/// The connection to one node.
#[derive(Clone, Debug)]
pub(super) struct Node<T> {
    pub(super) state: State,
    /// When a connection was last asked for, or lost.
    pub(super) last_attempt: Time,
    /// No connection is asked for before this (`reconnect.backoff.ms`).
    pub(super) not_before: Time,
    /// Connections lost or not come about since one was ready.
    failed_attempts: u32,
    /// Attempts that did not come as far as a connection, one after another.
    failed_setups: u32,
    /// When something was last sent or received.
    pub(super) last_used: Time,
    /// When its timer fires, if it is set. It is looked at when it fires, not moved with every answer.
    pub(super) armed: Option<Time>,
    pub(super) in_flight: VecDeque<InFlight<T>>,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Disconnected,
    /// It is being set up, until then at the latest.
    Connecting {
        connection: ConnectionId,
        deadline: Time,
    },
    /// It is there; which versions the broker speaks is not known yet.
    CheckingApiVersions(ConnectionId),
    Ready(ConnectionId),
}

/// A request without an answer yet.
#[derive(Clone, Debug)]
pub(super) struct InFlight<T> {
    pub(super) correlation_id: i32,
    pub(super) deadline: Time,
    /// Nobody will answer it: it is over when it is written.
    pub(super) is_unanswered: bool,
    pub(super) what: What<T>,
}

/// What a request was for: the client's own, or the network client's.
#[derive(Clone, Debug)]
pub(super) enum What<T> {
    ApiVersions,
    Metadata,
    Client(T),
}

impl<T> Node<T> {
    pub(super) fn new() -> Self {
        Self {
            state: State::Disconnected,
            last_attempt: 0,
            not_before: 0,
            failed_attempts: 0,
            failed_setups: 0,
            last_used: 0,
            armed: None,
            in_flight: VecDeque::new(),
        }
    }

    /// The connection, however far it is.
    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self.state {
            State::Disconnected => None,
            State::Connecting { connection, .. }
            | State::CheckingApiVersions(connection)
            | State::Ready(connection) => Some(connection),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    /// True where another request may be sent: the last one is written in full, and not too many wait for an answer
    /// (`InFlightRequests.canSendMore`).
    pub(super) fn can_send_more(&self, settings: &NetworkSettings, context: &ClientContext<'_>) -> bool {
        match self.state {
            State::Ready(connection) => {
                self.in_flight.len() < settings.max_in_flight as usize && context.is_written(connection)
            }
            State::Disconnected | State::Connecting { .. } | State::CheckingApiVersions(_) => false,
        }
    }

    pub(super) fn can_connect(&self, now: Time) -> bool {
        self.state == State::Disconnected && self.not_before <= now
    }

    #[cfg(test)]
    pub(super) fn failed_attempts(&self) -> u32 {
        self.failed_attempts
    }

    /// Begins to set up a connection.
    pub(super) fn connecting(
        &mut self,
        connection: ConnectionId,
        settings: &NetworkSettings,
        now: Time,
        random: &mut Random,
    ) {
        assert!(self.can_connect(now), "there is a connection, or its back-off is not over");
        let (initial, max) = (settings.setup_timeout_us, settings.setup_timeout_max_us);
        let timeout = backoff::exponential(initial, max, self.failed_setups + 1, random);
        self.last_attempt = now;
        self.state = State::Connecting { connection, deadline: now + timeout };
    }

    /// The connection is there.
    pub(super) fn connected(&mut self, connection: ConnectionId, now: Time) {
        self.failed_setups = 0;
        self.last_used = now;
        self.state = State::CheckingApiVersions(connection);
    }

    /// The broker has told what it speaks.
    pub(super) fn ready(&mut self, connection: ConnectionId) {
        self.failed_attempts = 0;
        self.state = State::Ready(connection);
    }

    /// The connection is gone or did not come about; what was on its way over it is handed back.
    pub(super) fn disconnected(
        &mut self,
        settings: &NetworkSettings,
        now: Time,
        random: &mut Random,
    ) -> VecDeque<InFlight<T>> {
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        self.failed_setups = match self.state {
            State::Connecting { .. } => self.failed_setups.saturating_add(1),
            State::Disconnected | State::CheckingApiVersions(_) | State::Ready(_) => 0,
        };
        let (initial, max) = (settings.reconnect_backoff_us, settings.reconnect_backoff_max_us);
        self.last_attempt = now;
        self.not_before = now + backoff::exponential(initial, max, self.failed_attempts, random);
        self.state = State::Disconnected;
        std::mem::take(&mut self.in_flight)
    }

    /// When it must be looked at: the set-up, a request or idleness ends it, or its back-off is over.
    pub(super) fn look_at(&self, settings: &NetworkSettings) -> Time {
        match self.state {
            State::Disconnected => self.not_before,
            State::Connecting { deadline, .. } => deadline,
            State::CheckingApiVersions(_) | State::Ready(_) => {
                let idle = self.last_used.saturating_add(settings.connections_max_idle_us);
                self.in_flight.iter().map(|request| request.deadline).min().map_or(idle, |first| first.min(idle))
            }
        }
    }
}
