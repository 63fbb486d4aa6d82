//! The log directory of a running broker: every file is parsed, agrees with the others and has the same bytes when it is
//! written again.

use std::collections::BTreeMap;

use bytes::Bytes;
use loglab::log::batch::{self, BatchBuilder, BatchHeader, Body};
use loglab::log::checkpoints::{self, MetaProperties};
use loglab::log::epochs::LeaderEpochs;
use loglab::log::index::{Entry, Index, OffsetEntry, OffsetIndex, TimeEntry, TimeIndex};
use loglab::log::partition_metadata;
use loglab::log::producers::Producers;
use loglab::log::txn_index::TransactionIndex;
use loglab::log::{LogConfig, ReplicaLog};
use loglab::sim::disk::Disk;

use super::compare::bytes_difference;
use super::source::Recordings;

/// In each recorded state of the broker: the sizes and names of all files of its log directory.
pub const FILES: &str = "files.txt";
/// The recording's name of a file that begins with a dot.
const CLEAN_SHUTDOWN: &str = "dot-kafka_cleanshutdown";
const DIRECTORY: &str = "data";

/// What is wrong with the state of a log directory at `path`.
pub fn run(recordings: &Recordings, path: &str) -> Result<Vec<String>, String> {
    let files: BTreeMap<&str, &[u8]> = recordings.below(path).collect();
    let mut state = State { files: &files, disk: disk_of(&files)?, wrong: Vec::new() };
    state.check_sizes();
    for (name, bytes) in &files {
        let again = state.written_again(name, bytes)?;
        if let Some(again) = again {
            state.wrong.extend(bytes_difference(bytes, &again).map(|why| format!("{name} written again: {why}")));
        }
    }
    for directory in partitions(&files) {
        state.check_partition(&directory)?;
    }
    Ok(state.wrong)
}

/// The directories of partitions.
fn partitions(files: &BTreeMap<&str, &[u8]>) -> Vec<String> {
    let mut directories: Vec<String> =
        files.keys().filter_map(|name| Some(name.split_once('/')?.0.to_owned())).collect();
    directories.dedup();
    directories
}

fn disk_of(files: &BTreeMap<&str, &[u8]>) -> Result<Disk, String> {
    let mut disk = Disk::default();
    for (name, bytes) in files {
        let name = if *name == CLEAN_SHUTDOWN { checkpoints::CLEAN_SHUTDOWN } else { name };
        let file = disk.create(&format!("{DIRECTORY}/{name}")).map_err(|error| error.to_string())?;
        disk.append(file, Bytes::copy_from_slice(bytes)).map_err(|error| error.to_string())?;
    }
    Ok(disk)
}

struct State<'a> {
    files: &'a BTreeMap<&'a str, &'a [u8]>,
    disk: Disk,
    wrong: Vec<String>,
}

