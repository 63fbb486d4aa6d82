//! Computes a frame from the world at an instant.

mod coordination;

use super::frame::{
    Batch, Branch, Broker, Consumer, Controller, Cut, Finding, Fork, Frame, Given, Intervention, Node, Packet,
    Partition, Position, Producer, Replica, Run, Selection,
};
use super::lens::Needs;
use super::log::BatchKind;
use super::log::replica::kind_of;
use super::log::transactions::Transactions;
use super::nodes::node_of;
use super::state::{Role, State};
use super::{because, keys, story};
use crate::broker::{DIRECTORY, ReplicaView};
use crate::lab::check::Evidence;
use crate::lab::interventions::{Author, Listed};
use crate::lab::names::{self, Names};
use crate::lab::node;
use crate::lab::notable::{Notable, Subject};
use crate::lab::observer::Observer;
use crate::lab::scenario::{Command, FaultAction, FindingKind};
use crate::lab::session::Session;
use crate::lab::timeline::Replay;
use crate::lab::world::World;
use crate::log::batch::Body;
use crate::note::RecordId;
use crate::sim::disk::Disk;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;
use crate::sim::queue::{Event, EventKind};
use crate::sim::sorted::sort_by_key;
use crate::wire::{CONTROLLER_PROCESS, ClusterImage, Message, PartitionImage, TopicPartition, error_name};

/// Offsets before a log's end whose batches are shown.
const TAIL_OFFSETS: i64 = 64;
/// Batches of a log that are shown.
const TAIL_BATCHES: usize = 24;

/// What all views share of a session at its instant, and what these needs ask for.
pub(super) fn frame(session: &Session, selection: &Selection, needs: Needs<'_>) -> Frame {
    let view = Present::of(session);
    Frame {
        run: view.run(),
        branches: session.branches().iter().map(branch).collect(),
        controller: view.controller(),
        brokers: view.names.brokers().filter_map(|id| view.broker(id, needs)).collect(),
        partitions: view.partitions.iter().map(|(id, image)| view.partition(*id, image)).collect(),
        producers: view.names.producers().map(|process| view.producer(process)).collect(),
        consumers: view.all_readers().map(|process| view.consumer(process)).collect(),
        groups: view.groups(selection),
        rebalances: story::rebalances(session),
        transactional_ids: view.transactional_ids(),
        packets: view.packets(selection, needs),
        cuts: view.cuts(),
        wrong_clocks: view.wrong_clocks(),
        interventions: view.interventions(),
        findings: view.findings(),
        events: story::events(session),
        because: because::because(session, selection),
        marks: story::marks(session),
        density: story::density(session),
        ..Frame::default()
    }
}

fn branch(branch: &crate::lab::branch::Branch<World>) -> Branch {
    let given = |command: &Command| Given { at_us: command.at_us, text: command.to_string() };
    Branch {
        id: branch.id().0,
        name: branch.name().to_owned(),
        parent: branch.fork().map(|fork| Fork { branch: fork.parent.0, event: fork.event, at_us: fork.time_us }),
        events_computed: branch.past().trace().len(),
        computed_us: branch.computed_us(),
        commands: branch.commands().iter().map(given).collect(),
    }
}

/// What the parts of a picture are computed from.
pub(super) struct Present<'a> {
    session: &'a Session,
    world: &'a World,
    pub(super) names: &'a Names,
    pub(super) image: &'a ClusterImage,
    pub(super) observer: Observer<'a>,
    partitions: Vec<(TopicPartition, &'a PartitionImage)>,
    /// Only then is it worth to look at each record.
    something_is_lost: bool,
}

impl<'a> Present<'a> {
    pub(super) fn of(session: &'a Session) -> Self {
        let world = session.world();
        let image = world.image();
        let observer = world.observer();
        let something_is_lost = world.findings().list().iter().any(|found| found.kind == FindingKind::LostWrite);
        let partitions = image.partitions().collect();
        Self { session, world, names: world.names(), image, observer, partitions, something_is_lost }
    }

    fn run(&self) -> Run {
        let scenario = self.session.scenario();
        Run {
            title: scenario.title.clone(),
            about: scenario.about.clone(),
            seed: self.session.seed(),
            hash: format!("{:016x}", self.session.hash()),
            event: self.world.event(),
            events_computed: self.session.trace().len(),
            computed_us: self.session.computed_us(),
            time_us: self.session.time_us(),
            duration_us: scenario.duration_us,
            branch: self.session.branch().id().0,
            in_flight: u32::try_from(self.on_their_way().count()).unwrap_or(u32::MAX),
        }
    }

