//! `log verify` is clean where nothing was damaged and names what was.

use std::fmt::Write;
use std::path::Path;

use super::folders;

/// What it says of each recorded folder whose files were edited before.
const DAMAGE: &str = "tests/oracle/log-damage.txt";

/// Notes for which a broker seldom gives a reason.
const DOUBTS: [&str; 2] = ["are in no segment", "no name that a broker gives"];

#[test]
fn folders_that_nobody_damaged_are_clean() {
    let (mut wrong, mut doubted) = (Vec::new(), Vec::new());
    let recorded = folders::all();
    for folder in recorded.iter().filter(|folder| !folder.is_edited) {
        let report = folders::verify(&folder.files);
        assert!(report.files > 0, "{}", folder.path);
        // The scripts gave each partition an id of its own, which no cluster does.
        let of_script = |about: &str| about.starts_with("another topic id than that of ");
        let findings = report.findings.iter().filter(|finding| !of_script(&finding.about));
        wrong.extend(findings.map(|finding| format!("{}: {finding:?}", folder.path)));
        let doubts = report.notes.iter().filter(|note| DOUBTS.iter().any(|doubt| note.about.contains(doubt)));
        // The recordings put these beside what the broker wrote.
        let is_added = |file: &str| file == "cleaner-offset-checkpoint" || file.ends_with(".txt");
        let doubts = doubts.filter(|note| !is_added(&note.file));
        doubted.extend(doubts.map(|note| format!("{}/{}", folder.path, note.file)));
    }
    assert!(recorded.iter().any(|folder| !folder.is_edited), "nothing is recorded");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if std::env::var_os("LOGLAB_ORACLE").is_none() {
        // Of one the cleaner left nothing between two segments, and no hole before.
        assert!(doubted.len() == 1 && doubted[0].starts_with("cleaner/"), "{}", doubted.join("\n"));
    }
}

/// A folder that is not in the list is one of other recordings. `LOGLAB_UPDATE` writes the list anew.
#[test]
fn damage_that_is_still_there_is_named_with_file_and_byte() {
    let mut told = String::new();
    for folder in folders::all().iter().filter(|folder| folder.is_edited) {
        let findings = folders::verify(&folder.files).findings;
        let _ = writeln!(told, "{}:{}", folder.path, if findings.is_empty() { " no damage" } else { "" });
        for finding in findings {
            let at = finding.at.map_or(String::new(), |at| format!(" byte {at}:"));
            let _ = writeln!(told, "    {}:{at} {}", finding.file, finding.about);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DAMAGE);
    if std::env::var_os("LOGLAB_UPDATE").is_some() {
        std::fs::write(&path, &told).expect("the list is written");
    }
    let list = std::fs::read_to_string(&path).expect("the list is there");
    let known = |text: &str| -> Vec<String> {
        let mut folders: Vec<String> = Vec::new();
        for line in text.lines() {
            match line.strip_prefix(' ') {
                None => folders.push(line.to_owned()),
                Some(_) => folders.last_mut().expect("a folder first").push_str(&format!("\n{line}")),
            }
        }
        folders
    };
    let name = |entry: &String| entry.split(':').next().unwrap_or_default().to_owned();
    let expected = known(&list);
    if std::env::var_os("LOGLAB_ORACLE").is_none() {
        assert_eq!(told, list);
    }
    for entry in known(&told) {
        if let Some(expected) = expected.iter().find(|expected| name(expected) == name(&entry)) {
            assert_eq!(&entry, expected);
        }
    }
}