impl State<'_> {
    /// The recorded list tells the size of each file that was there.
    fn check_sizes(&mut self) {
        let list = String::from_utf8_lossy(self.files.get(FILES).copied().unwrap_or_default()).into_owned();
        for line in list.lines().filter(|line| !line.is_empty()) {
            let Some((size, name)) = line.split_once(' ') else {
                self.wrong.push(format!("{FILES}: {line:?} is no size and name"));
                continue;
            };
            let recorded = if name == checkpoints::CLEAN_SHUTDOWN { CLEAN_SHUTDOWN } else { name };
            if let Some(bytes) = self.files.get(recorded)
                && size.parse() != Ok(bytes.len())
            {
                self.wrong.push(format!("{name} has {} bytes, not {size}", bytes.len()));
            }
        }
    }

    /// A file as it is written from what was parsed; `None` for what people wrote.
    fn written_again(&mut self, name: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let path = format!("{DIRECTORY}/{name}");
        let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
        let mut scratch = Disk::default();
        let malformed = |why: String| format!("{name}: {why}");
        let text = || String::from_utf8(bytes.to_vec()).map_err(|error| malformed(error.to_string()));
        match file {
            FILES | "folders.txt" | "offsets.txt" => return Ok(None),
            checkpoints::RECOVERY_POINTS
            | checkpoints::HIGH_WATERMARKS
            | checkpoints::LOG_STARTS
            | "cleaner-offset-checkpoint" => {
                let offsets = checkpoints::read_offsets(&self.disk, &path).map_err(|error| error.to_string())?;
                if bytes.is_empty() {
                    // Kafka makes the file before it has anything to note.
                    return Ok(offsets.is_empty().then(Vec::new));
                }
                let entries = in_order_of(&text()?, &offsets);
                let entries = entries.iter().map(|(topic, partition, offset)| (topic.as_str(), *partition, *offset));
                checkpoints::write_offsets(&mut scratch, "again", entries).map_err(|error| error.to_string())?;
            }
            checkpoints::META_PROPERTIES => {
                let read = MetaProperties::read(&self.disk, DIRECTORY).map_err(|error| error.to_string())?;
                let meta = read.ok_or_else(|| malformed("nothing is in it".to_owned()))?;
                meta.write(&mut scratch, "again").map_err(|error| error.to_string())?;
                let again = checkpoints::text(&scratch, "again/meta.properties").ok().flatten().unwrap_or_default();
                // The lines that begin with # tell when it was written.
                return Ok(Some(with_comments_of(&text()?, &again)));
            }
            partition_metadata::PARTITION_METADATA => {
                let directory = format!("{DIRECTORY}/{directory}");
                let id = partition_metadata::read(&self.disk, &directory).map_err(|error| error.to_string())?;
                let id = id.ok_or_else(|| malformed("nothing is in it".to_owned()))?;
                partition_metadata::write(&mut scratch, "again", id).map_err(|error| error.to_string())?;
                return Ok(contents(&scratch, "again/partition.metadata"));
            }
            CLEAN_SHUTDOWN => {
                let epoch = checkpoints::read_clean_shutdown(&self.disk, DIRECTORY);
                let epoch = epoch.filter(|&epoch| epoch >= 0).ok_or_else(|| malformed("no broker epoch".to_owned()))?;
                checkpoints::write_clean_shutdown(&mut scratch, "again", epoch).map_err(|error| error.to_string())?;
                return Ok(contents(&scratch, &format!("again/{}", checkpoints::CLEAN_SHUTDOWN)));
            }
            "leader-epoch-checkpoint" => {
                let epochs = LeaderEpochs::decode(&text()?).map_err(|error| malformed(error.to_string()))?;
                return Ok(Some(if bytes.is_empty() { Vec::new() } else { epochs.encode().into_bytes() }));
            }
            _ => return self.binary_again(&path, file, bytes).map(Some).map_err(malformed),
        }
        Ok(contents(&scratch, "again"))
    }

    fn binary_again(&self, path: &str, name: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
        let (base, extension) = name.split_once('.').unwrap_or_default();
        // The metadata's own files have other names; of theirs no index is kept.
        let base: i64 = base.parse().unwrap_or_default();
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut scratch = Disk::default();
        match extension {
            "log" | "checkpoint" => return batches_again(bytes),
            "index" => {
                let mut again = OffsetIndex::find(&scratch, "again", base, size);
                again.open(&mut scratch, || "again".to_owned()).map_err(|error| error.to_string())?;
                for (offset, at) in entries::<OffsetEntry>(&self.disk, path, base) {
                    again.append(&mut scratch, offset, at).map_err(|error| error.to_string())?;
                }
            }
            "timeindex" => {
                let mut again = TimeIndex::find(&scratch, "again", base, size);
                again.open(&mut scratch, || "again".to_owned()).map_err(|error| error.to_string())?;
                for entry in entries::<TimeEntry>(&self.disk, path, base) {
                    again.maybe_append(&mut scratch, entry, true).map_err(|error| error.to_string())?;
                }
            }
            "txnindex" => {
                let mut again = TransactionIndex::open(&scratch, "again");
                for aborted in TransactionIndex::open(&self.disk, path).entries(&self.disk) {
                    let aborted = aborted.map_err(|error| error.to_string())?;
                    again.append(&mut scratch, "again", &aborted).map_err(|error| error.to_string())?;
                }
            }
            "snapshot" => {
                let entries = Producers::decode(bytes).map_err(|_| "it is corrupt".to_owned())?;
                return Ok(Producers::of(entries).encode().into());
            }
            _ => return Err("no file of this kind is known".to_owned()),
        }
        Ok(contents(&scratch, "again").unwrap_or_default())
    }

    /// A partition opens as it lies there, and its files agree.
    fn check_partition(&mut self, directory: &str) -> Result<(), String> {
        let Some((topic, number)) = directory.rsplit_once('-') else { return Ok(()) };
        let number: i32 = number.parse().map_err(|_| format!("{directory} is no partition"))?;
        let offset_in = |file: &str| {
            let offsets = checkpoints::read_offsets(&self.disk, &format!("{DIRECTORY}/{file}")).ok()?;
            offsets.get(&(topic.to_owned(), number)).copied()
        };
        let known =
            [checkpoints::LOG_STARTS, checkpoints::HIGH_WATERMARKS, checkpoints::RECOVERY_POINTS].map(offset_in);
        let [log_start, high_watermark, recovery_point] = known;
        let mut disk = self.disk.clone();
        let clean = self.files.contains_key(CLEAN_SHUTDOWN);
        let place = format!("{DIRECTORY}/{directory}");
        let start = log_start.unwrap_or(0);
        let point = recovery_point.unwrap_or(0);
        let opened = ReplicaLog::open(&mut disk, &place, LogConfig::default(), clean, point, start);
        let log = opened.map_err(|error| format!("{directory}: {error}"))?;
        let end = log.log_end_offset();
        for (what, offset) in
            [("high watermark", high_watermark), ("recovery point", recovery_point), ("start", log_start)]
        {
            if offset.is_some_and(|offset| offset > end) {
                self.wrong.push(format!("{directory}: the checkpoint's {what} {offset:?} lies behind the end {end}"));
            }
        }
        let mut next = 0;
        for stored in log.batches(&disk, 0) {
            if stored.header.base_offset < next {
                self.wrong.push(format!("{directory}: batch {} overlaps", stored.header.base_offset));
            }
            next = stored.header.next_offset();
            // The epochs of records that were deleted and came back with a kill stay unknown.
            let known = log.epochs().epoch_for_offset(stored.header.base_offset);
            if known.is_some_and(|epoch| epoch != stored.header.partition_leader_epoch) {
                self.wrong.push(format!("{directory}: batch {} is of another epoch", stored.header.base_offset));
            }
        }
        if next != end {
            self.wrong.push(format!("{directory}: the batches end at {next}, the log at {end}"));
        }
        self.check_indexes(directory);
        self.check_listed_offsets(&log, topic, number);
        Ok(())
    }

    /// Every index entry points at a batch that ends with its offset, or has its largest timestamp.
    fn check_indexes(&mut self, directory: &str) {
        let logs = self.files.iter().filter(|(name, _)| name.starts_with(directory) && name.ends_with(".log"));
        for (name, bytes) in logs {
            let stem = name.trim_end_matches(".log");
            let base: i64 = stem.rsplit('/').next().and_then(|base| base.parse().ok()).unwrap_or_default();
            let mut position = 0;
            let mut batches = Vec::new();
            for (header, whole) in batch::batches(bytes) {
                batches.push((position, header));
                position += whole.len() as i64;
            }
            for (offset, at) in entries::<OffsetEntry>(&self.disk, &format!("{DIRECTORY}/{stem}.index"), base) {
                let at = i64::from(at);
                if !batches.iter().any(|(position, header)| *position == at && header.last_offset() == offset) {
                    self.wrong.push(format!("{stem}: the index has no batch for {offset} at {at}"));
                }
            }
            for (timestamp, offset) in entries::<TimeEntry>(&self.disk, &format!("{DIRECTORY}/{stem}.timeindex"), base)
            {
                let known = |header: &BatchHeader| header.last_offset() == offset && header.max_timestamp == timestamp;
                if !batches.iter().any(|(_, header)| known(header)) {
                    self.wrong.push(format!("{stem}: the time index has no batch for {timestamp} at {offset}"));
                }
            }
        }
    }

    /// What the broker's own tool told of the partition.
    fn check_listed_offsets(&mut self, log: &ReplicaLog, topic: &str, number: i32) {
        let Some(text) = self.files.get("offsets.txt") else { return };
        let text = String::from_utf8_lossy(text).into_owned();
        let wanted = format!("{topic} [{number}] offset ");
        let mut of = "";
        for line in text.lines() {
            let Some(offset) = line.strip_prefix(&wanted).and_then(|offset| offset.parse::<i64>().ok()) else {
                of = line;
                continue;
            };
            // A start that DeleteRecords moved is noted later than it is told.
            let agrees = match of {
                "latest" => offset == log.log_end_offset(),
                "earliest" => offset >= log.log_start_offset() && offset <= log.log_end_offset(),
                _ => false,
            };
            if !agrees {
                self.wrong.push(format!("offsets.txt: {of} {offset} of {topic}-{number}"));
            }
        }
    }
}

