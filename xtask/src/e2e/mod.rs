//! The built page in a real Chromium, used as a person uses it.

use std::path::Path;

use serde_json::Value;

use crate::run::Count;
use crate::tools::Browser;
use crate::webdriver::Window;
use crate::{Outcome, page, server, tools};

mod controls;
mod coordination;
mod files;
mod log_view;
mod runs;

type Test = fn(&mut Window) -> Outcome;

const TESTS: [(&str, Test); 23] = [
    ("the_first_load_shows_a_running_scenario", runs::first_load),
    ("a_killed_leader_is_replaced_and_the_run_replays_to_the_same_hash", runs::leader_killed),
    ("acting_in_the_past_begins_a_branch_and_keeps_the_old_future", runs::act_in_the_past),
    ("the_hash_on_screen_is_that_of_the_command_line", runs::same_hash_as_the_command_line),
    ("a_panic_of_the_engine_keeps_the_commands_and_replays_to_the_event_before", runs::engine_panics),
    ("nothing_is_asked_of_another_host", runs::no_third_party),
    ("a_broken_scenario_file_tells_its_line_and_the_right_word", files::broken_file),
    ("files_that_are_no_scenario_are_refused_and_lose_nothing", files::absurd_files),
    ("buttons_play_step_and_scrub_in_both_directions", controls::transport),
    ("every_key_of_the_list_does_what_it_says", controls::keys),
    ("commands_are_recorded_at_their_virtual_time", controls::commands),
    ("a_telephone_shows_everything_by_touch", controls::telephone),
    ("focus_is_seen_and_the_canvas_is_in_the_document", controls::accessible),
    ("the_log_view_shows_the_replicas_and_opens_a_batch_to_its_bytes", log_view::opens_a_batch),
    ("the_passes_of_the_cleaner_are_seen_step_by_step", log_view::cleaner),
    ("disks_are_damaged_by_hand_and_the_log_view_shows_it", log_view::damages_disks),
    ("less_motion_turns_travel_into_steps", controls::less_motion),
    ("a_member_is_killed_and_its_group_rebalances", coordination::rebalances),
    ("a_rebalance_is_a_bar_with_its_reason_and_who_stood_still", coordination::rebalance_bars),
    ("the_selected_thing_has_a_sentence_and_marks_a_legend", coordination::sentence_and_legend),
    ("no_words_of_the_timeline_are_crossed_or_cut_off", controls::timeline_words),
    ("a_transaction_is_followed_from_its_id_to_the_log", coordination::transactions),
    ("the_log_view_moves_and_keeps_to_the_selected_partition", log_view::moves),
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

/// Helpers that every test may use: waiting for a condition instead of for a time, and a person's ways to act.
const HELPERS: &str = "
    const lab = window.loglab;
    const frame = () => lab.frame();
    const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    const until = async (what, holds) => {
        for (let tries = 0; tries < 600; tries++) {
            const value = await holds();
            if (value) {
                // What the state says already is drawn a little later.
                await drawn();
                return value;
            }
            await new Promise(done => setTimeout(done, 50));
        }
        throw new Error('waited in vain: ' + what + '; ' + JSON.stringify(lab.state()));
    };
    const press = key => (document.activeElement || document.body)
        .dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    const named = (selector, words) => {
        const found = [...document.querySelectorAll(selector)].find(it =>
            (it.getAttribute('aria-label') || it.title || it.innerText || '').trim().startsWith(words));
        if (!found) throw new Error('there is no ' + selector + ' named ' + words);
        return found;
    };
    const still = () => until('an answer', () => !lab.state().busy);
    const drop = file => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(file);
        const target = document.elementFromPoint(innerWidth / 2, innerHeight / 2) || document.body;
        for (const type of ['dragenter', 'dragover', 'drop'])
            target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
    };
";

/// Runs a script with the [`HELPERS`]; a condition that does not hold is thrown by the script itself.
fn act(window: &mut Window, script: &str, arguments: &[Value]) -> Outcome<Value> {
    window.wait(&format!("{HELPERS}{script}"), arguments)
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}
