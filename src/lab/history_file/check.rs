//! Reads a history file, and holds it against the rules by which runs are checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::line::{
    Function, Given, HistoryError, LINES_MAX, Line, OFFSET_MAX, Offset, PARTITION_MAX, Place, Type, Why,
};
use super::log::{LEADER, LEADER_EPOCH, Seen, places_of};
use crate::lab::check::{Findings, History, Invariants};
use crate::lab::scenario::Finding;
use crate::note::{
    Moved, Note, Order, OrderOutcome, RecordId, SendError, SendOutcome, TransactionError, TransactionStep,
};
use crate::wire::TopicPartition;

/// Errors of a file that are told.
const ERRORS_TOLD: usize = 20;

/// What was found in a history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryReport {
    /// How many lines it has.
    pub lines: u64,
    /// What was found, in the order in which it became true; `at_us` as the file has it.
    pub findings: Vec<Finding>,
    /// How many more causes there were: of one kind and partition a hundred are listed.
    pub more_findings: u64,
}

/// Reads a history and checks it.
///
/// # Errors
/// What is wrong with the file, in the order of its lines: the first twenty.
pub fn check(text: &str) -> Result<HistoryReport, Vec<HistoryError>> {
    let lines = read(text)?;
    let seen = Seen::of(&lines);
    let mut checker = Checker::new(&seen);
    for (number, line) in (1..).zip(&lines) {
        checker.findings.set_instant(line.at_us, number);
        checker.take(line);
    }
    checker.history.finish(&checker.invariants, &seen, &mut checker.findings);
    let finding = |found: &crate::lab::check::Finding| Finding {
        kind: found.kind,
        at_us: found.at_us,
        about: found.about.clone(),
        count: found.count,
        alike: found.alike.clone(),
        allowed: None,
    };
    Ok(HistoryReport {
        lines: lines.len() as u64,
        findings: checker.findings.by_date().into_iter().map(finding).collect(),
        more_findings: checker.findings.left_out(),
    })
}

