//! Rebalances of groups: when one began and why, when its last member had what it shall have, and who read meanwhile.
//!
//! A coordinator knows when a group begins to rebalance, its members alone when it is over for them: both are looked at
//! whenever something that concerns a group has happened. It is no part of the run: nothing depends on it.

use std::sync::Arc;

use super::check::{Evidence, When};
use super::names::Names;
use super::observer::Observer;
use super::units::{list, seconds};
use crate::broker::groups::{GROUPS_TOPIC, GroupSight, MemberSight};
use crate::client::MembershipSight;
use crate::note::Note;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::Api;

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is a new one.
    Joined,
    /// It said that it goes.
    Left,
    /// Its program did not poll for `max.poll.interval.ms`, so that its client left.
    DidNotPoll,
    /// Its coordinator gave it up: it was silent for its session, or did not join in time.
    TimedOut,
}

/// A rebalance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// Whose.
    pub group: Arc<str>,
    /// Whether the group speaks the protocol of KIP-848.
    pub is_modern: bool,
    /// When it began.
    pub from: When,
    /// When its last member had what it shall have; the present of one that is not over.
    pub to: When,
    /// Whether it is.
    pub is_over: bool,
    /// The generation or the group epoch before it.
    pub before: i32,
    /// The one to which it leads, as far as it is known.
    pub epoch: i32,
    /// Who came and went.
    pub changes: Vec<(ProcessId, Change)>,
    /// When nobody read, though somebody had before: begins and ends.
    pub stops: Vec<(Time, Time)>,
    /// Who had partitions all the time.
    pub went_on: Vec<ProcessId>,
}

impl Rebalance {
    /// Why, in words; nothing where nobody came or went.
    #[must_use]
    pub fn why(&self, names: &Names) -> String {
        let kinds = [
            (Change::Joined, "joined"),
            (Change::Left, "left"),
            (Change::DidNotPoll, "did not poll"),
            (Change::TimedOut, "timed out"),
        ];
        let told = kinds.into_iter().filter_map(|(kind, words)| {
            let who = self.changes.iter().filter(|(_, change)| *change == kind).map(|(who, _)| names.process(*who));
            let who: Vec<String> = who.collect();
            (!who.is_empty()).then(|| format!("{} {words}", list(who)))
        });
        told.collect::<Vec<String>>().join(", ")
    }

    /// The generation or epoch to which it leads.
    #[must_use]
    pub fn leads_to(&self) -> String {
        let word = if self.is_modern { "epoch" } else { "generation" };
        // Before all have joined it is not counted on yet.
        format!("{word} {}", if self.epoch > self.before { self.epoch } else { self.before + 1 })
    }

    /// What it cost those who read.
    #[must_use]
    pub fn cost(&self, names: &Names) -> String {
        let stopped: Time = self.stops.iter().map(|(from, to)| to - from).sum();
        match (stopped, self.went_on.is_empty()) {
            (0, true) => String::new(),
            (0, false) => format!("{} went on", list(self.went_on.iter().map(|who| names.process(*who)))),
            (stopped, _) => format!("nobody read for {}", seconds(stopped)),
        }
    }

    /// In a sentence.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let (group, lasted) = (&self.group, seconds(self.to.time - self.from.time));
        let mut text = match self.is_over {
            true => format!("group {group} rebalanced to {} in {lasted}", self.leads_to()),
            false => format!("group {group} has been rebalancing to {} for {lasted}", self.leads_to()),
        };
        let (why, cost) = (self.why(names), self.cost(names));
        if !why.is_empty() {
            text += &format!(" ({why})");
        }
        if !cost.is_empty() {
            text += &format!("; {cost}");
        }
        text
    }
}

/// A member: its instance, or its id where it has none, and its process.
type Known = (String, ProcessId);

/// A group that is watched.
#[derive(Clone, Debug)]
struct Watch {
    group: Arc<str>,
    /// The processes that belong to it.
    processes: Vec<ProcessId>,
    /// Something has happened that may concern it.
    due: bool,
    /// When it was looked at last.
    seen: Time,
    /// Its members, and its generation or epoch, when it rebalanced last.
    known: Vec<Known>,
    epoch: i32,
    /// Who has partitions and runs, as was seen last.
    reading: Vec<ProcessId>,
    /// Whether anybody had any, ever.
    has_read: bool,
    /// Who left because it had not polled.
    idle: Vec<ProcessId>,
    open: Option<Rebalance>,
    /// Since when nobody reads, while one is under way.
    stopped: Option<Time>,
}

