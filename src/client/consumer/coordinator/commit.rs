//! OffsetCommit (Kafka: `ConsumerCoordinator.commitOffsetsSync`, `commitOffsetsAsync`, `maybeAutoCommitOffsetsAsync`).

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse, TopicName};

use super::member::{Commit, Committed, GroupTag, Heard, Kind, Member, Preparing, Retry, Stage};
use super::{Coordinator, Tag, Turn, text};
use crate::client::timer::ClientTimer;
use crate::wire::Request;

impl Coordinator {
    /// Commits where `auto.commit.interval.ms` is over: what the previous `poll()` returned, for this one has returned
    /// nothing yet.
    pub(super) fn maybe_commit(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) {
        let Some(interval) = self.settings.auto_commit_interval_us else {
            // The program commits, or nobody.
            return;
        };
        if self.next_auto_commit <= turn.now() {
            self.next_auto_commit = turn.now() + interval;
            self.commit(Kind::Auto, consumed(), turn);
        }
        turn.network.set_timer(ClientTimer::Commit, self.next_auto_commit, turn.context);
    }

    /// Commits these offsets, now or as soon as the coordinator is known.
    pub(in crate::client::consumer) fn commit(&mut self, kind: Kind, offsets: Vec<Committed>, turn: &mut Turn<'_, '_>) {
        let number = self.commits_begun;
        self.commits_begun += 1;
        if kind == Kind::Sync {
            let deadline = turn.now() + self.settings.default_api_timeout_us;
            self.awaited = Some((number, deadline));
            turn.network.set_timer(ClientTimer::Call, deadline, turn.context);
        }
        self.commits.push_back(Commit { kind, offsets, retry: Retry::default(), number });
        self.send_commits(turn);
    }

    /// `commitSync()` has waited for `default.api.timeout.ms`: it throws a TimeoutException, whatever is still on its way.
    pub(super) fn time_out_commit(&mut self, turn: &mut Turn<'_, '_>) {
        // Nobody waits, or not for so long.
        let Some((number, _)) = self.awaited.take_if(|(_, deadline)| *deadline <= turn.now()) else { return };
        self.commits.retain(|commit| commit.number != number);
        let commit = Commit { kind: Kind::Sync, offsets: Vec::new(), retry: Retry::default(), number };
        self.heard.push_back(Heard::Committed { commit, error: ResponseError::RequestTimedOut.code() });
    }

    /// Whether the program has given up a commit for which it waited.
    fn is_given_up(&self, commit: &Commit) -> bool {
        commit.kind == Kind::Sync && self.awaited.is_none_or(|(number, _)| number != commit.number)
    }

    /// Sends what waits.
    pub(super) fn send_commits(&mut self, turn: &mut Turn<'_, '_>) {
        for mut commit in std::mem::take(&mut self.commits) {
            if commit.offsets.is_empty() {
                self.commit_done(commit, 0, turn);
            } else if commit.retry.not_before > turn.now() || !self.is_coordinator_known(turn) {
                self.commits.push_back(commit);
            } else if self.stage == Stage::Stable || self.membership.is_some() || !self.joins {
                self.send_commit(commit, turn);
            } else {
                // `RebalanceInProgressException` where it joins, `CommitFailedException` otherwise.
                let joins = matches!(self.stage, Stage::Preparing | Stage::Completing);
                let error = if joins { ResponseError::RebalanceInProgress } else { ResponseError::UnknownMemberId };
                commit.retry = Retry::default();
                self.commit_done(commit, error.code(), turn);
            }
        }
    }

    fn send_commit(&mut self, commit: Commit, turn: &mut Turn<'_, '_>) {
        let Some(node) = self.node.filter(|node| turn.network.is_ready(*node, turn.context)) else {
            // It goes once the connection is there.
            return self.commits.push_back(commit);
        };
        let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
        for Committed { place: (topic, partition), offset, epoch, metadata } in &commit.offsets {
            let partition = OffsetCommitRequestPartition::default()
                .with_partition_index(*partition)
                .with_committed_offset(*offset)
                .with_committed_leader_epoch(*epoch)
                .with_committed_metadata(Some(text(metadata)));
            topics.entry(topic).or_default().push(partition);
        }
        let topics = topics.into_iter().map(|(topic, partitions)| {
            OffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(partitions)
        });
        let (id, generation) = self.known_as();
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id_or_member_epoch(generation)
            .with_member_id(text(id))
            .with_group_instance_id(self.instance())
            .with_topics(topics.collect());
        self.commits_on_their_way += 1;
        let tag = Tag::Group(GroupTag::Commit(commit, self.member.clone()));
        turn.network.send(node, Request::OffsetCommit(request), tag, turn.context);
    }

