use std::collections::BTreeMap;

use super::*;
use crate::log::batch::BatchBuilder;
use crate::log::cleaner::{CleaningState, Partition};
use crate::log::{LogConfig, ReplicaLog};
use crate::sim::SECOND;

const NOW_MS: i64 = 1_700_000_000_000;

type World = BTreeMap<Partition, ReplicaLog>;

fn partition(number: i32) -> Partition {
    ("prices".to_owned(), number)
}

/// Logs of two segments each, the first cleanable: half of its records have a later one with their key.
fn world(disk: &mut Disk, partitions: i32) -> World {
    disk.set_now_ms(NOW_MS);
    let config = LogConfig { compact: true, delete: false, segment_bytes: 5_000, ..LogConfig::default() };
    let log = |number: i32| {
        let directory = format!("data/prices-{number}");
        let mut log = ReplicaLog::open(disk, &directory, config.clone(), true, 0, 0).unwrap();
        for i in 0..40 {
            let mut builder = BatchBuilder::new();
            builder.record(NOW_MS, Some(&[i % 20]), Some(&[i; 10]));
            log.append_as_leader(disk, builder.build(), 0, NOW_MS).unwrap();
        }
        log.roll(disk).unwrap();
        log.update_high_watermark(disk, 40);
        (partition(number), log)
    };
    (0..partitions).map(log).collect()
}

/// Lets threads take turns until all of them rest; what they did, and how long they waited in all.
fn run(cleaner: &mut LogCleaner, logs: &mut World, disk: &mut Disk) -> (Vec<ThreadEvent>, Time) {
    let mut events = Vec::new();
    let (mut now_us, mut resting) = (0, vec![false; cleaner.threads().len()]);
    while resting.contains(&false) {
        for (thread, resting) in resting.iter_mut().enumerate().filter(|(_, resting)| !**resting) {
            let Some((event, wait_us)) = cleaner.step(thread, logs, disk, now_us, NOW_MS) else {
                *resting = true;
                continue;
            };
            *resting = wait_us >= cleaner.config().backoff_us;
            now_us += 100 + if *resting { 0 } else { wait_us };
            events.push(event);
        }
    }
    (events, now_us)
}

/// The partitions whose cleaning was finished.
fn done(events: &[ThreadEvent]) -> Vec<&Partition> {
    let finished = |event| match event {
        &ThreadEvent::Step(ref partition, Progress::Done { .. }) => Some(partition),
        _ => None,
    };
    events.iter().filter_map(finished).collect()
}

fn cleaner(config: CleanerConfig) -> LogCleaner {
    LogCleaner::new(config, "data", 0, NOW_MS)
}

#[test]
fn a_thread_cleans_all_that_is_dirty_and_then_rests() {
    let mut disk = Disk::default();
    let mut logs = world(&mut disk, 3);
    let mut cleaner = cleaner(CleanerConfig::default());
    let (events, _) = run(&mut cleaner, &mut logs, &mut disk);
    assert_eq!(done(&events).len(), 3);
    assert_eq!(events.iter().filter(|event| **event == ThreadEvent::FoundNothing).count(), 1);
    assert_eq!(cleaner.manager().checkpoints(&disk).into_values().collect::<Vec<_>>(), [40, 40, 40]);
    let metrics = cleaner.metrics(&logs, &disk, NOW_MS + 7);
    assert_eq!((metrics.cleaner_recopy_percent, metrics.max_dirty_percent), (50, 0));
    assert_eq!((metrics.time_since_last_run_ms, metrics.dead_thread_count), (7, 0));
    assert_eq!(metrics.named()[5], ("max-dirty-percent", 0));
    let (again, _) = run(&mut cleaner, &mut logs, &mut disk);
    assert_eq!(again, [ThreadEvent::FoundNothing, ThreadEvent::RemovedSegments(0)]);
}

