//! One operation of a case on our log: what it answers, in the words of the recorded facts.

use bytes::Bytes;
use loglab::log::{AppendInfo, AppendOptions, AppendOrigin, ReplicaLog};
use loglab::sim::disk::Disk;
use serde_json::{Value, json};

use super::case::{Control, Offset, Operation, Origin};
use super::failure::Failure;
use super::world::{World, config};
use super::{build, cleaning, edit, queries};

/// What an operation answers; null where facts have no result.
pub type Outcome = Result<Value, Failure>;

/// Runs one operation on a partition. Saving is not among them: that compares more than an answer.
pub fn run(world: &mut World, partition: usize, operation: &Operation) -> Outcome {
    use Operation::*;
    match operation {
        Append { batches, leader_epoch, origin, guard_of } => {
            let bytes = build::batches(batches, *leader_epoch, world.now_ms)?;
            append(world, partition, bytes, *leader_epoch, origin_of(*origin), *guard_of, None)
        }
        Marker {
            control,
            producer_id,
            producer_epoch,
            coordinator_epoch,
            leader_epoch,
            timestamp,
            transaction_version,
        } => {
            let (control, timestamp): (Control, i64) = (*control, timestamp.unwrap_or(world.now_ms));
            let bytes = build::marker(control, (*producer_id, *producer_epoch), *coordinator_epoch, timestamp);
            append(world, partition, bytes, *leader_epoch, AppendOrigin::Coordinator, None, *transaction_version)
        }
        AppendFollower { batches, leader_epoch } => {
            let bytes = build::batches(batches, *leader_epoch, world.now_ms)?;
            let (log, disk) = log(world, partition)?;
            Ok(info(&log.append_as_follower(disk, bytes, *leader_epoch)?))
        }
        StartVerification { producer_id, producer_epoch, sequence, supports_epoch_bump } => {
            let now_ms = world.now_ms;
            let (log, _) = log(world, partition)?;
            let guard =
                log.maybe_start_verification(*producer_id, *producer_epoch, *sequence, *supports_epoch_bump, now_ms)?;
            world.partitions[partition].guards.insert(*producer_id, guard);
            Ok(json!({ "needsVerification": guard.is_some() }))
        }
        HasOngoingTransaction { producer_id, producer_epoch } => {
            Ok(json!(log(world, partition)?.0.has_ongoing_transaction(*producer_id, *producer_epoch)))
        }
        HasLateTransaction {} => {
            let now_ms = world.now_ms;
            Ok(json!(log(world, partition)?.0.has_late_transaction(now_ms)))
        }
        Roll {} => {
            let (log, disk) = log(world, partition)?;
            log.roll(disk)?;
            Ok(json!({ "baseOffset": log.segments().last().map(|segment| segment.base_offset) }))
        }
        Flush {} => {
            let (log, disk) = log(world, partition)?;
            log.flush(disk)?;
            Ok(Value::Null)
        }
        TakeSnapshot {} => {
            let (log, disk) = log(world, partition)?;
            log.take_producer_snapshot(disk)?;
            Ok(Value::Null)
        }
        TruncateTo { offset } => {
            let (log, disk) = log(world, partition)?;
            Ok(json!({ "truncated": log.truncate_to(disk, *offset)? }))
        }
        TruncateFullyAndStartAt { offset, log_start_offset } => {
            let (log, disk) = log(world, partition)?;
            log.truncate_fully_and_start_at(disk, *offset, *log_start_offset)?;
            Ok(Value::Null)
        }
        UpdateHighWatermark { offset } => {
            let (log, disk) = log(world, partition)?;
            let offset = match *offset {
                Offset::At(offset) => offset,
                Offset::LogEnd => log.log_end_offset(),
            };
            Ok(json!(log.update_high_watermark(disk, offset)))
        }
        MaybeUpdateHighWatermark { offset } => {
            let (log, disk) = log(world, partition)?;
            Ok(json!(log.maybe_update_high_watermark(disk, *offset)))
        }
        IncrementLogStart { offset } => {
            let (log, disk) = log(world, partition)?;
            Ok(json!({ "changed": log.increment_log_start_offset(disk, *offset)? }))
        }
        DeleteOldSegments {} => {
            let now_ms = world.now_ms;
            let (log, disk) = log(world, partition)?;
            Ok(json!({ "deleted": log.delete_old_segments(disk, now_ms)? }))
        }
        RemoveExpiredProducers {} => {
            let now_ms = world.now_ms;
            let (log, _) = log(world, partition)?;
            log.remove_expired_producers(now_ms);
            Ok(json!({ "producerIds": log.producers().iter().map(|(id, _)| id).collect::<Vec<_>>() }))
        }
        UpdateConfig { config: settings } => {
            let config = config(settings).map_err(Failure::Wrong)?;
            world.partitions[partition].config = config.clone();
            log(world, partition)?.0.set_config(config);
            Ok(Value::Null)
        }
        Tick { ms } => Ok(world.move_clock(world.now_ms + ms)),
        SetTime { at } => Ok(world.move_clock(*at)),
        AssignEpoch { epoch, offset } => {
            let (log, disk) = log(world, partition)?;
            log.assign_epoch(disk, *epoch, *offset)?;
            Ok(queries::epochs(log))
        }
        EpochTruncateFromEnd { offset } => {
            let (log, disk) = log(world, partition)?;
            log.truncate_epochs_from_end(disk, *offset)?;
            Ok(queries::epochs(log))
        }
        EpochTruncateFromStart { offset } => {
            let (log, disk) = log(world, partition)?;
            log.truncate_epochs_from_start(disk, *offset)?;
            Ok(queries::epochs(log))
        }
        Epochs {} => Ok(queries::epochs(log(world, partition)?.0)),
        EndOffsetForEpoch { epochs } => Ok(queries::end_offsets(log(world, partition)?.0, epochs)),
        EpochForOffset { offsets } => Ok(queries::epochs_of(log(world, partition)?.0, offsets)),
        Read { offsets, max_bytes, min_one_message, isolation } => {
            let (log, disk) = log(world, partition)?;
            Ok(queries::read(log, disk, offsets, *max_bytes, *min_one_message, *isolation))
        }
        OffsetsForTimes { timestamps } => {
            if world.partitions[partition].log.is_none() {
                return Ok(queries::not_open(timestamps));
            }
            let (log, disk) = log(world, partition)?;
            // Only a full disk has no room for the index files that a look-up makes.
            let _ = timestamps.iter().try_for_each(|&timestamp| log.open_indexes_for_timestamp(disk, timestamp));
            Ok(queries::offsets_for_times(log, disk, timestamps))
        }
        AbortedTxns { ranges } => {
            let (log, disk) = log(world, partition)?;
            queries::aborted(log, disk, ranges)
        }
        Producers {} => Ok(queries::producers(log(world, partition)?.0)),
        Segments {} => {
            let (log, disk) = log(world, partition)?;
            Ok(queries::segments(log, disk))
        }
        Open { clean, log_start_offset, recovery_point } => {
            world.open(partition, *clean, *log_start_offset, *recovery_point)?;
            Ok(Value::Null)
        }
        Close {} => {
            world.close(partition)?;
            Ok(Value::Null)
        }
        Crash {} => {
            log(world, partition)?;
            world.crash(partition);
            Ok(Value::Null)
        }
        Edit(change) => edit::run(world, partition, change),
        Clean(setup) => cleaning::clean(world, setup),
        Candidates {} => cleaning::candidates(world),
        DeleteByCleaner {} => cleaning::delete(world),
        Group(limits) => cleaning::group(world, partition, limits),
        Save { .. } => Err(Failure::Wrong("a save is no operation on a log".to_owned())),
    }
}

