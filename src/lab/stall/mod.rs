//! What readers suffer: records are there for a group, or for a consumer that reads for itself, and none is given to it.
//!
//! A stall breaks no promise. Whoever is paged for growing lag must see it all the same: since when, of which partitions, and
//! what was wrong meanwhile. A group is one reader, whichever of its members has a partition: what it costs when a member dies,
//! or when all of them join again, is the time in which nobody reads.

mod reason;
mod skip;
mod suffered;
mod words;

#[cfg(test)]
mod tests;

use std::cell::LazyCell;
use std::sync::Arc;

use reason::OfGroup;
pub use reason::{Seat, WaitsIn, Why};
pub use skip::{Skip, text as skip_text};
pub use suffered::{Reader, Stall};
pub use words::{reader_text, text};

use super::check::{Evidence, OUTAGE_US, When};
use super::names::Names;
use super::observer::Observer;
use super::scenario::Scenario;
use super::trouble::reasons_of_isr;
use crate::note::{Note, PollError};
use crate::settings::IsolationLevel;
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{PartitionMap, TopicPartition};

/// How often it is looked how far readers are behind.
const LOOK_US: Time = 500 * MILLISECOND;
/// A reader that was given nothing for so long has a reason to.
const WAIT_US: Time = 200 * MILLISECOND;
/// Stalls that are kept of a reader; what comes later is counted by nobody.
const KEPT: usize = 1_000;

/// Where a reader is in a partition.
#[derive(Clone, Debug, Default)]
struct Place {
    /// One past the last offset that it was given, or gone past.
    at: i64,
    /// When it was given something last, or was seen to have all there is.
    since: When,
    /// How many offsets it is behind what it may read: `records-lag`.
    lag: i64,
    /// What is wrong since then.
    whys: Vec<Why>,
}

impl Place {
    /// It goes on from here. What it suffered until now, where that is worth a word.
    fn goes_on(&mut self, reader: &Reader, partition: TopicPartition, now: When) -> Option<Stall> {
        let stall = self.stall(reader, partition, now).map(|stall| Stall { is_over: true, ..stall });
        (self.since, self.lag) = (now, 0);
        self.whys.clear();
        stall
    }

    /// What it suffers by now.
    fn stall(&self, reader: &Reader, partition: TopicPartition, now: When) -> Option<Stall> {
        (self.lag > 0 && now.time - self.since.time >= OUTAGE_US).then(|| Stall {
            reader: reader.clone(),
            partitions: vec![partition],
            from: self.since,
            to: now,
            is_over: false,
            lag: self.lag,
            whys: self.whys.clone(),
        })
    }
}

/// A reader and where it is.
#[derive(Clone, Debug)]
struct Reading {
    reader: Reader,
    /// The processes that read for it.
    members: Vec<ProcessId>,
    /// Whether it is given nothing above the last stable offset.
    committed_only: bool,
    /// Records that it was given.
    read: u64,
    /// Records that it went past without a word.
    skipped: u64,
    places: PartitionMap<Place>,
    over: Vec<Stall>,
    /// Its programs that have ended.
    ends: Vec<End>,
}

/// A program that reads has ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Whose.
    pub process: ProcessId,
    /// When.
    pub at: Time,
    /// What `poll()` has thrown.
    pub error: PollError,
}

/// Keeps a stall that is over, if there was one, and gives it on.
fn keep(over: &mut Vec<Stall>, stall: Option<Stall>) -> Option<Stall> {
    let stall = stall?;
    if over.len() < KEPT {
        over.push(stall.clone());
    }
    Some(stall)
}

/// What a reader did, for reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Who.
    pub reader: Reader,
    /// How many processes read for it.
    pub members: usize,
    /// Records that it was given, each as often as it was.
    pub read: u64,
    /// Records that were there and that it went past: its position moved behind them.
    pub skipped: u64,
    /// How many offsets it is behind what it may read, as far as it has positions; `None` where it has none.
    pub lag: Option<i64>,
    /// Its programs that have ended, each as often as it did.
    pub ends: Vec<End>,
}

/// The watcher of readers.
#[derive(Clone, Debug)]
pub struct Stalls {
    readings: Vec<Arc<Reading>>,
    /// Of each consumer and then each pipeline, in the order of the scenario, who it reads for.
    of_consumers: Arc<[usize]>,
    first_consumer: ProcessId,
    /// Told by notes, and not given yet.
    told: Vec<Stall>,
    looked_at: When,
}

