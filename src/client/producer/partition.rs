//! What a producer keeps for one partition: batches that wait, batches in flight, sequence numbers
//! (Kafka: the deques of `RecordAccumulator`, `TxnPartitionEntry`).

use std::collections::VecDeque;

use kafka_protocol::messages::produce_response::LeaderIdAndEpoch;

use super::batch::{Batch, ProducerIdAndEpoch};
use crate::sim::Time;
use crate::sim::sorted::sort_by_key;

/// One partition of a topic.
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
    /// A batch was given up while it was to be sent again, so that it may be in the log: whether its sequence numbers are
    /// used is not known. This is the number behind the last such batch.
    pub(super) unresolved: Option<i32>,
    /// It has had a batch.
    pub(super) had_batch: bool,
    /// Its sequence numbers begin again at 0 when the epoch is bumped next.
    pub(super) rewrite: bool,
}

impl Partition {
    /// When its first batch makes its leader's node one to send to: at once where it is full or others wait behind it
    /// (`RecordAccumulator.batchReady`).
    pub(super) fn due_at(&self, linger_us: Time, batch_size: u32) -> Option<Time> {
        let first = self.queue.front()?;
        let ready = self.queue.len() > 1 || !first.is_open() || first.size() >= batch_size as usize;
        Some(if first.attempts > 0 {
            first.retry_at
        } else if ready {
            0
        } else {
            first.created + linger_us
        })
    }

    /// Whether no batch of it takes more records; only the last one may (`RecordAccumulator.allBatchesFull`).
    pub(super) fn all_full(&self, batch_size: u32) -> bool {
        self.queue.back().is_none_or(|last| !last.is_open() || last.size() >= batch_size as usize)
    }

    /// Whether its first batch waits for its retry.
    pub(super) fn backs_off(&self, now: Time) -> bool {
        self.queue.front().is_some_and(|first| first.attempts > 0 && first.retry_at > now)
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

    /// An incomplete batch, in flight or not.
    pub(super) fn incomplete(&self, number: u64) -> Option<&Batch> {
        self.in_flight.iter().chain(&self.queue).find(|batch| batch.number == number)
    }

    pub(super) fn take_in_flight(&mut self, number: u64) -> Option<Batch> {
        let place = self.in_flight.iter().position(|batch| batch.number == number)?;
        Some(self.in_flight.remove(place))
    }

    /// An answer named the leader: the newest is believed, but not that nobody leads.
    pub(super) fn believe(&mut self, leader: &LeaderIdAndEpoch) {
        if leader.leader_id.0 >= 0 && leader.leader_epoch > self.leader_hint.map_or(-1, |(_, epoch)| epoch) {
            self.leader_hint = Some((leader.leader_id.0, leader.leader_epoch));
        }
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

    /// Whether this is the sequence number behind the last acknowledged record.
    pub(super) fn is_next(&self, sequence: i32) -> bool {
        sequence == self.next_acked_sequence
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
        self.unresolved = None;
        self.rewrite = false;
    }
}
