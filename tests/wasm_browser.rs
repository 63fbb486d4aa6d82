//! What is tested as wasm, in Chromium. One program: each is built, and prepared by the runner, for itself.
#![cfg(target_family = "wasm")]

mod wasm;

use wasm_bindgen_test::wasm_bindgen_test_configure;

/// What figures are called by.
const TARGET: &str = "chromium";

wasm_bindgen_test_configure!(run_in_browser);
