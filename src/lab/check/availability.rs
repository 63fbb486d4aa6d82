//! How long producers waited: the latency of their sends, and the times in which nothing of what they waited for came.
//!
//! An outage breaks no promise, so it is no finding. Whoever reads a report must see it all the same: writes that are
//! refused for a minute are what an incident is about.

use std::collections::VecDeque;
use std::sync::Arc;

use kafka_protocol::ResponseError;
use litemap::LiteMap;

use crate::note::{Note, RecordId, SendError, SendOutcome, WaitsFor};
use crate::sim::{SECOND, Time};
use crate::wire::{PartitionMap, TopicPartition};

/// Something was waited for, and nothing came for this long: an outage. Shorter is what an election or a retry costs.
pub const OUTAGE_US: Time = SECOND;
/// Outages that are kept of a producer and a partition.
const KEPT: usize = 100;

/// A time in which a producer waited for records in a partition, or in `send()`, and none was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The producer's process.
    pub producer: u32,
    /// Where it sent to; `None` where it waited in `send()`, or was refused there: that is about its whole topic.
    pub partition: Option<TopicPartition>,
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
    /// Those with which `send()` was called.
    pub sent: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// Sent with acks=0: nobody acknowledges them.
    pub unanswered: u64,
    /// Failed, in `send()` or later.
    pub failed: u64,
    /// From the call of `send()` to the acknowledgement.
    pub latency: Latency,
    /// Records without an outcome, the oldest first, with the number of that one. What has one stays until it is the oldest.
    waiting: VecDeque<Waiting>,
    first: u64,
    /// Its waits for partitions.
    waits: PartitionMap<Wait>,
    /// Its wait for records whose `send()` blocked or failed, whatever partition they would go to.
    in_send: Wait,
    /// The number of the newest topic in which a record was acknowledged.
    newest_topic: u32,
    /// When a record was last refused for good.
    refused_at: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When `send()` was called.
    since: Time,
    /// Where it was sent to; `None` where `send()` blocked.
    partition: Option<TopicPartition>,
    is_over: bool,
}

/// A producer's wait.
#[derive(Clone, Copy, Debug, Default)]
struct Wait {
    /// How many records wait.
    records: u64,
    /// When one was acknowledged last, or when it began to wait where none was since.
    since: Time,
    failed: u64,
    /// When one failed last.
    failed_at: Time,
    /// In `send()`: for what.
    waits_for: Option<WaitsFor>,
}

impl Wait {
    fn begin(&mut self, now: Time) {
        // Where the last ones failed, what began then is not over.
        if self.records + self.failed == 0 {
            self.since = now;
        }
        self.records += 1;
    }

    fn fail(&mut self, now: Time) {
        self.records -= 1;
        self.failed += 1;
        self.failed_at = now;
    }

    /// Something was acknowledged. What it was an outage of until now.
    fn end(&mut self, producer: u32, partition: Option<TopicPartition>, now: Time) -> Option<Outage> {
        let outage = self.outage(producer, partition, now);
        (self.since, self.failed, self.waits_for) = (now, 0, None);
        outage.map(|outage| Outage { to: outage.to.or(Some(now)), ..outage })
    }

    /// What it is an outage of by now, while nothing is acknowledged.
    fn outage(&self, producer: u32, partition: Option<TopicPartition>, now: Time) -> Option<Outage> {
        let Self { records, since, failed, failed_at, waits_for: _ } = *self;
        // What failed last was waited for until then: where nothing waits nothing is out.
        let to = (records == 0).then_some(failed_at);
        let lasts = records + failed > 0 && to.unwrap_or(now).saturating_sub(since) >= OUTAGE_US;
        lasts.then_some(Outage { producer, partition, from: since, to, failed, waiting: records })
    }
}

