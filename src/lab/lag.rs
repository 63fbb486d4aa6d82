//! What a group's lag is made of. Lag is counted in offsets, and not every offset is a record that a member will be given: markers
//! of transactions take offsets, and so do records of aborted and open transactions for readers of committed ones, and those that
//! compaction took. Whoever waits for a lag of 0 that is made of these waits for ever.

use std::ops::Range;

use super::observer::Observer;
use crate::log::batch::{BatchHeader, Body};
use crate::log::marker::Marker;
use crate::wire::TopicPartition;

/// Offsets between what is committed and the high watermark, by what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Records that a member will be given.
    pub records: u64,
    /// Markers at the ends of transactions, which nobody is given.
    pub markers: u64,
    /// Records of aborted transactions.
    pub aborted: u64,
    /// Records of transactions that are not over yet.
    pub open: u64,
    /// Offsets with nothing there any more.
    pub compacted: u64,
}

impl Lag {
    /// All of it: what `kafka-consumer-groups` shows.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { records, markers, aborted, open, compacted } = self;
        records + markers + aborted + open + compacted
    }

    /// What lies at `offsets` of a broker's replica. For readers of uncommitted records, too, what is aborted or open is a record.
    #[must_use]
    pub fn of(
        observer: &Observer<'_>,
        (broker, partition): (i32, TopicPartition),
        offsets: Range<i64>,
        committed_only: bool,
    ) -> Self {
        let mut lag = Self::default();
        let ends = ends_of_transactions(observer, (broker, partition), offsets.start);
        observer.batch_bytes(broker, partition, offsets.start, offsets.end, &mut |header, bytes| {
            let count = records_in(bytes, &offsets).unwrap_or(header.record_count.max(0).unsigned_abs().into());
            *lag.part(header, &ends, committed_only) += count;
        });
        let all = offsets.end.saturating_sub(offsets.start).max(0).cast_unsigned();
        lag.compacted = all.saturating_sub(lag.total());
        lag
    }

    /// Where the records of a batch count.
    fn part(&mut self, header: &BatchHeader, ends: &[(i64, i64, bool)], committed_only: bool) -> &mut u64 {
        if header.is_control() {
            return &mut self.markers;
        }
        if !header.is_transactional() || !committed_only {
            return &mut self.records;
        }
        let end =
            ends.iter().find(|(producer, offset, _)| *producer == header.producer_id && *offset > header.base_offset);
        match end {
            Some((.., true)) => &mut self.aborted,
            Some((.., false)) => &mut self.records,
            None => &mut self.open,
        }
    }
}

/// How many records of a batch lie at these offsets; `None` where it cannot be read.
fn records_in(batch: &[u8], offsets: &Range<i64>) -> Option<u64> {
    let body = Body::of(batch).ok()?;
    let records = body.records().ok()?.flatten();
    Some(records.filter(|record| offsets.contains(&record.offset)).count() as u64)
}

/// Of each marker at or above an offset whose it is, where it is and whether it aborts.
fn ends_of_transactions(
    observer: &Observer<'_>,
    (broker, partition): (i32, TopicPartition),
    from: i64,
) -> Vec<(i64, i64, bool)> {
    let mut ends = Vec::new();
    observer.batch_bytes(broker, partition, from, i64::MAX, &mut |header, bytes| {
        if let Some(marker) = Marker::read(header, bytes) {
            ends.push((header.producer_id, header.base_offset, marker.aborts));
        }
    });
    ends
}