impl Stalls {
    /// The readers of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario, names: &Names) -> Self {
        let mut readings: Vec<Reading> = Vec::new();
        let mut of_consumers = Vec::new();
        let consumers = scenario.consumers.iter().map(|it| (it.group.as_ref(), it.config.isolation_level));
        let pipelines = scenario.pipelines.iter().map(|it| (Some(&it.group), it.consumer.isolation_level));
        let consumers = names.consumers().zip(consumers).chain(names.pipelines().zip(pipelines));
        for (process, (group, isolation)) in consumers {
            let reader = match group {
                Some(group) => Reader::Group(group.as_str().into()),
                None => Reader::Alone(process),
            };
            let place = readings.iter().position(|reading| reading.reader == reader).unwrap_or(readings.len());
            if place == readings.len() {
                readings.push(Reading {
                    reader,
                    members: Vec::new(),
                    committed_only: isolation == IsolationLevel::ReadCommitted,
                    read: 0,
                    skipped: 0,
                    places: PartitionMap::default(),
                    over: Vec::new(),
                    ends: Vec::new(),
                });
            }
            readings[place].members.push(process);
            of_consumers.push(place);
        }
        Self {
            readings: readings.into_iter().map(Arc::new).collect(),
            of_consumers: of_consumers.into(),
            first_consumer: names.consumers().chain(names.pipelines()).next().unwrap_or_default(),
            told: Vec::new(),
            looked_at: When::default(),
        }
    }

    /// Takes in what a process told. What consumers do not tell is nothing to it.
    pub fn observe(&mut self, note: &Note, now: When, skip: Option<Skip>) {
        if let Some(skip) = skip {
            self.reading(skip.consumer).skipped += skip.records;
        }
        if let Note::Read { consumer, partition, offset, .. } = note {
            let Reading { reader, places, read, over, .. } = self.reading(*consumer);
            *read += 1;
            let place = places.get_or_insert_with(*partition, Place::default);
            place.at = offset + 1;
            let stall = keep(over, place.goes_on(reader, *partition, now));
            self.told.extend(stall);
        } else if let Note::Positioned { consumer, partition, offset, .. } = note {
            let reading = self.reading(*consumer);
            let begin = || Place { since: now, ..Place::default() };
            reading.places.get_or_insert_with(*partition, begin).at = *offset;
        } else if let Note::MemberFailed { consumer, error } = note {
            self.end(*consumer, PollError::NoMember(*error), now);
        } else if let Note::PollThrew { consumer, error } = note {
            self.end(*consumer, *error, now);
        }
    }

    /// What a consumer goes past that its reader was never given, where a note tells that its position has moved.
    #[must_use]
    pub fn skip(&self, note: &Note, observer: &Observer<'_>) -> Option<Skip> {
        // Nothing else moves a position without reading.
        let Note::Positioned { consumer, partition, offset, moved } = note else { return None };
        let reading = &self.readings[self.of_consumers[(consumer - self.first_consumer) as usize]];
        let known = reading.places.get(partition).map_or(0, |place| place.at);
        skip::of_move((*consumer, *partition), (known, *offset), *moved, observer)
    }

    fn end(&mut self, process: ProcessId, error: PollError, now: When) {
        self.reading(process).ends.push(End { process, at: now.time, error });
    }

    /// Looks how far readers are behind and why, and gives what is over by now.
    pub fn look(&mut self, now: When, observer: &Observer<'_>) -> Vec<Stall> {
        if now.time >= self.looked_at.time + LOOK_US {
            let before = std::mem::replace(&mut self.looked_at, now);
            for reading in &mut self.readings {
                self.told.extend(look_at(Arc::make_mut(reading), (before, now), observer));
            }
        }
        std::mem::take(&mut self.told)
    }

    /// What is not over.
    pub fn open(&self, now: When) -> impl Iterator<Item = Stall> {
        self.readings.iter().flat_map(move |reading| {
            let stall = |(partition, place): (TopicPartition, &Place)| place.stall(&reading.reader, partition, now);
            reading.places.iter().filter_map(stall).collect::<Vec<_>>()
        })
    }

    /// All that readers suffered up to now, what has one cause in one.
    #[must_use]
    pub fn all(&self, now: When) -> Vec<Stall> {
        let over = self.readings.iter().flat_map(|reading| &reading.over).cloned();
        let mut all: Vec<Stall> = Vec::new();
        for stall in over.chain(self.open(now)) {
            match all.iter_mut().rev().find(|known| known.is_one_with(&stall)) {
                Some(known) => known.join(&stall),
                None => all.push(stall),
            }
        }
        all
    }

    /// What each reader did up to now.
    #[must_use]
    pub fn summaries(&self, observer: &Observer<'_>) -> Vec<Summary> {
        let of = |reading: &Arc<Reading>| {
            let behind = |(partition, place): (TopicPartition, &Place)| {
                let end = readable_end(reading.committed_only, partition, observer)?;
                Some((end - gone_to(reading, place, partition, observer)).max(0))
            };
            // Of a topic that was deleted nobody is behind.
            let is_there = |(of, _): &(TopicPartition, &Place)| observer.image().topics.get(of.topic).is_some();
            let lags = reading.places.iter().filter(is_there).map(behind);
            Summary {
                reader: reading.reader.clone(),
                members: reading.members.iter().filter(|member| observer.has_joined(**member)).count(),
                read: reading.read,
                skipped: reading.skipped,
                lag: lags.reduce(|sum, lag| Some(sum? + lag?)).flatten(),
                ends: reading.ends.clone(),
            }
        };
        self.readings.iter().map(of).collect()
    }

    fn reading(&mut self, consumer: ProcessId) -> &mut Reading {
        let place = self.of_consumers[(consumer - self.first_consumer) as usize];
        Arc::make_mut(&mut self.readings[place])
    }
}

