//! A program with one of the simulator's consumers, which does what a Java program did.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use loglab::client::{Consumer, ConsumerEvent, ConsumerSettings, GroupOffset, GroupOffsets, OffsetFound, Slot};
use loglab::note::{Note, PollError};
use loglab::sim::process::{Context, Input};
use loglab::sim::{MILLISECOND, Time};
use loglab::wire::{Message, TopicPartition};

/// How often it looks for something to do.
const LOOK: u64 = 1;
const CONSUMER: Slot = Slot::new(1);

/// What passes between a test and the program.
#[derive(Debug, Default)]
pub struct Counter {
    pub calls: VecDeque<Call>,
    /// The call that has not returned.
    pub current: Option<Call>,
    /// How calls have returned, in their order.
    pub returned: Vec<Returned>,
    /// What the program's rebalance listener was told.
    pub heard: Vec<(Callback, Vec<TopicPartition>)>,
    /// Who it is in its group.
    pub membership: Option<GroupOffsets>,
}

/// What a rebalance listener is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    Assigned,
    Revoked,
    Lost,
}

/// A call.
#[derive(Clone, Debug)]
pub enum Call {
    Subscribe(Vec<String>),
    Assign(Vec<(String, i32)>),
    /// `poll()` one time after another: until so many records are there, or, where none are wanted, until then.
    Poll {
        timeout: Time,
        records: usize,
        until: Time,
        fails: bool,
    },
    Seek(String, i32, i64),
    Pause(Vec<(String, i32)>),
    Resume(Vec<(String, i32)>),
    Position(String, i32),
    CommitSync(Option<Vec<GroupOffset>>),
    Committed(Vec<(String, i32)>),
    Offsets(Vec<(String, i32, i64)>),
    Close,
}

/// How a call has returned.
#[derive(Clone, Debug)]
pub enum Returned {
    Nothing,
    Records(Vec<(TopicPartition, i64)>),
    Position(i64),
    Committed(Vec<GroupOffset>),
    Offsets(Vec<OffsetFound>),
    /// It has thrown this error of the protocol.
    Error(i16),
    Thrown(PollError),
}

/// The program.
#[derive(Clone, Debug)]
pub struct Program {
    consumer: Consumer,
    has_group: bool,
    counter: Arc<Mutex<Counter>>,
    /// When the current `poll()` returns without records.
    poll_ends: Time,
    records: Vec<(TopicPartition, i64)>,
}

