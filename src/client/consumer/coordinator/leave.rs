//! LeaveGroup: at the end, or because the program does not poll (Kafka: `AbstractCoordinator.maybeLeaveGroup`,
//! `ConsumerCoordinator.close`).

use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::leave_group_request::MemberIdentity;

use super::member::{Committed, GroupTag, Heard, Kind, Leaving, Stage};
use super::{Coordinator, Tag, Turn, text};
use crate::client::timer::ClientTimer;
use crate::sim::{SECOND, Time};
use crate::wire::Request;

/// How long a consumer takes to close at most (`ConsumerUtils.DEFAULT_CLOSE_TIMEOUT_MS`).
const CLOSE_TIMEOUT: Time = 30 * SECOND;

impl Coordinator {
    /// The program closes the consumer.
    pub(in crate::client::consumer) fn close(
        &mut self,
        consumed: &dyn Fn() -> Vec<Committed>,
        turn: &mut Turn<'_, '_>,
    ) {
        self.in_poll = false;
        self.leaving = Leaving::Committing;
        self.closes_by = turn.now() + CLOSE_TIMEOUT;
        turn.network.set_timer(ClientTimer::Coordinator, self.closes_by, turn.context);
        if self.settings.auto_commit_interval_us.is_some() && self.node.is_some() {
            self.commit(Kind::AtEnd, consumed(), turn);
        }
        self.leave_if_asked(turn);
    }

    /// Leaves once nothing is to be committed any more. A static member stays: its next life has its place (KIP-345).
    pub(super) fn leave_if_asked(&mut self, turn: &mut Turn<'_, '_>) {
        let commits = !self.commits.is_empty() || self.commits_on_their_way > 0;
        if self.leaving != Leaving::Committing || commits && turn.now() < self.closes_by {
            return;
        }
        self.leaving = Leaving::Asked;
        // The first generation is 1, as is the first epoch.
        let is_lost = self.member.generation <= 0 || self.member.id.is_empty();
        self.give_up(if is_lost { Heard::Lost } else { Heard::Revoked });
        if !self.send_leave("the consumer is being closed", turn) {
            self.left();
        }
    }

    /// The program has not polled for `max.poll.interval.ms`: others shall have what it has.
    pub(super) fn leave_for_now(&mut self, turn: &mut Turn<'_, '_>) {
        self.heard.push_back(Heard::PollExpired);
        if self.membership.is_some() {
            self.send_last_report(false, turn);
            return;
        }
        self.send_leave("consumer poll timeout has expired.", turn);
        self.reset(false, "consumer pro-actively leaving the group");
    }

    /// False where nobody needs to be told.
    fn send_leave(&mut self, reason: &str, turn: &mut Turn<'_, '_>) -> bool {
        if self.membership.is_some() {
            return self.send_last_report(true, turn);
        }
        let is_static = self.settings.instance_id.is_some();
        if is_static || self.stage == Stage::Unjoined || self.member.id.is_empty() {
            return false;
        }
        // Nobody knows whom to tell.
        let Some(node) = self.node.filter(|node| turn.network.is_ready(*node, turn.context)) else { return false };
        let member = MemberIdentity::default().with_member_id(text(&self.member.id)).with_reason(Some(text(reason)));
        let request = LeaveGroupRequest::default().with_group_id(self.group_id()).with_members(vec![member]);
        turn.network.send(node, Request::LeaveGroup(request), Tag::Group(GroupTag::Leave), turn.context);
        true
    }

    pub(super) fn left(&mut self) {
        if self.leaving == Leaving::Asked {
            self.leaving = Leaving::Done;
            self.stage = Stage::Unjoined;
            self.heard.push_back(Heard::Left);
        }
    }
}
