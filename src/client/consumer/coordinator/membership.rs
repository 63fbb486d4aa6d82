//! Where a member of a group of KIP-848 stands (Kafka: `AbstractMembershipManager`, `ConsumerMembershipManager`,
//! `ConsumerHeartbeatRequestManager.HeartbeatState`).

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::member::{Place, Retry};
use crate::sim::Time;

/// Partitions by the ids of their topics: this protocol names no topics.
pub(super) type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// How far it is (`MemberState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has not begun, or has left for good.
    Outside,
    /// It asks to be taken in.
    Joining,
    /// It shall have other partitions than it has.
    Reconciling,
    /// It has taken them over, and the coordinator does not know yet.
    Acknowledging,
    Stable,
    /// The coordinator does not know it, or not at its epoch: what it has is lost, as the program hears in `poll()`.
    Fenced,
    /// The program has not polled for too long: it has left, until the program polls again.
    Stale,
}

impl Standing {
    /// Kafka's name (`MemberState`).
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Outside => "UNSUBSCRIBED",
            Self::Joining => "JOINING",
            Self::Reconciling => "RECONCILING",
            Self::Acknowledging => "ACKNOWLEDGING",
            Self::Stable => "STABLE",
            Self::Fenced => "FENCED",
            Self::Stale => "STALE",
        }
    }

    /// Whether the coordinator is told that it lives (`shouldSkipHeartbeat`).
    pub(super) fn beats(self) -> bool {
        match self {
            Self::Joining | Self::Reconciling | Self::Acknowledging | Self::Stable => true,
            Self::Outside | Self::Fenced | Self::Stale => false,
        }
    }

    /// Whether a heartbeat goes without waiting for the interval (`shouldHeartbeatNow`).
    pub(super) fn beats_now(self) -> bool {
        match self {
            Self::Joining | Self::Acknowledging => true,
            Self::Reconciling | Self::Stable | Self::Outside | Self::Fenced | Self::Stale => false,
        }
    }
}

/// Partitions with the number of the change that brought them (`LocalAssignment`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalAssignment {
    number: u64,
    pub(super) partitions: Partitions,
}

impl LocalAssignment {
    /// As many of them as could be resolved.
    pub(super) fn with(&self, partitions: Partitions) -> Self {
        Self { number: self.number, partitions }
    }
}

/// What the coordinator was told last: what has not changed is left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    rebalance_timeout: bool,
    topics: Option<BTreeSet<String>>,
    assignor: bool,
    assignment: Option<Option<LocalAssignment>>,
}

/// What a report says beside who the member is; `None` is left out.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) has_rebalance_timeout: bool,
    pub(super) topics: Option<BTreeSet<String>>,
    pub(super) has_assignor: bool,
    pub(super) owned: Option<Partitions>,
}

/// A step to another assignment that has begun.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) resolved: LocalAssignment,
    pub(super) places: BTreeSet<Place>,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) standing: Standing,
    /// What it shall have, and what it has as far as the coordinator hears.
    target: Option<LocalAssignment>,
    current: Option<LocalAssignment>,
    sent: Sent,
    /// `group.consumer.heartbeat.interval.ms`, as the coordinator has told it; none before it has.
    pub(super) interval_us: Time,
    /// When the next heartbeat is due.
    pub(super) next: Time,
    pub(super) retry: Retry,
    pub(super) is_in_flight: bool,
    pub(super) step: Option<Step>,
}

impl Membership {
    pub(super) fn new() -> Self {
        Self {
            standing: Standing::Outside,
            target: None,
            current: None,
            sent: Sent::default(),
            interval_us: 0,
            next: 0,
            retry: Retry::default(),
            is_in_flight: false,
            step: None,
        }
    }

    /// It begins anew, with nothing (`transitionToJoining`).
    pub(super) fn join(&mut self) {
        self.drop_all(Standing::Joining);
        self.sent = Sent::default();
    }

    /// It has nothing any more (`clearAssignment`).
    pub(super) fn drop_all(&mut self, standing: Standing) {
        (self.target, self.current, self.step) = (None, None, None);
        self.standing = standing;
    }

    /// The next report says all.
    pub(super) fn forget_sent(&mut self) {
        self.sent = Sent::default();
    }

    /// Whether it has what it shall have.
    pub(super) fn is_reconciled(&self) -> bool {
        self.target == self.current
    }

    /// What it shall have, if it was told.
    pub(super) fn target(&self) -> Option<&LocalAssignment> {
        self.target.as_ref()
    }

    /// What it has as far as the coordinator hears.
    pub(super) fn current(&self) -> Option<&LocalAssignment> {
        self.current.as_ref()
    }

    /// The coordinator says what it shall have (`processAssignmentReceived`).
    pub(super) fn told(&mut self, partitions: Partitions) {
        let number = match &self.target {
            Some(target) if target.partitions == partitions => None,
            Some(target) => Some(target.number + 1),
            None => Some(0),
        };
        if let Some(number) = number {
            self.target = Some(LocalAssignment { number, partitions });
        }
        if !self.is_reconciled() {
            self.standing = Standing::Reconciling;
        } else if matches!(self.standing, Standing::Reconciling | Standing::Joining) {
            self.standing = Standing::Stable;
        }
    }

    /// It has this now; the coordinator is to be told.
    pub(super) fn took_over(&mut self, resolved: LocalAssignment) {
        self.current = Some(resolved);
        self.standing = Standing::Acknowledging;
    }

    /// What the next report says: all of it where it joins, else what has changed.
    pub(super) fn report(&mut self, topics: BTreeSet<String>) -> Report {
        let all = self.standing == Standing::Joining;
        let is_other = |sent: &Option<BTreeSet<String>>| sent.as_ref() != Some(&topics);
        let report = Report {
            has_rebalance_timeout: all || !self.sent.rebalance_timeout,
            topics: (all || is_other(&self.sent.topics)).then(|| topics.clone()),
            has_assignor: all || !self.sent.assignor,
            owned: (all || self.sent.assignment.as_ref() != Some(&self.current)).then(|| self.owned()),
        };
        let assignment = Some(self.current.clone());
        self.sent = Sent { rebalance_timeout: true, topics: Some(topics), assignor: true, assignment };
        report
    }

    fn owned(&self) -> Partitions {
        self.current.as_ref().map(|current| current.partitions.clone()).unwrap_or_default()
    }

    /// A report is on its way (`onHeartbeatRequestGenerated`).
    pub(super) fn reported(&mut self, now: Time) {
        (self.is_in_flight, self.next) = (true, now + self.interval_us);
        if self.standing == Standing::Acknowledging {
            self.standing = if self.is_reconciled() { Standing::Stable } else { Standing::Reconciling };
        }
    }
}
