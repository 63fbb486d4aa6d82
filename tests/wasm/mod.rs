//! What is tested as wasm, by Node and by Chromium alike.

#[path = "../driver/mod.rs"]
mod driver;
mod figures;
#[path = "../golden/mod.rs"]
mod golden;
mod page_parts;
#[path = "../targets/mod.rs"]
mod targets;

use targets::kernel;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

#[wasm_bindgen_test]
fn the_kernel_runs_as_everywhere() {
    assert_eq!([1, 2, 3].map(kernel::hash), kernel::GOLDEN);
    assert_eq!(kernel::hash_of_derived(), kernel::DERIVED);
}

#[wasm_bindgen_test]
fn the_built_in_scenarios_run_as_everywhere() {
    assert_eq!(golden::compute(), golden::expected());
}

#[wasm_bindgen_test]
fn a_random_run_is_the_same_on_every_way_and_everywhere() {
    let lines = driver::cases_of_the_build(|line| console_log!("{line}"));
    assert_eq!(lines, driver::digests_of(lines.lines().count()));
}
