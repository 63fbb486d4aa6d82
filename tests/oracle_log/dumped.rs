//! What the dump prints of saved files, as the recordings keep the text of kafka-dump-log.

use std::collections::BTreeMap;

use loglab::log::dump::{DumpFile, Options, dump_text};

/// The endings of the files that are dumped.
const DUMPED: [&str; 5] = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"];

/// The dump of all files that hold something, directory by directory, in the order of their names.
pub fn text(saved: &BTreeMap<String, Vec<u8>>) -> Result<String, String> {
    let mut folders: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for (path, bytes) in saved {
        let (prefix, name) = path
            .rsplit_once('/')
            .map_or((String::new(), path.as_str()), |(directory, name)| (format!("{directory}/"), name));
        folders.entry(prefix).or_default().insert(name.to_owned(), bytes.clone());
    }
    let mut out = String::new();
    for (prefix, files) in &mut folders {
        let known = |name: &&String| DUMPED.iter().any(|ending| name.ends_with(ending));
        let names: Vec<String> = files.keys().filter(known).filter(|name| !files[*name].is_empty()).cloned().collect();
        for name in &names {
            let everything = Options { print_data_log: true, ..Options::default() };
            out += &one(files, prefix, name, "--print-data-log", &everything)?;
            if let Some(index) = made_beside(name) {
                files.entry(index).or_default();
            }
            if name.ends_with(".index") || name.ends_with(".timeindex") {
                let sanity = Options { index_sanity_check: true, ..Options::default() };
                out += &one(files, prefix, name, "--index-sanity-check", &sanity)?;
            }
        }
    }
    Ok(out)
}

/// The file that kafka-dump-log makes, empty, if it is not there beside a file that it dumps.
pub fn made_beside(name: &str) -> Option<String> {
    Some(format!("{}.index", name.strip_suffix(".timeindex")?))
}

fn one(
    files: &BTreeMap<String, Vec<u8>>,
    prefix: &str,
    name: &str,
    flag: &str,
    options: &Options,
) -> Result<String, String> {
    let path = format!("{prefix}{name}");
    let file = DumpFile { folder: files, name, path: &path, directory: prefix };
    let (text, thrown) = dump_text(&file, options).map_err(|halt| halt.to_string())?;
    let text = String::from_utf8_lossy(&text);
    let tail = thrown.map(|thrown| {
        let message = thrown.message.as_deref().unwrap_or("null");
        format!("kafka-dump-log threw {}: {message}\n", thrown.simple_class())
    });
    Ok(format!("$ kafka-dump-log --files {path} {flag}\n{text}{}\n", tail.unwrap_or_default()))
}
