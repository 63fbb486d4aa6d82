//! One replica's log: `UnifiedLog` over `LocalLog` in Apache Kafka.

use std::sync::Arc;

use super::config::LogConfig;
use super::deletion::Deletions;
use super::epochs::LeaderEpochs;
use super::error::AppendError;
use super::producers::{ProducerSettings, Producers, VerificationGuard};
use super::segment::{CorruptBatch, Segment};
use crate::sim::disk::Disk;

/// The log of one replica. Its bytes are on a [`Disk`]; what is kept here is cheap to clone.
#[derive(Clone, Debug)]
pub struct ReplicaLog {
    pub(super) directory: Arc<str>,
    pub(super) config: Arc<LogConfig>,
    pub(super) producer_settings: ProducerSettings,
    /// All segments but the active one, ascending.
    pub(super) sealed: Arc<Vec<Segment>>,
    pub(super) active: Segment,
    pub(super) sealed_bytes: u64,
    pub(super) epochs: Arc<LeaderEpochs>,
    pub(super) producers: Producers,
    pub(super) log_start_offset: i64,
    pub(super) log_end_offset: i64,
    pub(super) high_watermark: i64,
    /// The high watermark was set by its offset alone, which may lie inside a batch.
    pub(super) high_watermark_is_loose: bool,
    /// Without KAFKA-9807: when the high watermark moved last, and from where.
    pub(super) moved_from: Option<(i64, i64)>,
    /// Where the earliest transaction begins that is open or not fully replicated.
    pub(super) first_unstable_offset: Option<i64>,
    pub(super) recovery_point: i64,
    /// When the recovery point last moved because of a flush.
    pub(super) last_flush_ms: i64,
    /// The segment at which the last look for old ones ended because its records are of the future.
    pub(super) future_segment: Option<i64>,
    /// Files that wait for their removal.
    pub(super) deletions: Deletions,
}

impl ReplicaLog {
    /// The segments from the one that holds `offset` on.
    pub(super) fn segments_from(&self, offset: i64) -> impl Iterator<Item = &Segment> {
        let first = if offset >= self.active.base_offset {
            self.sealed.len()
        } else {
            self.sealed.partition_point(|segment| segment.base_offset <= offset).saturating_sub(1)
        };
        self.sealed[first..].iter().chain(std::iter::once(&self.active))
    }

