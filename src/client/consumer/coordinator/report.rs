//! ConsumerGroupHeartbeat: a member tells that it lives and what it has, and hears what it shall have (Kafka:
//! `AbstractHeartbeatRequestManager`, `ConsumerHeartbeatRequestManager`).

use std::collections::BTreeSet;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, TopicName};

use super::member::{GroupTag, Heard, Leaving, Member, Retry};
use super::membership::{Membership, Partitions, Report, Standing};
use super::{Coordinator, Tag, Turn, text};
use crate::client::timer::ClientTimer;
use crate::sim::{MILLISECOND, Time};
use crate::wire::Request;

/// The epoch of a member that leaves (`ConsumerGroupHeartbeatRequest.LEAVE_GROUP_MEMBER_EPOCH`).
const LEAVES: i32 = -1;
/// That of a static one, whose next life has its place (`LEAVE_GROUP_STATIC_MEMBER_EPOCH`).
const LEAVES_FOR_A_WHILE: i32 = -2;

impl Coordinator {
    pub(super) fn membership(&mut self) -> &mut Membership {
        self.membership.as_mut().expect("a member of a group of KIP-848")
    }

    fn standing(&self) -> Standing {
        self.membership.as_ref().map_or(Standing::Outside, |it| it.standing)
    }

    /// Whether it is in the group, or asks to be, and does not leave.
    fn is_member(&self) -> bool {
        let leaves = match self.leaving {
            Leaving::No | Leaving::Committing => false,
            Leaving::Asked | Leaving::Done => true,
        };
        self.standing().beats() && !leaves
    }

    /// A turn of the background thread.
    pub(super) fn report_if_due(&mut self, turn: &mut Turn<'_, '_>) {
        if !self.is_member() || self.failed || !self.is_coordinator_known(turn) {
            return;
        }
        let now = turn.now();
        let poll_ends = self.beat.polled + self.settings.max_poll_interval_us;
        if !self.in_poll && poll_ends <= now {
            return self.leave_for_now(turn);
        }
        let membership = self.membership();
        let may = !membership.is_in_flight && membership.retry.not_before <= now;
        // Kafka's member does not wait for the end of a back-off where it joins: it asks a coordinator that still loads as often
        // as that answers. With pauses it hears the same.
        if may && (membership.standing.beats_now() || membership.next <= now) {
            self.send_report(turn);
        }
        self.arm_report(poll_ends, turn);
    }

    fn arm_report(&mut self, poll_ends: Time, turn: &mut Turn<'_, '_>) {
        let now = turn.now();
        let membership = self.membership();
        // One that is due and not sent waits for an answer, the connection or the end of a back-off, which has its own timer.
        let next = if membership.next > now { membership.next } else { Time::MAX };
        let at = if self.in_poll { next } else { next.min(poll_ends) };
        if at < Time::MAX && self.beat.armed.is_none_or(|armed| armed <= now || at < armed) {
            self.beat.armed = Some(at);
            turn.network.set_timer(ClientTimer::Heartbeat, at, turn.context);
        }
    }

    fn send_report(&mut self, turn: &mut Turn<'_, '_>) {
        // Until its connection is there it waits.
        let Some(node) = self.node.filter(|node| turn.network.is_ready(*node, turn.context)) else { return };
        let topics: BTreeSet<String> = self.topics.iter().cloned().collect();
        let report = self.membership().report(topics);
        let request = self.request_of(&report);
        let now = turn.now();
        self.membership().reported(now);
        let tag = Tag::Group(GroupTag::Report(self.member.clone()));
        turn.network.send(node, Request::ConsumerGroupHeartbeat(request), tag, turn.context);
    }

    fn request_of(&self, report: &Report) -> ConsumerGroupHeartbeatRequest {
        let timeout = i32::try_from(self.settings.max_poll_interval_us / MILLISECOND).unwrap_or(i32::MAX);
        let assignor = self.settings.remote_assignor.as_deref().map(text);
        let names = report.topics.as_ref().map(|topics| topics.iter().map(|name| TopicName(text(name))).collect());
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(self.group_id())
            .with_member_id(text(&self.member.id))
            .with_member_epoch(self.member.generation)
            .with_instance_id(self.instance())
            .with_rebalance_timeout_ms(if report.has_rebalance_timeout { timeout } else { -1 })
            .with_subscribed_topic_names(names)
            // It stays the same: it is said where all is.
            .with_subscribed_topic_regex(self.regex.as_deref().map(text).filter(|_| report.has_rebalance_timeout))
            .with_rack_id(self.settings.rack.as_deref().map(text).filter(|_| report.has_assignor))
            .with_server_assignor(assignor.filter(|_| report.has_assignor))
            .with_topic_partitions(report.owned.as_ref().map(named_by_id))
    }

