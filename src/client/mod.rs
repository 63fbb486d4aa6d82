//! Kafka's clients as libraries: producer, consumer, admin, partitioner.
//!
//! A client is a plain value that a program embeds. The program calls its methods, hands it each
//! input (`handle` gives back what is not the client's) and takes its events. A program may own several of each, every one
//! in a [`Slot`] of its own, so that their timers never meet. Topics are named by name. The network under them, with
//! connections, ApiVersions and metadata, is `network` (Kafka: `NetworkClient`); process `n` is broker `n`.

mod admin;
mod backoff;
mod consumer;
mod kind;
mod network;
mod node;
mod partitioner;
mod pattern;
mod producer;
mod retriable;
mod timer;

#[cfg(test)]
mod fake_broker;
#[cfg(test)]
mod fake_group;

pub use admin::{
    Admin, AdminCall, AdminEvent, AdminSettings, Ask, CallTimes, CommittedOffset, GroupDescription, Key,
    MemberDescription, NamedPartition, Told,
};
pub use consumer::{
    Consumer, ConsumerEvent, ConsumerRecord, ConsumerRecords, ConsumerSettings, GroupOffset, GroupSettings,
    MembershipSight, OffsetFound, OffsetReset,
};
pub use kind::ClientKind;
pub use network::NetworkSettings;
pub use partitioner::{murmur2, partition_of_key};
pub use pattern::TopicPattern;
pub use producer::{
    BatchOutcome, GroupOffsets, Header, PartitionSight, Producer, ProducerEvent, ProducerRecord, ProducerSettings,
    SendHandle,
};
pub use timer::{ClientTimer, Slot};

/// What a client hands its [`Context`](crate::sim::process::Context).
pub(crate) type ClientContext<'a> = crate::sim::process::Context<'a, crate::wire::Message, crate::note::Note>;
