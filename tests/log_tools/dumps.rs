//! What `kafka-dump-log` printed of recorded files, printed again from the same bytes.

use loglab::log::dump::{DumpFile, Options, dump_text};

use super::folders::{self, Files, Recorded};

#[test]
fn dumps_are_kafkas_word_for_word() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    for recorded in folders::all() {
        for (heading, expected) in blocks(recorded.dump.as_deref().unwrap_or_default()) {
            let printed = printed(&recorded, heading);
            compared += 1;
            if printed != expected {
                wrong.push(format!("{}: {heading}\n--- Kafka\n{expected}--- loglab\n{printed}", recorded.path));
            }
        }
    }
    assert!(compared > 0, "nothing is recorded");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What was asked, and what the tool printed.
fn blocks(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("$ kafka-dump-log --files ").skip(1).map(|block| block.split_once('\n').expect("a heading"))
}

fn printed(recorded: &Recorded, heading: &str) -> String {
    let (path, option) = heading.split_once(" --").expect("an option");
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder: Files = folders::directories(&recorded.files).remove(directory).unwrap_or_default();
    let options = match option {
        "print-data-log" => Options { print_data_log: true, ..Options::default() },
        "index-sanity-check" => {
            // The tool made the index that it missed when it was asked before.
            folder.entry(name.replace(".timeindex", ".index")).or_default();
            Options { index_sanity_check: true, ..Options::default() }
        }
        other => panic!("unknown option {other}"),
    };
    let directory = if directory.is_empty() { String::new() } else { format!("{directory}/") };
    let file = DumpFile { folder: &folder, name, path, directory: &directory };
    let (out, thrown) = dump_text(&file, &options).expect("memory is readable");
    let mut printed = String::from_utf8_lossy(&out).into_owned();
    if let Some(thrown) = thrown {
        let message = thrown.message.clone().unwrap_or_else(|| "null".to_owned());
        printed += &format!("kafka-dump-log threw {}: {message}\n", thrown.simple_class());
    }
    printed + "\n"
}
