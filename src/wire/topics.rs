//! The topics of a cluster, by number, id and name (Kafka: `TopicsImage`).

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::topic_image::TopicImage;

/// The topics that a process knows of.
///
/// Each has Kafka's id, its name, and a number: the simulation's own handle, which finds it without a search. The controller
/// counts them in the order of creation and never uses one again. Of a topic that was deleted the number, the id and the name
/// are remembered, as there may still be those who ask for it, and those who tell of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topics {
    by_number: Vec<Slot>,
    /// Replaced as a whole when a topic comes or goes: images that differ in their partitions share it.
    index: Arc<Index>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    Present(Arc<TopicImage>),
    Deleted(Arc<Former>),
}

/// What is left of a topic that was deleted.
#[derive(Debug, PartialEq, Eq)]
struct Former {
    id: Uuid,
    name: String,
}

/// The topics that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index {
    by_id: BTreeMap<Uuid, u32>,
    by_name: BTreeMap<String, u32>,
}

impl Topics {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.by_id.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The topic with this number; `None` where it was deleted, or is not known here yet.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&Arc<TopicImage>> {
        match self.by_number.get(number as usize)? {
            Slot::Present(topic) => Some(topic),
            Slot::Deleted(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut TopicImage> {
        match self.by_number.get_mut(number as usize)? {
            Slot::Present(topic) => Some(Arc::make_mut(topic)),
            Slot::Deleted(_) => None,
        }
    }

    /// The topics that are there, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Arc<TopicImage>)> {
        (0..).zip(&self.by_number).filter_map(|(number, slot)| match slot {
            Slot::Present(topic) => Some((number, topic)),
            Slot::Deleted(_) => None,
        })
    }

    /// The number of the topic with this id; `None` is Kafka's UNKNOWN_TOPIC_ID.
    #[must_use]
    pub fn with_id(&self, id: Uuid) -> Option<u32> {
        self.index.by_id.get(&id).copied()
    }

    /// The same, also of a topic that was deleted: for those who forget it, or are told of it late.
    #[must_use]
    pub fn with_id_ever(&self, id: Uuid) -> Option<u32> {
        let was = |slot: &Slot| matches!(slot, Slot::Deleted(former) if former.id == id);
        let former = || (0..).zip(&self.by_number).find(|(_, slot)| was(slot)).map(|(number, _)| number);
        self.with_id(id).or_else(former)
    }

    /// The number of the topic that has this name now.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<u32> {
        self.index.by_name.get(name).copied()
    }

    /// The names of the topics that are there, in their order, with their numbers.
    pub fn names(&self) -> impl Iterator<Item = (&str, u32)> {
        self.index.by_name.iter().map(|(name, number)| (name.as_str(), *number))
    }

    /// The id of a topic, also of one that was deleted.
    ///
    /// # Panics
    ///
    /// Where no topic has had this number: numbers are got from these topics or from older ones, which never know more.
    #[must_use]
    pub fn id_of(&self, number: u32) -> Uuid {
        match self.by_number.get(number as usize) {
            Some(Slot::Present(topic)) => topic.id,
            Some(Slot::Deleted(former)) => former.id,
            None => panic!("topic number {number} was never given, there were {}", self.by_number.len()),
        }
    }

    /// The name of a topic, also of one that was deleted.
    ///
    /// # Panics
    ///
    /// As [`id_of`](Self::id_of).
    #[must_use]
    pub fn name_of(&self, number: u32) -> &str {
        match self.by_number.get(number as usize) {
            Some(Slot::Present(topic)) => &topic.name,
            Some(Slot::Deleted(former)) => &former.name,
            None => panic!("topic number {number} was never given, there were {}", self.by_number.len()),
        }
    }

    /// The topics that are there in `self` and not in `later`, by number.
    pub fn deleted_in<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = (u32, &'a Arc<TopicImage>)> {
        // Mostly none has come or gone, and then there is nothing to walk over.
        let may_differ = !Arc::ptr_eq(&self.index, &later.index);
        self.iter().filter(move |(number, _)| may_differ && later.get(*number).is_none())
    }

