//! A program that sends records at a steady rate.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::telling::{Produced, Sendings};
use super::transactions::{Progress, TransactionPlan};
use crate::client::{ClientTimer, Header, Producer, ProducerRecord, ProducerSettings, Slot};
use crate::note::{Note, RecordId, SendError};
use crate::sim::Time;
use crate::sim::process::{Context, Input, Purpose, Timer, timers};
use crate::wire::Message;

timers! {
    /// A timer of the program.
    pub(super) enum LoadTimer {
        /// The next record is due.
        Tick = 1,
        /// The transaction is to end.
        End = 2,
    }
}

impl LoadTimer {
    /// What it is for, in words that follow the program's name.
    fn words(self) -> String {
        let words = match self {
            Self::Tick => "sends its next record",
            Self::End => "ends its transaction",
        };
        words.to_owned()
    }
}

/// Its only client.
const PRODUCER: Slot = Slot::new(1);

/// What it sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadSettings {
    /// Its name; values begin with it.
    pub name: String,
    /// The topic's name.
    pub topic: String,
    /// Time between two records; 0 for a program that sends nothing.
    pub period_us: Time,
    /// How many keys it draws from; `None` for records without a key.
    pub keys: Option<u64>,
    /// Bytes of each value, at least those of its text.
    pub value_size: u32,
    /// Each so many-th record is a tombstone.
    pub tombstone_every: Option<u64>,
    /// How it sends in transactions, where its producer has a `transactional.id`.
    pub transactions: Option<TransactionPlan>,
}

/// The program.
#[derive(Clone, Debug)]
pub struct LoadGenerator {
    settings: Arc<LoadSettings>,
    producer_settings: Arc<ProducerSettings>,
    pub(super) producer: Producer,
    /// Where it is with its transactions.
    pub(super) transactions: Progress,
    sendings: Sendings,
    /// It was asked to end.
    pub(super) closing: bool,
    /// The key of the record that the program's thread is in `send()` with.
    pub(super) sending: Option<Option<u64>>,
    retried_before: u64,
}

impl LoadGenerator {
    /// A program that has not begun.
    #[must_use]
    pub fn new(settings: LoadSettings, producer: ProducerSettings) -> Self {
        let producer_settings = Arc::new(producer);
        Self {
            producer: Producer::new(Arc::clone(&producer_settings), PRODUCER),
            producer_settings,
            transactions: Progress::default(),
            settings: Arc::new(settings),
            sendings: Sendings::default(),
            closing: false,
            sending: None,
            retried_before: 0,
        }
    }

