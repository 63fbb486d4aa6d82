//! What a consumer does for its group: it has the partitions that it is assigned, begins where the group has committed, and says
//! how far it has read (Kafka: `ClassicKafkaConsumer` with its `ConsumerCoordinator`).

use std::sync::Arc;

use super::coordinator::member::{Commit, Committed, GroupTag, Heard, Kind, MembershipSight, Place};
use super::coordinator::{Coordinator, Turn};
use super::position::{Position, State};
use super::query::GroupOffset;
use super::{Consumer, ConsumerEvent};
use crate::client::{ClientContext, GroupOffsets};
use crate::note::Moved;
use crate::sim::MILLISECOND;
use crate::wire::{Message, PartitionMap, TopicPartition};

impl Consumer {
    /// A turn of the program's thread in `poll()` for its group (`ClassicKafkaConsumer.updateAssignmentMetadataIfNeeded`).
    pub(super) fn poll_group(&mut self, context: &mut ClientContext<'_>) {
        self.with_coordinator(context, |coordinator, consumed, turn| coordinator.poll(consumed, turn));
        self.hear_of_group(context);
        self.ask_committed(context);
    }

    /// What goes on for the group whether the program polls or not.
    pub(super) fn work_for_group(&mut self, context: &mut ClientContext<'_>) {
        self.with_coordinator(context, |coordinator, _, turn| coordinator.work(turn));
        self.hear_of_group(context);
    }

    /// The program calls `commitSync()` with where it is: [`ConsumerEvent::Committed`] tells that it has returned, at once or
    /// later.
    pub fn commit_sync(&mut self, context: &mut ClientContext<'_>) {
        self.commit_consumed(Kind::Sync, context);
    }

    /// The program calls `commitAsync()` with where it is: [`ConsumerEvent::Committed`] tells what became of it.
    pub fn commit_async(&mut self, context: &mut ClientContext<'_>) {
        self.commit_consumed(Kind::Async, context);
    }

    /// The same with these offsets (`commitSync(Map)`).
    pub fn commit_sync_of(&mut self, offsets: Vec<GroupOffset>, context: &mut ClientContext<'_>) {
        let offsets: Vec<Committed> = offsets.into_iter().map(Committed::of).collect();
        self.with_coordinator(context, |coordinator, _, turn| coordinator.commit(Kind::Sync, offsets, turn));
        self.hear_of_group(context);
    }

    /// The program asks what its group has committed of these partitions: [`ConsumerEvent::OffsetsOfGroup`] tells it
    /// (`committed()`).
    pub fn committed_of(&mut self, places: Vec<(String, i32)>, context: &mut ClientContext<'_>) {
        self.with_coordinator(context, |coordinator, _, turn| coordinator.tell_offsets(places, turn));
        self.hear_of_group(context);
    }

    fn commit_consumed(&mut self, kind: Kind, context: &mut ClientContext<'_>) {
        self.with_coordinator(context, |coordinator, consumed, turn| coordinator.commit(kind, consumed(), turn));
        self.hear_of_group(context);
    }

    /// The broker that it takes for its group's coordinator; `None` where it looks for it.
    #[must_use]
    pub fn takes_for_coordinator(&self) -> Option<i32> {
        self.coordinator.as_ref().and_then(Coordinator::broker)
    }

    /// Whom it fetches a partition from as its leader, -1 for nobody.
    #[must_use]
    pub fn takes_for_leader(&self, partition: TopicPartition) -> Option<i32> {
        self.positions.get(&partition).map(|position| position.leader)
    }

    /// `groupMetadata()` with these offsets: what the program hands to `sendOffsetsToTransaction()`.
    ///
    /// # Panics
    /// Where it has no group.
    #[must_use]
    pub fn group_metadata(&self, offsets: Vec<(String, i32, i64)>) -> GroupOffsets {
        let coordinator = self.coordinator.as_ref().expect("it is a member of a group");
        coordinator.group_metadata(offsets)
    }

    /// The program gives up where it is: it seeks, in each partition that it has, to what its group has committed
    /// (`KafkaConsumer.committed`, `seek`).
    pub fn seek_to_committed(&mut self) {
        let own: Vec<TopicPartition> = self.positions.iter().map(|(of, _)| of).collect();
        for of in own {
            self.drop_buffered(of);
            let fetches = self.fetches;
            let position = self.positions.get_mut(&of).expect("it was just looked at");
            position.state = State::Committed;
            // What was asked for before does not count.
            position.since_fetch = fetches;
            let source = position.source();
            self.touch(source, of);
        }
    }

