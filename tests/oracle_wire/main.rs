//! Kafka's conversations with its clients against ours, natively: see `run.rs`. Compiled to WebAssembly it is empty.
#![allow(missing_docs)]

#[cfg(not(target_family = "wasm"))]
#[path = "run.rs"]
mod run;

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(target_family = "wasm")]
fn main() {}
