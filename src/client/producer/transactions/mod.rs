//! Transactions of a producer (KIP-98, KIP-890; Kafka: `TransactionManager`, `KafkaProducer`, at transaction version 2).
//!
//! The calls of the program are here, `requests` asks coordinators, `batches` is what batches have to do with it. A call that
//! waits for a coordinator blocks the program's thread: [`ProducerEvent::Returned`] tells that it has returned. With version 2
//! a partition becomes part of the transaction by its first Produce, a group by its TxnOffsetCommit; EndTxn gives the epoch
//! of the next transaction, in which sequence numbers begin again.
//!
//! All brokers here speak version 2, so the requests of version 1 (AddPartitionsToTxn and AddOffsetsToTxn of clients, the
//! epoch that a client raises by InitProducerId) are not.

mod batches;
mod requests;
mod state;

use std::collections::BTreeSet;

use super::Producer;
use super::record::ProducerEvent;
use crate::client::ClientContext;
use crate::client::timer::ClientTimer;
use crate::note::{SendError, TransactionCall, TransactionError};
use crate::sim::Time;
pub(super) use batches::FailedNumbers;
pub(super) use requests::Ask;
use state::State;

/// Offsets that a group has read up to, with who says so (Kafka: `ConsumerGroupMetadata`, `OffsetAndMetadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffsets {
    /// `group.id`
    pub group_id: String,
    /// The generation, or the member epoch; -1 for a consumer that is no member.
    pub generation: i32,
    /// The member's id; empty for a consumer that is no member.
    pub member_id: String,
    /// `group.instance.id`
    pub group_instance_id: Option<String>,
    /// Topic, partition and the next offset to read.
    pub offsets: Vec<(String, i32, i64)>,
}

/// A call of the program that a coordinator has to answer.
#[derive(Clone, Copy, Debug)]
struct Call {
    call: TransactionCall,
    /// The program's thread is in it; else it has waited for `max.block.ms`, and may make the same call again.
    is_awaited: bool,
}

/// What a producer with a `transactional.id` keeps beside any other.
#[derive(Clone, Debug)]
pub(super) struct Transactions {
    state: State,
    /// Why it is in a state of error.
    error: Option<SendError>,
    /// What is to be asked, the most urgent first.
    asks: BTreeSet<Ask>,
    /// What of it is asked again, after a pause.
    retried: BTreeSet<Ask>,
    /// When the pause before the next is over.
    pause_until: Option<Time>,
    /// A request is in flight: nothing else is sent meanwhile.
    is_in_flight: bool,
    coordinator: Option<i32>,
    group_coordinator: Option<i32>,
    /// What a TxnOffsetCommit still has to say.
    offsets: Option<GroupOffsets>,
    /// A record or an offset belongs to the transaction: its end has to be told to the coordinator.
    is_started: bool,
    call: Option<Call>,
    /// A call that the program waits for no more has come to its end all the same.
    late: Option<TransactionCall>,
}

impl Transactions {
    pub(super) fn new() -> Self {
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
            call: None,
            late: None,
        }
    }

    /// The next state.
    fn becomes(&mut self, next: State) {
        assert!(self.state.may_become(next), "{:?} is never followed by {next:?}", self.state);
        self.state = next;
    }

    /// Why nothing more can be done in this transaction, or at all.
    fn failure(&self) -> Option<TransactionError> {
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

    /// All that was begun is told, or nothing more can be done.
    pub(super) fn is_at_rest(&self) -> bool {
        self.state == State::FatalError || !self.state.is_ongoing() && self.asks.is_empty() && !self.is_in_flight
    }

    /// Batches do not linger that a transaction waits for (`RecordAccumulator.batchReady`).
    pub(super) fn ends_linger(&self) -> bool {
        self.state.is_completing()
    }

    /// A record of it was put into a batch (`maybeAddPartition`).
    pub(super) fn begin_with_record(&mut self) {
        self.is_started = true;
    }
}

impl Producer {
    /// Whether it has a `transactional.id`.
    pub(super) fn is_transactional(&self) -> bool {
        self.transactions.is_some()
    }

    /// Why the transaction cannot go on, or the producer is of no use any more; `None` as long as all is well.
    #[must_use]
    pub fn transaction_error(&self) -> Option<TransactionError> {
        self.transactions.as_ref()?.failure()
    }

    /// The call of a transaction that the program's thread is in.
    #[must_use]
    pub fn in_call(&self) -> Option<TransactionCall> {
        let call = self.transactions.as_ref()?.call?;
        call.is_awaited.then_some(call.call)
    }

    /// Why a call of `send()` fails at once: nothing is added to a transaction that can only be aborted.
    pub(super) fn refuses_to_send(&self) -> Option<SendError> {
        let transactions = self.transactions.as_ref()?;
        match transactions.failure() {
            Some(TransactionError::Abortable(error) | TransactionError::Fatal(error)) => Some(error),
            Some(TransactionError::TimedOut) | None => {
                assert!(transactions.state == State::InTransaction, "a transactional producer sends in a transaction");
                None
            }
        }
    }

    fn transactional(&mut self) -> &mut Transactions {
        self.transactions.as_mut().expect("only a producer with a transactional.id is asked for transactions")
    }

    /// `initTransactions()`: ends what a former producer with this id left open, and fences it.
    pub fn init_transactions(&mut self, context: &mut ClientContext<'_>) {
        if self.may_call(TransactionCall::Init, false) {
            self.producer = None;
            let transactions = self.transactional();
            transactions.becomes(State::Initializing);
            transactions.asks.insert(Ask::Init);
        }
        self.enter(context);
    }

