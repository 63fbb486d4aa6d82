//! What checkers see of a world: the controller's image, and every broker's logs.

use std::collections::BTreeMap;
use std::ops::Range;

use litemap::LiteMap;

use super::check::{BatchMark, Commit, Evidence, LogEnds, Pipe, RecordMark, Stored, Unchecked, Visible};
use super::names::{Names, Role};
use super::node::{self, Node};
use super::scenario::Scenario;
use crate::broker::coordinators::partition_of;
use crate::broker::groups::{CommitPlace, GROUPS_TOPIC, GroupStanding, read_commit};
use crate::broker::{Broker, DIRECTORY, TransactionView};
use crate::client::{Consumer, MembershipSight};
use crate::log::marker::Marker;
use crate::log::{ReplicaLog, batch, checkpoints, segment};
use crate::note::{RecordId, TransactionCall, TransactionError};
use crate::service::{Commits, Pace};
use crate::settings::{Acks, AutoOffsetReset, ConsumerConfig, GroupProtocol, IsolationLevel};
use crate::sim::disk::{Disk, FileId};
use crate::sim::kernel::{Kernel, Status};
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::{ClusterImage, TopicPartition};

/// The bytes of an entry of a `.timeindex` file: a timestamp of eight, and an offset of four behind the segment's first.
const TIME_ENTRY_BYTES: u32 = 12;
/// Bytes of a log that are read at once.
const READ_BYTES: u32 = 1 << 20;

/// A look at a world.
#[derive(Clone, Copy)]
pub struct Observer<'a> {
    /// All processes.
    pub kernel: &'a Kernel<Node>,
    /// Their names.
    pub names: &'a Names,
    /// Their settings.
    pub scenario: &'a Scenario,
    /// What killed processes knew, as long as they are down: their page cache still has it.
    pub last_states: &'a LiteMap<ProcessId, Node>,
}

