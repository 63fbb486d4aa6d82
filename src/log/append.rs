//! How a log grows: `UnifiedLog.append` in Apache Kafka. What is checked first, and what a refused append has done by
//! then (an epoch noted, a segment rolled), is Kafka's order.

use bytes::Bytes;

use super::batch::{self, BatchHeader};
use super::compression::Compression;
use super::config::TimestampType;
use super::error::{AppendError, LogError};
use super::index::IndexError;
use super::producers::{AppendOrigin, CachedBatch, Checked, CompletedTransaction, VerificationGuard};
use super::replica::ReplicaLog;
use super::txn_index::AbortedTransaction;
use super::validate::{self, Analysis, Validated};
use crate::sim::disk::{Disk, DiskError};

/// What else is known of an append as leader.
#[derive(Clone, Copy, Debug, Default)]
pub struct AppendOptions {
    /// Who appends.
    pub origin: AppendOrigin,
    /// What the verification of the batch's transaction was begun with.
    pub guard: Option<VerificationGuard>,
    /// By which rules a marker's epoch is checked.
    pub transaction_version: Option<i16>,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendInfo {
    /// The first record's offset; of a duplicate the original's; -1 if there was nothing to append.
    pub base_offset: i64,
    /// The last record's offset.
    pub last_offset: i64,
    /// The largest timestamp.
    pub max_timestamp: i64,
    /// The log's timestamp with LogAppendTime, of a duplicate the original's, else -1.
    pub log_append_time: i64,
    /// Where the log starts.
    pub log_start_offset: i64,
    /// The bytes that were handed over and are whole batches.
    pub valid_bytes: u32,
    /// The codec that they were handed over with.
    pub source_compression: Compression,
    /// Nothing was written: the producer repeated itself.
    pub duplicate: bool,
}

impl ReplicaLog {
    /// Appends what a client sent: exactly one batch. Offset and leader epoch are set here.
    pub fn append_as_leader(
        &mut self,
        disk: &mut Disk,
        batch: Bytes,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<AppendInfo, AppendError> {
        self.append_with(disk, batch, leader_epoch, now_ms, &AppendOptions::default())
    }

    /// Appends as leader, for whomever the options name.
    pub fn append_with(
        &mut self,
        disk: &mut Disk,
        batch: Bytes,
        leader_epoch: i32,
        now_ms: i64,
        options: &AppendOptions,
    ) -> Result<AppendInfo, AppendError> {
        let origin = options.origin;
        if origin == AppendOrigin::RaftLeader {
            return self.append_as_given(disk, batch, leader_epoch, now_ms, options);
        }
        // Without one whole batch nothing is appended and nothing is wrong (`UnifiedLog.append`: `validBytes <= 0`).
        let Some(analysis) = validate::analyze(&batch, &self.config, origin, leader_epoch, true)? else {
            return Ok(self.nothing_appended());
        };
        let next_offset = self.log_end_offset;
        let Validated { bytes, header } =
            validate::leaders_batch(batch, &analysis, &self.config, origin, next_offset, leader_epoch, now_ms)?;
        let by_log = self.config.message_timestamp_type == TimestampType::LogAppendTime;
        let info = AppendInfo {
            base_offset: next_offset,
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
            log_append_time: if by_log { now_ms } else { -1 },
            ..self.info_of(&analysis)
        };
        self.assign_epoch(disk, header.partition_leader_epoch, header.base_offset)?;
        self.write(disk, bytes, Some(&header), info, now_ms, options)
    }

    /// Appends what was fetched from the leader: batches whose offsets are kept. A batch of an epoch above
    /// `leader_epoch` and all behind it are dropped silently; a batch that is cut at the end is ignored.
    pub fn append_as_follower(
        &mut self,
        disk: &mut Disk,
        records: Bytes,
        leader_epoch: i32,
    ) -> Result<AppendInfo, AppendError> {
        let options = AppendOptions { origin: AppendOrigin::Replication, ..AppendOptions::default() };
        let now_ms = disk.now_ms();
        self.append_as_given(disk, records, leader_epoch, now_ms, &options)
    }

    fn append_as_given(
        &mut self,
        disk: &mut Disk,
        records: Bytes,
        leader_epoch: i32,
        now_ms: i64,
        options: &AppendOptions,
    ) -> Result<AppendInfo, AppendError> {
        // The same: a fetch may bring the beginning of one batch only.
        let Some(analysis) = validate::analyze(&records, &self.config, options.origin, leader_epoch, false)? else {
            return Ok(self.nothing_appended());
        };
        if analysis.first.base_offset < self.log_end_offset {
            return Err(AppendError::UnexpectedOffset(analysis.first.base_offset));
        }
        let records = records.slice(..analysis.valid_bytes as usize);
        for (header, _) in batch::batches(&records) {
            self.assign_epoch(disk, header.partition_leader_epoch, header.base_offset)?;
        }
        let only = (analysis.batches == 1).then_some(&analysis.first);
        let info = self.info_of(&analysis);
        self.write(disk, records, only, info, now_ms, options)
    }

    /// Puts checked batches into the active segment, which may be a new one, unless their producers may not write them.
    /// `only` is the header where there is one batch.
    fn write(
        &mut self,
        disk: &mut Disk,
        bytes: Bytes,
        only: Option<&BatchHeader>,
        info: AppendInfo,
        now_ms: i64,
        options: &AppendOptions,
    ) -> Result<AppendInfo, AppendError> {
        let size = bytes.len() as u32;
        if size > self.config.segment_bytes {
            return Err(AppendError::RecordListTooLarge { size, max: self.config.segment_bytes });
        }
        let write = (size, info.max_timestamp, info.last_offset);
        if self.active.should_roll(disk, write, now_ms, &self.config)? {
            self.roll_to(disk, info.base_offset)?;
        }
        let AppendOptions { origin, guard, transaction_version } = *options;
        let settings = &self.producer_settings;
        let checked = match only {
            Some(header) if !header.has_producer_id() => Checked::nothing(),
            Some(header) => {
                let one = std::iter::once((*header, &bytes[..]));
                self.producers.check(one, origin, guard, transaction_version, settings)?
            }
            None => self.producers.check(batch::batches(&bytes), origin, guard, transaction_version, settings)?,
        };
        let (appends, completed) = match checked {
            Checked::Duplicate(original) => return Ok(self.duplicate(&info, &original)),
            Checked::Fine(appends, completed) => (appends, completed),
        };
        self.active.append(disk, bytes, only).map_err(of_index)?;
        self.log_end_offset = info.last_offset + 1;
        self.meet_high_watermark(disk);
        appends.iter().for_each(|append| self.producers.update(append, true));
        for completed in &completed {
            self.complete_transaction(disk, completed)?;
        }
        self.producers.set_map_end_offset(self.log_end_offset);
        self.update_first_unstable_offset(disk);
        if self.log_end_offset - self.recovery_point >= self.config.flush_messages {
            self.flush(disk)?;
        }
        Ok(info)
    }

    fn complete_transaction(&mut self, disk: &mut Disk, completed: &CompletedTransaction) -> Result<(), DiskError> {
        if completed.aborted {
            let aborted = AbortedTransaction {
                producer_id: completed.producer_id,
                first_offset: completed.first_offset,
                last_offset: completed.last_offset,
                last_stable_offset: self.producers.last_stable_offset(completed),
            };
            self.active.append_aborted(disk, &aborted)?;
        }
        self.producers.complete(completed);
        Ok(())
    }

    fn info_of(&self, analysis: &Analysis) -> AppendInfo {
        AppendInfo {
            base_offset: analysis.first.base_offset,
            last_offset: analysis.last_offset,
            max_timestamp: analysis.max_timestamp,
            log_append_time: -1,
            log_start_offset: self.log_start_offset,
            valid_bytes: analysis.valid_bytes,
            source_compression: analysis.source_compression,
            duplicate: false,
        }
    }

    fn nothing_appended(&self) -> AppendInfo {
        AppendInfo {
            base_offset: -1,
            last_offset: -1,
            max_timestamp: -1,
            log_append_time: -1,
            log_start_offset: self.log_start_offset,
            valid_bytes: 0,
            source_compression: Compression::None,
            duplicate: false,
        }
    }

    fn duplicate(&self, info: &AppendInfo, original: &CachedBatch) -> AppendInfo {
        AppendInfo {
            base_offset: original.first_offset(),
            last_offset: original.last_offset,
            log_append_time: original.timestamp,
            log_start_offset: self.log_start_offset,
            duplicate: true,
            ..*info
        }
    }
}

/// A disk's refusal is one, whatever was written there.
fn of_index(error: IndexError) -> AppendError {
    match error {
        IndexError::Disk(error) => error.into(),
        error => LogError::from(error).into(),
    }
}
