//! A run that a person moves about in: to any instant, in either direction, with commands of their own, and on all the
//! branches that these make.

use std::sync::Arc;

use super::branch::{Branch, Run};
use super::chronicle::{Chronicle, Notables};
use super::fork::BranchId;
use super::notable::Notable;
use super::scenario::units::duration_text;
use super::scenario::{self, Command, InterventionId, Scenario, ScenarioError};
use super::timeline::Replay;
use super::trace::Trace;
use super::tree::{Acted, BranchError, Tree};
use super::world::{Occurrence, World};
use crate::sim::Time;

/// What the branch is called that begins with the scenario alone.
const FIRST: &str = "main";
/// Letters of the name of a branch.
const NAME_LETTERS: usize = 60;

/// A scenario, a seed, the branches that a person's commands make, and an instant of one of them.
#[derive(Clone, Debug)]
pub struct Session {
    scenario: Arc<Scenario>,
    seed: u64,
    tree: Tree<World>,
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
        Self::with_commands(scenario, seed, Arc::new([]))
    }

    /// A session at the start of a run on which a person has given these commands, in order of time.
    #[must_use]
    pub fn with_commands(scenario: Arc<Scenario>, seed: u64, commands: Arc<[Command]>) -> Self {
        assert!(commands.is_sorted_by_key(|command| command.at_us), "commands are in order of time");
        let world = World::new(&scenario, seed, Arc::clone(&commands));
        let scenario = Arc::clone(world.scenario());
        Self { scenario, seed, tree: Tree::new(world, FIRST, commands) }
    }

    /// Goes to the instant after the last event at or before `time_us`, at most the scenario's duration.
    pub fn seek_time(&mut self, time_us: Time) {
        self.tree.seek_time(time_us);
    }

    /// As [`seek_time`](Self::seek_time), but computes at most so many events that are new; true where it arrived.
    pub fn advance(&mut self, time_us: Time, new_events: u64) -> bool {
        self.tree.advance(time_us, new_events)
    }

    /// Goes to the instant of this event, or to the end of the run where that comes before it.
    pub fn seek_event(&mut self, event: u64) {
        self.tree.seek_event(event);
    }

    /// Goes one event, or to the next notable event, in either direction; stays where there is none.
    pub fn step(&mut self, forward: bool, interesting: bool) {
        let event = self.world().event();
        match (forward, interesting) {
            (true, false) => self.seek_event(event + 1),
            (false, false) => self.seek_event(event.saturating_sub(1)),
            (true, true) => self.tree.seek_turning_point(),
            (false, true) => self.tree.seek_turning_point_before(),
        }
    }

    /// Does now what the text says, such as `kill broker 2`. In the past a branch begins with it, and the present one keeps
    /// its future.
    pub fn command(&mut self, text: &str) -> Result<Acted, String> {
        let command = Command::read(self.time_us(), text, &self.scenario).map_err(|wrong| wrong.to_string())?;
        self.give(command).map_err(|wrong| wrong.to_string())
    }

    /// The same for a command that has been read. Its time is now, whatever it says.
    pub fn give(&mut self, command: Command) -> Result<Acted, BranchError> {
        let done = self.world().interventions().commands_done();
        let id = InterventionId::after(&self.commands()[..done]);
        let command = Command { id, at_us: self.time_us(), ..command };
        let name = format!("{command} at {}", duration_text(command.at_us));
        self.tree.act(command, |_| shortened(&name))
    }

    /// All branches, by number.
    #[must_use]
    pub fn branches(&self) -> &[Branch<World>] {
        self.tree.branches()
    }

    /// The branch of the present instant.
    #[must_use]
    pub fn branch(&self) -> &Branch<World> {
        self.tree.branch()
    }

    /// Goes to another branch, where it is at the present time.
    pub fn switch(&mut self, branch: BranchId) -> Result<(), BranchError> {
        self.tree.switch(branch)
    }

    /// Goes to another branch, at its start; for whoever seeks on from there.
    pub fn switch_to_start(&mut self, branch: BranchId) -> Result<(), BranchError> {
        self.tree.switch_to_start(branch)
    }

    /// Calls a branch so. What cannot be read is refused.
    pub fn rename(&mut self, branch: BranchId, name: &str) -> Result<(), String> {
        let name = name.trim();
        if name.is_empty() || name.chars().any(char::is_control) || name.chars().count() > NAME_LETTERS {
            return Err(format!("a branch's name has 1 to {NAME_LETTERS} letters"));
        }
        self.tree.rename(branch, name.to_owned()).map_err(|wrong| wrong.to_string())
    }

    /// Forgets a branch; those that leave it stay.
    pub fn remove(&mut self, branch: BranchId) -> Result<(), BranchError> {
        self.tree.remove(branch)
    }

    /// The commands of the person on the present branch, in order of time.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        self.branch().commands()
    }

    /// The world at the present instant.
    #[must_use]
    pub fn world(&self) -> &World {
        self.tree.state()
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
        self.tree.now_us()
    }

    /// Up to which time the present branch has been computed.
    #[must_use]
    pub fn computed_us(&self) -> Time {
        self.branch().computed_us()
    }

    /// Every event of the present branch that has been computed.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        self.branch().past().trace()
    }

    /// What is notable of the events of the present branch that have been computed, oldest first.
    #[must_use]
    pub fn notables(&self) -> &Notables {
        self.branch().past().notables()
    }

    /// What is notable up to the present instant, oldest first.
    pub fn notables_so_far(&self) -> impl DoubleEndedIterator<Item = &Notable> + ExactSizeIterator {
        let world = self.world();
        self.notables().before(self.branch().past().notables_until(world.event(), world.is_finished()))
    }

    /// About how many bytes the snapshots of all branches take.
    #[must_use]
    pub fn snapshot_bytes(&self) -> usize {
        self.tree.snapshot_bytes()
    }

    /// The rolling hash at the present instant.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.world().hash()
    }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME_LETTERS - 1) {
        Some((end, _)) if name.chars().count() > NAME_LETTERS => format!("{}…", &name[..end]),
        Some(_) | None => name.to_owned(),
    }
}

impl Run for World {
    type Command = Command;
    type Occurrence = Occurrence;
    type Past = Chronicle;

    fn end_us(&self) -> Time {
        self.scenario().duration_us
    }

    fn step_until(&mut self, limit: Time) -> Option<Occurrence> {
        self.step_until(limit)
    }

    fn commands_done(&self) -> usize {
        self.interventions().commands_done()
    }

    fn set_commands(&mut self, commands: Arc<[Command]>) {
        self.set_commands(commands);
    }

    fn finish(&mut self) -> Vec<Notable> {
        self.finish()
    }

    fn is_finished(&self) -> bool {
        self.is_finished()
    }
}
