//! Figures of one replica's log, one a line: `figure NAME VALUE UNIT MEDIAN_OF`. `cargo xtask bench` gathers them.

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
#[allow(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
fn main() {
    append::figures();
    clean::figures();
    recovery::figures();
}

/// Appends as leader: records of 102 bytes, in batches of one and of a hundred, 200 MB of them.
#[cfg(not(target_family = "wasm"))]
#[allow(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
mod append {
    use std::time::Instant;

    use bytes::Bytes;
    use loglab::log::batch::BatchBuilder;
    use loglab::log::{LogConfig, ReplicaLog};
    use loglab::sim::disk::Disk;

    const NOW_MS: i64 = 1_700_000_000_000;
    const TOTAL_BYTES: usize = 200_000_000;
    /// So many different batches are appended again and again.
    const BATCHES: usize = 64;
    pub const MEDIAN_OF: usize = 5;

    pub fn figures() {
        for (name, records) in [("append_records_per_s", 100), ("append_records_per_s_single", 1)] {
            let mut rates: Vec<f64> = (0..MEDIAN_OF).map(|_| records_per_second(records)).collect();
            rates.sort_by(f64::total_cmp);
            println!("figure {name} {:.0} 1/s {MEDIAN_OF}", rates[MEDIAN_OF / 2]);
        }
    }

    fn records_per_second(records_per_batch: usize) -> f64 {
        let (_, log, seconds) = filled(records_per_batch);
        log.log_end_offset() as f64 / seconds
    }

    /// A log of that many bytes, and how long it took to append them.
    pub fn filled(records_per_batch: usize) -> (Disk, ReplicaLog, f64) {
        let pool: Vec<Bytes> = (0..BATCHES).map(|i| batch(i, records_per_batch)).collect();
        let appends = TOTAL_BYTES / pool[0].len();
        let mut disk = Disk::default();
        disk.set_now_ms(NOW_MS);
        let mut log = open(&mut disk, true);
        let start = Instant::now();
        for i in 0..appends {
            let sent = pool[i % BATCHES].clone();
            log.append_as_leader(&mut disk, sent, 0, NOW_MS).expect("the batch is right");
        }
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(log.log_end_offset(), (appends * records_per_batch) as i64);
        (disk, log, seconds)
    }

    pub fn open(disk: &mut Disk, clean: bool) -> ReplicaLog {
        ReplicaLog::open(disk, "data/bench-0", LogConfig::default(), clean, 0, 0).expect("the log opens")
    }

    fn batch(number: usize, records: usize) -> Bytes {
        let mut builder = BatchBuilder::new();
        for i in 0..records {
            let key = format!("key{:09}", (number * records + i) * 7_919 % 1_000_000_007);
            builder.record(NOW_MS, Some(key.as_bytes()), Some(&[number as u8; 80]));
        }
        builder.build()
    }
}

/// Opens such logs after a kill with the recovery point at their start: every batch is read and checked, and the indexes
/// are built again.
#[cfg(not(target_family = "wasm"))]
#[allow(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
mod recovery {
    use std::time::Instant;

    use super::append::{MEDIAN_OF, filled, open};

    pub fn figures() {
        for (name, records) in [("recovery_mb_per_s", 100), ("recovery_mb_per_s_single", 1)] {
            let (killed, log, _) = filled(records);
            let mut rates: Vec<f64> = (0..MEDIAN_OF)
                .map(|_| {
                    let mut disk = killed.clone();
                    let start = Instant::now();
                    let recovered = open(&mut disk, false);
                    let seconds = start.elapsed().as_secs_f64();
                    assert_eq!(recovered.log_end_offset(), log.log_end_offset());
                    log.size_bytes() as f64 / 1e6 / seconds
                })
                .collect();
            rates.sort_by(f64::total_cmp);
            println!("figure {name} {:.0} MB/s {MEDIAN_OF}", rates[MEDIAN_OF / 2]);
        }
    }
}

/// Cleans 200 MB of records of 102 bytes, in batches of a hundred and of one: every key is there twice, half is kept.
#[cfg(not(target_family = "wasm"))]
#[allow(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
mod clean {
    use std::time::Instant;

    use loglab::log::batch::BatchBuilder;
    use loglab::log::cleaner::{CleanerConfig, CleaningPass, LogToClean};
    use loglab::log::{LogConfig, ReplicaLog};
    use loglab::sim::disk::Disk;

    const NOW_MS: i64 = 1_700_000_000_000;
    const TOTAL_BYTES: u64 = 200_000_000;
    const MEDIAN_OF: usize = 5;

    pub fn figures() {
        for (name, records, bytes_each) in [("clean_mb_per_s", 100, 102), ("clean_mb_per_s_single", 1, 162)] {
            let keys = TOTAL_BYTES / bytes_each / 2;
            let mut rates: Vec<f64> = (0..MEDIAN_OF).map(|_| mb_per_second(records, keys)).collect();
            rates.sort_by(f64::total_cmp);
            println!("figure {name} {:.1} MB/s {MEDIAN_OF}", rates[MEDIAN_OF / 2]);
        }
    }

    fn mb_per_second(records_per_batch: u64, keys: u64) -> f64 {
        let mut disk = Disk::default();
        disk.set_now_ms(NOW_MS);
        let config = LogConfig { compact: true, delete: false, min_cleanable_dirty_ratio: 0.0, ..LogConfig::default() };
        let mut log = ReplicaLog::open(&mut disk, "data/bench-0", config, true, 0, 0).expect("an empty log opens");
        let mut records = 0;
        while log.size_bytes() < TOTAL_BYTES {
            let mut builder = BatchBuilder::new();
            for i in records..records + records_per_batch {
                let key = format!("key{:09}", i * 7_919 % keys);
                builder.record(NOW_MS, Some(key.as_bytes()), Some(&[i as u8; 80]));
            }
            log.append_as_leader(&mut disk, builder.build(), 0, NOW_MS).expect("the batch is right");
            records += records_per_batch;
        }
        log.roll(&mut disk).expect("there is room");
        let (end, bytes) = (log.log_end_offset(), log.size_bytes());
        log.update_high_watermark(&disk, end);
        let target = LogToClean::of(&("bench".to_owned(), 0), &log, 0, end, false);
        let buffers = CleanerConfig::default().buffers();
        let start = Instant::now();
        let mut pass = CleaningPass::new(&log, &disk, &target, buffers, NOW_MS, 0).expect("the log is whole");
        pass.run(&mut log, &mut disk, 0).expect("the log is whole");
        let seconds = start.elapsed().as_secs_f64();
        let kept = pass.stats().messages_written;
        assert!(kept.abs_diff(keys) < records_per_batch + keys / 50, "{kept} of {keys} keys are kept");
        bytes as f64 / 1e6 / seconds
    }
}
