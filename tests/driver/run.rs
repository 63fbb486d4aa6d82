//! A run event by event, and where another that should be the same is not.

use std::fmt;
use std::sync::Arc;

use loglab::lab::scenario::{Command, Scenario};
use loglab::lab::world::{Occurrence, World};

/// An instant: the time of an event, and the rolling hash behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    pub time_us: u64,
    pub hash: u64,
}

/// What a run is: a scenario, a seed and commands.
#[derive(Clone)]
pub struct Plan {
    pub scenario: Arc<Scenario>,
    pub seed: u64,
    pub commands: Arc<[Command]>,
    /// Not more events than these.
    pub most: u64,
}

/// The first instant at which two runs differ that should be the same.
pub struct Divergence {
    /// On which way it was reached.
    pub way: String,
    /// The number of the event.
    pub event: u64,
    /// What it is in the straight run.
    pub straight: String,
    /// What it is on that way.
    pub other: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { way, event, straight, other } = self;
        write!(f, "{way}: differs first at event {event}\n  straight: {straight}\n  there:    {other}")
    }
}

/// The straight run of a plan: from its start, each event after the one before.
pub struct Straight {
    pub plan: Plan,
    /// That after event 1 first.
    pub instants: Vec<Instant>,
    /// It ends there; otherwise it was only followed so far.
    pub is_whole: bool,
}

impl Plan {
    pub fn world(&self) -> World {
        World::new(&self.scenario, self.seed, Arc::clone(&self.commands))
    }

    pub fn straight(&self) -> Straight {
        let mut world = self.world();
        let mut instants = Vec::new();
        let mut is_whole = false;
        while (instants.len() as u64) < self.most && !is_whole {
            match world.step() {
                Some(occurrence) => instants.push(instant(&world, &occurrence)),
                None => is_whole = true,
            }
            assert_eq!(world_event(&world), instants.len() as u64, "events are counted one by one");
        }
        assert!(instants.is_sorted_by_key(|instant| instant.time_us), "time goes forward");
        Straight { plan: self.clone(), instants, is_whole }
    }
}

/// The number of a world's last event.
pub fn world_event(world: &World) -> u64 {
    loglab::lab::timeline::Replay::event(world)
}

pub fn instant(world: &World, occurrence: &Occurrence) -> Instant {
    assert_eq!(occurrence.entry.time, world.time(), "an event happens at the world's time");
    assert_eq!(occurrence.event, world_event(world), "an event has the world's number");
    Instant { time_us: world.time(), hash: world.hash() }
}

impl Straight {
    /// How many events it has, as far as it was followed.
    pub fn len(&self) -> u64 {
        self.instants.len() as u64
    }

    /// The instant after an event; before the first there is none.
    pub fn after(&self, event: u64) -> Option<Instant> {
        let index = usize::try_from(event.checked_sub(1)?).expect("a run fits into memory");
        self.instants.get(index).copied()
    }

    /// The number of the last event at or before a time.
    pub fn last_at(&self, time_us: u64) -> u64 {
        self.instants.partition_point(|instant| instant.time_us <= time_us) as u64
    }

    /// Steps a world to the end of the run, as `step` does it, and compares each event.
    pub fn follow(
        &self,
        way: &str,
        world: &mut World,
        mut step: impl FnMut(&mut World) -> Option<Occurrence>,
    ) -> Result<(), Divergence> {
        loop {
            let event = world_event(world) + 1;
            let occurrence = if event <= self.plan.most { step(world) } else { None };
            let there = occurrence.as_ref().map(|occurrence| instant(world, occurrence));
            self.compare(way, event, there, || format!("{occurrence:?}"))?;
            if there.is_none() {
                return Ok(());
            }
        }
    }

    /// Compares another run with this one.
    pub fn same(&self, way: &str, other: &Straight) -> Result<(), Divergence> {
        let most = self.len().max(other.len());
        (1..=most).try_for_each(|event| self.compare(way, event, other.after(event), || other.words(event)))
    }

    /// Compares an instant with the straight run's after the same event. `words` tells what happened there.
    pub fn compare(
        &self,
        way: &str,
        event: u64,
        there: Option<Instant>,
        words: impl Fn() -> String,
    ) -> Result<(), Divergence> {
        let here = self.after(event);
        if here == there {
            return Ok(());
        }
        let tell = |instant: Option<Instant>, words: String| match instant {
            Some(Instant { time_us, hash }) => format!("hash {hash:016x} at {time_us} us, {words}"),
            None => "the run is over".to_owned(),
        };
        let straight = tell(here, self.words(event));
        Err(Divergence { way: way.to_owned(), event, straight, other: tell(there, words()) })
    }

    /// What an event was.
    fn words(&self, event: u64) -> String {
        let mut world = self.plan.world();
        let mut last = None;
        while world_event(&world) < event
            && let Some(occurrence) = world.step()
        {
            last = Some(occurrence);
        }
        format!("{last:?}")
    }
}
