//! Groups as this broker sees them, as plain values: whoever shows or checks them needs no request.

use bytes::Bytes;

use super::classic::{ClassicGroup, ClassicMember, ClassicState};
use super::consumer::{ConsumerGroup, ConsumerMember, MemberState, assignor_of};
use super::group::Group;
use super::offsets::Committed;
use super::records::{OwnedPartitions, Partitions};
use super::shard::GroupShard;
use crate::broker::Broker;
use crate::broker::coordinator::{CoordinatorRuntime, CoordinatorShard};
use crate::wire::ClusterImage;

/// A partition by the name of its topic: groups speak of topics by name.
pub type Place = (String, i32);

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSight {
    /// `group.id`
    pub id: String,
    /// The partition of `__consumer_offsets` to which it belongs.
    pub partition: i32,
    /// `classic` or `consumer`, as ListGroups has it.
    pub protocol: &'static str,
    /// Its state, as ListGroups has it.
    pub state: &'static str,
    /// When it came to its state, on this broker's wall clock.
    pub since_ms: Option<i64>,
    /// The generation, or the group epoch (KIP-848).
    pub epoch: i32,
    /// The epoch of the target assignment; of the classic protocol the generation.
    pub assignment_epoch: i32,
    /// The assignor; empty where none was chosen.
    pub assignor: String,
    /// The member that assigns; empty where the coordinator does, or nobody.
    pub leader: String,
    /// Its members, by id.
    pub members: Vec<MemberSight>,
    /// What it has committed, by topic and partition.
    pub offsets: Vec<OffsetSight>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSight {
    /// Its id.
    pub id: String,
    /// `group.instance.id`
    pub instance: Option<String>,
    /// `client.id`
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// The generation, or its own epoch (KIP-848).
    pub epoch: i32,
    /// What it is at.
    pub phase: MemberPhase,
    /// What it shall have.
    pub assigned: Assigned,
}

/// What a member is assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    /// As a member of the classic protocol was told: the coordinator does not look into it (`ConsumerProtocolAssignment`).
    Told(Bytes),
    /// As the coordinator has assigned it.
    Known(Vec<Place>),
}

/// What a member is at, as its coordinator knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberPhase {
    /// It has what it shall have.
    Stable,
    /// The group is joined anew, and it has not joined yet.
    Awaited,
    /// It has joined and waits for the others.
    Joined,
    /// It waits for what the leader assigns.
    Syncing,
    /// It has to give up partitions first.
    Revoking,
    /// It waits for partitions that others have.
    Waiting,
}

/// What is committed of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetSight {
    /// Which.
    pub place: Place,
    /// The next offset to read; -1 where nothing is committed.
    pub offset: i64,
    /// A transaction that is not over has another one.
    pub pending: bool,
}

impl Broker {
    /// The groups that it coordinates, by the partitions of `__consumer_offsets` that it leads and has read.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupSight> {
        let runtime = self.coordinators.typed::<CoordinatorRuntime<GroupShard>>();
        let Some((_, runtime)) = runtime else { unreachable!("every broker has a coordinator of groups") };
        let serving = runtime.serving().filter_map(|partition| Some((partition, runtime.shards(partition).ok()?)));
        let seen = |(partition, (live, committed)): (i32, (&GroupShard, &GroupShard))| {
            let sights = live.groups.iter().map(|(id, group)| of_group(id, partition, group, committed, self.image()));
            sights.collect::<Vec<_>>()
        };
        serving.flat_map(seen).collect()
    }

    /// Whether it leads this partition of `__consumer_offsets` and is still reading it, or any of them.
    #[must_use]
    pub fn is_loading_groups(&self) -> bool {
        let runtime = self.coordinators.typed::<CoordinatorRuntime<GroupShard>>();
        runtime.is_some_and(|(_, runtime)| runtime.is_loading())
    }
}

/// The topic in whose partitions groups live.
pub const GROUPS_TOPIC: &str = GroupShard::TOPIC;

