//! Which brokers have been heard of lately, and what becomes of one that beats (Kafka: `BrokerHeartbeatManager`,
//! `BrokerHeartbeatTracker`).

use kafka_protocol::messages::BrokerHeartbeatRequest;
use litemap::LiteMap;

use crate::sim::{MILLISECOND, Time};

/// What the controller knows of a registered broker beside its registration record.
#[derive(Clone, Copy, Debug)]
struct Heartbeat {
    fenced: bool,
    /// The last heartbeat; `None` once the session has been found to be over.
    last_contact: Option<Time>,
    /// The metadata that it has, as it said last; -1 before.
    metadata_offset: i64,
    /// Its controlled shutdown is complete once all active brokers have this metadata; -1 where it is not shutting down.
    controlled_shutdown_offset: i64,
}

impl Heartbeat {
    fn is_shutting_down(&self) -> bool {
        self.controlled_shutdown_offset >= 0
    }
}

/// Where a broker is (Kafka: `BrokerControlState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlState {
    Fenced,
    Unfenced,
    ControlledShutdown,
    ShutdownNow,
}

impl ControlState {
    pub(super) fn is_fenced(self) -> bool {
        matches!(self, Self::Fenced | Self::ShutdownNow)
    }
}

/// The heartbeats by broker id.
#[derive(Clone, Debug, Default)]
pub(super) struct Heartbeats(LiteMap<i32, Heartbeat>);

impl Heartbeats {
    /// How often stale brokers are looked for (`QuorumController.maybeFenceStaleBrokerPeriodNs`).
    pub(super) fn check_interval(session_timeout: Time) -> Time {
        (session_timeout / 8).max(MILLISECOND)
    }

    /// A broker is registered, or registered again.
    pub(super) fn register(&mut self, broker: i32, fenced: bool, now: Time) {
        let beat = Heartbeat { fenced, last_contact: Some(now), metadata_offset: -1, controlled_shutdown_offset: -1 };
        // One that only amends its registration is where it was.
        let known = self.0.get(&broker).copied().filter(|known| known.fenced == fenced);
        self.0.insert(broker, Heartbeat { last_contact: Some(now), ..known.unwrap_or(beat) });
    }

    /// A controller that becomes active knows of no heartbeat yet: every broker has a whole session from now on.
    pub(super) fn touch_all(&mut self, now: Time) {
        self.0.iter_mut().for_each(|(_, beat)| beat.last_contact = Some(now));
    }

    /// A broker was heard of.
    pub(super) fn touch(&mut self, broker: i32, fenced: bool, metadata_offset: i64, now: Time) {
        let beat = self.get_mut(broker);
        (beat.fenced, beat.metadata_offset, beat.last_contact) = (fenced, metadata_offset, Some(now));
        if fenced {
            // It leaves its controlled shutdown, and is shut down at once with its next heartbeat.
            beat.controlled_shutdown_offset = -1;
        }
    }

    /// It was fenced because its session is over.
    pub(super) fn fence(&mut self, broker: i32) {
        let beat = self.get_mut(broker);
        (beat.fenced, beat.controlled_shutdown_offset) = (true, -1);
    }

    /// Whether it was heard of lately: also where nobody has looked since its session ended (`hasValidSession`).
    pub(super) fn has_session(&self, broker: i32, now: Time, timeout: Time) -> bool {
        let beat = self.0.get(&broker);
        beat.and_then(|beat| beat.last_contact).is_some_and(|last| !is_over(last, now, timeout))
    }

    /// Ends the sessions of brokers that were not heard of for so long, in the order of their ids.
    pub(super) fn end_sessions(&mut self, now: Time, timeout: Time) -> Vec<i32> {
        let mut ended = Vec::new();
        for (broker, beat) in self.0.iter_mut() {
            if beat.last_contact.is_some_and(|last| is_over(last, now, timeout)) {
                beat.last_contact = None;
                ended.push(*broker);
            }
        }
        ended
    }

    /// The broker's controlled shutdown is complete once the others have this metadata.
    pub(super) fn shutting_down_at(&mut self, broker: i32, offset: i64) {
        let beat = self.get_mut(broker);
        assert!(!beat.fenced, "fenced brokers cannot enter controlled shutdown");
        if !beat.is_shutting_down() {
            beat.controlled_shutdown_offset = offset;
        }
    }

    /// Whether a broker is on its way out, so that nothing is placed on it.
    pub(super) fn is_shutting_down(&self, broker: i32) -> bool {
        self.0.get(&broker).is_some_and(Heartbeat::is_shutting_down)
    }

