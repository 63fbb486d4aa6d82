//! The log that is measured: 200 MB, records of 102 bytes, each key twice.

use bytes::Bytes;
use cpu_time::ProcessTime;
use loglab::log::batch::BatchBuilder;
use loglab::log::{LogConfig, ReplicaLog};
use loglab::sim::disk::Disk;
use loglab::sim::random::Random;

/// Repetitions of which the median counts.
pub const MEDIAN_OF: usize = 5;
pub const NOW_MS: i64 = 1_700_000_000_000;
const LOG_BYTES: u64 = 200_000_000;
const VALUE_BYTES: usize = 80;

/// A log on a disk.
#[derive(Clone)]
pub struct Filled {
    pub disk: Disk,
    pub log: ReplicaLog,
    /// How many keys are in it, each twice.
    pub keys: u64,
}

/// Fills a compacted log and rolls it, so that all of it can be cleaned.
pub fn filled(records_per_batch: u64) -> Filled {
    let record_bytes = if records_per_batch == 1 { 161 } else { 101 };
    let keys = LOG_BYTES / record_bytes / 2;
    let mut disk = Disk::default();
    disk.set_now_ms(NOW_MS);
    let mut log = open(&mut disk, true);
    let mut random = Random::stream(1, "values", 0);
    let mut next = 0;
    while log.size_bytes() < LOG_BYTES {
        let sent = batch(next, records_per_batch, keys, &mut random);
        log.append_as_leader(&mut disk, sent, 0, NOW_MS).expect("the batch is right");
        next += records_per_batch;
    }
    log.roll(&mut disk).expect("there is room");
    let end = log.log_end_offset();
    log.update_high_watermark(&disk, end);
    Filled { disk, log, keys }
}

pub fn open(disk: &mut Disk, clean: bool) -> ReplicaLog {
    let config = LogConfig { compact: true, delete: false, min_cleanable_dirty_ratio: 0.0, ..LogConfig::default() };
    ReplicaLog::open(disk, "data/bench-0", config, clean, 0, 0).expect("the log opens")
}

/// Records from the one of this number on.
pub fn batch(first: u64, records: u64, keys: u64, random: &mut Random) -> Bytes {
    let mut builder = BatchBuilder::new();
    for number in first..first + records {
        let mut value = [0; VALUE_BYTES];
        value.chunks_exact_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.next_u64().to_be_bytes()));
        builder.record(NOW_MS, Some(format!("key{:09}", number % keys).as_bytes()), Some(&value));
    }
    builder.build()
}

/// What `work` returns, and the processor's seconds that it took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = ProcessTime::now();
    let result = work();
    (result, start.elapsed().as_secs_f64())
}

/// Prints the median of some rates; the name of batches of one ends in `_single`.
pub fn print(name: &str, records_per_batch: u64, unit: &str, mut rates: Vec<f64>) {
    rates.sort_by(f64::total_cmp);
    let suffix = if records_per_batch == 1 { "_single" } else { "" };
    println!("figure {name}{suffix} {:.1} {unit} {}", rates[rates.len() / 2], rates.len());
}
