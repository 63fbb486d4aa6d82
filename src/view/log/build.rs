//! Computes the Log view from the world at an instant.

use super::medium::{self, Segments};
use super::replica::{self, Window};
use super::{Doing, Log, LogLens, LogReplica, OpenBatch, Pass, Reader, dissect};
use crate::lab::check::Evidence;
use crate::lab::session::Session;
use crate::log::cleaner::threads::CleanerThread;
use crate::log::cleaner::{self, CleaningPass, Partition};
use crate::log::segment::Segment;
use crate::log::{ReplicaLog, batch};
use crate::view::build::Present;
use crate::view::state::Role;
use crate::wire::TopicPartition;

/// The widest window.
const OFFSETS: u32 = 2_000;
/// Bytes of an opened batch that are told.
const BYTES: usize = 4_096;
/// Offsets that stay free behind the end that the window follows.
const ROOM: i64 = 3;

/// The replicas of the partition that the lens is on; `None` where there is no such partition, not yet or not any more.
#[must_use]
pub fn log(session: &Session, lens: &LogLens) -> Option<Log> {
    let view = Present::of(session);
    let partition = match lens.partition {
        Some((topic, partition)) => TopicPartition { topic, partition },
        None => view.image.partitions().next()?.0,
    };
    let (topic, index) = (view.topic(partition), partition.partition);
    let image = view.image.partition(partition)?;
    let ends: Vec<_> = image.replicas.iter().filter_map(|id| view.observer.log_ends(*id, partition)).collect();
    let earliest = ends.iter().map(|ends| ends.log_start).min().unwrap_or(0);
    let latest = ends.iter().map(|ends| ends.log_end).max().unwrap_or(0);
    let offsets = lens.offsets.clamp(1, OFFSETS);
    // The end of the leader stays in sight, whatever a replica that nobody follows holds beyond it.
    let leader_end = view.observer.log_ends(image.leader, partition).map_or(latest, |ends| ends.log_end);
    let end = latest.min(leader_end.saturating_add(i64::from(offsets) / 2));
    let window = Window { first: first_of(lens, (earliest, latest), end, offsets), offsets: i64::from(offsets) };
    let replicas = image.replicas.iter().map(|id| replica(&view, *id, partition, window)).collect();
    let open = lens.open.and_then(|(broker, offset)| open(&view, broker, partition, offset));
    Some(Log {
        number: partition.topic,
        topic,
        index,
        first: window.first,
        offsets,
        earliest,
        latest,
        acknowledged_end: session.world().history().acknowledged_end(partition),
        replicas,
        readers: view.readers(partition).map(|(name, position)| Reader { name, position }).collect(),
        open,
    })
}

/// Where the window begins. One that follows an end moves in steps of four, so that it is still while records come in.
fn first_of(lens: &LogLens, (earliest, latest): (i64, i64), end: i64, offsets: u32) -> i64 {
    let end = end.saturating_add(ROOM).saturating_sub(offsets.into()).max(earliest);
    match lens.first {
        Some(first) => first.clamp(earliest.min(latest), latest),
        None if end == earliest => earliest,
        None => end.saturating_add(3) / 4 * 4,
    }
}

fn replica(view: &Present<'_>, broker: i32, partition: TopicPartition, window: Window) -> LogReplica {
    let state = view.broker_state(broker);
    let is_lost = |bytes: &[u8]| view.is_lost(bytes);
    let known = view.observer.broker(broker).and_then(|it| it.replicas().find(|(id, _)| *id == partition));
    let (Some((log, disk)), Some((_, ends))) = (view.observer.log(broker, partition), known) else {
        let found = view.disk(broker).map(|disk| replica::found(disk, &view.directory(partition), window, &is_lost));
        return LogReplica { broker, state, role: Role::Offline, log_end: -1, ..found.unwrap_or_default() };
    };
    let role = view.role(broker, partition, state);
    let mut replica = LogReplica { broker, state, role, ..replica::open(log, disk, &ends, window, &is_lost) };
    if let Some(cleaning) = &mut replica.cleaning {
        let pass = pass(view, broker, partition, window);
        cleaning.pass = pass.map(|pass| Pass { end: end_of(&Segments::of(log, disk), &pass, log), ..pass });
    }
    replica
}

