//! Groups and transactional ids, from what coordinators know and what clients believe.

use super::Present;
use crate::broker::groups::{Assigned, GroupSight, MemberPhase, MemberSight};
use crate::broker::{TRANSACTIONS_TOPIC, TransactionSight};
use crate::client::{MembershipSight, PartitionSight, assignment_of};
use crate::lab::check::Evidence;
use crate::lab::lag::{self, Standing};
use crate::lab::node::Node as Process;
use crate::sim::process::ProcessId;
use crate::view::coordination::{Group, GroupOffset, Member, Phase, Sequence, Stood, TransactionalId};
use crate::view::frame::{Node, Selection};
use crate::wire::TopicPartition;

/// Batches of a partition that are looked at for what its lag is made of.
const BATCHES: usize = 4_000;

impl Present<'_> {
    /// The groups of the scenario, and any other that a coordinator knows.
    pub(super) fn groups(&self, selection: &Selection) -> Vec<Group> {
        let known = lag::groups(&self.observer);
        let mut ids: Vec<String> = self.session.scenario().consumers.iter().filter_map(|it| it.group.clone()).collect();
        ids.extend(known.iter().map(|(_, it)| it.id.clone()));
        ids.sort();
        ids.dedup();
        ids.into_iter().map(|id| self.group(id, &known, selection)).collect()
    }

    fn group(&self, id: String, known: &[(i32, GroupSight)], selection: &Selection) -> Group {
        let sight = known.iter().find(|(_, it)| it.id == id);
        let members = self.members(&id, sight.map(|(_, it)| it));
        // Its coordinator is not known, or does not know it yet.
        let Some((coordinator, sight)) = sight else {
            let loading = self.names.brokers().any(|id| self.is_loading(id));
            return Group { id, members, loading, coordinator: -1, lasting_ms: -1, ..Group::default() };
        };
        let now_ms = self.observer.wall_ms(*coordinator);
        Group {
            protocol: sight.protocol.to_owned(),
            state: sight.state.to_owned(),
            lasting_ms: sight.since_ms.map_or(-1, |since| now_ms.saturating_sub(since).max(0)),
            epoch: sight.epoch,
            assignment_epoch: sight.assignment_epoch,
            assignor: sight.assignor.clone(),
            coordinator: *coordinator,
            loading: false,
            offsets: self.offsets(sight, &members, selection),
            members,
            id,
        }
    }

    fn is_loading(&self, broker: i32) -> bool {
        self.observer.is_running(broker) && self.observer.broker(broker).is_some_and(|it| it.is_loading_groups())
    }

    /// The group's processes, each with the member that it is; behind them members that no process is any more.
    fn members(&self, id: &str, sight: Option<&GroupSight>) -> Vec<Member> {
        let of_coordinator = sight.map_or(&[][..], |it| &it.members[..]);
        let leader = sight.map_or("", |it| it.leader.as_str());
        let mut rest: Vec<&MemberSight> = of_coordinator.iter().collect();
        let mut members = Vec::new();
        for (process, believes) in self.processes_of(id) {
            let place = rest.iter().position(|it| !believes.id.is_empty() && it.id == believes.id);
            let member = place.map(|place| rest.remove(place));
            members.push(Member {
                client: self.names.process(process),
                generation: believes.generation,
                has: self.indices(&believes.assigned),
                id: believes.id,
                ..member.map_or_else(Member::default, |it| self.member(it, leader))
            });
        }
        members.extend(rest.into_iter().map(|it| Member { former: true, ..self.member(it, leader) }));
        members
    }

    fn processes_of(&self, group: &str) -> Vec<(ProcessId, MembershipSight)> {
        let of = |process: ProcessId| match self.world.kernel().process(process) {
            Process::Reader(reader) if reader.consumer().group() == Some(group) => {
                Some((process, reader.consumer().membership()?))
            }
            Process::Pipeline(pipeline) if pipeline.consumer().group() == Some(group) => {
                Some((process, pipeline.consumer().membership()?))
            }
            Process::Reader(_)
            | Process::Pipeline(_)
            | Process::Controller(_)
            | Process::Broker(_)
            | Process::LoadGenerator(_)
            | Process::Administrator(_) => None,
        };
        self.names.consumers().chain(self.names.pipelines()).filter_map(of).collect()
    }

    fn member(&self, it: &MemberSight, leader: &str) -> Member {
        let due = match &it.assigned {
            // Who is not a consumer writes it otherwise: nothing is known of it.
            Assigned::Told(bytes) => assignment_of(bytes).unwrap_or_default(),
            Assigned::Known(places) => places.clone(),
        };
        Member {
            client: self.client(&it.client_id),
            id: it.id.clone(),
            instance: it.instance.clone().unwrap_or_default(),
            leads: it.id == leader,
            former: false,
            phase: match it.phase {
                MemberPhase::Stable => Phase::Stable,
                MemberPhase::Awaited => Phase::Awaited,
                MemberPhase::Joined => Phase::Joined,
                MemberPhase::Syncing => Phase::Syncing,
                MemberPhase::Revoking => Phase::Revoking,
                MemberPhase::Waiting => Phase::Waiting,
            },
            generation: -1,
            has: Vec::new(),
            due: self.indices(&due),
        }
    }

    /// Whose `client.id` this is. Whoever says none is known to coordinators by its address.
    fn client(&self, id: &str) -> String {
        let address = id.strip_prefix("client-").and_then(|number| number.parse().ok());
        address.map_or_else(|| id.to_owned(), |process| self.names.process(process))
    }

    /// The places of partitions in the frame; those of topics that are gone have none.
    fn indices(&self, places: &[(String, i32)]) -> Vec<u32> {
        let index = |(topic, index): &(String, i32)| self.index_of(self.find(topic, *index)?);
        places.iter().filter_map(index).collect()
    }

    fn offsets(&self, group: &GroupSight, members: &[Member], selection: &Selection) -> Vec<GroupOffset> {
        let is_selected = match selection {
            Selection::Group(id) => *id == group.id,
            Selection::Node(Node::Client(name)) => members.iter().any(|it| it.client == *name),
            Selection::None
            | Selection::Node(Node::Controller | Node::Broker(_))
            | Selection::Partition { .. }
            | Selection::Batch { .. }
            | Selection::Link(..)
            | Selection::Packet(_)
            | Selection::Event(_)
            | Selection::TransactionalId(_) => false,
        };
        let standings = lag::standings(group, &self.observer);
        let offset = |it: Standing| {
            let TopicPartition { topic, partition } = it.partition;
            let is_looked_at = is_selected || selection.partition() == Some((topic, partition));
            let name = self.topic(it.partition);
            let pending = group.offsets.iter().any(|known| known.pending && known.place == (name.clone(), partition));
            let lag = if it.end < 0 || it.committed < 0 { -1 } else { (it.end - it.committed).max(0) };
            Some(GroupOffset {
                partition: self.index_of(it.partition)?,
                committed: it.committed,
                pending,
                lag,
                parts: if is_looked_at && lag >= 0 { self.lag_parts(group, it) } else { None },
                series: if is_looked_at { self.series(&group.id, it.partition) } else { Vec::new() },
            })
        };
        standings.into_iter().filter_map(offset).collect()
    }

    fn lag_parts(&self, group: &GroupSight, it: Standing) -> Option<lag::LagParts> {
        let leader = self.image.partition(it.partition)?.leader;
        let (log, disk) = self.observer.log(leader, it.partition)?;
        let isolation = lag::isolation_of(self.session.scenario(), &group.id);
        Some(lag::split(log, disk, it.committed, isolation, BATCHES))
    }

    fn series(&self, group: &str, partition: TopicPartition) -> Vec<Stood> {
        let stood = |sample: &lag::Sample| {
            let (_, standings) = sample.groups.iter().find(|(id, _)| id == group)?;
            let it = standings.iter().find(|it| it.partition == partition)?;
            Some(Stood { at_us: sample.at, committed: it.committed, end: it.end })
        };
        self.world.lags().samples().filter_map(stood).collect()
    }

    /// The transactional ids that coordinators know.
    pub(super) fn transactional_ids(&self) -> Vec<TransactionalId> {
        // No producer has asked for a coordinator yet.
        let Some(topic) = self.image.topics.named(TRANSACTIONS_TOPIC) else { return Vec::new() };
        let leads = |broker: i32, partition: i32| {
            self.image.partition(TopicPartition { topic, partition }).is_some_and(|it| it.leader == broker)
        };
        let running = self.names.brokers().filter(|id| self.observer.is_running(*id));
        let brokers = running.filter_map(|id| Some((id, self.observer.broker(id)?)));
        let known = brokers.flat_map(|(id, broker)| broker.transactional_ids().into_iter().map(move |it| (id, it)));
        let mut ids: Vec<TransactionalId> =
            known.filter(|(id, it)| leads(*id, it.partition)).map(|(id, it)| self.transactional_id(id, it)).collect();
        ids.sort_by(|one, other| one.id.cmp(&other.id));
        ids
    }

    fn transactional_id(&self, coordinator: i32, it: TransactionSight) -> TransactionalId {
        let is_open = !it.partitions.is_empty() && it.start_ms >= 0;
        let now_ms = self.observer.wall_ms(coordinator);
        TransactionalId {
            coordinator,
            state: it.state.to_owned(),
            pending: it.is_pending,
            producer_id: it.producer_id,
            producer_epoch: it.producer_epoch,
            timeout_ms: it.timeout_ms,
            open_ms: if is_open { now_ms.saturating_sub(it.start_ms).max(0) } else { -1 },
            partitions: self.indices(&it.partitions),
            id: it.id,
        }
    }

    pub(super) fn sequence(&self, it: PartitionSight) -> Option<Sequence> {
        Some(Sequence {
            partition: self.index_of(it.partition)?,
            next: it.next_sequence,
            in_flight: it.in_flight as u32,
            queued: it.queued as u32,
            records: it.records,
        })
    }
}
