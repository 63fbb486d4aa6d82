//! Faults that are drawn from the seed while the run goes: what a file's `[nemesis]` asks for.
//!
//! Swarm testing (Groce and others, 2012): with each seed some families are off, and rates and lengths differ, for what is
//! always on hides what it disturbs. A decision falls at an instant that was drawn, looks at who is up and at the
//! controller's image, and gives plain faults with their ends: they are done, hashed and told as those of the file are, and
//! written into a file they give the same run. Draws come from a stream of their own, so that whatever is drawn here
//! shifts no draw of others.

mod budget;
mod choice;
mod open;
mod shape;
mod spread;
mod written;

pub use shape::of_seed;
pub use written::tables;

use std::sync::Arc;

use self::budget::Standing;
use self::choice::Pick;
use self::open::Open;
use self::spread::{spread, whole_ms};
use super::fault::effect::Hit;
use super::fault::{FaultAction, Object, Silences};
use super::scenario::keys::FAULT;
use super::scenario::{Fault, InterventionId, Nemesis as Settings, Scenario, Sort, Target};
use super::scene::Instant;
use crate::sim::Time;
use crate::sim::random::Random;

/// A family that is not off with this seed.
#[derive(Clone, Copy, Debug)]
struct Family {
    word: &'static str,
    /// How often it is drawn beside the others.
    weight: u64,
}

/// Who draws faults.
#[derive(Clone, Debug)]
pub struct Nemesis {
    settings: Arc<Scenario>,
    random: Random,
    families: Arc<[Family]>,
    sorts: Arc<[Sort]>,
    /// Mean time between two faults, and the longest that one lasts.
    every_us: u64,
    longest_us: u64,
    /// From here on nothing is drawn, and everything is healed.
    quiet_us: Time,
    /// When a fault is drawn next.
    next_us: Option<Time>,
    /// Brokers whose disk was full, and when to look whether they ended because of it.
    halted: Vec<(Time, i32)>,
    drawn: u32,
    open: Vec<Open>,
}

/// One in so many families and sorts is off with a seed.
const OFF: u64 = 3;
/// Weights of families, from 1.
const WEIGHTS: u64 = 4;
/// The shortest fault.
const SHORTEST_US: u64 = 20_000;
/// After its disk was healed a broker may still end by what failed before.
const HALTS_WITHIN_US: u64 = 500_000;

impl Nemesis {
    /// That of a scenario whose run with this seed is [shaped](of_seed); `None` where it has none.
    #[must_use]
    pub fn new(scenario: &Arc<Scenario>, seed: u64) -> Option<Self> {
        let settings = scenario.nemesis.as_ref()?;
        let mut random = Random::stream(seed, "nemesis", 0);
        let families = some(&mut random, &settings.families);
        let families = families.into_iter().map(|word| Family { word, weight: random.between(1, WEIGHTS) }).collect();
        let sorts = some(&mut random, &settings.sorts);
        // A run in which nothing befalls a broker shows little.
        let brokers = settings.sorts.iter().filter(|sort| **sort == Sort::Brokers && !sorts.contains(sort));
        let sorts = sorts.iter().chain(brokers).copied().collect();
        let every_us = random.between(settings.every_us / 2, settings.every_us * 2);
        let longest_us = random.between(settings.longest_us / 10, settings.longest_us);
        let mut nemesis = Self {
            settings: Arc::clone(scenario),
            random,
            families,
            sorts,
            every_us,
            longest_us,
            quiet_us: scenario.duration_us.saturating_sub(settings.calm_us),
            next_us: None,
            halted: Vec::new(),
            drawn: 0,
            open: Vec::new(),
        };
        nemesis.plan(settings.from_us);
        Some(nemesis)
    }

