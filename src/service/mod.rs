//! Programs that live on the log.
//!
//! A program is a process of its own. It embeds clients ([`crate::client`]), calls them as an application calls Kafka's,
//! and tells observers with notes what it was promised and what it was given.

mod administrator;
mod dead_letter;
mod load_generator;
mod made;
mod pace;
mod pipeline;
mod reader;
mod telling;
mod transactional;
mod transactions;
mod work;

pub use administrator::{AdminCommand, Administrator, PlannedCommand, WrongCommand};
pub use dead_letter::Poison;
pub use load_generator::{LoadGenerator, LoadSettings};
pub use pace::Pace;
pub use pipeline::{Pipeline, PipelineSettings};
pub use reader::{Commits, Reader, ReaderSettings};
pub use telling::Sendings;
pub use transactions::TransactionPlan;
pub use work::{Spread, Work};
