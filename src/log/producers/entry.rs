//! One producer as a log knows it: `ProducerStateEntry` and `BatchMetadata` in Apache Kafka.

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
    /// Its latest epoch, -1 before it wrote anything.
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
    /// A producer of which nothing is known.
    pub(super) const UNKNOWN: Producer = Producer {
        epoch: -1,
        coordinator_epoch: -1,
        last_timestamp: -1,
        current_txn_first_offset: None,
        batches: [CachedBatch { last_sequence: 0, last_offset: 0, offset_delta: 0, timestamp: 0 }; CACHED_BATCHES],
        cached: 0,
    };

    /// The remembered batches, the latest last.
    pub fn batches(&self) -> &[CachedBatch] {
        &self.batches[..self.cached as usize]
    }

    /// The sequence number of the last record, -1 without one.
    pub fn last_sequence(&self) -> i32 {
        self.batches().last().map_or(-1, |batch| batch.last_sequence)
    }

    /// The offset of the last record, -1 without one.
    pub fn last_data_offset(&self) -> i64 {
        self.batches().last().map_or(-1, |batch| batch.last_offset)
    }

    /// The same producer with no batch remembered.
    pub(super) fn without_batches(&self) -> Producer {
        Producer { cached: 0, ..*self }
    }

    /// The remembered batch with exactly these sequence numbers.
    pub(super) fn duplicate_of(&self, epoch: i16, first_sequence: i32, last_sequence: i32) -> Option<CachedBatch> {
        let same =
            |cached: &&CachedBatch| cached.last_sequence == last_sequence && cached.first_sequence() == first_sequence;
        self.batches().iter().find(same).filter(|_| epoch == self.epoch).copied()
    }

    /// Remembers a batch; one of another epoch makes those before it meaningless.
    pub(super) fn add(&mut self, epoch: i16, batch: CachedBatch) {
        self.move_to_epoch(epoch);
        self.remember(batch);
        self.last_timestamp = batch.timestamp;
    }

    /// Takes a marker in: the transaction is over.
    pub(super) fn end_transaction(&mut self, epoch: i16, coordinator_epoch: i32, timestamp: i64) {
        self.move_to_epoch(epoch);
        self.coordinator_epoch = coordinator_epoch;
        self.last_timestamp = timestamp;
        self.current_txn_first_offset = None;
    }

    /// Takes over what an append made of [`Producer::without_batches`].
    pub(super) fn update(&mut self, next: &Producer) {
        self.move_to_epoch(next.epoch);
        next.batches().iter().for_each(|batch| self.remember(*batch));
        self.coordinator_epoch = next.coordinator_epoch;
        self.current_txn_first_offset = next.current_txn_first_offset;
        self.last_timestamp = next.last_timestamp;
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
