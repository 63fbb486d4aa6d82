//! What a log knows of idempotent producers: `ProducerStateManager`, `ProducerAppendInfo` and `ProducerStateEntry` in
//! Apache Kafka.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::batch::{BatchHeader, increment_sequence};

/// So many batches of a producer are remembered (its `max.in.flight.requests.per.connection` is at most 5).
const CACHED_BATCHES: usize = 5;

/// One remembered batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CachedBatch {
    /// Its last record's sequence number.
    pub last_sequence: i32,
    /// Its last record's offset.
    pub last_offset: i64,
    /// Its records but one.
    pub offset_delta: i32,
    /// Its largest timestamp.
    pub timestamp: i64,
}

impl CachedBatch {
    /// Its first record's offset.
    pub fn first_offset(&self) -> i64 {
        self.last_offset - i64::from(self.offset_delta)
    }

    /// Its first record's sequence number (`decrementSequence`: before 0 comes the largest).
    pub fn first_sequence(&self) -> i32 {
        let first = i64::from(self.last_sequence) - i64::from(self.offset_delta);
        if first < 0 { (first + (1 << 31)) as i32 } else { first as i32 }
    }
}

/// One producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    /// Its latest epoch.
    pub epoch: i16,
    /// The epoch of the coordinator that wrote its last marker, -1 without one.
    pub coordinator_epoch: i32,
    /// Of its latest batch or marker.
    pub last_timestamp: i64,
    /// Where its open transaction begins.
    pub current_txn_first_offset: Option<i64>,
    batches: [CachedBatch; CACHED_BATCHES],
    cached: u8,
}

impl Producer {
    fn new(epoch: i16) -> Self {
        Producer {
            epoch,
            coordinator_epoch: -1,
            last_timestamp: -1,
            current_txn_first_offset: None,
            batches: Default::default(),
            cached: 0,
        }
    }

    /// The remembered batches, the latest last.
    pub fn batches(&self) -> &[CachedBatch] {
        &self.batches[..self.cached as usize]
    }

    fn last_sequence(&self) -> i32 {
        self.batches().last().map_or(-1, |batch| batch.last_sequence)
    }

    fn remember(&mut self, batch: CachedBatch) {
        if self.cached as usize == CACHED_BATCHES {
            self.batches.rotate_left(1);
            self.cached -= 1;
        }
        self.batches[self.cached as usize] = batch;
        self.cached += 1;
    }

    fn move_to_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.cached = 0;
        }
    }
}

/// Why a producer's batch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The sequence number does not follow the last one.
    OutOfOrderSequence,
    /// A newer instance of the producer was here.
    InvalidProducerEpoch,
    /// A plain batch inside an open transaction.
    InvalidTxnState,
}

/// All producers of one log, by producer id. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    entries: Arc<BTreeMap<i64, Producer>>,
}

/// A snapshot file that cannot be read. Kafka takes an older one then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptSnapshot;

const SNAPSHOT_VERSION: i16 = 1;
const SNAPSHOT_HEADER: usize = 10;
const SNAPSHOT_ENTRY: usize = 46;

impl Producers {
    /// A producer by its id.
    pub fn get(&self, producer_id: i64) -> Option<&Producer> {
        self.entries.get(&producer_id)
    }

