//! `cargo xtask bench`: how fast and how big, into `target/bench.json`.

mod aims;

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::run::{self, command};
use crate::{Outcome, kafka, page, page_speed, tools};

type Figures = Map<String, Value>;

/// Measures natively, in Node and in Chromium, and weighs the page.
///
/// `--page` measures only the built page, `--log` only the log; `--kafka` measures Kafka's own log, too, in the same run.
/// Figures that are not measured now stay in the file. A whole run must measure every figure.
pub fn task(arguments: &[String]) -> Outcome {
    let mut report = Report::open()?;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let with_kafka = words.last() == Some(&"--kafka");
    let mut whole = false;
    match words[..] {
        [] | ["--kafka"] => {
            report.take(engines)?;
            report.take(|figures| log(with_kafka, figures))?;
            report.take(|figures| page(&[], figures))?;
            whole = true;
        }
        ["--log"] | ["--log", "--kafka"] => report.take(|figures| log(with_kafka, figures))?,
        ["--page", ..] => report.take(|figures| page(&arguments[1..], figures))?,
        _ => return Err(format!("unknown arguments: {}", words.join(" "))),
    }
    println!("\n{}written to {}", aims::table(&report.figures, &report.measured), report.file.display());
    if whole { aims::check_whole(&report.measured, with_kafka) } else { Ok(()) }
}

/// `target/bench.json` and what of it is measured now.
struct Report {
    file: PathBuf,
    figures: Figures,
    measured: Figures,
}

impl Report {
    fn open() -> Outcome<Self> {
        let file = run::reports()?.join("bench.json");
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        Ok(Self { file, figures: serde_json::from_str(&known).unwrap_or_default(), measured: Map::new() })
    }

    /// Measures a part and writes the file, also where the part failed half-way.
    fn take(&mut self, part: impl FnOnce(&mut Figures) -> Outcome) -> Outcome {
        let outcome = part(&mut self.measured);
        self.figures.extend(self.measured.clone());
        let text = serde_json::to_string_pretty(&self.figures).map_err(|e| e.to_string())?;
        std::fs::write(&self.file, format!("{text}\n")).map_err(|e| format!("{}: {e}", self.file.display()))?;
        outcome
    }
}

/// The built page: how quick, and how large.
fn page(arguments: &[String], figures: &mut Figures) -> Outcome {
    let dist = page::built(arguments)?;
    page_speed::measure(&dist, &tools::browser()?, figures)?;
    for size in page::sizes(&dist)? {
        let kilobytes = size.gzip as f64 / 1000.0;
        figures.insert(format!("{}_gzip_kb", size.name), json!({ "value": kilobytes, "unit": "KB", "median_of": 1 }));
    }
    Ok(())
}

/// One replica's log, and with `--kafka` Kafka's own on the same machine at the same time.
fn log(with_kafka: bool, figures: &mut Figures) -> Outcome {
    gather(command("cargo bench --locked --bench log"), figures)?;
    if with_kafka { gather(kafka::speed()?, figures) } else { Ok(()) }
}

/// The engine natively, in Node and in Chromium.
fn engines(figures: &mut Figures) -> Outcome {
    tools::all()?;
    let browser = tools::browser()?;
    gather(command("cargo bench --locked --bench figures --bench cluster --bench allocations"), figures)?;
    gather(in_wasm("--node", "wasm_node"), figures)?;
    let mut chromium = in_wasm("--headless --chrome", "wasm_browser");
    chromium.env("CHROMEDRIVER", &browser.driver);
    gather(chromium, figures)
}

fn in_wasm(flags: &str, test: &str) -> Command {
    // The runner of wasm-bindgen 0.2.130 knows `--ignored` and does not heed it.
    let mut command = command(&format!(
        "wasm-pack test --mode no-install --release {flags} -- --test {test} -- --include-ignored --nocapture per_second"
    ));
    command.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    command
}

/// Takes the lines `figure NAME VALUE UNIT MEDIAN_OF` of a program; it must print one at least.
fn gather(program: Command, figures: &mut Figures) -> Outcome {
    let mut found = Vec::new();
    run::watch(program, |line| found.extend(figure(line)))?;
    if found.is_empty() {
        return Err("a benchmark printed no figure".into());
    }
    figures.extend(found);
    Ok(())
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
