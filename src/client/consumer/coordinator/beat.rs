//! Heartbeats, and what silence means (Kafka: `AbstractCoordinator.HeartbeatThread`).
//!
//! Kafka's thread looks each `retry.backoff.ms`; here what it waits for is met to the instant.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::HeartbeatRequest;

use super::member::{GroupTag, Member, Stage};
use super::{Coordinator, Tag, Turn, text};
use crate::client::backoff;
use crate::client::timer::ClientTimer;
use crate::sim::Time;
use crate::wire::Request;

impl Coordinator {
    /// Whether the thread of heartbeats runs: it rests while the group is joined.
    pub(super) fn beats(&self) -> bool {
        matches!(self.stage, Stage::Completing | Stage::Stable) && !self.failed
    }

    /// A turn of the thread.
    pub(super) fn beat(&mut self, turn: &mut Turn<'_, '_>) {
        let now = turn.now();
        let poll_ends = self.beat.polled + self.settings.max_poll_interval_us;
        if !self.beats() || !self.is_coordinator_known(turn) {
            return;
        }
        if self.beat.session_ends <= now {
            // It is found again, and the session with it.
            return self.forget_coordinator(turn);
        }
        if !self.in_poll && poll_ends <= now {
            return self.leave_for_now(turn);
        }
        if self.beat.next <= now {
            self.send_heartbeat(turn);
        }
        let poll_ends = if self.in_poll { Time::MAX } else { poll_ends };
        // One that is due and not sent waits for the connection.
        let next = if self.beat.next > now { self.beat.next } else { Time::MAX };
        let at = next.min(self.beat.session_ends).min(poll_ends);
        if self.beat.armed.is_none_or(|armed| armed <= now || at < armed) {
            self.beat.armed = Some(at);
            turn.network.set_timer(ClientTimer::Heartbeat, at, turn.context);
        }
    }

    fn send_heartbeat(&mut self, turn: &mut Turn<'_, '_>) {
        // Until its connection is there the heartbeat waits.
        let Some(node) = self.node.filter(|node| turn.network.is_ready(*node, turn.context)) else { return };
        let request = HeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id(self.member.generation)
            .with_member_id(text(&self.member.id))
            .with_group_instance_id(self.instance());
        self.beat.next = turn.now() + self.settings.heartbeat_interval_us;
        let tag = Tag::Group(GroupTag::Heartbeat(self.member.clone()));
        turn.network.send(node, Request::Heartbeat(request), tag, turn.context);
    }

    pub(super) fn beaten(&mut self, sent: &Member, error_code: i16, turn: &mut Turn<'_, '_>) {
        let is_same = self.member == *sent;
        match ResponseError::try_from_code(error_code) {
            None => self.heard_of(turn),
            Some(ResponseError::CoordinatorNotAvailable | ResponseError::NotCoordinator) => {
                self.beat_failed(turn);
                self.forget_coordinator(turn);
            }
            Some(ResponseError::RebalanceInProgress) => {
                self.heard_of(turn);
                if self.stage == Stage::Stable {
                    self.rejoin("group is already rebalancing");
                }
            }
            Some(ResponseError::FencedInstanceId) if is_same => self.replaced(error_code),
            Some(error @ (ResponseError::IllegalGeneration | ResponseError::UnknownMemberId)) if is_same => {
                self.reset(error == ResponseError::IllegalGeneration, "error from HEARTBEAT response");
            }
            // It was of a former generation, or may pass.
            Some(_) => self.beat_failed(turn),
        }
    }

    fn heard_of(&mut self, turn: &Turn<'_, '_>) {
        self.beat.failures = 0;
        self.beat.new_session(turn.now(), &self.settings);
    }

    pub(super) fn beat_failed(&mut self, turn: &mut Turn<'_, '_>) {
        self.beat.failures += 1;
        let network = &self.network;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        self.beat.next = turn.now() + backoff::exponential(initial, max, self.beat.failures, turn.context.random());
    }
}
