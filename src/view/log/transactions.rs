//! The transactions in a window of a log.

use std::collections::BTreeMap;

use super::{BatchKind, Transaction};
use crate::log::batch::BatchHeader;

/// Transactions as their batches and markers tell them, in order of offset.
#[derive(Default)]
pub(in crate::view) struct Transactions {
    pub list: Vec<Transaction>,
    /// Those without a marker yet, by producer, as places in the list.
    open: BTreeMap<i64, usize>,
}

impl Transactions {
    /// Takes in the next batch, which is of this kind by itself.
    pub fn meet(&mut self, header: &BatchHeader, kind: BatchKind) {
        if !header.is_transactional() {
            return;
        }
        let (producer_id, base, last) = (header.producer_id, header.base_offset, header.last_offset());
        let place = match (self.open.get(&producer_id).copied(), kind) {
            (Some(place), _) => place,
            // A marker of a transaction without records, or whose records lie before the window.
            (None, BatchKind::Commit | BatchKind::Abort) => self.begin(producer_id, base),
            (
                None,
                BatchKind::Data | BatchKind::Open | BatchKind::Committed | BatchKind::Aborted | BatchKind::Control,
            ) => {
                let place = self.begin(producer_id, base);
                self.open.insert(producer_id, place);
                place
            }
        };
        let transaction = &mut self.list[place];
        transaction.last = last;
        transaction.kind = match kind {
            BatchKind::Commit => BatchKind::Committed,
            BatchKind::Abort => BatchKind::Aborted,
            other => other,
        };
        if transaction.kind != BatchKind::Open {
            self.open.remove(&producer_id);
        }
    }

    /// Whether the end of each has been met.
    pub fn none_is_open(&self) -> bool {
        self.open.is_empty()
    }

    fn begin(&mut self, producer_id: i64, first: i64) -> usize {
        self.list.push(Transaction { producer_id, first, last: first, kind: BatchKind::Open });
        self.list.len() - 1
    }

    /// What became of a producer's records at an offset.
    pub fn kind_of(&self, producer_id: i64, offset: i64) -> BatchKind {
        let of_it = |it: &&Transaction| it.producer_id == producer_id && it.last >= offset;
        let begun = &self.list[..self.list.partition_point(|it| it.first <= offset)];
        begun.iter().rev().find(of_it).map_or(BatchKind::Open, |transaction| transaction.kind)
    }
}
