//! Scenario files: what they may say, how they are read, and what a run of one reports.

pub mod action;
pub mod builtin;
pub mod cost;
pub mod docs;
mod doubts;
pub mod effective;
pub mod error;
pub mod exchange;
pub mod finding;
pub mod keys;
mod known;
pub mod model;
mod nemesis;
mod parse;
mod plan;
mod programs;
mod reader;
pub mod report;
mod rules;
pub mod target;

pub use action::{Command, InterventionId, LinkEnd, Target};
pub use builtin::{BUILTINS, Builtin};
pub use cost::Cost;
pub use effective::Effective;
pub use error::{ScenarioError, Wrong};
pub use finding::{FindingClass, FindingKind};
pub use model::{
    ADMINISTRATOR, Allowance, Budget, ClientError, Cluster, Consumer, Delivery, Expectation, ExpectedError, Fault,
    Nemesis, Network, Pipeline, Producer, Scenario, Sort, Topic,
};
pub use parse::{Checked, check, parse};
pub use report::{
    EndReport, ExpectationOutcome, FailedSends, Finding, GroupReport, LagReport, OutageReport, ProducerReport,
    ReaderReport, RunReport, StallReport, TransactionCount, TransactionsReport, Warning, with_more,
};
pub use target::Processes;

pub use crate::lab::fault::FaultAction;
pub use crate::lab::units;
pub use crate::settings::{
    Acks, AutoOffsetReset, BrokerConfig, CleanupPolicy, Config, ConsumerConfig, MetadataRecovery, ProducerConfig,
    Ratio, TimestampType, TopicConfig,
};

impl Command {
    /// Reads what a person wants done at a time, such as `kill broker 2` or `slow link broker 1 - broker 2 by 100ms`. Its
    /// number is the first that a command may have: whoever gives several gives them others.
    pub fn read(at_us: u64, text: &str, scenario: &Scenario) -> Result<Self, Wrong> {
        let (action, target) = target::command(text, &Processes::of(scenario))?;
        Ok(Self { id: InterventionId::FIRST_BY_HAND, at_us, action, target })
    }
}
