//! The log cleaner at work: each step of a thread is an event, and takes the time that reading and writing take.

use std::sync::Arc;

use super::super::context::Context;
use super::super::timer::BrokerTimer;
use super::replica::Replica;
use super::storage::milliseconds;
use super::{DIRECTORY, ReplicaManager};
use crate::log::ReplicaLog;
use crate::log::checkpoints::{self, Malformed};
use crate::log::cleaner::manager::CLEANER_OFFSETS;
use crate::log::cleaner::threads::ThreadEvent;
use crate::log::cleaner::{LogCleaner, Logs, Partition, Progress, RemovedSegments};
use crate::note::Note;
use crate::sim::{SECOND, Time};
use crate::wire::{ClusterImage, PartitionMap, TopicPartition};

/// Kafka's cleaner takes about a second of a core for 100 MB of log, which it reads twice and half of which it writes.
const BYTES_PER_SECOND: u64 = 250_000_000;
/// A step that only renames a file, or looks around.
const STEP_US: Time = 100;

/// The replicas of a broker as the cleaner sees them.
struct Replicas<'a> {
    replicas: &'a mut PartitionMap<Arc<Replica>>,
    image: &'a ClusterImage,
}

impl Replicas<'_> {
    fn find(&self, (topic, partition): &Partition) -> Option<TopicPartition> {
        Some(TopicPartition { topic: self.image.topics.named(topic)?, partition: *partition })
    }
}

impl Logs for Replicas<'_> {
    fn partitions(&self) -> Vec<Partition> {
        self.replicas.keys().map(|partition| key(self.image, partition)).collect()
    }

    fn log(&self, partition: &Partition) -> Option<&ReplicaLog> {
        Some(&self.replicas.get(&self.find(partition)?)?.log)
    }

    fn log_mut(&mut self, partition: &Partition) -> Option<&mut ReplicaLog> {
        let partition = self.find(partition)?;
        Some(&mut Arc::make_mut(self.replicas.get_mut(&partition)?).log)
    }
}

fn key(image: &ClusterImage, partition: TopicPartition) -> Partition {
    (image.topics.name_of(partition.topic).to_owned(), partition.partition)
}

impl ReplicaManager {
    /// The cleaner, once there is a compacted log.
    pub(in crate::broker) fn cleaner(&self) -> Option<&LogCleaner> {
        self.cleaner.as_deref()
    }

    /// A log was opened. The threads have looked around every `log.cleaner.backoff.ms` since the broker began; before
    /// there is a compacted log they would find nothing, so they begin with the first, in their step.
    pub(in crate::broker) fn wake_cleaner(&mut self, opened: TopicPartition, context: &mut Context<'_>) {
        let config = &self.settings.cleaner;
        if self.cleaner.is_some() || !config.enable || !self.replica(opened).log.config().compact {
            return;
        }
        let now_ms = milliseconds(context.wall_clock());
        self.cleaner = Some(Arc::new(LogCleaner::new(config.clone(), DIRECTORY, context.now(), now_ms)));
        let rounds = context.now().saturating_sub(self.booted_us) / config.backoff_us.max(1) + 1;
        for thread in 0..u64::from(config.threads) {
            context.set_timer(BrokerTimer::Cleaner(thread), self.booted_us + rounds * config.backoff_us);
        }
    }

