//! What a shard is handed with an operation, and what it makes of it.

use kafka_protocol::ResponseError;

use super::record::CoordinatorRecord;
use crate::broker::settings::BrokerSettings;
use crate::note::Note;
use crate::sim::Time;
use crate::sim::random::Random;
use crate::wire::{ClusterImage, Response};

/// Who waits for an answer: a request under way, or a part of one. No two are the same in the life of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    pub(super) wait: u32,
    pub(super) serial: u32,
    pub(super) part: u32,
}

impl Ticket {
    /// The ticket of a test, which waits for nothing.
    #[must_use]
    pub fn numbered(serial: u32) -> Self {
        Self { wait: 0, serial, part: 0 }
    }

    /// The number of the request.
    #[must_use]
    pub fn serial(self) -> u32 {
        self.serial
    }
}

/// What a shard may know beside its own state.
pub struct Moment<'a> {
    /// The machine's monotonic clock.
    pub now: Time,
    /// Its wall clock, for what is written.
    pub wall_ms: i64,
    /// The broker's.
    pub settings: &'a BrokerSettings,
    /// The cluster as the broker knows it.
    pub image: &'a ClusterImage,
    /// The client that asks.
    pub client: Client,
    /// The broker's stream of randomness.
    pub random: &'a mut Random,
}

/// A client, as a broker sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its `client.id`.
    pub id: String,
    /// Where it is.
    pub host: String,
    /// The version of the API at which it asks.
    pub version: i16,
}

/// The producer of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its id.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
}

/// What became of a write.
pub type Settled = Result<(), ResponseError>;

/// What an operation comes to.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// What has to be in the log for it, in one batch.
    pub records: Vec<CoordinatorRecord>,
    /// The transaction that this batch is part of.
    pub transaction: Option<Transaction>,
    /// Who is answered once this batch, and all before it, is committed.
    pub answers: Vec<(Ticket, Response)>,
    /// Who is answered at once.
    pub told: Vec<(Ticket, Response)>,
    /// What observers are told once this batch is written.
    pub notes: Vec<Note>,
    /// Under this number the shard hears what became of the batch.
    pub then: Option<u64>,
}
