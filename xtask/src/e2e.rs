//! The built page in a real Chromium, used as a person uses it.

use std::path::Path;

use serde_json::{Value, json};

use crate::run::Count;
use crate::tools::Browser;
use crate::webdriver::{Window, text};
use crate::{Outcome, page, server, tools};

type Test = fn(&mut Window) -> Outcome;

const TESTS: [(&str, Test); 1] = [("the_first_load_shows_a_running_scenario", first_load)];

/// `cargo xtask e2e`: builds the page and tests it.
pub fn task() -> Outcome {
    let count = run(&page::build()?)?;
    println!("\n{} passed, {} failed", count.passed, count.failed);
    Ok(())
}

/// Runs every test in its own window on the built page.
pub fn run(dist: &Path) -> Outcome<Count> {
    let browser = tools::browser()?;
    let address = server::start(dist.to_path_buf())?;
    let mut count = Count::default();
    for (name, test) in TESTS {
        match run_one(&browser, &address, test) {
            Ok(()) => {
                println!("test {name} ... ok");
                count.passed += 1;
            }
            Err(why) => {
                println!("test {name} ... FAILED\n{why}");
                count.failed += 1;
            }
        }
    }
    match count.failed {
        0 => Ok(count),
        failed => Err(format!("{failed} of {} tests of the page failed", TESTS.len())),
    }
}

/// A test has failed, too, if the page has complained on the console.
fn run_one(browser: &Browser, address: &str, test: Test) -> Outcome {
    let mut window = Window::open(browser)?;
    let result = load(&mut window, address).and_then(|()| test(&mut window));
    let errors = window.errors()?;
    result.map_err(|why| format!("{why}\nconsole: {errors:#?}"))?;
    if errors.is_empty() { Ok(()) } else { Err(format!("errors on the console: {errors:#?}")) }
}

/// Opens the page and waits until a run is on the screen.
pub fn load(window: &mut Window, address: &str) -> Outcome {
    const READY: &str = "
        for (let tries = 0; tries < 300; tries++) {
            if (window.loglab && window.loglab.hash() && window.loglab.frame()) return true;
            await new Promise(done => setTimeout(done, 100));
        }
        throw new Error('no run on the screen after 30 seconds');";
    window.go(address)?;
    window.wait(READY, &[]).map(drop)
}

fn first_load(window: &mut Window) -> Outcome {
    let state = window.script("return window.loglab.state();", &[])?;
    expect(state.get("panic").is_none_or(Value::is_null), || format!("the engine panicked: {state}"))?;
    let hash = window.script("return window.loglab.hash();", &[])?;
    let hash = hash.as_str().unwrap_or_default();
    expect(hash.len() == 16 && hash.chars().all(|digit| digit.is_ascii_hexdigit()), || format!("no hash: {hash:?}"))?;
    let start = window.wait("await window.loglab.seek(0); return window.loglab.frame();", &[])?;
    let later =
        window.wait("await window.loglab.seek(arguments[0]); return window.loglab.frame();", &[json!(2_000_000)])?;
    expect(text(&start, "/run/hash") != text(&later, "/run/hash"), || "nothing happened in two seconds".into())
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}