/// The pass of a broker's cleaner that is on its way over a log.
fn pass(view: &Present<'_>, broker: i32, partition: TopicPartition, window: Window) -> Option<Pass> {
    let directory = view.directory(partition);
    let disk = view.disk(broker)?;
    let threads = view.observer.broker(broker)?.cleaner()?.threads();
    let is_it = |(it, _): &(&Partition, &CleaningPass)| view.find(&it.0, it.1) == Some(partition);
    let (_, pass) = threads.iter().filter_map(CleanerThread::cleaning).find(is_it)?;
    let (doing, segments) = pass.doing();
    let stats = pass.stats();
    let ending = medium::ending(disk, &directory);
    Some(Pass {
        doing: match doing {
            cleaner::Doing::Mapping => Doing::Mapping,
            cleaner::Doing::Copying => Doing::Copying,
            cleaner::Doing::Replacing => Doing::Replacing,
        },
        segments,
        end: -1,
        map_messages: stats.map_messages_read,
        messages_read: stats.messages_read,
        messages_written: stats.messages_written,
        copied: if ending.is_empty() { Vec::new() } else { replica::copied(disk, &directory, ending, window) },
        ending: ending.to_owned(),
    })
}

/// Where the last of the segments ends that a pass works on.
fn end_of(segments: &Segments<'_>, pass: &Pass, log: &ReplicaLog) -> i64 {
    // Between two groups of segments a pass works on none.
    let Some(&last) = pass.segments.last() else { return -1 };
    let next = segments.list.get(segments.place_of(last) + 1);
    next.map_or(log.log_end_offset(), |segment| segment.base_offset)
}

fn open(view: &Present<'_>, broker: i32, partition: TopicPartition, offset: i64) -> Option<OpenBatch> {
    if let Some((log, disk)) = view.observer.log(broker, partition) {
        return open_batch(&Segments::of(log, disk), broker, offset.max(log.log_start_offset()));
    }
    let disk = view.disk(broker)?;
    let list: Vec<Segment> = medium::found(&mut disk.clone(), &view.directory(partition), "");
    open_batch(&Segments::found(&list, disk), broker, offset)
}

fn open_batch(segments: &Segments<'_>, broker: i32, offset: i64) -> Option<OpenBatch> {
    let placed = segments.batches_from(offset).next()?;
    let (header, bytes) = (placed.header, placed.bytes(segments.disk));
    Some(OpenBatch {
        broker,
        base: header.base_offset,
        last: header.last_offset(),
        file: format!("{:020}.log", placed.segment.base_offset),
        position: placed.position,
        size: header.size(),
        crc_valid: batch::check_crc(&bytes, &header).is_ok(),
        delete_in_ms: header.delete_horizon_ms().map(|horizon| horizon.saturating_sub(segments.disk.now_ms())),
        fields: dissect::fields(&bytes).into_iter().take_while(|field| (field.at as usize) < BYTES).collect(),
        bytes: bytes.iter().take(BYTES).copied().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_follows_the_end_leaves_room_and_one_that_is_set_stays_in_the_log() {
        let lens = |first| LogLens { first, ..LogLens::default() };
        assert_eq!(first_of(&lens(None), (0, 10), 10, 30), 0);
        assert_eq!(first_of(&lens(None), (0, 100), 100, 30), 76);
        assert_eq!(first_of(&lens(None), (90, 100), 100, 30), 90);
        assert_eq!(first_of(&lens(Some(-5)), (3, 100), 100, 30), 3);
        assert_eq!(first_of(&lens(Some(500)), (3, 100), 100, 30), 100);
    }
}
