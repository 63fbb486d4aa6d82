//! What was fetched, handed to the program (Kafka: `FetchCollector`, `CompletedFetch`).

use bytes::Bytes;
use kafka_protocol::error::ResponseError;

use super::position::State;
use super::records::{ConsumerRecords, FetchedBatch};
use super::{Consumer, Fetched};
use crate::client::ClientContext;
use crate::log::batch::{self, BatchHeader, Body};
use crate::wire::TopicPartition;

impl Consumer {
    /// What `poll()` returns: at most `max.poll.records` records (`FetchCollector.collectFetch`).
    pub(super) fn collect(&mut self, context: &mut ClientContext<'_>) -> ConsumerRecords {
        let mut records = ConsumerRecords::default();
        let most = self.settings.max_poll_records.max(1);
        // What was fetched of paused partitions waits for its time.
        let mut held = Vec::new();
        while records.count < most {
            // All that was fetched is taken.
            let Some(Fetched { partition: of, records: bytes, .. }) = self.completed.front().cloned() else { break };
            let position = self.positions.get(&of).expect("what was fetched has a position");
            if position.is_held {
                held.extend(self.completed.pop_front());
                continue;
            }
            // What was fetched before the position had to be found or validated is not believed.
            if position.state != State::Fetch {
                self.drop_buffered(of);
                continue;
            }
            match self.take_batch(of, &bytes, most - records.count, &mut records) {
                Taken::Whole(size) => {
                    // Where there is no room for another record nobody looks whether there is one: that shows next time, and before it
                    // nothing is fetched behind it (`CompletedFetch.fetchRecords`, `FetchBuffer.bufferedPartitions`).
                    if bytes.len() - size < batch::HEADER_SIZE && records.count < most {
                        self.drop_buffered(of);
                    } else if let Some(first) = self.completed.front_mut() {
                        first.records = bytes.slice(size..);
                    }
                }
                // There was no room for all of it: the rest is taken next time.
                Taken::Part => {}
                Taken::CutOff => self.drop_buffered(of),
                Taken::Corrupt => {
                    self.drop_buffered(of);
                    self.refused(of, ResponseError::CorruptMessage.code(), context);
                }
            }
        }
        self.completed.extend(held);
        records
    }

    /// Takes records of the first batch, from the position on.
    fn take_batch(&mut self, of: TopicPartition, bytes: &Bytes, room: u32, records: &mut ConsumerRecords) -> Taken {
        // It ends within a header: the caller drops it.
        let Ok(header) = BatchHeader::parse(bytes) else { return Taken::CutOff };
        let size = header.size() as usize;
        if bytes.len() < size {
            return Taken::CutOff;
        }
        let whole = bytes.slice(..size);
        if self.settings.check_crcs && batch::check_crc(&whole, &header).is_err() {
            return Taken::Corrupt;
        }
        let aborted = self.completed.front_mut().map(|fetched| &mut fetched.aborted);
        let is_aborted = aborted.is_some_and(|aborted| aborted.skips(&header, &whole));
        let position = self.positions.get_mut(&of).expect("what was fetched has a position");
        let from = position.offset;
        let mut next = header.next_offset();
        let mut count = 0;
        if !header.is_control() && !is_aborted {
            // Where the checksum is right and all of the batch is taken there is no need to look at each record.
            let all = u32::try_from(header.record_count).unwrap_or(0);
            if self.settings.check_crcs && from <= header.base_offset && all <= room {
                count = all;
            } else {
                match records_from(&whole, from, room) {
                    Some((taken, end)) => {
                        count = taken;
                        next = end.unwrap_or(next);
                    }
                    None => return Taken::Corrupt,
                }
            }
        }
        // Behind a marker, or behind records that compaction took, too.
        position.offset = position.offset.max(next);
        position.offset_epoch = header.partition_leader_epoch;
        if count > 0 {
            records.count += count;
            records.batches.push(FetchedBatch { partition: of, bytes: whole, from, to: next });
        }
        if next < header.next_offset() { Taken::Part } else { Taken::Whole(size) }
    }

    /// Nothing of a partition is fetched or handed over any more, until [`Self::release`].
    pub(super) fn hold_back(&mut self, of: TopicPartition) {
        self.set_held(of, true);
    }

    /// It is fetched and handed over again.
    pub(super) fn release(&mut self, of: TopicPartition) {
        self.set_held(of, false);
    }

    fn set_held(&mut self, of: TopicPartition, is_held: bool) {
        // It has not come to this consumer yet, or is gone.
        let Some(position) = self.positions.get_mut(&of) else { return };
        let (was_held, source) = (std::mem::replace(&mut position.is_held, is_held), position.source());
        let buffered = self.completed.iter().find(|fetched| fetched.partition == of);
        // What waits of a paused partition keeps no leader from being asked for others (`AbstractFetch.bufferedNodes`).
        match buffered.map(|fetched| fetched.from).filter(|_| was_held != is_held) {
            Some(from) if is_held => self.leaders.taken(from),
            Some(from) => self.leaders.buffered(from),
            // Nothing of it waits, or it was held, or not, before.
            None => {}
        }
        self.touch(source, of);
    }

    /// Forgets what was fetched of a partition and not taken.
    pub(super) fn drop_buffered(&mut self, of: TopicPartition) {
        // Nothing of it waits.
        let Some(position) = self.positions.get_mut(&of).filter(|position| position.is_buffered) else { return };
        position.is_buffered = false;
        let (source, is_held) = (position.source(), position.is_held);
        let place = self.completed.iter().position(|fetched| fetched.partition == of);
        let fetched = place.and_then(|place| self.completed.remove(place)).expect("what is buffered of it is there");
        let from = fetched.from;
        if !is_held {
            self.leaders.taken(from);
        }
        self.touch(from, of);
        self.touch(source, of);
    }
}

/// How many of a batch's records from an offset on there is room for, and the offset behind the last of them where there
/// are more. `None` where the batch cannot be read.
fn records_from(whole: &[u8], from: i64, room: u32) -> Option<(u32, Option<i64>)> {
    let body = Body::of(whole).ok()?;
    let (mut count, mut end) = (0, from);
    for record in body.records().ok()? {
        let record = record.ok()?;
        if record.offset < from {
            continue;
        }
        if count == room {
            return Some((count, Some(end)));
        }
        count += 1;
        end = record.offset + 1;
    }
    Some((count, None))
}

/// What was taken of a batch.
enum Taken {
    /// All that was left of it; its size.
    Whole(usize),
    /// As much as there was room for.
    Part,
    /// There is no whole batch: one that the fetch's limit has cut off is fetched again.
    CutOff,
    /// The batch is damaged.
    Corrupt,
}
