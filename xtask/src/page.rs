//! Builds the page as it is published, and holds its size.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crate::run::{command, run, run_silently, top};
use crate::{Outcome, tools};

/// Kilobytes after gzip that a first visit may cost.
const BUDGETS: [(&str, u64); 2] = [("app", 420), ("worker", 2050)];

/// A wasm file of the page.
pub struct Size {
    /// The binary that it was made from.
    pub name: &'static str,
    /// Bytes as they travel.
    pub gzip: u64,
    /// What it may have at most, in bytes.
    pub budget: u64,
}

/// What makes `dist/`. Trunk builds one binary after the other; both at once take all cores, and Trunk finds them done.
const LINES: [&str; 2] = [
    "cargo build --locked --release --target wasm32-unknown-unknown --features page --bin app --bin worker",
    "trunk build --release --locked",
];

/// Builds the release into `dist/`.
pub fn build() -> Outcome<PathBuf> {
    tools::page()?;
    LINES.into_iter().try_for_each(|line| run(command(line)))?;
    Ok(top().join("dist"))
}

/// The same beside other work, with the tools in place: for long it takes one core only.
pub fn build_beside() -> JoinHandle<Outcome<PathBuf>> {
    std::thread::spawn(|| {
        LINES.into_iter().try_for_each(|line| run_silently(command(line)))?;
        Ok(top().join("dist"))
    })
}

/// The page for a task with these arguments: `--built` takes `dist/` as it is.
pub fn built(arguments: &[String]) -> Outcome<PathBuf> {
    match arguments {
        [] => build(),
        [argument] if argument == "--built" => Ok(top().join("dist")),
        other => Err(format!("unknown arguments: {}", other.join(" "))),
    }
}

/// Measures the built page's wasm files.
pub fn sizes(dist: &Path) -> Outcome<Vec<Size>> {
    BUDGETS
        .into_iter()
        .map(|(name, budget)| Ok(Size { name, gzip: gzip(&wasm(dist, name)?)?, budget: budget * 1000 }))
        .collect()
}

/// Prints the sizes; an error if one is over its budget.
pub fn hold_sizes(dist: &Path) -> Outcome {
    let sizes = sizes(dist)?;
    for size in &sizes {
        println!("{:<7} {:>4} KB after gzip, {} KB allowed", size.name, size.gzip.div_ceil(1000), size.budget / 1000);
    }
    match sizes.iter().find(|size| size.gzip > size.budget) {
        Some(size) => Err(format!("{} is over its budget: find what made it grow (`twiggy top` helps)", size.name)),
        None => Ok(()),
    }
}

/// The wasm file of a binary, whose name may carry a hash.
fn wasm(dist: &Path, name: &str) -> Outcome<PathBuf> {
    let files = std::fs::read_dir(dist).map_err(|e| format!("{}: {e}", dist.display()))?;
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(name) && file.ends_with(".wasm")
        })
        .ok_or_else(|| format!("{} holds no wasm file of `{name}`", dist.display()))
}

fn gzip(file: &Path) -> Outcome<u64> {
    const HEADER_AND_CHECKSUM: u64 = 18;
    let bytes = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(miniz_oxide::deflate::compress_to_vec(&bytes, 9).len() as u64 + HEADER_AND_CHECKSUM)
}
