//! What may differ between a recording and us: the list in the recordings' README, and nothing else.
//!
//! A codec's output depends on its library, so the bytes of compressed batches, their sizes and checksums and the
//! positions behind them say nothing; which batches there are and what they hold does.

use std::collections::BTreeMap;

use loglab::log::batch::{self, BatchHeader};
use serde_json::{Value, json};

/// Which batches of which segment are compressed.
#[derive(Default)]
pub struct Layout {
    segments: BTreeMap<i64, Vec<bool>>,
}

impl Layout {
    /// Takes the bytes of a segment's `.log` file in.
    pub fn add(&mut self, base_offset: i64, bytes: &[u8]) {
        let compressed: Vec<bool> = batch::batches(bytes).map(|(header, _)| is_compressed(&header)).collect();
        if compressed.contains(&true) {
            self.segments.insert(base_offset, compressed);
        }
    }

    /// Whether sizes mean nothing.
    pub fn any(&self) -> bool {
        !self.segments.is_empty()
    }
}

/// The same of all partitions.
#[derive(Default)]
pub struct Layouts {
    partitions: Vec<(String, Layout)>,
}

impl Layouts {
    /// Adds a partition.
    pub fn add(&mut self, partition: &str, layout: Layout) {
        self.partitions.push((partition.to_owned(), layout));
    }

    fn of(&self, partition: &str) -> Option<&Layout> {
        self.partitions.iter().find(|(name, layout)| name == partition && layout.any()).map(|(_, layout)| layout)
    }
}

/// Whether a batch's records are compressed.
pub fn is_compressed(header: &BatchHeader) -> bool {
    !header.is_uncompressed()
}

/// Drops what is only for people from errors.
pub fn without_messages(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_error = fields.contains_key("class") || fields.contains_key("batchIndex");
            if is_error {
                fields.remove("message");
            }
            fields.values_mut().for_each(without_messages);
        }
        Value::Array(values) => values.iter_mut().for_each(without_messages),
        _ => {}
    }
}

/// Blanks what depends on the sizes of compressed batches in one fact of an operation on a partition.
pub fn without_sizes(operation: &str, fact: &mut Value, layouts: &Layouts, partition: usize) {
    let source = fact.pointer("/result/sourceCompression").and_then(Value::as_str).unwrap_or("none");
    if source != "none" {
        blank(fact.pointer_mut("/result/validBytes"));
    }
    let Some((own_name, own)) = layouts.partitions.get(partition) else { return };
    if own.any() {
        blank(fact.pointer_mut("/state/size"));
    }
    let Some(result) = fact.get_mut("result") else { return };
    match (operation, &mut *result) {
        ("read", Value::Array(answers)) if own.any() => {
            answers.iter_mut().for_each(|answer| blank_all(answer, &["position", "bytes"]));
        }
        ("clean", _) => {
            let selected = result.get("selected").and_then(Value::as_str).unwrap_or_default();
            if layouts.of(selected).is_some() {
                blank_all(result, &["cleanBytes", "cleanableBytes", "cleanableRatio", "bytesRead", "bytesWritten"]);
            }
        }
        ("candidates", Value::Object(candidates)) => {
            for (_, one) in candidates.iter_mut().filter(|(name, _)| layouts.of(name).is_some()) {
                blank_all(one, &["cleanBytes", "cleanableBytes", "ratio"]);
            }
        }
        ("segments", segments) => without_segment_sizes(segments, own),
        ("edit", files) if own.any() => without_log_sizes(files),
        ("save", Value::Object(fields)) => {
            for (name, value) in fields {
                let (kind, of) = name.split_once(' ').unwrap_or((name, own_name));
                match (kind, layouts.of(of)) {
                    ("segments", Some(layout)) => without_segment_sizes(value, layout),
                    ("files", Some(_)) => without_log_sizes(value),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn blank(value: Option<&mut Value>) {
    if let Some(value) = value {
        *value = json!("any");
    }
}

fn blank_all(value: &mut Value, fields: &[&str]) {
    fields.iter().for_each(|field| blank(value.get_mut(field)));
}

fn without_log_sizes(files: &mut Value) {
    let Value::Object(files) = files else { return };
    files.iter_mut().filter(|(name, _)| name.contains(".log")).for_each(|(_, size)| blank(Some(size)));
}

/// Positions of index entries become the numbers of their batches.
fn without_segment_sizes(segments: &mut Value, layout: &Layout) {
    let Value::Array(segments) = segments else { return };
    for segment in segments {
        let base = segment.get("base").and_then(Value::as_i64).unwrap_or(-1);
        let Some(compressed) = layout.segments.get(&base) else { continue };
        let rows = segment.get("batches").and_then(Value::as_array).cloned().unwrap_or_default();
        let number_at = |position: &Value| rows.iter().position(|row| row.get(3) == Some(position));
        if let Some(Value::Array(entries)) = segment.get_mut("offsetIndex") {
            for entry in entries {
                entry[1] = json!(entry.get(1).and_then(number_at));
            }
        }
        blank(segment.get_mut("size"));
        let Some(Value::Array(rows)) = segment.get_mut("batches") else { continue };
        let mut behind = false;
        for (row, &compressed) in rows.iter_mut().zip(compressed) {
            if behind {
                blank(row.get_mut(3));
            }
            if compressed {
                blank(row.get_mut(4));
                blank(row.get_mut(5));
            }
            behind |= compressed;
        }
    }
}

/// Blanks in a dump what depends on the sizes of compressed batches, and sorts the producers of each snapshot.
pub fn dump(text: &str, layout: &Layout) -> String {
    let mut out: Vec<String> = Vec::new();
    let (mut behind, mut in_index) = (false, false);
    let mut producers_from = None;
    for line in text.lines() {
        if line.starts_with("$ ") {
            behind = false;
            in_index = layout.any() && line.contains(".index ");
        }
        let compressed = line.starts_with("baseOffset:") && !line.contains("compresscodec: none");
        let mut line = line.to_owned();
        if behind || in_index {
            line = without_number(&line, "position: ");
        }
        if compressed {
            line = without_number(&without_number(&line, " size: "), " crc: ");
        }
        behind |= compressed;
        if line.starts_with("producerId:") {
            producers_from.get_or_insert(out.len());
        } else if let Some(from) = producers_from.take() {
            out[from..].sort();
        }
        out.push(line);
    }
    out.join("\n")
}

fn without_number(line: &str, before: &str) -> String {
    let Some((head, tail)) = line.split_once(before) else { return line.to_owned() };
    format!("{head}{before}any{}", tail.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}
