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