    pub(super) fn reported(
        &mut self,
        sent: &Member,
        response: &ConsumerGroupHeartbeatResponse,
        turn: &mut Turn<'_, '_>,
    ) {
        let is_meant = self.member == *sent && self.is_member();
        self.membership().is_in_flight = false;
        let Some(error) = ResponseError::try_from_code(response.error_code) else {
            let interval = u64::try_from(response.heartbeat_interval_ms).unwrap_or(0) * MILLISECOND;
            let now = turn.now();
            let membership = self.membership();
            membership.retry = Retry::default();
            if interval != membership.interval_us {
                (membership.interval_us, membership.next) = (interval, now + interval);
            }
            if is_meant {
                self.told(response);
            }
            return;
        };
        self.report_failed(turn);
        match error {
            // It is asked again as soon as the other one is known.
            ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable => {
                self.membership().retry = Retry::default();
                self.forget_coordinator(turn);
            }
            ResponseError::FencedMemberEpoch | ResponseError::UnknownMemberId if is_meant => self.fenced(),
            // It has left, or begun anew, meanwhile.
            ResponseError::FencedMemberEpoch | ResponseError::UnknownMemberId => {}
            // It is asked again after a pause.
            ResponseError::CoordinatorLoadInProgress => {}
            // UNRELEASED_INSTANCE_ID, FENCED_INSTANCE_ID, UNSUPPORTED_ASSIGNOR, GROUP_MAX_SIZE_REACHED, INVALID_REQUEST ...
            error => {
                self.member.generation = 0;
                self.membership().drop_all(Standing::Outside);
                self.give_up(Heard::Lost);
                self.fail(error.code());
            }
        }
    }

    fn told(&mut self, response: &ConsumerGroupHeartbeatResponse) {
        self.member.generation = response.member_epoch;
        // `AsyncKafkaConsumer.updateGroupMetadata`
        if response.member_epoch > 0 {
            self.joined_as = self.member.clone();
        }
        if let Some(assignment) = &response.assignment {
            let of = |it: &kafka_protocol::messages::consumer_group_heartbeat_response::TopicPartitions| {
                (it.topic_id, it.partitions.iter().copied().collect())
            };
            self.membership().told(assignment.topic_partitions.iter().map(of).collect());
        }
    }

    /// What it has is lost, as it tells its program in the next `poll()`; then it joins anew (`transitionToFenced`).
    fn fenced(&mut self) {
        self.member.generation = 0;
        let membership = self.membership();
        membership.retry = Retry::default();
        membership.drop_all(Standing::Fenced);
    }

    /// A report was lost, or refused. The next one says all.
    pub(super) fn report_failed(&mut self, turn: &mut Turn<'_, '_>) {
        let retry = self.membership().retry;
        let retry = self.back_off(retry, ClientTimer::Coordinator, turn);
        let now = turn.now();
        let membership = self.membership();
        membership.forget_sent();
        (membership.is_in_flight, membership.retry, membership.next) = (false, retry, now);
    }

    /// False where nobody needs to be told, or nobody knows whom to tell (`transitionToSendingLeaveGroup`).
    pub(super) fn send_last_report(&mut self, is_for_good: bool, turn: &mut Turn<'_, '_>) -> bool {
        if !self.standing().beats() {
            return false;
        }
        let is_static = self.settings.instance_id.is_some();
        self.member.generation = if is_static { LEAVES_FOR_A_WHILE } else { LEAVES };
        let membership = self.membership();
        membership.drop_all(if is_for_good { Standing::Outside } else { Standing::Stale });
        let topics = if is_for_good { BTreeSet::new() } else { self.topics.iter().cloned().collect() };
        let report = self.membership().report(topics);
        let request = self.request_of(&report);
        self.membership().forget_sent();
        let sent = self.node.filter(|node| turn.network.is_ready(*node, turn.context));
        if let Some(node) = sent {
            let tag = Tag::Group(GroupTag::Leave);
            turn.network.send(node, Request::ConsumerGroupHeartbeat(request), tag, turn.context);
        }
        self.member.generation = 0;
        sent.is_some()
    }
}

fn named_by_id(partitions: &Partitions) -> Vec<TopicPartitions> {
    let of = |(topic, partitions): (&uuid::Uuid, &BTreeSet<i32>)| {
        TopicPartitions::default().with_topic_id(*topic).with_partitions(partitions.iter().copied().collect())
    };
    partitions.iter().map(of).collect()
}
