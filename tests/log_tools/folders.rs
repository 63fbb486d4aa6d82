//! The recorded folders: directories of partitions and log directories, in memory.

use std::collections::{BTreeMap, BTreeSet};

use loglab::log::source::Folder;
use loglab::log::verify::{self, Report};
use serde_json::Value;

use super::source::Recordings;

/// Cases that somebody thought of, and what a real Kafka answered to random scripts that were once answered otherwise here.
const ARCHIVES: [&str; 2] = ["tests/oracle/log.tar.gz", "tests/oracle/log-asked.tar.gz"];

pub type Files = BTreeMap<String, Vec<u8>>;

/// A recorded folder.
pub struct Recorded {
    /// Its path below the area.
    pub path: String,
    /// Its files; of several partitions with the partition's name before it.
    pub files: Files,
    /// The text of kafka-dump-log, where it was recorded.
    pub dump: Option<String>,
    /// Whether the case edits files before it is saved.
    pub is_edited: bool,
}

/// All folders that were saved.
pub fn all() -> Vec<Recorded> {
    let recordings = Recordings::load(&ARCHIVES).expect("the recordings are there");
    let mut paths: BTreeSet<String> = BTreeSet::new();
    for case in recordings.folders_with("case.json") {
        let below = recordings.below(case).filter_map(|(path, _)| Some(path.split_once('/')?.0));
        paths.extend(below.map(|folder| format!("{case}/{folder}")));
    }
    let broker = recordings.folders_with("meta.properties");
    paths.extend(broker.into_iter().map(str::to_owned));
    paths.iter().map(|path| recorded(&recordings, path)).collect()
}

fn recorded(recordings: &Recordings, path: &str) -> Recorded {
    let named = |(name, bytes): (&str, &[u8])| (name.replace("dot-kafka", ".kafka"), bytes.to_vec());
    let mut files: Files = recordings.below(path).map(named).collect();
    let (case, label) = path.rsplit_once('/').expect("a case and a folder");
    let json = |name: &str| -> Option<Value> {
        Some(serde_json::from_slice(recordings.get(&format!("{case}/{name}"))?).expect("JSON"))
    };
    let dump = recordings.get(&format!("{path}.dump.txt")).map(|text| String::from_utf8_lossy(text).into_owned());
    if let Some(facts) = json("facts.json") {
        // The tool made an index that it missed before the folder was kept.
        let saved = saved(&facts, label);
        files.retain(|name, _| saved.contains(name) || !name.ends_with(".index"));
    }
    let is_edited = json("case.json").is_some_and(|case| is_edited(&case, label));
    Recorded { path: path.to_owned(), files, dump, is_edited }
}

/// The names of the files in a save.
fn saved(facts: &Value, label: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for fact in facts.as_array().into_iter().flatten() {
        let result = &fact["result"];
        if result["folder"] != *label {
            continue;
        }
        for (key, value) in result.as_object().into_iter().flatten() {
            let prefix = match key.split_once(' ') {
                None if key == "files" => String::new(),
                Some(("files", partition)) => format!("{partition}/"),
                _ => continue,
            };
            names.extend(value.as_object().into_iter().flatten().map(|(name, _)| format!("{prefix}{name}")));
        }
    }
    names
}

fn is_edited(case: &Value, label: &str) -> bool {
    let ops = case["ops"].as_array().expect("operations");
    let saved = ops.iter().position(|op| op["op"] == "save" && op["as"] == *label).unwrap_or(ops.len());
    ops[..saved].iter().any(|op| op["op"] == "edit")
}

/// The directories in which files lie, by their names; of one partition only its own, without a name.
pub fn directories(files: &Files) -> BTreeMap<String, Files> {
    let mut directories: BTreeMap<String, Files> = BTreeMap::new();
    for (path, bytes) in files {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        directories.entry(directory.to_owned()).or_default().insert(name.to_owned(), bytes.clone());
    }
    directories
}

/// What `log verify` says of a folder.
pub fn verify(files: &Files) -> Report {
    let mut directories = directories(files);
    let root = directories.remove("").unwrap_or_default();
    if directories.is_empty() {
        return verify::partition(&root).expect("memory is readable");
    }
    let partitions = directories.iter().map(|(name, files)| (name.clone(), files as &dyn Folder)).collect();
    verify::log_directory(&root, &partitions).expect("memory is readable")
}
