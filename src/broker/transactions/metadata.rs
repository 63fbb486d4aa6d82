//! What a coordinator knows of one transactional id, and what it becomes (Kafka: `TransactionMetadata`,
//! `TxnTransitMetadata`).

use std::collections::BTreeSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;

use super::state::TransactionState;

/// No producer id.
pub(super) const NO_ID: i64 = -1;
/// No epoch.
pub(super) const NO_EPOCH: i16 = -1;
/// The transaction version of clients that keep their epoch (KIP-890: `TV_0`, as Kafka notes it for those of version 1, too).
pub(super) const KEEPS_EPOCH: i16 = 0;
/// The transaction version of clients whose epoch rises with each transaction.
pub(super) const BUMPS_EPOCH: i16 = 2;

/// A partition as the transaction log names it.
pub(in crate::broker) type NamedPartition = (TopicName, i32);

/// One transactional id. A transition makes a new value of it: it is prepared, put into the log, and only then the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker) struct TransactionMetadata {
    pub(super) producer_id: i64,
    /// The producer id before the last transition.
    pub(super) previous_producer_id: i64,
    /// With which producer id the client goes on where the epochs of this one are used up.
    pub(super) next_producer_id: i64,
    pub(super) producer_epoch: i16,
    /// The epoch that the client had before: by it a request is recognised that was sent twice. Not in the log.
    pub(super) last_producer_epoch: i16,
    pub(super) timeout_ms: i32,
    pub(super) state: TransactionState,
    pub(super) partitions: BTreeSet<NamedPartition>,
    /// When its first partition was added, -1 without any.
    pub(super) start_ms: i64,
    pub(super) updated_ms: i64,
    /// The transaction version of the client that added the last partition, or ended it.
    pub(super) client_version: i16,
}

