//! The cluster behind a history file, as far as clients have seen it.
//!
//! A partition's log is what readers were given, and of the offsets that no reader went past what producers were told: what nobody has
//! looked at is assumed to be there. So the file's checker finds less than that of a run, which knows the logs, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Function, Given, Isolation, Line, Offset, Place, Type};
use crate::lab::check::{BatchMark, Evidence, LogEnds, RecordMark, Stored};
use crate::note::RecordId;
use crate::settings::AutoOffsetReset;
use crate::wire::{ClusterImage, PartitionImage, TopicImage, TopicPartition};

/// Who leads everything.
pub(super) const LEADER: i32 = 1;
pub(super) const LEADER_EPOCH: i32 = 0;

/// What is known of a process.
#[derive(Debug, Default)]
struct Process {
    group: Option<String>,
    reads_committed: bool,
}

/// What is known of a partition.
#[derive(Debug, Default)]
struct Log {
    /// What somebody was given at each offset, last.
    read: BTreeMap<i64, Option<RecordId>>,
    /// What producers were told.
    told: BTreeMap<i64, RecordId>,
    /// Records that producers were told of without an offset.
    somewhere: BTreeSet<RecordId>,
    /// Offsets that readers went past, from and to, apart and in order.
    passed: Vec<(i64, i64)>,
    start: i64,
    end: i64,
}

impl Log {
    fn pass(&mut self, from: i64, to: i64) {
        let (mut from, mut to) = (from, to);
        self.passed.retain(|(start, end)| {
            let touches = *start <= to && from <= *end;
            if touches {
                (from, to) = (from.min(*start), to.max(*end));
            }
            !touches
        });
        self.passed.push((from, to));
    }

    fn was_passed(&self, offset: i64) -> bool {
        self.passed.iter().any(|(from, to)| (*from..*to).contains(&offset))
    }

    /// What is at an offset, as far as anybody knows.
    fn at(&self, offset: i64) -> Option<Option<RecordId>> {
        let told = || self.told.get(&offset).filter(|_| !self.was_passed(offset)).map(|record| Some(*record));
        self.read.get(&offset).copied().or_else(told)
    }
}

/// The names in a file, and what its clients saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    processes: Vec<String>,
    known: Vec<Process>,
    by_name: BTreeMap<String, u32>,
    values: BTreeMap<String, RecordId>,
    names: BTreeMap<RecordId, String>,
    logs: BTreeMap<TopicPartition, Log>,
    topics: BTreeMap<String, u32>,
    image: ClusterImage,
    /// The partition of records, where any line tells it.
    places: BTreeMap<RecordId, TopicPartition>,
    /// Groups whose members tell when they have worked on something.
    working: BTreeSet<String>,
    pub(super) lossy_from: BTreeMap<TopicPartition, i64>,
}

impl Seen {
    /// What all lines of a file together say.
    pub(super) fn of(lines: &[Line]) -> Self {
        let mut seen = Self::default();
        let mut compacted = BTreeSet::new();
        for line in lines {
            seen.learn_names(line, &mut compacted);
        }
        seen.make_image(&compacted);
        let mut positions = BTreeMap::new();
        for line in lines {
            seen.learn(line, &mut positions);
        }
        seen
    }

    fn learn_names(&mut self, line: &Line, compacted: &mut BTreeSet<String>) {
        let process = self.learn_process(&line.process);
        if line.f == Function::Start {
            let known = &mut self.known[process as usize];
            known.group = known.group.take().or_else(|| line.group.clone());
            known.reads_committed |= line.isolation == Some(Isolation::ReadCommitted);
        }
        if line.f == Function::Work
            && let Some(group) = self.known[process as usize].group.clone()
        {
            self.working.insert(group);
        }
        if line.f == Function::Compacted {
            compacted.extend(line.topic.clone());
        }
        if (line.kind, line.f) == (Type::Invoke, Function::Send)
            && let Some(value) = &line.value
        {
            let number = self.names.range(first_of(process)..first_of(process + 1)).count() as u64;
            let record = RecordId { producer: process, number };
            self.values.insert(value.clone(), record);
            self.names.insert(record, value.clone());
        }
        for (topic, partition) in places_of(line) {
            self.learn_place(topic, partition);
        }
    }

