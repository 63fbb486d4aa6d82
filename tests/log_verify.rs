//! `log verify` over recorded folders: clean where nothing was damaged, and naming the damage where something was.
//!
//! Reads the recordings of the folder that `LOGLAB_ORACLE` names.
#![cfg(not(target_family = "wasm"))]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use loglab::log::source::Folder;
use loglab::log::verify::{self, Report};

type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn folders_that_nobody_damaged_are_clean() {
    let Some(root) = std::env::var_os("LOGLAB_ORACLE").map(PathBuf::from) else { return };
    let mut wrong = Vec::new();
    let mut clean = 0;
    for folder in saved_folders(&root) {
        let report = verify_folder(&folder);
        let edited = is_edited(&folder);
        if std::env::var_os("SHOW").is_some() && edited {
            println!("EDITED {}", folder.display());
            for finding in &report.findings {
                println!("    {finding:?}");
            }
        }
        if report.findings.is_empty() {
            clean += 1;
        } else if !edited {
            wrong.push(format!("{}: {:#?}", folder.display(), report.findings));
        }
    }
    println!("{clean} folders are clean");
    assert!(wrong.is_empty(), "{} folders:\n{}", wrong.len(), wrong.join("\n"));
}

/// Whether the case of a folder edits files before the folder is saved.
fn is_edited(folder: &Path) -> bool {
    let Ok(case) = fs::read_to_string(folder.with_file_name("case.json")) else { return false };
    let case: serde_json::Value = serde_json::from_str(&case).expect("a case is JSON");
    let label = folder.file_name().expect("a name").to_string_lossy();
    let ops = case["ops"].as_array().expect("operations");
    let saved = ops.iter().position(|op| op["op"] == "save" && op["as"] == *label).unwrap_or(ops.len());
    ops[..saved].iter().any(|op| op["op"] == "edit")
}

fn saved_folders(root: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for area in directories(root) {
        for case in directories(&area) {
            if area.ends_with("broker") || case.join("case.json").exists() {
                folders.extend(directories(&case));
            }
        }
    }
    folders
}

fn directories(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

fn files(folder: &Path) -> Files {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_file());
    entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().replace("dot-kafka", ".kafka");
            (name, fs::read(entry.path()).expect("a file is read"))
        })
        .collect()
}

fn verify_folder(folder: &Path) -> Report {
    let inner: Vec<(String, Files)> = directories(folder)
        .iter()
        .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), files(path)))
        .collect();
    if inner.is_empty() {
        return verify::partition(&files(folder)).expect("memory is readable");
    }
    let partitions = inner.iter().map(|(name, files)| (name.clone(), files as &dyn Folder)).collect();
    verify::log_directory(&files(folder), &partitions).expect("memory is readable")
}
