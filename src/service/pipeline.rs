//! A program that reads topics in a group, makes records of what it was given, and sends them on: consume, transform, produce.
//!
//! With a `transactional.id` each turn is a transaction, as Kafka's documentation has it: `beginTransaction()`, the records,
//! `sendOffsetsToTransaction()` with who it is in its group (KIP-447), `commitTransaction()`. What fails is aborted, and the
//! program goes on from where its group has committed; what cannot be aborted ends it. Without transactions it waits for its
//! records to be stored, and commits before its work or behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::dead_letter::{BACK_OFF_US, Poison};
use super::made::{Made, value};
use super::pace::Pace;
use super::reader::Commits;
use super::telling::{self, Consumed, Produced, Sendings, Span};
use crate::client::{
    ClientTimer, Consumer, ConsumerRecords, ConsumerSettings, GroupOffsets, Producer, ProducerEvent, ProducerRecord,
    ProducerSettings, Slot,
};
use crate::note::{Note, PollError, RecordId, SendError, TransactionCall, TransactionError, TransactionStep};
use crate::sim::Time;
use crate::sim::process::{Context, Input, Purpose, Timer, timers};
use crate::wire::{Message, TopicPartition};

timers! {
    /// A timer of the program.
    pub(super) enum PipelineTimer {
        /// The program has worked on what the last poll returned.
        Worked = 1,
        /// It begins again.
        Again = 2,
    }
}

impl PipelineTimer {
    /// What it is for, in words that follow the program's name.
    fn words(self) -> String {
        let words = match self {
            Self::Worked => "has worked on what poll() returned, and sends what it made of it",
            Self::Again => "is started again behind the error that ended it",
        };
        words.to_owned()
    }
}

const CONSUMER: Slot = Slot::new(1);
const PRODUCER: Slot = Slot::new(2);

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineSettings {
    /// Its name; values begin with it.
    pub name: String,
    /// The topics that it reads, by name.
    pub from: Vec<String>,
    /// The topic that it sends to.
    pub to: String,
    /// How many records it makes of each.
    pub copies: u32,
    /// How long it works on what a poll returned, however much that is.
    pub work_us: Time,
    /// When it commits; with a `transactional.id` its transactions do.
    pub commits: Commits,
    /// How long after an error that ends it whatever runs it starts it again; `None` for never.
    pub again_after_us: Option<Time>,
    /// Which records it cannot work on, if there are such.
    pub poison: Option<Poison>,
}

/// What the program's thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// It is in `initTransactions()`.
    Initializing,
    /// It is in `poll()`.
    Polling,
    /// It is in `commitSync()`, and works then.
    CommittingBefore,
    Working,
    /// It makes records and sends them; it may be in `send()`.
    Sending,
    /// It waits for the futures of what it sent.
    Waiting,
    /// It is in `sendOffsetsToTransaction()`.
    SendingOffsets,
    /// It is in `commitTransaction()`.
    CommittingTransaction,
    /// It is in `abortTransaction()`.
    Aborting,
    /// It is in `commitSync()`, and polls then.
    CommittingAfter,
    /// It is in `close()` of its clients.
    Closing,
    /// Its clients are closed, and it waits to begin again.
    Over,
}

/// The program.
#[derive(Clone, Debug)]
pub struct Pipeline {
    settings: Arc<PipelineSettings>,
    producer_settings: Arc<ProducerSettings>,
    consumer_settings: Arc<ConsumerSettings>,
    producer: Producer,
    consumer: Consumer,
    doing: Doing,
    /// Records that are still to be sent for what is in hand.
    due: VecDeque<Made>,
    /// What the last poll returned.
    in_hand: Vec<Span>,
    /// How many of these records it cannot work on.
    poisoned: u64,
    /// A record of this turn was not stored.
    has_failed: bool,
    /// The program's thread is in `send()` with a record of this key.
    sending: Option<Option<u64>>,
    /// Records that it was given, in all its lives.
    read: u64,
    sendings: Sendings,
    /// The number of the first record of the transaction that is open, or was last.
    transaction: u64,
    /// It was told to end.
    ends: bool,
    /// An error has ended it.
    is_broken: bool,
    consumer_is_closed: bool,
    /// What `poll()` has thrown.
    thrown: Option<PollError>,
}

impl Pipeline {
    /// A program that has not begun.
    #[must_use]
    pub fn new(settings: PipelineSettings, consumer: ConsumerSettings, producer: ProducerSettings) -> Self {
        Self::with(Arc::new(settings), Arc::new(consumer), Arc::new(producer), (0, Sendings::default()))
    }