fn of_group(id: &str, partition: i32, group: &Group, committed: &GroupShard, image: &ClusterImage) -> GroupSight {
    let offsets = committed.offsets.places_of(id).into_iter().map(|(topic, index)| OffsetSight {
        offset: committed.offsets.get(id, &topic, index).map_or(-1, |Committed { value, .. }| value.offset),
        pending: committed.offsets.is_pending(id, &topic, index),
        place: (topic, index),
    });
    let sight = match group {
        Group::Classic(group) => of_classic(group),
        Group::Consumer(group) => of_consumer(group, image),
    };
    GroupSight {
        id: id.to_owned(),
        partition,
        protocol: group.type_name(),
        state: group.state_name(),
        offsets: offsets.collect(),
        ..sight
    }
}

/// What only the group itself knows; the rest is filled in.
fn blank() -> GroupSight {
    GroupSight {
        id: String::new(),
        partition: 0,
        protocol: "",
        state: "",
        since_ms: None,
        epoch: 0,
        assignment_epoch: 0,
        assignor: String::new(),
        leader: String::new(),
        members: Vec::new(),
        offsets: Vec::new(),
    }
}

fn of_classic(group: &ClassicGroup) -> GroupSight {
    let member = |it: &ClassicMember| MemberSight {
        id: it.id.clone(),
        instance: it.instance.clone(),
        client_id: it.client_id.clone(),
        host: it.client_host.clone(),
        epoch: group.generation,
        phase: match group.state {
            ClassicState::Stable | ClassicState::Empty => MemberPhase::Stable,
            ClassicState::PreparingRebalance if it.joining.is_some() => MemberPhase::Joined,
            ClassicState::PreparingRebalance => MemberPhase::Awaited,
            ClassicState::CompletingRebalance => MemberPhase::Syncing,
        },
        // What was assigned in the generation before says nothing while there is a new one.
        assigned: match group.state {
            ClassicState::Stable => Assigned::Told(it.assignment.clone()),
            ClassicState::Empty | ClassicState::PreparingRebalance | ClassicState::CompletingRebalance => {
                Assigned::Known(Vec::new())
            }
        },
    };
    GroupSight {
        since_ms: group.since_ms,
        epoch: group.generation,
        assignment_epoch: group.generation,
        assignor: group.protocol.clone().unwrap_or_default(),
        leader: group.leader.clone().unwrap_or_default(),
        members: group.members.values().map(member).collect(),
        ..blank()
    }
}

fn of_consumer(group: &ConsumerGroup, image: &ClusterImage) -> GroupSight {
    let member = |it: &ConsumerMember| MemberSight {
        id: it.id.clone(),
        instance: it.said.instance.clone(),
        client_id: it.said.client_id.clone(),
        host: it.said.client_host.clone(),
        epoch: it.epoch,
        phase: match it.state {
            MemberState::Stable => MemberPhase::Stable,
            MemberState::Unrevoked => MemberPhase::Revoking,
            MemberState::Unreleased => MemberPhase::Waiting,
            MemberState::Unknown => MemberPhase::Awaited,
        },
        assigned: Assigned::Known(match group.targets.get(&it.id) {
            Some(target) => named(target, image),
            None => named_owned(&it.assigned, image),
        }),
    };
    GroupSight {
        since_ms: Some(group.target.timestamp_ms).filter(|ms| *ms > 0),
        epoch: group.epoch,
        assignment_epoch: group.target.epoch,
        assignor: assignor_of(group.members.values()).to_owned(),
        members: group.members.values().map(member).collect(),
        ..blank()
    }
}

/// Topics that are gone are left out: nobody knows their names.
fn named(target: &Partitions, image: &ClusterImage) -> Vec<Place> {
    let known = target.iter().filter_map(|(id, partitions)| Some((image.topics.with_id(*id)?, partitions)));
    let places = known.flat_map(|(topic, partitions)| {
        partitions.iter().map(move |partition| (image.topics.name_of(topic).to_owned(), *partition))
    });
    places.collect()
}

fn named_owned(owned: &OwnedPartitions, image: &ClusterImage) -> Vec<Place> {
    named(&owned.iter().map(|(id, partitions)| (*id, partitions.keys().copied().collect())).collect(), image)
}
