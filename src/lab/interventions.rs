//! Faults of the scenario and commands of a person: when they are due, and whom they hit.
//!
//! Both are looked up at the moment they are done (`leader of orders-0`), and are undone to those that they hit then.
//! An intervention happens after all other events of its time.

use std::sync::Arc;

use litemap::LiteMap;

use super::names::Names;
use super::scenario::{Command, Fault as Planned, FaultAction, LinkEnd, Object, Target};
use crate::sim::Time;
use crate::sim::fault::{Fault, MessageFault, NextMessage};
use crate::sim::network::LinkSettings;
use crate::sim::process::ProcessId;
use crate::sim::sorted::{signed, sort_by_key};
use crate::wire::{CONTROLLER_PROCESS, ClusterImage, TopicPartition};

/// The numbers of external events: twice the place of a fault, one more for its end, and commands from here on.
const COMMANDS: u32 = 1 << 24;

/// What an intervention is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A process.
    Process(ProcessId),
    /// A link, in one direction.
    Link(ProcessId, ProcessId),
    /// What a broker has of a partition.
    Replica(ProcessId, TopicPartition),
    /// A message on its way, by its sequence number.
    Message(u64),
    /// The next message of a kind, from somebody, to somebody.
    Next(u32, Option<ProcessId>, Option<ProcessId>),
}

/// An intervention whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervention {
    /// What is done.
    pub action: FaultAction,
    /// In the words of a command.
    pub text: String,
    /// To whom; nobody where the target is nobody now.
    pub hits: Vec<Hit>,
    /// When and how it is undone, to those that it hits.
    end: Option<End>,
}

/// How a fault ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    at: Time,
    number: u32,
    action: FaultAction,
    /// In the words of a command, where those that are hit do not tell them.
    text: Option<String>,
}

/// All interventions of a run and how far they are done.
#[derive(Clone, Debug)]
pub struct Interventions {
    faults: Arc<[Planned]>,
    commands: Arc<[Command]>,
    faults_done: usize,
    commands_done: usize,
    /// What is to be undone, by time and number.
    ends: LiteMap<(Time, u32), Intervention>,
    /// When the next one is due, and its number: asked at every event.
    due: Option<(Time, u32)>,
}

impl Interventions {
    /// None of them done.
    #[must_use]
    pub fn new(faults: Vec<Planned>, commands: Arc<[Command]>) -> Self {
        let mut orders =
            Self { faults: faults.into(), commands, faults_done: 0, commands_done: 0, ends: LiteMap::new(), due: None };
        orders.due = orders.find_next();
        orders
    }

    /// Other commands from now on; those that are done must be the same.
    pub fn set_commands(&mut self, commands: Arc<[Command]>) {
        self.commands = commands;
        self.due = self.find_next();
    }

    /// How many commands are done.
    #[must_use]
    pub fn commands_done(&self) -> usize {
        self.commands_done
    }

    /// Each fault and command with its time, its words, whether it is done, and whether a person gave it; in order of time.
    #[must_use]
    pub fn list(&self) -> Vec<(Time, String, bool, bool)> {
        let faults =
            self.faults.iter().enumerate().map(|(index, fault)| {
                (fault.at_us, words(fault.action, &fault.target), index < self.faults_done, false)
            });
        let commands = self.commands.iter().enumerate().map(|(index, command)| {
            (command.at_us, words(command.action, &command.target), index < self.commands_done, true)
        });
        let mut all: Vec<_> = faults.chain(commands).collect();
        sort_by_key(&mut all, |(at, ..)| (*at).into());
        all
    }

    /// When the next one is due, and its number.
    #[must_use]
    pub fn next(&self) -> Option<(Time, u32)> {
        self.due
    }

    fn find_next(&self) -> Option<(Time, u32)> {
        let fault = self.faults.get(self.faults_done).map(|fault| (fault.at_us, 2 * self.faults_done as u32));
        let command =
            self.commands.get(self.commands_done).map(|command| (command.at_us, COMMANDS + self.commands_done as u32));
        let end = self.ends.keys().next().copied();
        [fault, command, end].into_iter().flatten().min()
    }

    /// Takes the next one: it is done now.
    pub fn take(&mut self, names: &Names, image: &ClusterImage) -> Option<Intervention> {
        let intervention = self.take_due(names, image);
        self.due = self.find_next();
        intervention
    }

    fn take_due(&mut self, names: &Names, image: &ClusterImage) -> Option<Intervention> {
        let (time, number) = self.next()?;
        if let Some(end) = self.ends.remove(&(time, number)) {
            return Some(end);
        }
        if number >= COMMANDS {
            let command = self.commands.get(self.commands_done)?;
            self.commands_done += 1;
            return Some(intervention(command.action, &command.target, names, image));
        }
        let fault = self.faults.get(self.faults_done)?;
        self.faults_done += 1;
        let mut intervention = intervention(fault.action, &fault.target, names, image);
        intervention.end = fault.undo_after_us.zip(fault.action.undo()).map(|(after, action)| End {
            at: time.saturating_add(after),
            number: number + 1,
            action,
            text: (fault.action.object() == Object::Message).then(|| words(action, &fault.target)),
        });
        Some(intervention)
    }

    /// An intervention is done to those that are left in it: they are who its end undoes it to.
    pub fn keep_end(&mut self, intervention: &Intervention, names: &Names) {
        let Some(end) = intervention.end.as_ref().filter(|_| !intervention.hits.is_empty()) else { return };
        let in_words = || format!("{} {}", end.action.word(), hits_in_words(&intervention.hits, names));
        let text = end.text.clone().unwrap_or_else(in_words);
        let undone = Intervention { action: end.action, text, hits: intervention.hits.clone(), end: None };
        self.ends.insert((end.at, end.number), undone);
        self.due = self.find_next();
    }
}

