//! The kernel: takes the earliest event, hands it to its process, carries out what the process asked for.
//!
//! Every event has a number (1 for the first) and the numbers of the events that caused it. Whatever an observer could see happen is
//! an event: a message that reaches a machine whose process cannot take it yet, or that nobody takes, is one, too. So the
//! number of an event is one instant, however a run was brought there. A cancelled timer is no event: it is neither
//! numbered nor hashed. A kernel is a value: its clone is a snapshot that shares what did not change, and goes on exactly as the
//! original would.

mod arrival;
mod faults;
mod inbox;
mod messages;
#[cfg(all(test, not(target_family = "wasm")))]
mod send_buffer_tests;
mod send_buffers;
mod state;
mod step;
mod touched;

pub use state::{Arrived, Kernel, Reception, Status};
