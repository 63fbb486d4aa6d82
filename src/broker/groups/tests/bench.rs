//! A shard on its own: what it writes is in its log at once, and committed as soon as the test lets it.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, GroupId, HeartbeatRequest};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use super::super::records::Key;
use super::super::shard::GroupShard;
use crate::broker::BrokerSettings;
use crate::broker::coordinator::{
    Client, CoordinatorRecord, CoordinatorShard, Effects, Moment, Operation, RecordPlace, Ticket,
};
use crate::sim::random::Random;
use crate::sim::{MILLISECOND, Time};
use crate::wire::{ClusterImage, PartitionImage, Request, Response, TopicImage};

/// What the wall clock shows at the beginning, in milliseconds.
pub const START_MS: i64 = 1_700_000_000_000;

pub struct Bench {
    pub shard: GroupShard,
    committed: GroupShard,
    pub settings: BrokerSettings,
    image: ClusterImage,
    pub now: Time,
    random: Random,
    requests: Vec<Request>,
    answers: BTreeMap<u32, Response>,
    /// Where the log ends, what is in it, and up to where it is committed.
    pub log: Vec<(RecordPlace, CoordinatorRecord)>,
    /// Writes that wait to be committed: nothing is while it is held.
    held: Option<Vec<Effects>>,
    /// At which version everything is asked: those of all that is asked here are not above this one.
    pub version: i16,
    /// Why the next write is not in the log.
    pub fails: Option<ResponseError>,
}

impl Bench {
    /// A shard that has loaded an empty log, in a cluster with these topics.
    pub fn new(topics: &[(&str, i32)]) -> Self {
        let mut image = ClusterImage::default();
        topics.iter().for_each(|(name, partitions)| add_topic(&mut image, name, *partitions));
        let mut bench = Self {
            shard: GroupShard::default(),
            committed: GroupShard::default(),
            settings: BrokerSettings::default(),
            image,
            now: 0,
            random: Random::stream(1, "test", 0),
            requests: Vec::new(),
            answers: BTreeMap::new(),
            log: Vec::new(),
            held: None,
            version: 9,
            fails: None,
        };
        bench.with(|shard, moment| shard.loaded(moment));
        bench
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut GroupShard, &mut Moment<'_>) -> T) -> T {
        let client = Client { id: "client".to_owned(), host: "/host".to_owned(), version: self.version };
        let wall_ms = START_MS + (self.now / MILLISECOND) as i64;
        let Self { now, settings, image, random, shard, .. } = self;
        act(shard, &mut Moment { now: *now, wall_ms, settings, image, client, random })
    }

    /// Asks; the number is that of the answer.
    pub fn ask(&mut self, request: Request) -> u32 {
        let number = self.requests.len() as u32;
        self.requests.push(request.clone());
        let ticket = Ticket::numbered(number);
        let asked = request.at_broker().expect("a broker's");
        match GroupShard::operation(asked).expect("a group's") {
            Operation::Write(_) => match self.with(|shard, moment| shard.operate(asked, ticket, moment)) {
                Ok(effects) => self.take(effects),
                Err(error) => {
                    self.answers.insert(number, GroupShard::refusal(asked, error));
                }
            },
            Operation::Read(_) | Operation::ReadAll => {
                let committed = self.committed.clone();
                let answer = self.with(|shard, moment| shard.look(&committed, asked, moment));
                self.answers.insert(number, answer);
            }
            Operation::Split => panic!("a test asks for one group"),
        }
        number
    }

    /// Asks what is answered at once.
    pub fn call(&mut self, request: Request) -> Response {
        let number = self.ask(request);
        self.answer(number)
    }

    /// The answer, which is there.
    pub fn answer(&self, number: u32) -> Response {
        self.answers.get(&number).unwrap_or_else(|| panic!("{number} is not answered")).clone()
    }

    pub fn is_answered(&self, number: u32) -> bool {
        self.answers.contains_key(&number)
    }

    fn take(&mut self, effects: Effects) {
        for (ticket, response) in &effects.told {
            self.told(*ticket, response);
        }
        if !effects.records.is_empty()
            && let Some(error) = self.fails.take()
        {
            return self.failed(&effects, error);
        }
        let producer_id = effects.transaction.map(|it| it.producer_id);
        for record in &effects.records {
            let place = RecordPlace { offset: self.log.len() as i64, producer_id };
            self.shard.replay_at(place, record);
            self.log.push((place, record.clone()));
        }
        match &mut self.held {
            Some(held) => held.push(effects),
            None => self.committed(&effects),
        }
    }

