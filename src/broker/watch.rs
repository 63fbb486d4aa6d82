//! Who has to know when a partition changes.

use std::sync::Arc;

use super::leadership::Follower;
use super::replica::Role;
use super::session::Reader;
use super::{Broker, Context};
use crate::note::Note;
use crate::wire::TopicPartition;

/// What happened to a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A leader's log grew from this end.
    Append { former_end: i64 },
    /// The high watermark moved.
    HighWatermark,
    /// Its leader, leader epoch or beginning is another.
    Role,
}

impl Broker {
    /// Tells the sessions that have the partition, and wakes those fetches that the change may complete.
    pub(super) fn tell_sessions(&mut self, partition: TopicPartition, change: Change) {
        let Self { replicas, sessions, awake, .. } = self;
        let Some(replica) = replicas.get_mut(&partition).filter(|replica| !replica.sessions.is_empty()) else { return };
        let replica = Arc::make_mut(replica);
        for id in &replica.sessions {
            let Some(session) = sessions.get_mut(id) else { continue };
            let completes = match (session.reader, change) {
                (_, Change::Role) | (Reader::Consumer { .. }, Change::HighWatermark) => true,
                (Reader::Consumer { .. }, Change::Append { .. }) => continue,
                (Reader::Follower { .. }, Change::HighWatermark) => false,
                (Reader::Follower { id, .. }, Change::Append { former_end }) => {
                    // An incremental fetch that names nothing still says that the follower is where it was.
                    if let Role::Leader(leadership) = &mut replica.role
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
            if completes && let Some(connection) = session.parked {
                awake.insert(connection);
            }
        }
    }

    /// Moves the leader's high watermark as far as it may go (Kafka: `Partition.maybeIncrementLeaderHW`).
    pub(super) fn advance_high_watermark(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        let Some(replica) = self.replicas.get(&partition) else { return };
        let Some(leadership) = replica.leadership() else { return };
        let below_minimum = leadership.isr.len() < leadership.effective_min_isr(replica.min_isr);
        if below_minimum && !self.settings.without.kip_966 {
            return;
        }
        let (end, lag_max) = (replica.log.log_end_offset(), self.settings.replica_lag_time_max_us);
        let to =
            leadership.replicated_up_to(end, context.now(), lag_max, |id, follower| self.is_isr_eligible(id, follower));
        if to <= replica.log.high_watermark() {
            return;
        }
        self.awake.extend(replica.producers.iter().copied());
        self.set_high_watermark(partition, to, context);
        self.tell_sessions(partition, Change::HighWatermark);
    }

    /// Sets a replica's high watermark and tells observers.
    pub(super) fn set_high_watermark(&mut self, partition: TopicPartition, offset: i64, context: &mut Context<'_>) {
        let Some(replica) = self.replicas.get_mut(&partition) else { return };
        let before = replica.log.high_watermark();
        if offset == before {
            return;
        }
        let log = &mut Arc::make_mut(replica).log;
        let offset = log.update_high_watermark(context.disk(), offset);
        if offset != before {
            self.checkpoint_is_stale = true;
            context.note(Note::HighWatermark { broker: self.settings.id, partition, offset });
        }
    }

    /// Whether a replica may be in an ISR: unfenced, staying, and the same life that fetches (KIP-903).
    pub(super) fn is_isr_eligible(&self, id: i32, follower: &Follower) -> bool {
        self.image.brokers.get(&id).is_some_and(|broker| {
            let same_life = follower.broker_epoch == broker.epoch || self.settings.without.kip_903;
            !broker.fenced && !broker.in_controlled_shutdown && same_life
        })
    }
}
