//! Records that a program cannot work on, and the topic that they go to.
//!
//! Such a record, a poison pill, blocks its partition: whoever gets the partition fails at it. After some tries a program may
//! send it to another topic, with headers that say where it lay and what was wrong, and go on behind it.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::client::{BatchOutcome, ConsumerRecord, Producer, ProducerEvent, ProducerRecord, ProducerSettings, Slot};
use crate::note::{Note, RecordId};
use crate::sim::process::{Context, Input};
use crate::sim::{SECOND, Time};
use crate::wire::Message;

/// How long a program rests when it could not work on a record, before it tries again.
pub(super) const BACK_OFF_US: Time = SECOND;
/// The exception that is named in a dead letter.
const EXCEPTION: &[u8] = b"PoisonPillException: the program cannot work on this record";

/// Which records a program cannot work on, and what it does about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    /// Each so many-th record of each producer.
    pub every: u64,
    /// How often it tries.
    pub tries: u32,
    /// The topic that such a record goes to then; without one the program tries for ever.
    pub dead_letter: Option<String>,
}

impl Poison {
    /// Whether the program cannot work on a record.
    pub(super) fn is_in(&self, record: &ConsumerRecord<'_>) -> bool {
        RecordId::of_headers(record.headers()).is_some_and(|id| (id.number + 1).is_multiple_of(self.every))
    }
}

/// A record on its way to the other topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Letter {
    /// That of a record that lies in the topic of this name. It has all of its headers but the one that tells observers which
    /// record it is: there would be two.
    pub(super) fn of(record: &ConsumerRecord<'_>, topic: &str) -> Self {
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let own = record.headers().filter(|(name, _)| *name != RecordId::HEADER);
        let mut headers: Vec<_> = own.map(|(name, value)| (name.to_vec(), owned(value))).collect();
        let (partition, offset) = (record.partition.partition.to_string(), record.offset.to_string());
        for (name, value) in [
            (&b"error.topic"[..], topic.as_bytes()),
            (b"error.partition", partition.as_bytes()),
            (b"error.offset", offset.as_bytes()),
            (b"error.exception", EXCEPTION),
        ] {
            headers.push((name.to_vec(), Some(value.to_vec())));
        }
        Self { key: owned(record.key), value: owned(record.value), headers }
    }
}

/// Who sends them.
#[derive(Clone, Debug)]
pub(super) struct DeadLetters {
    topic: String,
    producer: Producer,
    due: VecDeque<Letter>,
    /// The first of them is with the producer.
    is_sent: bool,
}

impl DeadLetters {
    pub(super) fn new(topic: String, settings: Arc<ProducerSettings>, slot: Slot) -> Self {
        Self { topic, producer: Producer::new(settings, slot), due: VecDeque::new(), is_sent: false }
    }

    pub(super) fn start(&mut self, context: &mut Context<'_, Message, Note>) {
        self.producer.start(context);
    }

    pub(super) fn close(&mut self, context: &mut Context<'_, Message, Note>) {
        self.producer.close(context);
    }

    /// Takes a record that lies in the topic of this name.
    pub(super) fn take(&mut self, record: &ConsumerRecord<'_>, topic: &str) {
        self.due.push_back(Letter::of(record, topic));
    }

    /// Hands an input to the producer; what is not its own is handed back.
    pub(super) fn handle(
        &mut self,
        input: Input<Message>,
        context: &mut Context<'_, Message, Note>,
    ) -> Option<Input<Message>> {
        let left = self.producer.handle(input, context);
        while let Some(event) = self.producer.next_event() {
            match event {
                ProducerEvent::Completed { outcome, .. } => {
                    self.is_sent = false;
                    match outcome {
                        BatchOutcome::Acknowledged { .. } => _ = self.due.pop_front(),
                        // It is sent again: the program goes on behind it when it is there.
                        BatchOutcome::Refused(_) | BatchOutcome::Unknown(_) | BatchOutcome::Unanswered => {}
                    }
                }
                ProducerEvent::Failed { .. } => self.is_sent = false,
                // What comes of it is told by these.
                ProducerEvent::Appended { .. }
                | ProducerEvent::Retried { .. }
                | ProducerEvent::EpochBumped { .. }
                | ProducerEvent::Returned { .. } => {}
            }
        }
        left
    }

    /// Sends what is due; true where all of it is stored.
    pub(super) fn are_stored(&mut self, context: &mut Context<'_, Message, Note>) -> bool {
        if let Some(letter) = self.due.front().filter(|_| !self.is_sent) {
            let headers: Vec<_> =
                letter.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect();
            let record = ProducerRecord {
                topic: &self.topic,
                partition: None,
                timestamp: None,
                key: letter.key.as_deref(),
                value: letter.value.as_deref(),
                headers: &headers,
            };
            self.is_sent = true;
            self.producer.send(&record, context);
        }
        self.due.is_empty()
    }
}
