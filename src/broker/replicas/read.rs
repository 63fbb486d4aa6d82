//! Reads for followers and consumers, and what a leader learns from a follower's fetch (Kafka: `Partition.fetchRecords`,
//! `updateFollowerFetchState`).

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::super::context::Context;
use super::super::session::{Reader, Wanted};
use super::leadership::Follower;
use super::{Replica, ReplicaManager, error_of};
use crate::log::FetchedData;
use crate::sim::disk::Disk;
use crate::wire::TopicPartition;

/// What one partition has to say.
#[derive(Debug)]
pub(in crate::broker) struct Reading {
    pub(in crate::broker) partition: TopicPartition,
    /// Where the reader is, and where its own log starts.
    pub(in crate::broker) offset: i64,
    pub(in crate::broker) reader_log_start: i64,
    pub(in crate::broker) high_watermark: i64,
    pub(in crate::broker) last_stable_offset: i64,
    pub(in crate::broker) log_start: i64,
    /// The aborted transactions among what was read, by producer and first offset; only for a reader of committed records.
    pub(in crate::broker) aborted: Option<Vec<(i64, i64)>>,
    pub(in crate::broker) found: Found,
    /// The client does not know it yet.
    pub(in crate::broker) is_new: bool,
    /// It has no more to say after this answer.
    pub(in crate::broker) is_quiet: bool,
}

/// What was read of one partition.
#[derive(Debug)]
pub(in crate::broker) enum Found {
    Records(Bytes),
    Diverging {
        epoch: i32,
        end_offset: i64,
    },
    /// Nothing: this replica is nearer to the reader (KIP-392).
    Elsewhere {
        replica: i32,
    },
    Error(ResponseError),
}

impl Found {
    pub(in crate::broker) fn size(&self) -> usize {
        if let Self::Records(records) = self { records.len() } else { 0 }
    }

    pub(in crate::broker) fn is_urgent(&self) -> bool {
        !matches!(self, Self::Records(_))
    }
}

impl ReplicaManager {
    /// Reads a partition for somebody, within a budget; `first` where nothing was read before it.
    pub(in crate::broker) fn read(
        &self,
        disk: &Disk,
        partition: TopicPartition,
        wanted: &Wanted,
        reader: Reader,
        limit: (usize, bool),
    ) -> Reading {
        let mut reading = Reading {
            partition,
            offset: wanted.offset,
            reader_log_start: wanted.log_start,
            high_watermark: -1,
            last_stable_offset: -1,
            log_start: -1,
            aborted: None,
            found: Found::Records(Bytes::new()),
            is_new: false,
            is_quiet: false,
        };
        let found = self.replica_at_epoch(partition, wanted.leader_epoch).and_then(|replica| {
            let (found, aborted) = try_read(disk, replica, wanted, reader, limit)?;
            (reading.high_watermark, reading.log_start) =
                (replica.log.high_watermark(), replica.log.log_start_offset());
            (reading.last_stable_offset, reading.aborted) = (replica.log.last_stable_offset(), aborted);
            Ok(found)
        });
        reading.found = found.unwrap_or_else(Found::Error);
        reading
    }

    /// The replica from which a consumer in this rack is to read, where that is not the leader, which is asked
    /// (`ReplicaManager.findPreferredReadReplica`, `RackAwareReplicaSelector`): of those in sync that have the offset the one
    /// that is furthest.
    pub(in crate::broker) fn nearest(
        &self,
        partition: TopicPartition,
        offset: i64,
        is_in_rack: impl Fn(i32) -> bool,
    ) -> Option<i32> {
        let leadership = self.all.get(&partition)?.leadership()?;
        let has_it = |(id, follower): &(&i32, &Follower)| {
            let has_offset = follower.log_start <= offset && offset <= follower.log_end;
            leadership.isr.contains(id) && has_offset && is_in_rack(**id)
        };
        let followers = leadership.followers.iter().filter(has_it);
        followers.max_by_key(|(id, follower)| (follower.log_end, follower.last_caught_up, **id)).map(|(id, _)| *id)
    }

    /// Takes what a follower's fetch says of where it is. Whether it ends, and whether it begins, elsewhere than before.
    pub(in crate::broker) fn follower_is_at(
        &mut self,
        id: i32,
        broker_epoch: i64,
        reading: &Reading,
        context: &mut Context<'_>,
    ) -> (bool, bool) {
        let replica = self.replica_mut(reading.partition);
        let end = replica.end();
        let leadership = replica.leadership_mut().expect("only a leader has read for a follower");
        let follower = leadership.followers.get_mut(&id).expect("only a replica was read for as a follower");
        let moved = (follower.log_end != reading.offset, follower.log_start != reading.reader_log_start);
        follower.fetched(reading.offset, end, context.now());
        follower.log_start = reading.reader_log_start;
        follower.broker_epoch = broker_epoch;
        self.maybe_expand_isr(reading.partition, id);
        moved
    }
}

