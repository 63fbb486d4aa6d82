//! How coordinators meet the broker: partitions led and lost, loaded, committed, and their timers (Kafka:
//! `BrokerMetadataPublisher`, `CoordinatorLoaderImpl`, `CoordinatorTimerImpl`).

use super::super::{Broker, BrokerTimer, Context};
use super::effects::{Client, Effects};
use super::partition::Entry;
use super::service::moment;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::TopicPartition;

/// A loader reads so much of a log in a second: records are parsed and replayed one by one.
const BYTES_PER_SECOND: u64 = 50_000_000;
/// The least that a step of a loader takes: its thread is woken.
const STEP_US: Time = MILLISECOND;

impl Broker {
    /// The high watermark of a partition moved: if it is a coordinator's, its committed state goes on.
    pub(in crate::broker) fn commit_coordinator(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        if let Some(place) = self.coordinators.of(partition) {
            let high_watermark = self.replicas.replica(partition).log.high_watermark();
            self.coordinators.get_mut(place).commit(partition.partition, high_watermark);
            self.coordinators.may_be_due(place, partition.partition);
            self.transactions_committed(partition, context);
        }
    }

    /// The role of a partition is another: if it is a coordinator's, its state is loaded or dropped.
    pub(in crate::broker) fn coordinator_moved(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        // Most partitions are of no coordinator.
        let Some(place) = self.coordinators.of(partition) else { return };
        // What it leads by metadata of its former life it may have lost a part of, and the controller elects another leader as
        // soon as it registers: what a coordinator wrote there until then would stand beside what the others have.
        if !self.listens() {
            return;
        }
        let replica = self.replicas.replica(partition);
        let (leads, log_start) = (replica.leadership().is_some(), replica.log.log_start_offset());
        if !leads {
            self.coordinator_resigns(partition, context);
        } else if self.coordinators.get_mut(place).elected(partition.partition, log_start) {
            context.set_timer(loader(place, partition.partition), context.after(STEP_US));
        } else {
            self.transactions_led_anew(partition, context);
        }
    }

    /// The broker has started: its coordinators begin.
    pub(in crate::broker) fn coordinators_begin(&mut self, context: &mut Context<'_>) {
        let partitions = self.replicas.iter().map(|(partition, _)| partition);
        let theirs: Vec<TopicPartition> = partitions.filter(|it| self.coordinators.of(*it).is_some()).collect();
        theirs.into_iter().for_each(|partition| self.coordinator_moved(partition, context));
    }

    /// A partition is led by another broker, or deleted: if it is a coordinator's, its state goes, and nothing loads it.
    pub(in crate::broker) fn coordinator_resigns(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        // Most partitions are of no coordinator.
        let Some(place) = self.coordinators.of(partition) else { return };
        self.coordinators.get_mut(place).resigned(partition.partition);
        self.transactions_resigned(partition);
        context.cancel_timer(loader(place, partition.partition));
        context.cancel_timer(waker(place, partition.partition));
    }

    /// A loader takes its next step.
    pub(in crate::broker) fn load_coordinator(&mut self, number: u64, context: &mut Context<'_>) {
        let (place, partition) = of_timer(number);
        let topic = self.coordinators.topic(place).expect("a topic that is loaded from is known");
        let Self { coordinators, settings, image, replicas, .. } = self;
        let log = &replicas.replica(TopicPartition { topic, partition }).log;
        let coordinator = coordinators.get_mut(place);
        match coordinator.load(partition, log, context.disk(), settings.offsets_load_buffer_size) {
            Some(bytes) => {
                let cost = STEP_US + u64::from(bytes) * SECOND / BYTES_PER_SECOND;
                context.set_timer(loader(place, partition), context.after(cost));
            }
            None => {
                coordinator.loaded(partition, &mut moment(settings, image, Client::default(), context));
                coordinators.may_be_due(place, partition);
                self.transactions_committed(TopicPartition { topic, partition }, context);
            }
        }
    }

    /// The timer of a partition has fired: something of its shard is due.
    pub(in crate::broker) fn wake_coordinator(&mut self, number: u64) {
        let (place, partition) = of_timer(number);
        self.coordinators.may_be_due(place, partition);
    }

    /// Does what is due in the partitions that this event touched, until nothing is, and sets their timers.
    pub(in crate::broker) fn settle_coordinators(&mut self, context: &mut Context<'_>) {
        while let Some((place, partition)) = self.coordinators.next_due() {
            // A topic that was deleted meanwhile has nothing due.
            let Some(topic) = self.coordinators.topic(place) else { continue };
            while self.coordinators.get(place).is_due(partition, context.now())
                && let Some(effects) = self.advance_coordinator(place, partition, context)
            {
                self.take_effects(place, TopicPartition { topic, partition }, effects, context);
            }
            match self.coordinators.get(place).wakes_at(partition) {
                Some(at) => context.set_timer(waker(place, partition), at),
                None => context.cancel_timer(waker(place, partition)),
            }
        }
    }

    fn advance_coordinator(&mut self, place: usize, partition: i32, context: &mut Context<'_>) -> Option<Effects> {
        let Self { coordinators, settings, image, .. } = self;
        let mut moment = moment(settings, image, Client::default(), context);
        coordinators.get_mut(place).advance(partition, &mut moment)
    }

    /// Topics are gone: the coordinators drop what they keep of them (`GroupCoordinatorService.onPartitionsDeleted`).
    pub(in crate::broker) fn tell_coordinators_deleted(&mut self, names: &[&str], context: &mut Context<'_>) {
        for place in self.coordinators.places() {
            // Without the topic nobody has committed anything.
            let Some(topic) = self.coordinators.topic(place) else { continue };
            for partition in self.coordinators.get(place).partitions() {
                let Self { coordinators, settings, image, .. } = self;
                let mut moment = moment(settings, image, Client::default(), context);
                let effects = coordinators.get_mut(place).topics_deleted(partition, names, &mut moment);
                self.take_effects(place, TopicPartition { topic, partition }, effects, context);
                self.coordinators.may_be_due(place, partition);
            }
        }
    }

    /// A marker is in the log of a coordinator's partition, up to this offset: the transaction of the producer is over there.
    /// Whoever writes markers says so before the high watermark moves past it (`CoordinatorContext.completeTransaction`).
    pub(in crate::broker) fn complete_transaction(
        &mut self,
        partition: TopicPartition,
        producer_id: i64,
        is_commit: bool,
        end: i64,
    ) {
        // Most partitions are of no coordinator.
        let Some(place) = self.coordinators.of(partition) else { return };
        if self.coordinators.get(place).last_written(partition.partition).is_ok() {
            let entry = Entry::Marker { producer_id, is_commit };
            self.coordinators.get_mut(place).wrote(partition.partition, entry, end, None);
        }
    }
}

/// The timer of a partition's loader.
fn loader(place: usize, partition: i32) -> BrokerTimer {
    BrokerTimer::Loader(timer(place, partition))
}

/// The timer of what a partition's shard waits for.
fn waker(place: usize, partition: i32) -> BrokerTimer {
    BrokerTimer::Coordinator(timer(place, partition))
}

fn timer(place: usize, partition: i32) -> u64 {
    (place as u64) << 32 | u64::from(partition as u32)
}

fn of_timer(number: u64) -> (usize, i32) {
    ((number >> 32) as usize, number as u32 as i32)
}