    fn learn_process(&mut self, name: &str) -> u32 {
        if let Some(known) = self.by_name.get(name) {
            return *known;
        }
        let process = self.processes.len() as u32;
        self.processes.push(name.to_owned());
        self.known.push(Process::default());
        self.by_name.insert(name.to_owned(), process);
        process
    }

    fn learn_place(&mut self, topic: &str, partition: i32) {
        let number = match self.topics.get(topic) {
            Some(known) => *known,
            None => {
                let number = self.topics.len() as u32;
                self.topics.insert(topic.to_owned(), number);
                number
            }
        };
        self.logs.entry(TopicPartition { topic: number, partition }).or_default();
    }

    fn make_image(&mut self, compacted: &BTreeSet<String>) {
        let mut by_number: Vec<(&String, u32)> = self.topics.iter().map(|(name, number)| (name, *number)).collect();
        by_number.sort_by_key(|(_, number)| *number);
        let topics = by_number.into_iter().map(|(name, number)| {
            let of_topic = self.logs.keys().filter(|it| it.topic == number);
            let count = of_topic.map(|it| it.partition + 1).max().unwrap_or(1);
            let policy = compacted.contains(name).then(|| ("cleanup.policy".to_owned(), "compact".to_owned()));
            TopicImage {
                id: uuid::Uuid::from_u128(u128::from(number) + 1),
                name: name.clone(),
                partitions: (0..count).map(|_| partition()).collect(),
                config: policy.into_iter().collect(),
            }
        });
        self.image = ClusterImage { topics: topics.collect(), ..ClusterImage::default() };
    }

    fn learn(&mut self, line: &Line, positions: &mut BTreeMap<(u32, TopicPartition), i64>) {
        let process = self.process(&line.process);
        for Given(topic, partition, offset, value) in line.records.iter().flatten() {
            let of = self.place(topic, *partition);
            let record = value.as_ref().and_then(|value| self.values.get(value)).copied();
            if let Some(record) = record {
                self.places.entry(record).or_insert(of);
            }
            let from = positions.insert((process, of), offset + 1).unwrap_or(*offset).min(*offset);
            let log = self.log(of);
            log.pass(from, offset + 1);
            log.read.insert(*offset, record);
            log.end = log.end.max(offset + 1);
        }
        for Offset(topic, partition, offset) in line.offsets.iter().flatten() {
            let of = self.place(topic, *partition);
            self.log(of).end = self.log(of).end.max(*offset);
        }
        for Place(topic, partition) in line.partitions.iter().flatten().filter(|_| line.f == Function::Revoke) {
            positions.remove(&(process, self.place(topic, *partition)));
        }
        if line.f == Function::End {
            positions.retain(|(of, _), _| *of != process);
        }
        // It is about no partition alone.
        let (Some(topic), Some(partition)) = (&line.topic, line.partition) else { return };
        let of = self.place(topic, partition);
        let record = line.value.as_ref().and_then(|value| self.values.get(value)).copied();
        if let Some(record) = record {
            self.places.insert(record, of);
        }
        match (line.f, line.kind, line.offset, record) {
            (Function::Send, Type::Ok, Some(offset), Some(record)) => {
                let log = self.log(of);
                log.told.insert(offset, record);
                log.end = log.end.max(offset + 1);
            }
            (Function::Send, Type::Ok, None, Some(record)) => _ = self.log(of).somewhere.insert(record),
            (Function::Position, _, Some(offset), _) => _ = positions.insert((process, of), offset),
            (Function::LogStart, _, Some(offset), _) => self.log(of).start = self.log(of).start.max(offset),
            (Function::UncleanElection, _, Some(offset), _) => _ = self.lossy_from.insert(of, offset),
            // It says nothing of a log.
            (..) => {}
        }
    }

    fn log(&mut self, of: TopicPartition) -> &mut Log {
        self.logs.entry(of).or_default()
    }

    pub(super) fn process(&self, name: &str) -> u32 {
        self.by_name.get(name).copied().expect("all names were learnt")
    }

    pub(super) fn place(&self, topic: &str, partition: i32) -> TopicPartition {
        TopicPartition { topic: self.topics.get(topic).copied().expect("all names were learnt"), partition }
    }

    pub(super) fn record(&self, value: &str) -> Option<RecordId> {
        self.values.get(value).copied()
    }

    /// Where a record went, as far as any line tells.
    pub(super) fn place_of(&self, record: RecordId) -> Option<TopicPartition> {
        self.places.get(&record).copied()
    }