impl Intervention {
    /// What it means to the kernel. `link` is what links are like unless something is done to them.
    #[must_use]
    pub fn faults(&self, link: LinkSettings) -> Vec<Fault> {
        self.hits.iter().flat_map(|hit| faults_of(self.action, *hit, link)).collect()
    }
}

fn faults_of(action: FaultAction, hit: Hit, link: LinkSettings) -> Vec<Fault> {
    match (action, hit) {
        (FaultAction::Kill, Hit::Process(id)) => vec![Fault::Kill(id)],
        (FaultAction::PowerLoss, Hit::Process(id)) => vec![Fault::LosePower(id)],
        (FaultAction::Restart, Hit::Process(id)) => vec![Fault::Restart(id)],
        (FaultAction::Pause, Hit::Process(id)) => vec![Fault::Pause(id)],
        (FaultAction::Resume, Hit::Process(id)) => vec![Fault::Resume(id)],
        (FaultAction::Cut, Hit::Link(from, to)) => vec![Fault::Cut(from, to)],
        (FaultAction::Clog, Hit::Link(from, to)) => vec![Fault::Clog(from, to)],
        (FaultAction::Heal, Hit::Link(from, to)) => vec![Fault::SetLink(from, to, link), Fault::Heal(from, to)],
        (FaultAction::Slow { by_us }, Hit::Link(from, to)) => {
            let latency_us = link.latency_us.saturating_add(by_us);
            vec![Fault::SetLink(from, to, LinkSettings { latency_us, ..link })]
        }
        (FaultAction::SlowDisk { by_us }, Hit::Process(id)) => vec![Fault::SlowDisk(id, by_us)],
        (FaultAction::FillDisk, Hit::Process(id)) => vec![Fault::FillDisk(id)],
        (FaultAction::HealDisk, Hit::Process(id)) => vec![Fault::SlowDisk(id, 0), Fault::LimitDisk(id, u64::MAX)],
        (FaultAction::Release, Hit::Message(number)) => vec![Fault::Release(number)],
        (FaultAction::Release, Hit::Next(kind, from, to)) => vec![Fault::Release(number_of(kind, from, to))],
        (action, Hit::Message(number)) => {
            message_fault(action).map(|fault| Fault::Message(number, fault)).into_iter().collect()
        }
        (action, Hit::Next(kind, from, to)) => {
            let next = |fault| Fault::Next(NextMessage { from, to, kind, fault, number: number_of(kind, from, to) });
            message_fault(action).map(next).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn message_fault(action: FaultAction) -> Option<MessageFault> {
    match action {
        FaultAction::Hold => Some(MessageFault::Hold),
        FaultAction::Lose => Some(MessageFault::Lose),
        FaultAction::Repeat => Some(MessageFault::Repeat),
        _ => None,
    }
}

/// The number under which the next message of a kind is held: the same words release it. Sequence numbers of messages
/// are far below.
fn number_of(kind: u32, from: Option<ProcessId>, to: Option<ProcessId>) -> u64 {
    let end = |end: Option<ProcessId>| end.map_or(0, |id| u64::from(id) + 1);
    1 << 63 | u64::from(kind) << 48 | end(from) << 24 | end(to)
}

fn intervention(action: FaultAction, target: &Target, names: &Names, image: &ClusterImage) -> Intervention {
    let mut hits = resolve(target, names, image);
    if action.object() == Object::Replica {
        let partition = target.partition().and_then(|(topic, index)| names.find_partition(topic, index));
        hits = hits.into_iter().filter_map(|hit| replica(hit, partition?)).collect();
    }
    Intervention { action, text: words(action, target), hits, end: None }
}

fn replica(hit: Hit, partition: TopicPartition) -> Option<Hit> {
    match hit {
        Hit::Process(id) => Some(Hit::Replica(id, partition)),
        _ => None,
    }
}

/// An action and its target in the words of a command.
#[must_use]
pub fn words(action: FaultAction, target: &Target) -> String {
    Command { at_us: 0, action, target: target.clone() }.to_string()
}

/// Whom a target is now.
fn resolve(target: &Target, names: &Names, image: &ClusterImage) -> Vec<Hit> {
    let brokers = |ids: Vec<i32>| ids.into_iter().filter_map(|id| names.broker(id)).map(Hit::Process).collect();
    match target {
        Target::Broker(id) => brokers(vec![*id]),
        Target::Controller => vec![Hit::Process(CONTROLLER_PROCESS)],
        Target::LeaderOf { topic, partition } => brokers(
            leader_and_followers(topic, *partition, names, image).map(|(leader, _)| leader).into_iter().collect(),
        ),
        Target::FollowerOf { topic, partition } => {
            brokers(followers(topic, *partition, names, image).into_iter().take(1).collect())
        }
        Target::FollowersOf { topic, partition } => brokers(followers(topic, *partition, names, image)),
        Target::ReplicaOn { broker, .. } => brokers(vec![*broker]),
        Target::Link { from, to, both_ways } => {
            let (Some(from), Some(to)) = (names.link_end(from), names.link_end(to)) else { return Vec::new() };
            let there = Hit::Link(from, to);
            if *both_ways { vec![there, Hit::Link(to, from)] } else { vec![there] }
        }
        Target::Message(number) => vec![Hit::Message(*number)],
        Target::Next { api, request, from, to } => {
            let process = |end: &Option<LinkEnd>| end.as_ref().and_then(|end| names.link_end(end));
            vec![Hit::Next(api.kind(*request), process(from), process(to))]
        }
    }
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
            Hit::Message(_) | Hit::Next(..) => "a message".to_owned(),
        })
        .collect();
    if words.is_empty() { "nobody".to_owned() } else { words.join(", ") }
}
