//! What a program does with the partitions that it reads: it chooses them, moves in them and asks where it is (Kafka:
//! `KafkaConsumer.assign`, `seek`, `position`, `pause`, `resume`).

use super::coordinator::member::Place;
use super::position::{Position, State};
use super::{Consumer, ConsumerEvent};
use crate::client::ClientContext;
use crate::note::Moved;
use crate::wire::TopicPartition;

impl Consumer {
    /// Reads these partitions, by the names of their topics, and no other; its group, if it has one, only keeps its offsets.
    pub fn assign<'n>(&mut self, places: impl IntoIterator<Item = (&'n str, i32)>) {
        let places: Vec<Place> = places.into_iter().map(|(topic, partition)| (topic.to_owned(), partition)).collect();
        for (topic, _) in &places {
            if self.topics.iter().all(|known| known.name != *topic) {
                self.network.metadata_mut().add_topic(topic);
                self.topics.push(super::Topic { name: topic.clone(), number: None });
            }
        }
        self.manual = Some(places.into_iter().collect());
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.only_keeps_offsets();
        }
        self.metadata_updated();
    }

    /// The next record that is handed over of a partition is this one, or what comes behind it (`seek()`).
    pub fn seek_to(&mut self, topic: &str, partition: i32, offset: i64) {
        let number = self.topics.iter().find(|known| known.name == topic).and_then(|known| known.number);
        let of = number.map(|topic| TopicPartition { topic, partition });
        match of.filter(|of| self.positions.get(of).is_some()) {
            Some(of) => self.move_to(of, offset),
            // Of its topic nothing is known yet.
            None => _ = self.seeks.insert((topic.to_owned(), partition), offset),
        }
    }

    /// The same for a partition that has a position: [`ConsumerEvent::Reset`] tells of it. One that was given up meanwhile is
    /// another's to go on in.
    pub fn seek_back(&mut self, partition: TopicPartition, offset: i64) {
        if let Some(before) = self.position(partition) {
            self.move_to(partition, offset);
            self.events.push_back(ConsumerEvent::Reset { partition, offset, moved: Moved::Sought { before } });
        }
    }

    /// The same in every partition that has a position: [`ConsumerEvent::Reset`] tells of each.
    pub fn seek_everywhere(&mut self, offset: i64) {
        let known: Vec<(TopicPartition, i64)> = self.positions().collect();
        for (partition, before) in known {
            self.move_to(partition, offset);
            self.events.push_back(ConsumerEvent::Reset { partition, offset, moved: Moved::Sought { before } });
        }
    }

    fn move_to(&mut self, of: TopicPartition, offset: i64) {
        self.drop_buffered(of);
        let position = self.positions.get_mut(&of).expect("a position to move");
        position.sought(offset, self.fetches);
        let source = position.source();
        self.touch(source, of);
    }

    /// The first position of a partition that has come to this consumer.
    pub(super) fn first_position(&mut self, of: TopicPartition) -> Position {
        let name = self.topics.iter().find(|topic| topic.number == Some(of.topic)).map(|topic| topic.name.clone());
        let mut position = match self.coordinator {
            None => Position::new(self.settings.auto_offset_reset),
            Some(_) => Position::in_group(self.fetches),
        };
        if let Some(offset) = name.and_then(|name| self.seeks.remove(&(name, of.partition))) {
            position.sought(offset, self.fetches);
        }
        position
    }

    /// The program calls `position()` where none is known yet: it is looked for, as in `poll()`, until [`Self::position`] knows
    /// it and the program says so with [`Self::stop_polling`].
    pub fn look_for_positions(&mut self, context: &mut ClientContext<'_>) {
        self.is_looking = true;
        self.look(context);
    }

    /// A turn of that.
    pub(super) fn look(&mut self, context: &mut ClientContext<'_>) {
        self.poll_group(context);
        self.network.maybe_update_metadata(context);
        self.ask(context);
        self.network.maybe_update_metadata(context);
    }

    /// The time that the program gave `poll()` or `position()` is over: it has returned, with nothing.
    pub fn stop_polling(&mut self, context: &ClientContext<'_>) {
        self.is_looking = false;
        if std::mem::take(&mut self.polling) {
            self.poll_returned(context);
        }
    }

    /// Where the program is in a partition, by the name of its topic; also where that is being validated.
    #[must_use]
    pub fn position_in(&self, topic: &str, partition: i32) -> Option<i64> {
        let number = self.topics.iter().find(|known| known.name == topic)?.number?;
        let position = self.positions.get(&TopicPartition { topic: number, partition })?;
        matches!(position.state, State::Fetch | State::Validate { .. }).then_some(position.offset)
    }

    /// A partition by the name of its topic, if metadata tell of it.
    #[must_use]
    pub fn partition_of(&self, topic: &str, partition: i32) -> Option<TopicPartition> {
        let number = self.topics.iter().find(|known| known.name == topic)?.number?;
        Some(TopicPartition { topic: number, partition })
    }
}