impl<'a> Observer<'a> {
    /// A broker as it is, or as it was when it was killed.
    #[must_use]
    pub fn broker(&self, id: i32) -> Option<&'a Broker> {
        let process = self.names.broker(id)?;
        match self.last_states.get(&process).unwrap_or_else(|| self.kernel.process(process)) {
            Node::Broker(broker) => Some(broker),
            Node::Controller(_)
            | Node::LoadGenerator(_)
            | Node::Reader(_)
            | Node::Pipeline(_)
            | Node::Administrator(_) => None,
        }
    }

    /// The log of a broker's replica and the disk it is on.
    #[must_use]
    pub fn log(&self, broker: i32, partition: TopicPartition) -> Option<(&'a ReplicaLog, &'a Disk)> {
        let disk = self.kernel.disk(self.names.broker(broker)?);
        Some((self.broker(broker)?.log(partition)?, disk))
    }

    /// The same by the number of the broker's process.
    #[must_use]
    pub fn log_of(&self, process: ProcessId, partition: TopicPartition) -> Option<(&'a ReplicaLog, &'a Disk)> {
        match self.names.role(process)? {
            Role::Broker(broker) => self.log(broker, partition),
            Role::Controller | Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator => None,
        }
    }

    /// Who leads a partition; `None` where nobody does.
    #[must_use]
    pub fn leader_of(&self, partition: TopicPartition) -> Option<i32> {
        self.image().partition(partition).map(|image| image.leader).filter(|leader| *leader >= 0)
    }

    /// Where a process that lives reads on in a partition.
    #[must_use]
    pub fn position_of(&self, process: ProcessId, partition: TopicPartition) -> Option<i64> {
        let lives = matches!(self.kernel.status(process), Status::Running | Status::Paused);
        self.position(process, partition).filter(|_| lives)
    }

    /// Whether a process has begun at all: members of a group that join later are there from the beginning, and do not live.
    #[must_use]
    pub fn has_joined(&self, process: ProcessId) -> bool {
        let is_spare = match self.names.role(process) {
            Some(Role::Consumer(place)) => self.scenario.consumers[place].is_spare,
            Some(Role::Controller | Role::Broker(_) | Role::Producer(_) | Role::Pipeline(_) | Role::Administrator)
            | None => false,
        };
        !is_spare || self.kernel.incarnation(process) > 1
    }

    /// Whether a program has records of a partition in hand that it works on, and may not poll before that is done.
    #[must_use]
    pub fn works_on(&self, process: ProcessId, partition: TopicPartition) -> bool {
        match self.kernel.process(process) {
            Node::Reader(reader) => self.kernel.status(process) == Status::Running && reader.works_on(partition),
            Node::Pipeline(pipeline) => self.kernel.status(process) == Status::Running && pipeline.works_on(partition),
            Node::Controller(_) | Node::Broker(_) | Node::LoadGenerator(_) | Node::Administrator(_) => false,
        }
    }

    /// Whom a client takes for the leader of a partition, as far as it knows. A pipeline reads of its one partition and sends to
    /// the other.
    #[must_use]
    pub fn leader_known_to(&self, client: ProcessId, partition: TopicPartition) -> Option<i32> {
        match self.kernel.process(client) {
            Node::LoadGenerator(generator) => generator.producer().takes_for_leader(partition),
            Node::Reader(reader) => reader.consumer().takes_for_leader(partition),
            Node::Pipeline(pipeline) => {
                let read = pipeline.consumer().takes_for_leader(partition);
                read.or_else(|| pipeline.producer().takes_for_leader(partition))
            }
            Node::Controller(_) | Node::Broker(_) | Node::Administrator(_) => None,
        }
    }

    /// The consumer of a process, if it has one.
    fn consumer(&self, process: ProcessId) -> Option<&'a Consumer> {
        match self.kernel.process(process) {
            Node::Reader(reader) => Some(reader.consumer()),
            Node::Pipeline(pipeline) => Some(pipeline.consumer()),
            Node::Controller(_) | Node::Broker(_) | Node::LoadGenerator(_) | Node::Administrator(_) => None,
        }
    }

    /// What the thread of a program that reads is at.
    #[must_use]
    pub fn pace_of(&self, process: ProcessId) -> Option<Pace> {
        match self.kernel.process(process) {
            Node::Reader(reader) => Some(reader.pace()),
            Node::Pipeline(pipeline) => Some(pipeline.pace()),
            Node::Controller(_) | Node::Broker(_) | Node::LoadGenerator(_) | Node::Administrator(_) => None,
        }
    }

    /// Whom a member takes for its group's coordinator; `None` where it looks for it.
    #[must_use]
    pub fn coordinator_known_to(&self, member: ProcessId) -> Option<i32> {
        self.consumer(member)?.takes_for_coordinator()
    }

    /// What a member of a group believes of itself; `None` for who is none.
    #[must_use]
    pub fn membership(&self, process: ProcessId) -> Option<MembershipSight> {
        self.consumer(process)?.membership()
    }

    /// The id by which a member knows itself; `None` where it has none.
    #[must_use]
    pub fn member_id_of(&self, process: ProcessId) -> Option<String> {
        self.membership(process).map(|sight| sight.id)
    }

    /// `request.timeout.ms` of a consumer.
    #[must_use]
    pub fn request_timeout_ms(&self, consumer: ProcessId) -> u64 {
        self.consumer_config(consumer).map_or(0, |config| config.request_timeout_ms)
    }

    /// Whether a member speaks the protocol of KIP-848. One that speaks the classic one may be in a consumer group, too.
    #[must_use]
    pub fn is_modern(&self, member: ProcessId) -> bool {
        self.consumer_config(member).is_some_and(|config| config.group_protocol == GroupProtocol::Consumer)
    }

    /// How long a coordinator waits for a heartbeat of a member.
    #[must_use]
    pub fn session_timeout_ms(&self, member: ProcessId) -> u64 {
        match self.is_modern(member) {
            true => self.scenario.cluster.config.group_consumer_session_timeout_ms,
            false => self.consumer_config(member).map_or(0, |config| config.session_timeout_ms),
        }
    }

    /// How long it is between two heartbeats of a member.
    #[must_use]
    pub fn heartbeat_interval_ms(&self, member: ProcessId) -> u64 {
        match self.is_modern(member) {
            true => self.scenario.cluster.config.group_consumer_heartbeat_interval_ms,
            false => self.consumer_config(member).map_or(0, |config| config.heartbeat_interval_ms),
        }
    }

    fn consumer_config(&self, process: ProcessId) -> Option<&'a ConsumerConfig> {
        match self.names.role(process)? {
            Role::Consumer(place) => Some(&self.scenario.consumers[place].config),
            Role::Pipeline(place) => Some(&self.scenario.pipelines[place].consumer),
            // Nobody else reads.
            Role::Controller | Role::Broker(_) | Role::Producer(_) | Role::Administrator => None,
        }
    }

    /// The call of a transaction that a process's thread is in.
    #[must_use]
    pub fn in_call(&self, process: ProcessId) -> Option<TransactionCall> {
        match self.kernel.process(process) {
            Node::LoadGenerator(generator) => generator.producer().in_call(),
            Node::Pipeline(pipeline) => pipeline.producer().in_call(),
            Node::Controller(_) | Node::Broker(_) | Node::Reader(_) | Node::Administrator(_) => None,
        }
        .filter(|_| self.kernel.status(process) == Status::Running)
    }

    /// The producer id of a process that sends.
    #[must_use]
    pub fn producer_id(&self, process: ProcessId) -> Option<i64> {
        match self.kernel.process(process) {
            Node::LoadGenerator(generator) => Some(generator.producer().producer_id_and_epoch().0),
            Node::Pipeline(pipeline) => Some(pipeline.producer().producer_id_and_epoch().0),
            Node::Controller(_) | Node::Broker(_) | Node::Reader(_) | Node::Administrator(_) => None,
        }
    }

    /// Why the transactions of a process cannot go on.
    #[must_use]
    pub fn transaction_error(&self, process: ProcessId) -> Option<TransactionError> {
        match self.kernel.process(process) {
            Node::LoadGenerator(generator) => generator.producer().transaction_error(),
            Node::Pipeline(pipeline) => pipeline.producer().transaction_error(),
            Node::Controller(_) | Node::Broker(_) | Node::Reader(_) | Node::Administrator(_) => None,
        }
    }

    /// The `transactional.id` of a process that sends.
    #[must_use]
    pub fn transactional_id(&self, process: ProcessId) -> Option<&'a str> {
        match self.names.role(process)? {
            Role::Producer(place) => self.scenario.producers[place].config.transactional_id.0.as_deref(),
            Role::Pipeline(place) => self.scenario.pipelines[place].producer.transactional_id.0.as_deref(),
            // Nobody else sends.
            Role::Controller | Role::Broker(_) | Role::Consumer(_) | Role::Administrator => None,
        }
    }

    /// The partitions of which a pipeline has sent records that are not stored.
    #[must_use]
    pub fn unsent_of(&self, process: ProcessId) -> Vec<TopicPartition> {
        match self.kernel.process(process) {
            Node::Pipeline(pipeline) => {
                let topic = self.image().topics.named(&pipeline.settings().to);
                let unsent = pipeline.producer().unsent();
                let of = |topic| unsent.iter().map(move |partition| TopicPartition { topic, partition: *partition });
                topic.into_iter().flat_map(of).collect()
            }
            Node::Controller(_)
            | Node::Broker(_)
            | Node::LoadGenerator(_)
            | Node::Reader(_)
            | Node::Administrator(_) => Vec::new(),
        }
    }

    /// The partition of an internal topic to which a group or a transactional id belongs; `None` before the topic is there.
    #[must_use]
    pub fn seat_of(&self, topic: &str, id: &str) -> Option<TopicPartition> {
        let number = self.image().topics.named(topic)?;
        let partitions = self.image().topics.get(number)?.partitions.len() as i32;
        Some(TopicPartition { topic: number, partition: partition_of(id, partitions) })
    }

    /// Visits the batches of a log that lie in `from..to`, wholly or in part, with their bytes.
    pub fn batch_bytes(
        &self,
        broker: i32,
        partition: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(&batch::BatchHeader, &[u8]),
    ) {
        // Where no such replica is open there is nothing to visit.
        let Some((log, disk)) = self.log(broker, partition) else { return };
        let mut at = from.max(log.log_start_offset());
        while at < to {
            // What cannot be read ends it, as it ends a consumer.
            let Ok(data) = log.read(disk, at, READ_BYTES, log.log_end_offset(), true) else { return };
            let before = at;
            for (header, bytes) in batch::batches(&data.bytes) {
                if header.base_offset >= to {
                    return;
                }
                visit(&header, bytes);
                at = header.next_offset();
            }
            if at == before {
                return;
            }
        }
    }

    /// Visits what `take` makes of each record in `offsets`. A batch that does not match its CRC is read by nobody.
    fn visit_records<T>(
        &self,
        broker: i32,
        partition: TopicPartition,
        offsets: Range<i64>,
        take: impl Fn(&batch::BatchHeader, &batch::Record<'_>) -> T,
        visit: &mut dyn FnMut(Stored<T>),
    ) {
        self.batch_bytes(broker, partition, offsets.start, offsets.end, &mut |header, bytes| {
            if batch::check_crc(bytes, header).is_err() {
                return visit(Stored::Corrupt { base: header.base_offset, last: header.last_offset() });
            }
            let Ok(body) = batch::Body::of(bytes) else { return };
            let Ok(records) = body.records() else { return };
            let wanted = |record: &batch::Record<'_>| !header.is_control() && offsets.contains(&record.offset);
            for record in records.flatten().filter(wanted) {
                visit(Stored::Record(take(header, &record)));
            }
        });
    }
}

