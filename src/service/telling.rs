//! What programs tell observers of what their clients told them. It is the same of every program; what is left is the program's
//! own to react to.

use std::collections::BTreeMap;

use crate::client::{BatchOutcome, ConsumerEvent, ConsumerRecord, ConsumerRecords, ProducerEvent, SendHandle};
use crate::note::{Note, PollError, RecordId, SendError, TransactionCall, TransactionError};
use crate::sim::process::Context;
use crate::wire::{Message, TopicPartition};

/// What a program has in hand of a partition: the first offset and the one behind the last.
pub(super) type Span = (TopicPartition, i64, i64);

/// What a program reacts to of what its consumer tells.
pub(super) enum Consumed {
    /// `poll()` has returned.
    Records(ConsumerRecords),
    /// `commitSync()` has returned, or thrown this error.
    CommitReturned(i16),
    /// `poll()` has thrown: it cannot be a member of its group, or does not know where to begin.
    Thrown(PollError),
    /// `close()` has returned.
    Closed,
}

/// Tells what a consumer told, and gives what is left; `None` for what calls for nothing.
///
/// # Panics
/// If it answers a question about offsets: no program asks one.
pub(super) fn consumed(event: ConsumerEvent, context: &mut Context<'_, Message, Note>) -> Option<Consumed> {
    let consumer = context.process();
    let note = match event {
        ConsumerEvent::Reset { partition, offset, moved } => Note::Positioned { consumer, partition, offset, moved },
        ConsumerEvent::OutOfRange { partition, offset } => Note::OutOfRange { consumer, partition, offset },
        ConsumerEvent::Assigned { generation, partitions } => Note::Assigned { consumer, generation, partitions },
        ConsumerEvent::Revoked { partitions } => Note::Revoked { consumer, partitions, lost: false },
        ConsumerEvent::Lost { partitions } => Note::Revoked { consumer, partitions, lost: true },
        ConsumerEvent::Committed { offsets, error, is_sync } => {
            if error == 0 {
                let notes = offsets.into_iter();
                notes.for_each(|(partition, offset)| context.note(Note::Committed { consumer, partition, offset }));
            } else {
                context.note(Note::NotCommitted { consumer, error });
            }
            return is_sync.then_some(Consumed::CommitReturned(error));
        }
        ConsumerEvent::Failed { error } => {
            context.note(Note::MemberFailed { consumer, error });
            return Some(Consumed::Thrown(PollError::NoMember(error)));
        }
        // Nobody catches that.
        ConsumerEvent::Thrown(error) => {
            context.note(Note::PollThrew { consumer, error });
            return Some(Consumed::Thrown(error));
        }
        ConsumerEvent::PollExpired { interval_ms } => Note::PollExpired { consumer, interval_ms },
        ConsumerEvent::Records(records) => return Some(Consumed::Records(records)),
        ConsumerEvent::Closed => return Some(Consumed::Closed),
        ConsumerEvent::Offsets(_) | ConsumerEvent::OffsetsOfGroup(_) => panic!("the program asks for no offsets"),
    };
    context.note(note);
    None
}

/// Tells of each record that a poll returned, shows it to the program, and gives what that has in hand now.
pub(super) fn given(
    records: &ConsumerRecords,
    context: &mut Context<'_, Message, Note>,
    mut visit: impl FnMut(&ConsumerRecord<'_>),
) -> Vec<Span> {
    let consumer = context.process();
    let mut in_hand: Vec<Span> = Vec::new();
    records.for_each(|record| {
        let id = RecordId::of_headers(record.headers());
        let (partition, offset) = (record.partition, record.offset);
        context.note(Note::Read { consumer, partition, offset, record: id });
        match in_hand.iter_mut().find(|(of, ..)| *of == partition) {
            Some((_, _, to)) => *to = offset + 1,
            None => in_hand.push((partition, offset, offset + 1)),
        }
        visit(record);
    });
    in_hand
}

/// Tells that the program has done its work on these.
pub(super) fn worked_on(done: &[Span], context: &mut Context<'_, Message, Note>) {
    let consumer = context.process();
    for (partition, from, to) in done {
        context.note(Note::WorkedOn { consumer, partition: *partition, from: *from, to: *to });
    }
}

/// What became of the records that a program sent, in all its lives. It numbers on from life to life, as if it had written down what it
/// sent: two records never share a number, and a number tells the checkers in which life its record was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sendings {
    /// The number of the first record of this life.
    pub(super) first: u64,
    /// Records for which `send()` has returned: Kafka's metric `record-send-total`.
    pub sent: u64,
    /// Records that it was told are stored.
    pub acked: u64,
    /// Records that failed, by their error.
    pub errors: BTreeMap<SendError, u64>,
}

/// What a program reacts to of what its producer tells.
pub(super) enum Produced {
    /// `send()` has returned: the record is in a batch for this partition. The program tells it, which knows its key.
    Appended(RecordId, TopicPartition),
    /// `send()` has thrown.
    Failed(SendError),
    /// The future of a batch was completed with an error.
    NotStored,
    /// A call of a transaction has returned.
    Returned(TransactionCall, Result<(), TransactionError>),
}

impl Sendings {
    /// The record that this handle of the program's producer stands for.
    pub(super) fn id_of(&self, record: SendHandle, context: &Context<'_, Message, Note>) -> RecordId {
        RecordId { producer: context.process(), number: self.first + record.0 }
    }

    /// Counts and tells what a producer told, and gives what is left; `None` for what calls for nothing.
    pub(super) fn produced(
        &mut self,
        event: ProducerEvent,
        context: &mut Context<'_, Message, Note>,
    ) -> Option<Produced> {
        match event {
            ProducerEvent::Appended { record, partition } => {
                self.sent += 1;
                Some(Produced::Appended(self.id_of(record, context), partition))
            }
            ProducerEvent::Failed { record, error } => {
                *self.errors.entry(error).or_default() += 1;
                context.note(Note::NotSent { record: self.id_of(record, context), error });
                Some(Produced::Failed(error))
            }
            ProducerEvent::Retried { records, partition, error, may_be_stored } => {
                let (producer, count) = (context.process(), records.len() as u64);
                context.note(Note::BatchRetried { producer, partition, records: count, error });
                for record in records.into_iter().filter(|_| may_be_stored) {
                    context.note(Note::SentAgain { record: self.id_of(record, context), partition, error });
                }
                None
            }
            ProducerEvent::EpochBumped { partition, id, epoch } => {
                context.note(Note::EpochBumped { producer: context.process(), partition, producer_id: id, epoch });
                None
            }
            ProducerEvent::Returned { call, result } => Some(Produced::Returned(call, result)),
            ProducerEvent::Completed { records, partition, outcome } => {
                self.completed(&records, partition, outcome, context)
            }
        }
    }

    fn completed(
        &mut self,
        records: &[SendHandle],
        partition: TopicPartition,
        outcome: BatchOutcome,
        context: &mut Context<'_, Message, Note>,
    ) -> Option<Produced> {
        let count = records.len() as u64;
        let left = match outcome {
            BatchOutcome::Acknowledged { .. } => {
                self.acked += count;
                None
            }
            // With acks=0 nobody says what became of them.
            BatchOutcome::Unanswered => None,
            BatchOutcome::Refused(error) | BatchOutcome::Unknown(error) => {
                *self.errors.entry(error).or_default() += count;
                Some(Produced::NotStored)
            }
        };
        for (place, record) in (0..).zip(records) {
            let outcome = outcome.of_record(place);
            context.note(Note::SendDone { record: self.id_of(*record, context), partition, outcome });
        }
        left
    }
}
