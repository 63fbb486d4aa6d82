//! Figures of the native build, one a line: `figure NAME VALUE UNIT MEDIAN_OF`. `cargo xtask bench` gathers them.

#[cfg(not(target_family = "wasm"))]
mod ring;

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
#[allow(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
fn main() {
    let start = std::time::Instant::now();
    let rate = ring::events_per_second(2_000_000, || start.elapsed().as_secs_f64());
    println!("figure kernel_events_per_s_native {rate:.0} events/s 5");
}
