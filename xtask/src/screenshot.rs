//! `cargo xtask screenshot`: what the page looks like, for eyes and for the README.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::webdriver::{Window, text};
use crate::{Outcome, e2e, page, run, server, tools};

/// Width, height and whether it is a telephone.
const SIZES: [(u32, u32, bool); 2] = [(1440, 900, false), (390, 844, true)];

/// The pictures of a window, one after another: what its file's name ends in, and how it comes to be.
const VIEWS: [(&str, &str); 3] = [("", BUSY_INSTANT), ("-lost", LOST_RECORDS), ("-log", OPEN_BATCH)];

/// Pictures of the Log view: a scenario, and the instant at which it shows what it is about.
const LOGS: [(&str, u64); 7] = [
    ("segment-rolls", 26_100_000),
    ("retention-against-slow-consumer", 18_500_000),
    ("power-loss-torn-batch", 20_000_000),
    ("index-rebuilt", 30_000_000),
    ("compaction-step-by-step", 15_007_000),
    ("tombstone-two-passes", 26_000_000),
    ("aborted-transaction-skipped", 20_000_000),
];

/// The Log view of a scenario at an instant, from so far away that most of a compacted log is seen.
const LOG_AT: &str = "
    const [toml, time] = given;
    await window.loglab.load(toml);
    await window.loglab.seek(time);
    document.dispatchEvent(new KeyboardEvent('keydown', { key: '2', bubbles: true }));
    const log = () => window.loglab.frame().log;
    for (let tries = 0; tries < 200 && !(log() && log().offsets > 5); tries++)
        await new Promise(done => setTimeout(done, 50));
    const compacted = log().replicas.some(it => it.cleaning);
    for (let steps = 0; steps < 3; steps++)
        document.dispatchEvent(new KeyboardEvent('keydown', { key: compacted ? '{' : '}', bubbles: true }));
    await new Promise(done => setTimeout(done, 500));";

/// Pictures of the Stage: a scenario, and an instant at which much is broken, drawn by the nemesis, a group rebalances, a transaction is
/// open, a pipeline has lost a member.
const STAGES: [(&str, u64); 4] = [
    ("nemesis", 45_000_000),
    ("rebalance-stops-the-world", 16_500_000),
    ("open-transaction-blocks-readers", 30_000_000),
    ("pipeline-nemesis", 30_000_000),
];

/// The Stage of a scenario at an instant.
const STAGE_AT: &str = "
    const [toml, time] = given;
    await window.loglab.load(toml);
    await window.loglab.seek(time);
    document.dispatchEvent(new KeyboardEvent('keydown', { key: '1', bubbles: true }));
    await new Promise(done => setTimeout(done, 1000));";

/// The same with a row of the rail selected, or another button pressed.
const SELECT: &str = "
    const [row] = given;
    [...document.querySelectorAll('button')].find(it => it.getAttribute('aria-label')?.startsWith(row))?.click();
    await new Promise(done => setTimeout(done, 600));";

/// An acknowledged record is lost: the finding's partition is selected.
const LOST_RECORDS: &str = "
    await window.loglab.seek(11300000);
    const row = [...document.querySelectorAll('.rail button.row')]
        .find(it => it.getAttribute('aria-label')?.startsWith('orders-0'));
    row.click();
    for (let tries = 0; tries < 200 && !window.loglab.frame().because.length; tries++)
        await new Promise(done => setTimeout(done, 50));
    await new Promise(done => setTimeout(done, 300));";

/// The same in the Log view, with a batch open.
const OPEN_BATCH: &str = "
    const press = key => document.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    const log = () => window.loglab.frame().log;
    const until = async holds => {
        for (let tries = 0; tries < 200 && !holds(); tries++) await new Promise(done => setTimeout(done, 50));
    };
    press('2');
    await until(() => log() && log().offsets > 5);
    press('b');
    await until(() => log().open);
    await new Promise(done => setTimeout(done, 500));";

