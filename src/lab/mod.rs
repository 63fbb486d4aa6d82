//! Scenarios, the world that composes processes, commands, timeline, checkers.

pub mod check;
pub mod fault;
pub mod interventions;
pub mod names;
pub mod node;
pub mod notable;
pub mod observer;
pub mod runner;
pub mod scenario;
mod scene;
pub mod session;
pub mod timeline;
pub mod trace;
pub mod units;
pub mod world;
