//! Faults of the scenario and commands of a person: when they are due, and whom they hit.
//!
//! Both are looked up at the moment they are done (`leader of orders-0`), and are undone to those that they hit then.
//! An intervention happens after all other events of its time; of several at one time, that with the lower number first. It
//! does not matter who gave it: a fault of the file and the same command given by hand are the same to the run. Where one of
//! each falls on one instant, the file's comes first, as if the command stood behind all faults of the file: a person gives it
//! where what happens by itself has happened, and nothing may come before what is done already.

use std::sync::Arc;

use litemap::LiteMap;

use super::fault::effect::{Hit, MessageHit, Scene};
use super::fault::{FaultAction, Object};
use super::names::Names;
use super::scenario::action::words;
use super::scenario::{Command, Fault as OfFile, InterventionId, LinkEnd, Target};
use crate::sim::Time;
use crate::sim::fault::Fault;
use crate::sim::ids::MessageName;
use crate::sim::process::ProcessId;
use crate::sim::sorted::{signed, sort_by_key};
use crate::wire::{CONTROLLER_PROCESS, ClusterImage, TopicPartition};

/// An intervention whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervention {
    /// Its number; what takes it back has the same.
    pub id: InterventionId,
    /// What is done.
    pub action: FaultAction,
    /// To whom; nobody where the target is nobody now.
    pub hits: Vec<Hit>,
    /// Whom it is meant for.
    meant: Meant,
    /// When and how it is undone, to those that it hits.
    end: Option<(Time, FaultAction)>,
}

/// Whom an intervention is meant for, whether it does something to them or not.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meant {
    /// As it was said.
    Said(Target),
    /// Whom the fault that it takes back had hit.
    Hit(Vec<Hit>),
}

/// What became of an intervention.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What is done to the kernel, in this order.
    pub faults: Vec<Fault>,
    /// Batches that rot: on which process, of which partition, and their offsets.
    pub rotted: Vec<(ProcessId, TopicPartition, std::ops::RangeInclusive<i64>)>,
    /// Why it does nothing to some that it was meant for, in a sentence each.
    pub idle: Vec<String>,
}

/// A fault of the file or a command.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Planned {
    id: InterventionId,
    at: Time,
    action: FaultAction,
    target: Target,
    undo_after: Option<Time>,
}

impl Planned {
    fn of(fault: &OfFile) -> Self {
        let OfFile { id, at_us, action, ref target, undo_after_us } = *fault;
        Self { id, at: at_us, action, target: target.clone(), undo_after: undo_after_us }
    }

    fn author(&self) -> Author {
        match self.id {
            id if id >= InterventionId::FIRST_BY_HAND => Author::Person,
            id if id >= InterventionId::FIRST_DRAWN => Author::Nemesis,
            _ => Author::Scenario,
        }
    }
}

/// One of the list, for those who show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub id: InterventionId,
    /// When it happens.
    pub at: Time,
    /// What, in the words of a command.
    pub text: String,
    /// It has happened.
    pub done: bool,
    /// Who gave it.
    pub author: Author,
}

/// Who gave an intervention. The run does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The scenario's file.
    Scenario,
    /// The nemesis, which drew it from the seed.
    Nemesis,
    /// A person.
    Person,
}

/// All interventions of a run and how far they are done.
#[derive(Clone, Debug)]
pub struct Interventions {
    faults: Arc<[OfFile]>,
    /// What a nemesis drew so far.
    drawn: Arc<Vec<OfFile>>,
    /// Faults and commands in the order in which they happen.
    planned: Arc<[Planned]>,
    done: usize,
    /// What is to be undone, by time and number.
    ends: LiteMap<(Time, u32), Intervention>,
    /// When the next one is due, and its number: asked at every event.
    due: Option<(Time, u32)>,
}

impl Interventions {
    /// None of them done.
    #[must_use]
    pub fn new(faults: Vec<OfFile>, commands: &[Command]) -> Self {
        let faults: Arc<[OfFile]> = faults.into();
        let planned = plan(faults.iter(), commands);
        let drawn = Arc::default();
        let mut interventions = Self { faults, drawn, planned, done: 0, ends: LiteMap::new(), due: None };
        interventions.due = interventions.find_next();
        interventions
    }

    /// Other commands from now on.
    ///
    /// # Panics
    /// Where those that are done are not the same.
    pub fn set_commands(&mut self, commands: &[Command]) {
        let planned = plan(self.faults.iter().chain(&*self.drawn), commands);
        assert_eq!(planned.get(..self.done), self.planned.get(..self.done), "what is done cannot be done otherwise");
        self.planned = planned;
        self.due = self.find_next();
    }

