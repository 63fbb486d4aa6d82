//! How long producers waited: the latency of their sends, and the times in which nothing of what they waited for came.
//!
//! An outage breaks no promise, so it is no finding. Whoever reads a report must see it all the same: writes that are
//! refused for a minute are what an incident is about.

use std::collections::VecDeque;
use std::sync::Arc;

use litemap::LiteMap;

use crate::note::{Note, RecordId, SendOutcome};
use crate::sim::{SECOND, Time};
use crate::wire::{PartitionMap, TopicPartition};

/// Something was waited for, and nothing came for this long: an outage. Shorter is what an election or a retry costs.
pub const OUTAGE_US: Time = SECOND;
/// Outages that are kept of a producer and a partition.
const KEPT: usize = 100;

/// A time in which a producer waited for records in a partition and none was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The producer's process.
    pub producer: u32,
    /// Where it sent to.
    pub partition: TopicPartition,
    /// Since when nothing was acknowledged.
    pub from: Time,
    /// Until when; `None` for one that is not over.
    pub to: Option<Time>,
    /// Records that failed meanwhile.
    pub failed: u64,
    /// Records that waited at its end.
    pub waiting: u64,
}

/// What became of a producer's records.
#[derive(Clone, Debug, Default)]
pub struct Sends {
    /// Handed to `send()`.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Failed.
    pub failed: u64,
    /// From `send()` to the acknowledgement.
    pub latency: Latency,
    /// Records without an outcome, the oldest first, with the number of that one. What has one stays until it is the oldest.
    waiting: VecDeque<Waiting>,
    first: u64,
    /// Its waits for partitions.
    waits: PartitionMap<Wait>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    since: Time,
    partition: TopicPartition,
    is_over: bool,
}

/// A producer's wait for a partition.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    /// How many records wait.
    records: u64,
    /// When one was acknowledged last, or when it began to wait where none was since.
    since: Time,
    failed: u64,
}

/// The watcher of producers.
#[derive(Clone, Debug, Default)]
pub struct Availability {
    producers: LiteMap<u32, Arc<Sends>>,
    outages: Arc<Vec<Outage>>,
}

impl Availability {
    /// Takes in what a process told at this time. What producers do not tell is nothing to it.
    pub fn observe(&mut self, note: &Note, now: Time) {
        if let Note::Sent { record, partition, .. } = note {
            self.sent(*record, *partition, now);
        } else if let Note::SendDone { record, outcome, .. } = note {
            self.done(*record, *outcome, now);
        }
    }

    fn sent(&mut self, record: RecordId, partition: TopicPartition, now: Time) {
        let sends = Arc::make_mut(self.producers.entry(record.producer).or_default());
        if sends.waiting.is_empty() {
            sends.first = record.number;
        }
        let next = sends.first + sends.waiting.len() as u64;
        assert!(record.number >= next, "a producer numbers its records one by one");
        // Numbers between are of records whose `send()` failed: they were in no batch and wait for nothing.
        for _ in next..record.number {
            sends.waiting.push_back(Waiting { since: now, partition, is_over: true });
        }
        sends.waiting.push_back(Waiting { since: now, partition, is_over: false });
        sends.sent += 1;
        let wait = sends.waits.get_or_insert_with(partition, Wait::default);
        // Where the last ones failed, what began then is not over.
        if wait.records + wait.failed == 0 {
            wait.since = now;
        }
        wait.records += 1;
    }

    fn done(&mut self, record: RecordId, outcome: SendOutcome, now: Time) {
        let sends = Arc::make_mut(self.producers.entry(record.producer).or_default());
        let place = record.number.checked_sub(sends.first).map(|place| place as usize);
        let waiting = place.and_then(|place| sends.waiting.get_mut(place));
        let waiting = waiting.filter(|waiting| !waiting.is_over).expect("a record has one outcome, after it was sent");
        waiting.is_over = true;
        // Where it was sent to; its topic may have been created again under the same name meanwhile, and it went there.
        let (since, partition) = (waiting.since, waiting.partition);
        while sends.waiting.front().is_some_and(|waiting| waiting.is_over) {
            sends.waiting.pop_front();
            sends.first += 1;
        }
        let wait = sends.waits.get_mut(&partition).expect("what is over was waited for");
        wait.records -= 1;
        match outcome {
            SendOutcome::Acknowledged { .. } => {
                sends.acknowledged += 1;
                sends.latency.add(now - since);
                if now - wait.since >= OUTAGE_US {
                    let Wait { records, since, failed } = *wait;
                    let outage = Outage {
                        producer: record.producer,
                        partition,
                        from: since,
                        to: Some(now),
                        failed,
                        waiting: records + 1,
                    };
                    let is_like = |other: &&Outage| (other.producer, other.partition) == (outage.producer, partition);
                    if self.outages.iter().filter(is_like).count() < KEPT {
                        Arc::make_mut(&mut self.outages).push(outage);
                    }
                }
                (wait.since, wait.failed) = (now, 0);
            }
            SendOutcome::Refused(_) | SendOutcome::Unknown(_) => {
                sends.failed += 1;
                wait.failed += 1;
            }
        }
    }

