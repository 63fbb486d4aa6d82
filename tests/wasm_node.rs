//! The golden runs in Node.
#![cfg(target_family = "wasm")]

mod targets;

use targets::kernel;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn the_kernel_runs_as_everywhere() {
    assert_eq!([1, 2, 3].map(kernel::hash), kernel::GOLDEN);
    assert_eq!(kernel::hash_of_derived(), kernel::DERIVED);
}
