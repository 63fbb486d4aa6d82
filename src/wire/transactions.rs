//! WriteTxnMarkers as it is spoken from version 2 on (KIP-1228), which `kafka-protocol` does not know.

#[cfg(not(target_family = "wasm"))]
use bytes::{Buf, BufMut, Bytes};
use kafka_protocol::messages::write_txn_markers_request::WritableTxnMarkerTopic;
use kafka_protocol::messages::{ProducerId, WriteTxnMarkersResponse};
#[cfg(not(target_family = "wasm"))]
use kafka_protocol::protocol::{Decodable, Encodable};

#[cfg(not(target_family = "wasm"))]
use super::content::Encoded;
use super::content::{Content, Field, fields};
use crate::sim::hash::RunHash;

/// Markers that say by which rules their epochs are to be checked; those of version 1 do not, and mean the older ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnMarkersRequest {
    /// One for each transaction.
    pub markers: Vec<TxnMarker>,
}

/// What ends one transaction in some partitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnMarker {
    /// Whose transaction it is.
    pub producer_id: ProducerId,
    /// With transaction version 2 one more than that of its batches.
    pub producer_epoch: i16,
    /// Whether it is committed.
    pub transaction_result: bool,
    /// Where it wrote.
    pub topics: Vec<WritableTxnMarkerTopic>,
    /// The leader epoch of the coordinator's partition.
    pub coordinator_epoch: i32,
    /// The transaction version of the client that ended it.
    pub transaction_version: i8,
}

/// Its answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxnMarkersResponse(pub WriteTxnMarkersResponse);

fields! {
    TxnMarkersRequest { markers }
    TxnMarker {
        producer_id, producer_epoch, transaction_result, topics, coordinator_epoch, transaction_version
    }
}

impl Content for TxnMarkersRequest {
    fn fold(&self, hash: &mut RunHash) {
        Field::fold(self, hash);
    }

    fn size(&self) -> usize {
        Field::size(self)
    }

    fn errors(&self) -> Vec<i16> {
        Vec::new()
    }
}

impl Content for TxnMarkersResponse {
    fn fold(&self, hash: &mut RunHash) {
        Field::fold(&self.0, hash);
    }

    fn size(&self) -> usize {
        Field::size(&self.0)
    }

    fn errors(&self) -> Vec<i16> {
        super::content::errors_of(&self.0)
    }
}

#[cfg(not(target_family = "wasm"))]
fn encoded(message: &impl Encodable, version: i16) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes, version).map(|()| bytes).map_err(|error| error.to_string())
}

#[cfg(not(target_family = "wasm"))]
fn decoded<M: Decodable>(bytes: &[u8], version: i16) -> Result<(M, usize), String> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let decoded = M::decode(&mut rest, version);
    decoded.map(|it| (it, bytes.len() - rest.len())).map_err(|error| error.to_string())
}

/// The answer to version 2 has the bytes of that to version 1.
#[cfg(not(target_family = "wasm"))]
impl Encoded for TxnMarkersResponse {
    fn encoded(&self, _: i16) -> Option<Result<Vec<u8>, String>> {
        Some(encoded(&self.0, 1))
    }

    fn decoded(bytes: &[u8], _: i16) -> Option<Result<(Self, usize), String>> {
        Some(decoded(bytes, 1).map(|(it, size)| (Self(it), size)))
    }
}

#[cfg(not(target_family = "wasm"))]
impl Encoded for TxnMarkersRequest {
    fn encoded(&self, version: i16) -> Option<Result<Vec<u8>, String>> {
        Some(self.bytes(version))
    }

    fn decoded(bytes: &[u8], version: i16) -> Option<Result<(Self, usize), String>> {
        let mut rest = Bytes::copy_from_slice(bytes);
        let read =
            Self::read(&mut rest, version).ok_or_else(|| "not enough bytes, or fields that are not known".to_owned());
        Some(read.map(|it| (it, bytes.len() - rest.len())))
    }
}

