//! The built-in scenarios run in Node as everywhere.
#![cfg(target_family = "wasm")]

mod golden;

use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn the_built_in_scenarios_run_as_everywhere() {
    assert_eq!(golden::compute(), golden::expected());
}
