//! The log cleaner: what `cleanup.policy=compact` does to a log. Of each key the latest record stays; offsets and order
//! never change.
//!
//! | module | what it knows |
//! |---|---|
//! | [`logs`] | the logs themselves, as whoever owns them hands them over |
//! | [`candidates`] | what of a log can be cleaned, and how dirty it is |
//! | [`manager`] | which log is next; checkpoints; who is left alone |
//! | [`offset_map`] | the latest offset of each key |
//! | [`transactions`] | what is aborted, which markers still mean something |
//! | [`filter`], [`rewrite`] | which records stay, and their batches written anew |
//! | [`grouping`] | which segments become one |
//! | [`pass`], [`buffer`], [`mapping`] | one cleaning of one log, in steps |
//! | [`replacement`] | how cleaned segments take the place of the old ones |
//! | [`threads`], [`throttle`] | the threads that do it, and their pace |
//! | [`stats`], [`metrics`] | what is counted and shown |

pub mod buffer;
pub mod candidates;
pub mod error;
pub mod filter;
pub mod grouping;
pub mod logs;
pub mod manager;
pub mod mapping;
pub mod metrics;
pub mod offset_map;
pub mod pass;
pub mod replacement;
pub mod rewrite;
pub mod stats;
pub mod threads;
pub mod throttle;
pub mod transactions;

pub use candidates::{LogToClean, OffsetsToClean};
pub use error::{CleanError, LogCleaningError};
pub use logs::{Logs, Partition};
pub use manager::{CleaningState, LogCleanerManager};
pub use metrics::CleanerMetrics;
pub use pass::{CleanerBuffers, CleaningPass, Doing, Progress};
pub use stats::{CleanerStats, PreCleanStats};
pub use threads::{CleanerConfig, LogCleaner, RemovedSegments};

#[cfg(test)]
mod cases_tests;
#[cfg(all(test, not(target_family = "wasm")))]
mod properties;