    /// Faults that were drawn and are to be done now, before whatever is given by hand at their time.
    ///
    /// # Panics
    /// Where something later is done already.
    pub fn add(&mut self, drawn: Vec<OfFile>) {
        // Mostly nothing was drawn.
        if drawn.is_empty() {
            return;
        }
        let mut planned = self.planned.to_vec();
        let place = |fault: &Planned| (fault.at, fault.id);
        for fault in drawn.iter().map(Planned::of) {
            let before = planned.partition_point(|other| place(other) < place(&fault));
            assert!(before >= self.done, "what is done cannot be done otherwise");
            planned.insert(before, fault);
        }
        self.planned = planned.into();
        Arc::make_mut(&mut self.drawn).extend(drawn);
        self.due = self.find_next();
    }

    /// What a nemesis drew so far, in order of time. As faults of a file they give the same run.
    #[must_use]
    pub fn drawn(&self) -> &[OfFile] {
        &self.drawn
    }

    /// How many commands are done.
    #[must_use]
    pub fn commands_done(&self) -> usize {
        self.planned[..self.done].iter().filter(|planned| planned.author() == Author::Person).count()
    }

    /// Each fault and command, in the order in which they happen.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let listed = |(place, planned): (usize, &Planned)| Listed {
            id: planned.id,
            at: planned.at,
            text: words(planned.action, &planned.target),
            done: place < self.done,
            author: planned.author(),
        };
        self.planned.iter().enumerate().map(listed).collect()
    }

    /// When the next one is due, and its number.
    #[must_use]
    pub fn next(&self) -> Option<(Time, u32)> {
        self.due
    }

    fn find_next(&self) -> Option<(Time, u32)> {
        let planned = self.planned.get(self.done).map(|planned| (planned.at, number(planned.id, false)));
        let end = self.ends.keys().next().copied();
        [planned, end].into_iter().flatten().min()
    }

    /// Takes the next one: it is done now.
    pub fn take(&mut self, names: &Names, image: &ClusterImage) -> Option<Intervention> {
        let due = self.due?;
        let intervention = self.ends.remove(&due).unwrap_or_else(|| {
            let planned = &self.planned[self.done];
            assert_eq!(due, (planned.at, number(planned.id, false)), "the next one is the next one");
            self.done += 1;
            planned.now(names, image)
        });
        self.due = self.find_next();
        Some(intervention)
    }

    /// An intervention is done to those that are left in it: they are who its end undoes it to.
    pub fn keep_end(&mut self, intervention: &Intervention) {
        let Intervention { id, hits, meant, end, .. } = intervention;
        if let Some((at, action)) = end.filter(|_| !hits.is_empty()) {
            // Messages are not told by whom they hit, but by the words that found them.
            let meant = if action.object() == Object::Message { meant.clone() } else { Meant::Hit(hits.clone()) };
            let undone = Intervention { id: *id, action, hits: hits.clone(), meant, end: None };
            let before = self.ends.insert((at, number(*id, true)), undone);
            assert!(before.is_none(), "an intervention ends once");
            self.due = self.find_next();
        }
    }
}

/// The number of an external event. What takes an intervention back comes behind it, and before whatever was given later.
pub(super) fn number(id: InterventionId, is_end: bool) -> u32 {
    2 * id.0 + u32::from(is_end)
}

fn plan<'f>(faults: impl Iterator<Item = &'f OfFile>, commands: &[Command]) -> Arc<[Planned]> {
    let faults = faults.map(Planned::of);
    let commands = commands.iter().map(|command| Planned {
        id: command.id,
        at: command.at_us,
        action: command.action,
        target: command.target.clone(),
        undo_after: None,
    });
    let mut planned: Vec<Planned> = faults.chain(commands).collect();
    let order = |planned: &Planned| u128::from(planned.at) << 32 | u128::from(planned.id.0);
    sort_by_key(&mut planned, order);
    assert!(planned.windows(2).all(|pair| order(&pair[0]) < order(&pair[1])), "no two at one time have one number");
    planned.into()
}

impl Planned {
    /// What it is now that its time has come.
    fn now(&self, names: &Names, image: &ClusterImage) -> Intervention {
        let mut hits = resolve(&self.target, names, image);
        if self.action.object() == Object::Replica {
            let partition = self.target.partition().and_then(|(topic, index)| names.find_partition(topic, index));
            hits = hits.into_iter().filter_map(|hit| Some(on_replica(hit, partition?))).collect();
        }
        let end = self.undo_after.zip(self.action.undo()).map(|(after, undo)| (self.at.saturating_add(after), undo));
        Intervention { id: self.id, action: self.action, hits, meant: Meant::Said(self.target.clone()), end }
    }
}

fn on_replica(hit: Hit, partition: TopicPartition) -> Hit {
    match hit {
        Hit::Process(id) => Hit::Replica(id, partition),
        Hit::Link(..) | Hit::Replica(..) | Hit::Message(_) => panic!("{hit:?} has no replicas"),
    }
}

