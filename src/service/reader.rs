//! A program that reads topics: it polls, works on what it was given, and polls again.

use std::sync::Arc;

use crate::client::{ClientTimer, Consumer, ConsumerEvent, ConsumerRecords, ConsumerSettings, Slot};
use crate::note::{Note, RecordId};
use crate::sim::Time;
use crate::sim::process::{Context, Input, Purpose};
use crate::wire::Message;

/// The program has worked on what the last poll returned.
const WORKED: Purpose = 1;
/// Its only client.
const CONSUMER: Slot = Slot::new(1);

/// What it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderSettings {
    /// Its name.
    pub name: String,
    /// The topics' names.
    pub topics: Vec<String>,
    /// How long it works on what a poll returned, however much that is.
    pub work_us: Time,
}

/// The program.
#[derive(Clone, Debug)]
pub struct Reader {
    settings: Arc<ReaderSettings>,
    consumer_settings: Arc<ConsumerSettings>,
    consumer: Consumer,
    read: u64,
}

impl Reader {
    /// A program that has not begun.
    #[must_use]
    pub fn new(settings: ReaderSettings, consumer: ConsumerSettings) -> Self {
        Self::with(Arc::new(settings), Arc::new(consumer), 0)
    }

    /// The program as it begins after a crash: nothing but its settings. Without a group it has no committed offsets.
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self::with(Arc::clone(&self.settings), Arc::clone(&self.consumer_settings), self.read)
    }

    fn with(settings: Arc<ReaderSettings>, consumer_settings: Arc<ConsumerSettings>, read: u64) -> Self {
        let mut consumer = Consumer::new(Arc::clone(&consumer_settings), CONSUMER);
        consumer.assign_topics(settings.topics.iter().map(String::as_str));
        Self { settings, consumer_settings, consumer, read }
    }

    /// What a timer is for, in words that follow the program's name.
    #[must_use]
    pub fn timer_words(purpose: Purpose) -> String {
        ClientTimer::of_any_slot(purpose)
            .map_or_else(|| "has worked on what poll() returned, and polls again".to_owned(), ClientTimer::words)
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

    /// Kafka's metric `records-consumed-total`: records that it was given.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Handles one input.
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self.consumer.handle(input, context) {
            // It was the consumer's.
            None => {}
            Some(Input::Boot { .. } | Input::Timer(WORKED)) => self.consumer.poll(context),
            Some(Input::Timer(purpose)) => panic!("the program has no timer {purpose}"),
            // The rest of a connection that the consumer has closed.
            Some(
                Input::Received { .. } | Input::Disconnected { .. } | Input::Connected { .. } | Input::Written { .. },
            ) => {}
            Some(Input::Terminate) => return context.exit(),
            Some(Input::Datagram { .. }) => panic!("nobody sends a client a raw message"),
        }
        while let Some(event) = self.consumer.next_event() {
            let consumer = context.process();
            match event {
                ConsumerEvent::Records(records) => self.work_on(&records, context),
                ConsumerEvent::Reset { partition, offset, moved } => {
                    context.note(Note::Positioned { consumer, partition, offset, moved });
                }
                ConsumerEvent::OutOfRange { partition, offset } => {
                    context.note(Note::OutOfRange { consumer, partition, offset });
                }
            }
        }
    }

    fn work_on(&mut self, records: &ConsumerRecords, context: &mut Context<'_, Message, Note>) {
        self.read += u64::from(records.len());
        let consumer = context.process();
        records.for_each(|record| {
            let id = RecordId::of_headers(record.headers());
            context.note(Note::Read { consumer, partition: record.partition, offset: record.offset, record: id });
        });
        context.set_timer(WORKED, context.now() + self.settings.work_us);
    }
}
