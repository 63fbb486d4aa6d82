//! Histories of clients as files: what each called, and what it was told, a JSON object a line, as Jepsen's histories are. A run
//! writes one, and so may anything that talks to a real Kafka; the checkers of runs are held against both.

mod check;
mod line;
mod log;
mod record;

#[cfg(all(test, not(target_family = "wasm")))]
mod tests;

pub use check::{HistoryReport, check};
pub use line::{HistoryError, LINES_MAX, OFFSET_MAX};
pub use record::Recorder;
