//! Sentences of the Log view.

use crate::ui::format;
use crate::view::log::{Batch, BatchKind, Cleaning, Doing, Pass, Torn};

/// Something out of sight, to the left or to the right.
pub fn elsewhere(words: &str, before: bool) -> String {
    if before { format!("◂ {words}") } else { format!("{words} ▸") }
}

/// Words on two lines, cut behind a colon or comma in their middle.
pub fn two_lines(words: &str) -> (&str, Option<&str>) {
    let cut = words.rfind(": ").or_else(|| words.find(", "));
    cut.map_or((words, None), |at| (&words[..=at], Some(words[at + 1..].trim_start())))
}

/// A log that ends before the window begins.
pub fn ends_before(end: &str) -> String {
    format!("◂ ends at {end}")
}

/// From one offset to another.
pub fn range(first: &str, last: &str) -> String {
    format!("{first} to {last}")
}

/// Which offsets are shown.
pub fn offsets(first: &str, last: &str) -> String {
    format!("offsets {}", range(first, last))
}

/// Whose batch it is.
pub fn batch_on(broker: &str) -> String {
    format!("batch on {broker}")
}

/// A batch's title.
pub fn batch_title(base: i64, last: i64) -> String {
    if base == last { format!("batch {base}") } else { format!("batch {base} to {last}") }
}

/// A record's title.
pub fn record(offset: &str) -> String {
    format!("record {offset}")
}

/// A batch in one line.
pub fn batch(it: &Batch) -> String {
    let what = match it.kind {
        BatchKind::Data => "",
        BatchKind::Open => ", open transaction",
        BatchKind::Committed => ", committed transaction",
        BatchKind::Aborted => ", aborted transaction",
        BatchKind::Commit => ", COMMIT marker",
        BatchKind::Abort => ", ABORT marker",
        BatchKind::Control => ", control batch",
    };
    let lost = if it.lost { ", acknowledged and lost" } else { "" };
    let corrupt = if it.corrupt { ", CRC-32C wrong" } else { "" };
    let horizon = it.delete_in_ms.map_or(String::new(), |left| format!(", {}", horizon(left)));
    let producer = if it.producer_id < 0 { String::new() } else { format!(", PID {}", it.producer_id) };
    format!(
        "{}, epoch {}, {} bytes{producer}{what}{lost}{corrupt}{horizon}",
        batch_title(it.base, it.last),
        it.epoch,
        it.bytes
    )
}

/// Bytes that are not shown.
pub fn more_bytes(count: &str) -> String {
    format!("{count} bytes more")
}

/// How many segments there are, and up to where they are known to be on the disk.
pub fn segments(count: usize, recovery_point: &str) -> String {
    let segments = if count == 1 { "1 segment".into() } else { format!("{count} segments") };
    format!("{segments} · recovery point {recovery_point}")
}

/// A number of bytes.
pub fn bytes(count: &str) -> String {
    format!("{count} bytes")
}

/// What an index holds.
pub fn entries(count: u32) -> String {
    if count == 1 { "1 entry".into() } else { format!("{count} entries") }
}

/// What the cleaner does, and to which offsets.
pub fn cleaning(pass: &Pass) -> String {
    let Pass { map_messages, messages_read, messages_written, ending, end, .. } = pass;
    let of = pass.segments.first().map_or(String::new(), |from| format!(", offsets {from} to {}", end - 1));
    match pass.doing {
        Doing::Mapping => format!("building the offset map{of}: {map_messages} records read"),
        Doing::Copying => {
            format!("copying{of} to .cleaned: {messages_written} of {messages_read} records stay")
        }
        Doing::Replacing => {
            let by = if ending.is_empty() { ".deleted for the old" } else { ending.as_str() };
            format!("replacing{of} ({by}): {messages_written} of {messages_read} records stay")
        }
    }
}

/// How dirty a log is, and from which ratio on the cleaner takes it.
pub fn dirtiness(it: &Cleaning) -> String {
    let all = it.clean_bytes + it.cleanable_bytes;
    let ratio = if all == 0 { 0.0 } else { it.cleanable_bytes as f64 / all as f64 };
    format!("dirty ratio {ratio:.2}, cleaned above min.cleanable.dirty.ratio {}", it.min_dirty_ratio)
}

/// The part of a log that is dirty and can be cleaned.
pub fn dirty_range(from: &str, end: &str) -> String {
    format!("dirty from {from}, not cleanable from {end}")
}

/// A consumer and its position.
pub fn reader(name: &str, position: &str, behind: bool) -> String {
    if behind { format!("{name} at {position}, before the log start") } else { format!("{name} at {position}") }
}

/// Whose it is.
pub fn of(owner: &str) -> String {
    format!("of {owner}")
}

/// How the bytes on a medium end.
pub fn torn(it: &Torn) -> String {
    if it.bytes == 0 {
        return format!("on the medium up to {}, log not open", it.offset);
    }
    format!("{} bytes of a torn batch at position {}", it.bytes, it.position)
}

/// When tombstones and markers of a batch may go.
pub fn horizon(left_ms: i64) -> String {
    let span = format::span(left_ms.unsigned_abs().saturating_mul(1_000));
    if left_ms > 0 { format!("delete horizon in {span}") } else { format!("delete horizon passed {span} ago") }
}

/// The same on a cell.
pub fn horizon_short(left_ms: i64) -> String {
    match left_ms {
        ..=0 => "due".into(),
        1..=99_000 => format!("{}s", (left_ms + 999) / 1_000),
        99_001..=5_940_000 => format!("{}m", left_ms / 60_000),
        5_940_001..=356_400_000 => format!("{}h", left_ms / 3_600_000),
        _ => format!("{}d", left_ms / 86_400_000),
    }
}
