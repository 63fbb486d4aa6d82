//! Which batches belong to aborted transactions, and which markers are of transactions without data: what
//! `CleanedTransactionMetadata` in Apache Kafka knows while the cleaner works its way through a log.

use std::collections::{BTreeMap, BTreeSet};

use super::error::CleanError;
use crate::log::batch::{BatchHeader, Body};
use crate::log::txn_index::AbortedTransaction;

/// The type of a control record that aborts a transaction.
const ABORT: i16 = 0;
/// The type of a control record that commits a transaction.
const COMMIT: i16 = 1;

/// Transactions on the way through a log.
#[derive(Clone, Debug, Default)]
pub struct CleanedTransactions {
    /// Aborted ones that begin further on, by first offset.
    ahead: BTreeMap<i64, AbortedTransaction>,
    /// Aborted ones that began, by producer, and whether data of theirs was seen.
    aborted: BTreeMap<i64, (AbortedTransaction, bool)>,
    /// Producers of whose transaction, not aborted, data was seen.
    committed: BTreeSet<i64>,
    /// Aborted ones whose marker was passed and whose data is still there.
    retained: Vec<AbortedTransaction>,
}

impl CleanedTransactions {
    /// Aborted transactions that the way may lead through. Those that are known are told again without harm.
    pub fn add_aborted(&mut self, aborted: impl IntoIterator<Item = AbortedTransaction>) {
        self.ahead.extend(aborted.into_iter().map(|aborted| (aborted.first_offset, aborted)));
    }

    /// Passes a batch; whether it may be dropped for the sake of transactions: aborted data, or the marker of a
    /// transaction whose data is all gone.
    pub fn pass(&mut self, header: &BatchHeader, batch: &[u8]) -> Result<bool, CleanError> {
        self.begin_up_to(header.last_offset());
        if header.is_control() { self.pass_marker(header, batch) } else { Ok(self.pass_data(header)) }
    }

    /// The aborted transactions to keep in the index, since this was last asked.
    pub fn take_retained(&mut self) -> Vec<AbortedTransaction> {
        std::mem::take(&mut self.retained)
    }

    fn begin_up_to(&mut self, offset: i64) {
        while let Some(first) = self.ahead.first_entry().filter(|first| *first.key() <= offset) {
            let aborted = first.remove();
            self.aborted.entry(aborted.producer_id).or_insert((aborted, false));
        }
    }

    fn pass_data(&mut self, header: &BatchHeader) -> bool {
        if !header.is_transactional() {
            return false;
        }
        if let Some((_, data_seen)) = self.aborted.get_mut(&header.producer_id) {
            *data_seen = true;
            return true;
        }
        self.committed.insert(header.producer_id);
        false
    }

    fn pass_marker(&mut self, header: &BatchHeader, batch: &[u8]) -> Result<bool, CleanError> {
        let body = Body::of(batch)?;
        let Some(marker) = body.records()?.next().transpose()? else {
            // An earlier pass left the batch empty.
            return Ok(true);
        };
        Ok(match control_type(marker.key)? {
            ABORT => match self.aborted.remove(&header.producer_id) {
                Some((aborted, true)) => {
                    self.retained.push(aborted);
                    false
                }
                // Nothing of the transaction stays that the marker would hide.
                Some((_, false)) | None => true,
            },
            COMMIT => !self.committed.remove(&header.producer_id),
            // A marker that ends no transaction stays as it is.
            _ => false,
        })
    }
}

/// `ControlRecordType.parse`: version and type, two bytes each.
fn control_type(key: Option<&[u8]>) -> Result<i16, CleanError> {
    match key {
        Some(&[version_high, _, high, low, ..]) if version_high < 0x80 => Ok(i16::from_be_bytes([high, low])),
        _ => Err(CleanError::InvalidRecord),
    }
}
