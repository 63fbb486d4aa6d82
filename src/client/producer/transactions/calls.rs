//! The calls of the program, and how they return (Kafka: `KafkaProducer`, `TransactionManager`).

use super::ask::Ask;
use super::group_offsets::GroupOffsets;
use super::standing::{Call, Transactions};
use super::state::State;
use crate::client::ClientContext;
use crate::client::producer::Producer;
use crate::client::producer::record::ProducerEvent;
use crate::client::timer::ClientTimer;
use crate::note::{SendError, TransactionCall, TransactionError};

impl Producer {
    /// Whether it has a `transactional.id`.
    pub(in crate::client::producer) fn is_transactional(&self) -> bool {
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
    pub(in crate::client::producer) fn refuses_to_send(&mut self) -> Option<SendError> {
        let transactions = self.transactions.as_mut()?;
        match transactions.failure() {
            Some(TransactionError::Abortable(error) | TransactionError::Fatal(error)) => {
                transactions.has_refused = true;
                Some(error)
            }
            Some(TransactionError::TimedOut) | None => {
                assert!(transactions.state == State::InTransaction, "a transactional producer sends in a transaction");
                None
            }
        }
    }

    pub(super) fn transactional(&mut self) -> &mut Transactions {
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
            transactions.offsets = Some(offsets);
            if transactions.joined.is_some() {
                transactions.asks.insert(Ask::Group);
            } else {
                transactions.is_started = true;
                transactions.asks.insert(Ask::Offsets);
            }
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
        transactions.joined.iter_mut().for_each(|joined| joined.abort());
        self.complete_transaction(false, context);
    }

    /// `beginCompletingTransaction`
    fn complete_transaction(&mut self, commits: bool, context: &mut ClientContext<'_>) {
        self.transactional().asks.insert(Ask::End { commits });
        self.end_linger(context.now());
    }

    /// The producer is closed: once all that waits is sent and answered, a transaction that the program left open is aborted.
    /// True where that begins (`Sender.run`).
    pub(in crate::client::producer) fn aborts_what_is_open(&mut self, context: &mut ClientContext<'_>) -> bool {
        let is_open = |state: State| state.is_ongoing() && !state.is_completing();
        let is_abandoned = self.closed && self.transactions.as_ref().is_some_and(|it| is_open(it.state) && !it.sleeps);
        let begins = is_abandoned && self.network.all_in_flight() == 0 && !self.has_undrained();
        if begins {
            self.begin_abort(context);
        }
        begins
    }

    /// The sender's thread has looked at what there is: of a record that was refused nothing is left. On closing it does so
    /// and waits behind it, for `request.timeout.ms` at most, as if there were nothing else to be done (seen of 4.3.1; the
    /// batch of such a record is the program's last trace, `KafkaProducer.doSend`).
    pub(in crate::client::producer) fn sender_looks(&mut self, is_closing: bool, context: &mut ClientContext<'_>) {
        let Some(transactions) = &mut self.transactions else { return };
        let had_refused = std::mem::take(&mut transactions.has_refused);
        transactions.sleeps = is_closing && had_refused;
        if transactions.sleeps {
            let at = context.now() + self.settings.network.request_timeout_us;
            self.network.set_timer(ClientTimer::Coordinator, at, context);
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
    pub(super) fn returns(&mut self, result: Result<(), TransactionError>) {
        // What ends then is of a producer that is closed.
        let Some(Call { call, is_awaited }) = self.transactional().call.take() else { return };
        if is_awaited {
            self.events.push_back(ProducerEvent::Returned { call, result });
        } else if result.is_ok() {
            self.transactional().late = Some(call);
        }
    }

    /// `max.block.ms` is over, and the program's thread goes on.
    pub(in crate::client::producer) fn give_up_call(&mut self) {
        if let Some(call) = self.transactions.as_mut().and_then(|it| it.call.as_mut()).filter(|call| call.is_awaited) {
            call.is_awaited = false;
            let (call, result) = (call.call, Err(TransactionError::TimedOut));
            self.events.push_back(ProducerEvent::Returned { call, result });
        }
    }

    /// The transaction can only be aborted (`transitionToAbortableError`): one that is being aborted is so already.
    pub(super) fn abortable(&mut self, error: SendError) {
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
    pub(super) fn fatal(&mut self, error: SendError) {
        let transactions = self.transactional();
        transactions.becomes(State::FatalError);
        transactions.error = Some(error);
        transactions.asks.clear();
        self.returns(Err(TransactionError::Fatal(error)));
    }
}
