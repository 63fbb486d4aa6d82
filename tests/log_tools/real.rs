//! Directories of real brokers, from 0.10 to 4.3: `log verify` says of them what Apache Kafka 4.3.1 does with them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use loglab::log::source::Folder;
use loglab::log::verify::{self, Report};
use serde_json::{Value, json};

use super::folders::{self, Files};

/// Small directories, each of one kind, beside what was asked of a real broker.
const FOLDERS: &str = "tests/real-files";

/// What is found in each folder: a file, and words about it. A broker takes the others in silence.
const FOUND: [(&str, &[(&str, &str)]); 6] = [
    ("cleanshutdown-empty", &[]),
    ("magic1-tail", &[]),
    ("meta-v0", &[]),
    ("partmeta-missing", &[("txn-0/partition.metadata", "renames the directory to -stray")]),
    ("quorum-empty", &[("__cluster_metadata-0/quorum-state", "a node does not start with it")]),
    ("timeindex-old", &[]),
];

#[test]
fn a_folder_is_damaged_where_a_broker_refuses_it() {
    for (folder, expected) in FOUND {
        let files = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDERS).join(folder));
        let report = verify(&Tree::of(&files));
        assert!(report.files > 0, "{folder}");
        let found: Vec<(&str, &str)> = report.findings.iter().map(|it| (it.file.as_str(), it.about.as_str())).collect();
        assert_eq!(found.len(), expected.len(), "{folder}: {found:?}");
        for ((file, about), (expected_file, words)) in found.iter().zip(expected) {
            assert!(file == expected_file && about.contains(words), "{folder}: {file}: {about}");
        }
    }
}

/// A broker's directory was changed in many ways, one at a time, and a broker started with each.
#[test]
fn a_changed_directory_is_damaged_where_a_broker_refuses_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDERS);
    let asked: Value = serde_json::from_slice(&fs::read(root.join("asked.json")).expect("it is there")).expect("JSON");
    let base = base(&root.join("base.tar.gz"));
    let mut wrong = Vec::new();
    for case in asked.as_array().expect("a list") {
        let mut tree = Tree::of(&base);
        for edit in case["edits"].as_array().expect("edits") {
            tree.edit(edit);
        }
        let report = verify(&tree);
        let is_right = match case["found"].as_str() {
            None => report.is_clean(),
            Some(words) => report.findings.iter().any(|finding| finding.about.contains(words)),
        };
        if !is_right {
            wrong.push(format!("{case}\n    {:?}", report.findings));
        }
    }
    assert!(wrong.is_empty(), "{} are judged wrongly:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whichever byte of a batch is changed, it is one damage: what stands behind it is read, and the indexes are not blamed.
#[test]
fn behind_damage_reading_goes_on_and_no_second_damage_is_made_up() {
    const LOG: &str = "plain-0/00000000000000000000.log";
    let base = base(&Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDERS).join("base.tar.gz"));
    let batches_of_all = verify(&Tree::of(&base)).batches;
    let (_, end) = batches(&base[LOG])[3];
    for byte in 0..100 {
        // The leader epoch lies outside the checksum, and one smaller than another is no contradiction.
        if (12..16).contains(&byte) {
            continue;
        }
        let mut tree = Tree::of(&base);
        tree.edit(&json!(["flip-batch", LOG, 3, byte]));
        let report = verify(&tree);
        assert_eq!(report.findings.len(), 1, "byte {byte}: {:?}", report.findings);
        let missed = batches_of_all - report.batches;
        assert!(missed <= 1, "byte {byte}: {missed} batches are not read");
        let about = &report.findings[0].about;
        assert!(missed == 0 || about.contains(&format!("reading goes on at byte {end}")), "byte {byte}: {about}");
    }
    let mut tree = Tree::of(&base);
    tree.edit(&json!(["cut", LOG, -10]));
    let findings = verify(&tree).findings;
    assert!(findings.len() == 1 && findings[0].about.contains("not checked"), "{findings:?}");
}

/// A log directory that changes.
struct Tree {
    root: Files,
    directories: BTreeMap<String, Files>,
}

