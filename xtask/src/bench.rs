//! `cargo xtask bench`: how fast and how big, into `target/bench.json`.

use std::process::Command;

use serde_json::{Map, Value, json};

use crate::run::{self, command};
use crate::{Outcome, kafka, page, page_speed, tools};

/// Measures natively, in Node and in Chromium, and weighs the page.
///
/// `--page` measures only the built page, `--log` only the log; `--kafka` measures Kafka's own log, too, in the same run.
/// Figures that are not measured now stay in the file.
pub fn task(arguments: &[String]) -> Outcome {
    let file = run::reports()?.join("bench.json");
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    let mut figures: Map<String, Value> = serde_json::from_str(&known).unwrap_or_default();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => engines(&mut figures).and_then(|()| log(&mut figures)).and_then(|()| page(&[], &mut figures))?,
        ["--kafka"] => {
            log_and_kafka(&mut figures)?;
            engines(&mut figures).and_then(|()| page(&[], &mut figures))?;
        }
        ["--log"] => log(&mut figures)?,
        ["--log", "--kafka"] => log_and_kafka(&mut figures)?,
        ["--page", ..] => page(&arguments[1..], &mut figures)?,
        _ => return Err(format!("unknown arguments: {}", words.join(" "))),
    }
    let text = serde_json::to_string_pretty(&figures).map_err(|e| e.to_string())?;
    std::fs::write(&file, format!("{text}\n")).map_err(|e| format!("{}: {e}", file.display()))?;
    println!("\n{text}\nwritten to {}", file.display());
    Ok(())
}

/// The built page: how quick, and how large.
fn page(arguments: &[String], figures: &mut Map<String, Value>) -> Outcome {
    let dist = page::built(arguments)?;
    page_speed::measure(&dist, &tools::browser()?, figures)?;
    for size in page::sizes(&dist)? {
        let kilobytes = size.gzip as f64 / 1000.0;
        figures.insert(format!("{}_gzip_kb", size.name), json!({ "value": kilobytes, "unit": "KB", "median_of": 1 }));
    }
    Ok(())
}

/// One replica's log.
fn log(figures: &mut Map<String, Value>) -> Outcome {
    gather(command("cargo bench --locked --bench log"), figures)
}

/// The same beside Kafka's own, and how many times faster it is.
fn log_and_kafka(figures: &mut Map<String, Value>) -> Outcome {
    log(figures)?;
    gather(kafka::speed()?, figures)?;
    let rate = |name: &str| figures.get(name)?.get("value")?.as_f64();
    for name in figures.keys().filter_map(|name| name.strip_prefix("kafka_")) {
        if let (Some(ours), Some(kafkas)) = (rate(name), rate(&format!("kafka_{name}"))) {
            println!("{name}: {:.1} times Kafka's", ours / kafkas);
        }
    }
    Ok(())
}

/// The engine natively, in Node and in Chromium.
fn engines(figures: &mut Map<String, Value>) -> Outcome {
    tools::all()?;
    let browser = tools::browser()?;
    gather(command("cargo bench --locked --bench figures --bench cluster"), figures)?;
    gather(in_wasm("--node", "figures_node"), figures)?;
    let mut chromium = in_wasm("--headless --chrome", "figures_browser");
    chromium.env("CHROMEDRIVER", &browser.driver);
    gather(chromium, figures)
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
