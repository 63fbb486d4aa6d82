//! A new image of the cluster: replicas come, lead or follow (Kafka: `BrokerMetadataPublisher`,
//! `ReplicaManager.applyDelta`, `Partition.makeLeader`, `makeFollower`).

use std::sync::Arc;

use super::fetcher::FetchState;
use super::replicas::{Leadership, Replica, Role};
use super::{Broker, Context};
use crate::note::Note;
use crate::wire::{ClusterImage, PartitionImage, TopicImage, TopicPartition};

impl Broker {
    pub(super) fn apply_metadata(&mut self, image: &Arc<ClusterImage>, context: &mut Context<'_>) {
        let before = std::mem::replace(&mut self.image, Arc::clone(image));
        // A log that goes is known by its name until it is gone: another topic may be called so now.
        for (number, topic) in before.topics.deleted_in(&image.topics) {
            self.delete_topic(number, topic, context);
        }
        self.replicas.know(image);
        if before.offset == ClusterImage::default().offset && before.topics.is_empty() {
            self.replicas.load(context);
        }
        self.coordinators.know(image);
        let deleted: Vec<&str> = before.topics.deleted_in(&image.topics).map(|(_, topic)| &*topic.name).collect();
        if !deleted.is_empty() {
            self.tell_coordinators_deleted(&deleted, context);
        }
        let mut has_changes = false;
        for (index, topic) in image.topics.iter() {
            let known = before.topics.get(index);
            if known.is_some_and(|known| Arc::ptr_eq(known, topic)) {
                continue;
            }
            has_changes |= self.apply_topic(index, topic, known, context);
        }
        let leaders: Vec<i32> = self.fetchers.keys().copied().collect();
        for leader in leaders {
            if has_changes {
                self.shut_down_if_idle(leader, context);
            }
            self.fetch_from(leader, context);
        }
        self.route_markers_again(context);
    }

    /// A topic is gone: so are its replicas here, and what waits for them is told.
    fn delete_topic(&mut self, number: u32, topic: &TopicImage, context: &mut Context<'_>) {
        for partition in 0..topic.partitions.len() as i32 {
            let partition = TopicPartition { topic: number, partition };
            if self.replicas.get(&partition).is_none() {
                continue;
            }
            self.coordinator_resigns(partition, context);
            self.tell_role(partition);
            self.fetchers.iter_mut().for_each(|(_, fetcher)| Arc::make_mut(fetcher).leave(partition));
            self.replicas.delete(partition, context);
        }
    }

    /// True where a partition of it that has a replica here changed.
    fn apply_topic(
        &mut self,
        index: u32,
        topic: &TopicImage,
        known: Option<&Arc<TopicImage>>,
        context: &mut Context<'_>,
    ) -> bool {
        let mut has_changes = false;
        for (number, image) in (0_i32..).zip(&topic.partitions) {
            let former = known.and_then(|known| known.partitions.get(number as usize));
            let is_new = former.is_none_or(|former| former.partition_epoch != image.partition_epoch);
            if is_new && image.replicas.contains(&self.settings.id) {
                let partition = TopicPartition { topic: index, partition: number };
                self.apply_partition(partition, topic, image, context);
                has_changes = true;
            }
        }
        has_changes
    }

    fn apply_partition(
        &mut self,
        partition: TopicPartition,
        topic: &TopicImage,
        image: &PartitionImage,
        context: &mut Context<'_>,
    ) {
        if self.replicas.get(&partition).is_none() && !self.open_replica(partition, topic, context) {
            return;
        }
        if image.leader == self.settings.id {
            self.lead(partition, image, context);
        } else {
            self.follow(partition, image, context);
        }
    }