impl Tree {
    fn of(files: &Files) -> Tree {
        let mut directories = folders::directories(files);
        Tree { root: directories.remove("").unwrap_or_default(), directories }
    }

    fn place(&mut self, path: &str) -> (&mut Files, String) {
        match path.split_once('/') {
            Some((directory, name)) => (self.directories.entry(directory.to_owned()).or_default(), name.to_owned()),
            None => (&mut self.root, path.to_owned()),
        }
    }

    fn file(&mut self, path: &str) -> &mut Vec<u8> {
        let (files, name) = self.place(path);
        files.entry(name).or_default()
    }

    /// One change, as a list: what is done, to what, and how.
    fn edit(&mut self, edit: &Value) {
        let text = |i: usize| edit[i].as_str().expect("a text");
        let number = |i: usize| edit[i].as_i64().expect("a number");
        let path = text(1).to_owned();
        match text(0) {
            "write" => *self.file(&path) = text(2).as_bytes().to_vec(),
            "nul" => self.file(&path).fill(0),
            "append" => {
                let tail = text(2).as_bytes().to_vec();
                self.file(&path).extend(tail);
            }
            "append-nul" => {
                let file = self.file(&path);
                file.resize(file.len() + number(2) as usize, 0);
            }
            "cut" => {
                let file = self.file(&path);
                file.truncate(place(file, number(2)));
            }
            "keep-batches" => {
                let file = self.file(&path);
                let ranges = batches(file);
                let range = &ranges[place(&ranges, number(2))..place(&ranges, number(3))];
                *file = file[range[0].0..range[range.len() - 1].1].to_vec();
            }
            "flip" => self.file(&path)[number(2) as usize] ^= 1,
            "flip-batch" => {
                let file = self.file(&path);
                let ranges = batches(file);
                file[ranges[place(&ranges, number(2))].0 + number(3) as usize] ^= 1;
            }
            "replace" => {
                let file = self.file(&path);
                let replaced = String::from_utf8(std::mem::take(file)).expect("text").replace(text(2), text(3));
                *file = replaced.into_bytes();
            }
            "remove" => {
                let (files, name) = self.place(&path);
                assert!(files.remove(&name).is_some(), "{path}");
            }
            "mkdir" => _ = self.directories.insert(path, Files::new()),
            "copy" => {
                let bytes = self.file(&path).clone();
                *self.file(text(2)) = bytes;
            }
            "copy-directory" => {
                let files = self.directories[&path].clone();
                self.directories.insert(text(2).to_owned(), files);
            }
            "rename-directory" => {
                let files = self.directories.remove(&path).expect("it is there");
                self.directories.insert(text(2).to_owned(), files);
            }
            other => panic!("{other}"),
        }
    }
}

/// A place in a list, counted from its end where it is negative.
fn place<T>(list: &[T], at: i64) -> usize {
    usize::try_from(at).unwrap_or_else(|_| list.len() - at.unsigned_abs() as usize)
}

/// Where each batch begins and ends.
fn batches(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let end = at + 12 + u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        ranges.push((at, end));
        at = end;
    }
    ranges
}

fn verify(tree: &Tree) -> Report {
    let directories = tree.directories.iter().map(|(name, files)| (name.clone(), files as &dyn Folder)).collect();
    verify::log_directory(&tree.root, &directories).expect("memory is readable")
}

/// The files of a directory and of the directories in it.
fn read(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it is readable").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(read(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            files.insert(name, fs::read(&path).expect("it is readable"));
        }
    }
    files
}

/// The directory that a broker left after an orderly shutdown.
fn base(path: &Path) -> Files {
    let mut archive = tar::Archive::new(GzDecoder::new(fs::File::open(path).expect("it is there")));
    let mut files = Files::new();
    for entry in archive.entries().expect("an archive") {
        let mut entry = entry.expect("it is whole");
        if entry.header().entry_type().is_file() {
            let path = entry.path().expect("a path").to_string_lossy().trim_start_matches("./").to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("it is whole");
            files.insert(path, bytes);
        }
    }
    files
}
