//! A member of a group, of the classic protocol (Kafka: `ConsumerCoordinator`, `AbstractCoordinator`) or that of KIP-848
//! (`ConsumerMembershipManager` and the request managers beside it).
//!
//! Two threads of Kafka's consumer work here. The program's, in `poll()`, looks for the coordinator, joins the group and
//! takes over what it is assigned; the other one tells the coordinator that the member lives. That one stands still while the
//! group is joined: an answer that comes then waits for the next `poll()`.

mod assign;
mod beat;
mod commit;
mod join;
mod leave;
mod look_up;
pub(super) mod member;
mod membership;
mod offsets;
mod reconcile;
mod report;
pub(super) mod settings;
mod silence;
mod sync;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use kafka_protocol::messages::GroupId;
use kafka_protocol::protocol::StrBytes;

use member::{
    Commit, Committed, GroupTag, Heard, Joining, Leaving, Member, MembershipSight, Place, Preparing, Retry, Stage,
};
use membership::Membership;
use settings::GroupSettings;
use silence::Beat;

use super::tag::Tag;
use crate::client::network::{Network, response};
use crate::client::timer::ClientTimer;
use crate::client::{ClientContext, GroupOffsets, NetworkSettings, backoff};
use crate::settings::{Assignor, Fix, GroupProtocol};
use crate::sim::Time;
use crate::wire::{Message, Response};

/// A member of a group.
#[derive(Clone, Debug)]
pub(super) struct Coordinator {
    settings: Arc<GroupSettings>,
    network: Arc<NetworkSettings>,
    group: String,
    topics: Vec<String>,
    /// By which regular expression it subscribes beside that: the coordinator knows which topics it means.
    regex: Option<String>,
    /// The node of the coordinator, if it is known.
    node: Option<i32>,
    is_looked_up: bool,
    look_up: Retry,
    member: Member,
    /// With the protocol of KIP-848: where it stands. Its epoch is the generation of `member`; what follows up to `is_prepared`
    /// is the classic protocol's.
    membership: Option<Membership>,
    stage: Stage,
    /// Another generation is needed.
    rejoins: bool,
    reason: &'static str,
    joining: Joining,
    join: Retry,
    /// What comes before a JoinGroup was done.
    is_prepared: bool,
    preparing: Preparing,
    /// The topics with their partitions as this leader assigned them; `None` where it does not lead.
    assigned_from: Option<BTreeMap<String, u32>>,
    /// What is its own.
    assigned: BTreeSet<Place>,
    /// What it was given last, and in which generation: what assignors are told.
    given: (Vec<Place>, i32),
    /// Who it was in the group when `poll()` took that over: what the program is told, though it may be no member any more.
    joined_as: Member,
    beat: Beat,
    commits: VecDeque<Commit>,
    commits_on_their_way: u32,
    /// How many commits there were.
    commits_begun: u64,
    /// The commit for which the program waits in `commitSync()`, and until when.
    awaited: Option<(u64, Time)>,
    next_auto_commit: Time,
    offsets_asked: bool,
    offsets: Retry,
    /// What the program wants to know in `committed()`.
    to_tell: Option<Vec<Place>>,
    /// It is a member, or becomes one: the program has not chosen its partitions itself.
    joins: bool,
    /// Answers that came while nobody looked.
    unheard: VecDeque<(GroupTag, Arc<Message>)>,
    in_poll: bool,
    leaving: Leaving,
    /// When it leaves though something is still to be committed.
    closes_by: Time,
    failed: bool,
    heard: VecDeque<Heard>,
}

/// What a member works with.
pub(super) struct Turn<'a, 'c> {
    pub(super) network: &'a mut Network<Tag>,
    pub(super) context: &'a mut ClientContext<'c>,
}

impl Turn<'_, '_> {
    fn now(&self) -> Time {
        self.context.now()
    }
}

impl Coordinator {
    /// One that is no member yet; `None` where the settings name no group.
    pub(super) fn of(settings: &GroupSettings, network: &NetworkSettings) -> Option<Self> {
        Some(Self {
            group: settings.id.clone()?,
            settings: Arc::new(settings.clone()),
            network: Arc::new(network.clone()),
            topics: Vec::new(),
            regex: None,
            node: None,
            is_looked_up: false,
            look_up: Retry::default(),
            member: Member::unknown(),
            membership: (settings.protocol == GroupProtocol::Consumer).then(Membership::new),
            stage: Stage::Unjoined,
            rejoins: true,
            reason: "",
            joining: Joining::No,
            join: Retry::default(),
            is_prepared: false,
            preparing: Preparing::NotBegun,
            assigned_from: None,
            assigned: BTreeSet::new(),
            given: (Vec::new(), -1),
            joined_as: Member::unknown(),
            beat: Beat::default(),
            commits: VecDeque::new(),
            commits_on_their_way: 0,
            commits_begun: 0,
            awaited: None,
            next_auto_commit: 0,
            offsets_asked: false,
            offsets: Retry::default(),
            to_tell: None,
            joins: true,
            unheard: VecDeque::new(),
            in_poll: false,
            leaving: Leaving::No,
            closes_by: 0,
            failed: false,
            heard: VecDeque::new(),
        })
    }