    /// What became of each producer's records.
    pub fn producers(&self) -> impl Iterator<Item = (u32, &Sends)> {
        self.producers.iter().map(|(producer, sends)| (*producer, &**sends))
    }

    /// The outages up to now, those that are not over last.
    #[must_use]
    pub fn outages(&self, now: Time) -> Vec<Outage> {
        let is_open = |wait: &Wait| wait.records + wait.failed > 0 && now.saturating_sub(wait.since) >= OUTAGE_US;
        let waits = self.producers.iter().flat_map(|(producer, sends)| {
            sends.waits.iter().map(move |(partition, wait)| (*producer, partition, wait))
        });
        let open = waits.filter(|(.., wait)| is_open(wait)).map(|(producer, partition, wait)| Outage {
            producer,
            partition,
            from: wait.since,
            to: None,
            failed: wait.failed,
            waiting: wait.records,
        });
        self.outages.iter().copied().chain(open).collect()
    }
}

impl Sends {
    /// Records that have no outcome.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.sent - self.acknowledged - self.failed
    }
}

/// Durations by their size: each power of two in eight steps, so that a percentile is right to an eighth.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    counts: LiteMap<u16, u64>,
    count: u64,
    most: Time,
}

impl Latency {
    const STEPS: u32 = 3;

    fn add(&mut self, us: Time) {
        *self.counts.entry(Self::step(us)).or_default() += 1;
        self.count += 1;
        self.most = self.most.max(us);
    }

    fn step(us: Time) -> u16 {
        let power = us.checked_ilog2().unwrap_or(0).max(Self::STEPS);
        let step = us >> (power - Self::STEPS);
        ((power << Self::STEPS) as u16) + step as u16
    }

    /// The least duration of the step behind this one, less one.
    fn last_of(step: u16) -> Time {
        let (power, part) = (u32::from(step >> Self::STEPS), u64::from(step) & ((1 << Self::STEPS) - 1));
        // Steps of one power begin at 8, so that each stands at one more than its power.
        let (power, part) = if power > Self::STEPS { (power - 1, part + 8) } else { (Self::STEPS, part) };
        ((part + 1) << (power - Self::STEPS)) - 1
    }

    /// The longest.
    #[must_use]
    pub fn most(&self) -> Time {
        self.most
    }

    /// So many of a hundred took at most this long, to an eighth; 0 where there were none.
    #[must_use]
    pub fn percentile(&self, of_hundred: u64) -> Time {
        let rank = (self.count * of_hundred).div_ceil(100);
        let mut seen = 0;
        for (step, count) in &self.counts {
            seen += count;
            if seen >= rank && rank > 0 {
                return Self::last_of(*step).min(self.most);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::SendError;

    const ORDERS_0: TopicPartition = TopicPartition { topic: 0, partition: 0 };

    fn record(number: u64) -> RecordId {
        RecordId { producer: 4, number }
    }

    fn sent(number: u64) -> Note {
        Note::Sent { record: record(number), partition: ORDERS_0, key: None, is_tombstone: false }
    }

    fn done(number: u64, outcome: SendOutcome) -> Note {
        Note::SendDone { record: record(number), partition: ORDERS_0, outcome }
    }

    #[test]
    fn a_percentile_is_right_to_an_eighth() {
        let mut latency = Latency::default();
        (1..=100_000).for_each(|us| latency.add(us));
        for (of_hundred, exact) in [(1, 1_000), (50, 50_000), (99, 99_000), (100, 100_000)] {
            let told = latency.percentile(of_hundred);
            assert!((exact..=exact + exact / 8).contains(&told), "{of_hundred}: {told}");
        }
        assert_eq!((latency.most(), Latency::default().percentile(50)), (100_000, 0));
        for us in (0..3_000).chain([u64::from(u32::MAX), 1 << 40]) {
            let last = Latency::last_of(Latency::step(us));
            assert!(last >= us && last <= us + us / 8 + 1, "{us}: {last}");
        }
    }

    #[test]
    fn a_wait_without_an_answer_is_an_outage_and_one_without_records_is_none() {
        let ok = SendOutcome::Acknowledged { offset: 0 };
        let mut availability = Availability::default();
        let mut at = |seconds: u64, note: &Note| {
            availability.observe(note, seconds * SECOND);
            availability.outages(seconds * SECOND)
        };
        at(1, &sent(0));
        assert_eq!(at(1, &done(0, ok)), []);
        // Nobody waits from 1 s to 9 s.
        at(9, &sent(1));
        at(10, &sent(2));
        at(11, &sent(3));
        let open = Outage { producer: 4, partition: ORDERS_0, from: 9 * SECOND, to: None, failed: 1, waiting: 2 };
        assert_eq!(at(12, &done(1, SendOutcome::Refused(SendError::Broker(19)))), [open]);
        let over = Outage { to: Some(14 * SECOND), ..open };
        assert_eq!(at(14, &done(3, ok)), [over]);
        assert_eq!(at(14, &done(2, ok)), [over]);
        let (_, sends) = availability.producers().next().expect("one");
        assert_eq!((sends.sent, sends.acknowledged, sends.failed, sends.unfinished()), (4, 3, 1, 0));
        assert_eq!(sends.latency.most(), 4 * SECOND);
    }
}