impl Sends {
    /// Records that have no outcome.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.sent - self.acknowledged - self.unanswered - self.failed
    }

    /// `send()` was called with a record. Programs number theirs one by one.
    fn called(&mut self, number: u64, partition: Option<TopicPartition>, now: Time) {
        if self.waiting.is_empty() {
            self.first = number;
        }
        assert_eq!(number, self.first + self.waiting.len() as u64, "a producer numbers its records one by one");
        self.waiting.push_back(Waiting { since: now, partition, is_over: false });
        self.sent += 1;
        self.wait_mut(partition).begin(now);
    }

    fn is_waiting(&self, number: u64) -> bool {
        let place = number.checked_sub(self.first).map(|place| place as usize);
        place.and_then(|place| self.waiting.get(place)).is_some_and(|waiting| !waiting.is_over)
    }

    /// A record has its outcome.
    fn over(&mut self, number: u64) -> Waiting {
        assert!(self.is_waiting(number), "a record has one outcome, after it was sent");
        let waiting = &mut self.waiting[(number - self.first) as usize];
        waiting.is_over = true;
        let over = *waiting;
        while self.waiting.front().is_some_and(|waiting| waiting.is_over) {
            self.waiting.pop_front();
            self.first += 1;
        }
        over
    }

    fn acknowledged(&mut self, since: Time, now: Time) {
        self.acknowledged += 1;
        self.latency.add(now - since);
    }

    fn failed(&mut self, partition: Option<TopicPartition>, now: Time) {
        self.failed += 1;
        // A former topic of the name will acknowledge nothing, and nobody waits for it any more.
        if partition.is_some_and(|partition| partition.topic < self.newest_topic) {
            self.wait_mut(partition).records -= 1;
        } else {
            self.wait_mut(partition).fail(now);
        }
    }

    fn wait_mut(&mut self, partition: Option<TopicPartition>) -> &mut Wait {
        match partition {
            Some(partition) => self.waits.get_or_insert_with(partition, Wait::default),
            None => &mut self.in_send,
        }
    }
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
        if let Note::SendBlocks { record, waits_for } = note {
            let sends = self.sends(*record);
            sends.called(record.number, None, now);
            sends.in_send.waits_for = Some(*waits_for);
        } else if let Note::Sent { record, partition, .. } = note {
            let sends = self.sends(*record);
            // One that blocked was called before, and belongs to the topic's wait until its end.
            if !sends.is_waiting(record.number) {
                sends.called(record.number, Some(*partition), now);
            }
        } else if let Note::NotSent { record, error } = note {
            let sends = self.sends(*record);
            if !sends.is_waiting(record.number) {
                sends.called(record.number, None, now);
            }
            let over = sends.over(record.number);
            sends.failed(over.partition, now);
            if is_for_good(*error) {
                sends.refused_at = Some(now);
            }
            sends.in_send.waits_for = waited_for(*error).or(sends.in_send.waits_for);
        } else if let Note::SendDone { record, partition, outcome } = note {
            self.done(*record, *partition, *outcome, now);
        }
    }

    /// A process is at its end, and waits for nothing any more. What it sent and was not told of stays without an outcome.
    pub fn ended(&mut self, process: u32, now: Time) {
        let Some(sends) = self.producers.get_mut(&process).map(Arc::make_mut) else { return };
        sends.waiting.clear();
        let in_send = std::mem::take(&mut sends.in_send);
        let waits = std::mem::take(&mut sends.waits);
        let outages = waits.iter().filter_map(|(of, wait)| wait.outage(process, Some(of), now));
        let outages: Vec<_> = in_send.outage(process, None, now).into_iter().chain(outages).collect();
        outages.into_iter().for_each(|outage| self.keep(Outage { to: outage.to.or(Some(now)), ..outage }));
    }

    fn sends(&mut self, record: RecordId) -> &mut Sends {
        Arc::make_mut(self.producers.entry(record.producer).or_insert_with(|| Arc::new(Sends::default())))
    }

    fn done(&mut self, record: RecordId, partition: TopicPartition, outcome: SendOutcome, now: Time) {
        let sends = self.sends(record);
        let over = sends.over(record.number);
        match outcome {
            SendOutcome::Acknowledged { .. } => {
                sends.acknowledged(over.since, now);
                self.end_waits(record.producer, over.partition, partition, now);
            }
            // More than that it was sent will never be known, so whoever waited waits no more.
            SendOutcome::Unanswered => {
                sends.unanswered += 1;
                self.end_waits(record.producer, over.partition, partition, now);
            }
            // Its program has aborted the transaction, and waits for none of it.
            SendOutcome::Refused(SendError::TransactionAborted) => {
                sends.failed += 1;
                self.end_waits(record.producer, over.partition, partition, now);
            }
            SendOutcome::Refused(error) | SendOutcome::Unknown(error) => {
                sends.failed(over.partition, now);
                if is_for_good(error) {
                    sends.refused_at = Some(now);
                }
            }
        }
    }

    /// A record was acknowledged in `partition`. `waited` is where it was sent to: its topic may have been created again
    /// under the same name meanwhile.
    fn end_waits(&mut self, producer: u32, waited: Option<TopicPartition>, partition: TopicPartition, now: Time) {
        let sends = Arc::make_mut(self.producers.entry(producer).or_insert_with(|| Arc::new(Sends::default())));
        let mut outages = Vec::new();
        // A program sends to one topic: others that it sent to are former ones of the same name, and this one succeeds them.
        if partition.topic > sends.newest_topic {
            sends.newest_topic = partition.topic;
            let former = sends.waits.iter_mut().filter(|(of, _)| of.topic < partition.topic);
            outages.extend(former.filter_map(|(of, wait)| wait.end(producer, Some(of), now)));
        }
        for of in [None, Some(partition), waited] {
            outages.extend(sends.wait_mut(of).end(producer, of, now));
        }
        sends.wait_mut(waited).records -= 1;
        outages.into_iter().for_each(|outage| self.keep(outage));
    }

    fn keep(&mut self, outage: Outage) {
        let is_like = |other: &&Outage| (other.producer, other.partition) == (outage.producer, outage.partition);
        if self.outages.iter().filter(is_like).count() < KEPT {
            Arc::make_mut(&mut self.outages).push(outage);
        }
    }

    /// What became of a producer's records; `None` of one that never called `send()`.
    #[must_use]
    pub fn sends_of(&self, producer: u32) -> Option<&Sends> {
        self.producers.get(&producer).map(|sends| &**sends)
    }

    /// When a broker, or the client itself, last refused a record of a producer for what it is: whoever is answered so does not stand
    /// still.
    #[must_use]
    pub fn refused_at(&self, producer: u32) -> Option<Time> {
        self.producers.get(&producer)?.refused_at
    }

    /// Producers whose calls of `send()` wait, or have waited for `max.block.ms` and failed, while nothing was acknowledged and
    /// nothing refused for good: since when and for what.
    pub fn in_send(&self) -> impl Iterator<Item = (u32, Time, WaitsFor)> {
        self.producers.iter().filter_map(|(producer, sends)| {
            let wait = sends.in_send;
            let since = sends.refused_at.map_or(wait.since, |refused_at| refused_at.max(wait.since));
            Some((*producer, since, wait.waits_for.filter(|_| wait.records + wait.failed > 0)?))
        })
    }

    /// The outages up to now, those that are not over last.
    #[must_use]
    pub fn outages(&self, now: Time) -> Vec<Outage> {
        let of = |(producer, sends): (&u32, &Arc<Sends>)| {
            let producer = *producer;
            let in_send = sends.in_send.outage(producer, None, now);
            let waits = sends.waits.iter().filter_map(|(of, wait)| wait.outage(producer, Some(of), now));
            in_send.into_iter().chain(waits).collect::<Vec<_>>()
        };
        self.outages.iter().copied().chain(self.producers.iter().flat_map(of)).collect()
    }
}