    /// The program closes the consumer: [`ConsumerEvent::Closed`] tells that it may end. Without a group that is at once.
    pub fn close(&mut self, context: &mut ClientContext<'_>) {
        (self.polling, self.is_looking) = (false, false);
        if self.coordinator.is_none() {
            return self.close_sessions(context);
        }
        self.with_coordinator(context, |coordinator, consumed, turn| coordinator.close(consumed, turn));
        self.hear_of_group(context);
    }

    /// The `group.id`, if it has one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.coordinator.as_ref().map(Coordinator::group)
    }

    /// What it believes of itself as a member; `None` without a group.
    #[must_use]
    pub fn membership(&self) -> Option<MembershipSight> {
        self.coordinator.as_ref().map(Coordinator::sight)
    }

    pub(super) fn group_answered(&mut self, tag: GroupTag, message: &Arc<Message>, context: &mut ClientContext<'_>) {
        self.with_coordinator(context, |coordinator, _, turn| coordinator.answered(tag, message, turn));
    }

    pub(super) fn group_lost(&mut self, node: i32, tag: GroupTag, context: &mut ClientContext<'_>) {
        self.with_coordinator(context, |coordinator, _, turn| coordinator.lost(node, tag, turn));
    }

    pub(super) fn poll_returned(&mut self, context: &ClientContext<'_>) {
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.poll_returned(context.now());
        }
    }

    /// Lets the coordinator work, where there is one, with the connections and the positions of this consumer.
    fn with_coordinator(
        &mut self,
        context: &mut ClientContext<'_>,
        work: impl FnOnce(&mut Coordinator, &dyn Fn() -> Vec<Committed>, &mut Turn<'_, '_>),
    ) {
        let Self { coordinator, network, positions, topics, .. } = self;
        // It has no group.
        let Some(coordinator) = coordinator else { return };
        let name = |number: u32| topics.iter().find(|topic| topic.number == Some(number)).map(|it| it.name.clone());
        let consumed = || all_consumed(positions, &name);
        work(coordinator, &consumed, &mut Turn { network, context });
    }

    /// Takes over what the coordinator has heard.
    fn hear_of_group(&mut self, context: &mut ClientContext<'_>) {
        while let Some(heard) = self.coordinator.as_mut().and_then(Coordinator::next_heard) {
            match heard {
                Heard::Assigned { generation, places } => {
                    // The leader may know of topics of which this one has not heard yet
                    // (`ConsumerCoordinator.maybeUpdateJoinedSubscription`).
                    if self.pattern.is_some() && places.iter().any(|place| self.number_of(place).is_none()) {
                        self.network.metadata_mut().request_update();
                    }
                    let partitions = self.numbered(&places);
                    self.events.push_back(ConsumerEvent::Assigned { generation, partitions });
                    self.metadata_updated();
                }
                Heard::Revoking(places) => {
                    for of in self.numbered(&places) {
                        self.hold_back(of);
                    }
                }
                Heard::Revoked(places) => {
                    let partitions = self.give_up(&places);
                    self.events.push_back(ConsumerEvent::Revoked { partitions });
                }
                Heard::Lost(places) => {
                    let partitions = self.give_up(&places);
                    self.events.push_back(ConsumerEvent::Lost { partitions });
                }
                Heard::Found(found) => found.into_iter().for_each(|found| self.found_committed(&found, context)),
                Heard::Committed { commit, error } => self.committed(&commit, error),
                Heard::PollExpired => {
                    let interval_ms = self.settings.group.max_poll_interval_us / MILLISECOND;
                    self.events.push_back(ConsumerEvent::PollExpired { interval_ms });
                }
                Heard::Failed(error) => {
                    self.last_error = error;
                    self.events.push_back(ConsumerEvent::Failed { error });
                }
                Heard::Told(offsets) => {
                    let offsets = offsets.into_iter().map(Committed::into_offset).collect();
                    self.events.push_back(ConsumerEvent::OffsetsOfGroup(offsets));
                }
                Heard::Left => self.close_sessions(context),
            }
        }
    }

    fn committed(&mut self, commit: &Commit, error: i16) {
        if error != 0 {
            self.last_error = error;
        }
        let number = |it: &Committed| Some((self.number_of(&it.place)?, it.offset));
        let offsets = commit.offsets.iter().filter_map(number).collect();
        let is_sync = commit.kind == Kind::Sync;
        self.events.push_back(ConsumerEvent::Committed { offsets, error, is_sync });
    }

    /// Partitions by the numbers of their topics, as far as metadata tell them.
    fn numbered(&self, places: &[Place]) -> Vec<TopicPartition> {
        places.iter().filter_map(|place| self.number_of(place)).collect()
    }

    fn number_of(&self, (name, partition): &Place) -> Option<TopicPartition> {
        let topic = self.topics.iter().find(|topic| topic.name == *name)?.number?;
        Some(TopicPartition { topic, partition: *partition })
    }

    /// Whether a partition is this consumer's: without a group all are.
    pub(super) fn is_own(&self, of: TopicPartition) -> bool {
        let own = match (&self.manual, &self.coordinator) {
            (Some(manual), _) => manual,
            (None, Some(coordinator)) => coordinator.assigned(),
            (None, None) => return true,
        };
        let name = self.topics.iter().find(|topic| topic.number == Some(of.topic)).map(|topic| topic.name.clone());
        name.is_some_and(|name| own.contains(&(name, of.partition)))
    }

    /// Forgets where it is in partitions that are not its own any more, and what was fetched of them.
    fn give_up(&mut self, places: &[Place]) -> Vec<TopicPartition> {
        let partitions = self.numbered(places);
        for of in &partitions {
            self.drop_buffered(*of);
            // It has not heard of its topic yet.
            let Some(position) = self.positions.remove(of) else { continue };
            self.asking.remove(of);
            self.without_id.remove(of);
            self.touch(position.source(), *of);
        }
        self.retries.retain(|(_, of)| !partitions.contains(of));
        partitions
    }

    /// Asks what the group has committed of partitions that came to this consumer.
    fn ask_committed(&mut self, context: &mut ClientContext<'_>) {
        let waits = |(of, position): (TopicPartition, &Position)| (position.state == State::Committed).then_some(of);
        let wanted: Vec<TopicPartition> = self.positions.iter().filter_map(waits).collect();
        let name = |of: &TopicPartition| Some((self.name_of(of.topic)?.to_owned(), of.partition));
        let places: Vec<Place> = wanted.iter().filter_map(name).collect();
        self.with_coordinator(context, |coordinator, _, turn| coordinator.ask_offsets(places, turn));
    }

    /// The name of the topic of this number, as far as metadata tell it.
    #[must_use]
    pub fn name_of(&self, number: u32) -> Option<&str> {
        self.topics.iter().find(|topic| topic.number == Some(number)).map(|topic| topic.name.as_str())
    }

    /// The group goes on here, or, where it has committed nothing, where `auto.offset.reset` says. A position that came with
    /// an epoch is validated (`SubscriptionState.seekUnvalidated`, KIP-320).
    fn found_committed(&mut self, found: &Committed, context: &mut ClientContext<'_>) {
        let of = self.number_of(&found.place);
        let waits = |of: &TopicPartition| self.positions.get(of).is_some_and(|it| it.state == State::Committed);
        // It was given up while this was on its way.
        let Some(of) = of.filter(waits) else { return };
        if found.offset < 0 {
            let position = self.positions.get_mut(&of).expect("it was just looked at");
            position.state = State::to_be_reset(self.settings.auto_offset_reset);
        } else {
            self.seek(of, found.offset, found.epoch, Moved::Committed);
            let position = self.positions.get_mut(&of).expect("it was just moved");
            if found.epoch >= 0 {
                position.state = State::Validate { asked: false };
            }
        }
        self.asking.insert(of);
        self.network.maybe_update_metadata(context);
    }
}

/// Where this consumer is in each partition that it may commit (`SubscriptionState.allConsumed`).
fn all_consumed(positions: &PartitionMap<Position>, name: &dyn Fn(u32) -> Option<String>) -> Vec<Committed> {
    let of = |(of, position): (TopicPartition, &Position)| {
        let place = (name(of.topic)?, of.partition);
        let is_valid = position.state == State::Fetch;
        is_valid.then_some(Committed::plain(place, position.offset, position.offset_epoch))
    };
    positions.iter().filter_map(of).collect()
}
