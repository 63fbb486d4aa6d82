//! Figures of one replica's log, one a line: `figure NAME VALUE UNIT MEDIAN_OF`. `cargo xtask bench` gathers them.
//!
//! Time is that of the processor: one thread works, and neither its neighbours nor a real disk count. Kafka's own log is
//! measured the same way on the same data by `xtask/kafka/LogSpeed.java`.

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
mod append;
#[cfg(not(target_family = "wasm"))]
mod clean;
#[cfg(not(target_family = "wasm"))]
mod data;
#[cfg(not(target_family = "wasm"))]
mod read;

#[cfg(not(target_family = "wasm"))]
fn main() {
    for records_per_batch in [100, 1] {
        append::figure(records_per_batch);
        clean::figure(records_per_batch);
        read::figures(records_per_batch);
    }
}
