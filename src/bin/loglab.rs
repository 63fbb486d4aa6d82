//! The command line: the engine without a browser, for tests and for people who keep scenarios in their repositories.

#[cfg(not(target_family = "wasm"))]
mod command_line;

/// Runs of many partitions are bound by memory: the system's allocator took a tenth of their time.
#[cfg(not(target_family = "wasm"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    command_line::main()
}
