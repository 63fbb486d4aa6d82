//! Many runs of a scenario, each with another seed, and what they found together.
//!
//! A search is a value that grows seed by seed in any order, and two of them merge: so seeds may be spread over threads,
//! processes and machines, and a search that was stopped goes on from what it has. Findings are grouped by signature: their
//! kind, and their sentence without its numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::coverage::{Coverage, Situation};
use super::runner;
use super::scenario::{Finding, Scenario};

/// Seeds that are named of a group, the lowest.
const SEEDS_NAMED: usize = 20;

/// What one run found.
#[derive(Clone, Debug)]
pub struct Explored {
    /// Its seed.
    pub seed: u64,
    /// How many events it had.
    pub events: u64,
    /// Its virtual time, in microseconds.
    pub virtual_time_us: u64,
    /// What it reached.
    pub coverage: Coverage,
    /// What was found that nothing expects or allows.
    pub findings: Vec<Finding>,
}

/// Runs a scenario with a seed to its end; then everything that is broken is mended, and the run goes on until whatever makes
/// no progress is stuck, and everything is read back.
#[must_use]
pub fn explore(scenario: &Arc<Scenario>, seed: u64) -> Explored {
    let world = runner::run_healed(scenario, seed, &mut |_, _| {});
    let virtual_time_us = world.scenario().duration_us;
    let report = runner::report(&world, virtual_time_us);
    let is_unexpected = |finding: &Finding| !runner::is_expected(scenario, finding);
    Explored {
        seed,
        events: report.events,
        virtual_time_us,
        coverage: world.coverage().clone(),
        findings: report.findings.into_iter().filter(is_unexpected).collect(),
    }
}

/// Findings with one signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The kind of finding.
    pub kind: String,
    /// The sentence without its numbers.
    pub signature: String,
    /// In how many runs it was found.
    pub runs: u64,
    /// The lowest seeds of these.
    pub seeds: Vec<u64>,
    /// When it became true in the run of the first seed, in virtual microseconds.
    pub at_us: u64,
    /// The sentence in that run.
    pub about: String,
}

/// What a search has found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// The scenario as it was named.
    pub scenario: String,
    /// The hash of its text: only searches of the same text belong together.
    pub scenario_hash: String,
    /// The seeds that were tried: first and last, in order.
    pub seeds: Vec<(u64, u64)>,
    /// How many runs that is.
    pub runs: u64,
    /// Events of all runs.
    pub events: u64,
    /// Their virtual time, in microseconds.
    pub virtual_time_us: u64,
    /// How often each situation was reached, in all runs.
    pub reached: BTreeMap<String, u64>,
    /// Situations that no run reached.
    pub never: Vec<String>,
    /// What was found, by signature, most frequent first.
    pub findings: Vec<Group>,
}

impl Search {
    /// A search that has tried nothing.
    #[must_use]
    pub fn new(scenario: &str, scenario_hash: String) -> Self {
        let never = Situation::ALL.iter().map(|of| of.name().to_owned()).collect();
        Self { scenario: scenario.to_owned(), scenario_hash, never, ..Self::default() }
    }

    /// Whether a seed was tried.
    #[must_use]
    pub fn has(&self, seed: u64) -> bool {
        let behind = self.seeds.partition_point(|(first, _)| *first <= seed);
        behind.checked_sub(1).is_some_and(|place| self.seeds[place].1 >= seed)
    }

    /// Takes in a run, once.
    pub fn add(&mut self, run: &Explored) {
        if self.has(run.seed) {
            return;
        }
        self.tried(run.seed);
        self.runs += 1;
        self.events += run.events;
        self.virtual_time_us += run.virtual_time_us;
        for (of, count) in run.coverage.reached() {
            *self.reached.entry(of.name().to_owned()).or_default() += count;
        }
        let mut groups: Vec<Group> = Vec::new();
        for finding in &run.findings {
            let (kind, signature) = (finding.kind.name().to_owned(), signature(&finding.about));
            if !groups.iter().any(|group| (&group.kind, &group.signature) == (&kind, &signature)) {
                let (seeds, at_us, about) = (vec![run.seed], finding.at_us, finding.text());
                groups.push(Group { kind, signature, runs: 1, seeds, at_us, about });
            }
        }
        groups.into_iter().for_each(|group| self.take(group));
        self.tidy();
    }

    /// A seed was tried: it makes the range before it or behind it longer, or stands by itself.
    fn tried(&mut self, seed: u64) {
        let place = self.seeds.partition_point(|(first, _)| *first < seed);
        self.seeds.insert(place, (seed, seed));
        for (before, behind) in [(place, place + 1), (place.wrapping_sub(1), place)] {
            let range = |at: usize| self.seeds.get(at).copied();
            if let Some(((first, end), (begin, last))) = range(before).zip(range(behind))
                && end.checked_add(1) == Some(begin)
            {
                self.seeds[before] = (first, last);
                self.seeds.remove(behind);
            }
        }
    }