impl Evidence for Observer<'_> {
    fn image(&self) -> &ClusterImage {
        node::image(self.kernel)
    }

    fn is_running(&self, broker: i32) -> bool {
        self.names.broker(broker).is_some_and(|process| self.kernel.status(process) == Status::Running)
    }

    fn incarnation(&self, broker: i32) -> u32 {
        self.names.broker(broker).map_or(0, |process| self.kernel.incarnation(process))
    }

    fn log_ends(&self, broker: i32, partition: TopicPartition) -> Option<LogEnds> {
        let (log, _) = self.log(broker, partition)?;
        Some(LogEnds {
            log_start: log.log_start_offset(),
            high_watermark: log.high_watermark(),
            log_end: log.log_end_offset(),
        })
    }

    fn batches(&self, broker: i32, partition: TopicPartition, from: i64, to: i64, visit: &mut dyn FnMut(BatchMark)) {
        // Where no such replica is open there is nothing to visit.
        let Some((log, disk)) = self.log(broker, partition) else { return };
        for stored in log.batches(disk, from.max(log.log_start_offset())) {
            let header = stored.header;
            if header.base_offset >= to {
                return;
            }
            visit(BatchMark {
                base: header.base_offset,
                last: header.last_offset(),
                crc: header.crc,
                size: header.size(),
                leader_epoch: header.partition_leader_epoch,
                max_timestamp: header.max_timestamp,
            });
            // To look for the next one is as dear as to visit it.
            if header.next_offset() >= to {
                return;
            }
        }
    }

    fn records(
        &self,
        broker: i32,
        partition: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(Stored<(i64, Option<RecordId>)>),
    ) {
        let id = |record: &batch::Record<'_>| RecordId::of_headers(record.headers());
        self.visit_records(broker, partition, from..to, |_, record| (record.offset, id(record)), visit);
    }

    fn record_marks(
        &self,
        broker: i32,
        partition: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(Stored<RecordMark>),
    ) {
        let mark = |header: &batch::BatchHeader, record: &batch::Record<'_>| RecordMark {
            offset: record.offset,
            key: record.key.map(crc32c::crc32c),
            value: record.value.map(crc32c::crc32c),
            timestamp: record.timestamp,
            leader_epoch: header.partition_leader_epoch,
            is_transactional: header.is_transactional(),
            horizon_ms: header.delete_horizon_ms(),
        };
        self.visit_records(broker, partition, from..to, mark, visit);
    }

    fn elects_unclean(&self, partition: TopicPartition) -> bool {
        let topic = self.image().topics.get(partition.topic);
        let told = topic.and_then(|topic| topic.config.get("unclean.leader.election.enable"));
        told.map_or(self.scenario.cluster.config.unclean_leader_election_enable, |told| told == "true")
    }

    fn wall_ms(&self, broker: i32) -> i64 {
        let clock = self.names.broker(broker).map(|process| self.kernel.clock(process));
        clock.map_or(0, |clock| (clock.wall(self.kernel.time()) / MILLISECOND) as i64)
    }

    fn waits_for_all(&self, producer: u32) -> bool {
        match self.names.role(producer) {
            Some(Role::Producer(place)) => self.scenario.producers[place].config.acks == Acks::All,
            Some(Role::Pipeline(place)) => self.scenario.pipelines[place].producer.acks == Acks::All,
            Some(Role::Controller | Role::Broker(_) | Role::Consumer(_) | Role::Administrator) | None => false,
        }
    }

    fn auto_offset_reset(&self, consumer: u32) -> AutoOffsetReset {
        match self.names.role(consumer) {
            Some(Role::Consumer(place)) => self.scenario.consumers[place].config.auto_offset_reset,
            Some(Role::Pipeline(place)) => self.scenario.pipelines[place].consumer.auto_offset_reset,
            role @ (Some(Role::Controller | Role::Broker(_) | Role::Producer(_) | Role::Administrator) | None) => {
                panic!("process {consumer} reads, and is no consumer but {role:?}")
            }
        }
    }

    fn reads_committed(&self, consumer: u32) -> bool {
        match self.names.role(consumer) {
            Some(Role::Consumer(place)) => {
                self.scenario.consumers[place].config.isolation_level == IsolationLevel::ReadCommitted
            }
            Some(Role::Pipeline(place)) => {
                self.scenario.pipelines[place].consumer.isolation_level == IsolationLevel::ReadCommitted
            }
            Some(Role::Controller | Role::Broker(_) | Role::Producer(_) | Role::Administrator) | None => false,
        }
    }

    fn position(&self, consumer: u32, partition: TopicPartition) -> Option<i64> {
        match self.kernel.process(consumer) {
            Node::Reader(reader) => reader.consumer().position(partition),
            Node::Pipeline(pipeline) => pipeline.consumer().position(partition),
            Node::Controller(_) | Node::Broker(_) | Node::LoadGenerator(_) | Node::Administrator(_) => None,
        }
    }

    fn partition_name(&self, partition: TopicPartition) -> String {
        self.names.partition(partition)
    }

    fn readers(&self) -> Vec<(u32, Vec<String>)> {
        let topics = self.scenario.consumers.iter().map(|consumer| consumer.topics.clone());
        let pipelines = self.scenario.pipelines.iter().map(|pipeline| pipeline.from.clone());
        self.names.consumers().zip(topics).chain(self.names.pipelines().zip(pipelines)).collect()
    }

    fn commits(&self, consumer: u32) -> bool {
        match self.names.role(consumer) {
            Some(Role::Consumer(place)) => {
                let consumer = &self.scenario.consumers[place];
                consumer.commits != Commits::Auto || consumer.config.enable_auto_commit
            }
            // What a pipeline commits may stand in a transaction, which is looked at by itself; nobody else reads.
            Some(Role::Controller | Role::Broker(_) | Role::Producer(_) | Role::Pipeline(_) | Role::Administrator)
            | None => false,
        }
    }

    fn coordinated(&self, group: &str) -> Option<(i32, GroupStanding)> {
        let standing = |id| match self.kernel.process(self.names.broker(id)?) {
            Node::Broker(broker) => Some((id, broker.group_standing(group)?)),
            Node::Controller(_)
            | Node::LoadGenerator(_)
            | Node::Reader(_)
            | Node::Pipeline(_)
            | Node::Administrator(_) => None,
        };
        self.names.brokers().find_map(standing)
    }

    fn group_of(&self, consumer: u32) -> Option<&str> {
        match self.names.role(consumer)? {
            Role::Consumer(place) => self.scenario.consumers[place].group.as_deref(),
            Role::Pipeline(place) => Some(&self.scenario.pipelines[place].group),
            // Nobody else reads.
            Role::Controller | Role::Broker(_) | Role::Producer(_) | Role::Administrator => None,
        }
    }

    fn open_transaction(&self, broker: i32, partition: TopicPartition) -> Option<(i64, i64)> {
        let (log, _) = self.log(broker, partition)?;
        log.producers().first_undecided_offset().zip(log.producers().first_undecided_producer())
    }

    fn transaction_waits_for(&self, producer_id: i64) -> String {
        let running = self.names.brokers().filter(|id| self.is_running(*id));
        let known = running.filter_map(|id| Some((id, self.broker(id)?.transaction_of(producer_id)?))).next();
        // That is the answer.
        let Some((coordinator, known)) = known else { return "no broker that runs coordinates it".to_owned() };
        let TransactionView { id, state, is_open, remaining } = known;
        let its = format!("its coordinator, broker {coordinator}, has {id} as {state}");
        match remaining {
            Some(partitions) => {
                let led = |(topic, partition): &(String, i32)| {
                    let number = self.names.find_partition(topic, partition.cast_unsigned());
                    let leader = number.and_then(|number| self.image().partition(number)).map_or(-1, |it| it.leader);
                    format!("{topic}-{partition}, which broker {leader} leads")
                };
                let partitions: Vec<String> = partitions.iter().map(led).collect();
                format!("{its}, and waits for its marker in {}", partitions.join(" and "))
            }
            None if is_open => format!("{its}, and waits for its producer or for transaction.timeout.ms"),
            None => format!("{its}: it knows of no transaction there, and nobody will end it"),
        }
    }

    fn pipelines(&self) -> Vec<Pipe> {
        let mut pipes: Vec<Pipe> = Vec::new();
        for (process, it) in self.names.pipelines().zip(&self.scenario.pipelines) {
            let is_its = |pipe: &&mut Pipe| {
                pipe.group == it.group && pipe.to == it.to && pipe.from == it.from && pipe.delivery == it.delivery()
            };
            match pipes.iter_mut().find(is_its) {
                Some(pipe) => pipe.members.push(process),
                None => pipes.push(Pipe {
                    name: format!("pipeline {}", it.group),
                    group: it.group.clone(),
                    from: it.from.clone(),
                    to: it.to.clone(),
                    dead_letter: it.poison.as_ref().and_then(|poison| poison.dead_letter.clone()),
                    copies: it.copies,
                    delivery: it.delivery(),
                    members: vec![process],
                }),
            }
        }
        // Who shares a group with others does part of their work.
        let groups: Vec<String> = pipes.iter().map(|pipe| pipe.group.clone()).collect();
        let is_others = |pipe: &Pipe| {
            let is_it = |group: &Option<String>| group.as_ref() == Some(&pipe.group);
            self.scenario.consumers.iter().any(|consumer| is_it(&consumer.group))
                || groups.iter().filter(|group| **group == pipe.group).count() > 1
        };
        pipes.retain(|pipe| !is_others(pipe));
        pipes
    }

    fn visible_records(
        &self,
        broker: i32,
        partition: TopicPartition,
        to: i64,
        visit: &mut dyn FnMut(i64, RecordId, Visible),
    ) {
        // Of each producer what is in a transaction without a marker so far.
        let mut open: BTreeMap<i64, Vec<(i64, RecordId)>> = BTreeMap::new();
        self.batch_bytes(broker, partition, 0, to, &mut |header, bytes| {
            if let Some(marker) = Marker::read(header, bytes) {
                let ended = open.remove(&header.producer_id).unwrap_or_default();
                ended.into_iter().filter(|_| !marker.aborts).for_each(|(at, record)| visit(at, record, Visible::Yes));
                return;
            }
            // What nobody can read is given to nobody.
            if header.is_control() || batch::check_crc(bytes, header).is_err() {
                return;
            }
            // The same of what cannot be unpacked.
            let Ok(body) = batch::Body::of(bytes) else { return };
            // The same.
            let Ok(records) = body.records() else { return };
            let ours = records.flatten().filter_map(|it| Some((it.offset, RecordId::of_headers(it.headers())?)));
            if header.is_transactional() {
                open.entry(header.producer_id).or_default().extend(ours);
            } else {
                ours.for_each(|(offset, record)| visit(offset, record, Visible::Yes));
            }
        });
        let undecided = open.into_values().flatten();
        undecided.for_each(|(offset, record)| visit(offset, record, Visible::Undecided));
    }

    fn seat_of_group(&self, group: &str) -> Option<TopicPartition> {
        self.seat_of(GROUPS_TOPIC, group)
    }

    fn commits_in(
        &self,
        broker: i32,
        seat: TopicPartition,
        offsets: Range<i64>,
        visit: &mut dyn FnMut(Commit),
    ) -> bool {
        let (mut is_readable, mut reached) = (true, offsets.start);
        self.batch_bytes(broker, seat, offsets.start, offsets.end, &mut |header, bytes| {
            reached = header.next_offset();
            if let Some(marker) = Marker::read(header, bytes) {
                return visit(Commit::End { producer_id: header.producer_id, is_commit: !marker.aborts });
            }
            let producer_id = header.is_transactional().then_some(header.producer_id);
            let body = batch::check_crc(bytes, header).ok().and_then(|()| batch::Body::of(bytes).ok());
            let Some(records) = body.as_ref().and_then(|body| body.records().ok()) else {
                is_readable = false;
                return;
            };
            for record in records.flatten().filter(|record| offsets.contains(&record.offset)) {
                let said = record.key.and_then(|key| read_commit(key, record.value));
                if let Some((place, offset)) = said {
                    visit(Commit::Of { at: record.offset, producer_id, place, offset });
                }
            }
        });
        is_readable && reached >= offsets.end
    }

    fn coordinator_has(&self, broker: i32, seat: TopicPartition) -> Option<BTreeMap<CommitPlace, i64>> {
        let is_it = self.image().topics.name_of(seat.topic) == GROUPS_TOPIC;
        self.broker(broker).filter(|_| is_it)?.committed_offsets(seat.partition)
    }

    fn own_transactional_id(&self, producer: u32) -> Option<&str> {
        let client = match self.names.role(producer)? {
            Role::Producer(place) => self.scenario.producers[place].client,
            Role::Pipeline(place) => self.scenario.pipelines[place].client,
            // Nobody else produces.
            Role::Controller | Role::Broker(_) | Role::Consumer(_) | Role::Administrator => return None,
        };
        let id = self.transactional_id(producer).filter(|_| client.bumps_epoch(self.scenario.cluster.without))?;
        let of_producers = self.scenario.producers.iter().map(|it| it.config.transactional_id.0.as_deref());
        let of_pipelines = self.scenario.pipelines.iter().map(|it| it.producer.transactional_id.0.as_deref());
        (of_producers.chain(of_pipelines).filter(|it| *it == Some(id)).count() == 1).then_some(id)
    }

    fn unchecked_segments(&self, broker: i32, partition: TopicPartition) -> Vec<Unchecked> {
        // It is none of the brokers.
        let Some(process) = self.names.broker(broker) else { return Vec::new() };
        let (disk, directory) = (self.kernel.disk(process), format!("{DIRECTORY}/{}", self.names.partition(partition)));
        let points = checkpoints::read_offsets(disk, &format!("{DIRECTORY}/{}", checkpoints::RECOVERY_POINTS));
        let of = (self.image().topics.name_of(partition.topic).to_owned(), partition.partition);
        // A broker that cannot read the file begins from the first offset.
        let point = points.ok().and_then(|points| points.get(&of).copied()).unwrap_or(0);
        let is_clean = checkpoints::read_clean_shutdown(disk, DIRECTORY).is_some();
        let folder = format!("{directory}/");
        let base = |path: &str| path.strip_suffix(".log")?.strip_prefix(&folder)?.parse::<i64>().ok();
        let bases: Vec<i64> = disk.list(&folder).filter_map(base).collect();
        let seen = |pair: &[i64]| {
            let [base, next] = [pair[0], pair[1]];
            // A segment without an offset index is recovered.
            disk.open(&segment::path(&directory, base, "index"))?;
            let file = disk.open(&segment::path(&directory, base, "timeindex"))?;
            let entries: Vec<(i64, u32)> =
                (0..disk.len(file) / u64::from(TIME_ENTRY_BYTES)).map(|entry| time_entry(disk, file, entry)).collect();
            let (says_ms, before) = match entries.split_last() {
                Some((last, before)) => (last.0, before),
                None => (-1, &[][..]),
            };
            // A roll appends one entry behind those that were flushed, and a power loss takes no more than that one.
            if !before.is_sorted_by(|one, next| one.0 < next.0 && one.1 < next.1) {
                return None;
            }
            (is_clean || next <= point).then_some(Unchecked { offsets: base..next, says_ms })
        };
        bases.windows(2).filter_map(seen).collect()
    }

    fn offset_retention(&self) -> Time {
        60 * SECOND * self.scenario.cluster.config.offsets_retention_minutes
    }

    fn written_by(&self, producer: u32) -> Option<(String, TopicPartition)> {
        let name = match self.names.role(producer)? {
            Role::Producer(place) => &self.scenario.producers[place].topic,
            Role::Pipeline(place) => &self.scenario.pipelines[place].to,
            // Nobody else writes.
            Role::Controller | Role::Broker(_) | Role::Consumer(_) | Role::Administrator => return None,
        };
        let is_it = |(partition, _): &(TopicPartition, _)| self.image().topics.name_of(partition.topic) == *name;
        self.image().partitions().find(is_it).map(|(partition, _)| (name.clone(), partition))
    }

    fn record_name(&self, record: RecordId) -> String {
        self.names.record(record)
    }

    fn process_name(&self, process: u32) -> String {
        self.names.process(process)
    }
}

/// An entry of a time index as the disk has it: a timestamp, and how far behind the segment's first offset.
fn time_entry(disk: &Disk, file: FileId, entry: u64) -> (i64, u32) {
    let bytes = disk.read(file, entry * u64::from(TIME_ENTRY_BYTES), TIME_ENTRY_BYTES);
    let (timestamp, offset) = (bytes.first_chunk().copied(), bytes.last_chunk().copied());
    (timestamp.map_or(0, i64::from_be_bytes), offset.map_or(0, u32::from_be_bytes))
}
