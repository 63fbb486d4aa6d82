//! Writes the history of a run: what its clients told, as lines.

use std::collections::BTreeSet;

use super::line::{Function, Given, Isolation, Line, Offset, Place, Type, Why};
use crate::lab::check::Evidence;
use crate::lab::names::Names;
use crate::note::{Moved, Note, Order, OrderOutcome, RecordId, SendOutcome, TransactionError, TransactionStep};
use crate::sim::Time;
use crate::sim::process::ProcessId;
use crate::wire::{TopicPartition, error_name};

/// The process of what nobody called.
const CLUSTER: &str = "cluster";

/// The history of a run so far.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    lines: Vec<Line>,
    /// Who has been heard of in its present life.
    started: BTreeSet<ProcessId>,
}

impl Recorder {
    /// Takes in what a process told.
    pub fn hear(&mut self, note: &Note, now: Time, names: &Names, evidence: &dyn Evidence) {
        // What a cluster does is no part of clients' histories.
        let Some((process, line)) = line_of(note, now, names) else { return };
        self.start(process, now, names, evidence);
        match line.f {
            Function::Poll => self.given(line),
            Function::Start
            | Function::End
            | Function::Send
            | Function::Position
            | Function::Assign
            | Function::Revoke
            | Function::Work
            | Function::Commit
            | Function::Begin
            | Function::CommitTransaction
            | Function::AbortTransaction
            | Function::ResetOffsets
            | Function::LogStart
            | Function::UncleanElection
            | Function::Compacted => self.lines.push(line),
        }
    }

    /// The process's life is over.
    pub fn ended(&mut self, process: ProcessId, now: Time, names: &Names) {
        if self.started.remove(&process) {
            self.lines.push(Line::new(now, names.process(process), Type::Info, Function::End));
        }
    }

    /// What holds of the logs at the end of the run, and does not follow from what clients saw: where they start, from where on an
    /// election gave records up, and which are compacted.
    pub fn finish(&mut self, lossy_from: impl Fn(TopicPartition) -> Option<i64>, now: Time, evidence: &dyn Evidence) {
        for (partition, image) in evidence.image().partitions() {
            let topic = evidence.image().topics.name_of(partition.topic).to_owned();
            if topic.starts_with("__") {
                continue;
            }
            let fact = |f, offset| Line {
                topic: Some(topic.clone()),
                partition: Some(partition.partition),
                offset,
                ..Line::new(now, CLUSTER.to_owned(), Type::Info, f)
            };
            let start = evidence.log_ends(image.leader, partition).map_or(0, |ends| ends.log_start);
            if start > 0 {
                self.lines.push(fact(Function::LogStart, Some(start)));
            }
            if let Some(from) = lossy_from(partition) {
                self.lines.push(fact(Function::UncleanElection, Some(from)));
            }
            if partition.partition == 0 && evidence.is_compacted(partition) {
                self.lines.push(Line { partition: None, ..fact(Function::Compacted, None) });
            }
        }
    }

    /// All lines, each with its end.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        Ok(text)
    }

    fn start(&mut self, process: ProcessId, now: Time, names: &Names, evidence: &dyn Evidence) {
        if !self.started.insert(process) {
            return;
        }
        let isolation = evidence.reads_committed(process).then_some(Isolation::ReadCommitted);
        self.lines.push(Line {
            group: evidence.group_of(process).map(str::to_owned),
            isolation,
            ..Line::new(now, names.process(process), Type::Ok, Function::Start)
        });
    }

    /// What one call of `poll()` returns stands in one line.
    fn given(&mut self, line: Line) {
        let is_one = |last: &&mut Line| last.f == line.f && (last.at_us, &last.process) == (line.at_us, &line.process);
        match self.lines.last_mut().filter(is_one).and_then(|last| last.records.as_mut()) {
            Some(records) => records.extend(line.records.into_iter().flatten()),
            None => self.lines.push(line),
        }
    }
}

