//! A save: every file against the recorded one, and the dump of them.

use std::collections::BTreeMap;

use loglab::log::batch::{self, Body};
use serde_json::{Map, Value, json};

use super::compare::{bytes_difference, text_difference};
use super::normalise::{self, Layout, is_compressed};
use super::source::Recordings;
use super::world::World;
use super::{dumped, queries};

const CLEANER_CHECKPOINT: &str = "cleaner-offset-checkpoint";

/// What a save answers, and where the files or their dump differ from the recorded ones.
pub fn save(
    world: &mut World,
    recordings: &Recordings,
    case: &str,
    folder: &str,
    deleted: bool,
) -> (Value, Vec<String>) {
    let mut saved = copies(world, deleted);
    // The recorded dump was made of the saved files.
    let dumped = dumped::text(&mut saved);
    let fact = fact(world, folder);
    let path = format!("{case}/{folder}");
    let recorded: Files = recordings.below(&path).collect();
    let mut wrong = Vec::new();
    for (name, bytes) in &recorded {
        match saved.get(*name) {
            None => wrong.push(format!("{folder}/{name}: recorded, not here")),
            Some(here) => {
                wrong.extend(
                    difference(name, bytes, here, &recorded, &saved).map(|why| format!("{folder}/{name}: {why}")),
                );
            }
        }
    }
    let strange = saved.keys().filter(|name| !recorded.contains_key(name.as_str()));
    wrong.extend(strange.map(|name| format!("{folder}/{name}: here, not recorded")));
    wrong.extend(dump_difference(recordings, case, folder, &saved, dumped));
    (fact, wrong)
}

/// What a copy of the log directory holds, by the names that the recording gives its files.
fn copies(world: &World, deleted: bool) -> BTreeMap<String, Vec<u8>> {
    let mut copies = BTreeMap::new();
    for partition in 0..world.partitions.len() {
        let directory = world.partitions[partition].name.clone();
        for name in world.files(partition).into_keys().filter(|name| deleted || !name.ends_with(".deleted")) {
            let path = format!("{directory}/{name}");
            let bytes = world.bytes(&path).unwrap_or_default();
            copies.insert(if world.partitions.len() == 1 { name } else { path }, bytes);
        }
    }
    if let Some(bytes) = world.bytes(CLEANER_CHECKPOINT).filter(|bytes| !bytes.is_empty()) {
        copies.insert(CLEANER_CHECKPOINT.to_owned(), bytes);
    }
    copies
}

fn fact(world: &mut World, folder: &str) -> Value {
    let mut fact = Map::from_iter([("folder".to_owned(), json!(folder))]);
    let alone = world.partitions.len() == 1;
    for partition in 0..world.partitions.len() {
        let files = world.files(partition);
        let segments = match &mut world.partitions[partition].log {
            Some(log) => queries::segments(log, &mut world.disk),
            None => closed_segments(world, partition, &files),
        };
        let suffix = if alone { String::new() } else { format!(" {}", world.partitions[partition].name) };
        fact.insert(format!("files{suffix}"), json!(files));
        fact.insert(format!("segments{suffix}"), segments);
    }
    fact.into()
}

fn closed_segments(world: &World, partition: usize, files: &BTreeMap<String, u64>) -> Value {
    let directory = &world.partitions[partition].name;
    let segment = |name: &String| {
        let base: i64 = name.strip_suffix(".log")?.parse().ok()?;
        let bytes = world.bytes(&format!("{directory}/{name}"))?;
        Some(json!({ "base": base, "size": bytes.len(), "batches": queries::batches(&bytes) }))
    };
    files.keys().filter_map(segment).collect()
}

type Files<'a> = BTreeMap<&'a str, &'a [u8]>;

fn difference(
    name: &str,
    recorded: &[u8],
    here: &[u8],
    all_recorded: &Files,
    all_here: &BTreeMap<String, Vec<u8>>,
) -> Option<String> {
    let mut parts = name.rsplit('/').next().unwrap_or(name).split('.').skip(1);
    match parts.next() {
        Some("log") => log_difference(recorded, here),
        Some("index") => {
            let log = name.replacen(".index", ".log", 1);
            let positions = |bytes: &[u8], log: Option<&[u8]>| numbered(bytes, log.unwrap_or_default());
            let left = positions(recorded, all_recorded.get(log.as_str()).copied());
            let right = positions(here, all_here.get(&log).map(Vec::as_slice));
            bytes_difference(&left, &right)
        }
        Some("snapshot") => bytes_difference(&sorted_producers(recorded), &sorted_producers(here)),
        _ if name == CLEANER_CHECKPOINT => bytes_difference(&sorted_lines(recorded), &sorted_lines(here)),
        _ => bytes_difference(recorded, here),
    }
}

