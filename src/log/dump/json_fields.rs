//! What JSON has no form of its own for: bytes, headers, and what is JSON already.

use super::record::Headers;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Text where the bytes are text, else an object with their hex digits; null where there are none.
pub(super) fn write_bytes(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(bytes) = bytes else { return out.extend_from_slice(b"null") };
    match std::str::from_utf8(bytes) {
        // Writing to a vector cannot fail.
        Ok(text) => _ = serde_json::to_writer(&mut *out, text),
        Err(_) => {
            out.extend_from_slice(b"{\"hex\":\"");
            out.extend(bytes.iter().flat_map(|&byte| [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]));
            out.extend_from_slice(b"\"}");
        }
    }
}

/// A pair of name and value for each.
pub(super) fn write_headers(headers: &Headers<'_>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, (name, value)) in headers.iter().enumerate() {
        out.extend_from_slice(if i > 0 { b",[" } else { b"[" });
        write_bytes(Some(name), out);
        out.push(b',');
        write_bytes(value, out);
        out.push(b']');
    }
    out.push(b']');
}

/// A text that is JSON already, in the order and the form that all JSON here has.
pub(super) fn write_json(json: &str, out: &mut Vec<u8>) {
    // What Kafka's tool prints of a message is JSON.
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let _ = serde_json::to_writer(&mut *out, &value);
}