fn look_at(reading: &mut Reading, (before, now): (When, When), observer: &Observer<'_>) -> Vec<Stall> {
    let mut over = Vec::new();
    let partitions: Vec<TopicPartition> = reading.places.keys().collect();
    let reader = reading.reader.clone();
    let group = LazyCell::new(|| match &reader {
        Reader::Group(id) => Some(OfGroup::see(id, observer)),
        Reader::Alone(_) => None,
    });
    for partition in partitions {
        let place = reading.places.get(&partition).expect("its key is there");
        let (end, to) = (written_end(partition, observer), gone_to(reading, place, partition, observer));
        let works = reading.members.iter().any(|member| observer.works_on(*member, partition));
        let (at, since) = (place.at, place.since);
        let is_late = now.time - since.time >= WAIT_US;
        // Where nobody leads, nothing more is there than before.
        let lag = end.map_or(place.lag, |end| (end - to).max(0));
        let whys: Vec<Why> = if lag > 0 && is_late {
            let whys = reason::whys(&reading.members, group.as_ref(), partition, observer);
            let behind = reason::held_back(reading.committed_only, to, partition, observer);
            whys.into_iter().chain(behind).collect()
        } else {
            Vec::new()
        };
        let Reading { reader, places, over: kept, .. } = &mut *reading;
        let place = places.get_or_insert_with(partition, Place::default);
        // Markers and what was aborted are gone past without a word.
        let stall = if lag == 0 || works || to > at { place.goes_on(reader, partition, now) } else { None };
        if lag > 0 && place.lag == 0 && !works {
            // At the last look it had all there was.
            place.since = if before.event > place.since.event { before } else { place.since };
        }
        (place.at, place.lag) = (to.max(at), if works { 0 } else { lag });
        whys.into_iter().for_each(|why| {
            if !place.whys.iter().any(|known| known.is_one_with(&why)) {
                place.whys.push(why);
            }
        });
        over.extend(keep(kept, stall));
    }
    over
}

/// Where a reader is, in a partition in which it has a place: its members know of offsets that nobody is given.
fn gone_to(reading: &Reading, place: &Place, partition: TopicPartition, observer: &Observer<'_>) -> i64 {
    let positions = reading.members.iter().filter_map(|member| observer.position_of(*member, partition));
    positions.max().unwrap_or(place.at)
}

/// One past the last offset that readers could be given, whether its leader gives that to them or holds it back: what lies behind a
/// high watermark only where something keeps that from moving. `None` where nobody leads, or the topic is gone.
fn written_end(partition: TopicPartition, observer: &Observer<'_>) -> Option<i64> {
    let (log, _) = observer.log(observer.leader_of(partition)?, partition)?;
    let (high_watermark, end) = (log.high_watermark(), log.log_end_offset());
    let stands = high_watermark < end && !reasons_of_isr(partition, observer).is_empty();
    Some(if stands { end } else { high_watermark })
}

/// One past the last offset that its leader gives a reader; `None` where nobody leads, or the topic is gone.
fn readable_end(committed_only: bool, partition: TopicPartition, observer: &Observer<'_>) -> Option<i64> {
    let leader = observer.leader_of(partition)?;
    let (log, _) = observer.log(leader, partition)?;
    Some(if committed_only { log.last_stable_offset() } else { log.high_watermark() })
}
