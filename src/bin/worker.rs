//! The engine in a web worker.

#[cfg(target_family = "wasm")]
fn main() {
    loglab::ui::worker::start();
}

#[cfg(not(target_family = "wasm"))]
fn main() {
    eprintln!("the worker runs in a browser; on this machine use the `loglab` binary");
}
