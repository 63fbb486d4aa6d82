//! The built page in a real Chromium, used as a person uses it.

use std::path::Path;

use serde_json::{Value, json};

use crate::run::Count;
use crate::tools::Browser;
use crate::webdriver::{Window, text};
use crate::{Outcome, page, server, tools};

type Test = fn(&mut Window) -> Outcome;

const TESTS: [(&str, Test); 4] = [
    ("the_first_load_shows_a_running_scenario", first_load),
    ("a_killed_leader_is_replaced_and_the_run_replays_to_the_same_hash", leader_killed),
    ("acting_in_the_past_drops_later_commands_and_says_so", act_in_the_past),
    ("a_broken_scenario_file_tells_its_line_and_the_right_word", broken_file),
];

/// A cluster without faults of its own, so that what happens to it is what a test does.
const QUIET: &str = r#"
title = "Quiet"
seed = 3
duration = "60s"

[cluster]
brokers = 3

[[topic]]
name = "orders"
partitions = 1
replication-factor = 3

[[producer]]
name = "checkout"
topic = "orders"
rate = "20/s"
keys = 5
"#;

/// `cargo xtask e2e`: builds the page, unless `--built` says that it is, and tests it.
pub fn task(arguments: &[String]) -> Outcome {
    let count = run(&page::built(arguments)?)?;
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
        const state = window.loglab ? JSON.stringify(window.loglab.state()) : 'window.loglab is not there';
        throw new Error('no run on the screen after 30 seconds; ' + state);";
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

/// Kills the leader, sees a new one, goes back before that, forward again, and reads the same hash.
fn leader_killed(window: &mut Window) -> Outcome {
    let answer = window.wait(
        "const [toml] = given, lab = window.loglab;
         const leader = () => lab.frame().partitions.find(p => p.topic === 'orders' && p.index === 0);
         await lab.load(toml);
         await lab.seek(5_000_000);
         const before = { hash: lab.hash(), ...leader() };
         await lab.command('kill leader of orders-0');
         await lab.seek(30_000_000);
         const after = { hash: lab.hash(), ...leader() };
         await lab.seek(4_000_000);
         const back = { hash: lab.hash(), ...leader() };
         await lab.seek(30_000_000);
         const again = { hash: lab.hash(), ...leader() };
         return { before, after, back, again };",
        &[json!(QUIET)],
    )?;
    let leader = |when: &str| answer[when]["leader"].as_i64().unwrap_or(-1);
    let hash = |when: &str| answer[when]["hash"].as_str().unwrap_or_default();
    expect(leader("before") >= 0, || format!("no leader at the start: {answer}"))?;
    expect(leader("after") >= 0 && leader("after") != leader("before"), || format!("no new leader: {answer}"))?;
    expect(leader("back") == leader("before"), || format!("the past changed: {answer}"))?;
    expect(hash("back") != hash("after"), || format!("two instants with one hash: {answer}"))?;
    expect(hash("again") == hash("after"), || format!("the replay differs: {answer}"))
}

fn act_in_the_past(window: &mut Window) -> Outcome {
    let answer = window.wait(
        "const [toml] = given, lab = window.loglab;
         await lab.load(toml);
         await lab.seek(8_000_000);
         await lab.command('kill broker 1');
         await lab.seek(4_000_000);
         const dropped = await lab.command('kill broker 2');
         return { dropped, commands: lab.state().commands };",
        &[json!(QUIET)],
    )?;
    let dropped = answer["dropped"].to_string();
    expect(dropped.contains("kill broker 1"), || format!("the dropped command is not named: {answer}"))?;
    let commands = answer["commands"].to_string();
    expect(commands.contains("kill broker 2") && !commands.contains("kill broker 1"), || {
        format!("other commands than the one left: {commands}")
    })
}

fn broken_file(window: &mut Window) -> Outcome {
    let broken = QUIET.replace("partitions", "partitons");
    let line = broken.lines().zip(1..).find_map(|(line, number)| line.contains("partitons").then_some(number));
    let answer = window.wait(
        "const [toml] = given, lab = window.loglab, before = lab.frame().run.title;
         const dataTransfer = new DataTransfer();
         dataTransfer.items.add(new File([toml], 'broken.toml'));
         const target = document.elementFromPoint(innerWidth / 2, innerHeight / 2) || document.body;
         for (const type of ['dragenter', 'dragover', 'drop'])
             target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
         for (let tries = 0; tries < 100 && lab.state().errors.length === 0; tries++)
             await new Promise(done => setTimeout(done, 100));
         await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
         return { errors: lab.state().errors, text: document.body.innerText, before, after: lab.frame().run.title };",
        &[json!(broken)],
    )?;
    let error = &answer["errors"][0];
    let message = text(error, "/message");
    expect(message.contains("partitons") && message.contains("partitions"), || {
        format!("the error does not help: {answer}")
    })?;
    expect(error["line"].as_u64() == line, || format!("not line {line:?}: {error}"))?;
    expect(text(&answer, "/text").contains(message), || format!("the error is not on the screen: {answer}"))?;
    expect(answer["before"] == answer["after"], || format!("the broken file replaced the run: {answer}"))
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}
