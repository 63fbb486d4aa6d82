//! What a producer with a `transactional.id` keeps beside any other (Kafka: the fields of `TransactionManager`).

use std::collections::BTreeSet;

use super::ask::Ask;
use super::group_offsets::GroupOffsets;
use super::joined::Joined;
use super::state::State;
use crate::client::producer::destination::Destination;
use crate::note::{SendError, TransactionCall, TransactionError};
use crate::sim::Time;

/// A call of the program that a coordinator has to answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) call: TransactionCall,
    /// The program's thread is in it; else it has waited for `max.block.ms`, and may make the same call again.
    pub(super) is_awaited: bool,
}

/// What a producer with a `transactional.id` keeps beside any other.
#[derive(Clone, Debug)]
pub(in crate::client::producer) struct Transactions {
    pub(super) state: State,
    /// Why it is in a state of error.
    pub(super) error: Option<SendError>,
    /// What is to be asked, the most urgent first.
    pub(super) asks: BTreeSet<Ask>,
    /// What of it is asked again, after a pause.
    pub(super) retried: BTreeSet<Ask>,
    /// When the pause before the next is over.
    pub(super) pause_until: Option<Time>,
    /// A request is in flight: nothing else is sent meanwhile.
    pub(super) is_in_flight: bool,
    pub(super) coordinator: Option<i32>,
    pub(super) group_coordinator: Option<i32>,
    /// What a TxnOffsetCommit still has to say.
    pub(super) offsets: Option<GroupOffsets>,
    /// A record or an offset belongs to the transaction: its end has to be told to the coordinator.
    pub(super) is_started: bool,
    /// What it has added to the transaction; `None` with version 2, where leaders do.
    pub(super) joined: Option<Joined>,
    pub(super) call: Option<Call>,
    /// A call that the program waits for no more has come to its end all the same.
    pub(super) late: Option<TransactionCall>,
    /// A record was refused behind an error. It was in a batch already, of which nobody has told the sender's thread.
    pub(super) has_refused: bool,
    /// The sender's thread gives that batch up while the producer is closed, and then waits for anything to come in.
    pub(super) sleeps: bool,
}

impl Transactions {
    /// Of a producer whose transactions are of version 2, or of version 1.
    pub(in crate::client::producer) fn new(bumps_epoch: bool) -> Self {
        Self {
            state: State::Uninitialized,
            error: None,
            asks: BTreeSet::new(),
            retried: BTreeSet::new(),
            pause_until: None,
            is_in_flight: false,
            coordinator: None,
            group_coordinator: None,
            offsets: None,
            is_started: false,
            joined: (!bumps_epoch).then(Joined::default),
            call: None,
            late: None,
            has_refused: false,
            sleeps: false,
        }
    }

    /// The next state.
    pub(super) fn becomes(&mut self, next: State) {
        assert!(self.state.may_become(next), "{:?} is never followed by {next:?}", self.state);
        self.state = next;
    }

    /// Why nothing more can be done in this transaction, or at all.
    pub(super) fn failure(&self) -> Option<TransactionError> {
        let error = || self.error.expect("a state of error has a reason");
        match self.state {
            State::AbortableError => Some(TransactionError::Abortable(error())),
            State::FatalError => Some(TransactionError::Fatal(error())),
            State::Uninitialized
            | State::Initializing
            | State::Ready
            | State::InTransaction
            | State::Committing
            | State::Aborting => None,
        }
    }

    /// Kafka's name of the state that it is in.
    pub(in crate::client::producer) fn state_name(&self) -> &'static str {
        self.state.name()
    }

    /// All that was begun is told, or nothing more can be done.
    pub(in crate::client::producer) fn is_at_rest(&self) -> bool {
        self.state == State::FatalError || !self.state.is_ongoing() && self.asks.is_empty() && !self.is_in_flight
    }

    /// Batches do not linger that a transaction waits for (`RecordAccumulator.batchReady`).
    pub(in crate::client::producer) fn ends_linger(&self) -> bool {
        self.state.is_completing()
    }

    /// A record of it was put into a batch (`maybeAddPartition`).
    pub(in crate::client::producer) fn begin_with_record(&mut self, of: Destination) {
        match &mut self.joined {
            Some(joined) => joined.add(of),
            None => self.is_started = true,
        }
    }

    /// Whether batches for a partition may be sent.
    pub(in crate::client::producer) fn lets_send_to(&self, of: Destination) -> bool {
        self.joined.as_ref().is_none_or(|joined| joined.has(of))
    }
}
