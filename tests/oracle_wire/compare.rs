//! Where two trees differ.

use serde_json::Value;

/// Each difference in a line.
pub fn differences(recorded: &Value, simulated: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", recorded, simulated, &mut found);
    found
}

fn compare(path: &str, recorded: &Value, simulated: &Value, found: &mut Vec<String>) {
    match (recorded, simulated) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            for (name, field) in one {
                compare(&format!("{path}.{name}"), field, &other[name], found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{place}]"), one, other, found);
            }
        }
        (one, other) if one == other => {}
        (one, other) => found.push(format!("{path}: {} was recorded, here {}", short(one), short(other))),
    }
}

fn short(value: &Value) -> String {
    const LETTERS: usize = 300;
    let text = value.to_string();
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
