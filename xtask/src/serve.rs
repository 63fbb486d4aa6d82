//! `cargo xtask serve`: the page on this machine, built anew when a file changes.

use crate::run::{command, run};
use crate::{Outcome, tools};

/// Builds, serves and prints the address. Arguments go on to `trunk serve`.
pub fn serve(arguments: &[String]) -> Outcome {
    tools::page()?;
    println!("building the page; it will be at http://127.0.0.1:8080/ (stop with Ctrl-C)");
    let mut trunk = command("trunk serve --release");
    trunk.args(arguments);
    run(trunk)
}