#[test]
fn what_is_removed_of_a_compacted_log_is_told_of_each() {
    let mut disk = Disk::default();
    let mut logs = world(&mut disk, 2);
    let (partition, log) = logs.iter_mut().next().expect("two logs");
    let (partition, from) = (partition.clone(), log.log_start_offset());
    let config = LogConfig { delete: true, retention_bytes: 0, ..log.config().clone() };
    log.set_config(config);
    let mut cleaner = cleaner(CleanerConfig::default());
    run(&mut cleaner, &mut logs, &mut disk);
    let removed = cleaner.take_removed();
    let to = logs[&partition].log_start_offset();
    assert!(to > from, "the log starts at {to}");
    assert_eq!(removed.iter().map(|it| (&it.partition, it.from, it.to)).collect::<Vec<_>>(), [(&partition, from, to)]);
    assert_eq!(cleaner.take_removed(), []);
}

#[test]
fn two_threads_never_clean_the_same_log() {
    let mut disk = Disk::default();
    let mut logs = world(&mut disk, 5);
    let mut cleaner = cleaner(CleanerConfig { threads: 2, ..CleanerConfig::default() });
    let (events, _) = run(&mut cleaner, &mut logs, &mut disk);
    let mut cleaned = done(&events);
    cleaned.sort();
    assert_eq!(cleaned, (0..5).map(partition).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(cleaner.config().buffers().map_slots, (64 << 20) / 24);
}

#[test]
fn what_cannot_be_cleaned_is_left_alone_and_the_thread_goes_on() {
    for without_kip_346 in [false, true] {
        let mut disk = Disk::default();
        let mut logs = world(&mut disk, 2);
        // The length of the first batch of both segments becomes nonsense.
        assert!(disk.flip_bit("data/prices-0/00000000000000000000.log", 8, 0x80));
        let mut cleaner = cleaner(CleanerConfig { without_kip_346, ..CleanerConfig::default() });
        let mut failed = Vec::new();
        for _ in 0..4 {
            let (events, _) = run(&mut cleaner, &mut logs, &mut disk);
            failed.extend(events.into_iter().filter(|event| matches!(event, ThreadEvent::Failed(..))));
        }
        let metrics = cleaner.metrics(&logs, &disk, NOW_MS);
        assert!(
            matches!(&failed[..], [ThreadEvent::Failed(of, CleanError::CorruptRecord { .. })] if *of == partition(0))
        );
        assert_eq!(metrics.uncleanable_partitions_count, 1);
        assert!(metrics.uncleanable_bytes > 0);
        let clean = cleaner.manager().checkpoints(&disk);
        // As Kafka does, a failed pass notes that nothing was cleaned.
        assert_eq!(clean.get(&partition(0)), Some(&0));
        let (dead, other) = if without_kip_346 { (1, None) } else { (0, Some(&40)) };
        assert!(metrics.dead_thread_count == dead && (clean.get(&partition(1)) == other || without_kip_346));
        // A partition that is deleted is forgotten.
        logs.remove(&partition(0));
        run(&mut cleaner, &mut logs, &mut disk);
        let left = cleaner.manager().uncleanable().count();
        assert_eq!(left, usize::from(without_kip_346));
    }
}

#[test]
fn a_log_of_which_nobody_can_say_how_dirty_it_is_is_left_alone_too() {
    let mut disk = Disk::default();
    let mut logs = world(&mut disk, 2);
    assert!(disk.flip_bit("data/prices-0/00000000000000000000.log", 8, 0x80));
    let config = logs[&partition(0)].config().clone();
    let mut reopened = ReplicaLog::open(&mut disk, "data/prices-0", config, true, 40, 0).unwrap();
    reopened.update_high_watermark(&disk, 40);
    logs.insert(partition(0), reopened);
    let mut cleaner = cleaner(CleanerConfig::default());
    let failed = CleanError::CorruptRecord { base_offset: 0, position: 0 };
    let mut events = Vec::new();
    for _ in 0..3 {
        events.extend(run(&mut cleaner, &mut logs, &mut disk).0);
    }
    assert!(events.contains(&ThreadEvent::Failed(partition(0), failed)));
    let clean = cleaner.manager().checkpoints(&disk);
    assert_eq!((clean.get(&partition(0)), clean.get(&partition(1))), (None, Some(&40)));
}

#[test]
fn the_rate_of_reading_and_writing_is_kept() {
    let mut disk = Disk::default();
    let mut logs = world(&mut disk, 8);
    // Some 8 logs of 3 kB are read twice and half of each is written: 60 kB at 20 kB a second.
    let mut slow = cleaner(CleanerConfig {
        io_max_bytes_per_second: 20_000.0,
        io_buffer_bytes: 1_000,
        ..CleanerConfig::default()
    });
    // The throttle looks at its rate when 300 ms have passed.
    let mut now_us = 0;
    let mut waited_us = 0;
    while let Some((event, wait_us)) = slow.step(0, &mut logs, &mut disk, now_us, NOW_MS) {
        if event == ThreadEvent::FoundNothing {
            break;
        }
        now_us += wait_us + 5_000;
        waited_us += wait_us;
    }
    assert!((2 * SECOND..4 * SECOND).contains(&now_us), "took {now_us} us, {waited_us} of them waiting");
}

#[test]
fn a_log_that_is_cut_is_not_cleaned_meanwhile_nor_clean_behind_the_cut() {
    let mut disk = Disk::default();
    let mut logs = world(&mut disk, 1);
    let mut cleaner = cleaner(CleanerConfig::default());
    // In the middle of the pass.
    while !matches!(
        cleaner.step(0, &mut logs, &mut disk, 0, NOW_MS),
        Some((ThreadEvent::Step(_, Progress::Began { .. }), _))
    ) {}
    let of = partition(0);
    cleaner.abort_and_pause(&mut logs, &mut disk, &of);
    assert_eq!(cleaner.manager().state(&of), Some(CleaningState::Paused(1)));
    assert!(!disk.list("data/prices-0/").any(|path| path.ends_with(".cleaned")));
    logs.get_mut(&of).unwrap().truncate_to(&mut disk, 30).unwrap();
    assert!(done(&run(&mut cleaner, &mut logs, &mut disk).0).is_empty());
    cleaner.manager().maybe_truncate_checkpoint(&logs, &mut disk, &of, 30);
    cleaner.resume(&of);
    assert_eq!(cleaner.manager().state(&of), None);
    let log = logs.get_mut(&of).unwrap();
    log.roll(&mut disk).unwrap();
    log.update_high_watermark(&disk, 30);
    assert_eq!(done(&run(&mut cleaner, &mut logs, &mut disk).0).len(), 1);
    assert_eq!(cleaner.manager().checkpoints(&disk).get(&of), Some(&30));
    // Behind the cut nothing is clean.
    logs.get_mut(&of).unwrap().truncate_to(&mut disk, 10).unwrap();
    cleaner.manager().maybe_truncate_checkpoint(&logs, &mut disk, &of, 10);
    assert_eq!(cleaner.manager().checkpoints(&disk).get(&of), Some(&10));
}

#[test]
fn a_full_disk_stops_the_pass_and_the_log_stays_as_it_is() {
    let mut disk = Disk::default();
    let mut logs = world(&mut disk, 1);
    let size = logs[&partition(0)].size_bytes();
    disk.set_capacity(disk.used() + 100);
    let mut cleaner = cleaner(CleanerConfig::default());
    let (events, _) = run(&mut cleaner, &mut logs, &mut disk);
    assert!(events.iter().any(|event| matches!(event, ThreadEvent::Failed(_, CleanError::Disk(_)))));
    assert_eq!(logs[&partition(0)].size_bytes(), size);
    disk.set_capacity(u64::MAX);
    let (events, _) = run(&mut cleaner, &mut logs, &mut disk);
    assert_eq!(done(&events).len(), 1, "{events:?}");
}