    /// Takes in another search of the same scenario that tried other seeds.
    pub fn merge(&mut self, other: Self) -> Result<(), String> {
        if self.scenario_hash != other.scenario_hash {
            let (ours, theirs) = (&self.scenario, &other.scenario);
            return Err(format!(
                "`{ours}` and `{theirs}` are not the same text: only searches of one scenario belong together"
            ));
        }
        let overlaps = |(first, last): &(u64, u64)| {
            // The last range that does not begin behind this one reaches furthest of all before it.
            let behind = self.seeds.partition_point(|(begin, _)| begin <= last);
            behind.checked_sub(1).is_some_and(|place| self.seeds[place].1 >= *first)
        };
        if let Some((first, last)) = other.seeds.iter().find(|range| overlaps(range)) {
            return Err(format!("seeds {first}..{last} or some of them are in both: each is counted once"));
        }
        self.seeds.extend(other.seeds);
        self.seeds.sort_unstable();
        self.seeds.dedup_by(|next, before| {
            let joins = before.1.checked_add(1) == Some(next.0);
            if joins {
                before.1 = next.1;
            }
            joins
        });
        self.runs += other.runs;
        self.events += other.events;
        self.virtual_time_us += other.virtual_time_us;
        for (of, count) in other.reached {
            *self.reached.entry(of).or_default() += count;
        }
        other.findings.into_iter().for_each(|group| self.take(group));
        self.tidy();
        Ok(())
    }

    fn take(&mut self, new: Group) {
        let same = |group: &&mut Group| (&group.kind, &group.signature) == (&new.kind, &new.signature);
        let Some(known) = self.findings.iter_mut().find(same) else {
            self.findings.push(new);
            return;
        };
        known.runs += new.runs;
        if new.seeds.first() < known.seeds.first() {
            (known.at_us, known.about) = (new.at_us, new.about);
        }
        known.seeds.extend(new.seeds);
        known.seeds.sort_unstable();
        known.seeds.truncate(SEEDS_NAMED);
    }

    /// The same whatever the order in which seeds came.
    fn tidy(&mut self) {
        let reached = &self.reached;
        self.never =
            Situation::ALL.iter().map(|of| of.name().to_owned()).filter(|of| !reached.contains_key(of)).collect();
        self.findings
            .sort_by(|a, b| b.runs.cmp(&a.runs).then_with(|| (&a.kind, &a.signature).cmp(&(&b.kind, &b.signature))));
    }
}

/// A sentence in which every number is the same.
fn signature(about: &str) -> String {
    let mut text = String::with_capacity(about.len());
    for letter in about.chars() {
        let stands_for = if letter.is_ascii_digit() { '#' } else { letter };
        // Of a number's digits the first is enough.
        if stands_for != '#' || !text.ends_with('#') {
            text.push(stands_for);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenario::FindingKind;

    fn run(seed: u64, found: &[(FindingKind, &str)]) -> Explored {
        let finding = |(kind, about): &(FindingKind, &str)| Finding {
            kind: *kind,
            at_us: seed,
            about: (*about).to_owned(),
            count: 1,
            alike: Vec::new(),
            allowed: None,
        };
        let mut coverage = Coverage::default();
        coverage.add(Situation::Kill, 2);
        Explored { seed, events: 10, virtual_time_us: 5, coverage, findings: found.iter().map(finding).collect() }
    }

    const LOST: (FindingKind, &str) = (FindingKind::LostWrite, "a-12 was acknowledged at offset 7 of orders-0");
    const LOST_TOO: (FindingKind, &str) = (FindingKind::LostWrite, "a-1 was acknowledged at offset 93 of orders-1");
    const TWICE: (FindingKind, &str) = (FindingKind::Duplicate, "a-1 is at offsets 3 and 4 of orders-0");

    fn runs() -> Vec<Explored> {
        vec![run(1, &[LOST, LOST_TOO]), run(2, &[]), run(3, &[TWICE]), run(5, &[LOST_TOO]), run(9, &[])]
    }

    fn search(runs: &[Explored]) -> Search {
        let mut search = Search::new("s", "1".to_owned());
        runs.iter().for_each(|run| search.add(run));
        search
    }

    #[test]
    fn findings_are_grouped_by_what_they_say_without_numbers() {
        let all = search(&runs());
        let groups: Vec<_> = all.findings.iter().map(|it| (it.kind.as_str(), it.runs, it.seeds.as_slice())).collect();
        assert_eq!(groups, [("lost-write", 2, &[1, 5][..]), ("duplicate", 1, &[3])]);
        assert_eq!(all.findings[0].about, LOST.1);
        assert_eq!((all.seeds, all.runs, all.events), (vec![(1, 3), (5, 5), (9, 9)], 5, 50));
        assert_eq!(all.reached.get("kills"), Some(&10));
        assert_eq!(all.never.len(), Situation::ALL.len() - 1);
    }

    #[test]
    fn shards_in_any_order_are_the_whole() {
        let (whole, runs) = (search(&runs()), runs());
        let mut merged = search(&[runs[4].clone(), runs[0].clone()]);
        merged.merge(search(&[runs[3].clone(), runs[1].clone(), runs[2].clone()])).expect("other seeds");
        assert_eq!(merged, whole);
        // What was tried is not counted again.
        merged.add(&runs[0]);
        assert_eq!(merged, whole);
        assert!(merged.merge(search(&runs[..1])).is_err());
        let other = Search::new("other", "2".to_owned());
        assert!(merged.merge(other).is_err());
    }
}
