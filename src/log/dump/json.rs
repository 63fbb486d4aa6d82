//! The lines of a dump as JSON: one object a line.

use serde::Serialize;

use super::java::Thrown;
use super::line::Line;

/// Puts a line behind `out`, with its newline.
pub fn write(line: &Line<'_>, out: &mut Vec<u8>) {
    put(line, out);
}

/// Puts the exception that ends the dump of a file behind `out`.
pub fn write_thrown(thrown: &Thrown, out: &mut Vec<u8>) {
    put(&serde_json::json!({ "kind": "exception", "class": thrown.class, "message": thrown.message }), out);
}

fn put(value: &impl Serialize, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and all keys are text.
    let _ = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}
