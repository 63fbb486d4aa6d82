//! A run that a person moves about in: to any instant, in either direction, and with commands of their own.

use std::sync::Arc;

use super::notable::Notable;
use super::scenario::units::duration_text;
use super::scenario::{self, Command, InterventionId, Scenario, ScenarioError};
use super::timeline::{Replay, Timeline};
use super::trace::Trace;
use super::world::{Occurrence, World};
use crate::sim::Time;

/// A scenario, a seed, a person's commands, and an instant of that run.
#[derive(Clone, Debug)]
pub struct Session {
    scenario: Arc<Scenario>,
    seed: u64,
    commands: Arc<[Command]>,
    world: World,
    now_us: Time,
    timeline: Timeline<World>,
    /// Every event computed so far, and what is notable of them.
    trace: Trace,
    notables: Vec<Notable>,
    computed_us: Time,
}

impl Session {
    /// A session at the start of a run of this scenario file, with its seed unless another is given.
    pub fn load(toml: &str, seed: Option<u64>) -> Result<Self, Vec<ScenarioError>> {
        let scenario = scenario::parse(toml)?;
        let seed = seed.unwrap_or(scenario.seed);
        Ok(Self::from_scenario(Arc::new(scenario), seed))
    }

    /// A session at the start of a run.
    #[must_use]
    pub fn from_scenario(scenario: Arc<Scenario>, seed: u64) -> Self {
        let commands: Arc<[Command]> = Arc::new([]);
        let world = World::new(&scenario, seed, Arc::clone(&commands));
        let timeline = Timeline::new(world.clone());
        let (trace, notables) = (Trace::default(), Vec::new());
        Self { scenario, seed, commands, world, now_us: 0, timeline, trace, notables, computed_us: 0 }
    }

    /// Goes to the instant after the last event at or before `time_us`, at most the scenario's duration.
    pub fn seek_time(&mut self, time_us: Time) {
        self.advance(time_us, u64::MAX);
    }

    /// As [`seek_time`](Self::seek_time), but computes at most so many events that are new; true where it arrived.
    pub fn advance(&mut self, time_us: Time, new_events: u64) -> bool {
        let time_us = time_us.min(self.scenario.duration_us);
        let known = time_us.min(self.computed_us);
        self.restore(self.trace.last_at(known));
        self.now_us = known;
        let last = self.trace.len().saturating_add(new_events);
        while self.trace.len() < last {
            if self.step_until(time_us).is_none() {
                self.arrive(time_us);
                return true;
            }
        }
        self.now_us = self.world.time();
        false
    }

    /// Goes to the instant after this event, or to the end of the run where that comes before it.
    pub fn seek_event(&mut self, event: u64) {
        self.restore(event.min(self.trace.len()));
        while self.world.event() < event {
            if self.step_until(Time::MAX).is_none() {
                return self.arrive(self.scenario.duration_us);
            }
        }
        self.now_us = self.world.time();
    }

    /// Goes one event, or to the next notable event, in either direction; stays where there is none.
    pub fn step(&mut self, forward: bool, interesting: bool) {
        let event = self.world.event();
        match (forward, interesting) {
            (true, false) => self.seek_event(event + 1),
            (false, false) => self.seek_event(event.saturating_sub(1)),
            (true, true) => self.step_to_notable(),
            (false, true) => {
                let before = self.notables.partition_point(|notable| notable.event < event);
                self.seek_event(before.checked_sub(1).map_or(0, |index| self.notables[index].event));
            }
        }
    }

    /// Does now what the text says, such as `kill broker 2`. Commands of the person that come later are dropped and
    /// returned in words: the run starts over from here.
    pub fn command(&mut self, text: &str) -> Result<Vec<String>, String> {
        let command = Command::read(self.now_us, text, &self.scenario).map_err(|wrong| wrong.to_string())?;
        let in_words = |command: &Command| format!("{command} at {}", duration_text(command.at_us));
        Ok(self.give(command).iter().map(in_words).collect())
    }

    /// The same for a command that has been read. Its time is now, whatever it says.
    pub fn give(&mut self, command: Command) -> Vec<Command> {
        let done = self.world.interventions().commands_done().min(self.commands.len());
        let (kept, dropped) = self.commands.split_at(done);
        let dropped = dropped.to_vec();
        let id = InterventionId::after(kept);
        let command = Command { id, at_us: self.now_us, ..command };
        self.commands = kept.iter().cloned().chain([command]).collect();
        self.branch();
        self.seek_time(self.now_us);
        dropped
    }

    /// The commands of the person, in order of time.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The world at the present instant.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The present time: that of the last event, or later where nothing has happened since.
    #[must_use]
    pub fn time_us(&self) -> Time {
        self.now_us
    }

    /// Up to which time the run has been computed.
    #[must_use]
    pub fn computed_us(&self) -> Time {
        self.computed_us
    }

    /// Every event that has been computed.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What is notable of the events that have been computed, oldest first.
    #[must_use]
    pub fn notables(&self) -> &[Notable] {
        &self.notables
    }

    /// The rolling hash at the present instant.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.world.hash()
    }

    fn step_to_notable(&mut self) {
        let event = self.world.event();
        let known = self.notables.partition_point(|notable| notable.event <= event);
        if let Some(next) = self.notables.get(known) {
            return self.seek_event(next.event);
        }
        self.restore(self.trace.len());
        loop {
            match self.step_until(Time::MAX) {
                Some(true) => break self.now_us = self.world.time(),
                Some(false) => {}
                None => break self.arrive(self.scenario.duration_us),
            }
        }
    }

    /// Goes to an event that has been computed, from the present one where that is nearer than a snapshot.
    fn restore(&mut self, event: u64) {
        let nearest = self.timeline.nearest(event);
        if self.world.is_finished() || self.world.event() > event || self.world.event() < nearest.event() {
            self.world = nearest.clone();
            self.world.set_commands(Arc::clone(&self.commands));
        }
        while self.world.event() < event && self.world.advance() {}
    }

    /// Lets the next event happen if it is at or before `limit`; says whether it is new and notable.
    fn step_until(&mut self, limit: Time) -> Option<bool> {
        let occurrence = self.world.step_until(limit)?;
        Some(self.record(occurrence))
    }

    fn record(&mut self, occurrence: Occurrence) -> bool {
        if occurrence.event <= self.trace.len() {
            return false;
        }
        self.timeline.visit(&self.world);
        self.computed_us = self.computed_us.max(occurrence.entry.time);
        self.trace.push_with(occurrence.entry, &occurrence.more_causes);
        let is_notable = !occurrence.notables.is_empty();
        self.notables.extend(occurrence.notables);
        is_notable
    }

    /// Nothing more happens up to `time_us`.
    fn arrive(&mut self, time_us: Time) {
        self.now_us = time_us;
        self.computed_us = self.computed_us.max(time_us);
        if time_us == self.scenario.duration_us {
            let last_words = self.world.finish();
            let known = self.notables.iter().rev().any(|notable| last_words.first() == Some(notable));
            if !known {
                self.notables.extend(last_words);
            }
        }
    }

    /// Forgets what was computed beyond the present event: from here on it may differ.
    fn branch(&mut self) {
        let event = self.world.event();
        self.timeline.cut(event);
        self.trace.cut(event);
        let kept = self.notables.partition_point(|notable| notable.event <= event);
        self.notables.truncate(kept);
        self.computed_us = self.now_us;
        self.world.set_commands(Arc::clone(&self.commands));
    }
}
