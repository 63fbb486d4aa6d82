//! Reads every record, dumps the log as text and as JSON, and recovers it after a kill.

use std::hint::black_box;
use std::io;

use loglab::log::batch;
use loglab::log::dump::{Dump, DumpFile, Line, Options, json, text};
use loglab::log::source::DiskFolder;

use crate::data::{self, Filled, MEDIAN_OF};

/// A consumer's `max.partition.fetch.bytes`.
const FETCH_BYTES: u32 = 1 << 20;
const DUMPED_BYTES: i32 = 50_000_000;

pub fn figures(records_per_batch: u64) {
    let filled = data::filled(records_per_batch);
    let megabytes = filled.log.size_bytes() as f64 / 1e6;
    let rates = |seconds: &dyn Fn() -> f64, megabytes: f64| (0..MEDIAN_OF).map(|_| megabytes / seconds()).collect();
    data::print("scan_mb_per_s", records_per_batch, "MB/s", rates(&|| scan(&filled), megabytes));
    let dumped = f64::from(DUMPED_BYTES) / 1e6;
    data::print("dump_mb_per_s", records_per_batch, "MB/s", rates(&|| dump(&filled, text::write), dumped));
    data::print("dump_json_mb_per_s", records_per_batch, "MB/s", rates(&|| dump(&filled, json::write), dumped));
    data::print("recovery_mb_per_s", records_per_batch, "MB/s", rates(&|| recover(&filled), megabytes));
}

/// Reads as a consumer does: checks each batch and looks at each record.
fn scan(filled: &Filled) -> f64 {
    let Filled { disk, log, .. } = filled;
    let ((), seconds) = data::timed(|| {
        let (mut at, mut key_bytes) = (0, 0);
        while at < log.log_end_offset() {
            let data = log.read(disk, at, FETCH_BYTES, log.log_end_offset(), true).expect("within the log");
            for (header, bytes) in batch::batches(&data.bytes) {
                batch::check_crc(bytes, &header).expect("the batch is whole");
                for record in batch::records(bytes).expect("the batch is not compressed") {
                    key_bytes += record.expect("the record is whole").key.map_or(0, <[u8]>::len);
                }
                at = header.next_offset();
            }
        }
        black_box(key_bytes);
    });
    seconds
}

/// As `loglab log dump` does, into a buffer that is thrown away now and then.
fn dump(filled: &Filled, write: fn(&Line<'_>, &mut Vec<u8>)) -> f64 {
    let folder = DiskFolder::new(&filled.disk, filled.log.directory());
    let name = "00000000000000000000.log";
    let options = Options { print_data_log: true, max_bytes: DUMPED_BYTES, ..Options::default() };
    let mut out = Vec::new();
    let mut listener = |line: &Line<'_>| {
        write(line, &mut out);
        if out.len() > 1 << 16 {
            black_box(&out);
            out.clear();
        }
        io::Result::Ok(())
    };
    let file = DumpFile { folder: &folder, name, path: name, directory: "" };
    let (result, seconds) = data::timed(|| Dump::new(options, &mut listener).file(&file));
    result.expect("the log is whole");
    seconds
}

/// Opens the log after a kill, with the recovery point at its start: every batch is read and checked, and the indexes are
/// built again.
fn recover(filled: &Filled) -> f64 {
    let mut disk = filled.disk.clone();
    let (log, seconds) = data::timed(|| data::open(&mut disk, false));
    assert_eq!(log.log_end_offset(), filled.log.log_end_offset());
    seconds
}
