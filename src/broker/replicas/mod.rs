//! The replicas of a broker and what is done with them: append, read, high watermark, ISR, the tasks of their logs
//! (Kafka: `ReplicaManager`, `Partition`, `LogManager`). Nothing here sends anything: who asked, who waits and who follows is
//! known to the broker around it, which tells them of what changed.

mod append;
mod checkpoints;
mod cleaning;
mod deletion;
mod doomed;
mod high_watermark;
mod isr;
mod leadership;
mod log_dir;
mod log_tasks;
mod read;
mod replica;
mod storage;

use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::settings::{BrokerSettings, DIRECTORY};
use crate::log::cleaner::LogCleaner;
use crate::sim::Time;
use crate::sim::sorted::SortedSet;
use crate::wire::{ClusterImage, PartitionMap, TopicPartition};

pub(super) use append::{Appended, Refused};
use checkpoints::Checkpoints;
use doomed::Doomed;
pub(super) use leadership::Leadership;
pub(super) use read::{Found, Reading};
pub use replica::ReplicaView;
pub(super) use replica::{Replica, Role};
pub(super) use storage::error_of;

/// The replicas of one broker.
#[derive(Clone, Debug)]
pub(super) struct ReplicaManager {
    settings: Arc<BrokerSettings>,
    /// The metadata as the broker knows it.
    image: Arc<ClusterImage>,
    all: PartitionMap<Arc<Replica>>,
    /// What the last life left in its checkpoint files.
    checkpointed: Arc<Checkpoints>,
    /// A high watermark moved since the last checkpoint.
    checkpoint_is_stale: bool,
    /// Why the broker will end behind this event, if it does.
    halts_because: Option<String>,
    /// Partitions whose ISR change is not sent yet.
    isr_changes: SortedSet<TopicPartition>,
    /// Those that the controller did not take, until they are sent again.
    isr_retries: SortedSet<TopicPartition>,
    /// Partitions with files that wait for their removal.
    deleting: SortedSet<TopicPartition>,
    /// Directories of deleted logs that wait for their removal.
    doomed: Vec<Doomed>,
    /// There once there is a compacted log.
    cleaner: Option<Arc<LogCleaner>>,
    /// When the broker began.
    booted_us: Time,
}

impl ReplicaManager {
    /// None, before the broker has booted.
    pub(super) fn new(settings: Arc<BrokerSettings>) -> Self {
        Self {
            settings,
            image: Arc::default(),
            all: PartitionMap::default(),
            checkpointed: Arc::default(),
            checkpoint_is_stale: false,
            halts_because: None,
            isr_changes: SortedSet::default(),
            isr_retries: SortedSet::default(),
            deleting: SortedSet::default(),
            doomed: Vec::new(),
            cleaner: None,
            booted_us: 0,
        }
    }

    /// Takes the metadata that the broker knows from now on.
    pub(super) fn know(&mut self, image: &Arc<ClusterImage>) {
        self.image = Arc::clone(image);
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Arc<Replica>> {
        self.all.get(partition)
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Arc<Replica>> {
        self.all.get_mut(partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TopicPartition, &Arc<Replica>)> {
        self.all.iter()
    }

    /// A replica that was opened.
    pub(super) fn insert(&mut self, partition: TopicPartition, replica: Replica) {
        assert!(self.all.get(&partition).is_none(), "a replica is opened once");
        self.all.insert(partition, Arc::new(replica));
    }

    /// A replica that is here: who leads, follows or fetches it has seen to that.
    pub(super) fn replica(&self, partition: TopicPartition) -> &Replica {
        self.all.get(&partition).expect("the replica is here")
    }

    /// The same, to be changed.
    pub(super) fn replica_mut(&mut self, partition: TopicPartition) -> &mut Replica {
        Arc::make_mut(self.all.get_mut(&partition).expect("the replica is here"))
    }

    /// The replica, if the asker's leader epoch is the one it knows; -1 asks for any (Kafka:
    /// `Partition.checkCurrentLeaderEpoch`).
    pub(super) fn replica_at_epoch(
        &self,
        partition: TopicPartition,
        leader_epoch: i32,
    ) -> Result<&Replica, ResponseError> {
        let Some(replica) = self.all.get(&partition) else {
            // A fetch session may still have a topic that is deleted, of which another one has the name.
            let is_another = self.namesake(partition).is_some_and(|other| self.all.get(&other).is_some());
            return Err(if is_another { ResponseError::InconsistentTopicId } else { self.why_not_here(partition) });
        };
        match leader_epoch {
            -1 => Ok(replica),
            asked if asked < replica.leader_epoch => Err(ResponseError::FencedLeaderEpoch),
            asked if asked > replica.leader_epoch => Err(ResponseError::UnknownLeaderEpoch),
            _ => Ok(replica),
        }
    }

    /// Why a replica that is not here is not (`ReplicaManager.getPartitionOrError`).
    pub(super) fn why_not_here(&self, partition: TopicPartition) -> ResponseError {
        let is_known = self.namesake(partition).is_some();
        if is_known { ResponseError::NotLeaderOrFollower } else { ResponseError::UnknownTopicOrPartition }
    }

    /// The partition that is called so in the metadata now. Kafka asks by name: of a topic that was deleted and made again it is
    /// that of its successor.
    fn namesake(&self, partition: TopicPartition) -> Option<TopicPartition> {
        let topics = &self.image.topics;
        let named = TopicPartition { topic: topics.named(topics.name_of(partition.topic))?, ..partition };
        self.image.partition(named).map(|_| named)
    }

    /// The broker ends behind this event.
    pub(super) fn is_halting(&self) -> bool {
        self.halts_because.is_some()
    }
}
