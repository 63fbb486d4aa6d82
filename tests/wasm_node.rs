//! What is tested as wasm, in Node. One program: each is built, and prepared by the runner, for itself.
#![cfg(target_family = "wasm")]

mod wasm;

/// What figures are called by.
const TARGET: &str = "node";
