//! Groups and transactional ids, from what coordinators know and what clients believe.

use std::collections::BTreeSet;

use super::Present;
use crate::broker::groups::{Assigned, GroupSight, MemberPhase, MemberSight};
use crate::broker::{TRANSACTIONS_TOPIC, TransactionSight};
use crate::client::{MembershipSight, PartitionSight, Producer};
use crate::lab::check::Evidence;
use crate::lab::lag::{self, Standing};
use crate::lab::node::Node as Process;
use crate::sim::process::ProcessId;
use crate::view::coordination::{Group, GroupOffset, Member, Phase, Sending, Sequence, Stood, Table, TransactionalId};
use crate::view::frame::{Node, Selection};
use crate::view::state::State;
use crate::wire::{TopicPartition, assignment_of};

/// Batches of a partition that are looked at for what its lag is made of.
const BATCHES: usize = 4_000;

/// A program that belongs to a group.
#[derive(Clone, Copy)]
struct Planned<'a> {
    name: &'a str,
    group: &'a str,
    topics: &'a [String],
    /// The name of its table in the file, of a consumer.
    table: Option<&'a str>,
}

/// Whether nothing runs in this state.
fn is_gone(state: State) -> bool {
    match state {
        State::Killed | State::Halted | State::Stopped | State::PowerLost => true,
        State::Running | State::Fenced | State::Paused | State::Starting => false,
    }
}

impl Present<'_> {
    /// The groups of the scenario, and any other that a coordinator knows.
    pub(super) fn groups(&self, selection: &Selection) -> Vec<Group> {
        let known = lag::groups(&self.observer);
        let mut ids: Vec<String> = Vec::new();
        let planned = self.planned().map(|it| it.group);
        for id in planned.chain(known.iter().map(|(_, it)| it.id.as_str())) {
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        ids.into_iter().map(|id| self.group(id, &known, selection)).collect()
    }

    /// All programs that belong to groups, in the order of the processes.
    fn planned(&self) -> impl Iterator<Item = Planned<'_>> + Clone {
        let scenario = self.session.scenario();
        let consumers = scenario.consumers.iter().filter_map(|it| {
            Some(Planned { name: &it.name, group: it.group.as_deref()?, topics: &it.topics, table: Some(&it.table.0) })
        });
        let pipelines = scenario.pipelines.iter().map(|it| Planned {
            name: &it.name,
            group: &it.group,
            topics: &it.from,
            table: None,
        });
        consumers.chain(pipelines)
    }

    /// The tables of `[[consumer]]` whose programs belong to a group, where there may be more or fewer of them.
    fn tables_of(&self, group: &str) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        for it in self.planned().filter(|it| it.group == group) {
            // A consumer without `members` has the name of its table.
            let Some(name) = it.table.filter(|table| *table != it.name) else { continue };
            let place = tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
                tables.push(Table { name: name.to_owned(), ..Table::default() });
                tables.len() - 1
            });
            let process = self.names.consumers().find(|process| self.names.process(*process) == it.name);
            let is_there = process.is_some_and(|process| !is_gone(self.state(process)));
            tables[place].programs += 1;
            tables[place].running += u32::from(is_there);
        }
        tables
    }

    fn group(&self, id: String, known: &[(i32, GroupSight)], selection: &Selection) -> Group {
        let sight = known.iter().find(|(_, it)| it.id == id);
        let members = self.members(&id, sight.map(|(_, it)| it));
        let (partitions, tables) = (self.partitions_of(&id), self.tables_of(&id));
        // Its coordinator is not known, or does not know it yet.
        let Some((coordinator, sight)) = sight else {
            let loading = self.names.brokers().any(|id| self.is_loading(id));
            let (coordinator, lasting_ms) = (-1, -1);
            return Group { id, members, partitions, tables, loading, coordinator, lasting_ms, ..Group::default() };
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
            partitions,
            tables,
            offsets: self.offsets(sight, &members, selection),
            members,
            id,
        }
    }

    /// The partitions of the topics that a group's consumers read.
    fn partitions_of(&self, group: &str) -> Vec<u32> {
        let members = self.planned().filter(|it| it.group == group);
        let topics: BTreeSet<&str> = members.flat_map(|it| it.topics.iter().map(String::as_str)).collect();
        let is_read = |(partition, _): &&(TopicPartition, _)| topics.contains(self.names.topic(partition.topic));
        self.partitions.iter().filter(is_read).filter_map(|(partition, _)| self.index_of(*partition)).collect()
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
                number: self.number(&self.names.process(process)),
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
        let client = self.client(&it.host);
        Member {
            number: self.number(&client),
            client,
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

    /// The place of a client among all that belong to a group; whoever is none comes behind them.
    fn number(&self, client: &str) -> u32 {
        let count = self.planned().count();
        self.planned().position(|it| it.name == client).unwrap_or(count) as u32
    }

    /// Who is at an address. Several may have one `client.id`.
    fn client(&self, host: &str) -> String {
        let address = host.strip_prefix("/client-").and_then(|number| number.parse().ok());
        address.map_or_else(|| host.to_owned(), |process| self.names.process(process))
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

    /// The transactional ids that coordinators know, and those of producers that none knows (any more).
    pub(super) fn transactional_ids(&self) -> Vec<TransactionalId> {
        let mut ids = self.coordinated_ids();
        let unknown = |id: &String| ids.iter().all(|it| it.id != *id);
        let scenario = self.session.scenario();
        let producers = scenario.producers.iter().map(|it| &it.config);
        let producers = producers.chain(scenario.pipelines.iter().map(|it| &it.producer));
        let wanted: BTreeSet<String> =
            producers.filter_map(|it| it.transactional_id.0.clone()).filter(unknown).collect();
        ids.extend(wanted.into_iter().map(|id| TransactionalId {
            id,
            coordinator: -1,
            producer_id: -1,
            producer_epoch: -1,
            open_ms: -1,
            ..TransactionalId::default()
        }));
        ids.sort_by(|one, other| one.id.cmp(&other.id));
        ids
    }

    fn coordinated_ids(&self) -> Vec<TransactionalId> {
        // No producer has asked for a coordinator yet.
        let Some(topic) = self.image.topics.named(TRANSACTIONS_TOPIC) else { return Vec::new() };
        let leads = |broker: i32, partition: i32| {
            self.image.partition(TopicPartition { topic, partition }).is_some_and(|it| it.leader == broker)
        };
        let running = self.names.brokers().filter(|id| self.observer.is_running(*id));
        let brokers = running.filter_map(|id| Some((id, self.observer.broker(id)?)));
        let known = brokers.flat_map(|(id, broker)| broker.transactional_ids().into_iter().map(move |it| (id, it)));
        known.filter(|(id, it)| leads(*id, it.partition)).map(|(id, it)| self.transactional_id(id, it)).collect()
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

    /// What a client keeps that sends.
    pub(super) fn sending(&self, producer: &Producer) -> Sending {
        let (producer_id, producer_epoch) = producer.producer_id_and_epoch();
        Sending {
            producer_id,
            producer_epoch,
            transactional_id: producer.settings().transactional_id.clone().unwrap_or_default(),
            transaction: producer.transaction_state().unwrap_or_default().to_owned(),
            sequences: producer.partitions().filter_map(|it| self.sequence(it)).collect(),
        }
    }

    fn sequence(&self, it: PartitionSight) -> Option<Sequence> {
        Some(Sequence {
            partition: self.index_of(it.partition)?,
            next: it.next_sequence,
            in_flight: it.in_flight as u32,
            queued: it.queued as u32,
            records: it.records,
        })
    }
}