    /// The program as it begins after a crash: with its settings, and it numbers on.
    #[must_use]
    pub fn reborn(&self) -> Self {
        let sendings = Sendings { first: self.next_record(), ..self.sendings.clone() };
        let (settings, consumer) = (Arc::clone(&self.settings), Arc::clone(&self.consumer_settings));
        let anew = Self::with(settings, consumer, Arc::clone(&self.producer_settings), (self.read, sendings));
        Self { transaction: self.transaction, ..anew }
    }

    fn with(
        settings: Arc<PipelineSettings>,
        consumer_settings: Arc<ConsumerSettings>,
        producer_settings: Arc<ProducerSettings>,
        (read, sendings): (u64, Sendings),
    ) -> Self {
        let mut consumer = Consumer::new(Arc::clone(&consumer_settings), CONSUMER);
        consumer.assign_topics(settings.from.iter().map(String::as_str));
        Self {
            producer: Producer::new(Arc::clone(&producer_settings), PRODUCER),
            consumer,
            settings,
            producer_settings,
            consumer_settings,
            doing: Doing::Polling,
            due: VecDeque::new(),
            in_hand: Vec::new(),
            poisoned: 0,
            has_failed: false,
            sending: None,
            read,
            transaction: 0,
            sendings,
            ends: false,
            is_broken: false,
            consumer_is_closed: false,
            thrown: None,
        }
    }

    /// What a timer is for, in words that follow the program's name.
    #[must_use]
    pub fn timer_words(purpose: Purpose) -> String {
        ClientTimer::of_any_slot(purpose)
            .map_or_else(|| PipelineTimer::of(purpose).expect("a timer of the program").words(), ClientTimer::words)
    }