    /// All producers in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Producer)> {
        self.entries.iter().map(|(&id, producer)| (id, producer))
    }

    /// Where the earliest open transaction begins.
    pub fn first_open_transaction(&self) -> Option<i64> {
        self.entries.values().filter_map(|producer| producer.current_txn_first_offset).min()
    }

    /// Checks a batch that a client sent: the batch it repeats, if it does.
    pub fn check(&self, batch: &BatchHeader) -> Result<Option<CachedBatch>, Refusal> {
        // Whoever is not known, or was forgotten, may begin anywhere.
        let Some(producer) = self.entries.get(&batch.producer_id).filter(|_| batch.has_producer_id()) else {
            return Ok(None);
        };
        if batch.producer_epoch == producer.epoch && !batch.is_control() {
            let (first, last) = (batch.base_sequence, batch.last_sequence());
            let same = |cached: &&CachedBatch| cached.last_sequence == last && cached.first_sequence() == first;
            if let Some(original) = producer.batches().iter().find(same) {
                return Ok(Some(*original));
            }
        }
        if batch.producer_epoch < producer.epoch {
            return Err(Refusal::InvalidProducerEpoch);
        }
        if !batch.is_control() {
            let expected = if batch.producer_epoch == producer.epoch {
                // -1 (nothing sent in this epoch) is followed by 0, and so is the largest.
                increment_sequence(producer.last_sequence(), 1)
            } else {
                0
            };
            if batch.base_sequence != expected {
                return Err(Refusal::OutOfOrderSequence);
            }
            if producer.current_txn_first_offset.is_some() && !batch.is_transactional() {
                return Err(Refusal::InvalidTxnState);
            }
        }
        Ok(None)
    }

    /// Notes a batch that was appended, by whomever. Of a marker the epoch of its coordinator is given.
    pub fn note(&mut self, batch: &BatchHeader, coordinator_epoch: Option<i32>) {
        if !batch.has_producer_id() {
            return;
        }
        let entries = Arc::make_mut(&mut self.entries);
        let producer = entries.entry(batch.producer_id).or_insert_with(|| Producer::new(batch.producer_epoch));
        producer.move_to_epoch(batch.producer_epoch);
        producer.last_timestamp = batch.max_timestamp;
        if batch.is_control() {
            producer.current_txn_first_offset = None;
            producer.coordinator_epoch = coordinator_epoch.unwrap_or(producer.coordinator_epoch);
            return;
        }
        producer.remember(CachedBatch {
            last_sequence: batch.last_sequence(),
            last_offset: batch.last_offset(),
            offset_delta: batch.last_offset_delta,
            timestamp: batch.max_timestamp,
        });
        if batch.is_transactional() {
            producer.current_txn_first_offset.get_or_insert(batch.base_offset);
        }
    }

    /// Forgets producers that were silent for `expiration_ms`, except inside a transaction.
    pub fn remove_expired(&mut self, now_ms: i64, expiration_ms: i64) {
        let expired = |producer: &Producer| {
            producer.current_txn_first_offset.is_none()
                && now_ms.saturating_sub(producer.last_timestamp) >= expiration_ms
        };
        if self.entries.values().any(expired) {
            Arc::make_mut(&mut self.entries).retain(|_, producer| !expired(producer));
        }
    }

    /// The bytes of a `.snapshot` file: of each producer the last batch only.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(SNAPSHOT_HEADER + SNAPSHOT_ENTRY * self.entries.len());
        out.put_i16(SNAPSHOT_VERSION);
        out.put_u32(0);
        out.put_i32(self.entries.len() as i32);
        for (id, producer) in self.entries.iter() {
            let last = producer.batches().last();
            out.put_i64(*id);
            out.put_i16(producer.epoch);
            out.put_i32(last.map_or(-1, |batch| batch.last_sequence));
            out.put_i64(last.map_or(-1, |batch| batch.last_offset));
            out.put_i32(last.map_or(0, |batch| batch.offset_delta));
            out.put_i64(producer.last_timestamp);
            out.put_i32(producer.coordinator_epoch);
            out.put_i64(producer.current_txn_first_offset.unwrap_or(-1));
        }
        let crc = crc32c::crc32c(&out[6..]);
        out[2..6].copy_from_slice(&crc.to_be_bytes());
        out.freeze()
    }

    /// Reads a `.snapshot` file.
    pub fn decode(bytes: &[u8]) -> Result<Producers, CorruptSnapshot> {
        let (head, body) = bytes.split_at_checked(SNAPSHOT_HEADER).ok_or(CorruptSnapshot)?;
        let version = i16::from_be_bytes(part(head, 0)?);
        let crc = u32::from_be_bytes(part(head, 2)?);
        let count = i32::from_be_bytes(part(head, 6)?);
        let whole = usize::try_from(count).is_ok_and(|count| body.len() / SNAPSHOT_ENTRY == count);
        if version != SNAPSHOT_VERSION
            || crc != crc32c::crc32c(&bytes[6..])
            || !whole
            || body.len() % SNAPSHOT_ENTRY != 0
        {
            return Err(CorruptSnapshot);
        }
        let entries = body.chunks_exact(SNAPSHOT_ENTRY).map(decode_entry).collect::<Result<_, _>>()?;
        Ok(Producers { entries: Arc::new(entries) })
    }
}

fn decode_entry(bytes: &[u8]) -> Result<(i64, Producer), CorruptSnapshot> {
    let mut producer = Producer::new(i16::from_be_bytes(part(bytes, 8)?));
    producer.last_timestamp = i64::from_be_bytes(part(bytes, 26)?);
    producer.coordinator_epoch = i32::from_be_bytes(part(bytes, 34)?);
    producer.current_txn_first_offset = Some(i64::from_be_bytes(part(bytes, 38)?)).filter(|&first| first >= 0);
    let last_offset = i64::from_be_bytes(part(bytes, 14)?);
    if last_offset >= 0 {
        producer.remember(CachedBatch {
            last_sequence: i32::from_be_bytes(part(bytes, 10)?),
            last_offset,
            offset_delta: i32::from_be_bytes(part(bytes, 22)?),
            timestamp: producer.last_timestamp,
        });
    }
    Ok((i64::from_be_bytes(part(bytes, 0)?), producer))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], CorruptSnapshot> {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().ok_or(CorruptSnapshot)
}