/// The open log of a partition, and the disk it is on.
pub fn log(world: &mut World, partition: usize) -> Result<(&mut ReplicaLog, &mut Disk), Failure> {
    match &mut world.partitions[partition].log {
        Some(log) => Ok((log, &mut world.disk)),
        None => Err(Failure::kafka("IllegalStateException", -1)),
    }
}

fn append(
    world: &mut World,
    partition: usize,
    bytes: Bytes,
    leader_epoch: i32,
    origin: AppendOrigin,
    guard_of: Option<i64>,
    transaction_version: Option<i16>,
) -> Outcome {
    let guard = guard_of.and_then(|producer_id| *world.partitions[partition].guards.get(&producer_id)?);
    let options = AppendOptions { origin, guard, transaction_version };
    let now_ms = world.now_ms;
    let (log, disk) = log(world, partition)?;
    Ok(info(&log.append_with(disk, bytes, leader_epoch, now_ms, &options)?))
}

fn origin_of(origin: Origin) -> AppendOrigin {
    match origin {
        Origin::Client => AppendOrigin::Client,
        Origin::Coordinator => AppendOrigin::Coordinator,
        Origin::Replication => AppendOrigin::Replication,
        Origin::RaftLeader => AppendOrigin::RaftLeader,
    }
}

fn info(info: &AppendInfo) -> Value {
    let known = info.base_offset >= 0 && info.last_offset >= 0;
    json!({
        "firstOffset": info.base_offset,
        "lastOffset": info.last_offset,
        "maxTimestamp": info.max_timestamp,
        "logAppendTime": info.log_append_time,
        "logStartOffset": info.log_start_offset,
        "numMessages": if known { info.last_offset - info.base_offset + 1 } else { 0 },
        "validBytes": info.valid_bytes,
        "sourceCompression": info.source_compression.name(),
        "leaderHwChange": "NONE",
    })
}