    fn controller(&self) -> Controller {
        Controller {
            name: self.names.process(CONTROLLER_PROCESS),
            state: self.state(CONTROLLER_PROCESS),
            epoch: 1,
            metadata_end: self.image.offset + 1,
        }
    }

    fn state(&self, process: ProcessId) -> State {
        match self.world.kernel().status(process) {
            Status::Running => State::Running,
            Status::Paused => State::Paused,
            Status::Killed if self.world.has_halted(process) => State::Halted,
            Status::Killed if self.world.was_stopped(process) => State::Stopped,
            Status::Killed => State::Killed,
            Status::PoweredOff => State::PowerLost,
        }
    }

    fn broker(&self, id: i32, needs: Needs<'_>) -> Option<Broker> {
        let process = self.names.broker(id)?;
        let broker = self.observer.broker(id)?;
        let registered = self.image.brokers.get(&id);
        let state = self.broker_state(id);
        Some(Broker {
            id,
            state,
            epoch: match state {
                State::Starting => broker.epoch(),
                State::Running
                | State::Fenced
                | State::Killed
                | State::Halted
                | State::Stopped
                | State::Paused
                | State::PowerLost => registered.map_or(-1, |known| known.epoch),
            },
            metadata_end: broker.image().offset + 1,
            since_us: self.since_state(id, process, state),
            disk_full: self.disk(id).is_some_and(Disk::is_full),
            cleaning: self.cleaning(broker),
            disk_slowed_us: self.disk(id).map_or(0, |disk| disk.slowdown_us().abs_diff(self.plain_disk_us(id))),
            replicas: self.replicas(id, broker, state, needs),
        })
    }

    pub(super) fn broker_state(&self, id: i32) -> State {
        // A number that is no broker's runs nowhere.
        let Some(process) = self.names.broker(id) else { return State::Killed };
        let has_started = match self.world.kernel().process(process) {
            node::Node::Broker(broker) => broker.listens(),
            node::Node::Controller(_)
            | node::Node::LoadGenerator(_)
            | node::Node::Reader(_)
            | node::Node::Pipeline(_)
            | node::Node::Administrator(_) => true,
        };
        match (self.state(process), self.image.brokers.get(&id)) {
            (State::Running, _) if !has_started => State::Starting,
            (State::Running, Some(known)) if known.fenced => State::Fenced,
            (state, _) => state,
        }
    }

