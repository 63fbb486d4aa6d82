//! What a log knows of producers and their transactions: `ProducerStateManager` in Apache Kafka.

mod append;
mod entry;
mod snapshot;
mod verification;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use litemap::LiteMap;

pub(super) use append::ProducerAppend;
pub use append::{AppendOrigin, CompletedTransaction, Refusal};
pub use entry::{CachedBatch, Producer};
pub use snapshot::CorruptSnapshot;
use verification::Verification;
pub use verification::VerificationGuard;

use super::batch::BatchHeader;
use super::marker::Marker;
use crate::sim::sorted::tree;

/// A transaction that is open so much longer than it may be is late (`LATE_TRANSACTION_BUFFER_MS`).
const LATE_TRANSACTION_BUFFER_MS: i64 = 5 * 60 * 1000;

/// The broker's settings that concern producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerSettings {
    /// `producer.id.expiration.ms`: 1 day of silence.
    pub id_expiration_ms: i64,
    /// `transaction.partition.verification.enable`.
    pub verification_enabled: bool,
    /// `transaction.max.timeout.ms`: 15 minutes.
    pub max_transaction_timeout_ms: i64,
    /// Without KAFKA-9144: markers are no sign of life.
    pub without_kafka_9144: bool,
    /// Without KAFKA-9807: a reader of committed records looks twice at the high watermark, and it may move in between.
    pub without_kafka_9807: bool,
}

impl Default for ProducerSettings {
    fn default() -> Self {
        ProducerSettings {
            id_expiration_ms: 24 * 3_600_000,
            verification_enabled: true,
            max_transaction_timeout_ms: 15 * 60_000,
            without_kafka_9144: false,
            without_kafka_9807: false,
        }
    }
}

/// What an append's check found.
#[derive(Clone, Debug)]
pub(super) enum Checked {
    /// The batch was appended before.
    Duplicate(CachedBatch),
    /// All batches are right: what they make of their producers, and the transactions that they end.
    Fine(Vec<ProducerAppend>, Vec<CompletedTransaction>),
}

impl Checked {
    /// Of batches without producers.
    pub fn nothing() -> Checked {
        Checked::Fine(Vec::new(), Vec::new())
    }
}

/// A transaction (`TxnMetadata`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Transaction {
    producer_id: i64,
    /// Where its marker stands, once it is ended.
    marker: Option<i64>,
    /// It was begun by an append, so that the place of its first batch is known.
    placed: bool,
}

/// Where the earliest transaction begins that is open or not fully replicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FirstUnstable {
    pub offset: i64,
    /// Whether the place of its first batch is known.
    pub placed: bool,
}

/// All producers of one log, by producer id. Cheap to clone, and to change behind that: only who wrote is copied.
#[derive(Clone, Debug, Default)]
pub struct Producers {
    entries: Arc<LiteMap<i64, Arc<Producer>>>,
    verifications: Arc<LiteMap<i64, Verification>>,
    last_guard: u64,
    /// Open transactions by their first offsets.
    ongoing: Arc<BTreeMap<i64, Transaction>>,
    /// Ended transactions whose markers are not below the high watermark, by their first offsets.
    unreplicated: Arc<BTreeMap<i64, Transaction>>,
    oldest_transaction_timestamp: i64,
    /// Up to where the log's batches are taken in (`lastMapOffset`).
    map_end_offset: i64,
    /// Of the latest snapshot (`lastSnapOffset`).
    snapshot_offset: i64,
    /// The snapshot files, by their offsets.
    snapshots: Arc<BTreeSet<i64>>,
}

impl Producers {
    /// No producer yet, with the snapshot files that a directory holds.
    pub(super) fn with_snapshots(snapshots: impl IntoIterator<Item = i64>) -> Producers {
        Producers { snapshots: Arc::new(snapshots.into_iter().collect()), ..Producers::default() }
    }

    /// Producers as a snapshot file holds them.
    pub fn of(entries: BTreeMap<i64, Producer>) -> Producers {
        Producers { entries: Arc::new(shared(entries)), ..Producers::default() }
    }

    /// A producer by its id.
    pub fn get(&self, producer_id: i64) -> Option<&Producer> {
        self.entries.get(&producer_id).map(Arc::as_ref)
    }