    pub(super) fn subscribe(&mut self, topic: &str) {
        self.topics.push(topic.to_owned());
    }

    /// The coordinator looks for the topics that this means (KIP-848).
    pub(super) fn subscribe_by(&mut self, regex: &str) {
        assert!(self.membership.is_some(), "only with KIP-848 that is the coordinator's");
        self.regex = Some(regex.to_owned());
    }

    /// These topics match its pattern now: where they are others than those with which it has joined, it joins again
    /// (`ConsumerCoordinator.rejoinNeededOrPending`). With KIP-848 the next heartbeat says so.
    pub(super) fn subscribe_to(&mut self, topics: &[String]) {
        if self.topics == topics {
            return;
        }
        self.topics = topics.to_vec();
        if self.membership.is_none() && self.stage != Stage::Unjoined {
            self.rejoin("the subscription has changed");
        }
    }

    /// The program chooses its partitions itself: the group keeps its offsets.
    pub(super) fn only_keeps_offsets(&mut self) {
        self.joins = false;
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    /// The broker that it takes for the coordinator: its connection is another one than that for records.
    pub(super) fn broker(&self) -> Option<i32> {
        self.node.map(|node| i32::MAX - node)
    }

    pub(super) fn sight(&self) -> MembershipSight {
        MembershipSight {
            id: self.member.id.clone(),
            generation: self.member.generation,
            state: self.membership.as_ref().map_or(self.stage.name(), |member| member.standing.name()),
            assigned: self.assigned.iter().cloned().collect(),
        }
    }

    /// Who it is in its group, as transactions say it (`ConsumerCoordinator.groupMetadata`). A member that is none any more
    /// says who it was last, and is refused by that.
    pub(super) fn group_metadata(&self, offsets: Vec<(String, i32, i64)>) -> GroupOffsets {
        if self.network.without.lacks(Fix::Kip447Fencing) {
            let (group_id, member_id) = (self.group.clone(), String::new());
            return GroupOffsets { group_id, generation: -1, member_id, group_instance_id: None, offsets };
        }
        GroupOffsets {
            group_id: self.group.clone(),
            generation: self.joined_as.generation,
            member_id: self.joined_as.id.clone(),
            group_instance_id: self.settings.instance_id.clone(),
            offsets,
        }
    }

    /// What is its own now.
    pub(super) fn assigned(&self) -> &BTreeSet<Place> {
        &self.assigned
    }

    pub(super) fn next_heard(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }

    /// Nothing that was fetched is handed over while all of it is about to be given up
    /// (`SubscriptionState.markPendingRevocation`).
    pub(super) fn holds_back(&self) -> bool {
        let gives_up_all = self.membership.is_none() && !self.is_cooperative();
        self.failed || self.preparing != Preparing::NotBegun && gives_up_all
    }

    /// The program's thread in `poll()`: the coordinator is known and the group joined, as far as that goes without
    /// waiting; then offsets are committed where it is time.
    pub(super) fn poll(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) {
        self.in_poll = true;
        self.beat.polled(turn.now());
        if !self.joins {
            self.is_coordinator_known(turn);
            return self.maybe_commit(consumed, turn);
        }
        if self.membership.is_some() && !self.failed {
            return self.poll_member(consumed, turn);
        }
        while let Some((tag, message)) = self.unheard.pop_front() {
            self.hear(tag, &message, turn);
        }
        if self.failed || !self.is_coordinator_known(turn) {
            return;
        }
        self.watch_topics(turn);
        self.join_if_needed(consumed, turn);
        if !self.is_joining() {
            self.maybe_commit(consumed, turn);
        }
    }

    /// What goes on whether the program polls or not.
    pub(super) fn work(&mut self, turn: &mut Turn<'_, '_>) {
        match self.membership {
            Some(_) => self.report_if_due(turn),
            None => self.beat(turn),
        }
        self.time_out_commit(turn);
        self.send_commits(turn);
        self.go_on_telling(turn);
        self.leave_if_asked(turn);
    }

    /// The program has left `poll()`.
    pub(super) fn poll_returned(&mut self, now: Time) {
        self.in_poll = false;
        self.beat.polled(now);
    }

    /// An answer of the coordinator, or about it. Nobody takes it as long as the program works and the other thread stands
    /// still.
    pub(super) fn answered(&mut self, tag: GroupTag, message: &Arc<Message>, turn: &mut Turn<'_, '_>) {
        let is_looked_at = self.in_poll || self.beats() || !matches!(tag, GroupTag::Join(_));
        if is_looked_at {
            self.hear(tag, message, turn);
        } else {
            self.unheard.push_back((tag, Arc::clone(message)));
        }
    }

    fn hear(&mut self, tag: GroupTag, message: &Message, turn: &mut Turn<'_, '_>) {
        match (tag, response(message)) {
            (GroupTag::LookUp, Response::FindCoordinator(it)) => self.looked_up(it, turn),
            (GroupTag::Join(sent), Response::JoinGroup(it)) => self.join_answered(&sent, it, turn),
            (GroupTag::Sync(sent), Response::SyncGroup(it)) => self.synced(&sent, it, turn),
            (GroupTag::Heartbeat(sent), Response::Heartbeat(it)) => self.beaten(&sent, it.error_code, turn),
            (GroupTag::Report(sent), Response::ConsumerGroupHeartbeat(it)) => self.reported(&sent, it, turn),
            (GroupTag::Leave, Response::LeaveGroup(_) | Response::ConsumerGroupHeartbeat(_)) => self.left(),
            (GroupTag::Commit(commit, sent), Response::OffsetCommit(it)) => self.committed(commit, &sent, it, turn),
            (GroupTag::Offsets(asked), Response::OffsetFetch(it)) => self.offsets_answered((asked, false), it, turn),
            (GroupTag::Asked(asked), Response::OffsetFetch(it)) => self.offsets_answered((asked, true), it, turn),
            (tag, response) => panic!("{tag:?} was answered with {:?}", response.api()),
        }
    }

    /// A request is lost with its connection: that was the coordinator's, unless it asked who that is.
    pub(super) fn lost(&mut self, node: i32, tag: GroupTag, turn: &mut Turn<'_, '_>) {
        if self.node == Some(node) {
            self.node = None;
        }
        match tag {
            GroupTag::LookUp => self.look_up_failed(turn),
            GroupTag::Join(_) | GroupTag::Sync(_) => self.join_failed(true, turn),
            GroupTag::Heartbeat(_) => self.beat_failed(turn),
            GroupTag::Report(_) => self.report_failed(turn),
            GroupTag::Leave => self.left(),
            GroupTag::Commit(commit, _) => self.commit_failed(commit, turn),
            GroupTag::Offsets(_) => self.offsets_failed(turn),
            GroupTag::Asked(asked) => {
                self.asked_in_vain(asked, true);
                self.offsets_failed(turn);
            }
        }
    }

    /// The connection to the coordinator is gone: it is looked for again (`checkAndGetCoordinator`).
    pub(super) fn disconnected(&mut self, node: i32) {
        if self.node == Some(node) {
            self.node = None;
        }
    }

    /// The coordinator is another one, or none (`markCoordinatorUnknown`): what it was asked is not waited for.
    fn forget_coordinator(&mut self, turn: &mut Turn<'_, '_>) {
        // It is forgotten already.
        let Some(node) = self.node.take() else { return };
        let lost = turn.network.disconnect(node, turn.context);
        for tag in lost.into_iter().flat_map(|lost| lost.requests) {
            if let Tag::Group(tag) = tag {
                self.lost(node, tag, turn);
            }
        }
    }

    /// It is no member any more, or not of this generation: all that it has is lost (`resetStateAndRejoin`).
    fn reset(&mut self, keeps_id: bool, reason: &'static str) {
        let id = if keeps_id { std::mem::take(&mut self.member.id) } else { String::new() };
        self.member = Member { id, ..Member::unknown() };
        self.stage = Stage::Unjoined;
        self.rejoin(reason);
    }

    fn rejoin(&mut self, reason: &'static str) {
        (self.rejoins, self.reason) = (true, reason);
    }

    /// `AbstractCoordinator.rejoinNeededOrPending`
    fn is_joining(&self) -> bool {
        self.joins && self.membership.is_none() && (self.rejoins || !matches!(self.joining, Joining::No))
    }

    /// Another one has its `group.instance.id` and what it had: that is lost, as the program of a real one was told when it
    /// closed.
    fn replaced(&mut self, error: i16) {
        (self.member, self.stage) = (Member::unknown(), Stage::Unjoined);
        self.fail(error);
    }

    /// It cannot be a member.
    fn fail(&mut self, error: i16) {
        if !std::mem::replace(&mut self.failed, true) {
            self.heard.push_back(Heard::Failed(error));
        }
    }

    /// Whether members keep what they have while they join: the last that all its assignors can do (KIP-429,
    /// `ConsumerCoordinator`).
    fn is_cooperative(&self) -> bool {
        self.settings.assignors.iter().all(|assignor| *assignor == Assignor::CooperativeSticky)
    }

    fn group_id(&self) -> GroupId {
        GroupId(text(&self.group))
    }

    fn instance(&self) -> Option<StrBytes> {
        self.settings.instance_id.as_deref().map(text)
    }

    /// How long to wait after so many failures.
    fn back_off(&self, retry: Retry, timer: ClientTimer, turn: &mut Turn<'_, '_>) -> Retry {
        let failures = retry.failures + 1;
        let network = &self.network;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        let not_before = turn.now() + backoff::exponential(initial, max, failures, turn.context.random());
        turn.network.set_timer(timer, not_before, turn.context);
        Retry { not_before, failures }
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