    /// A broker's disk.
    pub(super) fn disk(&self, id: i32) -> Option<&'a Disk> {
        Some(self.world.kernel().disk(self.names.broker(id)?))
    }

    /// How much longer a broker's disk takes though nothing was done to it.
    fn plain_disk_us(&self, id: i32) -> u64 {
        self.world.scenario().cluster.disk_us(id)
    }

    /// The directory of a partition on the disk of each broker that has it.
    pub(super) fn directory(&self, partition: TopicPartition) -> String {
        format!("{DIRECTORY}/{}", self.names.partition(partition))
    }

    /// The consumers of a partition that have a position in it.
    pub(super) fn readers(&self, partition: TopicPartition) -> impl Iterator<Item = (String, i64)> {
        self.all_readers().filter_map(move |process| {
            let (consumer, _) = self.reader(process);
            let (_, position) = consumer.positions().find(|(of, _)| *of == partition)?;
            Some((self.names.process(process), position))
        })
    }

    /// The processes of all that read: consumers, then pipelines.
    fn all_readers(&self) -> impl Iterator<Item = ProcessId> + use<'a> {
        let names: &'a names::Names = self.names;
        names.consumers().chain(names.pipelines())
    }

    /// The consumer of a process, and how many records its program was given.
    fn reader(&self, process: ProcessId) -> (&'a crate::client::Consumer, u64) {
        match self.world.kernel().process(process) {
            node::Node::Reader(program) => (program.consumer(), program.read()),
            node::Node::Pipeline(program) => (program.consumer(), program.read()),
            node::Node::Controller(_)
            | node::Node::Broker(_)
            | node::Node::LoadGenerator(_)
            | node::Node::Administrator(_) => {
                unreachable!("process {process} reads nothing")
            }
        }
    }

    /// Since when a broker is in the state that it is in: what else happens to one that is down, such as being fenced, is
    /// no new death.
    fn since_state(&self, id: i32, process: ProcessId, state: State) -> u64 {
        let since = self.world.since();
        match state {
            State::Killed | State::PowerLost | State::Paused | State::Halted | State::Stopped => since.status(process),
            State::Running | State::Fenced | State::Starting => since.status(process).max(since.registration(id)),
        }
    }

    /// The partition of a topic that has this name now.
    pub(super) fn find(&self, topic: &str, index: i32) -> Option<TopicPartition> {
        self.names.find_partition(topic, u32::try_from(index).ok()?)
    }

    /// The name of a partition's topic.
    pub(super) fn topic(&self, partition: TopicPartition) -> String {
        self.names.topic(partition.topic).to_owned()
    }

    /// When a link was cut or clogged; what else was done to it since, such as slowing it down, did not cut it.
    fn cut_since(&self, link: Subject) -> u64 {
        let cuts = |notable: &&Notable| notable.is_done(FaultAction::Cut) || notable.is_done(FaultAction::Clog);
        let mut cuts = self.session.notables_so_far().rev().filter(cuts);
        cuts.find(|notable| notable.is_about(link)).map_or(0, |notable| notable.time)
    }

    /// The partitions that a broker's log cleaner is at.
    fn cleaning(&self, broker: &crate::broker::Broker) -> Vec<u32> {
        let threads = broker.cleaner().into_iter().flat_map(|cleaner| cleaner.threads());
        let cleaned =
            threads.filter_map(|thread| thread.cleaning()).filter_map(|((topic, index), _)| self.find(topic, *index));
        let mut indices: Vec<u32> = cleaned.filter_map(|partition| self.index_of(partition)).collect();
        indices.sort_unstable();
        indices
    }

    /// The place of a partition in the frame.
    fn index_of(&self, partition: TopicPartition) -> Option<u32> {
        let place = self.partitions.binary_search_by_key(&partition, |(of, _)| *of).ok()?;
        u32::try_from(place).ok()
    }

    /// The replicas that a broker has, and those that it should have by the metadata but has not opened.
    fn replicas(&self, id: i32, broker: &crate::broker::Broker, state: State, needs: Needs<'_>) -> Vec<Replica> {
        let open: Vec<(TopicPartition, ReplicaView)> = broker.replicas().collect();
        let find = |partition| open.binary_search_by_key(partition, |(of, _)| *of).ok().map(|place| &open[place].1);
        let hosted = self
            .partitions
            .iter()
            .zip(0..)
            .filter(|((partition, image), _)| image.replicas.contains(&id) || find(partition).is_some());
        hosted
            .map(|((partition, _), index)| match find(partition) {
                Some(replica) => {
                    let tail = if needs.tails { self.tail(id, *partition, replica) } else { Vec::new() };
                    let log = broker.log(*partition);
                    let last_stable = log.map_or(replica.high_watermark, |log| log.last_stable_offset());
                    Replica { partition: index, tail, last_stable, ..self.replica(id, *partition, state, replica) }
                }
                None => Replica {
                    partition: index,
                    role: Role::Offline,
                    log_end: -1,
                    leader_epoch: -1,
                    ..Replica::default()
                },
            })
            .collect()
    }

    fn replica(&self, broker: i32, partition: TopicPartition, state: State, replica: &ReplicaView) -> Replica {
        Replica {
            role: self.role(broker, partition, state),
            log_start: replica.log_start_offset,
            high_watermark: replica.high_watermark,
            log_end: replica.log_end_offset,
            leader_epoch: replica.leader_epoch,
            ..Replica::default()
        }
    }

    /// A replica's part in replication, as the controller has it.
    pub(super) fn role(&self, broker: i32, partition: TopicPartition, state: State) -> Role {
        match (state, self.image.partition(partition)) {
            (State::Killed | State::Halted | State::Stopped | State::PowerLost, _) => Role::Offline,
            (_, Some(image)) if image.leader == broker => Role::Leader,
            (_, Some(image)) if image.isr.contains(&broker) => Role::Follower,
            // Not in the ISR, or of a topic that the controller does not have any more.
            (_, Some(_) | None) => Role::OutOfSync,
        }
    }

    fn tail(&self, broker: i32, partition: TopicPartition, replica: &ReplicaView) -> Vec<Batch> {
        let mut tail: Vec<Batch> = Vec::new();
        let mut producers = Vec::new();
        // The marker of whatever is in the tail stands in the tail.
        let mut transactions = Transactions::default();
        let end = replica.log_end_offset;
        let from = (end - TAIL_OFFSETS).max(replica.log_start_offset);
        self.observer.batch_bytes(broker, partition, from, end, &mut |header, bytes| {
            let mut keys = Vec::new();
            keys::of_batch(bytes, &mut keys);
            let kind = kind_of(header, bytes);
            transactions.meet(header, kind);
            producers.push(header.producer_id);
            tail.push(Batch {
                base: header.base_offset,
                last: header.last_offset(),
                keys,
                epoch: header.partition_leader_epoch,
                crc: header.crc,
                bytes: header.size(),
                committed: header.last_offset() < replica.high_watermark,
                lost: self.is_lost(bytes),
                kind,
            });
        });
        for (batch, producer) in tail.iter_mut().zip(producers) {
            if batch.kind == BatchKind::Open {
                batch.kind = transactions.kind_of(producer, batch.base);
            }
        }
        tail.split_off(tail.len().saturating_sub(TAIL_BATCHES))
    }

    pub(super) fn is_lost(&self, batch_bytes: &[u8]) -> bool {
        if !self.something_is_lost {
            return false;
        }
        // Nobody was given what cannot be read: that it is corrupt is another finding.
        let Ok(body) = Body::of(batch_bytes) else { return false };
        let Ok(mut records) = body.records() else { return false };
        records.any(|record| {
            let id = record.ok().and_then(|record| RecordId::of_headers(record.headers()));
            id.is_some_and(|id| self.world.history().is_lost(id))
        })
    }

    fn partition(&self, id: TopicPartition, image: &PartitionImage) -> Partition {
        let topic = self.world.image().topics.get(id.topic);
        let min_isr = topic.and_then(|topic| topic.config.get("min.insync.replicas")?.parse().ok());
        let ends = self.observer.log_ends(image.leader, id);
        let log = self.observer.log(image.leader, id).map(|(log, _)| log);
        Partition {
            topic: self.topic(id),
            number: id.topic,
            internal: topic.is_some_and(|topic| topic.is_internal()),
            index: id.partition,
            leader: image.leader,
            leader_epoch: image.leader_epoch,
            partition_epoch: image.partition_epoch,
            replicas: image.replicas.clone(),
            isr: image.isr.clone(),
            elr: image.elr.clone(),
            min_isr: min_isr.unwrap_or(1),
            high_watermark: ends.map_or(-1, |ends| ends.high_watermark),
            last_stable: log.map_or(-1, |log| log.last_stable_offset()),
            first_unstable: log.and_then(|log| log.first_unstable_offset()).unwrap_or(-1),
            log_end: ends.map_or(-1, |ends| ends.log_end),
            acknowledged_end: self.world.history().acknowledged_end(id),
        }
    }

    fn producer(&self, process: ProcessId) -> Producer {
        let node::Node::LoadGenerator(program) = self.world.kernel().process(process) else {
            unreachable!("a producer is a load generator")
        };
        let Some(names::Role::Producer(place)) = self.names.role(process) else {
            unreachable!("a producer has its role")
        };
        let planned = &self.session.scenario().producers[place];
        let producer = program.producer();
        Producer {
            name: planned.name.clone(),
            state: self.state(process),
            topic: planned.topic.clone(),
            sending: self.sending(producer),
            acks: planned.config.acks.to_string(),
            rate: format!("{}/s", planned.rate_per_s),
            in_flight: u32::try_from(producer.in_flight()).unwrap_or(u32::MAX),
            sent: program.sent(),
            acked: program.acked(),
            failed: program.record_error_total(),
            retried: program.record_retry_total(),
            errors: program.record_errors().iter().map(|(error, records)| (error.name(), *records)).collect(),
            last_error: error_name(producer.last_error()),
        }
    }

    fn consumer(&self, process: ProcessId) -> Consumer {
        let (consumer, read) = self.reader(process);
        let lags: Vec<(TopicPartition, u64)> = consumer.lags().collect();
        let lag = |of: TopicPartition| lags.iter().find(|(partition, _)| *partition == of).map(|(_, lag)| *lag);
        let position =
            |(partition, offset)| Some(Position { partition: self.index_of(partition)?, offset, lag: lag(partition) });
        let member = consumer.membership();
        let behind = |(partition, offset): (TopicPartition, i64)| {
            let leader = self.image.partition(partition)?.leader;
            let ends = self.observer.log_ends(leader, partition)?;
            Some(ends.high_watermark.saturating_sub(offset).max(0).cast_unsigned())
        };
        Consumer {
            name: self.names.process(process),
            state: self.state(process),
            group: consumer.group().unwrap_or_default().to_owned(),
            generation: member.as_ref().map_or(-1, |it| it.generation),
            membership: member.as_ref().map_or("", |it| it.state).to_owned(),
            member_id: member.map_or_else(String::new, |it| it.id),
            sending: match self.world.kernel().process(process) {
                node::Node::Pipeline(program) => Some(self.sending(program.producer())),
                node::Node::Reader(_)
                | node::Node::Controller(_)
                | node::Node::Broker(_)
                | node::Node::LoadGenerator(_)
                | node::Node::Administrator(_) => None,
            },
            positions: consumer.positions().filter_map(position).collect(),
            lag: consumer.positions().filter_map(behind).sum(),
            read,
            last_error: error_name(consumer.last_error()),
        }
    }

    /// Messages on their way, each with its connection, and who sent it.
    fn on_their_way(&self) -> impl Iterator<Item = (&'a Event<Message>, u64, &'a Message, ProcessId)> {
        let kernel = self.world.kernel();
        kernel.in_flight().into_iter().filter_map(|event| match &event.kind {
            EventKind::Delivery(connection, message) => {
                let from = kernel.peer(*connection, event.target)?;
                Some((event, connection.0, &**message, from))
            }
            // Timers and the ends of connections are nothing that travels; Kafka's processes send no datagrams.
            EventKind::Boot
            | EventKind::Terminate
            | EventKind::Told(_)
            | EventKind::Exit
            | EventKind::Timer(_)
            | EventKind::Connected(_)
            | EventKind::Disconnected(_)
            | EventKind::GaveUp(_)
            | EventKind::Written(_)
            | EventKind::Datagram(..)
            | EventKind::External(_) => None,
        })
    }

    /// What is on its way, or of it only what is selected.
    fn packets(&self, selection: &Selection, needs: Needs<'_>) -> Vec<Packet> {
        let is_wanted = |number: u64| needs.packets || *selection == Selection::Packet(number);
        let wanted = self.on_their_way().filter(|(event, ..)| is_wanted(event.sequence));
        let packet = |(event, connection, message, from): (&Event<Message>, u64, &Message, ProcessId)| Packet {
            id: event.sequence,
            from: node_of(from, self.names),
            to: node_of(event.target, self.names),
            connection,
            api: message.body.api().name().to_owned(),
            response: !message.body.is_request(),
            ordinal: event.ordinal,
            sent_us: event.sent,
            arrives_us: event.time,
            about: message.body.content().words(self.names),
            keys: keys::of_message(&message.body),
        };
        let mut packets: Vec<Packet> = wanted.map(packet).collect();
        sort_by_key(&mut packets, |packet| u128::from(packet.sent_us) << 64 | u128::from(packet.id));
        packets
    }

    fn cuts(&self) -> Vec<Cut> {
        let cut = |(from, to)| Cut {
            from: node_of(from, self.names),
            to: node_of(to, self.names),
            since_us: self.cut_since(Subject::Link(from, to)),
        };
        self.world.kernel().cuts().map(cut).collect()
    }

    fn wrong_clocks(&self) -> Vec<Node> {
        let (kernel, now) = (self.world.kernel(), self.world.kernel().time());
        let is_wrong = |process: &ProcessId| !kernel.clock(*process).is_right(now);
        (0..self.names.len()).filter(is_wrong).map(|process| node_of(process, self.names)).collect()
    }

    fn interventions(&self) -> Vec<Intervention> {
        let intervention = |Listed { at, text, done, author, .. }| Intervention {
            at_us: at,
            text,
            done,
            by_hand: author == Author::Person,
            by_nemesis: author == Author::Nemesis,
        };
        self.world.interventions().list().into_iter().map(intervention).collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let finding = |found: &crate::lab::check::Finding| Finding {
            kind: found.kind.name().to_owned(),
            at_us: found.at_us,
            event: found.event,
            about: found.about.clone(),
            count: found.count,
            partition: self.names.partition(found.partition),
        };
        self.world.findings().by_date().into_iter().map(finding).collect()
    }
}
