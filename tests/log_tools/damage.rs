//! Any damage: nothing panics, and what a checksum covers is found.

use loglab::log::dump::{Dump, DumpFile, Halt, Line, Options, json, text};
use proptest::prelude::*;
use proptest::sample::Index;

use super::cases::cases;
use super::folders::{self, Files, Recorded};

const SUFFIXES: [&str; 6] = ["log", "index", "timeindex", "txnindex", "snapshot", "checkpoint"];

/// One thing that happens to a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index),
    /// A number, as fields of four bytes hold it.
    Number(Index, i32),
    Append(Vec<u8>),
    Insert(Index, u8),
    Remove(Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let number = prop_oneof![any::<i32>(), Just(-1), Just(0), Just(14), Just(49), Just(i32::MAX), Just(i32::MIN)];
    prop_oneof![
        6 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => any::<Index>().prop_map(Damage::Cut),
        3 => (any::<Index>(), number).prop_map(|(at, number)| Damage::Number(at, number)),
        1 => proptest::collection::vec(any::<u8>(), 1..200).prop_map(Damage::Append),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        1 => any::<Index>().prop_map(Damage::Remove),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if let Damage::Append(tail) = damage {
        return bytes.extend_from_slice(tail);
    }
    if bytes.is_empty() {
        return;
    }
    match damage {
        Damage::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Cut(at) => {
            let at = at.index(bytes.len());
            bytes.truncate(at);
        }
        Damage::Number(at, number) => {
            let start = at.index(bytes.len());
            let end = bytes.len().min(start + 4);
            bytes[start..end].copy_from_slice(&number.to_be_bytes()[..end - start]);
        }
        Damage::Append(_) => {}
        Damage::Insert(at, byte) => {
            let at = at.index(bytes.len());
            bytes.insert(at, *byte);
        }
        Damage::Remove(at) => {
            let at = at.index(bytes.len());
            bytes.remove(at);
        }
    }
}

/// All that the dump can be asked of each file, in both forms.
fn dump_all(files: &Files) {
    let data = Options { print_data_log: true, ..Options::default() };
    let all_options = [
        data.clone(),
        Options { index_sanity_check: true, ..Options::default() },
        Options { verify_index_only: true, deep_iteration: true, max_message_size: 40, max_bytes: 100, ..data.clone() },
        Options { skip_record_metadata: true, ..data },
    ];
    let mut out = Vec::new();
    for options in all_options {
        let mut listener = |line: &Line<'_>| {
            out.clear();
            text::write(line, &mut out);
            json::write(line, &mut out);
            Ok(())
        };
        let mut dump = Dump::new(options, &mut listener);
        for name in files.keys() {
            let file = DumpFile { folder: files, name, path: name, directory: "" };
            let done = dump.file(&file);
            assert!(matches!(done, Ok(()) | Err(Halt::Thrown(_))), "{name}: {done:?}");
        }
        dump.finish().expect("the listener takes all");
    }
}

fn examine(files: &Files) {
    for directory in folders::directories(files).values() {
        dump_all(directory);
    }
    folders::verify(files);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn random_bytes_do_not_panic(contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 6)) {
        let name = |suffix: &&str| format!("{:020}.{suffix}", 3);
        examine(&SUFFIXES.iter().map(name).zip(contents).collect());
    }
}

#[test]
fn damaged_files_do_not_panic() {
    let recorded = folders::all();
    let mut runner = proptest::test_runner::TestRunner::new(cases(1_024));
    let strategy = (any::<Index>(), proptest::collection::vec((any::<Index>(), damage()), 1..4));
    let done = runner.run(&strategy, |(folder, damages)| {
        let mut files = recorded[folder.index(recorded.len())].files.clone();
        for (file, damage) in &damages {
            let at = file.index(files.len());
            if let Some(bytes) = files.values_mut().nth(at) {
                apply(bytes, damage);
            }
        }
        examine(&files);
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

/// Behind the first 21 bytes of a batch the checksum covers all.
#[test]
fn a_flipped_bit_under_a_checksum_is_found_in_its_batch() {
    let recorded: Vec<Recorded> = folders::all().into_iter().filter(|folder| !folder.is_edited).collect();
    let mut places = Vec::new();
    for (i, folder) in recorded.iter().enumerate() {
        for (name, bytes) in &folder.files {
            if name.ends_with(".log") {
                places.extend(batches(bytes).map(|(at, size)| (i, name.clone(), at, at + 21..at + size)));
            } else if name.ends_with(".snapshot") && !bytes.is_empty() {
                places.push((i, name.clone(), 0, 0..bytes.len()));
            }
        }
    }
    let mut runner = proptest::test_runner::TestRunner::new(cases(512));
    let done = runner.run(&(any::<Index>(), any::<Index>(), 0..8u8), |(place, at, bit)| {
        let (folder, name, start, range) = &places[place.index(places.len())];
        let mut files = recorded[*folder].files.clone();
        let bytes = files.get_mut(name).expect("the file is there");
        bytes[range.start + at.index(range.len())] ^= 1 << bit;
        let findings = folders::verify(&files).findings;
        let found = findings.iter().any(|finding| {
            finding.file == *name && finding.at.is_none_or(|at| (*start as u64..range.end as u64).contains(&at))
        });
        prop_assert!(found, "{} of {}: {findings:?}", name, recorded[*folder].path);
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

/// Place and size of each batch.
fn batches(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = bytes.get(at + 8..at + 12)?;
        let size = 12 + i32::from_be_bytes(length.try_into().ok()?) as usize;
        bytes.get(at..at + size)?;
        at += size;
        Some((at - size, size))
    })
}