/// What a client told, and who.
fn line_of(note: &Note, now: Time, names: &Names) -> Option<(ProcessId, Line)> {
    let place = |of: &TopicPartition| Place(names.topic(of.topic).to_owned(), of.partition);
    let line = |process, kind, f| Line::new(now, names.process(process), kind, f);
    let at = |process, of: &TopicPartition, kind, f| {
        let Place(topic, partition) = place(of);
        Line { topic: Some(topic), partition: Some(partition), ..line(process, kind, f) }
    };
    let value = |record: &RecordId| names.record(*record);
    Some(match note {
        Note::Sent { record, partition, key, is_tombstone } => {
            let line = Line {
                value: Some(value(record)),
                key: key.map(|key| key.to_string()),
                tombstone: *is_tombstone,
                ..at(record.producer, partition, Type::Invoke, Function::Send)
            };
            (record.producer, line)
        }
        Note::SendDone { record, partition, outcome } => {
            let (kind, offset, error) = of_outcome(*outcome);
            let line =
                Line { value: Some(value(record)), offset, error, ..at(record.producer, partition, kind, Function::Send) };
            (record.producer, line)
        }
        Note::Transaction { producer, step, .. } => {
            let (kind, f, error) = of_step(*step);
            (*producer, Line { error, ..line(*producer, kind, f) })
        }
        Note::Read { consumer, partition, offset, record } => {
            let Place(topic, partition) = place(partition);
            let records = Some(vec![Given(topic, partition, *offset, record.as_ref().map(value))]);
            (*consumer, Line { records, ..line(*consumer, Type::Ok, Function::Poll) })
        }
        Note::Positioned { consumer, partition, offset, moved } => {
            let why = match moved {
                Moved::First | Moved::Kept => Why::First,
                Moved::Reset { .. } => Why::Reset,
                Moved::Truncated { .. } => Why::Truncated,
                Moved::Committed => Why::Committed,
                Moved::Sought { .. } => Why::Seek,
            };
            let at = at(*consumer, partition, Type::Ok, Function::Position);
            (*consumer, Line { offset: Some(*offset), why: Some(why), ..at })
        }
        Note::Assigned { consumer, generation, partitions } => {
            let partitions = Some(partitions.iter().map(place).collect());
            let line = line(*consumer, Type::Ok, Function::Assign);
            (*consumer, Line { generation: Some(*generation), partitions, ..line })
        }
        Note::Revoked { consumer, partitions, lost } => {
            let kind = if *lost { Type::Info } else { Type::Ok };
            let partitions = Some(partitions.iter().map(place).collect());
            (*consumer, Line { partitions, ..line(*consumer, kind, Function::Revoke) })
        }
        Note::WorkedOn { consumer, partition, from, to } => {
            let at = at(*consumer, partition, Type::Ok, Function::Work);
            (*consumer, Line { offset: Some(*from), to: Some(*to), ..at })
        }
        Note::Committed { consumer, partition, offset } => {
            let Place(topic, partition) = place(partition);
            let offsets = Some(vec![Offset(topic, partition, *offset)]);
            (*consumer, Line { offsets, ..line(*consumer, Type::Ok, Function::Commit) })
        }
        Note::NotCommitted { consumer, error } => {
            let error = Some(error_name(*error));
            (*consumer, Line { error, ..line(*consumer, Type::Fail, Function::Commit) })
        }
        Note::Ordered { admin, order, outcome } => {
            let kind = match outcome {
                OrderOutcome::Given => Type::Invoke,
                OrderOutcome::Done { .. } => Type::Ok,
                OrderOutcome::Refused => Type::Fail,
                OrderOutcome::Unknown => Type::Info,
            };
            let line = line(*admin, kind, Function::ResetOffsets);
            (*admin, of_order(order, line)?)
        }
        // `send()` has not returned, or has failed, so that the record was in no batch; what a client does by itself; the end of a
        // member that goes on as a process.
        Note::SendBlocks { .. }
        | Note::Poisoned { .. }
        | Note::NotSent { .. }
        | Note::SentAgain { .. }
        | Note::BatchRetried { .. }
        | Note::EpochBumped { .. }
        | Note::OutOfRange { .. }
        | Note::Derived { .. }
        | Note::MemberFailed { .. }
        | Note::PollThrew { .. }
        | Note::PollExpired { .. }
        | Note::OffsetsExpired { .. }
        | Note::RegistrationRefused { .. }
        | Note::Administered { .. }
        | Note::TransactionTimedOut { .. }
        // What a cluster does.
        | Note::Served { .. }
        | Note::BecameLeader { .. }
        | Note::BecameFollower { .. }
        | Note::Truncated { .. }
        | Note::TruncatedFully { .. }
        | Note::PartitionChanged { .. }
        | Note::TopicCreated { .. }
        | Note::TopicRefused { .. }
        | Note::TopicDeleted { .. }
        | Note::PartitionsCreated { .. }
        | Note::IsrProposed { .. }
        | Note::Fenced { .. }
        | Note::InControlledShutdown { .. }
        | Note::Registered { .. }
        | Note::Rolled { .. }
        | Note::SegmentsDeleted { .. }
        | Note::RetentionHeldUp { .. }
        | Note::LogRecovered { .. }
        | Note::Halted { .. }
        | Note::StorageWarning { .. }
        | Note::ReplicaFailed { .. }
        | Note::InvalidMessages { .. }
        | Note::Cleaned { .. }
        | Note::Uncleanable { .. }
        | Note::HighWatermark { .. }
        | Note::Appended { .. } => return None,
    })
}

