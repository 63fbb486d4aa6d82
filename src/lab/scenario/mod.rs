//! Scenario files: what they may say, how they are read, and what a run of one reports.

pub mod action;
pub mod config;
pub mod finding;
pub mod model;
pub mod report;
pub mod setting;
pub mod units;

pub use action::{Command, FaultAction, LinkEnd, Target};
pub use config::{BrokerConfig, Config, ConsumerConfig, ProducerConfig, TopicConfig};
pub use finding::{FindingClass, FindingKind};
pub use model::{Cluster, Consumer, Expectation, Fault, Network, Producer, Scenario, Topic};
pub use report::{ExpectationOutcome, Finding, RunReport};
pub use setting::{Acks, AutoOffsetReset};
