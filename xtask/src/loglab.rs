//! The command line, built, and what it says of itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Outcome;
use crate::run::{command, output, run, top};

/// How it is built.
#[derive(Clone, Copy)]
pub enum Build {
    Dev,
    Release,
}

/// Builds the program.
pub fn build(build: Build) -> Outcome<PathBuf> {
    // With what only tests need, dependencies have other features, and all would be compiled again without it.
    let (line, folder) = match build {
        Build::Dev => ("cargo test --locked --quiet --workspace --no-run", "debug"),
        Build::Release => ("cargo build --locked --quiet --release --bin loglab", "release"),
    };
    run(command(line))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), |set| top().join(set));
    let program = target.join(folder).join("loglab");
    if program.is_file() { Ok(program) } else { Err(format!("{} was not built", program.display())) }
}

/// The names of the built-in scenarios.
pub fn scenarios(loglab: &Path) -> Outcome<Vec<String>> {
    let mut list = Command::new(loglab);
    list.args(["list", "--json"]);
    let text = output(list).ok_or("`loglab list` does not run")?;
    let list: Value = serde_json::from_str(&text).map_err(|e| format!("`loglab list --json`: {e}"))?;
    let names = list["scenarios"].as_array().into_iter().flatten();
    Ok(names.filter_map(|scenario| scenario["name"].as_str().map(str::to_owned)).collect())
}
