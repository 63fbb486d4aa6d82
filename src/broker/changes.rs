//! Who has to know when a partition changes: the sessions that have it, and the requests that wait for it.

use std::sync::Arc;

use bytes::Bytes;

use super::delayed::WaitKey;
use super::replicas::{Appended, Refused, Replica, Role};
use super::session::Reader;
use super::{Broker, BrokerTimer, Context};
use crate::log::{AppendInfo, AppendOptions};
use crate::wire::TopicPartition;

/// What happened to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A leader's log grew from this end.
    Append { former_end: i64 },
    /// The high watermark moved.
    HighWatermark,
    /// The log begins elsewhere.
    LogStart,
    /// Its leader or leader epoch is another.
    Role,
}

impl Broker {
    /// Appends one batch to a log that this broker leads, for a client or a coordinator. Whether it is committed is seen at
    /// the high watermark: wait for the partition.
    pub(super) fn append(
        &mut self,
        partition: TopicPartition,
        records: Bytes,
        acks: i16,
        options: &AppendOptions,
        context: &mut Context<'_>,
    ) -> Result<AppendInfo, Refused> {
        let appended = self.replicas.append_as_leader(partition, records, acks, options, context)?;
        self.appended(partition, &appended, context);
        Ok(appended.info)
    }

    /// A log has grown: tells whoever waits for that, and moves the high watermark as far as it may go by now.
    pub(super) fn appended(&mut self, partition: TopicPartition, appended: &Appended, context: &mut Context<'_>) {
        if appended.info.duplicate {
            return;
        }
        if self.replicas.replica(partition).writing.is_empty() {
            self.grown(partition, appended.former_end, context);
        } else {
            self.wait_for_write(partition, context);
        }
    }

    /// Sets the timer of the first write that is still to be done.
    fn wait_for_write(&self, partition: TopicPartition, context: &mut Context<'_>) {
        if let Some(writing) = self.replicas.replica(partition).writing.first() {
            context.set_timer(written(partition), writing.until);
        }
    }

    fn grown(&mut self, partition: TopicPartition, former_end: i64, context: &mut Context<'_>) {
        self.tell_sessions(partition, Change::Append { former_end });
        self.advance_high_watermark(partition, context);
    }

    /// A slow disk has done a write.
    pub(super) fn write_done(&mut self, number: u64, context: &mut Context<'_>) {
        let partition = TopicPartition { topic: (number >> PARTITION_BITS) as u32, partition: partition_of(number) };
        if let Some(former_end) = self.replicas.written(partition, context.now()) {
            self.grown(partition, former_end, context);
            self.wait_for_write(partition, context);
        }
    }

    /// Moves the leader's high watermark as far as it may go, and tells whoever waits for it.
    pub(super) fn advance_high_watermark(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        if self.replicas.advance_high_watermark(partition, context) {
            self.commit_coordinator(partition, context);
            self.wake_partition(partition);
            self.tell_sessions(partition, Change::HighWatermark);
        }
    }

    /// Its leader or leader epoch is another.
    pub(super) fn role_changed(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        self.coordinator_moved(partition, context);
        self.tell_role(partition);
    }

    /// Old segments of these logs are gone.
    pub(super) fn log_starts_moved(&mut self, of: Vec<TopicPartition>) {
        of.into_iter().for_each(|partition| self.tell_sessions(partition, Change::LogStart));
    }

    /// Those who have to do with a partition hear that its role is another, or that it goes.
    pub(super) fn tell_role(&mut self, partition: TopicPartition) {
        self.replicas.replica_mut(partition).writing.clear();
        self.tell_sessions(partition, Change::Role);
        self.wake_partition(partition);
    }

    /// Its high watermark, its role or its ISR is another: those who wait for it are looked at again.
    pub(super) fn wake_partition(&mut self, partition: TopicPartition) {
        self.purgatory.wake(WaitKey::Partition(partition));
    }

    /// Tells the sessions that have the partition, and wakes those fetches that the change may complete.
    pub(super) fn tell_sessions(&mut self, partition: TopicPartition, change: Change) {
        let Self { replicas, sessions, purgatory, .. } = self;
        let replica = replicas.get_mut(&partition).expect("what has changed is here");
        if replica.sessions.is_empty() {
            return;
        }
        let Replica { sessions: watching, role, .. } = Arc::make_mut(replica);
        for id in watching {
            let session = sessions.get_mut(id).expect("a session that ends is no longer told");
            let completes = match (session.reader, change) {
                (_, Change::Role) | (Reader::Consumer { .. }, Change::HighWatermark) => true,
                // A consumer reads up to the high watermark, which tells for itself when it moves.
                (Reader::Consumer { .. }, Change::Append { .. }) => continue,
                // Nobody waits for it; the next answer says it (`FetchSession.maybeUpdateResponseData`).
                (Reader::Follower { .. }, Change::HighWatermark) | (_, Change::LogStart) => false,
                (Reader::Follower { id, .. }, Change::Append { former_end }) => {
                    // An incremental fetch that names nothing still says that the follower is where it was.
                    if let Role::Leader(leadership) = role
                        && let Some(follower) = leadership.followers.get_mut(&id)
                        && follower.log_end == former_end
                    {
                        follower.fetched(former_end, former_end, session.last_fetch);
                    }
                    true
                }
            };
            if !session.news.contains(&partition) {
                Arc::make_mut(session).news.insert(partition);
            }
            if completes {
                purgatory.wake(WaitKey::Session(*id));
            }
        }
    }

    /// Followers that are outside the ISR are looked at with each of their fetches, though it names nothing: Kafka goes
    /// over all partitions of a session with every fetch (`Partition.updateFollowerFetchState`, `maybeExpandIsr`).
    pub(super) fn watch_followers_outside_isr(&mut self, partition: TopicPartition) {
        let Self { replicas, sessions, .. } = self;
        let replica = replicas.replica(partition);
        // A follower has nobody to look at.
        let Some(leadership) = replica.leadership() else { return };
        if leadership.followers.keys().all(|id| leadership.isr.contains(id)) {
            return;
        }
        for id in &replica.sessions {
            let session = sessions.get_mut(id).expect("a session that ends is no longer told");
            if matches!(session.reader, Reader::Follower { id, .. } if !leadership.isr.contains(&id)) {
                Arc::make_mut(session).news.insert(partition);
            }
        }
    }
}

/// A timer has room for so many partitions of a topic.
const PARTITION_BITS: u32 = 24;

/// The timer of a partition's write.
fn written(partition: TopicPartition) -> BrokerTimer {
    let number = u64::from(partition.partition as u32);
    assert!(number >> PARTITION_BITS == 0, "a partition's number fits into its timer's");
    BrokerTimer::Written(u64::from(partition.topic) << PARTITION_BITS | number)
}

fn partition_of(number: u64) -> i32 {
    (number & ((1 << PARTITION_BITS) - 1)) as i32
}
