//! What readers are given of transactions, and what of transactions is promised.
//!
//! A transaction whose `commitTransaction()` was called is committed or aborted, whatever its producer is told, until that is
//! told which; one that was never to be committed never is.

use super::History;
use super::transaction::{Fate, Transaction};
use crate::lab::check::{Evidence, Findings};
use crate::lab::scenario::FindingKind;
use crate::note::{RecordId, TransactionStep};
use crate::sim::chunks::Chunks;
use crate::wire::TopicPartition;

impl History {
    /// A producer's transaction came a step further.
    pub(super) fn transaction(
        &mut self,
        producer: u32,
        first: u64,
        step: TransactionStep,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let of = self.transactions.entry(producer).or_default();
        if step == TransactionStep::Begun {
            return of.push(Transaction { first, fate: Fate::Open, given_to: Vec::new() });
        }
        let last = of.len().checked_sub(1);
        // What fails before the first has begun is about none.
        let Some(transaction) = last.and_then(|last| of.get_mut(last)) else { return };
        transaction.fate = match (step, transaction.fate) {
            (TransactionStep::Commits, _) => Fate::Unknown,
            (TransactionStep::Committed, _) => Fate::Committed,
            (TransactionStep::Aborted, _) | (TransactionStep::Aborts, Fate::Open) => Fate::Aborted,
            (TransactionStep::Begun | TransactionStep::Aborts | TransactionStep::Failed(_), fate) => fate,
        };
        if transaction.fate == Fate::Aborted {
            self.given_in_vain.append(&mut transaction.given_to);
            self.find_given_in_vain(evidence, findings);
        }
    }

    /// Consumers that were given a record before its transaction was aborted.
    pub(super) fn find_given_in_vain(&mut self, evidence: &dyn Evidence, findings: &mut Findings) {
        for (consumer, partition, offset) in std::mem::take(&mut self.given_in_vain) {
            let what = format!("offset {offset}");
            read_too_much(FindingKind::AbortedRead, (consumer, partition), &what, evidence, findings);
        }
    }

    /// A producer's process is at its end: what it did not ask to commit is aborted, by its next life or by its coordinator.
    pub(super) fn abandon_transactions(&mut self, producer: u32) {
        // Others send in none.
        let Some(of) = self.transactions.get_mut(&producer) else { return };
        let last = of.len().checked_sub(1);
        if let Some(transaction) = last.and_then(|last| of.get_mut(last)).filter(|it| it.fate == Fate::Open) {
            transaction.fate = Fate::Aborted;
            self.given_in_vain.append(&mut transaction.given_to);
        }
    }

    /// A consumer was given a record.
    pub(super) fn given(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        offset: i64,
        record: RecordId,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Most records belong to none.
        let Some(transaction) = self.transaction_of(record) else { return };
        let kind = match transaction.fate {
            Fate::Open if evidence.reads_committed(consumer) => Some(FindingKind::UncommittedRead),
            Fate::Aborted => Some(FindingKind::AbortedRead),
            // Who reads what is uncommitted reads before it is decided whether that counts.
            Fate::Open | Fate::Unknown | Fate::Committed => None,
        };
        // What becomes of it, and of the rest of it, is seen later.
        if transaction.fate != Fate::Aborted
            && !is_given_to(transaction, consumer)
            && let Some(transaction) = self.transaction_mut(record)
        {
            transaction.given_to.push((consumer, partition, offset));
        }
        if let Some(kind) = kind {
            let what = format!("{} at offset {offset}", evidence.record_name(record));
            read_too_much(kind, (consumer, partition), &what, evidence, findings);
        }
    }

    /// Whether an acknowledged record stays: one of a transaction does once that is committed.
    pub(super) fn is_promised(&self, record: RecordId) -> bool {
        self.transaction_of(record).is_none_or(|transaction| transaction.fate == Fate::Committed)
    }

    /// What it is where a consumer went past an acknowledged record; `None` where it had to.
    pub(super) fn passing_is(&self, consumer: u32, record: RecordId, evidence: &dyn Evidence) -> Option<FindingKind> {
        let transaction = self.transaction_of(record).filter(|_| evidence.reads_committed(consumer));
        let Some(transaction) = transaction else { return Some(FindingKind::Unseen) };
        let is_torn = is_given_to(transaction, consumer);
        match transaction.fate {
            Fate::Committed | Fate::Unknown if is_torn => Some(FindingKind::TornTransaction),
            Fate::Committed => Some(FindingKind::Unseen),
            Fate::Open | Fate::Unknown | Fate::Aborted => None,
        }
    }

    fn transaction_of(&self, record: RecordId) -> Option<&Transaction> {
        let of = self.transactions.get(&record.producer)?;
        of.get(place_in(of, record.number)?)
    }

    fn transaction_mut(&mut self, record: RecordId) -> Option<&mut Transaction> {
        let of = self.transactions.get_mut(&record.producer)?;
        let place = place_in(of, record.number)?;
        of.get_mut(place)
    }
}

fn is_given_to(transaction: &Transaction, consumer: u32) -> bool {
    transaction.given_to.iter().any(|(to, ..)| *to == consumer)
}

/// The place of the last transaction that begins at or before a record: the others at its number are empty.
fn place_in(of: &Chunks<Transaction>, number: u64) -> Option<usize> {
    of.partition_point(|transaction| transaction.first <= number).checked_sub(1)
}

fn read_too_much(
    kind: FindingKind,
    (consumer, partition): (u32, TopicPartition),
    what: &str,
    evidence: &dyn Evidence,
    findings: &mut Findings,
) {
    let how = if kind == FindingKind::AbortedRead { "is aborted" } else { "nobody has asked to commit" };
    let reads = if evidence.reads_committed(consumer) { "committed" } else { "uncommitted, too" };
    let about = format!(
        "{} reads what is {reads}, and was given {what} of {}, of a transaction that {how}",
        evidence.process_name(consumer),
        evidence.partition_name(partition),
    );
    findings.add(kind, partition, about);
}
