//! The control record that ends a transaction in a partition: `EndTransactionMarker` in Apache Kafka.

use bytes::Bytes;

use super::batch::{self, BatchBuilder, BatchHeader};

/// What a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Whether the transaction was aborted; else it was committed.
    pub aborts: bool,
    /// The epoch of the coordinator that wrote it.
    pub coordinator_epoch: i32,
    /// When it was written.
    pub timestamp: i64,
}

const ABORT: i16 = 0;
const COMMIT: i16 = 1;

impl Marker {
    /// The marker in a control batch; `None` if there is none in it, or what is there is something else.
    pub fn read(header: &BatchHeader, bytes: &[u8]) -> Option<Marker> {
        if !header.is_control() {
            return None;
        }
        let record = batch::records(bytes).ok()?.next()?.ok()?;
        let aborts = match i16::from_be_bytes(*record.key?.get(2..)?.first_chunk()?) {
            ABORT => true,
            COMMIT => false,
            // A control record of another kind, such as one of the quorum.
            _ => return None,
        };
        let coordinator_epoch = i32::from_be_bytes(*record.value?.get(2..)?.first_chunk()?);
        Some(Marker { aborts, coordinator_epoch, timestamp: record.timestamp })
    }

    /// The control batch as a coordinator sends it.
    pub fn batch(&self, producer_id: i64, producer_epoch: i16) -> Bytes {
        let kind = if self.aborts { ABORT } else { COMMIT };
        let key = [[0, 0], kind.to_be_bytes()].concat();
        let value = [&[0, 0][..], &self.coordinator_epoch.to_be_bytes()].concat();
        let mut builder = BatchBuilder::new().producer(producer_id, producer_epoch, -1).transactional().control();
        builder.record(self.timestamp, Some(&key), Some(&value));
        builder.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        for aborts in [true, false] {
            let marker = Marker { aborts, coordinator_epoch: 7, timestamp: 1_700_000_000_000 };
            let bytes = marker.batch(4_000, 3);
            let header = batch::validate(&bytes).unwrap();
            assert_eq!((bytes.len(), header.is_transactional(), header.base_sequence), (78, true, -1));
            assert_eq!(Marker::read(&header, &bytes), Some(marker));
        }
    }

    #[test]
    fn data_is_no_marker() {
        let mut builder = BatchBuilder::new();
        builder.record(5, Some(&[0, 0, 0, 1]), Some(&[0; 6]));
        let bytes = builder.build();
        assert_eq!(Marker::read(&batch::validate(&bytes).unwrap(), &bytes), None);
    }
}
