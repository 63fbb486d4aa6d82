//! A program that reads topics: it polls, works on what it was given, and polls again. As a member of a group it commits, before
//! its work or behind it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::dead_letter::{BACK_OFF_US, DeadLetters, Poison};
use super::pace::Pace;
use super::telling::{self, Consumed, Span};
use super::work::Work;
use crate::client::{ClientTimer, Consumer, ConsumerRecords, ConsumerSettings, ProducerSettings, Slot, TopicPattern};
use crate::note::{Note, PollError};
use crate::sim::Time;
use crate::sim::process::{Context, Input, Purpose, Timer, timers};
use crate::wire::{Message, TopicPartition};

timers! {
    /// A timer of the program.
    pub(super) enum ReaderTimer {
        /// The program has worked on what the last poll returned, or has handed it over.
        Worked = 1,
        /// Its other thread has worked on what it was handed first.
        OtherWorked = 2,
    }
}

impl ReaderTimer {
    /// What it is for, in words that follow the program's name.
    fn words(self) -> String {
        let words = match self {
            Self::Worked => "has worked on what poll() returned, and polls again",
            Self::OtherWorked => "has worked on what it was handed, in its other thread",
        };
        words.to_owned()
    }
}

/// How long it takes to hand over what a poll returned.
const HAND_OVER_US: Time = 100;
/// Its consumer, and what sends the records that it cannot work on.
const CONSUMER: Slot = Slot::new(1);
const PRODUCER: Slot = Slot::new(2);

/// When a member of a group says how far it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// The program never does: its consumer may (`enable.auto.commit`).
    Auto,
    /// `commitSync()` behind the work on what a poll returned.
    SyncAfter,
    /// `commitSync()` before that work: what a crash interrupts is never done.
    SyncBefore,
    /// `commitAsync()` behind the work.
    Async,
}

impl Commits {
    /// All, with their words in a file.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("auto", Self::Auto),
        ("sync-after", Self::SyncAfter),
        ("sync-before", Self::SyncBefore),
        ("async", Self::Async),
    ];
}

/// What it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderSettings {
    /// Its name.
    pub name: String,
    /// The topics' names.
    pub topics: Vec<String>,
    /// It reads what matches this instead.
    pub pattern: Option<TopicPattern>,
    /// How long it works on what it is given.
    pub work: Work,
    /// When it commits.
    pub commits: Commits,
    /// Another thread does the work: this one polls again at once, and what it commits need not be worked on.
    pub hands_over: bool,
    /// Which records it cannot work on, if there are such.
    pub poison: Option<Poison>,
}

/// What the program's thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It is in `poll()`.
    Polling,
    /// It is in `commitSync()`, and works then.
    CommittingBefore,
    Working,
    /// It waits until what it cannot work on is stored in another topic.
    Burying,
    /// It is in `commitSync()`, and polls then.
    CommittingAfter,
    /// It is in `close()`.
    Closing,
    /// It has not begun, or `poll()` has thrown this.
    Nothing(Option<PollError>),
}

/// The program.
#[derive(Clone, Debug)]
pub struct Reader {
    settings: Arc<ReaderSettings>,
    consumer_settings: Arc<ConsumerSettings>,
    consumer: Consumer,
    read: u64,
    doing: Doing,
    /// What the last poll returned.
    in_hand: Vec<Span>,
    /// How many records these are.
    given: u32,
    /// What the other thread was handed, poll by poll, and how long it works on that.
    handed_over: VecDeque<(Vec<Span>, Time)>,
    /// Where it goes back to: in each partition the first record that it has not worked on, for it could not.
    back_to: Vec<(TopicPartition, i64)>,
    /// How often it has tried the records that it could not work on.
    tries: BTreeMap<(TopicPartition, i64), u32>,
    dead_letters: Option<Box<DeadLetters>>,
    producer_settings: Arc<ProducerSettings>,
    /// It was told to end.
    ends: bool,
}

impl Reader {
    /// A program that has not begun.
    #[must_use]
    pub fn new(settings: ReaderSettings, consumer: ConsumerSettings, producer: ProducerSettings) -> Self {
        Self::with(Arc::new(settings), Arc::new(consumer), Arc::new(producer), 0)
    }

    /// The program as it begins after a crash: nothing but its settings. Where its group has committed, brokers know.
    #[must_use]
    pub fn reborn(&self) -> Self {
        let (settings, consumer) = (Arc::clone(&self.settings), Arc::clone(&self.consumer_settings));
        Self::with(settings, consumer, Arc::clone(&self.producer_settings), self.read)
    }