fn contents(disk: &Disk, path: &str) -> Option<Vec<u8>> {
    Some(disk.read(disk.open(path)?, 0, u32::MAX).into())
}

/// The entries in the order of the file: that of a hash table.
fn in_order_of(text: &str, offsets: &BTreeMap<(String, i32), i64>) -> Vec<(String, i32, i64)> {
    let place = |(topic, partition): &(String, i32)| {
        let line = format!("{topic} {partition} ");
        text.lines().position(|known| known.starts_with(&line))
    };
    let mut entries: Vec<_> = offsets.iter().collect();
    entries.sort_by_key(|(key, _)| place(key));
    entries.into_iter().map(|((topic, partition), &offset)| (topic.clone(), *partition, offset)).collect()
}

/// The lines of `again` below the comments of `recorded`.
fn with_comments_of(recorded: &str, again: &str) -> Vec<u8> {
    let is_comment = |line: &&str| line.starts_with('#');
    let comments = recorded.split_inclusive('\n').filter(is_comment);
    let lines = again.split_inclusive('\n').filter(|line| !is_comment(line));
    comments.chain(lines).collect::<String>().into_bytes()
}

/// The entries of an index file; the zeros that an open log keeps behind them are none.
fn entries<E: Entry<Value: PartialEq>>(disk: &Disk, path: &str, base_offset: i64) -> Vec<E::Value> {
    let index = Index::<E>::find(disk, path, base_offset, 0);
    let zeros = E::decode(base_offset, &[]);
    (0..index.count()).map(|i| index.get(disk, i)).take_while(|entry| *entry != zeros).collect()
}

/// Every batch is valid and is built again from its records.
fn batches_again(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    for (header, whole) in batch::batches(bytes) {
        batch::validate(whole).map_err(|error| format!("batch {}: {error}", header.base_offset))?;
        let body = Body::of(whole).map_err(|error| error.to_string())?;
        let mut builder = BatchBuilder::new()
            .at(header.base_offset, header.partition_leader_epoch)
            .producer(header.producer_id, header.producer_epoch, header.base_sequence)
            .compression(header.compression().map_err(|error| error.to_string())?);
        if header.is_transactional() {
            builder = builder.transactional();
        }
        if header.is_control() {
            builder = builder.control();
        }
        if header.is_log_append_time() {
            builder = builder.log_append_time(header.max_timestamp);
        }
        for record in body.records().map_err(|error| error.to_string())? {
            let record = record.map_err(|error| error.to_string())?;
            let headers: Vec<_> = record.headers().collect();
            builder.record_with_headers(record.timestamp, record.key, record.value, &headers);
        }
        out.extend_from_slice(&builder.build());
    }
    Ok(out)
}