    /// All producers in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.entries.iter().map(|(&id, producer)| (id, &**producer))
    }

    /// The first offset of the earliest transaction that is open, or whose marker is not below the high watermark.
    pub(super) fn first_unstable(&self) -> Option<FirstUnstable> {
        let first = |transactions: &BTreeMap<i64, Transaction>| {
            transactions.first_key_value().map(|(&offset, first)| FirstUnstable { offset, placed: first.placed })
        };
        match (first(&self.ongoing), first(&self.unreplicated)) {
            (Some(ongoing), Some(unreplicated)) if ongoing.offset < unreplicated.offset => Some(ongoing),
            (ongoing, unreplicated) => unreplicated.or(ongoing),
        }
    }

    /// Where the earliest open transaction begins.
    pub fn first_undecided_offset(&self) -> Option<i64> {
        self.ongoing.first_key_value().map(|(&first, _)| first)
    }

    /// Whose the earliest open transaction is.
    pub fn first_undecided_producer(&self) -> Option<i64> {
        self.ongoing.first_key_value().map(|(_, transaction)| transaction.producer_id)
    }

    /// Whether a producer has a transaction open in this epoch.
    pub fn has_ongoing_transaction(&self, producer_id: i64, epoch: i16) -> bool {
        self.get(producer_id)
            .is_some_and(|producer| producer.current_txn_first_offset.is_some() && producer.epoch == epoch)
    }

    /// Whether the earliest open transaction was silent for longer than any may be.
    pub fn has_late_transaction(&self, now_ms: i64, settings: &ProducerSettings) -> bool {
        let last = self.oldest_transaction_timestamp;
        last > 0
            && now_ms.saturating_sub(last)
                > settings.max_transaction_timeout_ms.saturating_add(LATE_TRANSACTION_BUFFER_MS)
    }

    /// A batch of a transaction waits for the transaction to be verified. `None` if it is open here already.
    pub fn maybe_start_verification(
        &mut self,
        producer_id: i64,
        epoch: i16,
        sequence: i32,
        supports_epoch_bump: bool,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>, Refusal> {
        if self.get(producer_id).is_some_and(|producer| epoch < producer.epoch) {
            return Err(Refusal::InvalidProducerEpoch);
        }
        if self.has_ongoing_transaction(producer_id, epoch) {
            return Ok(None);
        }
        let next_guard = self.last_guard + 1;
        let entry = Arc::make_mut(&mut self.verifications).entry(producer_id).or_insert_with(|| {
            self.last_guard = next_guard;
            Verification {
                guard: VerificationGuard(next_guard),
                begun_ms: now_ms,
                lowest_sequence: sequence,
                epoch,
                supports_epoch_bump,
            }
        });
        entry.note(sequence, epoch);
        Ok(Some(entry.guard))
    }

    /// Checks the batches of an append. `batches` gives each header, and the marker of a control batch.
    pub(super) fn check<'a>(
        &mut self,
        batches: impl Iterator<Item = (BatchHeader, &'a [u8])>,
        origin: AppendOrigin,
        guard: Option<VerificationGuard>,
        transaction_version: Option<i16>,
        settings: &ProducerSettings,
    ) -> Result<Checked, Refusal> {
        // Nearly always one: room for more would be large.
        let mut appends = Vec::with_capacity(1);
        let mut completed = Vec::new();
        for (batch, bytes) in batches.filter(|(batch, _)| batch.has_producer_id()) {
            if let Some(original) = self.before_append(&batch, origin, guard, settings)? {
                return Ok(Checked::Duplicate(original));
            }
            completed.extend(self.prepare(&mut appends, &batch, bytes, origin, transaction_version)?);
        }
        Ok(Checked::Fine(appends, completed))
    }

    /// Asks what only the broker's own clients and coordinators are asked: the batch that this one repeats, if it does.
    fn before_append(
        &self,
        batch: &BatchHeader,
        origin: AppendOrigin,
        guard: Option<VerificationGuard>,
        settings: &ProducerSettings,
    ) -> Result<Option<CachedBatch>, Refusal> {
        let producer = self.get(batch.producer_id);
        if origin == AppendOrigin::Client {
            let known = producer.and_then(|producer| {
                producer.duplicate_of(batch.producer_epoch, batch.base_sequence, batch.last_sequence())
            });
            if known.is_some() {
                return Ok(known);
            }
        }
        let asked = matches!(origin, AppendOrigin::Client | AppendOrigin::Coordinator);
        if asked && batch.is_transactional() && !self.has_ongoing_transaction(batch.producer_id, batch.producer_epoch) {
            if producer.is_some_and(|producer| batch.producer_epoch < producer.epoch) {
                return Err(Refusal::InvalidProducerEpoch);
            }
            let verified = || {
                let expected = self.verifications.get(&batch.producer_id).map(|verification| verification.guard);
                expected.is_some() && expected == guard
            };
            if settings.verification_enabled && !batch.is_control() && !verified() {
                return Err(Refusal::InvalidTxnState);
            }
        }
        Ok(None)
    }

    fn prepare(
        &mut self,
        appends: &mut Vec<ProducerAppend>,
        batch: &BatchHeader,
        bytes: &[u8],
        origin: AppendOrigin,
        transaction_version: Option<i16>,
    ) -> Result<Option<CompletedTransaction>, Refusal> {
        let producer_id = batch.producer_id;
        let known = appends.iter().position(|append| append.producer_id == producer_id);
        let at = known.unwrap_or_else(|| {
            let verification = self.verifications.get(&producer_id).copied();
            appends.push(ProducerAppend::new(producer_id, self.get(producer_id), origin, verification));
            appends.len() - 1
        });
        let append = &mut appends[at];
        let completed = if !batch.is_control() {
            append.data(batch)?;
            None
        } else if batch.record_count == 0 {
            // The cleaner left nothing of the marker: of its transaction there is nothing either.
            None
        } else {
            let marker = Marker::read(batch, bytes).ok_or(Refusal::NoMarker)?;
            append.marker(batch, &marker, transaction_version)?
        };
        if batch.is_transactional() && !self.next_transaction_waits(batch) && !self.verifications.is_empty() {
            Arc::make_mut(&mut self.verifications).remove(&producer_id);
        }
        Ok(completed)
    }

    /// With transaction version 2 a marker's epoch is that of the next transaction, which may already be verified.
    fn next_transaction_waits(&self, batch: &BatchHeader) -> bool {
        batch.is_control()
            && self
                .verifications
                .get(&batch.producer_id)
                .is_some_and(|next| next.supports_epoch_bump && next.epoch == batch.producer_epoch)
    }

    /// Takes an append in that was checked and written, or read from the log (then the place of its first batch is not
    /// known).
    pub(super) fn update(&mut self, append: &ProducerAppend, placed: bool) {
        let entries = Arc::make_mut(&mut self.entries);
        let known = entries.get_mut(&append.producer_id);
        match known {
            Some(producer) => Arc::make_mut(producer).update(&append.next),
            None => {
                entries.insert(append.producer_id, Arc::new(append.next));
            }
        }
        if !append.started.is_empty() {
            let ongoing = Arc::make_mut(&mut self.ongoing);
            let transaction = Transaction { producer_id: append.producer_id, marker: None, placed };
            ongoing.extend(append.started.iter().map(|&first| (first, transaction)));
        }
        self.update_oldest_transaction();
    }

    /// The last stable offset once a transaction is ended: where the earliest one of another producer begins.
    pub(super) fn last_stable_offset(&self, completed: &CompletedTransaction) -> i64 {
        let other = self.ongoing.iter().find(|(_, open)| open.producer_id != completed.producer_id);
        other.map_or(completed.last_offset + 1, |(&first, _)| first)
    }

    /// A transaction is over; it stays unstable until its marker is below the high watermark.
    pub(super) fn complete(&mut self, completed: &CompletedTransaction) {
        if let Some(open) = Arc::make_mut(&mut self.ongoing).remove(&completed.first_offset) {
            let ended = Transaction { marker: Some(completed.last_offset), ..open };
            Arc::make_mut(&mut self.unreplicated).insert(completed.first_offset, ended);
        }
        self.update_oldest_transaction();
    }

    /// The high watermark moved.
    pub(super) fn on_high_watermark(&mut self, high_watermark: i64) {
        self.remove_unreplicated_below(high_watermark);
    }

    /// The log's start moved forward.
    pub(super) fn on_log_start(&mut self, log_start_offset: i64) {
        self.remove_unreplicated_below(log_start_offset);
        self.map_end_offset = self.map_end_offset.max(log_start_offset);
        self.snapshot_offset = self.latest_snapshot().unwrap_or(log_start_offset);
    }

    fn remove_unreplicated_below(&mut self, offset: i64) {
        let replicated = |ended: &Transaction| ended.marker.is_some_and(|marker| marker < offset);
        if self.unreplicated.values().any(replicated) {
            Arc::make_mut(&mut self.unreplicated).retain(|_, ended| !replicated(ended));
        }
    }

    fn update_oldest_transaction(&mut self) {
        let oldest = self.ongoing.first_key_value().and_then(|(_, open)| self.entries.get(&open.producer_id));
        self.oldest_transaction_timestamp = oldest.map_or(-1, |producer| producer.last_timestamp);
    }

    /// Whether there is something for [`Producers::remove_expired`].
    pub(super) fn has_expired(&self, now_ms: i64, settings: &ProducerSettings) -> bool {
        self.entries.values().any(|producer| is_expired(producer, now_ms, settings))
            || self
                .verifications
                .values()
                .any(|verification| verification.is_expired(now_ms, settings.id_expiration_ms))
    }

    /// Forgets producers that were silent for `producer.id.expiration.ms`, except inside a transaction.
    pub(super) fn remove_expired(&mut self, now_ms: i64, settings: &ProducerSettings) {
        if self.entries.values().any(|producer| is_expired(producer, now_ms, settings)) {
            Arc::make_mut(&mut self.entries).retain(|_, producer| !is_expired(producer, now_ms, settings));
        }
        let waits_too_long = |it: &Verification| it.is_expired(now_ms, settings.id_expiration_ms);
        if self.verifications.values().any(waits_too_long) {
            Arc::make_mut(&mut self.verifications).retain(|_, verification| !waits_too_long(verification));
        }
    }

    /// Up to where the log's batches are taken in.
    pub fn map_end_offset(&self) -> i64 {
        self.map_end_offset
    }

    pub(super) fn set_map_end_offset(&mut self, offset: i64) {
        self.map_end_offset = offset;
    }

    /// Whether there is nothing that a truncation could change.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.unreplicated.is_empty()
    }

    /// The offset that a snapshot must have now; `None` if the latest one still says it all.
    pub(super) fn due_snapshot(&self) -> Option<i64> {
        (self.map_end_offset > self.snapshot_offset).then_some(self.map_end_offset)
    }

    /// A snapshot was written.
    pub(super) fn note_snapshot(&mut self, offset: i64) {
        Arc::make_mut(&mut self.snapshots).insert(offset);
        self.snapshot_offset = offset;
    }

    /// The offsets of the snapshot files, ascending.
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = i64> {
        self.snapshots.iter().copied()
    }

    /// The offset of the latest snapshot file.
    pub fn latest_snapshot(&self) -> Option<i64> {
        self.snapshots.last().copied()
    }

    /// A snapshot file is gone; whether it was known.
    pub(super) fn forget_snapshot(&mut self, offset: i64) -> bool {
        self.snapshots.contains(&offset) && Arc::make_mut(&mut self.snapshots).remove(&offset)
    }

    /// Forgets every producer and transaction, as of an offset; the snapshot files stay known.
    pub(super) fn clear(&mut self, offset: i64) {
        *self = Producers {
            verifications: self.verifications.clone(),
            last_guard: self.last_guard,
            snapshots: self.snapshots.clone(),
            oldest_transaction_timestamp: -1,
            map_end_offset: offset,
            ..Producers::default()
        };
    }

    /// Begins again with what a snapshot file holds, without those that were silent for too long.
    pub(super) fn load(
        &mut self,
        offset: i64,
        entries: BTreeMap<i64, Producer>,
        now_ms: i64,
        settings: &ProducerSettings,
    ) {
        self.clear(offset);
        self.snapshot_offset = offset;
        let kept = entries.into_iter().filter(|(_, producer)| !is_expired(producer, now_ms, settings));
        self.entries = Arc::new(shared(kept));
        let open = self.entries.iter().filter_map(|(&producer_id, producer)| {
            let first = producer.current_txn_first_offset?;
            Some((first, Transaction { producer_id, marker: None, placed: false }))
        });
        self.ongoing = Arc::new(tree(open));
        self.update_oldest_transaction();
    }

    /// Begins again with nothing, at the log's start.
    pub(super) fn start_at(&mut self, log_start_offset: i64) {
        self.clear(log_start_offset);
        self.snapshot_offset = log_start_offset;
    }

    /// Takes in batches that are in the log already, one append's worth (`loadProducersFromRecords`).
    pub(super) fn replay<'a>(&mut self, batches: impl Iterator<Item = (BatchHeader, &'a [u8])>) -> Result<(), Refusal> {
        let settings = ProducerSettings::default();
        // What a replica appends is not refused for its epochs; a plain batch inside a transaction is.
        let checked = self.check(batches, AppendOrigin::Replication, None, Some(0), &settings)?;
        if let Checked::Fine(appends, completed) = checked {
            appends.iter().for_each(|append| self.update(append, false));
            completed.iter().for_each(|completed| self.complete(completed));
        }
        Ok(())
    }
}

/// Producers, each to be shared between snapshots of the simulation by itself.
fn shared(producers: impl IntoIterator<Item = (i64, Producer)>) -> LiteMap<i64, Arc<Producer>> {
    producers.into_iter().map(|(id, producer)| (id, Arc::new(producer))).collect()
}

fn is_expired(producer: &Producer, now_ms: i64, settings: &ProducerSettings) -> bool {
    // A marker of another epoch leaves no batch behind it.
    let of_batches = || producer.batches().last().map_or(-1, |last| last.timestamp);
    let last_timestamp = if settings.without_kafka_9144 { of_batches() } else { producer.last_timestamp };
    producer.current_txn_first_offset.is_none() && now_ms.saturating_sub(last_timestamp) >= settings.id_expiration_ms
}

#[cfg(test)]
mod tests;