    /// A thread takes its next step. The logs of which it removed old segments.
    pub(in crate::broker) fn clean(&mut self, thread: u64, context: &mut Context<'_>) -> Vec<TopicPartition> {
        if !self.may_choose(thread, context) {
            return Vec::new();
        }
        let Self { cleaner: Some(cleaner), all: replicas, image, settings, .. } = self else {
            unreachable!("the timers of its threads begin with the cleaner")
        };
        let (now_us, id) = (context.now(), settings.id);
        let mut logs = Replicas { replicas, image };
        let (disk, clock) = context.disk_and_clock();
        let step = Arc::make_mut(cleaner).step(thread as usize, &mut logs, disk, now_us, milliseconds(clock));
        // A thread that has died takes no more steps.
        let Some((event, wait_us)) = step else { return Vec::new() };
        let mut cost_us = STEP_US;
        let (mut replaced, mut shorter) = (Vec::new(), Vec::new());
        match event {
            ThreadEvent::Step(partition, progress) => {
                cost_us += progress.io_bytes() * SECOND / BYTES_PER_SECOND;
                let of = logs.find(&partition);
                replaced.extend(of);
                if let (Progress::Done { end_offset }, Some(of)) = (progress, of) {
                    let (from, stats) =
                        cleaner.threads().get(thread as usize).map(|it| it.last_cleaning()).unwrap_or_default();
                    context.note(Note::Cleaned {
                        broker: id,
                        partition: of,
                        from,
                        to: end_offset,
                        messages_read: stats.messages_read,
                        messages_written: stats.messages_written,
                    });
                }
            }
            ThreadEvent::Failed(partition, error) => {
                // A thread whose disk refused tries again; any other fault of a log ends its cleaning (KIP-346).
                let is_left_alone = cleaner.manager().uncleanable().any(|left| *left == partition);
                if let Some(partition) = logs.find(&partition).filter(|_| is_left_alone) {
                    context.note(Note::Uncleanable { broker: id, partition, exception: error.exception() });
                }
            }
            // Nothing of a log has changed, or whoever cut it has seen to the rest; what was removed is told below.
            ThreadEvent::Chose(_)
            | ThreadEvent::FoundNothing
            | ThreadEvent::Aborted(_)
            | ThreadEvent::RemovedSegments(_) => {}
        }
        for RemovedSegments { partition, segments, from, to } in Arc::make_mut(cleaner).take_removed() {
            let partition = logs.find(&partition).expect("a log of which something was removed is open");
            context.note(Note::SegmentsDeleted { broker: id, partition, segments, from, to });
            shorter.push(partition);
        }
        context.set_timer(BrokerTimer::Cleaner(thread), context.after(cost_us.saturating_add(wait_us)));
        // What was replaced or removed goes after `file.delete.delay.ms`.
        self.wait_for_deletions(replaced.into_iter().chain(shorter.iter().copied()), context);
        shorter
    }

    /// Whether a thread that may look for the next log can read up to where each was cleaned. One that cannot takes the
    /// directory offline, or dies of what is no number (`LogCleanerManager.allCleanerCheckpoints`).
    fn may_choose(&mut self, thread: u64, context: &mut Context<'_>) -> bool {
        let threads = self.cleaner.as_deref().map(LogCleaner::threads).unwrap_or_default();
        if threads.get(thread as usize).is_none_or(|thread| thread.cleaning().is_some()) {
            return true;
        }
        match checkpoints::read_offsets(context.disk(), &format!("{DIRECTORY}/{CLEANER_OFFSETS}")) {
            Ok(_) => true,
            Err(malformed @ Malformed::Shape(_)) => {
                self.file_is_malformed(&malformed);
                false
            }
            Err(malformed @ Malformed::NotANumber(_)) => {
                let why = format!("kafka-log-cleaner-thread-{thread} dies: {malformed}, NumberFormatException");
                context.note(Note::StorageWarning { broker: self.settings.id, why });
                false
            }
        }
    }

    /// A log is about to go: nobody cleans it any more, and a later one of its name begins anew
    /// (`LogCleaner.abortCleaning`, `updateCheckpoints`).
    pub(super) fn forget_cleaning(&mut self, of: TopicPartition, context: &mut Context<'_>) {
        // Without a cleaner there is nothing to forget.
        let Self { cleaner: Some(cleaner), all: replicas, image, .. } = self else { return };
        let partition = key(image, of);
        let (cleaner, mut logs) = (Arc::make_mut(cleaner), Replicas { replicas, image });
        cleaner.abort_and_pause(&mut logs, context.disk(), &partition);
        cleaner.manager().forget_checkpoint(context.disk(), &partition);
        cleaner.resume(&partition);
    }

    /// A log is about to be cut at an offset: nobody may clean what goes (`LogManager.truncateTo`). Whether anybody was
    /// told to wait; [`Broker::go_on_cleaning`] lets them go on then.
    pub(in crate::broker) fn pause_cleaning(&mut self, of: TopicPartition, to: i64, context: &mut Context<'_>) -> bool {
        // Without a cleaner nobody has to wait; nor for a log that it cannot name, which it does not clean.
        let Self { cleaner: Some(cleaner), all: replicas, image, .. } = self else { return false };
        let partition = key(image, of);
        let active = replicas.get(&of).and_then(|replica| replica.log.segments().last());
        if active.is_none_or(|active| to >= active.base_offset) {
            return false;
        }
        Arc::make_mut(cleaner).abort_and_pause(&mut Replicas { replicas, image }, context.disk(), &partition);
        true
    }

    /// The log was cut: it is not clean beyond the offset any more.
    pub(in crate::broker) fn go_on_cleaning(&mut self, of: TopicPartition, to: i64, context: &mut Context<'_>) {
        let Self { cleaner: Some(cleaner), all: replicas, image, .. } = self else {
            unreachable!("only a cleaner that was told to wait goes on")
        };
        let partition = key(image, of);
        let cleaner = Arc::make_mut(cleaner);
        cleaner.manager().maybe_truncate_checkpoint(&Replicas { replicas, image }, context.disk(), &partition, to);
        cleaner.resume(&partition);
    }
}
