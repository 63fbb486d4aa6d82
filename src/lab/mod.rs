//! Scenarios, the world that composes processes, commands, timeline, checkers.

pub mod check;
pub mod chunks;
pub mod names;
pub mod orders;
pub mod scenario;
pub mod timeline;
pub mod trace;