    /// All segments, the active one last.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.segments_from(i64::MIN)
    }

    /// The segment that grows.
    pub fn active_segment(&self) -> &Segment {
        &self.active
    }

    /// The first offset that can be read.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// The offset of the next record.
    pub fn log_end_offset(&self) -> i64 {
        self.log_end_offset
    }

    /// Up to where consumers may read.
    pub fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// Up to where the log is known to be on the medium.
    pub fn recovery_point(&self) -> i64 {
        self.recovery_point
    }

    /// Where the segment begins at which the last look for old ones ended because its records are of the future.
    pub fn future_segment(&self) -> Option<i64> {
        self.future_segment
    }

    /// The settings.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Other settings from here on.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = Arc::new(config);
    }

    /// The partition's directory.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// The producers that wrote here.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// Whether there are producers, or verifications, that are to be forgotten.
    pub fn has_expired_producers(&self, now_ms: i64) -> bool {
        self.producers.has_expired(now_ms, &self.producer_settings)
    }

    /// Forgets producers that were silent for `producer.id.expiration.ms`.
    pub fn remove_expired_producers(&mut self, now_ms: i64) {
        self.producers.remove_expired(now_ms, &self.producer_settings);
    }

    /// Other settings of producers from here on.
    pub fn set_producer_settings(&mut self, settings: ProducerSettings) {
        self.producer_settings = settings;
    }

    /// Whether a producer has a transaction open in this epoch.
    pub fn has_ongoing_transaction(&self, producer_id: i64, epoch: i16) -> bool {
        self.producers.has_ongoing_transaction(producer_id, epoch)
    }

    /// Whether a transaction has been open, and silent, for so long that its coordinator must have forgotten it.
    pub fn has_late_transaction(&self, now_ms: i64) -> bool {
        self.producers.has_late_transaction(now_ms, &self.producer_settings)
    }

    /// The first batch of a transaction waits until its coordinator has verified it. `None` if the transaction is open
    /// here already and need not be verified.
    pub fn maybe_start_verification(
        &mut self,
        producer_id: i64,
        epoch: i16,
        sequence: i32,
        supports_epoch_bump: bool,
        now_ms: i64,
    ) -> Result<Option<VerificationGuard>, AppendError> {
        Ok(self.producers.maybe_start_verification(producer_id, epoch, sequence, supports_epoch_bump, now_ms)?)
    }

    /// The bytes of all `.log` files.
    pub fn size_bytes(&self) -> u64 {
        self.sealed_bytes + u64::from(self.active.size())
    }

    /// Up to where a reader of committed records may read: nothing below it can still be aborted.
    pub fn last_stable_offset(&self) -> i64 {
        self.first_unstable_offset.map_or(self.high_watermark, |first| first.min(self.high_watermark))
    }

    /// The same as a reader is told at this moment, who without KAFKA-9807 may have looked before the high watermark moved, and looks
    /// again behind that: in the millisecond of the move all do.
    pub fn last_stable_offset_at(&self, now_ms: i64) -> i64 {
        let looked_before = self.moved_from.filter(|(at, _)| *at == now_ms).map(|(_, from)| from);
        let is_missed = |first: i64| looked_before.is_some_and(|before| first >= before);
        if self.first_unstable_offset.is_some_and(is_missed) { self.high_watermark } else { self.last_stable_offset() }
    }

    /// Where the earliest transaction begins that is open, or whose marker is not below the high watermark.
    pub fn first_unstable_offset(&self) -> Option<i64> {
        self.first_unstable_offset
    }

    /// Sets the high watermark, kept between the log's start and its end. It may go back. Answers what it became.
    pub fn update_high_watermark(&mut self, disk: &Disk, offset: i64) -> i64 {
        let offset =
            if offset < self.log_start_offset { self.log_start_offset } else { offset.min(self.log_end_offset) };
        self.set_high_watermark(disk, offset);
        self.high_watermark_is_loose = offset != self.log_end_offset;
        offset
    }

    /// The same as a follower does it: what it became, if that is something else than it was.
    pub fn maybe_update_high_watermark(&mut self, disk: &Disk, offset: i64) -> Option<i64> {
        let before = self.high_watermark;
        Some(self.update_high_watermark(disk, offset)).filter(|&after| after != before)
    }

    fn set_high_watermark(&mut self, disk: &Disk, offset: i64) {
        if self.producer_settings.without_kafka_9807 && offset > self.high_watermark {
            self.moved_from = Some((disk.now_ms(), self.high_watermark));
        }
        self.high_watermark = offset;
        self.high_watermark_is_loose = false;
        self.producers.on_high_watermark(offset);
        self.update_first_unstable_offset(disk);
    }

    /// A high watermark at or beyond the log's end (a start offset was set beyond it) becomes the end.
    pub(super) fn meet_high_watermark(&mut self, disk: &Disk) {
        if self.high_watermark >= self.log_end_offset {
            self.set_high_watermark(disk, self.log_end_offset);
        }
    }

    /// A reader has looked where the high watermark stands: it is moved to the batch that holds it.
    pub(super) fn settle_high_watermark(&mut self, disk: &Disk) -> Result<(), CorruptBatch> {
        if self.high_watermark_is_loose {
            let offset = self.batch_offset_of(disk, self.high_watermark)?;
            self.set_high_watermark(disk, offset);
        }
        Ok(())
    }

    pub(super) fn update_first_unstable_offset(&mut self, disk: &Disk) {
        let first = self.producers.first_unstable();
        self.first_unstable_offset = first.map(|first| {
            if first.placed && first.offset >= self.log_start_offset {
                first.offset
            } else {
                let offset = first.offset.max(self.log_start_offset);
                self.batch_offset_of(disk, offset).unwrap_or(offset)
            }
        });
    }

    /// Notes that a leader epoch begins at `offset`: before the first append of a new leader.
    pub fn assign_epoch(&mut self, disk: &mut Disk, epoch: i32, offset: i64) -> Result<(), AppendError> {
        // Batch after batch is of the epoch that is known.
        if self.epochs.latest() == Some(epoch) && self.epochs.entries().last().is_some_and(|last| last.1 <= offset) {
            return Ok(());
        }
        if Arc::make_mut(&mut self.epochs).assign(epoch, offset)? {
            self.write_epochs(disk)?;
        }
        Ok(())
    }

    /// The largest epoch that is not above `epoch`, and the offset behind its last record; (-1, -1) if unknown.
    pub fn end_offset_for_epoch(&self, epoch: i32) -> (i32, i64) {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// The latest epoch in the log.
    pub fn latest_epoch(&self) -> Option<i32> {
        self.epochs.latest()
    }

    /// All epochs in the log.
    pub fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }
}
