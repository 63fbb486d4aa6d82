//! What a producer keeps for one partition: batches that wait, batches in flight, sequence numbers
//! (Kafka: the deques of `RecordAccumulator`, `TxnPartitionEntry`).

use std::collections::VecDeque;

use super::batch::{Batch, ProducerIdAndEpoch};
use crate::sim::Time;
use crate::sim::sorted::sort_by_key;

/// One partition of the producer's topic.
#[derive(Clone, Debug, Default)]
pub(super) struct Partition {
    /// Batches to send; those to send again come first.
    pub(super) queue: VecDeque<Batch>,
    /// Batches that have been sent and not been answered.
    pub(super) in_flight: Vec<Batch>,
    /// Where `Producer::due` holds this partition.
    pub(super) due: Option<Time>,
    /// A leader that a broker's answer named, with its epoch (KIP-951).
    pub(super) leader_hint: Option<(i32, i32)>,
    /// The producer id and epoch of its sequence numbers.
    pub(super) producer: Option<ProducerIdAndEpoch>,
    pub(super) next_sequence: i32,
    /// The sequence number behind the last acknowledged record.
    pub(super) next_acked_sequence: i32,
    /// The offset of the last acknowledged record, -1 for none.
    pub(super) last_acked_offset: i64,
    /// A batch was given up though it may be in the log: whether its sequence numbers are used is not known.
    pub(super) unresolved: bool,
    /// Its sequence numbers begin again at 0 when the epoch is bumped next.
    pub(super) rewrite: bool,
}

impl Partition {
    /// When its first batch can be sent: at once where it is full or others wait behind it.
    pub(super) fn due_at(&self, linger_us: Time, is_full: impl Fn(&Batch) -> bool) -> Option<Time> {
        let first = self.queue.front()?;
        let ready = self.queue.len() > 1 || !first.is_open() || is_full(first);
        Some(if first.attempts > 0 {
            first.retry_at
        } else if ready {
            0
        } else {
            first.created + linger_us
        })
    }

    /// Whether any batch with a sequence number is not complete, in flight or to be sent again.
    pub(super) fn has_incomplete(&self) -> bool {
        !self.in_flight.is_empty() || self.queue.iter().any(|batch| batch.base_sequence().is_some())
    }

    /// The batch with the lowest sequence number that is not complete (`firstInFlightSequence`): batches are numbered
    /// in the order of their sequence numbers.
    pub(super) fn first_incomplete(&self) -> Option<u64> {
        let waiting = self.queue.iter().filter(|batch| batch.base_sequence().is_some());
        self.in_flight.iter().chain(waiting).map(|batch| batch.number).min()
    }

    pub(super) fn take_in_flight(&mut self, number: u64) -> Option<Batch> {
        let place = self.in_flight.iter().position(|batch| batch.number == number)?;
        Some(self.in_flight.remove(place))
    }

    /// Puts back a batch that is sent again: in front, or, with sequence numbers, in their order
    /// (`RecordAccumulator.insertInSequenceOrder`).
    pub(super) fn requeue(&mut self, batch: Batch) {
        let place = if batch.base_sequence().is_some() {
            let before = |other: &&Batch| other.base_sequence().is_some() && other.number < batch.number;
            self.queue.iter().take_while(before).count()
        } else {
            0
        };
        self.queue.insert(place, batch);
    }

    /// Begins the sequence numbers again at 0 under a new epoch, those of incomplete batches first
    /// (`TxnPartitionMap.startSequencesAtBeginning`).
    pub(super) fn start_sequences_at_beginning(&mut self, producer: ProducerIdAndEpoch) {
        let waiting = self.queue.iter_mut().filter(|batch| batch.base_sequence().is_some());
        let mut incomplete: Vec<&mut Batch> = self.in_flight.iter_mut().chain(waiting).collect();
        sort_by_key(&mut incomplete, |batch| batch.number.into());
        let mut sequence = 0;
        for batch in incomplete {
            batch.set_sequence(producer, sequence);
            sequence = batch.next_sequence().unwrap_or(sequence);
        }
        self.producer = Some(producer);
        self.next_sequence = sequence;
        self.next_acked_sequence = 0;
        self.last_acked_offset = -1;
        self.unresolved = false;
        self.rewrite = false;
    }
}
