//! `meta.properties` as Kafka reads it (`MetaProperties`, `KafkaRaftServer.initializeLogDirs`), in the form of Java's
//! `Properties`.

use std::collections::BTreeMap;

use crate::log::partition_metadata::parse_uuid;

/// Whose a log directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// 0 of brokers with ZooKeeper, also of those that have moved, and 1 of those without.
    pub version: i32,
    pub node_id: i32,
}

/// Reads the file; `Err` says why no node starts with it.
pub(super) fn owner(text: &[u8]) -> Result<Owner, String> {
    let values = properties(text);
    let value = |key: &str| values.get(key).map(String::as_str);
    let number = |key: &str| value(key).map(|text| text.parse::<i32>().map_err(|_| format!("{key} is no number")));
    let version = match value("version").unwrap_or("0") {
        "0" => 0,
        "1" => 1,
        other => return Err(format!("version {other} is not known")),
    };
    let id = if version == 0 { "broker.id" } else { "node.id" };
    let node_id = number(id).ok_or_else(|| format!("there is no {id}"))??;
    if !values.contains_key("cluster.id") {
        return Err("there is no cluster.id".to_owned());
    }
    // A directory without an id is given one by the node that starts (KIP-858).
    if let Some(text) = value("directory.id") {
        let id = parse_uuid(text).ok_or("directory.id is no id")?;
        /// So many ids have a meaning of their own (`DirectoryId.reserved`).
        const RESERVED: u128 = 100;
        if id.as_u128() < RESERVED {
            return Err("directory.id is one of those that stand for no directory".to_owned());
        }
    }
    Ok(Owner { version, node_id })
}

/// Keys and values (`Properties.load`): a line that ends in a backslash goes on in the next one; key and value are parted
/// by `=`, `:` or white space; a later value counts.
fn properties(text: &[u8]) -> BTreeMap<String, String> {
    // Java takes each byte for a letter.
    let text: String = text.iter().map(|&byte| char::from(byte)).collect();
    let mut values = BTreeMap::new();
    let mut lines = text.split(['\n', '\r']);
    while let Some(line) = lines.next() {
        let mut line = line.trim_start_matches(BLANKS).to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while goes_on(&line) {
            line.pop();
            match lines.next() {
                Some(next) => line.push_str(next.trim_start_matches(BLANKS)),
                // The file ends here.
                None => break,
            }
        }
        let (key, value) = entry(&line);
        values.insert(key, value);
    }
    values
}

const BLANKS: [char; 3] = [' ', '\t', '\x0c'];

fn goes_on(line: &str) -> bool {
    line.chars().rev().take_while(|&letter| letter == '\\').count() % 2 == 1
}

fn entry(line: &str) -> (String, String) {
    let mut is_escaped = false;
    let end = line.find(|letter: char| {
        let parts = !is_escaped && (BLANKS.contains(&letter) || matches!(letter, '=' | ':'));
        is_escaped = letter == '\\' && !is_escaped;
        parts
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANKS);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANKS);
    (unescaped(key), unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '\\') {
            (_, false) => out.push(letter),
            (_, true) => match letters.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('f') => out.push('\x0c'),
                Some('u') => {
                    let digits: String = letters.by_ref().take(4).collect();
                    out.extend(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32));
                }
                Some(other) => out.push(other),
                // A backslash at the end stands for nothing.
                None => {}
            },
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a real 4.3.1 said of each when it started.
    #[test]
    fn a_node_starts_with_what_kafka_takes() {
        let id = "cluster.id=AAAAAAAAAAAAAAAAAAAAAQ";
        let fine = [
            format!("version=0\nbroker.id=1\n{id}\n"),
            format!("broker.id=1\n{id}\n"),
            format!("version=1\nnode.id=1\n{id}\n"),
            format!("#\n! c\r\n  version : 1\nnode.id 1\n{}", id.replace('=', "=\\\n  ")),
        ];
        fine.iter().for_each(|text| assert!(owner(text.as_bytes()).is_ok_and(|owner| owner.node_id == 1), "{text}"));
        let refused = [
            String::new(),
            "\0\0\0\0".to_owned(),
            "version=0\nbroker.id=1\n".to_owned(),
            format!("version=0\n{id}\n"),
            format!("version=0\nnode.id=1\n{id}\n"),
            format!("version=1\nbroker.id=1\n{id}\n"),
            format!("version=2\nnode.id=1\n{id}\n"),
            format!("version=1\nnode.id=x\n{id}\n"),
            format!("version=1\nnode.id=1\n{id}\ndirectory.id=xyz\n"),
            format!("version=1\nnode.id=1\n{id}\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n"),
        ];
        refused.iter().for_each(|text| assert!(owner(text.as_bytes()).is_err(), "{text}"));
    }
}