    /// The words of the families that are on with this seed, in the order of the table.
    pub fn families(&self) -> impl Iterator<Item = &'static str> {
        self.families.iter().map(|family| family.word)
    }

    /// From when on everything is healed.
    #[must_use]
    pub fn quiet_us(&self) -> Time {
        self.quiet_us
    }

    /// When it decides next, and the number that what it decides then will have.
    #[must_use]
    pub fn due(&self) -> Option<(Time, InterventionId)> {
        let looks = self.halted.iter().map(|(at, _)| *at);
        let at = self.next_us.into_iter().chain(looks).min()?;
        Some((at, self.id()))
    }

    /// What it does now, in this order.
    pub fn decide(&mut self, now: Time, sight: &Instant<'_>) -> Vec<Fault> {
        self.open.retain(|open| open.until > now);
        let mut faults = self.mend(now, sight);
        if self.next_us == Some(now) {
            faults.extend(self.draw(now, sight));
            self.plan(now);
        }
        faults
    }

    fn settings(&self) -> &Settings {
        self.settings.nemesis.as_ref().expect("there is no nemesis without its settings")
    }

    fn id(&self) -> InterventionId {
        InterventionId(InterventionId::FIRST_DRAWN.0 + self.drawn)
    }

    /// What it draws can stand in a file beside the faults that stand there.
    fn room(&self) -> u32 {
        (FAULT.most - self.settings.faults.len()) as u32 - self.drawn
    }

    fn plan(&mut self, after: Time) {
        let at = after + self.random.between(1, 2 * self.every_us);
        self.next_us = (at < self.quiet_us && self.room() > 0).then_some(at);
    }

    fn fault(&mut self, at_us: Time, action: FaultAction, target: Target, undo_after_us: Option<u64>) -> Fault {
        let id = self.id();
        self.drawn += 1;
        Fault { id, at_us, action, target, undo_after_us }
    }

    /// Who ended because its disk was full begins again, where nothing else keeps it down.
    fn mend(&mut self, now: Time, sight: &Instant<'_>) -> Vec<Fault> {
        let (due, later) = self.halted.iter().copied().partition(|(at, _)| *at <= now);
        self.halted = later;
        let due: Vec<(Time, i32)> = due;
        let mut faults = Vec::new();
        for (_, broker) in due {
            let process = sight.observer.names.broker(broker).expect("a broker whose disk was full");
            let keeps = |open: &&Open| open.is_of(process, &[Object::Processes, Object::Brokers]);
            let kept = self.open.iter().filter(keeps).map(|open| open.until).max();
            match kept {
                Some(until) => self.halted.push((until + HALTS_WITHIN_US, broker)),
                None if FaultAction::Restart.done_to(Hit::Process(process), sight).is_ok() && self.room() > 0 => {
                    faults.push(self.fault(now, FaultAction::Restart, Target::Broker(broker), None));
                }
                // It runs.
                None => {}
            }
        }
        faults
    }

    /// The first fault of a family, drawn after its weight, that can be done and that the budget allows; of several links
    /// more than one.
    fn draw(&mut self, now: Time, sight: &Instant<'_>) -> Vec<Fault> {
        let left_us = (self.quiet_us - now).min(self.longest_us);
        if left_us < SHORTEST_US {
            return Vec::new();
        }
        let mut families = self.families.to_vec();
        while !families.is_empty() {
            let Family { word, .. } = families.remove(weighted(&mut self.random, &families));
            let row = FaultAction::named(word).expect("a word of the table");
            let standing = Standing { sight, open: &self.open, budget: self.settings().budget };
            let pick = Pick { row, standing, sorts: &self.sorts };
            let mut chosen = pick.choose(&mut self.random);
            chosen.truncate(self.room() as usize);
            if chosen.is_empty() {
                continue;
            }
            let lasts_us = whole_ms(spread(&mut self.random, SHORTEST_US, left_us));
            return chosen.into_iter().map(|chosen| self.begin(now, lasts_us, chosen)).collect();
        }
        Vec::new()
    }

    fn begin(&mut self, now: Time, lasts_us: u64, chosen: choice::Chosen) -> Fault {
        let choice::Chosen { action, target, hits, whose } = chosen;
        let charged = whose.filter(|_| match action.silence() {
            Silences::Always | Silences::ByHalting => true,
            Silences::Never => false,
        });
        let until = now + lasts_us;
        if let (FaultAction::FillDisk, Target::Broker(broker)) = (action, &target) {
            self.halted.retain(|(_, known)| known != broker);
            self.halted.push((until + HALTS_WITHIN_US, *broker));
        }
        if action.undo().is_some() {
            self.open.push(Open { until, action, hits, charged });
        }
        self.fault(now, action, target, action.undo().map(|_| lasts_us))
    }
}

/// Some of these, in their order; at least one.
fn some<T: Copy>(random: &mut Random, all: &[T]) -> Vec<T> {
    let on: Vec<T> = all.iter().copied().filter(|_| random.below(OFF) > 0).collect();
    if on.is_empty() { vec![all[random.below(all.len() as u64) as usize]] } else { on }
}

/// The place of a family, more likely the more weight it has.
fn weighted(random: &mut Random, families: &[Family]) -> usize {
    let mut at = random.below(families.iter().map(|family| family.weight).sum());
    let is_it = |family: &Family| {
        let is_it = at < family.weight;
        at = at.saturating_sub(family.weight);
        is_it
    };
    families.iter().position(is_it).expect("the draw lies below the sum")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_drawn_after_its_weight_and_something_is_always_on() {
        let mut random = Random::stream(2, "test", 0);
        let families = [Family { word: "kill", weight: 1 }, Family { word: "cut", weight: 4 }];
        let cuts = (0..1_000).filter(|_| weighted(&mut random, &families) == 1).count();
        assert!((700..900).contains(&cuts), "{cuts}");
        assert!((0..100).all(|_| !some(&mut random, &[1, 2]).is_empty()));
    }
}