fn read(text: &str) -> Result<Vec<Line>, Vec<HistoryError>> {
    let mut errors = Vec::new();
    let mut lines = Vec::new();
    let mut calls = Calls::default();
    for (number, text) in (1..).zip(text.lines()) {
        if number > LINES_MAX {
            errors.push(HistoryError { line: number, message: format!("there are more than {LINES_MAX} lines") });
            break;
        }
        let line = serde_json::from_str::<Line>(text).map_err(|error| json_error(&error));
        match line.and_then(|line| calls.check(line, number)) {
            Ok(line) => lines.push(line),
            Err(message) => errors.push(HistoryError { line: number, message }),
        }
        if errors.len() == ERRORS_TOLD {
            break;
        }
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

/// The place within the line is its column: each line is a text of its own to the parser.
fn json_error(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or(&message);
    let what = LISTS.iter().fold(what.to_owned(), |what, (rust, words)| what.replace(rust, words));
    format!("{what}, at column {}; a line is a JSON object such as {EXAMPLE}", error.column())
}

/// What the parser calls the lists in a line, and what is to stand there.
const LISTS: [(&str, &str); 6] = [
    ("tuple struct Given with 4 elements", "a list of topic, partition, offset and value"),
    ("tuple struct Offset with 3 elements", "a list of topic, partition and offset"),
    ("tuple struct Place with 2 elements", "a list of topic and partition"),
    ("tuple struct Given", "a list of topic, partition, offset and value"),
    ("tuple struct Offset", "a list of topic, partition and offset"),
    ("tuple struct Place", "a list of topic and partition"),
];

const EXAMPLE: &str =
    r#"{"at_us":5,"process":"p","type":"ok","f":"send","topic":"t","partition":0,"offset":7,"value":"p-1"}"#;

/// What must hold between the lines of a file.
#[derive(Default)]
struct Calls {
    at_us: u64,
    /// In which line a value was sent.
    sent: BTreeMap<String, usize>,
    /// Values whose call has returned.
    done: BTreeSet<String>,
    /// The groups and settings of processes, with the line that says so.
    started: BTreeMap<String, (Line, usize)>,
}

impl Calls {
    fn check(&mut self, line: Line, number: usize) -> Result<Line, String> {
        if line.at_us < self.at_us {
            return Err(format!("at_us {} lies before that of the line before, {}", line.at_us, self.at_us));
        }
        self.at_us = line.at_us;
        let types = line.f.types();
        if !types.contains(&line.kind) {
            let names: Vec<_> = types.iter().map(|kind| format!("\"{}\"", kind.name())).collect();
            let (f, kind) = (line.f.name(), line.kind.name());
            return Err(format!("a line of f \"{f}\" has no type \"{kind}\", but {}", names.join(" or ")));
        }
        needs(&line)?;
        bounds(&line)?;
        if line.f == Function::Send {
            self.check_send(&line, number)?;
        }
        if line.f == Function::Start {
            self.check_start(&line, number)?;
        }
        Ok(line)
    }

    fn check_send(&mut self, line: &Line, number: usize) -> Result<(), String> {
        let value = line.value.clone().unwrap_or_default();
        if line.kind == Type::Invoke {
            return match self.sent.insert(value.clone(), number) {
                None => Ok(()),
                Some(before) => Err(format!(
                    "the value \"{value}\" was sent in line {before} already; each record needs a value of its own"
                )),
            };
        }
        if !self.sent.contains_key(&value) {
            return Err(format!("nobody has sent \"{value}\": a line of type \"invoke\" comes first"));
        }
        if !self.done.insert(value.clone()) {
            return Err(format!("the call of send() with \"{value}\" has returned in an earlier line"));
        }
        Ok(())
    }

    fn check_start(&mut self, line: &Line, number: usize) -> Result<(), String> {
        let (first, before) = self.started.entry(line.process.clone()).or_insert_with(|| (line.clone(), number));
        if (&first.group, first.isolation) == (&line.group, line.isolation) {
            return Ok(());
        }
        let name = &line.process;
        Err(format!(
            "\"{name}\" begins with another group or isolation.level than in line {before}; give it another name"
        ))
    }
}

/// The fields that a line must have.
fn needs(line: &Line) -> Result<(), String> {
    let fields: &[(&str, bool)] = &[
        ("topic", line.topic.is_some()),
        ("partition", line.partition.is_some()),
        ("offset", line.offset.is_some()),
        ("to", line.to.is_some()),
        ("value", line.value.is_some()),
        ("records", line.records.is_some()),
        ("partitions", line.partitions.is_some()),
        ("offsets", line.offsets.is_some()),
        ("why", line.why.is_some()),
        ("group", line.group.is_some()),
    ];
    let needed: &[&str] = match (line.f, line.kind) {
        (Function::Send, Type::Invoke) => &["topic", "value"],
        (Function::Send, Type::Ok) => &["topic", "partition", "value"],
        (Function::Send, Type::Fail | Type::Info) => &["value"],
        (Function::Poll, _) => &["records"],
        (Function::Position, _) => &["topic", "partition", "offset", "why"],
        (Function::Assign | Function::Revoke, _) => &["partitions"],
        (Function::Work, _) => &["topic", "partition", "offset", "to"],
        (Function::Commit, Type::Ok) => &["offsets"],
        (Function::LogStart | Function::UncleanElection, _) => &["topic", "partition", "offset"],
        (Function::Compacted, _) => &["topic"],
        (Function::ResetOffsets, _) if line.topic.is_some() => &["group", "partition"],
        (Function::ResetOffsets, _) => &["group"],
        (Function::Start | Function::End | Function::Begin, _)
        | (Function::CommitTransaction | Function::AbortTransaction, _)
        | (Function::Commit, Type::Invoke | Type::Fail | Type::Info) => &[],
    };
    let missing = needed.iter().find(|name| !fields.iter().any(|(known, there)| known == *name && *there));
    match missing {
        None => Ok(()),
        Some(name) => {
            let (f, kind) = (line.f.name(), line.kind.name());
            Err(format!("a line of f \"{f}\" and type \"{kind}\" needs the field \"{name}\""))
        }
    }
}

/// Numbers that are none of Kafka's, or more than is read here.
fn bounds(line: &Line) -> Result<(), String> {
    if let Some((_, partition)) = places_of(line).find(|(_, partition)| !(0..=PARTITION_MAX).contains(partition)) {
        return Err(format!("partition {partition} is not one from 0 to {PARTITION_MAX}"));
    }
    if let Some((topic, _)) = places_of(line).find(|(topic, _)| topic.is_empty()) {
        return Err(format!("a topic is called \"{topic}\"; a name has a letter"));
    }
    let given = line.records.iter().flatten().map(|Given(_, _, offset, _)| *offset);
    let committed = line.offsets.iter().flatten().map(|Offset(_, _, offset)| *offset);
    let mut offsets = line.offset.into_iter().chain(line.to).chain(given).chain(committed);
    match offsets.find(|offset| !(0..=OFFSET_MAX).contains(offset)) {
        Some(offset) => Err(format!("offset {offset} is not one from 0 to {OFFSET_MAX}")),
        None => Ok(()),
    }
}

/// The checkers of runs, told what a file tells.
struct Checker<'s> {
    seen: &'s Seen,
    history: History,
    invariants: Invariants,
    findings: Findings,
    /// How many records each producer has sent, and where it has a transaction.
    sent: BTreeMap<u32, u64>,
    /// Where each consumer is.
    positions: BTreeSet<(u32, TopicPartition)>,
    /// Groups that have been somewhere in a partition.
    groups: BTreeSet<(String, TopicPartition)>,
}

impl<'s> Checker<'s> {
    fn new(seen: &'s Seen) -> Self {
        let mut checker = Self {
            seen,
            history: History::default(),
            invariants: Invariants::default(),
            findings: Findings::default(),
            sent: BTreeMap::new(),
            positions: BTreeSet::new(),
            groups: BTreeSet::new(),
        };
        for partition in seen.partitions() {
            checker.tell(Note::BecameLeader {
                broker: LEADER,
                partition,
                leader_epoch: LEADER_EPOCH,
                log_end_offset: 0,
                high_watermark: 0,
            });
        }
        for (partition, from) in &seen.lossy_from {
            checker.invariants.may_have_lost(*partition, *from);
        }
        checker
    }

    fn tell(&mut self, note: Note) {
        self.history.observe(&note, self.seen, &mut self.findings);
    }

    fn take(&mut self, line: &Line) {
        let process = self.seen.process(&line.process);
        let place = |line: &Line| {
            let topic = line.topic.as_deref()?;
            Some(self.seen.place(topic, line.partition.unwrap_or(0)))
        };
        match line.f {
            // Who it is was learnt before.
            Function::Start => {}
            Function::End => {
                self.history.ended(process, self.findings.now());
                self.positions.retain(|(of, _)| *of != process);
            }
            Function::Send => self.send(process, line),
            Function::Poll => self.poll(process, line.records.iter().flatten()),
            Function::Position => {
                if let (Some(of), Some(offset)) = (place(line), line.offset) {
                    self.moved(process, of, offset, moved(line.why, offset));
                }
            }
            Function::Assign => {
                let partitions = self.places(line);
                let generation = line.generation.unwrap_or(0);
                self.tell(Note::Assigned { consumer: process, generation, partitions });
            }
            Function::Revoke => {
                let partitions = self.places(line);
                partitions.iter().for_each(|of| _ = self.positions.remove(&(process, *of)));
                self.tell(Note::Revoked { consumer: process, partitions, lost: line.kind == Type::Info });
            }
            Function::Work => {
                if let (Some(partition), Some(from), Some(to)) = (place(line), line.offset, line.to) {
                    self.tell(Note::WorkedOn { consumer: process, partition, from, to: to.max(from) });
                }
            }
            Function::Commit if line.kind == Type::Ok => {
                for Offset(topic, partition, offset) in line.offsets.iter().flatten() {
                    let partition = self.seen.place(topic, *partition);
                    self.tell(Note::Committed { consumer: process, partition, offset: *offset });
                }
            }
            // The group goes on where it was, or nobody knows.
            Function::Commit => {}
            Function::Begin => self.step(process, TransactionStep::Begun),
            Function::CommitTransaction => self.step(process, step(line.kind, true)),
            Function::AbortTransaction => self.step(process, step(line.kind, false)),
            Function::ResetOffsets => self.ordered(process, line),
            // These were learnt before, for they hold of the whole file.
            Function::LogStart | Function::UncleanElection | Function::Compacted => {}
        }
    }

    fn ordered(&mut self, admin: u32, line: &Line) {
        // The reader of the file has seen to it.
        let Some(group) = line.group.clone() else { return };
        let order = match (line.topic.clone().zip(line.partition), line.offset) {
            (Some(partition), Some(offset)) => Order::SetOffset { group, partition, offset },
            (Some(partition), None) => Order::DeleteOffset { group, partition },
            (None, _) => Order::DeleteGroup { group },
        };
        let outcome = match line.kind {
            Type::Invoke => OrderOutcome::Given,
            Type::Ok => OrderOutcome::Done { log_start: -1 },
            Type::Fail => OrderOutcome::Refused,
            Type::Info => OrderOutcome::Unknown,
        };
        self.tell(Note::Ordered { admin, order, outcome });
    }

    fn places(&self, line: &Line) -> Vec<TopicPartition> {
        let named = line.partitions.iter().flatten();
        named.map(|Place(topic, partition)| self.seen.place(topic, *partition)).collect()
    }

    fn step(&mut self, producer: u32, step: TransactionStep) {
        let first = self.sent.get(&producer).copied().unwrap_or(0);
        self.tell(Note::Transaction { producer, first, step });
    }

    fn send(&mut self, process: u32, line: &Line) {
        let record = line.value.as_deref().and_then(|value| self.seen.record(value));
        // The reader of the file has seen to it.
        let Some(record) = record else { return };
        let topic = line.topic.as_deref().map(|topic| self.seen.place(topic, line.partition.unwrap_or(0)));
        let partition = topic.filter(|_| line.partition.is_some()).or(self.seen.place_of(record)).or(topic);
        // A refusal may name no topic where its call did.
        let Some(partition) = partition else { return };
        let outcome = match line.kind {
            Type::Invoke => {
                self.sent.insert(process, record.number + 1);
                let key = line.key.as_deref().map(digest);
                return self.tell(Note::Sent { record, partition, key, is_tombstone: line.tombstone });
            }
            Type::Ok => SendOutcome::Acknowledged { offset: line.offset.unwrap_or(-1) },
            Type::Fail => SendOutcome::Refused(UNNAMED),
            Type::Info => SendOutcome::Unknown(UNNAMED),
        };
        self.tell(Note::SendDone { record, partition, outcome });
    }

    fn poll<'l>(&mut self, consumer: u32, given: impl Iterator<Item = &'l Given>) {
        for Given(topic, partition, offset, value) in given {
            let of = self.seen.place(topic, *partition);
            let record: Option<RecordId> = value.as_deref().and_then(|value| self.seen.record(value));
            if !self.positions.contains(&(consumer, of)) {
                let group = self.seen_group(consumer);
                let is_known = group.is_none_or(|group| self.groups.contains(&(group, of)));
                self.moved(consumer, of, *offset, if is_known { Moved::Committed } else { Moved::First });
            }
            let note = Note::Read { consumer, partition: of, offset: *offset, record };
            self.history.observe(&note, self.seen, &mut self.findings);
            self.invariants.observe(&note, self.seen, &mut self.findings);
            if !self.seen.tells_work(consumer) {
                self.tell(Note::WorkedOn { consumer, partition: of, from: *offset, to: offset + 1 });
            }
        }
    }

    fn seen_group(&self, consumer: u32) -> Option<String> {
        use crate::lab::check::Evidence;
        self.seen.group_of(consumer).map(str::to_owned)
    }

    fn moved(&mut self, consumer: u32, partition: TopicPartition, offset: i64, moved: Moved) {
        self.positions.insert((consumer, partition));
        if let Some(group) = self.seen_group(consumer) {
            self.groups.insert((group, partition));
        }
        self.tell(Note::Positioned { consumer, partition, offset, moved });
    }
}

