//! How long producers are in the calls of their transactions: `initTransactions()`, `commitTransaction()`, `abortTransaction()`,
//! `sendOffsetsToTransaction()`.
//!
//! No record fails meanwhile and none is sent: whoever only counts records sees a producer that is well. A call that has waited
//! for `max.block.ms` is made again, and is still the same wait.

use litemap::LiteMap;

use super::reason::{Why, reasons_of_writes};
use super::suffered::{InCall, Trouble, add_new};
use crate::broker::TRANSACTIONS_TOPIC;
use crate::lab::check::{Evidence, OUTAGE_US, When};
use crate::lab::observer::Observer;
use crate::note::{Note, TransactionCall, TransactionError, TransactionStep};
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, Time};

/// A call that has waited for so long has a reason to.
const WAIT_US: Time = 200 * MILLISECOND;
/// Calls that are kept of one producer for reports.
const KEPT: usize = 100;

/// A producer in a call.
#[derive(Clone, Debug)]
struct Wait {
    call: TransactionCall,
    from: When,
    /// How often it waited for `max.block.ms` in vain.
    timeouts: u64,
    why: Vec<Why>,
}

/// The watcher of calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    waits: LiteMap<ProcessId, Wait>,
    /// What is over.
    over: Vec<Trouble>,
    /// Those of them that have not been given yet.
    told: Vec<Trouble>,
}

impl Calls {
    /// Takes in what a process told.
    pub(super) fn observe(&mut self, note: &Note, now: When) {
        // It is about no transaction.
        let Note::Transaction { producer, step, .. } = note else { return };
        match step {
            TransactionStep::Commits => self.begin(*producer, TransactionCall::Commit, now),
            TransactionStep::Aborts => self.begin(*producer, TransactionCall::Abort, now),
            // The same call is made again.
            TransactionStep::Failed(TransactionError::TimedOut) => {
                if let Some(wait) = self.waits.get_mut(producer) {
                    wait.timeouts += 1;
                }
            }
            TransactionStep::Begun
            | TransactionStep::Committed
            | TransactionStep::Aborted
            | TransactionStep::Failed(TransactionError::Abortable(_) | TransactionError::Fatal(_)) => {
                self.end(*producer, now);
            }
        }
    }

    fn begin(&mut self, producer: ProcessId, call: TransactionCall, now: When) {
        self.end(producer, now);
        self.waits.insert(producer, Wait { call, from: now, timeouts: 0, why: Vec::new() });
    }

    /// A call has returned, or its process is at its end.
    pub(super) fn end(&mut self, producer: ProcessId, now: When) {
        // It was in none.
        let Some(wait) = self.waits.remove(&producer) else { return };
        let Some(trouble) = wait.trouble(producer, now) else { return };
        let trouble = Trouble { is_over: true, ..trouble };
        if self.over.iter().filter(|over| over.producer == producer).count() < KEPT {
            self.over.push(trouble.clone());
        }
        self.told.push(trouble);
    }

    /// Looks who is in a call, and why; gives what is over by now.
    pub(super) fn look(&mut self, now: When, observer: &Observer<'_>) -> Vec<Trouble> {
        for process in observer.names.producers().chain(observer.names.pipelines()) {
            let in_call = observer.in_call(process);
            match (in_call, self.waits.get(&process).map(|wait| wait.call)) {
                // It is in it still.
                (Some(call), Some(known)) if call == known => {}
                (Some(call), _) => self.begin(process, call, now),
                // A note tells that it has returned, but of offsets that are in the transaction now.
                (None, Some(TransactionCall::SendOffsets)) => self.end(process, now),
                // It is in none.
                (None, _) => {}
            }
            if let Some(wait) = self.waits.get_mut(&process).filter(|wait| now.time - wait.from.time >= WAIT_US) {
                add_new(&mut wait.why, &whys(process, observer));
            }
        }
        std::mem::take(&mut self.told)
    }

    /// What is not over.
    pub(super) fn open(&self, now: When) -> impl Iterator<Item = Trouble> {
        self.waits.iter().filter_map(move |(producer, wait)| wait.trouble(*producer, now))
    }

    /// All up to now.
    pub(super) fn all(&self, now: When) -> Vec<Trouble> {
        self.over.iter().cloned().chain(self.open(now)).collect()
    }
}

impl Wait {
    /// What a wait is by now, where it is worth a word: with a reason, or one that `max.block.ms` has ended. Else it is its records
    /// that a commit waits for, of which is told for themselves.
    fn trouble(&self, producer: ProcessId, now: When) -> Option<Trouble> {
        let us = now.time - self.from.time;
        (us >= OUTAGE_US && (self.timeouts > 0 || !self.why.is_empty())).then(|| {
            let in_call = InCall { call: self.call, us, timeouts: self.timeouts, why: self.why.clone() };
            Trouble { to: now, in_call: Some(in_call), ..Trouble::new(producer, None, self.from) }
        })
    }
}

/// What is wrong with the coordinator of a producer's transactions.
fn whys(producer: ProcessId, observer: &Observer<'_>) -> Vec<Why> {
    // It has no transactions.
    let Some(id) = observer.transactional_id(producer) else { return Vec::new() };
    let Some(seat) = observer.seat_of(TRANSACTIONS_TOPIC, id) else {
        let needs = observer.scenario.cluster.config.transaction_topic_replication_factor;
        let there = observer.image().brokers.values().filter(|broker| !broker.fenced).count();
        return (needs > there as u64).then_some(Why::TooFewBrokers { needs, there }).into_iter().collect();
    };
    let name = observer.names.partition(seat);
    let reasons = reasons_of_writes(producer, seat, observer);
    reasons.into_iter().map(|reason| Why::Coordinator(name.clone(), reason)).collect()
}