#[cfg(test)]
mod tests {
    use super::super::batch::BatchBuilder;
    use super::*;

    fn batch(id: i64, epoch: i16, sequence: i32, records: i32, offset: i64) -> BatchHeader {
        let mut builder = BatchBuilder::new().at(offset, 0).producer(id, epoch, sequence);
        for _ in 0..records {
            builder.record(1_000, None, Some(b"v"));
        }
        BatchHeader::parse(&builder.build()).unwrap()
    }

    fn after(batches: &[BatchHeader]) -> Producers {
        let mut producers = Producers::default();
        batches.iter().for_each(|batch| producers.note(batch, None));
        producers
    }

    #[test]
    fn five_batches_are_remembered_and_answer_their_offsets() {
        let mut sent: Vec<_> = (0..6).map(|i| batch(1, 0, i, 1, i.into())).collect();
        sent.push(batch(1, 0, 6, 3, 6));
        let producers = after(&sent);
        let again = |sequence, records| producers.check(&batch(1, 0, sequence, records, 0));
        assert_eq!(again(6, 3).unwrap().unwrap().first_offset(), 6);
        assert_eq!(again(7, 2), Err(Refusal::OutOfOrderSequence));
        assert_eq!(again(2, 1).unwrap().unwrap().last_offset, 2);
        assert_eq!(again(1, 1), Err(Refusal::OutOfOrderSequence));
        assert_eq!(again(9, 1), Ok(None));
    }

    #[test]
    fn a_gap_is_refused_and_an_unknown_producer_may_begin_anywhere() {
        let producers = after(&[batch(1, 0, 0, 1, 0)]);
        assert_eq!(producers.check(&batch(1, 0, 5, 1, 0)), Err(Refusal::OutOfOrderSequence));
        assert_eq!(producers.check(&batch(2, 0, 5, 1, 0)), Ok(None));
    }

    #[test]
    fn an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero() {
        let producers = after(&[batch(1, 3, 0, 1, 0)]);
        assert_eq!(producers.check(&batch(1, 2, 1, 1, 0)), Err(Refusal::InvalidProducerEpoch));
        assert_eq!(producers.check(&batch(1, 4, 1, 1, 0)), Err(Refusal::OutOfOrderSequence));
        assert_eq!(producers.check(&batch(1, 4, 0, 1, 0)), Ok(None));
    }

    #[test]
    fn behind_the_largest_sequence_comes_zero() {
        let producers = after(&[batch(1, 0, i32::MAX - 1, 2, 0)]);
        assert_eq!(producers.check(&batch(1, 0, 0, 1, 0)), Ok(None));
        assert_eq!(producers.check(&batch(1, 0, 1, 1, 0)), Err(Refusal::OutOfOrderSequence));
        let wrapped = after(&[batch(1, 0, i32::MAX, 2, 0)]);
        assert_eq!(wrapped.get(1).unwrap().batches()[0].first_sequence(), i32::MAX);
        assert!(wrapped.check(&batch(1, 0, i32::MAX, 2, 9)).unwrap().is_some());
    }

    #[test]
    fn a_snapshot_keeps_the_last_batch_only() {
        let producers = after(&[batch(1, 0, 0, 1, 0), batch(1, 0, 1, 2, 1), batch(2, 5, 0, 1, 3)]);
        let bytes = producers.encode();
        let read = Producers::decode(&bytes).unwrap();
        assert_eq!(read.get(1).unwrap().batches(), &producers.get(1).unwrap().batches()[1..]);
        assert_eq!(read.get(2), producers.get(2));
        assert_eq!(Producers::decode(&bytes[..bytes.len() - 1]), Err(CorruptSnapshot));
    }

    #[test]
    fn a_snapshot_has_the_bytes_that_kafka_wrote() {
        let hex = "0001d4a56c560000000200000000000000010000000000060000000000000010000000020000018bcfe56878ffffffff\
                   ffffffffffffffff000000000000000200000000000200000000 0000000b000000000000018bcfe5686e00000000ffffffff\
                   ffffffff";
        let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
        let producers = Producers::decode(&bytes).unwrap();
        assert_eq!(producers.get(1).unwrap().batches()[0].first_offset(), 14);
        assert_eq!(producers.get(2).unwrap().coordinator_epoch, 0);
        assert_eq!(producers.encode(), bytes);
    }

    #[test]
    fn the_silent_are_forgotten_when_their_time_is_reached() {
        let mut producers = after(&[batch(1, 0, 0, 1, 0)]);
        producers.remove_expired(1_099, 100);
        assert!(producers.get(1).is_some());
        producers.remove_expired(1_100, 100);
        assert!(producers.get(1).is_none());
    }
}