    /// Opens the log and finds the sessions that asked for the partition before it was here.
    fn open_replica(&mut self, partition: TopicPartition, topic: &TopicImage, context: &mut Context<'_>) -> bool {
        // Why it cannot be had has been told; the broker ends, or goes on without it.
        let Some(log) = self.replicas.open_log(partition, topic, context) else { return false };
        let watches = self.sessions.iter().filter(|(_, session)| session.partitions.contains_key(&partition));
        let told = topic.config.get("min.insync.replicas").and_then(|value| value.parse().ok());
        let min_isr = told.unwrap_or(self.settings.min_insync_replicas as usize);
        let replica = Replica::new(log, min_isr, watches.map(|(id, _)| *id).collect());
        self.replicas.insert(partition, replica);
        self.replicas.wake_cleaner(partition, context);
        true
    }

    fn lead(&mut self, partition: TopicPartition, image: &PartitionImage, context: &mut Context<'_>) {
        let (me, now) = (self.settings.id, context.now());
        let replica = self.replicas.get_mut(&partition).expect("a replica that leads has been opened");
        let replica = Arc::make_mut(replica);
        let is_new_epoch = image.leader_epoch > replica.leader_epoch;
        match &mut replica.role {
            Role::Leader(leadership) if !is_new_epoch => {
                if image.partition_epoch > leadership.partition_epoch {
                    leadership.confirm(image.isr.clone(), image.partition_epoch, image.recovering);
                }
            }
            role @ (Role::Leader(_) | Role::Follower(_)) => {
                let (end, high_watermark) = (replica.log.log_end_offset(), replica.log.high_watermark());
                let former = match role {
                    Role::Follower(leader) => Some(*leader),
                    Role::Leader(_) => None,
                };
                *role = Role::Leader(Leadership::new(me, image, end, now));
                replica.leader_epoch = image.leader_epoch;
                self.replicas.assign_epoch(partition, image.leader_epoch, end, context);
                if let Some(fetcher) = former.and_then(|leader| self.fetchers.get_mut(&leader)) {
                    Arc::make_mut(fetcher).leave(partition);
                }
                context.note(Note::BecameLeader {
                    broker: me,
                    partition,
                    leader_epoch: image.leader_epoch,
                    log_end_offset: end,
                    high_watermark,
                });
                self.role_changed(partition, context);
            }
        }
        self.advance_high_watermark(partition, context);
        self.wake_partition(partition);
        self.watch_followers_outside_isr(partition);
    }

    fn follow(&mut self, partition: TopicPartition, image: &PartitionImage, context: &mut Context<'_>) {
        let replica = self.replicas.get_mut(&partition).expect("a replica that follows has been opened");
        if image.leader_epoch <= replica.leader_epoch && matches!(replica.role, Role::Follower(_)) {
            return;
        }
        let replica = Arc::make_mut(replica);
        let former = std::mem::replace(&mut replica.role, Role::Follower(image.leader));
        replica.leader_epoch = image.leader_epoch;
        let (high_watermark, has_epochs) = (replica.log.high_watermark(), replica.log.latest_epoch().is_some());
        // A log without epochs cannot be compared with the leader's: only what is committed is kept.
        if !has_epochs || self.settings.without.kip_101 {
            // A log that cannot be cut is followed all the same: its fetches find out.
            let _ = self.replicas.truncate(partition, high_watermark, context);
        }
        match former {
            Role::Follower(leader) if leader != image.leader => {
                if let Some(fetcher) = self.fetchers.get_mut(&leader) {
                    Arc::make_mut(fetcher).leave(partition);
                }
            }
            // It fetched from the same leader, or from none.
            Role::Follower(_) | Role::Leader(_) => {}
        }
        let log = &self.replicas.replica(partition).log;
        let state = FetchState {
            leader_epoch: image.leader_epoch,
            offset: log.log_end_offset(),
            last_epoch: log.latest_epoch().unwrap_or(-1),
            log_start: log.log_start_offset(),
        };
        if image.leader >= 0 {
            self.fetcher(image.leader).follow(partition, state);
        }
        context.note(Note::BecameFollower {
            broker: self.settings.id,
            partition,
            leader_epoch: image.leader_epoch,
            leader: image.leader,
        });
        self.role_changed(partition, context);
        self.wake_partition(partition);
    }
}