/// Whether it says that the record, or its producer, is not taken: not that somebody could not be reached in time.
fn is_for_good(error: SendError) -> bool {
    match error {
        SendError::Broker(code) => ResponseError::try_from_code(code).is_some_and(|error| !error.is_retriable()),
        SendError::RecordTooLarge => true,
        SendError::Expired | SendError::BufferExhausted | SendError::NotInMetadata | SendError::TransactionAborted => {
            false
        }
    }
}

/// What a call of `send()` that failed had waited for.
fn waited_for(error: SendError) -> Option<WaitsFor> {
    match error {
        SendError::NotInMetadata => Some(WaitsFor::Metadata),
        SendError::BufferExhausted => Some(WaitsFor::Memory),
        // It did not wait.
        SendError::Broker(_) | SendError::Expired | SendError::RecordTooLarge | SendError::TransactionAborted => None,
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
        let open = Outage { producer: 4, partition: Some(ORDERS_0), from: 9 * SECOND, to: None, failed: 1, waiting: 2 };
        assert_eq!(at(12, &done(1, SendOutcome::Refused(SendError::Broker(19)))), [open]);
        let over = Outage { to: Some(14 * SECOND), ..open };
        assert_eq!(at(14, &done(3, ok)), [over]);
        assert_eq!(at(14, &done(2, ok)), [over]);
        let sends = availability.sends_of(4).expect("it has sent");
        assert_eq!((sends.sent, sends.acknowledged, sends.failed, sends.unfinished()), (4, 3, 1, 0));
        assert_eq!(sends.latency.most(), 4 * SECOND);
    }

    fn blocks(number: u64) -> Note {
        Note::SendBlocks { record: record(number), waits_for: WaitsFor::Metadata }
    }

    fn not_sent(number: u64) -> Note {
        Note::NotSent { record: record(number), error: SendError::NotInMetadata }
    }

    #[test]
    fn who_waits_in_send_waits() {
        let ok = SendOutcome::Acknowledged { offset: 0 };
        let mut availability = Availability::default();
        let mut at = |seconds: u64, note: &Note| {
            availability.observe(note, seconds * SECOND);
            availability.outages(seconds * SECOND)
        };
        at(1, &blocks(0));
        let open = Outage { producer: 4, partition: None, from: SECOND, to: None, failed: 1, waiting: 1 };
        let failed = Outage { to: Some(6 * SECOND), waiting: 0, ..open };
        assert_eq!(at(6, &not_sent(0)), [failed]);
        at(6, &blocks(1));
        assert_eq!(availability.in_send().collect::<Vec<_>>(), [(4, SECOND, WaitsFor::Metadata)]);
        let mut at = |seconds: u64, note: &Note| {
            availability.observe(note, seconds * SECOND);
            availability.outages(seconds * SECOND)
        };
        assert_eq!(at(9, &sent(1)), [open], "send() has returned, and nothing is acknowledged yet");
        at(9, &sent(2));
        let over = Outage { to: Some(10 * SECOND), ..open };
        assert_eq!(
            at(10, &done(1, ok)),
            [over, Outage { partition: Some(ORDERS_0), from: 9 * SECOND, failed: 0, ..over }]
        );
        let sends = availability.sends_of(4).expect("it has sent");
        assert_eq!((sends.sent, sends.acknowledged, sends.failed, sends.unfinished()), (3, 1, 1, 1));
        assert_eq!(sends.latency.most(), 4 * SECOND, "from the call of send()");
    }

    #[test]
    fn where_nothing_waits_nothing_is_out() {
        let refused = SendOutcome::Refused(SendError::Broker(25));
        let mut availability = Availability::default();
        let mut at = |seconds: u64, note: &Note| {
            availability.observe(note, seconds * SECOND);
            availability.outages((seconds + 9) * SECOND)
        };
        at(1, &sent(0));
        assert_eq!(at(1, &done(0, refused)), [], "it was refused at once, and nothing waits");
        at(20, &sent(1));
        let over = Outage { producer: 4, partition: Some(ORDERS_0), from: SECOND, to: None, failed: 2, waiting: 0 };
        assert_eq!(at(25, &done(1, refused)), [Outage { to: Some(25 * SECOND), ..over }]);
    }

    #[test]
    fn who_has_ended_waits_for_nothing() {
        let mut availability = Availability::default();
        availability.observe(&sent(0), SECOND);
        availability.observe(&blocks(1), SECOND);
        availability.ended(4, 3 * SECOND);
        let over = Outage { producer: 4, partition: None, from: SECOND, to: Some(3 * SECOND), failed: 0, waiting: 1 };
        assert_eq!(availability.outages(9 * SECOND), [over, Outage { partition: Some(ORDERS_0), ..over }]);
        // It begins again, and goes on with its numbers.
        availability.observe(&sent(2), 9 * SECOND);
        availability.observe(&done(2, SendOutcome::Acknowledged { offset: 0 }), 9 * SECOND);
        assert_eq!(availability.outages(20 * SECOND).len(), 2);
        assert_eq!(availability.sends_of(4).expect("it has sent").unfinished(), 2);
    }

    #[test]
    fn an_outage_ends_with_an_acknowledgement_in_another_topic_of_the_name() {
        let again = TopicPartition { topic: 1, partition: 0 };
        let other = TopicPartition { topic: 0, partition: 3 };
        let to = |partition, number| Note::Sent { record: record(number), partition, key: None, is_tombstone: false };
        let told = |partition, number, outcome| Note::SendDone { record: record(number), partition, outcome };
        let (ok, refused) = (SendOutcome::Acknowledged { offset: 0 }, SendOutcome::Refused(SendError::Expired));
        let mut availability = Availability::default();
        let mut at = |seconds: u64, notes: &[Note]| {
            notes.iter().for_each(|note| availability.observe(note, seconds * SECOND));
            availability.outages(seconds * SECOND)
        };
        at(1, &[to(ORDERS_0, 0), to(other, 1), to(other, 2)]);
        let open = Outage { producer: 4, partition: Some(ORDERS_0), from: SECOND, to: None, failed: 1, waiting: 0 };
        let of_other = Outage { partition: Some(other), waiting: 1, ..open };
        let failed = Outage { to: Some(4 * SECOND), ..open };
        assert_eq!(at(4, &[done(0, refused), told(other, 1, refused)]), [failed, of_other]);
        let over = [failed, Outage { to: Some(5 * SECOND), ..of_other }];
        assert_eq!(at(5, &[to(again, 3), told(again, 3, ok)]), over);
        // What fails in the former topic after that is waited for no more.
        assert_eq!(at(9, &[told(other, 2, refused)]), over);
    }
}