    fn failed(&mut self, effects: &Effects, error: ResponseError) {
        for (ticket, _) in &effects.answers {
            let request = self.requests[ticket_number(*ticket) as usize].clone();
            let refused = GroupShard::refusal(request.at_broker().expect("a broker's"), error);
            self.told(*ticket, &refused);
        }
        if let Some(then) = effects.then {
            let more = self.with(|shard, moment| shard.settled(then, Err(error), moment));
            self.take(more);
        }
    }

    fn committed(&mut self, effects: &Effects) {
        let mut committed = GroupShard::default();
        self.log.iter().for_each(|(place, record)| committed.replay_at(*place, record));
        self.committed = committed;
        for (ticket, response) in &effects.answers {
            self.told(*ticket, response);
        }
        if let Some(then) = effects.then {
            let more = self.with(|shard, moment| shard.settled(then, Ok(()), moment));
            self.take(more);
        }
    }

    fn told(&mut self, ticket: Ticket, response: &Response) {
        self.answers.entry(ticket_number(ticket)).or_insert_with(|| response.clone());
    }

    /// From now on nothing is committed.
    pub fn hold(&mut self) {
        self.held = Some(Vec::new());
    }

    /// All that was written meanwhile is committed.
    pub fn release(&mut self) {
        for effects in self.held.take().into_iter().flatten() {
            self.committed(&effects);
        }
    }

    /// Lets time pass, and what is due happen.
    pub fn sleep(&mut self, ms: u64) {
        let end = self.now + ms * MILLISECOND;
        while let Some(at) = self.shard.wakes_at().filter(|at| *at <= end) {
            self.now = at;
            let effects = self.with(|shard, moment| shard.wake(moment));
            self.take(effects.expect("something is due"));
        }
        self.now = end;
    }

    /// Another broker leads: it has read the log, and knows of nothing else.
    pub fn fail_over(&mut self) {
        self.shard = GroupShard::default();
        let log = self.log.clone();
        log.iter().for_each(|(place, record)| self.shard.replay_at(*place, record));
        self.with(|shard, moment| shard.loaded(moment));
    }

    /// A marker ends the transaction of a producer.
    pub fn end_transaction(&mut self, producer_id: i64, is_commit: bool) {
        self.shard.replay_marker(producer_id, is_commit);
        self.committed = self.shard.clone();
    }

    /// A topic has so many partitions from now on.
    pub fn set_partitions(&mut self, name: &str, partitions: usize) {
        let number = self.image.topics.named(name).expect("a topic");
        let topic = self.image.topics.get_mut(number).expect("a topic");
        topic.partitions = vec![topic.partitions[0].clone(); partitions];
    }

    /// There is one more topic.
    pub fn add_topic(&mut self, name: &str, partitions: i32) {
        add_topic(&mut self.image, name, partitions);
    }

    /// Topics are gone.
    pub fn delete_topics(&mut self, names: &[&str]) {
        let effects = self.with(|shard, moment| shard.topics_deleted(names, moment));
        self.take(effects);
    }

    /// The keys of the records from this one on, each with whether it says something.
    pub fn written_since(&self, from: usize) -> Vec<(Key, bool)> {
        let written = self.log[from..].iter();
        written.map(|(_, record)| (Key::read(&record.key).expect("a key"), record.value.is_some())).collect()
    }
}

/// Each topic is a record of the metadata, and its id says which.
fn add_topic(image: &mut ClusterImage, name: &str, partitions: i32) {
    let partition = PartitionImage {
        replicas: vec![1],
        isr: vec![1],
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader: 1,
        leader_epoch: 0,
        partition_epoch: 0,
        recovering: false,
    };
    image.offset += 1;
    let number = image.topics.names().count() as u128 + 1;
    image.topics.add(TopicImage {
        id: Uuid::from_u128(number),
        name: name.to_owned(),
        partitions: vec![partition; partitions as usize],
        config: BTreeMap::new(),
    });
}

fn ticket_number(ticket: Ticket) -> u32 {
    ticket.serial()
}

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// What a classic member of the group `g` is told when it says that it lives.
pub fn heartbeat(bench: &mut Bench, member: &str, generation: i32) -> i16 {
    let request = HeartbeatRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text(member))
        .with_generation_id(generation);
    let Response::Heartbeat(answer) = bench.call(Request::Heartbeat(request)) else { panic!("a Heartbeat's") };
    answer.error_code
}

/// What a member of the group `g` says by the protocol of KIP-848, where nothing of it has changed.
pub fn report(member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
        .with_subscribed_topic_names(None)
        .with_topic_partitions(None)
}
