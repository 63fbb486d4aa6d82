//! Numbers as people read them.

use super::text::TEXT;
use crate::view::frame::{Frame, Node, Partition, Selection};
use crate::view::protocol::Complaint;

/// A time as `2.004 118 s`.
pub fn time(us: u64) -> String {
    format!("{}.{:03} {:03} s", us / 1_000_000, us / 1_000 % 1_000, us % 1_000)
}

/// A time as `2.004`, for lists.
pub fn seconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000_000, us / 1_000 % 1_000)
}

/// A span of time in the unit that suits it.
pub fn span(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{}.{} ms", us / 1_000, us / 100 % 10),
        10_000..1_000_000 => format!("{} ms", us / 1_000),
        _ => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
    }
}

/// Digits in threes, as `41 207`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

/// A hash in fours, as `9f3c a41e 07d2 55b8`.
pub fn hash(hash: &str) -> String {
    let digits: Vec<char> = hash.chars().collect();
    digits.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Ids as `1, 3`, or a dash for none.
pub fn ids(ids: &[i32]) -> String {
    if ids.is_empty() { "-".into() } else { ids.iter().map(i32::to_string).collect::<Vec<_>>().join(", ") }
}

/// An offset, a dash when it is not known.
pub fn offset(offset: i64) -> String {
    if offset < 0 { "-".into() } else { count(offset.unsigned_abs()) }
}

/// A partition as `orders-0`.
pub fn partition(partition: &Partition) -> String {
    format!("{}-{}", partition.topic, partition.index)
}

/// The same in so many letters. What is too long loses the end of the topic: the number tells partitions apart.
pub fn short_partition(it: &Partition, letters: usize) -> String {
    let whole = partition(it);
    if whole.chars().count() <= letters {
        return whole;
    }
    let number = format!("…-{}", it.index);
    let room = letters.saturating_sub(number.chars().count());
    it.topic.chars().take(room).collect::<String>() + &number
}

/// A process in the words of a command.
pub fn node(node: &Node) -> String {
    match node {
        Node::Controller => TEXT.controller.into(),
        Node::Broker(id) => format!("{} {id}", TEXT.broker),
        Node::Client(name) => name.clone(),
    }
}

/// Something selected, as a title.
pub fn selection(selection: &Selection, frame: &Frame) -> String {
    match selection {
        Selection::None => frame.run.title.clone(),
        Selection::Node(it) => node(it),
        Selection::Group(id) | Selection::TransactionalId(id) => id.clone(),
        Selection::Partition { topic, index, .. } => format!("{topic}-{index}"),
        Selection::Batch { topic, index, offset, .. } => format!("{topic}-{index} @ {}", count(offset.unsigned_abs())),
        Selection::Link(a, b) => format!("{} - {}", node(a), node(b)),
        Selection::Packet(id) => frame.packets.iter().find(|packet| packet.id == *id).map_or_else(
            || format!("{} {}", TEXT.event, count(*id)),
            |packet| format!("{} {}", packet.api, if packet.response { TEXT.response } else { TEXT.request }),
        ),
        Selection::Event(number) => format!("{} {}", TEXT.event, count(*number)),
    }
}

/// Words, cut to so many letters.
pub fn short(words: &str, letters: usize) -> String {
    match words.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words.to_owned(),
    }
}

/// A complaint as `line 7: unknown key`.
pub fn complaint(complaint: &Complaint) -> String {
    match complaint.line {
        Some(line) => format!("{} {line}: {}", TEXT.line, complaint.message),
        None => complaint.message.clone(),
    }
}
