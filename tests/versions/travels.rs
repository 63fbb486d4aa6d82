//! Whether a message can travel at its version.

use loglab::wire::{Body, decode, encode};

/// Whether the message encodes at the version at which it travels, as large as its content is said to be where that is
/// today's, and decodes to the same; else what is wrong.
pub fn check(body: &Body, version: i16) -> Result<(), String> {
    let api = body.api();
    let wrong = |what: &str, error: &str| format!("{api} {version}: {what}: {error} in {body:?}");
    // What travels as a shared value has no bytes.
    let Some(bytes) = encode(body, version) else { return Ok(()) };
    let bytes = bytes.map_err(|error| wrong("cannot be sent", &error))?;
    if version == api.version() && bytes.len() != body.content().size() {
        return Err(wrong("another size", &format!("{} for {}", body.content().size(), bytes.len())));
    }
    let read = decode(api, body.is_request(), &bytes, version).expect("what has bytes can be read");
    let (read, size) = read.map_err(|error| wrong("cannot be read", &error))?;
    if size != bytes.len() {
        return Err(wrong("is read in part", &format!("{size} of {} bytes", bytes.len())));
    }
    // Messages are compared as they print: all their fields do.
    if format!("{read:?}") == format!("{body:?}") { Ok(()) } else { Err(wrong("arrives as", &format!("{read:?}"))) }
}
