//! What an append may do to a producer's state, and what it makes of it: `ProducerAppendInfo` in Apache Kafka.

use super::entry::{CachedBatch, Producer};
use super::verification::Verification;
use crate::log::batch::BatchHeader;
use crate::log::marker::Marker;

/// Who appends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A replica fetched it from the leader, who has checked it.
    Replication,
    /// A coordinator of this broker: its epochs are checked, its sequence numbers mean nothing.
    Coordinator,
    /// A client: all is checked.
    #[default]
    Client,
    /// The leader of a Raft quorum.
    RaftLeader,
}

/// Why a producer's batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The sequence number does not follow the last one.
    OutOfOrderSequence,
    /// A newer instance of the producer was here.
    InvalidProducerEpoch,
    /// A plain batch inside an open transaction, or a transactional one that was not verified.
    InvalidTxnState,
    /// A marker of a coordinator that was replaced.
    CoordinatorFenced,
    /// A marker that does not say by which rules its epoch is checked.
    NoTransactionVersion,
    /// A control batch that holds something else than a marker.
    NoMarker,
}

/// A transaction that a marker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompletedTransaction {
    /// Whose it was.
    pub producer_id: i64,
    /// Its first record's offset.
    pub first_offset: i64,
    /// The marker's offset.
    pub last_offset: i64,
    /// Whether it was aborted.
    pub aborted: bool,
}

/// The batches of one append from one producer, checked and not yet taken into the state.
#[derive(Clone, Debug)]
pub(in crate::log) struct ProducerAppend {
    pub producer_id: i64,
    origin: AppendOrigin,
    verification: Option<Verification>,
    /// As it was before the append.
    current: Producer,
    /// What the append makes of it, with the append's own batches only.
    pub next: Producer,
    /// Where the append began transactions; it may also have ended them.
    pub started: Vec<i64>,
}

impl ProducerAppend {
    pub fn new(
        producer_id: i64,
        current: Option<&Producer>,
        origin: AppendOrigin,
        verification: Option<Verification>,
    ) -> ProducerAppend {
        let current = current.copied().unwrap_or(Producer::UNKNOWN);
        let next = current.without_batches();
        ProducerAppend { producer_id, origin, verification, current, next, started: Vec::new() }
    }

    /// Takes a data batch in.
    pub fn data(&mut self, batch: &BatchHeader) -> Result<(), Refusal> {
        self.check_epoch(batch.producer_epoch, None)?;
        if self.origin == AppendOrigin::Client {
            self.check_sequence(batch.producer_epoch, batch.base_sequence)?;
        }
        self.next.add(
            batch.producer_epoch,
            CachedBatch {
                last_sequence: batch.last_sequence(),
                last_offset: batch.last_offset(),
                offset_delta: batch.last_offset_delta,
                timestamp: batch.max_timestamp,
            },
        );
        match self.next.current_txn_first_offset {
            Some(_) if !batch.is_transactional() => Err(Refusal::InvalidTxnState),
            None if batch.is_transactional() => {
                self.next.current_txn_first_offset = Some(batch.base_offset);
                self.started.push(batch.base_offset);
                Ok(())
            }
            // A batch of the open transaction, or one without transaction where none is open.
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a marker in; the transaction that it ends, unless it was empty.
    pub fn marker(
        &mut self,
        batch: &BatchHeader,
        marker: &Marker,
        transaction_version: Option<i16>,
    ) -> Result<Option<CompletedTransaction>, Refusal> {
        // Followers are not told the version; what passed the leader's stricter check passes the older one.
        if transaction_version.is_none() && self.origin != AppendOrigin::Replication {
            return Err(Refusal::NoTransactionVersion);
        }
        self.check_epoch(batch.producer_epoch, Some(transaction_version.unwrap_or(0)))?;
        if self.next.coordinator_epoch > marker.coordinator_epoch && self.origin != AppendOrigin::Replication {
            return Err(Refusal::CoordinatorFenced);
        }
        let completed = self.next.current_txn_first_offset.map(|first_offset| CompletedTransaction {
            producer_id: self.producer_id,
            first_offset,
            last_offset: batch.base_offset,
            aborted: marker.aborts,
        });
        self.next.end_transaction(batch.producer_epoch, marker.coordinator_epoch, marker.timestamp);
        Ok(completed)
    }

    /// A marker of transaction version 2 has a larger epoch than the transaction's batches (KIP-890). One of the same
    /// epoch with no transaction open is a repeated marker and is written again (KAFKA-19999).
    fn check_epoch(&self, epoch: i16, marker_version: Option<i16>) -> Result<(), Refusal> {
        let current = self.next.epoch;
        let strict = marker_version.is_some_and(|version| version >= 2);
        let repeated =
            strict && epoch == current && (self.next.current_txn_first_offset.is_none() || epoch == i16::MAX);
        let stale = if strict { epoch <= current && !repeated } else { epoch < current };
        if stale && self.origin != AppendOrigin::Replication { Err(Refusal::InvalidProducerEpoch) } else { Ok(()) }
    }

    fn check_sequence(&self, epoch: i16, first_sequence: i32) -> Result<(), Refusal> {
        if let Some(verification) = &self.verification {
            let begins_late =
                verification.supports_epoch_bump && first_sequence != 0 && self.current.batches().is_empty();
            if begins_late || first_sequence > verification.lowest_sequence {
                return Err(Refusal::OutOfOrderSequence);
            }
        }
        let in_order = if epoch != self.next.epoch {
            // Whoever is not known, or was forgotten, may begin anywhere.
            first_sequence == 0 || self.next.epoch == -1
        } else {
            let last = if !self.next.batches().is_empty() {
                self.next.last_sequence()
            } else if epoch == self.current.epoch {
                self.current.last_sequence()
            } else {
                -1
            };
            self.current.epoch == -1 || follows(last, first_sequence)
        };
        if in_order { Ok(()) } else { Err(Refusal::OutOfOrderSequence) }
    }
}

/// Behind the largest sequence number comes 0.
fn follows(last: i32, next: i32) -> bool {
    i64::from(next) == i64::from(last) + 1 || (next == 0 && last == i32::MAX)
}