/// The line of an order about a group; `None` of one about a log, which `log-start` tells of.
fn of_order(order: &Order, line: Line) -> Option<Line> {
    let in_partition = |group: &String, (topic, partition): &(String, i32), offset| Line {
        group: Some(group.clone()),
        topic: Some(topic.clone()),
        partition: Some(*partition),
        offset,
        ..line.clone()
    };
    match order {
        Order::SetOffset { group, partition, offset } => Some(in_partition(group, partition, Some(*offset))),
        Order::DeleteOffset { group, partition } => Some(in_partition(group, partition, None)),
        Order::DeleteGroup { group } => Some(Line { group: Some(group.clone()), ..line }),
        Order::DeleteRecords { .. } => None,
    }
}

fn of_outcome(outcome: SendOutcome) -> (Type, Option<i64>, Option<String>) {
    match outcome {
        // Of a duplicate the leader may have forgotten where the first copy is.
        SendOutcome::Acknowledged { offset } => (Type::Ok, (offset >= 0).then_some(offset), None),
        SendOutcome::Unanswered => (Type::Info, None, Some("acks=0".to_owned())),
        SendOutcome::Refused(error) => (Type::Fail, None, Some(error.name())),
        SendOutcome::Unknown(error) => (Type::Info, None, Some(error.name())),
    }
}

/// That a call has failed says of a transaction nothing: it may be committed, until the producer is told that it is aborted.
fn of_step(step: TransactionStep) -> (Type, Function, Option<String>) {
    match step {
        TransactionStep::Begun => (Type::Ok, Function::Begin, None),
        TransactionStep::Commits => (Type::Invoke, Function::CommitTransaction, None),
        TransactionStep::Aborts => (Type::Invoke, Function::AbortTransaction, None),
        TransactionStep::Committed => (Type::Ok, Function::CommitTransaction, None),
        TransactionStep::Aborted => (Type::Ok, Function::AbortTransaction, None),
        TransactionStep::Failed(TransactionError::TimedOut) => {
            (Type::Info, Function::CommitTransaction, Some("TimeoutException (max.block.ms)".to_owned()))
        }
        TransactionStep::Failed(TransactionError::Abortable(error) | TransactionError::Fatal(error)) => {
            (Type::Info, Function::CommitTransaction, Some(error.name()))
        }
    }
}
