//! What `kafka-dump-log` printed of recorded files, printed again from the same bytes.
//!
//! Reads the recordings of the folder that `LOGLAB_ORACLE` names.
#![cfg(not(target_family = "wasm"))]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use loglab::log::dump::{DumpFile, Options, dump_text};

#[test]
fn dumps_are_kafkas_word_for_word() {
    let Some(root) = std::env::var_os("LOGLAB_ORACLE").map(PathBuf::from) else { return };
    let mut blocks = 0;
    let mut wrong = Vec::new();
    let recorded = recorded_dumps(&root);
    for path in &recorded {
        let (count, differences) = compare(path);
        blocks += count;
        wrong.extend(differences);
    }
    println!("{} dumps of {} folders compared", blocks, recorded.len());
    assert!(!recorded.is_empty());
    assert!(wrong.is_empty(), "{} of {blocks} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn recorded_dumps(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(recorded_dumps(&path));
        } else if path.to_string_lossy().ends_with(".dump.txt") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The files of a folder and of the folders in it, by their names in it.
fn files(folder: &Path, prefix: &str) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(&entry.path(), &format!("{name}/")));
        } else {
            found.insert(name, fs::read(entry.path()).expect("a file is read"));
        }
    }
    found
}

/// The names of the files that were saved: the tool itself makes an index that it misses.
fn saved(path: &Path, label: &str) -> BTreeSet<String> {
    let facts = fs::read_to_string(path.with_file_name("facts.json")).expect("facts");
    let mut names = BTreeSet::new();
    for fact in
        facts.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line.trim_end_matches(',')).ok())
    {
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

fn compare(path: &Path) -> (usize, Vec<String>) {
    let text = String::from_utf8_lossy(&fs::read(path).expect("a dump")).into_owned();
    let folder = path.with_extension("").with_extension("");
    let label = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let names = saved(path, &label);
    assert!(!names.is_empty(), "{} has no facts", path.display());
    let mut files = files(&folder, "");
    files.retain(|name, _| names.contains(name));
    let mut wrong = Vec::new();
    let mut blocks = 0;
    for block in text.split("$ kafka-dump-log --files ").skip(1) {
        let (heading, expected) = block.split_once('\n').expect("a heading");
        let (name, option) = heading.split_once(" --").expect("an option");
        let (directory, name) = match name.rsplit_once('/') {
            Some((directory, name)) => (format!("{directory}/"), name),
            None => (String::new(), name),
        };
        let mut folder: BTreeMap<String, Vec<u8>> = files
            .iter()
            .filter_map(|(path, bytes)| Some((path.strip_prefix(&directory)?.to_owned(), bytes.clone())))
            .collect();
        let options = match option {
            "print-data-log" => Options { print_data_log: true, ..Options::default() },
            "index-sanity-check" => {
                // By now the dump before has made it.
                let index = name.replace(".timeindex", ".index");
                folder.entry(index).or_default();
                Options { index_sanity_check: true, ..Options::default() }
            }
            other => panic!("unknown option {other}"),
        };
        let path_of = format!("{directory}{name}");
        let file = DumpFile { folder: &folder, name, path: &path_of, directory: &directory };
        let (out, thrown) = dump_text(&file, &options).expect("memory is readable");
        let mut printed = String::from_utf8_lossy(&out).into_owned();
        if let Some(thrown) = thrown {
            let message = thrown.message.clone().unwrap_or_else(|| "null".to_owned());
            printed += &format!("kafka-dump-log threw {}: {message}\n", thrown.simple_class());
        }
        printed += "\n";
        blocks += 1;
        if printed != expected {
            wrong.push(format!("{}: {heading}\n--- Kafka\n{expected}--- loglab\n{printed}", path.display()));
        }
    }
    (blocks, wrong)
}
