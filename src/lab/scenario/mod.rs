//! Scenario files: what they may say, how they are read, and what a run of one reports.

pub mod action;
pub mod builtin;
pub mod docs;
pub mod error;
pub mod finding;
pub mod keys;
pub mod model;
mod parse;
mod reader;
pub mod report;
mod rules;
pub mod target;
pub mod units;

pub use action::{Command, FaultAction, LinkEnd, Object, Target};
pub use builtin::{BUILTINS, Builtin};
pub use error::{ScenarioError, Wrong};
pub use finding::{FindingClass, FindingKind};
pub use model::{Cluster, Consumer, Expectation, Fault, Network, Producer, Scenario, Topic};
pub use parse::parse;
pub use report::{ExpectationOutcome, FailedSends, Finding, RunReport, Warning};
pub use target::Cast;

pub use crate::settings::{
    Acks, AutoOffsetReset, BrokerConfig, CleanupPolicy, Config, ConsumerConfig, ProducerConfig, Ratio, TimestampType,
    TopicConfig,
};

impl Command {
    /// Reads what a person wants done at a time, such as `kill broker 2` or `slow link broker 1 - broker 2 by 100ms`.
    pub fn read(at_us: u64, text: &str, scenario: &Scenario) -> Result<Self, Wrong> {
        let (action, target) = target::command(text, &Cast::of(scenario))?;
        Ok(Self { at_us, action, target })
    }
}