    /// Its id and generation, or epoch; who is no member with an epoch has neither (`CommitRequestManager.onMemberEpochUpdated`).
    pub(super) fn known_as(&self) -> (&str, i32) {
        match &self.membership {
            Some(_) if self.member.generation <= 0 => ("", -1),
            Some(_) | None => (&self.member.id, self.member.generation),
        }
    }

    pub(super) fn committed(
        &mut self,
        commit: Commit,
        sent: &Member,
        response: &OffsetCommitResponse,
        turn: &mut Turn<'_, '_>,
    ) {
        let is_same = self.member == *sent;
        let codes = response.topics.iter().flat_map(|topic| topic.partitions.iter().map(|it| it.error_code));
        // The first that is not retriable counts, else the first.
        let errors: Vec<ResponseError> = codes.filter_map(ResponseError::try_from_code).collect();
        let fatal = errors.iter().find(|error| !error.is_retriable());
        let Some(error) = fatal.or(errors.first()).copied() else {
            self.commits_on_their_way -= 1;
            return self.commit_done(commit, 0, turn);
        };
        match error {
            ResponseError::NotCoordinator | ResponseError::CoordinatorNotAvailable | ResponseError::RequestTimedOut => {
                self.commit_failed(commit, turn);
                return self.forget_coordinator(turn);
            }
            error if error.is_retriable() => return self.commit_failed(commit, turn),
            // What is committed before partitions are given up is committed again with the epoch that it has now.
            ResponseError::StaleMemberEpoch if commit.kind == Kind::BeforeJoin && self.known_as().1 > 0 => {
                return self.commit_failed(commit, turn);
            }
            // What became of the member its heartbeats tell.
            _ if self.membership.is_some() => {}
            ResponseError::RebalanceInProgress => {
                self.rejoin("offset commit failed since group is already rebalancing")
            }
            ResponseError::FencedInstanceId if is_same => self.replaced(error.code()),
            ResponseError::UnknownMemberId | ResponseError::IllegalGeneration if is_same => {
                self.reset(error == ResponseError::IllegalGeneration, "error from OFFSET_COMMIT response");
            }
            // Of a former generation, or of what was said.
            _ => {}
        }
        self.commits_on_their_way -= 1;
        self.commit_done(commit, error.code(), turn);
    }

    /// It may have failed for a while only. Who waits for it tries again.
    pub(super) fn commit_failed(&mut self, mut commit: Commit, turn: &mut Turn<'_, '_>) {
        self.commits_on_their_way -= 1;
        if self.is_given_up(&commit) {
            return;
        }
        commit.retry = self.back_off(commit.retry, ClientTimer::Commit, turn);
        let is_given_up = self.membership.is_none() && !matches!(self.preparing, Preparing::Committing { .. });
        match commit.kind {
            Kind::BeforeJoin if is_given_up => {
                self.commit_done(commit, ResponseError::CoordinatorNotAvailable.code(), turn);
            }
            Kind::Sync | Kind::BeforeJoin | Kind::AtEnd => self.commits.push_back(commit),
            Kind::Auto => {
                self.next_auto_commit = self.next_auto_commit.min(commit.retry.not_before);
                self.commit_done(commit, ResponseError::CoordinatorNotAvailable.code(), turn);
            }
            // `RetriableCommitFailedException`
            Kind::Async => self.commit_done(commit, ResponseError::CoordinatorNotAvailable.code(), turn),
        }
    }

    fn commit_done(&mut self, commit: Commit, error: i16, turn: &mut Turn<'_, '_>) {
        if commit.kind == Kind::BeforeJoin && matches!(self.preparing, Preparing::Committing { .. }) {
            self.preparing = Preparing::Committed;
        }
        if !self.is_given_up(&commit) {
            self.awaited.take_if(|(number, _)| *number == commit.number);
            self.heard.push_back(Heard::Committed { commit, error });
        }
        self.leave_if_asked(turn);
    }
}