    /// Adds a topic, and gives it the next number.
    ///
    /// # Panics
    ///
    /// Where there is one with that id or name.
    pub fn add(&mut self, topic: TopicImage) -> u32 {
        let number = u32::try_from(self.by_number.len()).expect("fewer topics than numbers");
        let index = Arc::make_mut(&mut self.index);
        assert_eq!(index.by_id.insert(topic.id, number), None, "a topic id is made once");
        assert_eq!(index.by_name.insert(topic.name.clone(), number), None, "a topic's name is its own");
        self.by_number.push(Slot::Present(Arc::new(topic)));
        number
    }

    /// Deletes a topic; its number, id and name are remembered.
    ///
    /// # Panics
    ///
    /// Where there is none with that number.
    pub fn remove(&mut self, number: u32) -> Arc<TopicImage> {
        let slot = &mut self.by_number[number as usize];
        let Slot::Present(topic) = &*slot else { panic!("topic number {number} is deleted already") };
        let topic = Arc::clone(topic);
        *slot = Slot::Deleted(Arc::new(Former { id: topic.id, name: topic.name.clone() }));
        let index = Arc::make_mut(&mut self.index);
        assert_eq!(index.by_id.remove(&topic.id), Some(number), "each topic is found by its id");
        assert_eq!(index.by_name.remove(&topic.name), Some(number), "each topic is found by its name");
        topic
    }
}

impl FromIterator<TopicImage> for Topics {
    fn from_iter<I: IntoIterator<Item = TopicImage>>(topics: I) -> Self {
        let mut all = Self::default();
        topics.into_iter().for_each(|topic| _ = all.add(topic));
        all
    }
}

/// Says something of partitions as requests and answers do, topic by topic: `id_of` is the id, or the name, of a topic's number,
/// `say` what of one of them, `group` a topic's id with what is said of its partitions. Only neighbours are put together.
pub fn by_topic<P, I, T, G>(
    partitions: &[P],
    topic_of: impl Fn(&P) -> u32,
    id_of: impl Fn(u32) -> I,
    mut say: impl FnMut(&P) -> T,
    group: impl Fn(I, Vec<T>) -> G,
) -> Vec<G> {
    let topics = partitions.chunk_by(|one, other| topic_of(one) == topic_of(other));
    // Mostly there is one: it gets exactly the room it needs.
    let mut groups = Vec::with_capacity(usize::from(!partitions.is_empty()));
    for of_topic in topics {
        let mut said = Vec::with_capacity(of_topic.len());
        of_topic.iter().for_each(|partition| said.push(say(partition)));
        groups.push(group(id_of(topic_of(&of_topic[0])), said));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(id: u128, name: &str) -> TopicImage {
        let (id, name) = (Uuid::from_u128(id), name.to_owned());
        TopicImage { id, name, partitions: Vec::new(), config: BTreeMap::new() }
    }

    #[test]
    fn a_topic_is_found_by_number_id_and_name_while_it_is_there() {
        let mut topics: Topics = [topic(7, "orders"), topic(5, "payments")].into_iter().collect();
        assert_eq!((topics.with_id(Uuid::from_u128(5)), topics.named("payments")), (Some(1), Some(1)));
        topics.remove(1);
        assert_eq!((topics.with_id(Uuid::from_u128(5)), topics.named("payments")), (None, None));
        assert!(topics.get(1).is_none() && topics.len() == 1);
        assert_eq!((topics.name_of(1), topics.id_of(1)), ("payments", Uuid::from_u128(5)));
    }

    #[test]
    fn a_number_is_never_used_again_though_the_name_is() {
        let mut topics: Topics = [topic(7, "orders")].into_iter().collect();
        topics.remove(0);
        assert_eq!(topics.add(topic(8, "orders")), 1);
        assert_eq!((topics.named("orders"), topics.with_id(Uuid::from_u128(7))), (Some(1), None));
        assert_eq!(topics.iter().map(|(number, _)| number).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn what_was_deleted_is_told_by_two_images() {
        let before: Topics = [topic(7, "orders"), topic(5, "payments")].into_iter().collect();
        let mut after = before.clone();
        after.remove(0);
        after.add(topic(9, "orders"));
        assert_eq!(before.deleted_in(&after).map(|(number, _)| number).collect::<Vec<_>>(), [0]);
        assert_eq!(after.deleted_in(&after.clone()).count(), 0);
    }

    #[test]
    #[should_panic(expected = "a topic's name is its own")]
    fn two_topics_of_one_name_cannot_be() {
        let _: Topics = [topic(7, "orders"), topic(5, "orders")].into_iter().collect();
    }
}
