//! The page.

#[cfg(target_family = "wasm")]
fn main() {
    loglab::ui::start();
}

#[cfg(not(target_family = "wasm"))]
fn main() {
    eprintln!("the page runs in a browser; on this machine use the `loglab` binary");
}