impl Intervention {
    /// What it does. Whom it does nothing to is dropped, and told why.
    pub fn carry_out(&mut self, scene: &dyn Scene) -> Done {
        let mut done = Done::default();
        if self.hits.is_empty() {
            done.idle.push("there is none now".to_owned());
        }
        self.hits.retain(|hit| match self.action.done_to(*hit, scene) {
            Ok(effect) => {
                done.faults.extend(effect.faults);
                done.rotted.extend(effect.rotted);
                true
            }
            Err(reason) => {
                done.idle.push(reason);
                false
            }
        });
        done
    }

    /// Whether it is meant for whoever has a part when its time comes, such as a leader.
    #[must_use]
    pub fn is_by_role(&self) -> bool {
        matches!(
            &self.meant,
            Meant::Said(Target::LeaderOf { .. } | Target::FollowerOf { .. } | Target::FollowersOf { .. })
        )
    }

    /// Whether it takes back what another one did.
    #[must_use]
    pub fn takes_back(&self) -> bool {
        matches!(self.meant, Meant::Hit(_))
    }

    /// In the words of a command, with why it did nothing to some: for those who read.
    #[must_use]
    pub fn text(&self, idle: &[String], names: &Names) -> String {
        let done = match &self.meant {
            Meant::Said(target) => words(self.action, target),
            Meant::Hit(hits) => format!("{} {}", self.action.word(), hits_in_words(hits, names)),
        };
        if idle.is_empty() { done } else { format!("{done}: {}", idle.join(", ")) }
    }
}

/// Whom a target is now.
fn resolve(target: &Target, names: &Names, image: &ClusterImage) -> Vec<Hit> {
    let brokers = |ids: Vec<i32>| ids.into_iter().filter_map(|id| names.broker(id)).map(Hit::Process).collect();
    match target {
        Target::Broker(id) => brokers(vec![*id]),
        Target::Controller => vec![Hit::Process(CONTROLLER_PROCESS)],
        Target::Client(name) => names.link_end(&LinkEnd::Client(name.clone())).map(Hit::Process).into_iter().collect(),
        Target::Members(name) => names.members(name).map(Hit::Process).collect(),
        Target::LeaderOf { topic, partition } => brokers(
            leader_and_followers(topic, *partition, names, image).map(|(leader, _)| leader).into_iter().collect(),
        ),
        Target::FollowerOf { topic, partition } => {
            brokers(followers(topic, *partition, names, image).into_iter().take(1).collect())
        }
        Target::FollowersOf { topic, partition } => brokers(followers(topic, *partition, names, image)),
        Target::ReplicaOn { broker, .. } => brokers(vec![*broker]),
        Target::Link { from, to, both_ways } => {
            let (from, to) = ends_of(from, to, names);
            let there = Hit::Link(from, to);
            if *both_ways { vec![there, Hit::Link(to, from)] } else { vec![there] }
        }
        Target::Message { api, request, ordinal, from, to } => {
            let (from, to) = ends_of(from, to, names);
            let name = MessageName { from, to, kind: api.kind(*request), ordinal: *ordinal };
            vec![Hit::Message(MessageHit::Named(name))]
        }
        Target::Next { api, request, from, to } => {
            let process = |end: &Option<LinkEnd>| end.as_ref().and_then(|end| names.link_end(end));
            vec![Hit::Message(MessageHit::Next(api.kind(*request), process(from), process(to)))]
        }
    }
}

fn ends_of(from: &LinkEnd, to: &LinkEnd, names: &Names) -> (ProcessId, ProcessId) {
    let ends = (names.link_end(from), names.link_end(to));
    let (Some(from), Some(to)) = ends else { panic!("{from} or {to} is nobody: {ends:?}") };
    (from, to)
}

/// The leader (-1 for none) and the other replicas, lowest id first.
fn leader_and_followers(topic: &str, partition: u32, names: &Names, image: &ClusterImage) -> Option<(i32, Vec<i32>)> {
    let partition = image.partition(names.find_partition(topic, partition)?)?;
    let mut followers: Vec<_> = partition.replicas.iter().copied().filter(|id| *id != partition.leader).collect();
    sort_by_key(&mut followers, |&id| signed(id.into()));
    Some((partition.leader, followers))
}

fn followers(topic: &str, partition: u32, names: &Names, image: &ClusterImage) -> Vec<i32> {
    leader_and_followers(topic, partition, names, image).map_or_else(Vec::new, |(_, followers)| followers)
}

fn hits_in_words(hits: &[Hit], names: &Names) -> String {
    let words: Vec<_> = hits
        .iter()
        .map(|hit| match hit {
            Hit::Process(id) => names.process(*id),
            Hit::Replica(id, partition) => format!("{} on {}", names.partition(*partition), names.process(*id)),
            Hit::Link(from, to) => format!("link {} -> {}", names.process(*from), names.process(*to)),
            Hit::Message(_) => "a message".to_owned(),
        })
        .collect();
    words.join(", ")
}