impl Program {
    pub fn new(settings: ConsumerSettings, counter: Arc<Mutex<Counter>>) -> Self {
        let has_group = settings.group.id.is_some();
        let consumer = Consumer::new(Arc::new(settings), CONSUMER);
        Self { consumer, has_group, counter, poll_ends: 0, records: Vec::new() }
    }

    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        if let Input::Boot { .. } | Input::Timer(LOOK) = input {
            context.set_timer(LOOK, context.after(MILLISECOND));
        } else {
            // The rest of a connection that is closed.
            let _ = self.consumer.handle(input, context);
        }
        self.take_events(context);
        self.go_on(context);
        loop {
            let next = {
                let mut counter = self.counter();
                if counter.current.is_some() { None } else { counter.calls.pop_front() }
            };
            let Some(call) = next else { break };
            self.counter().current = Some(call.clone());
            self.begin(&call, context);
            self.take_events(context);
        }
        if self.has_group {
            self.counter().membership = Some(self.consumer.group_metadata(Vec::new()));
        }
    }

    fn counter(&self) -> std::sync::MutexGuard<'_, Counter> {
        self.counter.lock().expect("nobody panics with it")
    }

    fn returns(&self, returned: Returned) {
        let mut counter = self.counter();
        counter.current = None;
        counter.returned.push(returned);
    }

    fn begin(&mut self, call: &Call, context: &mut Context<'_, Message, Note>) {
        match call {
            Call::Subscribe(topics) => {
                self.consumer.assign_topics(topics.iter().map(String::as_str));
                self.returns(Returned::Nothing);
            }
            Call::Assign(places) => {
                self.consumer.assign(places.iter().map(|(topic, partition)| (topic.as_str(), *partition)));
                self.returns(Returned::Nothing);
            }
            Call::Poll { .. } => {
                self.records.clear();
                self.poll_ends = end_of_poll(call, context.now());
                self.consumer.poll(context);
            }
            Call::Seek(topic, partition, offset) => {
                self.consumer.seek_to(topic, *partition, *offset);
                self.returns(Returned::Nothing);
            }
            Call::Pause(places) => {
                self.each(places, Consumer::pause);
                self.returns(Returned::Nothing);
            }
            Call::Resume(places) => {
                self.each(places, Consumer::resume);
                self.returns(Returned::Nothing);
            }
            Call::Position(..) => {
                self.consumer.look_for_positions(context);
                self.go_on(context);
            }
            Call::CommitSync(None) => self.consumer.commit_sync(context),
            Call::CommitSync(Some(offsets)) => self.consumer.commit_sync_of(offsets.clone(), context),
            Call::Committed(places) => self.consumer.committed_of(places.clone(), context),
            Call::Offsets(asked) => self.consumer.offsets_for_times(asked.clone(), context),
            Call::Close => self.consumer.close(context),
        }
    }

    fn each(&mut self, places: &[(String, i32)], act: fn(&mut Consumer, TopicPartition)) {
        for (topic, partition) in places {
            if let Some(of) = self.consumer.partition_of(topic, *partition) {
                act(&mut self.consumer, of);
            }
        }
    }

    /// What time brings to the current call.
    fn go_on(&mut self, context: &mut Context<'_, Message, Note>) {
        let current = self.counter().current.clone();
        match current {
            Some(call @ Call::Poll { records, until, fails, .. }) if self.poll_ends <= context.now() => {
                self.consumer.stop_polling(context);
                if records == 0 && !fails && until <= context.now() {
                    let records = std::mem::take(&mut self.records);
                    self.returns(Returned::Records(records));
                } else {
                    self.poll_ends = end_of_poll(&call, context.now());
                    self.consumer.poll(context);
                    self.take_events(context);
                }
            }
            Some(Call::Position(topic, partition)) => {
                if let Some(position) = self.consumer.position_in(&topic, partition) {
                    self.consumer.stop_polling(context);
                    self.returns(Returned::Position(position));
                }
            }
            Some(_) | None => {}
        }
    }

    fn take_events(&mut self, context: &mut Context<'_, Message, Note>) {
        while let Some(event) = self.consumer.next_event() {
            match event {
                ConsumerEvent::Records(records) => {
                    records.for_each(|record| self.records.push((record.partition, record.offset)));
                    self.polled(context);
                }
                ConsumerEvent::Assigned { partitions, .. } => self.hears(Callback::Assigned, partitions),
                ConsumerEvent::Revoked { partitions } => self.hears(Callback::Revoked, partitions),
                ConsumerEvent::Lost { partitions } => self.hears(Callback::Lost, partitions),
                ConsumerEvent::Committed { error: 0, is_sync: true, .. } => self.returns(Returned::Nothing),
                ConsumerEvent::Committed { error, is_sync: true, .. } => self.returns(Returned::Error(error)),
                ConsumerEvent::Failed { error } => self.returns(Returned::Error(error)),
                ConsumerEvent::Thrown(error) => self.returns(Returned::Thrown(error)),
                ConsumerEvent::Offsets(found) => self.returns(Returned::Offsets(found)),
                ConsumerEvent::OffsetsOfGroup(offsets) => self.returns(Returned::Committed(offsets)),
                ConsumerEvent::Closed => self.returns(Returned::Nothing),
                // The program is told nothing of these.
                ConsumerEvent::Committed { is_sync: false, .. }
                | ConsumerEvent::Reset { .. }
                | ConsumerEvent::PollExpired { .. }
                | ConsumerEvent::OutOfRange { .. } => {}
            }
        }
    }

    /// A `poll()` has returned records.
    fn polled(&mut self, context: &mut Context<'_, Message, Note>) {
        let current = self.counter().current.clone();
        let Some(call @ Call::Poll { records, .. }) = current else { return };
        if records > 0 && self.records.len() >= records {
            let records = std::mem::take(&mut self.records);
            return self.returns(Returned::Records(records));
        }
        self.poll_ends = end_of_poll(&call, context.now());
        self.consumer.poll(context);
    }

    fn hears(&self, callback: Callback, partitions: Vec<TopicPartition>) {
        self.counter().heard.push((callback, partitions));
    }
}

/// When a `poll()` that begins now returns with nothing: the last one when the recorded one has.
fn end_of_poll(call: &Call, now: Time) -> Time {
    match call {
        Call::Poll { timeout, records: 0, until, fails: false } if now < *until => (now + timeout).min(*until),
        Call::Poll { timeout, .. } => now + timeout,
        other => unreachable!("{other:?} does not poll"),
    }
}
