//! Scenarios, the world that composes processes, commands, timeline, checkers.

mod applies;
pub mod check;
mod damage;
pub mod interventions;
pub mod names;
pub mod node;
pub mod notable;
pub mod observer;
pub mod runner;
pub mod scenario;
pub mod session;
pub mod timeline;
pub mod trace;
pub mod world;
