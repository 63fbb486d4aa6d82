//! How the program sends in transactions, as Kafka's documentation has it: one behind the other, aborted when something fails,
//! closed when nothing helps.
//!
//! Its one thread is in a call while a coordinator is asked: no record is sent meanwhile. A call that waited in vain for
//! `max.block.ms` is made again, which is the only way to learn what became of it.

use super::load_generator::{LoadGenerator, LoadTimer};
use super::transactions::Progress;
use crate::note::{Note, TransactionCall, TransactionError, TransactionStep};
use crate::sim::process::Context;
use crate::wire::Message;

const MILLION: u64 = 1_000_000;

impl LoadGenerator {
    /// Whether the program may call `send()`. Where that would throw, the transaction is to be aborted.
    pub(super) fn may_send(&mut self) -> bool {
        if self.settings().transactions.is_none() {
            return true;
        }
        let has_failed = self.producer.transaction_error().is_some();
        self.transactions.is_due |= has_failed;
        self.transactions.is_open && !has_failed
    }

    /// The program has begun.
    pub(super) fn start_transactions(&mut self, context: &mut Context<'_, Message, Note>) {
        if self.settings().transactions.is_some() {
            self.producer.init_transactions(context);
        }
    }

    fn begin_transaction(&mut self, context: &mut Context<'_, Message, Note>) {
        let plan = self.settings().transactions.expect("it sends in transactions");
        if let Err(error) = self.producer.begin_transaction() {
            return self.give_up(error, context);
        }
        self.transactions = Progress { first: self.next_record(), is_open: true, is_due: false, is_over: false };
        self.tell(TransactionStep::Begun, context);
        context.set_timer(LoadTimer::End, context.now() + plan.every_us);
    }

    pub(super) fn transaction_is_due(&mut self) {
        self.transactions.is_due = true;
    }

    /// Ends the transaction that is to end, unless the program's thread is in `send()`.
    pub(super) fn end_transaction_if_due(&mut self, context: &mut Context<'_, Message, Note>) {
        let Progress { is_open, is_due, .. } = self.transactions;
        if !(is_open && is_due) || self.sending.is_some() || self.closing {
            return;
        }
        let plan = self.settings().transactions.expect("one is open");
        self.transactions.is_open = false;
        match self.producer.transaction_error() {
            Some(error) => self.abort_after(error, context),
            None if context.random().below(MILLION) < u64::from(plan.abort_ppm) => self.abort(context),
            None => {
                self.tell(TransactionStep::Commits, context);
                self.producer.commit_transaction(context);
            }
        }
        self.take_events(context);
    }

    fn abort_after(&mut self, error: TransactionError, context: &mut Context<'_, Message, Note>) {
        match error {
            TransactionError::Fatal(_) => self.give_up(error, context),
            TransactionError::Abortable(_) | TransactionError::TimedOut => {
                self.tell(TransactionStep::Failed(error), context);
                self.abort(context);
            }
        }
    }

    fn abort(&mut self, context: &mut Context<'_, Message, Note>) {
        self.tell(TransactionStep::Aborts, context);
        self.producer.abort_transaction(context);
    }

    /// A call has returned.
    pub(super) fn transaction_returned(
        &mut self,
        call: TransactionCall,
        result: Result<(), TransactionError>,
        context: &mut Context<'_, Message, Note>,
    ) {
        match (call, result) {
            // The first transaction begins below.
            (TransactionCall::Init, Ok(())) => {}
            (TransactionCall::Commit, Ok(())) => self.tell(TransactionStep::Committed, context),
            (TransactionCall::Abort, Ok(())) => self.tell(TransactionStep::Aborted, context),
            (call, Err(error @ TransactionError::TimedOut)) => {
                self.tell(TransactionStep::Failed(error), context);
                return self.call_again(call, context);
            }
            // Closing the producer aborts what is open.
            (TransactionCall::Commit, Err(error @ TransactionError::Abortable(_))) if self.closing => {
                self.tell(TransactionStep::Failed(error), context);
                self.tell(TransactionStep::Aborts, context);
            }
            (TransactionCall::Commit, Err(error)) => return self.abort_after(error, context),
            (TransactionCall::Init | TransactionCall::Abort, Err(error)) => return self.give_up(error, context),
            (TransactionCall::SendOffsets, _) => unreachable!("this program reads nothing"),
        }
        if !self.closing {
            self.begin_transaction(context);
        }
    }

    fn call_again(&mut self, call: TransactionCall, context: &mut Context<'_, Message, Note>) {
        if self.closing {
            return;
        }
        match call {
            TransactionCall::Init => self.producer.init_transactions(context),
            TransactionCall::Commit => self.producer.commit_transaction(context),
            TransactionCall::Abort => self.producer.abort_transaction(context),
            TransactionCall::SendOffsets => unreachable!("this program reads nothing"),
        }
    }

    /// Nothing helps: the producer is closed.
    fn give_up(&mut self, error: TransactionError, context: &mut Context<'_, Message, Note>) {
        self.tell(TransactionStep::Failed(error), context);
        if !self.transactions.is_over {
            self.transactions = Progress { is_over: true, ..Progress::default() };
            self.producer.close(context);
        }
    }

    /// The program is to end: closing its producer aborts what is open.
    pub(super) fn close_transactions(&mut self, context: &mut Context<'_, Message, Note>) {
        context.cancel_timer(LoadTimer::End);
        if std::mem::take(&mut self.transactions.is_open) {
            self.tell(TransactionStep::Aborts, context);
        }
    }

    fn tell(&self, step: TransactionStep, context: &mut Context<'_, Message, Note>) {
        context.note(Note::Transaction { producer: context.process(), first: self.transactions.first, step });
    }
}
