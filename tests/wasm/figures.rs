//! Figures of the engine. `cargo xtask bench` runs what is ignored here, optimised.

#[path = "../../benches/cluster_rate.rs"]
mod cluster_rate;
#[path = "../../benches/ring.rs"]
mod ring;

use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use crate::TARGET;

#[wasm_bindgen_test]
#[ignore = "a measurement"]
fn kernel_events_per_second() {
    let rate = ring::events_per_second(1_000_000, || js_sys::Date::now() / 1000.0);
    console_log!("figure kernel_events_per_s_{TARGET} {rate:.0} events/s 5");
}

#[wasm_bindgen_test]
#[ignore = "a measurement"]
fn cluster_events_per_second() {
    let rate = cluster_rate::events_per_second(|| js_sys::Date::now() / 1000.0);
    console_log!("figure events_per_s_{TARGET} {rate:.0} events/s 5");
}