/// The watcher of rebalances.
#[derive(Clone, Debug)]
pub struct Rebalances {
    groups: Vec<Arc<Watch>>,
}

impl Rebalances {
    /// The groups of a scenario.
    #[must_use]
    pub fn new(names: &Names) -> Self {
        let mut groups: Vec<Watch> = Vec::new();
        for process in names.consumers().chain(names.pipelines()) {
            // It reads for itself.
            let Some((group, _)) = names.group_of(process) else { continue };
            let place = groups.iter().position(|it| &*it.group == group).unwrap_or(groups.len());
            if place == groups.len() {
                groups.push(Watch::new(group));
            }
            groups[place].processes.push(process);
        }
        Self { groups: groups.into_iter().map(Arc::new).collect() }
    }

    /// Takes in what a process told: what comes to a member and goes.
    pub fn hear(&mut self, note: &Note) {
        if let Note::Assigned { consumer, .. } | Note::Revoked { consumer, .. } = note {
            self.touch(*consumer);
        } else if let Note::PollExpired { consumer, .. } = note {
            for watch in self.groups.iter_mut().filter(|it| it.processes.contains(consumer)) {
                Arc::make_mut(watch).idle.push(*consumer);
            }
        }
    }

    /// A message of this API was handed over between these two.
    pub fn delivered(&mut self, api: Api, from: ProcessId, to: ProcessId) {
        if matches!(
            api,
            Api::JoinGroup | Api::SyncGroup | Api::LeaveGroup | Api::Heartbeat | Api::ConsumerGroupHeartbeat
        ) {
            self.touch(from);
            self.touch(to);
        }
    }

    /// Something was done to somebody.
    pub fn disturb(&mut self) {
        self.groups.iter_mut().for_each(|watch| Arc::make_mut(watch).due = true);
    }

    fn touch(&mut self, process: ProcessId) {
        for watch in self.groups.iter_mut().filter(|it| !it.due && it.processes.contains(&process)) {
            Arc::make_mut(watch).due = true;
        }
    }

    /// Looks at the groups that may have changed with what `sender` sent, if anybody did. Answers which rebalances are over.
    pub fn look(&mut self, now: When, sender: Option<ProcessId>, observer: &Observer<'_>) -> Vec<Rebalance> {
        let mut over = Vec::new();
        for watch in self.groups.iter_mut().filter(|watch| watch.due) {
            let watch = Arc::make_mut(watch);
            watch.due = false;
            watch.look(now, sender, observer, &mut over);
        }
        over
    }

    /// What is not over by now.
    pub fn open(&self, now: When) -> impl Iterator<Item = Rebalance> {
        self.groups.iter().filter_map(move |watch| watch.as_of(now))
    }
}

impl Watch {
    fn new(group: &str) -> Self {
        Self {
            group: group.into(),
            processes: Vec::new(),
            due: false,
            seen: 0,
            known: Vec::new(),
            epoch: 0,
            reading: Vec::new(),
            has_read: false,
            idle: Vec::new(),
            open: None,
            stopped: None,
        }
    }

    fn look(&mut self, now: When, sender: Option<ProcessId>, observer: &Observer<'_>, over: &mut Vec<Rebalance>) {
        let reading: Vec<ProcessId> = self.processes.iter().copied().filter(|it| reads(*it, observer)).collect();
        // Nobody coordinates it, or whoever does reads its partition first: until then nothing changes.
        if let Some((coordinator, sight)) = sight(&self.group, observer) {
            let members: Vec<Known> = sight.members.iter().filter_map(known).collect();
            let prepares = sight.state == "PreparingRebalance";
            // A generation that was reached, and already the members join again.
            if prepares && self.open.as_ref().is_some_and(|open| open.epoch > open.before) {
                over.extend(self.close(now, members.clone()));
            }
            let begins = is_rebalancing(sight.state) || sight.epoch != self.epoch && !members.is_empty();
            if self.open.is_none() && begins {
                self.begin(now, coordinator, &sight, observer);
            }
            self.compare(&members, sender, sight.epoch);
            self.stop_or_go(now, &reading);
            let is_over = !is_rebalancing(sight.state) && !sight.members.iter().any(|it| is_behind(it, observer));
            if is_over {
                over.extend(self.close(now, members));
                self.epoch = sight.epoch;
            }
        } else {
            self.stop_or_go(now, &reading);
        }
        self.seen = now.time;
        self.has_read |= !reading.is_empty();
        self.reading = reading;
    }