/// What was read, and for a reader of committed records the aborted transactions in it.
type Read = (Found, Option<Vec<(i64, i64)>>);

/// What a reader may be given of a replica.
fn try_read(
    disk: &Disk,
    replica: &Replica,
    wanted: &Wanted,
    reader: Reader,
    (budget, first): (usize, bool),
) -> Result<Read, ResponseError> {
    let log = &replica.log;
    let (start, end) = (log.log_start_offset(), replica.end());
    let is_committed = matches!(reader, Reader::Consumer { read_committed: true });
    let none = || is_committed.then(Vec::new);
    let upper = match reader {
        Reader::Follower { id, broker_epoch } => {
            let leadership = replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
            // Whoever is no replica may know an assignment that is not here yet (`Partition.followerReplicaOrThrow`).
            let follower = leadership.followers.get(&id).ok_or(ResponseError::UnknownLeaderEpoch)?;
            // A fetch of a former life (KIP-903).
            if broker_epoch >= 0 && broker_epoch < follower.broker_epoch {
                return Err(ResponseError::NotLeaderOrFollower);
            }
            end
        }
        Reader::Consumer { read_committed: true } => log.last_stable_offset_at(disk.now_ms()),
        Reader::Consumer { read_committed: false } => log.high_watermark(),
    };
    if wanted.last_fetched_epoch >= 0 {
        if wanted.offset < start {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let epoch_end = log.end_offset_for_epoch(wanted.last_fetched_epoch);
        if let Some((epoch, end_offset)) = diverging(epoch_end, wanted.last_fetched_epoch, wanted.offset)? {
            return Ok((Found::Diverging { epoch, end_offset }, None));
        }
    }
    if wanted.offset < start || wanted.offset > end {
        return Err(ResponseError::OffsetOutOfRange);
    }
    let size = budget.min(wanted.max_bytes.max(0) as usize);
    if wanted.offset >= upper || size == 0 && !first {
        return Ok((Found::Records(Bytes::new()), none()));
    }
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    if is_committed {
        let read = log.read_committed(disk, wanted.offset, size, upper, first);
        let told = |data: FetchedData| (Found::Records(data.bytes), data.aborted);
        return read.map(told).map_err(|error| error_of(error.code()));
    }
    let read = log.read(disk, wanted.offset, size, upper, first);
    read.map(|data| (Found::Records(data.bytes), None)).map_err(|error| error_of(error.code()))
}

/// Where a follower with this last epoch and end parts from the leader, whose epoch ends at `epoch_end`; `None` where
/// it does not (KIP-595's check in the fetch; Kafka: `Partition.readRecords`).
fn diverging(epoch_end: (i32, i64), last_fetched_epoch: i32, offset: i64) -> Result<Option<(i32, i64)>, ResponseError> {
    let (epoch, end) = epoch_end;
    if epoch < 0 || end < 0 {
        return Err(ResponseError::OffsetOutOfRange);
    }
    Ok((epoch < last_fetched_epoch || end < offset).then_some(epoch_end))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fetch_that_does_not_fit_the_leaders_epochs_is_told_where_they_part() {
        let epochs = [(0, 0), (3, 2), (4, 8), (7, 13), (9, 14)];
        let log_ends = 17;
        let mut cache = crate::log::epochs::LeaderEpochs::default();
        for (epoch, start) in epochs {
            cache.assign(epoch, start).unwrap();
        }
        cache.assign(10, log_ends).unwrap();
        let parts = |epoch: i32, offset: i64| super::diverging(cache.end_offset_for(epoch, log_ends), epoch, offset);
        assert_eq!(parts(2, 5), Ok(Some((0, 2))));
        assert_eq!(parts(0, 4), Ok(Some((0, 2))));
        assert_eq!(parts(6, 6), Ok(Some((4, 13))));
        assert_eq!(parts(5, 9), Ok(Some((4, 13))));
        assert_eq!(parts(10, 18), Ok(Some((10, 17))));
        for (epoch, offset) in [(0, 2), (7, 14), (9, 17), (10, 17)] {
            assert_eq!(parts(epoch, offset), Ok(None));
        }
        assert_eq!(parts(11, 5), Err(kafka_protocol::ResponseError::OffsetOutOfRange));
    }
}
