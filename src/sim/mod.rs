//! The deterministic kernel: virtual time, seeded randomness, an event queue ordered by `(time, sequence)`, network
//! links and connections, disks, clocks, faults, and the [`Process`](process::Process) trait.
//!
//! A run is a function of its start and its faults: the same start and the same faults at the same virtual times give
//! the same events, bit for bit, on every target. The kernel knows nothing of logs; its tests run ping-pong players,
//! a bank and a counter.

pub mod chunks;
pub mod clock;
mod connection;
pub mod disk;
pub mod fates;
pub mod fault;
pub mod hash;
pub mod ids;
pub mod kernel;
mod link;
pub mod link_settings;
pub mod message;
pub mod network;
pub mod process;
pub mod queue;
pub mod random;
pub mod send_buffer;
pub mod sorted;
mod timers;

#[cfg(test)]
mod tests;

/// Virtual time in microseconds since the start of the run.
pub type Time = u64;

/// One millisecond of virtual time.
pub const MILLISECOND: Time = 1_000;

/// One second of virtual time.
pub const SECOND: Time = 1_000_000;