/// Which error it was makes no difference to what is promised.
const UNNAMED: SendError = SendError::Expired;

fn moved(why: Option<Why>, offset: i64) -> Moved {
    match why {
        Some(Why::Reset) => Moved::Reset { before: offset, in_former: false, policy: "auto.offset.reset" },
        Some(Why::Truncated) => Moved::Truncated { before: offset, in_former: false },
        Some(Why::Committed) => Moved::Committed,
        Some(Why::Seek) => Moved::Sought { before: offset },
        Some(Why::First) | None => Moved::First,
    }
}

fn step(kind: Type, commits: bool) -> TransactionStep {
    match (kind, commits) {
        (Type::Invoke, true) => TransactionStep::Commits,
        (Type::Invoke, false) => TransactionStep::Aborts,
        (Type::Ok, true) => TransactionStep::Committed,
        (Type::Ok, false) => TransactionStep::Aborted,
        // A call that has certainly not committed says so: the transaction is aborted, or will be.
        (Type::Fail, true) => TransactionStep::Aborted,
        // It is not known what came of it.
        (Type::Fail, false) | (Type::Info, _) => TransactionStep::Failed(TransactionError::TimedOut),
    }
}

/// Keys are told apart by a number.
fn digest(key: &str) -> u64 {
    key.parse().unwrap_or_else(|_| u64::from(crc32c::crc32c(key.as_bytes())) | 1 << 63)
}
