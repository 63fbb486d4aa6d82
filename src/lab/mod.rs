//! Scenarios, the world that composes processes, commands, timeline, checkers.

pub mod branch;
pub mod check;
pub mod chronicle;
pub mod coverage;
pub mod explore;
pub mod fault;
pub mod fork;
pub mod interventions;
pub mod names;
pub mod nemesis;
pub mod node;
pub mod notable;
pub mod observer;
pub mod runner;
pub mod scenario;
mod scene;
pub mod session;
pub mod shared;
pub mod since;
pub mod story;
pub mod timeline;
pub mod trace;
pub mod tree;
pub mod trouble;
pub mod units;
mod unmet;
pub mod world;
