//! `cargo xtask bench`: how fast and how big, into `target/bench.json`.

use std::process::Command;

use serde_json::{Map, Value, json};

use crate::run::{self, command};
use crate::{Outcome, page, tools};

/// Measures natively, in Node and in Chromium, and weighs the page.
pub fn task() -> Outcome {
    tools::all()?;
    let browser = tools::browser()?;
    let mut figures = Map::new();
    gather(command("cargo bench --locked --bench figures --bench cluster"), &mut figures)?;
    gather(in_wasm("--node", "figures_node"), &mut figures)?;
    let mut chromium = in_wasm("--headless --chrome", "figures_browser");
    chromium.env("CHROMEDRIVER", &browser.driver);
    gather(chromium, &mut figures)?;
    for size in page::sizes(&page::build()?)? {
        let kilobytes = size.gzip as f64 / 1000.0;
        figures.insert(format!("{}_gzip_kb", size.name), json!({ "value": kilobytes, "unit": "KB", "median_of": 1 }));
    }
    let file = run::reports()?.join("bench.json");
    let text = serde_json::to_string_pretty(&figures).map_err(|e| e.to_string())?;
    std::fs::write(&file, format!("{text}\n")).map_err(|e| format!("{}: {e}", file.display()))?;
    println!("\n{text}\nwritten to {}", file.display());
    Ok(())
}

fn in_wasm(flags: &str, test: &str) -> Command {
    let mut command = command(&format!(
        "wasm-pack test --mode no-install --release {flags} -- --test {test} -- --ignored --nocapture"
    ));
    command.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    command
}

/// Takes the lines `figure NAME VALUE UNIT MEDIAN_OF` of a program; it must print one at least.
fn gather(program: Command, figures: &mut Map<String, Value>) -> Outcome {
    let before = figures.len();
    let mut found = Vec::new();
    run::watch(program, |line| found.extend(figure(line)))?;
    figures.extend(found);
    if figures.len() > before { Ok(()) } else { Err("a benchmark printed no figure".into()) }
}

fn figure(line: &str) -> Option<(String, Value)> {
    let mut words = line.trim().strip_prefix("figure ")?.split(' ');
    let name = words.next()?.to_string();
    let value: f64 = words.next()?.parse().ok()?;
    let unit = words.next()?;
    let median_of: u32 = words.next()?.parse().ok()?;
    Some((name, json!({ "value": value, "unit": unit, "median_of": median_of })))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_with_a_figure_is_read() {
        let (name, value) = super::figure("    figure snapshot_us 12.5 us 5").expect("a figure");
        assert_eq!(
            (name.as_str(), value["value"].as_f64(), value["median_of"].as_u64()),
            ("snapshot_us", Some(12.5), Some(5))
        );
        assert!(super::figure("a figure of speech").is_none());
    }
}
