//! What a member of a group is, remembers and is told.

use bytes::Bytes;

use crate::client::consumer::query::GroupOffset;
use crate::sim::Time;

/// A partition by the name of its topic: members of a group speak of topics by name.
pub(in crate::client::consumer) type Place = (String, i32);

/// Who it is in the group (`AbstractCoordinator.Generation`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::client::consumer) struct Member {
    pub(super) generation: i32,
    /// Empty as long as the coordinator has given it none.
    pub(super) id: String,
    pub(super) protocol: Option<String>,
}

impl Member {
    pub(super) const fn unknown() -> Self {
        Self { generation: -1, id: String::new(), protocol: None }
    }
}

/// What a member of a group believes of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipSight {
    /// The id that the coordinator gave it; empty for none.
    pub id: String,
    /// The generation that it is in, or its epoch; -1 for none.
    pub generation: i32,
    /// How far it is, by Kafka's name (`AbstractCoordinator.MemberState`).
    pub state: &'static str,
    /// What it has, by the names of topics.
    pub assigned: Vec<(String, i32)>,
}

/// How far it is (`AbstractCoordinator.MemberState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Unjoined,
    /// JoinGroup is on its way.
    Preparing,
    /// SyncGroup is on its way.
    Completing,
    Stable,
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Unjoined => "UNJOINED",
            Self::Preparing => "PREPARING_REBALANCE",
            Self::Completing => "COMPLETING_REBALANCE",
            Self::Stable => "STABLE",
        }
    }
}

/// What became of the last JoinGroup and the SyncGroup behind it.
#[derive(Clone, Debug)]
pub(super) enum Joining {
    /// There is none.
    No,
    OnItsWay,
    /// It was assigned this, which `poll()` takes over.
    Assigned(Bytes),
}

/// Something that is tried again after a while.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retry {
    pub(super) not_before: Time,
    pub(super) failures: u32,
}

/// What a member remembers of a request until it is answered.
#[derive(Clone, Debug)]
pub(in crate::client::consumer) enum GroupTag {
    LookUp,
    Join(Member),
    Sync(Member),
    Heartbeat(Member),
    Report(Member),
    Leave,
    Commit(Commit, Member),
    Offsets(Vec<Place>),
    /// The same for the program, in `committed()`.
    Asked(Vec<Place>),
}

/// What the consumer hears of its group.
#[derive(Clone, Debug)]
pub(in crate::client::consumer) enum Heard {
    /// These partitions came to it (`onPartitionsAssigned`).
    Assigned { generation: i32, places: Vec<Place> },
    /// It is about to give these up: nothing more of them is handed over (`SubscriptionState.markPendingRevocation`).
    Revoking(Vec<Place>),
    /// It gives these up (`onPartitionsRevoked`).
    Revoked(Vec<Place>),
    /// These are another's already, maybe (`onPartitionsLost`).
    Lost(Vec<Place>),
    /// What the group has committed of partitions of this member.
    Found(Vec<Committed>),
    /// The same for the program, in `committed()`.
    Told(Vec<Committed>),
    /// Offsets were committed, or were not.
    Committed { commit: Commit, error: i16 },
    /// It cannot be a member: Kafka's `poll()` throws this from now on.
    Failed(i16),
    /// The program has not polled for `max.poll.interval.ms`.
    PollExpired,
    /// It has left, and may end.
    Left,
}

/// Why offsets are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client::consumer) enum Kind {
    /// `auto.commit.interval.ms` is over.
    Auto,
    /// `enable.auto.commit`, before the group is joined again.
    BeforeJoin,
    /// The same at the end.
    AtEnd,
    /// The program waits in `commitSync()`.
    Sync,
    /// The program has called `commitAsync()`.
    Async,
}

/// Offsets to commit.
#[derive(Clone, Debug)]
pub(in crate::client::consumer) struct Commit {
    pub(in crate::client::consumer) kind: Kind,
    pub(in crate::client::consumer) offsets: Vec<Committed>,
    pub(super) retry: Retry,
    /// Which of its member's commits this is.
    pub(super) number: u64,
}

/// Where a group is in a partition.
#[derive(Clone, Debug)]
pub(in crate::client::consumer) struct Committed {
    pub(in crate::client::consumer) place: Place,
    /// The next offset to read; -1 where nothing is committed.
    pub(in crate::client::consumer) offset: i64,
    /// The leader epoch of the record before it, -1 where not known.
    pub(in crate::client::consumer) epoch: i32,
    /// What the program says with it.
    pub(in crate::client::consumer) metadata: String,
}

impl Committed {
    /// One with which nothing is said.
    pub(in crate::client::consumer) fn plain(place: Place, offset: i64, epoch: i32) -> Self {
        Self { place, offset, epoch, metadata: String::new() }
    }

    pub(in crate::client::consumer) fn of(offset: GroupOffset) -> Self {
        let GroupOffset { topic, partition, offset, leader_epoch, metadata } = offset;
        Self { place: (topic, partition), offset, epoch: leader_epoch, metadata }
    }

    pub(in crate::client::consumer) fn into_offset(self) -> GroupOffset {
        let Self { place: (topic, partition), offset, epoch, metadata } = self;
        GroupOffset { topic, partition, offset, leader_epoch: epoch, metadata }
    }
}

/// What comes before a JoinGroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preparing {
    NotBegun,
    /// What was read is committed first, until then at the latest.
    Committing {
        deadline: Time,
    },
    Committed,
}

/// How far the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    No,
    /// What was read is committed first.
    Committing,
    Asked,
    Done,
}