    /// What it does.
    #[must_use]
    pub fn settings(&self) -> &PipelineSettings {
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
            Doing::Working => Pace::Works,
            Doing::Sending | Doing::Waiting => Pace::Sends,
            // What was sent is stored before the offsets are.
            Doing::SendingOffsets | Doing::CommittingTransaction if self.producer.has_unsent() => Pace::Sends,
            Doing::SendingOffsets => Pace::SendsOffsets,
            Doing::Initializing | Doing::CommittingTransaction | Doing::Aborting => Pace::EndsTransaction,
            Doing::Closing | Doing::Over => self.thrown.map_or(Pace::Closes, Pace::Over),
        }
    }

    /// Its producer.
    #[must_use]
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    /// Records that it was given, in all its lives.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// What became of what it sent.
    #[must_use]
    pub fn sendings(&self) -> &Sendings {
        &self.sendings
    }

    /// Handles one input.
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        let left = self.producer.handle(input, context).and_then(|input| self.consumer.handle(input, context));
        match left {
            // It was a client's.
            None => {}
            Some(Input::Boot { .. }) => self.start(context),
            Some(Input::Timer(purpose)) => match PipelineTimer::of(purpose).expect("a timer of the program") {
                PipelineTimer::Worked => self.worked(context),
                PipelineTimer::Again => context.begin_again(),
            },
            // The rest of a connection that a client has closed.
            Some(
                Input::Received { .. } | Input::Disconnected { .. } | Input::Connected { .. } | Input::Written { .. },
            ) => {}
            Some(Input::Terminate) => self.terminate(context),
            Some(Input::Told(offset)) => self.consumer.seek_everywhere(offset),
            Some(Input::Datagram { .. }) => panic!("nobody sends a client a raw message"),
        }
        self.go_on(context);
    }

    /// Takes what clients tell, and does what the thread can do now, until it stands still.
    fn go_on(&mut self, context: &mut Context<'_, Message, Note>) {
        loop {
            if let Some(event) = self.producer.next_event() {
                self.produced(event, context);
            } else if let Some(event) = self.consumer.next_event() {
                if let Some(left) = telling::consumed(event, context) {
                    self.consumed(left, context);
                }
            } else if self.doing == Doing::Sending && self.sending.is_none() {
                self.send_next(context);
            } else if self.doing == Doing::Waiting && !self.producer.has_incomplete() {
                self.all_is_told(context);
            } else if self.doing == Doing::Closing && self.consumer_is_closed && !self.producer.has_incomplete() {
                self.closed(context);
            } else {
                return;
            }
        }
    }

    fn is_transactional(&self) -> bool {
        self.producer_settings.transactional_id.is_some()
    }

    fn start(&mut self, context: &mut Context<'_, Message, Note>) {
        self.producer.start(context);
        if self.is_transactional() {
            self.doing = Doing::Initializing;
            self.producer.init_transactions(context);
        } else {
            self.poll(context);
        }
    }

    fn poll(&mut self, context: &mut Context<'_, Message, Note>) {
        self.in_hand.clear();
        self.due.clear();
        self.has_failed = false;
        if self.ends {
            return self.close(context);
        }
        self.doing = Doing::Polling;
        self.consumer.poll(context);
    }

    /// SIGTERM: it closes its clients as soon as it has done what it has in hand (`KafkaConsumer.wakeup`).
    fn terminate(&mut self, context: &mut Context<'_, Message, Note>) {
        self.ends = true;
        match self.doing {
            Doing::Polling | Doing::Initializing => self.close(context),
            Doing::Over => context.exit(),
            // It comes to its end behind that.
            Doing::CommittingBefore
            | Doing::Working
            | Doing::Sending
            | Doing::Waiting
            | Doing::SendingOffsets
            | Doing::CommittingTransaction
            | Doing::Aborting
            | Doing::CommittingAfter
            | Doing::Closing => {}
        }
    }

    fn close(&mut self, context: &mut Context<'_, Message, Note>) {
        self.doing = Doing::Closing;
        self.sending = None;
        self.due.clear();
        self.producer.close(context);
        self.consumer.close(context);
    }

    /// Its clients are closed.
    fn closed(&mut self, context: &mut Context<'_, Message, Note>) {
        self.doing = Doing::Over;
        match self.settings.again_after_us.filter(|_| self.is_broken && !self.ends) {
            Some(after) => context.set_timer(PipelineTimer::Again, context.now() + after),
            None => context.exit(),
        }
    }

    /// An error that nothing helps against has come: the program ends.
    fn break_down(&mut self, context: &mut Context<'_, Message, Note>) {
        if !std::mem::replace(&mut self.is_broken, true) {
            context.cancel_timer(PipelineTimer::Worked);
            self.close(context);
        }
    }

    fn consumed(&mut self, left: Consumed, context: &mut Context<'_, Message, Note>) {
        match left {
            Consumed::Records(records) => self.given(&records, context),
            Consumed::CommitReturned(error) => self.commit_returned(error, context),
            Consumed::Thrown(error) => {
                self.thrown = Some(error);
                self.break_down(context);
            }
            Consumed::Closed => self.consumer_is_closed = true,
        }
    }

    /// `poll()` has returned.
    fn given(&mut self, records: &ConsumerRecords, context: &mut Context<'_, Message, Note>) {
        self.read += u64::from(records.len());
        let Self { due, settings, consumer, poisoned, .. } = self;
        let mut poison = Vec::new();
        self.in_hand = telling::given(records, context, |record| {
            let is_poison = settings.poison.as_ref().is_some_and(|poison| poison.is_in(record));
            if is_poison {
                poison.push((record.partition, record.offset));
                due.push_back(Made::letter(record, consumer.name_of(record.partition.topic).unwrap_or_default()));
            } else {
                due.extend((0..settings.copies).map(|copy| Made::of(record, copy)));
            }
        });
        *poisoned = poison.len() as u64;
        if self.fails_at(&poison, context) {
            return self.break_down(context);
        }
        // Behind markers, too (KIP-1094).
        for (partition, _, to) in &mut self.in_hand {
            *to = self.consumer.position(*partition).unwrap_or(*to);
        }
        if self.settings.commits == Commits::SyncBefore && !self.is_transactional() {
            self.doing = Doing::CommittingBefore;
            self.consumer.commit_sync(context);
        } else {
            self.work(context);
        }
    }

    /// Whether it fails at records that it cannot work on: it does at the first one where none goes to another topic.
    fn fails_at(&self, poison: &[(TopicPartition, i64)], context: &mut Context<'_, Message, Note>) -> bool {
        // It can work on all records.
        let Some(known) = &self.settings.poison else { return false };
        let dead_letter = known.dead_letter.as_ref();
        let consumer = context.process();
        let tries = if dead_letter.is_some() { known.tries } else { 1 };
        let met = if dead_letter.is_some() { poison } else { &poison[..poison.len().min(1)] };
        for (partition, offset) in met.iter().copied() {
            context.note(Note::Poisoned { consumer, partition, offset, tries, dead_letter: dead_letter.cloned() });
        }
        dead_letter.is_none() && !poison.is_empty()
    }

    fn work(&mut self, context: &mut Context<'_, Message, Note>) {
        self.doing = Doing::Working;
        let tries = self.settings.poison.as_ref().map_or(0, |poison| u64::from(poison.tries).saturating_sub(1));
        let again = self.poisoned.saturating_mul(tries).saturating_mul(BACK_OFF_US);
        context.set_timer(
            PipelineTimer::Worked,
            context.now().saturating_add(self.settings.work_us).saturating_add(again),
        );
    }

    /// It has made of what it was given what it sends on.
    fn worked(&mut self, context: &mut Context<'_, Message, Note>) {
        telling::worked_on(&self.in_hand, context);
        if self.is_transactional() {
            self.transaction = self.next_record();
            if let Err(error) = self.producer.begin_transaction() {
                return self.give_up(error, context);
            }
            self.tell(TransactionStep::Begun, context);
        }
        self.doing = Doing::Sending;
    }

    /// Calls `send()` with the next record. Behind the last one, what ends the turn.
    fn send_next(&mut self, context: &mut Context<'_, Message, Note>) {
        if let Some(error) = self.producer.transaction_error() {
            return self.abort_after(error, context);
        }
        // That was the last one.
        let Some(made) = self.due.pop_front() else { return self.sent_all(context) };
        let number = self.next_record();
        let record = RecordId { producer: context.process(), number };
        let id = record.to_header();
        let mut headers = vec![(RecordId::HEADER, Some(id.as_slice()))];
        let mut value = Some(value(&self.settings.name, number));
        let mut topic = &self.settings.to;
        if let (Some(letter), Some(poison)) = (&made.letter, &self.settings.poison) {
            value.clone_from(&letter.value);
            headers.extend(letter.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())));
            topic = poison.dead_letter.as_ref().expect("without a topic it fails");
        }
        let of = ProducerRecord {
            topic,
            partition: None,
            timestamp: None,
            key: made.key.as_deref(),
            value: value.as_deref(),
            headers: &headers,
        };
        self.sending = Some(made.key_number());
        context.note(Note::Derived { record, from: made.from, offset: made.offset, copy: made.copy });
        let handle = self.producer.send(&of, context);
        assert_eq!(self.sendings.first + handle.0, number, "a producer counts its records as the program does");
        if let Some(waits_for) = self.producer.waits_for() {
            context.note(Note::SendBlocks { record, waits_for });
        }
    }

    /// All that was made of what is in hand is handed to the producer.
    fn sent_all(&mut self, context: &mut Context<'_, Message, Note>) {
        if !self.is_transactional() {
            self.doing = Doing::Waiting;
            return;
        }
        // Its group has gone on without it, or it has given these up: the offsets would be refused, and another member does
        // the same work (KIP-447). Without the call the transaction would commit what another makes again.
        self.doing = Doing::SendingOffsets;
        let offsets = self.offsets();
        self.producer.send_offsets_to_transaction(offsets, context);
    }

    /// What is committed with the transaction (`ConsumerRecords.nextOffsets`, `KafkaConsumer.groupMetadata`).
    fn offsets(&self) -> GroupOffsets {
        let in_hand = self.in_hand.iter();
        let offset = |(partition, _, to): &(TopicPartition, i64, i64)| {
            let topic = self.consumer.name_of(partition.topic)?;
            Some((topic.to_owned(), partition.partition, *to))
        };
        self.consumer.group_metadata(in_hand.filter_map(offset).collect())
    }

    /// Without transactions: the futures of all that was sent are complete.
    fn all_is_told(&mut self, context: &mut Context<'_, Message, Note>) {
        if self.has_failed {
            return self.begin_anew(context);
        }
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

    /// What is in hand is not committed: the program goes on from where its group has committed.
    fn begin_anew(&mut self, context: &mut Context<'_, Message, Note>) {
        self.consumer.seek_to_committed();
        self.poll(context);
    }

    /// `commitSync()` has returned, or thrown: then the group has gone on without this member.
    fn commit_returned(&mut self, error: i16, context: &mut Context<'_, Message, Note>) {
        match self.doing {
            // Whoever has the partitions now does the work.
            Doing::CommittingBefore if error != 0 => self.begin_anew(context),
            Doing::CommittingBefore => self.work(context),
            Doing::CommittingAfter if error != 0 => self.begin_anew(context),
            Doing::CommittingAfter => self.poll(context),
            // It has failed meanwhile, or ends.
            Doing::Initializing
            | Doing::Polling
            | Doing::Working
            | Doing::Sending
            | Doing::Waiting
            | Doing::SendingOffsets
            | Doing::CommittingTransaction
            | Doing::Aborting
            | Doing::Closing
            | Doing::Over => {}
        }
    }

    fn produced(&mut self, event: ProducerEvent, context: &mut Context<'_, Message, Note>) {
        match self.sendings.produced(event, context) {
            Some(Produced::Appended(record, partition)) => {
                // Its `send()` was given up when the program broke down.
                let key = self.sending.take().flatten();
                context.note(Note::Sent { record, partition, key, is_tombstone: false });
            }
            Some(Produced::Failed(error)) => {
                self.sending = None;
                self.has_failed = true;
                self.send_has_failed(error, context);
            }
            Some(Produced::NotStored) => self.has_failed = true,
            Some(Produced::Returned(call, result)) => self.returned(call, result, context),
            // It waits for others, too.
            None => {}
        }
    }

    /// `send()` has thrown: the turn is given up.
    fn send_has_failed(&mut self, error: SendError, context: &mut Context<'_, Message, Note>) {
        if self.doing != Doing::Sending {
            return;
        }
        self.due.clear();
        if self.is_transactional() {
            self.abort_after(TransactionError::Abortable(error), context);
        } else {
            // What was sent of it is waited for.
            self.doing = Doing::Waiting;
        }
    }

    /// A call of a transaction has returned.
    fn returned(
        &mut self,
        call: TransactionCall,
        result: Result<(), TransactionError>,
        context: &mut Context<'_, Message, Note>,
    ) {
        if let Err(error @ TransactionError::TimedOut) = result {
            self.tell(TransactionStep::Failed(error), context);
            return self.call_again(call, context);
        }
        let goes_on = self.doing != Doing::Closing;
        match (call, result) {
            (TransactionCall::Init, Ok(())) if goes_on => self.poll(context),
            (TransactionCall::SendOffsets, Ok(())) if goes_on => {
                self.doing = Doing::CommittingTransaction;
                self.tell(TransactionStep::Commits, context);
                self.producer.commit_transaction(context);
            }
            // Its clients are being closed, which aborts what is open.
            (TransactionCall::Init | TransactionCall::SendOffsets, Ok(())) => {}
            (TransactionCall::Commit, Ok(())) => {
                self.tell(TransactionStep::Committed, context);
                let consumer = context.process();
                for (partition, _, offset) in &self.in_hand {
                    context.note(Note::Committed { consumer, partition: *partition, offset: *offset });
                }
                if goes_on {
                    self.poll(context);
                }
            }
            (TransactionCall::Abort, Ok(())) => {
                self.tell(TransactionStep::Aborted, context);
                if goes_on {
                    self.begin_anew(context);
                }
            }
            (_, Err(error)) if !goes_on => self.tell(TransactionStep::Failed(error), context),
            (TransactionCall::SendOffsets | TransactionCall::Commit, Err(error)) => self.abort_after(error, context),
            (TransactionCall::Init | TransactionCall::Abort, Err(error)) => self.give_up(error, context),
        }
    }

    /// A call that waited in vain for `max.block.ms` is made again, which is the only way to learn what became of it.
    fn call_again(&mut self, call: TransactionCall, context: &mut Context<'_, Message, Note>) {
        if self.doing == Doing::Closing {
            return;
        }
        match call {
            TransactionCall::Init => self.producer.init_transactions(context),
            TransactionCall::SendOffsets => {
                let offsets = self.offsets();
                self.producer.send_offsets_to_transaction(offsets, context);
            }
            TransactionCall::Commit => self.producer.commit_transaction(context),
            TransactionCall::Abort => self.producer.abort_transaction(context),
        }
    }

    fn abort_after(&mut self, error: TransactionError, context: &mut Context<'_, Message, Note>) {
        match error {
            TransactionError::Fatal(_) => self.give_up(error, context),
            TransactionError::Abortable(_) | TransactionError::TimedOut => {
                self.tell(TransactionStep::Failed(error), context);
                self.tell(TransactionStep::Aborts, context);
                self.doing = Doing::Aborting;
                self.due.clear();
                self.producer.abort_transaction(context);
            }
        }
    }

    /// Nothing helps: the program ends.
    fn give_up(&mut self, error: TransactionError, context: &mut Context<'_, Message, Note>) {
        self.tell(TransactionStep::Failed(error), context);
        self.break_down(context);
    }

    fn tell(&self, step: TransactionStep, context: &mut Context<'_, Message, Note>) {
        context.note(Note::Transaction { producer: context.process(), first: self.transaction, step });
    }

    /// The number of the next record.
    fn next_record(&self) -> u64 {
        self.sendings.first + self.producer.records_handed_over()
    }
}