    fn with(
        settings: Arc<ReaderSettings>,
        consumer_settings: Arc<ConsumerSettings>,
        producer_settings: Arc<ProducerSettings>,
        read: u64,
    ) -> Self {
        let mut consumer = Consumer::new(Arc::clone(&consumer_settings), CONSUMER);
        match &settings.pattern {
            Some(pattern) => consumer.subscribe_pattern(pattern.clone()),
            None => consumer.assign_topics(settings.topics.iter().map(String::as_str)),
        }
        let doing = Doing::Nothing(None);
        let topic = settings.poison.as_ref().and_then(|poison| poison.dead_letter.clone());
        let letters = |topic| Box::new(DeadLetters::new(topic, Arc::clone(&producer_settings), PRODUCER));
        Self {
            dead_letters: topic.map(letters),
            settings,
            consumer_settings,
            producer_settings,
            consumer,
            read,
            doing,
            in_hand: Vec::new(),
            given: 0,
            handed_over: VecDeque::new(),
            back_to: Vec::new(),
            tries: BTreeMap::new(),
            ends: false,
        }
    }

    /// What a timer is for, in words that follow the program's name.
    #[must_use]
    pub fn timer_words(purpose: Purpose) -> String {
        ClientTimer::of_any_slot(purpose)
            .map_or_else(|| ReaderTimer::of(purpose).expect("a timer of the program").words(), ClientTimer::words)
    }

    /// What it reads.
    #[must_use]
    pub fn settings(&self) -> &ReaderSettings {
        &self.settings
    }

    /// Its consumer.
    #[must_use]
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// Whether it works on what a poll returned, and polls no more before that is done: of any partition, where this one has a
    /// position.
    #[must_use]
    pub fn works_on(&self, partition: TopicPartition) -> bool {
        self.doing == Doing::Working && self.consumer.position(partition).is_some()
    }

    /// What its thread is at.
    #[must_use]
    pub fn pace(&self) -> Pace {
        match self.doing {
            Doing::Polling => Pace::Polls,
            Doing::CommittingBefore | Doing::CommittingAfter => Pace::Commits,
            // What nobody can work on is sent to its topic.
            Doing::Working | Doing::Burying => Pace::Works,
            Doing::Closing => Pace::Closes,
            Doing::Nothing(Some(error)) => Pace::Over(error),
            Doing::Nothing(None) => Pace::Begins,
        }
    }

