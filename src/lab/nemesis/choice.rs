//! To whom a fault is done, and by how much: of all that can be done now and that the budget allows, one is drawn.

use super::budget::Standing;
use super::spread::{spread, whole_ms};
use crate::lab::fault::amount::Amount;
use crate::lab::fault::effect::{Hit, MessageHit, Scene};
use crate::lab::fault::{Drawn, FaultAction, Object, Row};
use crate::lab::names::Role;
use crate::lab::scenario::exchange::{self, Who};
use crate::lab::scenario::{LinkEnd, Sort, Target};
use crate::sim::process::ProcessId;
use crate::sim::random::Random;
use crate::wire::{Api, CONTROLLER_PROCESS, TopicPartition};

/// What is done to whom.
pub struct Chosen {
    pub action: FaultAction,
    pub target: Target,
    pub hits: Vec<Hit>,
    /// Whose failure it would be.
    pub whose: Option<ProcessId>,
}

/// A fault that is wanted.
pub struct Pick<'a> {
    pub row: &'static Row,
    pub standing: Standing<'a>,
    /// To whom something may be done with this seed.
    pub sorts: &'a [Sort],
}

/// One in so many times a fault of a process is done to a client, where it can be done to others: more is at stake with them.
const CLIENTS: u64 = 4;
/// One in so many times a fault of a link is done to all links of its end.
const ALL_LINKS: u64 = 3;

