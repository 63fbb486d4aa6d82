//! Which fetched batches a reader of committed records skips (Kafka: `CompletedFetch`).

use std::collections::BTreeSet;

use kafka_protocol::messages::fetch_response::AbortedTransaction;

use crate::log::batch::BatchHeader;
use crate::log::marker::Marker;

/// The aborted transactions that a Fetch told of, as far as its batches have been looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Aborted {
    /// First offset and producer id, by offset; those in front have begun.
    ahead: Vec<(i64, i64)>,
    /// Producers whose transaction at this place was aborted.
    producers: BTreeSet<i64>,
}

impl Aborted {
    pub(super) fn of(told: Option<&[AbortedTransaction]>) -> Self {
        let told = told.unwrap_or_default().iter();
        let mut ahead: Vec<(i64, i64)> = told.map(|it| (it.first_offset, it.producer_id.0)).collect();
        // Last comes what is taken first.
        ahead.sort_unstable();
        ahead.reverse();
        Self { ahead, producers: BTreeSet::new() }
    }

    /// Whether the next batch is part of an aborted transaction. An abort marker is where that ends.
    pub(super) fn skips(&mut self, header: &BatchHeader, bytes: &[u8]) -> bool {
        while let Some((_, producer)) = self.ahead.pop_if(|(offset, _)| *offset <= header.last_offset()) {
            self.producers.insert(producer);
        }
        if Marker::read(header, bytes).is_some_and(|marker| marker.aborts) {
            self.producers.remove(&header.producer_id);
        }
        header.is_transactional() && self.producers.contains(&header.producer_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::batch::{BatchBuilder, batches};

    /// A batch of a transaction of producer 1, from this offset on.
    fn data(offset: i64, records: i64) -> Vec<u8> {
        let mut builder = BatchBuilder::new().at(offset, 0).producer(1, 0, offset as i32).transactional();
        for number in 0..records {
            builder.record(number, None, Some(b"v"));
        }
        builder.build().to_vec()
    }

    fn marker(offset: i64, aborts: bool) -> Vec<u8> {
        let marker = Marker { aborts, coordinator_epoch: 0, ..marker_of_now() };
        crate::log::batch::with_offset_and_epoch(&marker.batch(1, 0), offset, 0).to_vec()
    }

    fn marker_of_now() -> Marker {
        Marker { aborts: true, coordinator_epoch: 0, timestamp: 7 }
    }

    #[test]
    fn of_a_transaction_with_two_abort_markers_and_one_behind_it_exactly_the_committed_records_are_left() {
        // FetcherTest.testMultipleAbortMarkers.
        let log = [data(0, 2), marker(2, true), marker(3, true), data(4, 2), marker(6, false)].concat();
        let told = AbortedTransaction::default().with_producer_id(1.into()).with_first_offset(0);
        let mut aborted = Aborted::of(Some(&[told]));
        let kept = batches(&log).filter(|(header, bytes)| !aborted.skips(header, bytes) && !header.is_control());
        let offsets: Vec<i64> = kept.flat_map(|(header, _)| header.base_offset..=header.last_offset()).collect();
        assert_eq!(offsets, [4, 5]);
    }

    #[test]
    fn of_two_transactions_of_one_producer_only_the_aborted_one_is_skipped() {
        let log = [data(0, 1), marker(1, false), data(2, 1), marker(3, true), data(4, 1)].concat();
        let told = AbortedTransaction::default().with_producer_id(1.into()).with_first_offset(2);
        let mut aborted = Aborted::of(Some(&[told]));
        let skipped: Vec<bool> = batches(&log).map(|(header, bytes)| aborted.skips(&header, bytes)).collect();
        assert_eq!(skipped, [false, false, true, false, false]);
    }
}