/// Compressed batches are equal if they hold the same; everything else must have the same bytes.
fn log_difference(recorded: &[u8], here: &[u8]) -> Option<String> {
    let (mut left, mut right) = (recorded, here);
    let mut number = 0;
    loop {
        let pair = (batch::batches(left).next(), batch::batches(right).next());
        let (Some((left_header, left_batch)), Some((right_header, right_batch))) = pair else { break };
        if !is_compressed(&left_header) || !is_compressed(&right_header) {
            if left_batch != right_batch {
                break;
            }
        } else if let Some(why) = contents_difference(left_batch, right_batch) {
            return Some(format!("batch {number}: {why}"));
        }
        (left, right) = (&left[left_batch.len()..], &right[right_batch.len()..]);
        number += 1;
    }
    bytes_difference(left, right).map(|why| format!("behind batch {number}, {why}"))
}

fn contents_difference(left: &[u8], right: &[u8]) -> Option<String> {
    match (uncompressed(left), uncompressed(right)) {
        (Some(left), Some(right)) => bytes_difference(&left, &right),
        // Of damaged contents nothing can be said; of a batch whose checksum holds they are to be read.
        (None, None) => {
            batch::validate(left).is_ok().then(|| "the checksum holds, but the records cannot be read".to_owned())
        }
        (left, right) => {
            let word = |contents: &Option<Vec<u8>>| if contents.is_some() { "valid" } else { "invalid" };
            Some(format!("{} recorded, {} here", word(&left), word(&right)))
        }
    }
}

/// A batch with its records as they are, its length and checksum blank; `None` if it is damaged.
fn uncompressed(bytes: &[u8]) -> Option<Vec<u8>> {
    batch::validate(bytes).ok()?;
    let mut out = bytes[..batch::HEADER_SIZE].to_vec();
    out[8..12].fill(0);
    out[17..21].fill(0);
    out.extend_from_slice(Body::of(bytes).ok()?.bytes());
    Some(out)
}

/// An offset index in which the positions behind a compressed batch are the numbers of their batches.
fn numbered(index: &[u8], log: &[u8]) -> Vec<u8> {
    let mut positions = BTreeMap::new();
    let (mut position, mut behind) = (0u32, false);
    for (number, (header, bytes)) in (0u32..).zip(batch::batches(log)) {
        if behind {
            positions.insert(position, number);
        }
        behind |= is_compressed(&header);
        position += bytes.len() as u32;
    }
    let mut out = index.to_vec();
    for entry in out.chunks_exact_mut(8) {
        let position = entry[4..].first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        if let Some(number) = positions.get(&position) {
            entry[4..].copy_from_slice(&number.to_be_bytes());
        }
    }
    out
}

/// A snapshot with its producers in order, its checksum made right again; one that is damaged as it is.
fn sorted_producers(bytes: &[u8]) -> Vec<u8> {
    const HEAD: usize = 10;
    const ENTRY: usize = 46;
    let mut out = bytes.to_vec();
    let stored = bytes.get(2..6).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_be_bytes(*bytes));
    let whole = bytes.len() >= HEAD && (bytes.len() - HEAD).is_multiple_of(ENTRY);
    if !whole || stored != Some(crc32c::crc32c(&bytes[6..])) {
        return out;
    }
    let mut entries: Vec<&[u8]> = bytes[HEAD..].chunks_exact(ENTRY).collect();
    entries.sort();
    out[HEAD..].copy_from_slice(&entries.concat());
    let crc = crc32c::crc32c(&out[6..]);
    out[2..6].copy_from_slice(&crc.to_be_bytes());
    out
}

fn sorted_lines(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if let Some(entries) = lines.get_mut(2..) {
        entries.sort();
    }
    lines.concat().into_bytes()
}

fn dump_difference(
    recordings: &Recordings,
    case: &str,
    folder: &str,
    saved: &BTreeMap<String, Vec<u8>>,
    dumped: Result<String, String>,
) -> Option<String> {
    let path = format!("{folder}.dump.txt");
    let Some(recorded) = recordings.get(&format!("{case}/{path}")) else {
        return Some(format!("{path} is missing in the recording"));
    };
    let layout = layout(saved);
    match dumped {
        Err(error) => Some(format!("{path}: {error}")),
        Ok(here) => {
            let recorded = normalise::dump(&String::from_utf8_lossy(recorded), &layout);
            text_difference(&recorded, &normalise::dump(&here, &layout)).map(|why| format!("{path}: {why}"))
        }
    }
}

fn layout(saved: &BTreeMap<String, Vec<u8>>) -> Layout {
    let mut layout = Layout::default();
    for (name, bytes) in saved {
        let base = name.rsplit('/').next().and_then(|name| name.strip_suffix(".log")?.parse().ok());
        if let Some(base) = base {
            layout.add(base, bytes);
        }
    }
    layout
}