    /// Kafka's metric `records-consumed-total`: records that it was given.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Handles one input.
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        let left = match &mut self.dead_letters {
            Some(letters) => letters.handle(input, context),
            None => Some(input),
        };
        match left.and_then(|input| self.consumer.handle(input, context)) {
            // It was a client's.
            None => {}
            Some(Input::Boot { .. }) => {
                self.dead_letters.iter_mut().for_each(|letters| letters.start(context));
                self.poll(context);
            }
            Some(Input::Timer(purpose)) => match ReaderTimer::of(purpose).expect("a timer of the program") {
                ReaderTimer::Worked => self.worked(context),
                ReaderTimer::OtherWorked => self.other_worked(context),
            },
            // The rest of a connection that a client has closed.
            Some(
                Input::Received { .. } | Input::Disconnected { .. } | Input::Connected { .. } | Input::Written { .. },
            ) => {}
            Some(Input::Terminate) => self.terminate(context),
            Some(Input::Told(offset)) => self.consumer.seek_everywhere(offset),
            Some(Input::Datagram { .. }) => panic!("nobody sends a client a raw message"),
        }
        self.bury(context);
        // Last: what was called above may have its answer at once.
        while let Some(event) = self.consumer.next_event() {
            if let Some(left) = telling::consumed(event, context) {
                self.take(left, context);
            }
        }
    }

    /// Waits until what it cannot work on is stored in another topic, and goes on then.
    fn bury(&mut self, context: &mut Context<'_, Message, Note>) {
        if self.doing == Doing::Burying && self.dead_letters.as_mut().is_none_or(|letters| letters.are_stored(context))
        {
            self.done(context);
        }
    }

    fn poll(&mut self, context: &mut Context<'_, Message, Note>) {
        if self.ends {
            return self.close(context);
        }
        self.doing = Doing::Polling;
        self.consumer.poll(context);
    }

    /// SIGTERM: it closes its consumer as soon as it has done what it has in hand (`KafkaConsumer.wakeup`). What is read for
    /// itself is read again in any case.
    fn terminate(&mut self, context: &mut Context<'_, Message, Note>) {
        self.ends = true;
        if self.consumer.group().is_none() {
            return context.exit();
        }
        match self.doing {
            Doing::Polling | Doing::Nothing(_) => self.close(context),
            // It comes to its end behind that.
            Doing::CommittingBefore | Doing::Working | Doing::Burying | Doing::CommittingAfter | Doing::Closing => {}
        }
    }

    fn close(&mut self, context: &mut Context<'_, Message, Note>) {
        self.doing = Doing::Closing;
        self.dead_letters.iter_mut().for_each(|letters| letters.close(context));
        self.consumer.close(context);
    }

    fn take(&mut self, left: Consumed, context: &mut Context<'_, Message, Note>) {
        match left {
            Consumed::Records(records) => self.given(&records, context),
            Consumed::CommitReturned(_) => self.commit_returned(context),
            Consumed::Thrown(error) => self.doing = Doing::Nothing(Some(error)),
            Consumed::Closed => context.exit(),
        }
    }

    fn given(&mut self, records: &ConsumerRecords, context: &mut Context<'_, Message, Note>) {
        self.read += u64::from(records.len());
        self.given = records.len();
        self.in_hand = telling::given(records, context, |_| {});
        self.stop_at_poison(records, context);
        match self.settings.commits {
            Commits::SyncBefore if self.consumer.group().is_some() => {
                self.doing = Doing::CommittingBefore;
                self.consumer.commit_sync(context);
            }
            Commits::Auto | Commits::SyncAfter | Commits::SyncBefore | Commits::Async => self.work(context),
        }
    }

    /// It works on records in their order, and fails at one that it cannot work on: it goes back to that. What it has tried often
    /// enough goes to another topic, and counts as worked on.
    fn stop_at_poison(&mut self, records: &ConsumerRecords, context: &mut Context<'_, Message, Note>) {
        let Self { settings, consumer, in_hand, back_to, tries, dead_letters, given, .. } = self;
        // There are no such records.
        let Some(poison) = &settings.poison else { return };
        let process = context.process();
        let mut has_failed = false;
        records.for_each(|record| {
            let (partition, offset) = (record.partition, record.offset);
            if has_failed {
                *given -= 1;
                if back_to.iter().all(|(of, _)| *of != partition) {
                    back_to.push((partition, offset));
                }
                return;
            }
            if !poison.is_in(record) {
                return;
            }
            let count = tries.entry((partition, offset)).or_default();
            *count += 1;
            let is_buried = dead_letters.as_mut().filter(|_| *count >= poison.tries);
            let dead_letter = poison.dead_letter.clone().filter(|_| is_buried.is_some());
            context.note(Note::Poisoned { consumer: process, partition, offset, tries: *count, dead_letter });
            match is_buried {
                Some(letters) => {
                    letters.take(record, consumer.name_of(partition.topic).unwrap_or_default());
                    tries.remove(&(partition, offset));
                }
                None => {
                    has_failed = true;
                    back_to.push((partition, offset));
                }
            }
        });
        for (partition, offset) in back_to.iter() {
            if let Some((_, _, to)) = in_hand.iter_mut().find(|(of, ..)| of == partition) {
                *to = *offset;
            }
        }
        in_hand.retain(|(_, from, to)| from < to);
    }

    fn work(&mut self, context: &mut Context<'_, Message, Note>) {
        self.doing = Doing::Working;
        let mut takes = self.settings.work.on(self.given, context.random());
        if !self.back_to.is_empty() {
            takes = takes.saturating_add(BACK_OFF_US);
        }
        if self.settings.hands_over {
            self.handed_over.push_back((std::mem::take(&mut self.in_hand), takes));
            takes = HAND_OVER_US;
            if self.handed_over.len() == 1 {
                self.other_works(context);
            }
        }
        context.set_timer(ReaderTimer::Worked, context.now().saturating_add(takes));
    }

    /// The other thread begins to work on what it was handed first.
    fn other_works(&self, context: &mut Context<'_, Message, Note>) {
        let (_, takes) = self.handed_over.front().expect("it was handed something");
        context.set_timer(ReaderTimer::OtherWorked, context.now().saturating_add(*takes));
    }

    fn other_worked(&mut self, context: &mut Context<'_, Message, Note>) {
        let (done, _) = self.handed_over.pop_front().expect("it works on something");
        telling::worked_on(&done, context);
        if !self.handed_over.is_empty() {
            self.other_works(context);
        }
    }

    /// It is done with what the last poll returned, but for what it could not work on.
    fn worked(&mut self, context: &mut Context<'_, Message, Note>) {
        // Its `poll()` throws.
        if matches!(self.doing, Doing::Nothing(_)) {
            return telling::worked_on(&std::mem::take(&mut self.in_hand), context);
        }
        self.doing = Doing::Burying;
    }

    fn done(&mut self, context: &mut Context<'_, Message, Note>) {
        for (partition, offset) in std::mem::take(&mut self.back_to) {
            self.consumer.seek_back(partition, offset);
        }
        let done = std::mem::take(&mut self.in_hand);
        if self.consumer.group().is_none() {
            return self.poll(context);
        }
        telling::worked_on(&done, context);
        match self.settings.commits {
            Commits::SyncAfter => {
                self.doing = Doing::CommittingAfter;
                self.consumer.commit_sync(context);
            }
            Commits::Async => {
                self.consumer.commit_async(context);
                self.poll(context);
            }
            Commits::Auto | Commits::SyncBefore => self.poll(context),
        }
    }

    /// `commitSync()` has returned, or thrown: then the group has gone on without this member, which polls to join again.
    fn commit_returned(&mut self, context: &mut Context<'_, Message, Note>) {
        match self.doing {
            Doing::CommittingBefore => self.work(context),
            Doing::CommittingAfter => self.poll(context),
            // It has failed meanwhile, or ends.
            Doing::Polling | Doing::Working | Doing::Burying | Doing::Closing | Doing::Nothing(_) => {}
        }
    }
}