impl Pick<'_> {
    /// What is drawn; nothing where nothing can be done.
    pub fn choose(&self, random: &mut Random) -> Vec<Chosen> {
        let chosen = match self.row.object {
            Object::Processes => self.process(random, &[Object::Processes]),
            Object::Brokers => self.process(random, &[Object::Brokers]),
            Object::Machines => self.process(random, &[Object::Machines]),
            Object::Link => return self.links(random),
            Object::Message => self.message(random),
            Object::Replica => self.replica(random),
            Object::Numbered => unreachable!("what is done to somebody by number is a repair"),
            Object::Member | Object::Members | Object::Consumer => {
                unreachable!("a program is stopped as any process is")
            }
        };
        chosen.into_iter().collect()
    }

    /// A process on which no fault of the same sort is. One that was told to end, and to begin again then, is left alone.
    fn process(&self, random: &mut Random, objects: &[Object]) -> Option<Chosen> {
        let action = self.action(random);
        let can_be = |id: &ProcessId| {
            !self.standing.is_on(*id, objects)
                && !self.standing.sight.is_ending(*id)
                && action.done_to(Hit::Process(*id), self.standing.sight).is_ok()
        };
        let harmless = self.row.object == Object::Machines;
        let (clients, servers): (Vec<ProcessId>, Vec<ProcessId>) =
            self.processes(harmless).filter(can_be).partition(|id| self.who(*id).is_some_and(Who::is_client));
        let is_of_a_client = servers.is_empty() || !clients.is_empty() && random.below(CLIENTS) == 0;
        let process = *one(random, if is_of_a_client { &clients } else { &servers })?;
        let target = match self.end(process) {
            LinkEnd::Broker(id) => Target::Broker(id),
            LinkEnd::Controller => Target::Controller,
            LinkEnd::Client(name) => Target::Client(name),
        };
        target.is(self.row.object).then(|| Chosen {
            action,
            target,
            hits: vec![Hit::Process(process)],
            whose: Some(process),
        })
    }

    /// Those that a fault of this object may hit; where it is no failure, whatever else has failed.
    fn processes(&self, harmless: bool) -> impl Iterator<Item = ProcessId> {
        let names = self.standing.sight.observer.names;
        let object = self.row.object;
        (0..names.len()).filter(move |id| match names.role(*id) {
            Some(Role::Broker(broker)) => self.aims_at(Sort::Brokers) && (harmless || self.standing.may_fail(broker)),
            Some(Role::Controller) => {
                self.aims_at(Sort::Controller)
                    && object != Object::Brokers
                    && (harmless || self.standing.controller_may_fail())
            }
            // Their disks hold nothing.
            Some(Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator) => {
                self.aims_at(Sort::Clients) && object != Object::Brokers
            }
            None => false,
        })
    }

    /// The way between two, in one direction or both. Its end is a broker, whose failure it is, or a client.
    fn links(&self, random: &mut Random) -> Vec<Chosen> {
        let names = self.standing.sight.observer.names;
        let ends: Vec<ProcessId> = (0..names.len())
            .filter(|id| match names.role(*id) {
                Some(Role::Broker(broker)) => self.aims_at(Sort::Brokers) && self.standing.may_fail(broker),
                Some(Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator) => {
                    self.aims_at(Sort::Clients)
                }
                // Its links are their brokers'.
                Some(Role::Controller) | None => false,
            })
            .collect();
        // The budget allows nobody's failure now.
        let Some(end) = one(random, &ends).copied() else { return Vec::new() };
        let is_client = !matches!(names.role(end), Some(Role::Broker(_)));
        let talks = |other: ProcessId| match names.role(other) {
            Some(Role::Broker(_)) => true,
            Some(Role::Controller) => !is_client,
            Some(Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator) | None => false,
        };
        let others: Vec<ProcessId> = (0..names.len())
            .filter(|other| *other != end && talks(*other) && !self.standing.is_between(end, *other))
            .filter(|other| self.is_whole(end, *other))
            .collect();
        let action = self.action(random);
        let direction = random.below(4);
        if random.below(ALL_LINKS) == 0 {
            return others.iter().map(|other| self.link(action, end, *other, direction)).collect();
        }
        one(random, &others).map(|other| self.link(action, end, *other, direction)).into_iter().collect()
    }

    /// Nobody else did something to the way.
    fn is_whole(&self, a: ProcessId, b: ProcessId) -> bool {
        self.standing.sight.is_whole(a, b) && self.standing.sight.is_whole(b, a)
    }

    fn link(&self, action: FaultAction, end: ProcessId, other: ProcessId, direction: u64) -> Chosen {
        let (from, to) = if direction == 0 { (other, end) } else { (end, other) };
        let both_ways = direction > 1;
        let back = both_ways.then_some(Hit::Link(to, from));
        Chosen {
            action,
            target: Target::Link { from: self.end(from), to: self.end(to), both_ways },
            hits: [Hit::Link(from, to)].into_iter().chain(back).collect(),
            whose: Some(end),
        }
    }

    /// The next message of an API between two that exchange it.
    fn message(&self, random: &mut Random) -> Option<Chosen> {
        let names = self.standing.sight.observer.names;
        let api = *one(random, Api::ALL)?;
        let request = random.below(2) == 0;
        let pairs = (0..names.len()).flat_map(|from| (0..names.len()).map(move |to| (from, to)));
        let passes = |(from, to): &(ProcessId, ProcessId)| {
            from != to
                && exchange::passes(api, request, self.who(*from), self.who(*to)).next().is_some()
                && self.may_hit(*from, *to)
        };
        let pairs: Vec<(ProcessId, ProcessId)> = pairs.filter(passes).collect();
        let (from, to) = *one(random, &pairs)?;
        let hit = MessageHit::Next(api.kind(request), Some(from), Some(to));
        Some(Chosen {
            action: self.action(random),
            target: Target::Next { api, request, from: Some(self.end(from)), to: Some(self.end(to)) },
            hits: vec![Hit::Message(hit)],
            whose: self.broker_among(from, to),
        })
    }

    /// Whether what passes between two may be meddled with: it is a client's affair, or that of a broker that may fail.
    fn may_hit(&self, from: ProcessId, to: ProcessId) -> bool {
        let names = self.standing.sight.observer.names;
        match (self.broker_among(from, to).and_then(|id| names.role(id)), self.aims_at(Sort::Clients)) {
            (Some(Role::Broker(broker)), _) => self.aims_at(Sort::Brokers) && self.standing.may_fail(broker),
            (
                Some(
                    Role::Controller | Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator,
                )
                | None,
                clients,
            ) => clients,
        }
    }

    /// The broker whose failure it is; none where one end is a client.
    fn broker_among(&self, from: ProcessId, to: ProcessId) -> Option<ProcessId> {
        let is_client = |id| self.who(id).is_some_and(Who::is_client);
        let broker = if from == CONTROLLER_PROCESS { to } else { from };
        (!is_client(from) && !is_client(to)).then_some(broker)
    }

    fn who(&self, process: ProcessId) -> Option<Who> {
        Some(match self.standing.sight.observer.names.role(process)? {
            Role::Controller => Who::Controller,
            Role::Broker(_) => Who::Broker,
            Role::Producer(_) => Who::Producer,
            Role::Consumer(_) => Who::Consumer,
            Role::Administrator => Who::Administrator,
            Role::Pipeline(_) => Who::Pipeline,
        })
    }

    /// What a broker has of a partition, where something can be done to it.
    fn replica(&self, random: &mut Random) -> Option<Chosen> {
        let sight = self.standing.sight;
        let image = crate::lab::node::image(sight.observer.kernel);
        let is_right = |broker: i32| self.aims_at(Sort::Brokers) && self.standing.may_fail(broker);
        let replicas: Vec<(TopicPartition, i32, ProcessId)> = image
            .partitions()
            .flat_map(|(partition, image)| image.replicas.iter().map(move |broker| (partition, *broker)))
            .filter(|(_, broker)| is_right(*broker))
            .filter_map(|(partition, broker)| Some((partition, broker, sight.observer.names.broker(broker)?)))
            .filter(|(partition, _, process)| sight.replica(*process, *partition).is_some())
            .collect();
        let (partition, broker, process) = *one(random, &replicas)?;
        let (log, _) = sight.replica(process, partition)?;
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        let offset = random.between(start.unsigned_abs(), end.max(1).unsigned_abs() - 1);
        let action = match self.row.parameter {
            Some(_) => self.row.action(i64::try_from(offset).ok()?),
            None => self.row.action(0),
        };
        let hit = Hit::Replica(process, partition);
        action.done_to(hit, sight).ok()?;
        let topic = sight.observer.names.topic(partition.topic).to_owned();
        let target = Target::ReplicaOn { topic, partition: u32::try_from(partition.partition).ok()?, broker };
        Some(Chosen { action, target, hits: vec![hit], whose: Some(process) })
    }

    /// The fault with an amount, where it has one.
    fn action(&self, random: &mut Random) -> FaultAction {
        let (least, most) = match self.row.drawn {
            Drawn::Usually(least, most) | Drawn::Named(least, most) => (least, most),
            Drawn::Repair | Drawn::Never => unreachable!("no family is a repair"),
        };
        let amount = spread(random, least.unsigned_abs(), most.unsigned_abs());
        let amount = match self.row.parameter.map(|parameter| parameter.amount) {
            Some(Amount::Delay(..) | Amount::Shift(_)) => whole_ms(amount),
            // A rate has no unit of time, and an offset is drawn otherwise.
            Some(Amount::Rate(_) | Amount::Offset | Amount::Count(_)) | None => amount,
        };
        let amount = amount.cast_signed();
        let is_signed = self.row.parameter.is_some_and(|parameter| parameter.amount.holds(-most));
        self.row.action(if is_signed && random.below(2) == 0 { -amount } else { amount })
    }

    fn aims_at(&self, sort: Sort) -> bool {
        self.sorts.contains(&sort)
    }

    fn end(&self, process: ProcessId) -> LinkEnd {
        self.standing.sight.observer.names.end_of(process).expect("a process of the scenario")
    }
}

/// One of these, each as likely as the next.
fn one<'t, T>(random: &mut Random, all: &'t [T]) -> Option<&'t T> {
    all.get(usize::try_from(random.below(all.len() as u64)).ok()?)
}
