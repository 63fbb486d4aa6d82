//! What members of a group and their leader say to each other through the coordinator (Kafka: `ConsumerProtocol`, with
//! `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment`).
//!
//! Kafka encodes both without compact lengths. Here they are written and read by hand: they are no messages. A coordinator looks
//! into them where a group goes from one protocol to the other.

use std::collections::BTreeMap;

use bytes::Bytes;

/// A partition by the name of its topic.
type Place = (String, i32);

/// `ConsumerProtocolSubscription.HIGHEST_SUPPORTED_VERSION`, and that of the assignment.
const VERSION: i16 = 3;

/// What a member says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) topics: Vec<String>,
    /// What its assignor adds.
    pub(crate) user_data: Option<Bytes>,
    /// What it has.
    pub(crate) owned: Vec<Place>,
    /// The generation in which it was given that, -1 for none.
    pub(crate) generation: i32,
    /// Its `client.rack`.
    pub(crate) rack: Option<String>,
}

impl Subscription {
    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut out = VERSION.to_be_bytes().to_vec();
        let mut topics: Vec<&String> = self.topics.iter().collect();
        topics.sort();
        put_count(&mut out, topics.len());
        topics.into_iter().for_each(|topic| put_text(&mut out, topic));
        put_data(&mut out, self.user_data.as_ref());
        put_places(&mut out, &self.owned);
        out.extend(self.generation.to_be_bytes());
        match &self.rack {
            Some(rack) => put_text(&mut out, rack),
            None => out.extend((-1i16).to_be_bytes()),
        }
        out.into()
    }

    /// `None` for what is no subscription. What an older version does not say is as if it had nothing.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let version = input.short()?;
        let topics = (0..input.int()?).map(|_| input.text()).collect::<Option<Vec<String>>>()?;
        let user_data = input.data()?;
        let owned = if version >= 1 { input.places()? } else { Vec::new() };
        let generation = if version >= 2 { input.int()? } else { -1 };
        let rack = if version >= 3 { input.nullable_text()? } else { None };
        Some(Self { topics, user_data, owned, generation, rack })
    }
}

/// What a member is assigned.
pub(crate) fn assignment_to_bytes(places: &[Place]) -> Bytes {
    assignment_of_version(VERSION, places)
}

/// The same in the version in which a member has spoken: all versions of an assignment are alike but for that.
pub(crate) fn assignment_of_version(version: i16, places: &[Place]) -> Bytes {
    let mut out = version.to_be_bytes().to_vec();
    put_places(&mut out, places);
    put_data(&mut out, None);
    out.into()
}

/// The version in which somebody has spoken (`ConsumerProtocol.deserializeVersion`).
pub(crate) fn version_of(bytes: &[u8]) -> Option<i16> {
    Input(bytes).short()
}

/// What a member was assigned, by the names of topics; `None` for what is no assignment. A coordinator that was told nothing of a member answers with nothing at all.
#[must_use]
pub fn assignment_of(bytes: &[u8]) -> Option<Vec<(String, i32)>> {
    let mut input = Input(bytes);
    input.short()?;
    input.places()
}

/// What `StickyAssignor` adds: what the member was given last, and in which generation.
pub(crate) fn sticky_to_bytes(places: &[Place], generation: i32) -> Bytes {
    let mut out = Vec::new();
    put_places(&mut out, places);
    out.extend(generation.to_be_bytes());
    out.into()
}

/// `None` for what no `StickyAssignor` has written.
pub(crate) fn sticky_of(bytes: &[u8]) -> Option<(Vec<Place>, i32)> {
    let mut input = Input(bytes);
    Some((input.places()?, input.int()?))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(i32::try_from(count).expect("a list of Kafka's").to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend(i16::try_from(text.len()).expect("the name of a topic").to_be_bytes());
    out.extend(text.as_bytes());
}

fn put_data(out: &mut Vec<u8>, data: Option<&Bytes>) {
    match data {
        Some(data) => {
            put_count(out, data.len());
            out.extend(&data[..]);
        }
        None => out.extend((-1i32).to_be_bytes()),
    }
}

/// Topic by topic, as Kafka's messages have them.
fn put_places(out: &mut Vec<u8>, places: &[Place]) {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in places {
        topics.entry(topic).or_default().push(*partition);
    }
    put_count(out, topics.len());
    for (topic, partitions) in topics {
        put_text(out, topic);
        put_count(out, partitions.len());
        partitions.iter().for_each(|partition| out.extend(partition.to_be_bytes()));
    }
}

/// What is still to be read.
struct Input<'b>(&'b [u8]);

impl<'b> Input<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn short(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn int(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.short()?).ok()?;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }

    fn nullable_text(&mut self) -> Option<Option<String>> {
        match self.0.starts_with(&[0xff, 0xff]) {
            true => self.take(2).map(|_| None),
            false => self.text().map(Some),
        }
    }

    fn data(&mut self) -> Option<Option<Bytes>> {
        match usize::try_from(self.int()?) {
            Ok(length) => Some(Some(Bytes::copy_from_slice(self.take(length)?))),
            Err(_) => Some(None),
        }
    }

    fn places(&mut self) -> Option<Vec<Place>> {
        let mut places = Vec::new();
        for _ in 0..self.int()? {
            let topic = self.text()?;
            for _ in 0..self.int()? {
                places.push((topic.clone(), self.int()?));
            }
        }
        Some(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_is_as_a_java_consumer_says_it() {
        let said = [
            0, 3, 0, 0, 0, 1, 0, 2, b'a', b'g', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        let subscription = Subscription { topics: vec!["ag".to_owned()], generation: -1, ..Subscription::default() };
        assert_eq!(subscription.to_bytes()[..], said);
        assert_eq!(Subscription::of(&said), Some(subscription));
        assert_eq!(Subscription::of(&said[..20]), None, "it is cut off");
    }

    #[test]
    fn a_member_says_in_which_rack_it_is() {
        let rack = Some("r".to_owned());
        let said = Subscription { generation: -1, rack, ..Subscription::default() }.to_bytes();
        assert_eq!(said[said.len() - 3..], [0, 1, b'r']);
    }

    #[test]
    fn what_is_written_is_read() {
        let places = vec![("a".to_owned(), 0), ("a".to_owned(), 2), ("b".to_owned(), 1)];
        assert_eq!(assignment_of(&assignment_to_bytes(&places)), Some(places.clone()));
        assert_eq!(assignment_of(&[]), None);
        assert_eq!(sticky_of(&sticky_to_bytes(&places, 7)), Some((places.clone(), 7)));
        let user_data = Some(sticky_to_bytes(&places, 7));
        let rack = Some("r".to_owned());
        let subscription = Subscription { topics: vec!["a".to_owned()], user_data, owned: places, generation: 4, rack };
        assert_eq!(Subscription::of(&subscription.to_bytes()), Some(subscription));
    }
}