/// The version at which topics of a marker are written: version 2 has them as version 1.
#[cfg(not(target_family = "wasm"))]
const TOPIC_VERSION: i16 = 1;
/// The first version that says the transaction version of a marker.
#[cfg(not(target_family = "wasm"))]
const FIRST_VERSIONED: i16 = 2;

#[cfg(not(target_family = "wasm"))]
impl TxnMarkersRequest {
    fn bytes(&self, version: i16) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        put_length(&mut bytes, self.markers.len());
        for marker in &self.markers {
            bytes.put_i64(marker.producer_id.0);
            bytes.put_i16(marker.producer_epoch);
            bytes.put_u8(marker.transaction_result.into());
            put_length(&mut bytes, marker.topics.len());
            for topic in &marker.topics {
                topic.encode(&mut bytes, TOPIC_VERSION).map_err(|error| error.to_string())?;
            }
            bytes.put_i32(marker.coordinator_epoch);
            if version >= FIRST_VERSIONED {
                bytes.put_i8(marker.transaction_version);
            }
            bytes.put_u8(0);
        }
        bytes.put_u8(0);
        Ok(bytes)
    }

    /// `None` where the bytes are not such a request.
    fn read(bytes: &mut Bytes, version: i16) -> Option<Self> {
        let count = take_length(bytes)?;
        let mut markers = Vec::new();
        for _ in 0..count {
            markers.push(TxnMarker {
                producer_id: bytes.try_get_i64().ok()?.into(),
                producer_epoch: bytes.try_get_i16().ok()?,
                transaction_result: bytes.try_get_u8().ok()? != 0,
                topics: (0..take_length(bytes)?)
                    .map(|_| WritableTxnMarkerTopic::decode(bytes, TOPIC_VERSION).ok())
                    .collect::<Option<_>>()?,
                coordinator_epoch: bytes.try_get_i32().ok()?,
                transaction_version: if version >= FIRST_VERSIONED { bytes.try_get_i8().ok()? } else { 0 },
            });
            no_tags(bytes)?;
        }
        no_tags(bytes)?;
        Some(Self { markers })
    }
}

/// The length of a compact array (KIP-482): one more than it.
#[cfg(not(target_family = "wasm"))]
fn put_length(bytes: &mut Vec<u8>, length: usize) {
    crate::log::varint::put_unsigned(bytes, length as u64 + 1);
}

/// The same read; `None` where there is none.
#[cfg(not(target_family = "wasm"))]
fn take_length(bytes: &mut Bytes) -> Option<usize> {
    let mut number = 0_usize;
    for shift in (0..35).step_by(7) {
        let byte = bytes.try_get_u8().ok()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return number.checked_sub(1);
        }
    }
    None
}

/// No tagged field is known; `None` where there is one.
#[cfg(not(target_family = "wasm"))]
fn no_tags(bytes: &mut Bytes) -> Option<()> {
    (bytes.try_get_u8().ok()? == 0).then_some(())
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;

    /// What a real broker sent to itself.
    #[test]
    fn a_recorded_request_of_version_2_is_read_and_written_as_it_was() {
        let bytes: Vec<u8> =
            [&[2][..], &0x6f_i64.to_be_bytes(), &[0, 1, 1, 2, 3, b'r', b'w', 2, 0, 0, 0, 0, 0], &[0, 0, 0, 0, 2, 0, 0]]
                .concat();
        let (request, size) = TxnMarkersRequest::decoded(&bytes, 2).expect("it has bytes").expect("they are right");
        assert_eq!(size, bytes.len());
        let marker = &request.markers[0];
        assert_eq!((marker.producer_id.0, marker.producer_epoch, marker.transaction_version), (0x6f, 1, 2));
        assert_eq!((marker.topics[0].name.as_str(), &marker.topics[0].partition_indexes[..]), ("rw", &[0][..]));
        assert_eq!(request.encoded(2).expect("it has bytes"), Ok(bytes));
    }
}
