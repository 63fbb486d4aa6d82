//! The producers as the log itself shows them, to compare snapshots with (`ProducerStateManager`).

use std::collections::BTreeMap;

use crate::log::batch::BatchHeader;
use crate::log::batch::increment_sequence;
use crate::log::dump::{Producer, ProducerBatch};

/// What the batches read so far say of their producers.
#[derive(Clone, Debug, Default)]
pub(super) struct Replay {
    producers: BTreeMap<i64, Producer>,
    /// Transactions without a marker so far.
    open: BTreeMap<i64, Open>,
    /// Records are missing, or some could not be read: what the log does not show may have been there.
    pub is_partial: bool,
    /// Where the log begins: what was written before was deleted with its segments.
    first_offset: i64,
}

/// An open transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub first_offset: i64,
    /// Whether any record of it is left.
    pub has_records: bool,
}

impl Replay {
    /// Of a log that begins here.
    pub(super) fn from(first_offset: i64) -> Replay {
        Replay { first_offset, ..Replay::default() }
    }

    /// Takes in a batch of data.
    pub(super) fn data(&mut self, header: &BatchHeader) {
        let producer = self.entry(header.producer_id, header.producer_epoch);
        producer.last_timestamp = header.max_timestamp;
        let last_sequence = match header.base_sequence {
            -1 => -1,
            first => increment_sequence(first, header.last_offset_delta),
        };
        producer.batch = Some(ProducerBatch {
            first_sequence: header.base_sequence,
            last_sequence,
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
        });
        if header.is_transactional() {
            producer.current_txn_first_offset.get_or_insert(header.base_offset);
            let begun = Open { first_offset: header.base_offset, has_records: false };
            self.open.entry(header.producer_id).or_insert(begun).has_records |= header.record_count > 0;
        }
    }

    /// Takes in a marker; answers the transaction that it ends.
    pub(super) fn marker(&mut self, header: &BatchHeader, timestamp: i64, coordinator_epoch: i32) -> Option<Open> {
        let producer = self.entry(header.producer_id, header.producer_epoch);
        producer.last_timestamp = timestamp;
        producer.coordinator_epoch = coordinator_epoch;
        producer.current_txn_first_offset = None;
        self.open.remove(&header.producer_id)
    }

    fn entry(&mut self, producer_id: i64, producer_epoch: i16) -> &mut Producer {
        let producer = self.producers.entry(producer_id).or_insert(Producer {
            producer_id,
            producer_epoch,
            coordinator_epoch: -1,
            current_txn_first_offset: None,
            last_timestamp: -1,
            batch: None,
        });
        if producer.producer_epoch != producer_epoch {
            producer.producer_epoch = producer_epoch;
            producer.batch = None;
        }
        producer
    }

    /// Tells where a snapshot of this place says something else. Who is missing in it may have expired.
    pub(super) fn compare(&self, snapshot: &[Producer], mut tell: impl FnMut(String)) {
        for saved in snapshot {
            let id = saved.producer_id;
            let Some(shown) = self.producers.get(&id) else {
                let is_deleted = saved.batch.as_ref().is_none_or(|batch| batch.last_offset < self.first_offset);
                if !self.is_partial && !is_deleted {
                    tell(format!("producer {id} has written nothing to the log"));
                }
                continue;
            };
            if let Some((what, saved, shown)) = difference(saved, shown, self.is_partial) {
                tell(format!("producer {id}: {what} is {saved}, the log shows {shown}"));
            }
        }
    }
}

/// The first field that differs, by Kafka's name, in the snapshot and in the log.
fn difference(saved: &Producer, shown: &Producer, is_partial: bool) -> Option<(&'static str, i64, i64)> {
    let batch = |producer: &Producer, field: fn(&ProducerBatch) -> i64| producer.batch.as_ref().map_or(-1, field);
    let fields = |producer: &Producer| {
        [
            ("producerEpoch", i64::from(producer.producer_epoch)),
            ("lastOffset", batch(producer, |batch| batch.last_offset)),
            ("lastSequence", batch(producer, |batch| batch.last_sequence.into())),
            ("offsetDelta", batch(producer, |batch| batch.offset_delta.into())),
            ("lastTimestamp", producer.last_timestamp),
            ("coordinatorEpoch", producer.coordinator_epoch.into()),
            ("currentTxnFirstOffset", producer.current_txn_first_offset.unwrap_or(-1)),
        ]
    };
    let (saved, shown) = (fields(saved), fields(shown));
    let pairs = saved.iter().zip(&shown).map(|(&(name, saved), &(_, shown))| (name, saved, shown));
    if !is_partial {
        // A producer that expired and came back has no coordinator.
        return pairs
            .into_iter()
            .find(|&(name, saved, shown)| saved != shown && !(name == "coordinatorEpoch" && saved == -1));
    }
    // Of a log with holes the last batch of a producer may be gone, but none can have been added.
    pairs.take(2).find(|&(_, saved, shown)| saved < shown && saved >= 0)
}
