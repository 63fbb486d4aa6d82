//! What became of the transactions of producers: an acknowledged record is not a committed one.

use std::sync::Arc;

use litemap::LiteMap;

use super::names::Names;
use super::observer::Observer;
use crate::note::{Note, SendOutcome, TransactionStep};
use crate::sim::process::ProcessId;

/// Transactions, and the records in them that were acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Transactions.
    pub transactions: u64,
    /// Acknowledged records in them.
    pub records: u64,
}

impl Count {
    fn add(&mut self, records: u64) {
        self.transactions += 1;
        self.records += records;
    }
}

/// What became of a producer's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The producer was told that they are committed.
    pub committed: Count,
    /// They are aborted: by it, or by its next life.
    pub aborted: Count,
    /// Their coordinator has aborted them: `transaction.timeout.ms` was over.
    pub timed_out: Count,
    /// It has asked to commit them, and was not told what came of it.
    pub unknown: Count,
    open: Option<Open>,
}

/// The transaction that is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Open {
    acknowledged: u64,
    was_to_commit: bool,
}

impl Ledger {
    /// The transaction that is open, if one is.
    #[must_use]
    pub fn open(&self) -> Count {
        self.open.map_or(Count::default(), |open| Count { transactions: 1, records: open.acknowledged })
    }

    fn close(&mut self, of: impl FnOnce(&mut Self) -> &mut Count) {
        // Its coordinator has ended it before.
        let Some(open) = self.open.take() else { return };
        of(self).add(open.acknowledged);
    }

    /// Another one begins: what became of the last one its producer did not live to be told.
    fn begin(&mut self) {
        if self.open.is_some_and(|open| open.was_to_commit) {
            self.close(|ledger| &mut ledger.unknown);
        }
        self.close(|ledger| &mut ledger.aborted);
        self.open = Some(Open::default());
    }
}

/// The ledgers of all producers.
#[derive(Clone, Debug, Default)]
pub struct Ledgers(LiteMap<ProcessId, Arc<Ledger>>);

impl Ledgers {
    /// Takes in what a process told. What is about no transaction is nothing to it.
    pub fn observe(&mut self, note: &Note, observer: &Observer<'_>) {
        if let Note::Transaction { producer, step, .. } = note {
            let ledger = Arc::make_mut(self.0.entry(*producer).or_default());
            match step {
                TransactionStep::Begun => ledger.begin(),
                TransactionStep::Commits => {
                    if let Some(open) = &mut ledger.open {
                        open.was_to_commit = true;
                    }
                }
                TransactionStep::Committed => ledger.close(|ledger| &mut ledger.committed),
                TransactionStep::Aborted => ledger.close(|ledger| &mut ledger.aborted),
                // What comes of it is told, or its next life decides.
                TransactionStep::Aborts | TransactionStep::Failed(_) => {}
            }
        } else if let Note::SendDone { record, outcome: SendOutcome::Acknowledged { .. }, .. } = note {
            if let Some(ledger) = self.0.get_mut(&record.producer)
                && ledger.open.is_some()
                && let Some(open) = &mut Arc::make_mut(ledger).open
            {
                open.acknowledged += 1;
            }
        } else if let Note::TransactionTimedOut { transactional_id, .. } = note
            && let Some(process) = sender_of(transactional_id, observer.names, observer)
            && let Some(ledger) = self.0.get_mut(&process)
        {
            Arc::make_mut(ledger).close(|ledger| &mut ledger.timed_out);
        }
    }

    /// What became of a producer's transactions; `None` where it has none.
    #[must_use]
    pub fn of(&self, producer: ProcessId) -> Option<&Ledger> {
        self.0.get(&producer).map(|ledger| &**ledger)
    }
}

/// The process that has a transactional id, the first of several.
pub(super) fn sender_of(id: &str, names: &Names, observer: &Observer<'_>) -> Option<ProcessId> {
    names.producers().chain(names.pipelines()).find(|process| observer.transactional_id(*process) == Some(id))
}