    /// Where a broker is, and where its heartbeat brings it (`calculateNextBrokerState`).
    pub(super) fn next_state(
        &self,
        request: &BrokerHeartbeatRequest,
        registered_at: i64,
        has_leaderships: impl Fn() -> bool,
    ) -> (ControlState, ControlState) {
        use ControlState::{ControlledShutdown, Fenced, ShutdownNow, Unfenced};
        let beat = self.get(request.broker_id.0);
        let is_caught_up = request.current_metadata_offset >= registered_at;
        let current = match (beat.is_shutting_down(), beat.fenced) {
            (true, _) => ControlledShutdown,
            (false, true) => Fenced,
            (false, false) => Unfenced,
        };
        let next = match (current, request.want_fence, request.want_shut_down) {
            (Fenced, _, true) | (Unfenced, true, true) => ShutdownNow,
            (Fenced, false, false) if is_caught_up => Unfenced,
            (Fenced, _, false) | (Unfenced, true, false) => Fenced,
            (Unfenced, false, true) if has_leaderships() => ControlledShutdown,
            (Unfenced, false, true) => ShutdownNow,
            (Unfenced, false, false) => Unfenced,
            (ControlledShutdown, ..) => {
                let is_done = !has_leaderships() && beat.controlled_shutdown_offset <= self.lowest_active_offset();
                if is_done { ShutdownNow } else { ControlledShutdown }
            }
            (ShutdownNow, ..) => unreachable!("nobody stays on the way out without a shutdown"),
        };
        (current, next)
    }

    fn lowest_active_offset(&self) -> i64 {
        let active = self.0.values().filter(|beat| !beat.fenced && !beat.is_shutting_down());
        active.map(|beat| beat.metadata_offset).min().unwrap_or(i64::MAX)
    }

    fn get(&self, broker: i32) -> &Heartbeat {
        self.0.get(&broker).unwrap_or_else(|| panic!("broker {broker} is not registered"))
    }

    fn get_mut(&mut self, broker: i32) -> &mut Heartbeat {
        self.0.get_mut(&broker).unwrap_or_else(|| panic!("broker {broker} is not registered"))
    }
}

/// Whether a session ended in which a broker was last heard of then (`BrokerHeartbeatTracker.isExpired`).
fn is_over(last_contact: Time, now: Time, timeout: Time) -> bool {
    now.saturating_sub(last_contact) > timeout
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SECOND;

    fn beat(offset: i64, want_fence: bool, want_shut_down: bool) -> BrokerHeartbeatRequest {
        BrokerHeartbeatRequest::default()
            .with_broker_id(1.into())
            .with_current_metadata_offset(offset)
            .with_want_fence(want_fence)
            .with_want_shut_down(want_shut_down)
    }

    /// Brokers 1 and 2, unfenced, with this metadata.
    fn unfenced(offsets: [i64; 2]) -> Heartbeats {
        let mut all = Heartbeats::default();
        for (broker, offset) in (1..).zip(offsets) {
            all.register(broker, false, 0);
            all.touch(broker, false, offset, 0);
        }
        all
    }

    #[test]
    fn a_fenced_broker_is_unfenced_once_it_has_read_its_registration() {
        let mut all = Heartbeats::default();
        all.register(1, true, 0);
        let next = |offset, want_fence, stop| all.next_state(&beat(offset, want_fence, stop), 7, || true).1;
        assert_eq!(next(6, false, false), ControlState::Fenced);
        assert_eq!(next(7, false, false), ControlState::Unfenced);
        assert_eq!(next(7, true, false), ControlState::Fenced);
        assert_eq!(next(7, false, true), ControlState::ShutdownNow);
    }

    #[test]
    fn a_broker_that_leads_shuts_down_once_all_others_know() {
        let mut all = unfenced([9, 9]);
        let stop = beat(9, false, true);
        assert_eq!(all.next_state(&stop, 0, || false).1, ControlState::ShutdownNow);
        assert_eq!(all.next_state(&stop, 0, || true).1, ControlState::ControlledShutdown);
        all.shutting_down_at(1, 12);
        assert_eq!(all.next_state(&stop, 0, || true).1, ControlState::ControlledShutdown);
        assert_eq!(
            all.next_state(&stop, 0, || false).1,
            ControlState::ControlledShutdown,
            "broker 2 does not know yet"
        );
        all.touch(2, false, 12, 0);
        let done = all.next_state(&stop, 0, || false);
        assert_eq!(done, (ControlState::ControlledShutdown, ControlState::ShutdownNow));
    }

    #[test]
    fn the_last_broker_waits_for_nobody() {
        let mut all = unfenced([9, 9]);
        all.fence(2);
        all.shutting_down_at(1, 12);
        assert_eq!(all.next_state(&beat(9, false, true), 0, || false).1, ControlState::ShutdownNow);
    }

    #[test]
    fn a_session_is_over_before_anybody_looks_and_the_broker_is_fenced_when_somebody_does() {
        let mut all = unfenced([0, 0]);
        all.touch(2, false, 0, SECOND);
        let end = 9 * SECOND;
        assert_eq!(all.end_sessions(end, end), [0; 0]);
        assert!(all.has_session(1, end, end));
        assert!(!all.has_session(1, end + 1, end) && all.has_session(2, end + 1, end));
        assert_eq!(all.end_sessions(end + 1, end), [1]);
    }
}