impl TransactionMetadata {
    /// A transactional id that was never seen. Its producer has no epoch before it is initialised.
    pub(super) fn new(producer_id: i64, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer_id,
            previous_producer_id: NO_ID,
            next_producer_id: NO_ID,
            producer_epoch: NO_EPOCH,
            last_producer_epoch: NO_EPOCH,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            start_ms: -1,
            updated_ms: now_ms,
            client_version: KEEPS_EPOCH,
        }
    }

    /// Whether the next epoch is kept for the coordinator, which fences with it (`isEpochExhausted`).
    pub(super) fn is_epoch_exhausted(epoch: i16) -> bool {
        epoch >= i16::MAX - 1
    }

    /// The same of this producer's.
    pub(super) fn is_exhausted(&self) -> bool {
        Self::is_epoch_exhausted(self.producer_epoch)
    }

    /// It with another state (`prepareTransitionTo`).
    fn moved(&self, to: TransactionState) -> Self {
        assert!(to.predecessors().contains(&self.state), "{:?} does not follow {:?}", to, self.state);
        Self { state: to, previous_producer_id: self.producer_id, ..self.clone() }
    }

    /// Its producer is initialised (`prepareIncrementProducerEpoch`): with the next epoch, or with the same again where it
    /// asks again with the epoch that it had (KIP-360).
    pub(super) fn with_next_epoch(
        &self,
        timeout_ms: i32,
        expected_epoch: Option<i16>,
        now_ms: i64,
    ) -> Result<Self, ResponseError> {
        if self.is_exhausted() {
            // Kafka throws an IllegalStateException, and its client is told so.
            return Err(ResponseError::UnknownServerError);
        }
        let (producer_epoch, last_producer_epoch) = match expected_epoch {
            None => (self.producer_epoch + 1, NO_EPOCH),
            Some(expected) if self.producer_epoch == NO_EPOCH || expected == self.producer_epoch => {
                (self.producer_epoch + 1, self.producer_epoch)
            }
            Some(expected) if expected == self.last_producer_epoch => (self.producer_epoch, self.last_producer_epoch),
            Some(_) => return Err(ResponseError::ProducerFenced),
        };
        let begun = self.initialised(timeout_ms, now_ms);
        Ok(Self { producer_epoch, last_producer_epoch, ..begun })
    }

    /// Its producer is initialised with a new id, since the epochs of the old one are used up (`prepareProducerIdRotation`).
    pub(super) fn with_next_id(&self, producer_id: i64, timeout_ms: i32, now_ms: i64, records_last: bool) -> Self {
        let last_producer_epoch = if records_last { self.producer_epoch } else { NO_EPOCH };
        Self { producer_id, producer_epoch: 0, last_producer_epoch, ..self.initialised(timeout_ms, now_ms) }
    }

    fn initialised(&self, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            timeout_ms,
            partitions: BTreeSet::new(),
            start_ms: -1,
            updated_ms: now_ms,
            ..self.moved(TransactionState::Empty)
        }
    }

    /// Partitions come to it (`prepareAddPartitions`).
    pub(super) fn with_partitions(&self, added: &BTreeSet<NamedPartition>, client_version: i16, now_ms: i64) -> Self {
        let is_first = self.state != TransactionState::Ongoing;
        let mut next = self.moved(TransactionState::Ongoing);
        next.partitions.extend(added.iter().cloned());
        next.start_ms = if is_first { now_ms } else { self.start_ms };
        Self { updated_ms: now_ms, client_version, ..next }
    }

    /// It is decided (`prepareAbortOrCommit`). `is_empty`: nothing was added to it, which only transaction version 2 may end.
    pub(super) fn decided(
        &self,
        commits: bool,
        client_version: i16,
        next_producer_id: i64,
        is_empty: bool,
        now_ms: i64,
    ) -> Self {
        let to = if commits { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
        let mut next = self.moved(to);
        if client_version >= BUMPS_EPOCH {
            // One that has the last epoch of all is aborted with it; whoever is initialised next gets another id.
            let is_stuck = self.producer_epoch == i16::MAX && !commits;
            next.producer_epoch = if is_stuck { self.producer_epoch } else { self.producer_epoch + 1 };
            next.last_producer_epoch = self.producer_epoch;
        }
        if is_empty {
            next.start_ms = now_ms;
        }
        Self { next_producer_id, updated_ms: now_ms, client_version, ..next }
    }

    /// Its producer is fenced and it is aborted, by the coordinator itself (`prepareFenceProducerEpoch`, then
    /// `prepareAbortOrCommit` with the cluster's transaction version, which bumps the epoch once: KAFKA-19367). Where that uses up its
    /// epochs it goes on with another id (KAFKA-20090).
    pub(super) fn fenced(&self, next_producer_id: i64, now_ms: i64) -> Self {
        let fencing = self.moved(TransactionState::PrepareEpochFence);
        fencing.decided(false, BUMPS_EPOCH, next_producer_id, false, now_ms)
    }

    /// All its markers are written (`prepareComplete`).
    pub(super) fn completed(&self, now_ms: i64) -> Self {
        let commits = self.state == TransactionState::PrepareCommit;
        let to = if commits { TransactionState::CompleteCommit } else { TransactionState::CompleteAbort };
        let mut next = self.moved(to);
        if self.client_version >= BUMPS_EPOCH && self.next_producer_id != NO_ID {
            // The client sees the last epoch but one, and then 0 of the next id.
            (next.producer_id, next.producer_epoch) = (self.next_producer_id, 0);
        }
        Self { next_producer_id: NO_ID, partitions: BTreeSet::new(), updated_ms: now_ms, ..next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: i32 = 60_000;

    fn at_epoch(epoch: i16) -> TransactionMetadata {
        TransactionMetadata { producer_epoch: epoch, ..TransactionMetadata::new(100, TIMEOUT, 0) }
    }

    fn ongoing(epoch: i16) -> TransactionMetadata {
        let orders = (TopicName::from(kafka_protocol::protocol::StrBytes::from_static_str("orders")), 0);
        at_epoch(epoch).with_partitions(&BTreeSet::from([orders]), BUMPS_EPOCH, 5)
    }

    fn epochs(it: &TransactionMetadata) -> (i64, i16, i16) {
        (it.producer_id, it.producer_epoch, it.last_producer_epoch)
    }

    /// `testInitializeEpoch`, `testNormalEpochBump`, `testBumpEpochNotAllowedIfEpochsExhausted`.
    #[test]
    fn a_producer_without_an_epoch_of_its_own_gets_the_next() {
        assert_eq!(at_epoch(NO_EPOCH).with_next_epoch(TIMEOUT, None, 1).map(|it| epochs(&it)), Ok((100, 0, NO_EPOCH)));
        assert_eq!(at_epoch(735).with_next_epoch(TIMEOUT, None, 1).map(|it| epochs(&it)), Ok((100, 736, NO_EPOCH)));
        assert!(at_epoch(i16::MAX - 1).with_next_epoch(TIMEOUT, None, 1).is_err());
    }

    /// `testRecoverFromEpochBump` and KIP-360's cases: 107, 108 of the reference.
    #[test]
    fn an_epoch_that_was_given_is_the_current_one_or_the_one_before() {
        let it = TransactionMetadata { last_producer_epoch: 9, ..at_epoch(10) };
        assert_eq!(it.with_next_epoch(TIMEOUT, Some(10), 1).map(|it| epochs(&it)), Ok((100, 11, 10)));
        assert_eq!(it.with_next_epoch(TIMEOUT, Some(9), 1).map(|it| epochs(&it)), Ok((100, 10, 9)));
        assert_eq!(it.with_next_epoch(TIMEOUT, Some(8), 1), Err(ResponseError::ProducerFenced));
        assert_eq!(it.with_next_epoch(TIMEOUT, Some(11), 1), Err(ResponseError::ProducerFenced));
    }

    /// `testRotateProducerId`.
    #[test]
    fn used_up_epochs_lead_to_another_id() {
        let it = at_epoch(i16::MAX - 1);
        let next = it.with_next_id(200, TIMEOUT, 1, true);
        assert_eq!((epochs(&next), next.previous_producer_id), ((200, 0, i16::MAX - 1), 100));
        assert_eq!(epochs(&it.with_next_id(200, TIMEOUT, 1, false)), (200, 0, NO_EPOCH));
    }

    /// `testTransitFromEmptyToPrepareAbortInV2`, `testTransitFromCompleteAbortToPrepareAbortInV2`.
    #[test]
    fn what_is_empty_can_be_aborted() {
        let aborted = at_epoch(3).decided(false, BUMPS_EPOCH, NO_ID, true, 9);
        assert_eq!((epochs(&aborted), aborted.start_ms), ((100, 4, 3), 9));
        let again = aborted.completed(10).decided(false, BUMPS_EPOCH, NO_ID, true, 11);
        assert_eq!((epochs(&again), again.start_ms), ((100, 5, 4), 11));
    }

    #[test]
    #[should_panic(expected = "PrepareCommit does not follow Empty")]
    fn what_is_empty_is_never_committed() {
        at_epoch(3).decided(true, BUMPS_EPOCH, NO_ID, true, 9);
    }

    /// `testTransactionVersion2EpochBump...`: 112 of the reference.
    #[test]
    fn each_end_of_version_2_raises_the_epoch_and_version_1_keeps_it() {
        let committed = ongoing(10).decided(true, BUMPS_EPOCH, NO_ID, false, 9);
        assert_eq!((epochs(&committed), committed.start_ms), ((100, 11, 10), 5));
        assert_eq!(epochs(&committed.completed(10)), (100, 11, 10));
        let kept = ongoing(10).decided(true, KEEPS_EPOCH, NO_ID, false, 9);
        assert_eq!(epochs(&kept.completed(10)), (100, 10, NO_EPOCH));
    }

    #[test]
    fn behind_the_last_epoch_but_one_comes_the_next_id() {
        let decided = ongoing(i16::MAX - 1).decided(true, BUMPS_EPOCH, 200, false, 9);
        assert_eq!(epochs(&decided), (100, i16::MAX, i16::MAX - 1));
        let completed = decided.completed(10);
        assert_eq!((epochs(&completed), completed.previous_producer_id), ((200, 0, i16::MAX - 1), 100));
        assert_eq!(completed.next_producer_id, NO_ID);
    }

    /// `testFenceProducerAfterEpochsExhausted`, `testFenceProducerNotAllowedIfItWouldOverflow`.
    #[test]
    fn a_fence_raises_the_epoch_once_and_never_beyond_the_last() {
        let fenced = ongoing(i16::MAX - 1).fenced(200, 9);
        assert_eq!((epochs(&fenced), fenced.state), ((100, i16::MAX, i16::MAX - 1), TransactionState::PrepareAbort));
        assert_eq!(fenced.client_version, BUMPS_EPOCH);
        assert_eq!(epochs(&fenced.completed(10)), (200, 0, i16::MAX - 1));
        assert_eq!(epochs(&ongoing(i16::MAX).fenced(200, 9)), (100, i16::MAX, i16::MAX));
    }

    #[test]
    fn what_is_over_has_no_partitions_and_the_next_one_begins_anew() {
        let completed = ongoing(1).decided(true, KEEPS_EPOCH, NO_ID, false, 9).completed(10);
        assert!(completed.partitions.is_empty());
        assert_eq!((completed.start_ms, completed.updated_ms), (5, 10));
        let payments = (TopicName::from(kafka_protocol::protocol::StrBytes::from_static_str("payments")), 1);
        let next = completed.with_partitions(&BTreeSet::from([payments.clone()]), KEEPS_EPOCH, 20);
        assert_eq!((next.start_ms, next.partitions), (20, BTreeSet::from([payments])));
    }
}
