//! How quickly the built page answers in a real Chromium: the figures of the page in `target/bench.json`.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::run::top;
use crate::tools::Browser;
use crate::webdriver::Window;
use crate::{Outcome, e2e, server};

/// Loads of which the median counts.
const LOADS: usize = 5;
/// Seeks to random instants of the run.
const SEEKS: usize = 200;
/// Events of the run in which instants are sought.
const EVENTS: u64 = 1_000_000;

/// Notes when the first run is on the screen: the canvas has its picture and the picture has been handed over.
const WATCH_FIRST_FRAME: &str = "
    const look = () => {
        const canvas = document.querySelector('.view canvas');
        if (window.loglab && window.loglab.hash() && canvas && canvas.width > 300)
            requestAnimationFrame(() => { window.firstFrame = performance.now(); });
        else
            requestAnimationFrame(look);
    };
    requestAnimationFrame(look);";

/// Measures the page and adds its figures.
pub fn measure(dist: &Path, browser: &Browser, figures: &mut Map<String, Value>) -> Outcome {
    let address = server::start(dist.to_path_buf())?;
    let mut loads = Vec::new();
    for _ in 0..LOADS {
        let mut window = Window::open(browser)?;
        window.chromium("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": WATCH_FIRST_FRAME }))?;
        e2e::load(&mut window, &address)?;
        let wait = "while (!window.firstFrame) await new Promise(requestAnimationFrame); return window.firstFrame;";
        loads.push(number(&window.wait(wait, &[])?)?);
    }
    add(figures, "first_frame_ms_chromium", &mut loads, 50);
    let mut window = Window::open(browser)?;
    e2e::load(&mut window, &address)?;
    let mut seeks = seeks(&mut window)?;
    add(figures, "seek_p50_ms_chromium", &mut seeks, 50);
    add(figures, "seek_p95_ms_chromium", &mut seeks, 95);
    Ok(())
}

/// The times of seeks from the call to the drawn picture, in a run of a million events.
fn seeks(window: &mut Window) -> Outcome<Vec<f64>> {
    const SEEK: &str = "
        const [toml, events, seeks] = given, lab = window.loglab;
        await lab.load(toml);
        document.querySelector('.transport button[aria-label=Pause]')?.click();
        const whole = lab.frame().run.duration_us;
        for (let part = 1; part <= 60 && lab.frame().run.events_computed < events; part++)
            await lab.seek(whole * part / 60);
        const end = lab.frame().run.time_us, times = [];
        let state = 1;
        const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
        for (let n = 0; n < seeks; n++) {
            const start = performance.now();
            await lab.seek(Math.floor(random() * end));
            times.push(performance.now() - start);
        }
        return { times, events: lab.frame().run.events_computed };";
    let path = top().join("www/scenarios/bench-3-brokers.toml");
    let toml = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let answer = window.wait(SEEK, &[json!(toml), json!(EVENTS), json!(SEEKS)])?;
    if answer["events"].as_u64().is_none_or(|events| events < EVENTS) {
        return Err(format!("the run has only {} events", answer["events"]));
    }
    answer["times"].as_array().into_iter().flatten().map(number).collect()
}

fn number(value: &Value) -> Outcome<f64> {
    value.as_f64().ok_or_else(|| format!("{value} instead of a time"))
}

fn add(figures: &mut Map<String, Value>, name: &str, times: &mut [f64], percent: usize) {
    times.sort_by(f64::total_cmp);
    let value = times.get(times.len() * percent / 100).copied().unwrap_or_default();
    let value = (value * 10.0).round() / 10.0;
    println!("{name}: {value} ms");
    figures.insert(name.into(), json!({ "value": value, "unit": "ms", "median_of": times.len() }));
}
