//! What the dump prints of saved files, as the recordings keep the text of kafka-dump-log.

use std::collections::{BTreeMap, BTreeSet};

use loglab::log::dump::{DumpFile, Options, dump_text};

/// The endings of the files that are dumped.
const DUMPED: [&str; 5] = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"];

/// The bytes of an entry of an offset index.
const OFFSET_ENTRY: usize = 8;

/// The dump of all files that hold something, directory by directory, in the order of their names. It leaves the files
/// as kafka-dump-log does: an offset index is cut to whole entries when it is closed, a time index is not, and an offset
/// index that is missing beside a time index is made before its size is found wanting. Without their `.log` it opens none.
pub fn text(saved: &mut BTreeMap<String, Vec<u8>>) -> Result<String, String> {
    let mut folders: BTreeMap<String, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    let known = |path: &&String| DUMPED.iter().any(|ending| path.ends_with(ending));
    let dumped: BTreeSet<String> =
        saved.keys().filter(known).filter(|path| !saved[*path].is_empty()).cloned().collect();
    let logs: BTreeSet<String> = saved.keys().filter_map(|path| path.strip_suffix(".log")).map(str::to_owned).collect();
    for (path, bytes) in saved.iter_mut() {
        if path.strip_suffix(".index").is_some_and(|base| logs.contains(base)) {
            bytes.truncate(bytes.len() - bytes.len() % OFFSET_ENTRY);
        }
        let (prefix, name) = path
            .rsplit_once('/')
            .map_or((String::new(), path.as_str()), |(directory, name)| (format!("{directory}/"), name));
        folders.entry(prefix).or_default().insert(name.to_owned(), bytes.clone());
    }
    let mut out = String::new();
    for (prefix, files) in &mut folders {
        let names: Vec<String> =
            files.keys().filter(|name| dumped.contains(&format!("{prefix}{name}"))).cloned().collect();
        for name in &names {
            let everything = Options { print_data_log: true, ..Options::default() };
            out += &one(files, prefix, name, "--print-data-log", &everything)?;
            let base = name.strip_suffix(".timeindex").filter(|base| logs.contains(&format!("{prefix}{base}")));
            if let Some(base) = base {
                let index = format!("{base}.index");
                saved.entry(format!("{prefix}{index}")).or_default();
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
