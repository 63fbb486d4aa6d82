//! Where a consumer stands in one partition (Kafka: `SubscriptionState.TopicPartitionState`).

use super::policy::OffsetReset;
use crate::note::Moved;
use crate::sim::Time;

/// What the consumer does about a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has no position: an offset is asked for (ListOffsets).
    Reset { to: OffsetReset, asked: bool },
    /// The leader changed: whether the position is still in its log is asked for (KIP-320).
    Validate { asked: bool },
    /// It is fetched.
    Fetch,
    /// It has no position: what its group has committed is asked for (OffsetFetch).
    Committed,
    /// It has no position and no policy to find one.
    Stuck,
}

impl State {
    /// That of a partition without a position.
    pub(super) fn to_be_reset(policy: OffsetReset) -> Self {
        match policy {
            OffsetReset::None => Self::Stuck,
            to => Self::Reset { to, asked: false },
        }
    }
}

/// One partition of a consumer.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) state: State,
    /// The next offset to read.
    pub(super) offset: i64,
    /// Why it is looked for, where it is.
    pub(super) moved: Moved,
    /// It comes from a topic that had this name before.
    pub(super) is_of_former: bool,
    /// The leader epoch of the last record that was read, -1 where not known.
    pub(super) offset_epoch: i32,
    /// The leader, -1 for none known, and its epoch.
    pub(super) leader: i32,
    pub(super) leader_epoch: i32,
    /// The replica that its leader has named as nearer, and until when it is fetched from (KIP-392).
    pub(super) preferred: Option<(i32, Time)>,
    /// Nothing is asked for it before this.
    pub(super) retry_at: Time,
    pub(super) failures: u32,
    /// The leader's high watermark as of the last fetch, to a reader of committed records its last stable offset; -1 for not known.
    pub(super) high_watermark: i64,
    /// The program wants nothing of it for now (`pause()`), or it is about to be given up.
    pub(super) is_held: bool,
    /// Fetched batches of it wait for the program to take them.
    pub(super) is_buffered: bool,
    /// So many fetches had been sent when the partition came to this consumer: what they ask for is not meant.
    pub(super) since_fetch: u64,
}

impl Position {
    pub(super) fn new(policy: OffsetReset) -> Self {
        Self {
            state: State::to_be_reset(policy),
            offset: 0,
            moved: Moved::First,
            is_of_former: false,
            offset_epoch: -1,
            leader: -1,
            leader_epoch: -1,
            preferred: None,
            retry_at: 0,
            failures: 0,
            high_watermark: -1,
            is_held: false,
            is_buffered: false,
            since_fetch: 0,
        }
    }

    /// That of a partition that came to a member of a group.
    pub(super) fn in_group(fetches: u64) -> Self {
        Self { state: State::Committed, since_fetch: fetches, ..Self::new(OffsetReset::None) }
    }

    /// The same place in a topic that was created again under the same name: the leader that it had is kept where it is that of
    /// the new topic, too; any other is news.
    pub(super) fn in_new_topic(&self, leads_as_before: bool) -> Self {
        let Self { moved, offset, offset_epoch, .. } = *self;
        let is_held = self.is_held;
        let mut position =
            Self { state: self.state, moved, offset, offset_epoch, is_held, ..Self::new(OffsetReset::None) };
        position.is_of_former = self.is_known() || moved != Moved::First;
        position.ask_again();
        if leads_as_before {
            (position.leader, position.leader_epoch) = (self.leader, self.leader_epoch);
        }
        position
    }

    /// The program has moved it: what was asked for before is not meant any more.
    pub(super) fn sought(&mut self, offset: i64, fetches: u64) {
        (self.state, self.offset, self.offset_epoch) = (State::Fetch, offset, -1);
        (self.failures, self.retry_at, self.since_fetch) = (0, 0, fetches);
        self.is_of_former = false;
    }

    /// Where it is fetched from (`AbstractFetch.selectReadReplica`); -1 where no leader is known.
    pub(super) fn source(&self) -> i32 {
        self.preferred.map_or(self.leader, |(replica, _)| replica)
    }

    /// True where there is an offset to read on from.
    pub(super) fn is_known(&self) -> bool {
        match self.state {
            State::Validate { .. } | State::Fetch => true,
            State::Reset { .. } | State::Committed | State::Stuck => false,
        }
    }

    /// True where it is to be fetched now.
    pub(super) fn is_fetchable(&self, now: Time) -> bool {
        self.state == State::Fetch && !self.is_buffered && !self.is_held && self.retry_at <= now
    }

    /// True where an offset or the end of an epoch is to be asked for now.
    pub(super) fn asks(&self, now: Time) -> bool {
        matches!(self.state, State::Reset { asked: false, .. } | State::Validate { asked: false })
            && self.retry_at <= now
    }

    /// What was asked for is not known to have been answered.
    pub(super) fn ask_again(&mut self) {
        self.set_asked_to(false);
    }

    /// It was asked for.
    pub(super) fn set_asked(&mut self) {
        self.set_asked_to(true);
    }

    fn set_asked_to(&mut self, asked: bool) {
        self.state = match self.state {
            State::Reset { to, .. } => State::Reset { to, asked },
            State::Validate { .. } => State::Validate { asked },
            State::Fetch => State::Fetch,
            State::Committed => State::Committed,
            State::Stuck => State::Stuck,
        };
    }
}
