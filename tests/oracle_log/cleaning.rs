//! The cleaner and its manager.

use loglab::log::ReplicaLog;
use loglab::log::cleaner::candidates::{LogToClean, OffsetsToClean, segments_between};
use loglab::log::cleaner::grouping::{self, SegmentSizes};
use loglab::log::cleaner::{CleanError, CleanerBuffers, CleaningPass, Logs, Partition, PreCleanStats};
use serde_json::{Value, json};

use super::case::{Clean, Group};
use super::failure::Failure;
use super::ops::{self, Outcome};
use super::world::{self, World};

/// The open logs of a case.
struct Open<'a>(&'a mut [world::Partition]);

impl Logs for Open<'_> {
    fn partitions(&self) -> Vec<Partition> {
        self.0.iter().filter(|partition| partition.log.is_some()).map(|partition| key(&partition.name)).collect()
    }

    fn log(&self, of: &Partition) -> Option<&ReplicaLog> {
        self.0.iter().find(|partition| key(&partition.name) == *of)?.log.as_ref()
    }

    fn log_mut(&mut self, of: &Partition) -> Option<&mut ReplicaLog> {
        self.0.iter_mut().find(|partition| key(&partition.name) == *of)?.log.as_mut()
    }
}

/// Topic and number of a partition's name.
fn key(name: &str) -> Partition {
    let (topic, number) = name.rsplit_once('-').unwrap_or((name, "0"));
    (topic.to_owned(), number.parse().unwrap_or(0))
}

fn name((topic, number): &Partition) -> String {
    format!("{topic}-{number}")
}

/// Chooses the filthiest log and cleans it.
pub fn clean(world: &mut World, setup: &Clean) -> Outcome {
    let World { disk, partitions, cleaner, now_ms, .. } = world;
    let mut logs = Open(partitions);
    let mut found = PreCleanStats::default();
    let target = cleaner
        .grab_filthiest(&logs, disk, *now_ms, &mut found)
        .map_err(|_| Failure::kafka("LogCleaningException", -1))?;
    let mut fact = json!({
        "cleanablePartitions": found.cleanable_partitions,
        "delayedPartitions": found.delayed_partitions,
        "maxCompactionDelayMs": found.max_compaction_delay_ms,
        "selected": target.as_ref().map(|target| name(&target.partition)),
    });
    let Some(target) = target else { return Ok(fact) };
    let buffers = CleanerBuffers {
        map_slots: setup.map_slots,
        load_factor: setup.load_factor,
        io_buffer_size: setup.io_buffer_size,
        max_io_buffer_size: setup.max_io_buffer_size,
        without_kip_534: false,
    };
    add(
        &mut fact,
        json!({
            "firstDirtyOffset": target.first_dirty_offset,
            "firstUncleanableOffset": target.first_uncleanable_offset,
            "cleanBytes": target.clean_bytes,
            "cleanableBytes": target.cleanable_bytes,
            "cleanableRatio": ratio(&target),
            "needCompactionNow": target.need_compaction_now,
        }),
    );
    let Some(log) = logs.log_mut(&target.partition) else { return Ok(fact) };
    let mut end_offset = target.first_dirty_offset;
    let passed = CleaningPass::new(log, disk, &target, buffers, *now_ms, 0).and_then(|mut pass| {
        end_offset = pass.run(log, disk, 0)?;
        Ok(pass)
    });
    match passed {
        Ok(pass) => {
            let (stats, map) = (pass.stats(), pass.map());
            add(
                &mut fact,
                json!({
                    "endOffset": end_offset,
                    "messagesRead": stats.messages_read,
                    "messagesWritten": stats.messages_written,
                    "bytesRead": stats.bytes_read,
                    "bytesWritten": stats.bytes_written,
                    "mapMessagesRead": stats.map_messages_read,
                    "invalidMessagesRead": stats.invalid_messages_read,
                    "mapSlots": map.slots(),
                    "mapDesired": buffers.max_desired_map_size(),
                    "mapSize": map.size(),
                    "mapLatestOffset": map.latest_offset(),
                }),
            );
        }
        Err(error) => add(&mut fact, json!({ "error": fact_of(error) })),
    }
    cleaner.done_cleaning(&logs, disk, &target.partition, end_offset);
    let bases = |log: &ReplicaLog| log.segments().map(|segment| segment.base_offset).collect::<Vec<_>>();
    add(&mut fact, json!({ "segments": logs.log(&target.partition).map(bases) }));
    Ok(fact)
}

fn add(fact: &mut Value, more: Value) {
    if let (Value::Object(fact), Value::Object(more)) = (fact, more) {
        fact.extend(more);
    }
}

/// A log without any bytes has no ratio.
fn ratio(target: &LogToClean) -> Value {
    if target.total_bytes() == 0 { json!("NaN") } else { json!(target.cleanable_ratio()) }
}

fn fact_of(error: CleanError) -> Value {
    match Failure::kafka(error.exception(), error.code()) {
        Failure::Kafka(fact) => fact,
        _ => Value::Null,
    }
}

/// What of each partition could be cleaned.
pub fn candidates(world: &mut World) -> Outcome {
    let checkpoints = world.cleaner.checkpoints(&world.disk);
    let mut fact = json!({});
    for partition in &world.partitions {
        let Some(log) = &partition.log else { continue };
        let checkpoint = checkpoints.get(&key(&partition.name)).copied();
        let offsets = OffsetsToClean::of(log, &world.disk, checkpoint, world.now_ms);
        let (from, to) = (offsets.first_dirty_offset, offsets.first_uncleanable_dirty_offset);
        let target = LogToClean::of(&key(&partition.name), log, from, to, false);
        fact[&partition.name] = json!({
            "checkpoint": checkpoint,
            "firstDirty": from,
            "firstUncleanable": to,
            "forceUpdateCheckpoint": offsets.force_update_checkpoint,
            "cleanBytes": target.clean_bytes,
            "cleanableBytes": target.cleanable_bytes,
            "ratio": ratio(&target),
        });
    }
    Ok(fact)
}

/// The retention check that the cleaner makes of compacted and deleted logs.
pub fn delete(world: &mut World) -> Outcome {
    let World { disk, partitions, cleaner, now_ms, .. } = world;
    let mut logs = Open(partitions);
    let mut fact = json!({});
    for partition in cleaner.deletable(&logs) {
        if let Some(log) = logs.log_mut(&partition) {
            fact[name(&partition)] = json!(log.delete_old_segments(disk, *now_ms)?);
        }
        cleaner.done_deleting(&[partition]);
    }
    Ok(fact)
}

/// Groups segments as a cleaning would.
pub fn group(world: &mut World, partition: usize, limits: &Group) -> Outcome {
    let (log, disk) = ops::log(world, partition)?;
    let active = log.segments().last().map_or(0, |segment| segment.base_offset);
    let end = limits.end.unwrap_or(active);
    log.open_indexes_below(disk, end)?;
    let segments = segments_between(log, 0, end);
    let sizes: Vec<SegmentSizes> = segments.map(SegmentSizes::of).collect();
    let limit = |bytes: i32| u64::try_from(bytes).unwrap_or(0);
    let (max, max_index) = (limit(limits.max_size), limit(limits.max_index_size));
    Ok(json!(grouping::group(&sizes, max, max_index, limits.first_uncleanable)))
}