    /// `beginTransaction()`, which asks nobody.
    ///
    /// # Errors
    /// Why the producer is of no use any more.
    pub fn begin_transaction(&mut self) -> Result<(), TransactionError> {
        let transactions = self.transactional();
        assert!(transactions.call.is_none(), "a call that was given up is to be made again first");
        transactions.failure().map_or(Ok(()), Err)?;
        transactions.becomes(State::InTransaction);
        Ok(())
    }

    /// `sendOffsetsToTransaction()`: what a group has read becomes part of the transaction.
    pub fn send_offsets_to_transaction(&mut self, offsets: GroupOffsets, context: &mut ClientContext<'_>) {
        if self.may_call(TransactionCall::SendOffsets, false) {
            let transactions = self.transactional();
            assert!(transactions.state == State::InTransaction, "offsets are sent in a transaction");
            transactions.is_started = true;
            transactions.offsets = Some(offsets);
            transactions.asks.insert(Ask::Offsets);
        }
        self.enter(context);
    }

    /// `commitTransaction()`: once all records are acknowledged the coordinator is asked to commit.
    pub fn commit_transaction(&mut self, context: &mut ClientContext<'_>) {
        if self.may_call(TransactionCall::Commit, false) {
            self.transactional().becomes(State::Committing);
            self.complete_transaction(true, context);
        }
        self.enter(context);
    }

    /// `abortTransaction()`: what was not sent yet is not sent, and the coordinator is asked to abort.
    pub fn abort_transaction(&mut self, context: &mut ClientContext<'_>) {
        if self.may_call(TransactionCall::Abort, true) {
            self.begin_abort(context);
        }
        self.enter(context);
    }

    fn begin_abort(&mut self, context: &mut ClientContext<'_>) {
        let transactions = self.transactional();
        transactions.becomes(State::Aborting);
        transactions.offsets = None;
        self.complete_transaction(false, context);
    }

    /// `beginCompletingTransaction`
    fn complete_transaction(&mut self, commits: bool, context: &mut ClientContext<'_>) {
        self.transactional().asks.insert(Ask::End { commits });
        self.end_linger(context.now());
    }

    /// The producer is closed: a transaction that the program left open is aborted (`Sender.run`).
    pub(super) fn abort_what_is_open(&mut self, context: &mut ClientContext<'_>) {
        let is_open = |state: State| state.is_ongoing() && !state.is_completing();
        if self.transactions.as_ref().is_some_and(|transactions| is_open(transactions.state)) {
            self.begin_abort(context);
        }
    }

    /// Whether this call begins something. One that was given up after `max.block.ms` and is made again goes on where it was;
    /// one after an error fails at once (`handleCachedTransactionRequestResult`, `maybeFailWithError`).
    fn may_call(&mut self, call: TransactionCall, may_follow_error: bool) -> bool {
        assert!(self.blocked.is_none(), "the program's thread is in send()");
        let transactions = self.transactional();
        if let Some(open) = &mut transactions.call {
            assert!(open.call == call && !open.is_awaited, "{call:?} while {open:?} is to be made again");
            open.is_awaited = true;
            return false;
        }
        transactions.call = Some(Call { call, is_awaited: true });
        if transactions.late.take() == Some(call) {
            self.returns(Ok(()));
            return false;
        }
        let failure = transactions.failure();
        match failure.filter(|failure| !may_follow_error || matches!(failure, TransactionError::Fatal(_))) {
            Some(failure) => self.returns(Err(failure)),
            None => return true,
        }
        false
    }

    /// The program's thread waits for a call.
    fn enter(&mut self, context: &mut ClientContext<'_>) {
        if self.in_call().is_some() {
            self.network.set_timer(ClientTimer::Block, context.now() + self.settings.max_block_us, context);
            self.run_sender(context);
        }
    }

    /// A call is at its end.
    fn returns(&mut self, result: Result<(), TransactionError>) {
        // What ends then is of a producer that is closed.
        let Some(Call { call, is_awaited }) = self.transactional().call.take() else { return };
        if is_awaited {
            self.events.push_back(ProducerEvent::Returned { call, result });
        } else if result.is_ok() {
            self.transactional().late = Some(call);
        }
    }

    /// `max.block.ms` is over, and the program's thread goes on.
    pub(super) fn give_up_call(&mut self) {
        if let Some(call) = self.transactions.as_mut().and_then(|it| it.call.as_mut()).filter(|call| call.is_awaited) {
            call.is_awaited = false;
            let (call, result) = (call.call, Err(TransactionError::TimedOut));
            self.events.push_back(ProducerEvent::Returned { call, result });
        }
    }

    /// The transaction can only be aborted (`transitionToAbortableError`): one that is being aborted is so already.
    fn abortable(&mut self, error: SendError) {
        let transactions = self.transactional();
        match transactions.state {
            // There is nothing worse than these.
            State::Aborting | State::FatalError => {}
            State::Uninitialized
            | State::Initializing
            | State::Ready
            | State::InTransaction
            | State::Committing
            | State::AbortableError => {
                transactions.becomes(State::AbortableError);
                transactions.error = Some(error);
            }
        }
    }

    /// The producer can only be closed (`transitionToFatalError`).
    fn fatal(&mut self, error: SendError) {
        let transactions = self.transactional();
        transactions.becomes(State::FatalError);
        transactions.error = Some(error);
        transactions.asks.clear();
        self.returns(Err(TransactionError::Fatal(error)));
    }
}