    /// Whether a consumer's work is told apart from what it was given.
    pub(super) fn tells_work(&self, process: u32) -> bool {
        self.group_of(process).is_some_and(|group| self.working.contains(group))
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        self.logs.keys().copied()
    }
}

/// The first record that a process could send.
fn first_of(process: u32) -> RecordId {
    RecordId { producer: process, number: 0 }
}

fn partition() -> PartitionImage {
    PartitionImage {
        replicas: vec![LEADER],
        isr: vec![LEADER],
        elr: Vec::new(),
        last_known_elr: Vec::new(),
        leader: LEADER,
        leader_epoch: LEADER_EPOCH,
        partition_epoch: 0,
        recovering: false,
    }
}

/// All partitions that a line names; of a topic alone its first.
pub(super) fn places_of(line: &Line) -> impl Iterator<Item = (&str, i32)> {
    let own = line.topic.iter().map(|topic| (topic.as_str(), line.partition.unwrap_or(0)));
    let given = line.records.iter().flatten().map(|Given(topic, partition, ..)| (topic.as_str(), *partition));
    let named = line.partitions.iter().flatten().map(|Place(topic, partition)| (topic.as_str(), *partition));
    let committed = line.offsets.iter().flatten().map(|Offset(topic, partition, _)| (topic.as_str(), *partition));
    own.chain(given).chain(named).chain(committed)
}

impl Evidence for Seen {
    fn image(&self) -> &ClusterImage {
        &self.image
    }

    fn knows_logs(&self) -> bool {
        false
    }

    fn is_running(&self, _broker: i32) -> bool {
        true
    }

    fn incarnation(&self, _broker: i32) -> u32 {
        0
    }

    fn log_ends(&self, _broker: i32, partition: TopicPartition) -> Option<LogEnds> {
        let log = self.logs.get(&partition)?;
        // Behind the end are those of which nobody knows where they are.
        let log_end = log.end + log.somewhere.len() as i64;
        Some(LogEnds { log_start: log.start, high_watermark: log.end, log_end })
    }

    fn batches(&self, _: i32, _: TopicPartition, _: i64, _: i64, _: &mut dyn FnMut(BatchMark)) {}

    fn records(
        &self,
        _broker: i32,
        partition: TopicPartition,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(Stored<(i64, Option<RecordId>)>),
    ) {
        // Nobody has seen anything of it.
        let Some(log) = self.logs.get(&partition) else { return };
        let offsets: BTreeSet<i64> = if from < to {
            log.read.range(from..to).map(|(at, _)| *at).chain(log.told.range(from..to).map(|(at, _)| *at)).collect()
        } else {
            BTreeSet::new()
        };
        for offset in offsets {
            if let Some(record) = log.at(offset) {
                visit(Stored::Record((offset, record)));
            }
        }
        for (offset, record) in (log.end..).zip(&log.somewhere).filter(|(offset, _)| (from..to).contains(offset)) {
            visit(Stored::Record((offset, Some(*record))));
        }
    }

    fn record_marks(&self, _: i32, _: TopicPartition, _: i64, _: i64, _: &mut dyn FnMut(Stored<RecordMark>)) {}

    fn elects_unclean(&self, partition: TopicPartition) -> bool {
        self.lossy_from.contains_key(&partition)
    }

    fn wall_ms(&self, _broker: i32) -> i64 {
        0
    }

    fn waits_for_all(&self, _producer: u32) -> bool {
        false
    }

    fn auto_offset_reset(&self, _consumer: u32) -> AutoOffsetReset {
        AutoOffsetReset::Latest
    }

    fn reads_committed(&self, consumer: u32) -> bool {
        self.known.get(consumer as usize).is_some_and(|known| known.reads_committed)
    }

    fn group_of(&self, consumer: u32) -> Option<&str> {
        self.known.get(consumer as usize)?.group.as_deref()
    }

    fn written_by(&self, _producer: u32) -> Option<(String, TopicPartition)> {
        None
    }

    fn record_name(&self, record: RecordId) -> String {
        self.names.get(&record).cloned().unwrap_or_else(|| "a record".to_owned())
    }

    fn process_name(&self, process: u32) -> String {
        self.processes.get(process as usize).cloned().unwrap_or_default()
    }
}