/// Goes to an instant at which something is on its way, and lets it be drawn.
const BUSY_INSTANT: &str = "
    for (let time = 1800000; time < 1900000; time += 250) {
        await window.loglab.seek(time);
        if (window.loglab.frame().packets.length >= 3) break;
    }
    await new Promise(done => setTimeout(done, 300));";

/// A picture that was asked for: `SCENARIO@SECONDS` is its Stage, `SCENARIO@SECONDS:log` its Log view,
/// `SCENARIO@SECONDS:ROW` the Stage with a row of the rail selected.
struct Wish<'a> {
    scenario: &'a str,
    at_us: u64,
    row: Option<&'a str>,
}

impl<'a> Wish<'a> {
    fn read(text: &'a str) -> Outcome<Self> {
        let (scenario, rest) = text.split_once('@').ok_or_else(|| format!("`{text}` is no SCENARIO@SECONDS[:ROW]"))?;
        let (seconds, row) = rest.split_once(':').map_or((rest, None), |(seconds, row)| (seconds, Some(row)));
        let seconds: f64 = seconds.parse().map_err(|e| format!("`{seconds}`: {e}"))?;
        Ok(Self { scenario, at_us: (seconds * 1e6) as u64, row })
    }
}

/// Builds the page, unless `--built` says that it is, and takes its pictures, or those that are asked for.
pub fn task(arguments: &[String]) -> Outcome {
    let browser = tools::browser()?;
    let (options, wishes): (Vec<String>, Vec<String>) = arguments.iter().cloned().partition(|it| it.starts_with('-'));
    let wishes: Vec<Wish> = wishes.iter().map(|text| Wish::read(text)).collect::<Outcome<_>>()?;
    let address = server::start(page::built(&options)?)?;
    let folder = run::reports()?.join("screenshots");
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    for (width, height, mobile) in SIZES {
        for theme in ["dark", "light"] {
            let mut window = Window::open(&browser)?;
            let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
            window.chromium("Emulation.setDeviceMetricsOverride", &screen)?;
            let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
            window.chromium("Emulation.setEmulatedMedia", &media)?;
            e2e::load(&mut window, &address)?;
            let take = |window: &mut Window, go: &str, arguments: &[Value], name: &str| {
                window.wait(go, arguments)?;
                let picture = window.chromium("Page.captureScreenshot", &json!({ "format": "png" }))?;
                let file = folder.join(format!("{width}x{height}-{theme}{name}.png"));
                let bytes = BASE64.decode(text(&picture, "/data")).map_err(|e| format!("a picture: {e}"))?;
                std::fs::write(&file, bytes).map_err(|e| format!("{}: {e}", file.display()))?;
                println!("{}", file.display());
                Ok::<(), String>(())
            };
            for Wish { scenario, at_us, row } in &wishes {
                let name = format!("-{scenario}-{at_us}-{}", row.unwrap_or_default());
                let go = if *row == Some("log") { LOG_AT } else { STAGE_AT };
                let of_row = row.filter(|row| *row != "log");
                if let Some(row) = of_row {
                    window.wait(go, &[json!(toml(scenario)?), json!(at_us)])?;
                    take(&mut window, SELECT, &[json!(row)], &name)?;
                } else {
                    take(&mut window, go, &[json!(toml(scenario)?), json!(at_us)], &name)?;
                }
            }
            if !wishes.is_empty() {
                continue;
            }
            for (view, go) in VIEWS {
                take(&mut window, go, &[], view)?;
            }
            let logs = LOGS.map(|(scenario, time)| (scenario, time, LOG_AT));
            let stages = STAGES.map(|(scenario, time)| (scenario, time, STAGE_AT));
            for (scenario, time, go) in logs.into_iter().chain(stages) {
                take(&mut window, go, &[json!(toml(scenario)?), json!(time)], &format!("-{scenario}"))?;
            }
        }
    }
    Ok(())
}

/// The file of a built-in scenario.
fn toml(scenario: &str) -> Outcome<String> {
    let path = run::top().join(format!("www/scenarios/{scenario}.toml"));
    std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}