    fn begin(&mut self, now: When, coordinator: i32, sight: &GroupSight, observer: &Observer<'_>) {
        // It may have begun with a timer of the coordinator: when, it knows to a millisecond.
        let lasted = sight.since_ms.map_or(0, |since| observer.wall_ms(coordinator).saturating_sub(since).max(0));
        let time = now.time.saturating_sub(lasted.unsigned_abs().saturating_mul(MILLISECOND)).max(self.seen);
        let from = When { time, ..now };
        self.open = Some(Rebalance {
            group: Arc::clone(&self.group),
            is_modern: sight.protocol == "consumer",
            from,
            to: now,
            is_over: false,
            before: self.epoch,
            epoch: self.epoch,
            changes: Vec::new(),
            stops: Vec::new(),
            went_on: self.reading.clone(),
        });
        self.stopped = (self.has_read && self.reading.is_empty()).then_some(time);
    }

    /// Who came and went since the last one was over.
    fn compare(&mut self, members: &[Known], sender: Option<ProcessId>, epoch: i32) {
        // None is under way.
        let Some(open) = &mut self.open else { return };
        open.epoch = epoch;
        let joined = members.iter().filter(|it| !self.known.contains(it)).map(|(_, who)| (*who, Change::Joined));
        let gone = self.known.iter().filter(|it| !members.contains(it)).map(|(_, who)| {
            let is_told = |(known, change): &&(ProcessId, Change)| known == who && *change != Change::Joined;
            let change = match open.changes.iter().find(is_told) {
                Some((_, change)) => *change,
                None if self.idle.contains(who) => Change::DidNotPoll,
                None if sender == Some(*who) => Change::Left,
                None => Change::TimedOut,
            };
            (*who, change)
        });
        let changes: Vec<(ProcessId, Change)> = joined.chain(gone).collect();
        for change in changes {
            if !open.changes.contains(&change) {
                open.changes.push(change);
            }
        }
    }

    fn stop_or_go(&mut self, now: When, reading: &[ProcessId]) {
        // None is under way.
        let Some(open) = &mut self.open else { return };
        open.went_on.retain(|it| reading.contains(it));
        match self.stopped {
            None if reading.is_empty() && self.has_read => self.stopped = Some(now.time),
            Some(since) if !reading.is_empty() => {
                open.stops.push((since, now.time));
                self.stopped = None;
            }
            // All is as it was.
            None | Some(_) => {}
        }
    }

    /// The one that is under way, up to now.
    fn as_of(&self, now: When) -> Option<Rebalance> {
        let mut open = Rebalance { to: now, ..self.open.clone()? };
        open.stops.extend(self.stopped.map(|since| (since, now.time)));
        Some(open)
    }

    fn close(&mut self, now: When, members: Vec<Known>) -> Option<Rebalance> {
        let over = self.as_of(now).map(|it| Rebalance { is_over: true, ..it });
        (self.known, self.open, self.stopped) = (members, None, None);
        self.idle.clear();
        if let Some(over) = &over {
            self.epoch = over.epoch;
        }
        over
    }
}

/// A group as its coordinator has it.
fn sight(group: &str, observer: &Observer<'_>) -> Option<(i32, GroupSight)> {
    let seat = observer.seat_of(GROUPS_TOPIC, group)?;
    let leader = observer.leader_of(seat).filter(|leader| observer.is_running(*leader))?;
    Some((leader, observer.broker(leader)?.group(group)?))
}

fn is_rebalancing(state: &str) -> bool {
    matches!(state, "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling")
}

/// A static member keeps its place under another id.
fn known(it: &MemberSight) -> Option<Known> {
    Some((it.instance.clone().unwrap_or_else(|| it.id.clone()), it.process()?))
}

/// Whether a program runs and has partitions.
fn reads(process: ProcessId, observer: &Observer<'_>) -> bool {
    let has = |sight: MembershipSight| !sight.assigned.is_empty();
    observer.kernel.status(process) == Status::Running && observer.membership(process).is_some_and(has)
}

/// Whether a member has not been told yet what it shall have. Whoever is down will be told nothing.
fn is_behind(it: &MemberSight, observer: &Observer<'_>) -> bool {
    let Some(process) = it.process() else { return false };
    let lives = matches!(observer.kernel.status(process), Status::Running | Status::Paused);
    let believes = observer.membership(process).filter(|believes| lives && believes.id == it.id);
    believes.is_some_and(|believes| believes.generation != it.epoch || believes.state != "STABLE")
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests;
