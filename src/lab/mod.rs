//! Scenarios, the world that composes processes, commands, timeline, checkers.

pub mod scenario;
