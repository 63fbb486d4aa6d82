//! Differences between what was recorded and what is here.

use serde_json::Value;

/// All places where two values differ, each with both sides.
pub fn differences(recorded: &Value, here: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", recorded, here, &mut found);
    found
}

fn walk(path: &str, recorded: &Value, here: &Value, found: &mut Vec<String>) {
    match (recorded, here) {
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in left {
                match right.get(key) {
                    Some(other) => walk(&format!("{path}/{key}"), value, other, found),
                    None => found.push(format!("{path}/{key}: {} recorded, not here", short(value))),
                }
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                found.push(format!("{path}/{key}: not recorded, {} here", short(value)));
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (i, (left, right)) in left.iter().zip(right).enumerate() {
                walk(&format!("{path}/{i}"), left, right, found);
            }
        }
        _ if recorded == here => {}
        _ => found.push(format!("{path}: {} recorded, {} here", short(recorded), short(here))),
    }
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 300;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Where two byte strings differ first, with the bytes around it.
pub fn bytes_difference(recorded: &[u8], here: &[u8]) -> Option<String> {
    if recorded == here {
        return None;
    }
    let at = recorded.iter().zip(here).take_while(|(left, right)| left == right).count();
    let around = |bytes: &[u8]| -> String {
        let end = bytes.len().min(at + 12);
        bytes[at.min(end)..end].iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (left, right) = (around(recorded), around(here));
    Some(format!("at byte {at}: {left} recorded, {right} here ({} and {} bytes)", recorded.len(), here.len()))
}

/// The first line in which two texts differ.
pub fn text_difference(recorded: &str, here: &str) -> Option<String> {
    let (mut left, mut right) = (recorded.lines(), here.lines());
    for line in 1.. {
        match (left.next(), right.next()) {
            (None, None) => break,
            (left, right) if left == right => {}
            (left, right) => return Some(format!("line {line}: {left:?} recorded, {right:?} here")),
        }
    }
    None
}
