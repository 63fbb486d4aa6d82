//! Random runs in Node: the same on every way, and as everywhere.
#![cfg(target_family = "wasm")]

#[path = "driver/mod.rs"]
mod driver;

use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[wasm_bindgen_test]
fn a_random_run_is_the_same_on_every_way_and_everywhere() {
    let lines = driver::cases_of_the_build(|line| console_log!("{line}"));
    assert_eq!(lines, driver::digests_of(lines.lines().count()));
}
