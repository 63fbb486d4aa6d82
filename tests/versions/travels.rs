//! Whether a message can travel at its version.

use loglab::wire::{Body, decode, encode};

/// Whether the message encodes at the version at which it would travel, as large as its content is said to be, and decodes
/// to the same; else what is wrong.
pub fn check(body: &Body) -> Result<(), String> {
    let api = body.api();
    let wrong = |what: &str, error: &str| format!("{api} {}: {what}: {error} in {body:?}", api.version());
    // What travels as a shared value has no bytes.
    let Some(bytes) = encode(body, api.version()) else { return Ok(()) };
    let bytes = bytes.map_err(|error| wrong("cannot be sent", &error))?;
    if bytes.len() != body.content().size() {
        return Err(wrong("another size", &format!("{} for {}", body.content().size(), bytes.len())));
    }
    let read = decode(api, body.is_request(), &bytes, api.version()).expect("what has bytes can be read");
    let (read, size) = read.map_err(|error| wrong("cannot be read", &error))?;
    if size != bytes.len() {
        return Err(wrong("is read in part", &format!("{size} of {} bytes", bytes.len())));
    }
    // Messages are compared as they print: all their fields do.
    if format!("{read:?}") == format!("{body:?}") { Ok(()) } else { Err(wrong("arrives as", &format!("{read:?}"))) }
}