    /// The program as it begins after a crash. It numbers on.
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self {
            producer: Producer::new(Arc::clone(&self.producer_settings), PRODUCER),
            producer_settings: Arc::clone(&self.producer_settings),
            transactions: Progress::default(),
            settings: Arc::clone(&self.settings),
            sendings: Sendings { first: self.next_record(), ..self.sendings.clone() },
            closing: false,
            sending: None,
            retried_before: self.record_retry_total(),
        }
    }

    /// What a timer is for, in words that follow the program's name.
    #[must_use]
    pub fn timer_words(purpose: Purpose) -> String {
        ClientTimer::of_any_slot(purpose)
            .map_or_else(|| LoadTimer::of(purpose).expect("a timer of the program").words(), ClientTimer::words)
    }

    /// What it sends.
    #[must_use]
    pub fn settings(&self) -> &LoadSettings {
        &self.settings
    }

    /// Its producer.
    #[must_use]
    pub fn producer(&self) -> &Producer {
        &self.producer
    }

    /// Kafka's metric `record-send-total`: records for which `send()` has returned.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sendings.sent
    }

    /// Records it was told are stored.
    #[must_use]
    pub fn acked(&self) -> u64 {
        self.sendings.acked
    }

    /// Records that failed, by their error.
    #[must_use]
    pub fn record_errors(&self) -> &BTreeMap<SendError, u64> {
        &self.sendings.errors
    }

    /// Kafka's metric `record-error-total`: records that failed.
    #[must_use]
    pub fn record_error_total(&self) -> u64 {
        self.sendings.errors.values().sum()
    }

    /// Kafka's metric `record-retry-total`: records that were sent again, each as often as it was.
    #[must_use]
    pub fn record_retry_total(&self) -> u64 {
        self.retried_before + self.producer.record_retry_total()
    }

    /// Handles one input.
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self.producer.handle(input, context) {
            // It was the producer's.
            None => {}
            Some(Input::Boot { .. }) => {
                self.producer.start(context);
                self.start_transactions(context);
                if self.settings.period_us > 0 {
                    context.set_timer(LoadTimer::Tick, context.now() + self.settings.period_us);
                }
            }
            Some(Input::Timer(purpose)) => match LoadTimer::of(purpose).expect("a timer of the program") {
                LoadTimer::Tick => self.tick(context),
                LoadTimer::End => self.transaction_is_due(),
            },
            // The rest of a connection that the producer has closed.
            Some(
                Input::Received { .. } | Input::Disconnected { .. } | Input::Connected { .. } | Input::Written { .. },
            ) => {}
            Some(Input::Terminate) => self.close(context),
            Some(Input::Told(_)) => panic!("a program that sends is told nothing"),
            Some(Input::Datagram { .. }) => panic!("nobody sends a client a raw message"),
        }
        self.take_events(context);
        self.end_transaction_if_due(context);
        if self.closing && !self.producer.has_incomplete() {
            context.exit();
        }
    }

    /// SIGTERM: nothing more is sent, and the program ends when what it has sent is told (`KafkaProducer.close`).
    fn close(&mut self, context: &mut Context<'_, Message, Note>) {
        self.closing = true;
        context.cancel_timer(LoadTimer::Tick);
        self.close_transactions(context);
        self.producer.close(context);
    }

    /// The program calls `send()` with the next record, unless the last call still blocks.
    fn tick(&mut self, context: &mut Context<'_, Message, Note>) {
        context.set_timer(LoadTimer::Tick, context.now() + self.settings.period_us);
        if self.sending.is_some() || !self.may_send() {
            return;
        }
        let key = self.settings.keys.map(|keys| context.random().below(keys));
        self.sending = Some(key);
        let number = self.next_record();
        let settings = Arc::clone(&self.settings);
        let key_text = key.map(LoadSettings::key);
        let value = (!settings.is_tombstone(number)).then(|| settings.value(number));
        let id = RecordId { producer: context.process(), number }.to_header();
        let headers = [(RecordId::HEADER, Some(id.as_slice()))];
        let record = settings.record(key_text.as_deref(), value.as_deref(), &headers);
        let handle = self.producer.send(&record, context);
        assert_eq!(self.sendings.first + handle.0, number, "a producer counts its records as the program does");
        if let Some(waits_for) = self.producer.waits_for() {
            context.note(Note::SendBlocks { record: self.sendings.id_of(handle, context), waits_for });
        }
    }

    pub(super) fn take_events(&mut self, context: &mut Context<'_, Message, Note>) {
        while let Some(event) = self.producer.next_event() {
            match self.sendings.produced(event, context) {
                Some(Produced::Appended(record, partition)) => {
                    let key = self.sending.take().expect("one call of send() at a time");
                    let is_tombstone = self.settings.is_tombstone(record.number);
                    context.note(Note::Sent { record, partition, key, is_tombstone });
                }
                Some(Produced::Failed(_)) => {
                    self.sending.take().expect("one call of send() at a time");
                }
                Some(Produced::Returned(call, result)) => self.transaction_returned(call, result, context),
                // It goes on with the next record.
                Some(Produced::NotStored) | None => {}
            }
        }
    }

    /// The number of the next record.
    pub(super) fn next_record(&self) -> u64 {
        self.sendings.first + self.producer.records_handed_over()
    }
}

impl LoadSettings {
    /// The bytes of a batch with one record alone, at most, among the first so many records
    /// (`AbstractRecords.estimateSizeInBytesUpperBound`). The longest number is that of the last.
    #[must_use]
    pub fn largest_batch(&self, records: u64) -> u64 {
        let last = RecordId { producer: 0, number: records.saturating_sub(1) };
        let key = self.keys.map(|keys| Self::key(keys.saturating_sub(1)));
        let (value, id) = (self.value(last.number), last.to_header());
        let headers = [(RecordId::HEADER, Some(id.as_slice()))];
        self.record(key.as_deref(), Some(&value), &headers).batch_bound() as u64
    }

    fn record<'a>(
        &'a self,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: &'a [Header<'a>],
    ) -> ProducerRecord<'a> {
        ProducerRecord { topic: &self.topic, partition: None, timestamp: None, key, value, headers }
    }

    /// The text of a key.
    fn key(number: u64) -> Vec<u8> {
        text(&["k"], number, 0)
    }

    /// The value of the record of this number.
    fn value(&self, number: u64) -> Vec<u8> {
        text(&[&self.name, "-"], number, self.value_size)
    }

    /// Whether the record of this number has no value.
    fn is_tombstone(&self, number: u64) -> bool {
        self.tombstone_every.is_some_and(|every| (number + 1).is_multiple_of(every.max(1)))
    }
}

/// Words, a number behind them, and spaces up to `size` bytes.
fn text(words: &[&str], number: u64, size: u32) -> Vec<u8> {
    let size = size as usize;
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = number;
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let mut text = Vec::with_capacity(size.max(24));
    words.iter().for_each(|word| text.extend_from_slice(word.as_bytes()));
    text.extend_from_slice(&digits[first..]);
    text.resize(text.len().max(size), b' ');
    text
}
