//! The turning points of a run: what is worth a line in a story of it, and where a person stops when stepping through it.

use super::names::Names;
use crate::log::Recovered;
use crate::log::segment::{Cut, Damage};
use crate::note::{FollowerState, Note};
use crate::sim::process::ProcessId;
use crate::wire::{CONTROLLER_PROCESS, TopicPartition};

/// What kind of turning point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotableKind {
    /// A fault or a command that breaks something.
    Fault,
    /// A fault's or command's end: a restart, a resumption, a heal.
    Repair,
    /// A leader was elected or lost.
    Election,
    /// The ISR shrank or grew.
    Isr,
    /// A broker registered, was fenced or unfenced.
    Registration,
    /// A log was truncated.
    Truncation,
    /// A log was compacted.
    Compaction,
    /// A log rolled, lost its oldest segments or was recovered.
    Storage,
    /// A client was told of an error, or a broker met one of its own.
    Error,
    /// A checker found something.
    Finding,
}

/// Whom a turning point is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A process.
    Process(ProcessId),
    /// A partition.
    Partition(TopicPartition),
    /// A link.
    Link(ProcessId, ProcessId),
}

/// What a timer found missing: requests of one kind from one process to another. The event of such a turning point is
/// a timer, which does not say why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Who has not been heard.
    pub of: ProcessId,
    /// By whom.
    pub towards: ProcessId,
    /// The request's API.
    pub api: &'static str,
}

/// One turning point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notable {
    /// The number of its event.
    pub event: u64,
    /// When.
    pub time: u64,
    /// What kind.
    pub kind: NotableKind,
    /// A sentence.
    pub text: String,
    /// Whom it is about.
    pub about: Vec<Subject>,
    /// What was missing, where a timer brought it about.
    pub silence: Option<Silence>,
}

/// The turning point that a note tells of, if it does.
#[must_use]
pub fn of_note(note: &Note, names: &Names) -> Option<(NotableKind, String, Vec<Subject>)> {
    let broker_process = |id: i32| names.broker(id).map(Subject::Process);
    match note {
        Note::SendDone { record, partition, outcome } => {
            let text = super::node::send_error(*outcome)?;
            let about = vec![Subject::Process(record.producer), Subject::Partition(*partition)];
            Some((NotableKind::Error, format!("{}: {text}", names.record(*record)), about))
        }
        Note::PartitionChanged { partition, leader, leader_epoch, isr, leader_before, isr_before, unclean } => {
            let name = names.partition(*partition);
            let about = std::iter::once(Subject::Partition(*partition)).chain(broker_process(*leader)).collect();
            if leader != leader_before {
                let how = if *unclean { "unclean: " } else { "" };
                let text = match leader {
                    -1 => format!("{name} has no leader, ISR {isr:?}"),
                    _ => format!("{how}broker {leader} leads {name} in epoch {leader_epoch}, ISR {isr:?}"),
                };
                return Some((NotableKind::Election, text, about));
            }
            (isr != isr_before)
                .then(|| (NotableKind::Isr, format!("the ISR of {name} went from {isr_before:?} to {isr:?}"), about))
        }
        Note::IsrProposed { broker, partition, isr_before, isr, high_watermark, log_end_offset, changed } => {
            let name = names.partition(*partition);
            let about = std::iter::once(Subject::Partition(*partition))
                .chain(broker_process(*broker))
                .chain(changed.iter().filter_map(|follower| broker_process(follower.broker)))
                .collect();
            let shrinks = isr.len() < isr_before.len();
            let changed: Vec<String> = changed
                .iter()
                .map(|follower| if shrinks { late(follower, *log_end_offset) } else { back(follower, *high_watermark) })
                .collect();
            let verb = if shrinks { "shrink" } else { "expand" };
            let text = format!(
                "broker {broker} asks to {verb} the ISR of {name} from {isr_before:?} to {isr:?}: {}",
                changed.join(", ")
            );
            Some((NotableKind::Isr, text, about))
        }
        Note::Fenced { broker, fenced } => {
            let what = if *fenced { "fenced" } else { "unfenced" };
            let about = broker_process(*broker).into_iter().collect();
            Some((NotableKind::Registration, format!("broker {broker} is {what}"), about))
        }
        Note::Registered { broker, broker_epoch } => {
            let about = broker_process(*broker).into_iter().collect();
            Some((NotableKind::Registration, format!("broker {broker} is registered with epoch {broker_epoch}"), about))
        }
        Note::Truncated { broker, partition, from, to } => {
            let text = format!("broker {broker} cuts {} from {from} to {to}", names.partition(*partition));
            let about = std::iter::once(Subject::Partition(*partition)).chain(broker_process(*broker)).collect();
            Some((NotableKind::Truncation, text, about))
        }
        Note::Rolled { broker, partition, base_offset } => {
            let text = format!("broker {broker} rolled {}: new segment at {base_offset}", names.partition(*partition));
            Some((NotableKind::Storage, text, about(*partition, *broker, names)))
        }
        Note::SegmentsDeleted { broker, partition, segments, from, to } => {
            let name = names.partition(*partition);
            let segments = counted(*segments, "segment");
            // A log start offset that moved before leaves segments behind it.
            let text = if from == to {
                format!("broker {broker} deleted {segments} of {name} before its log start offset {to}")
            } else {
                format!(
                    "broker {broker} deleted {segments} of {name} by retention: log start offset from {from} to {to}"
                )
            };
            Some((NotableKind::Storage, text, about(*partition, *broker, names)))
        }
        Note::LogRecovered { broker, partition, recovery_point, log_end_offset, recovered } => {
            let name = names.partition(*partition);
            let did = recovery(recovered, *recovery_point);
            let text = format!("broker {broker} opened {name}: {did}; log end offset {log_end_offset}");
            Some((NotableKind::Storage, text, about(*partition, *broker, names)))
        }
        Note::Halted { broker, why } => Some((
            NotableKind::Error,
            format!("broker {broker} halts: {why}"),
            broker_process(*broker).into_iter().collect(),
        )),
        Note::StorageWarning { broker, why } => Some((
            NotableKind::Error,
            format!("broker {broker} warns: {why}"),
            broker_process(*broker).into_iter().collect(),
        )),
        Note::ReplicaFailed { broker, partition, why } => {
            let text = format!("broker {broker} leaves its replica of {} alone: {why}", names.partition(*partition));
            Some((NotableKind::Error, text, about(*partition, *broker, names)))
        }
        Note::InvalidMessages { broker, partition, offset, why } => {
            let name = names.partition(*partition);
            let text =
                format!("broker {broker} found invalid messages during fetch of {name} at offset {offset}: {why}");
            Some((NotableKind::Error, text, about(*partition, *broker, names)))
        }
        Note::OutOfRange { consumer, partition, offset } => {
            let (consumer_name, name) = (names.process(*consumer), names.partition(*partition));
            let text = format!("{consumer_name} asked for offset {offset} of {name}: OFFSET_OUT_OF_RANGE");
            Some((NotableKind::Error, text, vec![Subject::Process(*consumer), Subject::Partition(*partition)]))
        }
        Note::Cleaned { broker, partition, from, to, messages_read, messages_written } => {
            let text = format!(
                "broker {broker} cleaned {}, dirty from {from} to {to}: {messages_written} of {messages_read} records stay",
                names.partition(*partition)
            );
            let about = std::iter::once(Subject::Partition(*partition)).chain(broker_process(*broker)).collect();
            Some((NotableKind::Compaction, text, about))
        }
        Note::Uncleanable { broker, partition, exception } => {
            let name = names.partition(*partition);
            let text = format!("broker {broker} cannot clean {name} ({exception}) and leaves it alone");
            let about = std::iter::once(Subject::Partition(*partition)).chain(broker_process(*broker)).collect();
            Some((NotableKind::Error, text, about))
        }
        _ => None,
    }
}

/// What was missing where a note tells of a timer that found it.
#[must_use]
pub fn silence_of_note(note: &Note, names: &Names) -> Option<Silence> {
    match note {
        Note::Fenced { broker, fenced: true } => {
            Some(Silence { of: names.broker(*broker)?, towards: CONTROLLER_PROCESS, api: "BrokerHeartbeat" })
        }
        Note::IsrProposed { broker, isr_before, isr, changed, .. } if isr.len() < isr_before.len() => {
            let late = changed.first()?.broker;
            Some(Silence { of: names.broker(late)?, towards: names.broker(*broker)?, api: "Fetch" })
        }
        _ => None,
    }
}

fn about(partition: TopicPartition, broker: i32, names: &Names) -> Vec<Subject> {
    std::iter::once(Subject::Partition(partition)).chain(names.broker(broker).map(Subject::Process)).collect()
}

fn counted(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// What opening a log had to do, after the words of Kafka's `LogLoader` and `LogSegment.recover`.
fn recovery(recovered: &Recovered, recovery_point: i64) -> String {
    let mut did = Vec::new();
    if !recovered.rebuilt.is_empty() {
        did.push(format!("no offset index for segments {:?}, index files rebuilt", recovered.rebuilt));
    }
    if recovered.checked > 0 {
        let checked = counted(recovered.checked, "unflushed segment");
        did.push(format!("{checked} recovered from recovery point {recovery_point}"));
    }
    for Cut { base_offset, position, bytes, damage } in &recovered.cuts {
        let why = match damage {
            Damage::Torn => "a torn batch",
            Damage::Checksum => "a batch whose CRC does not match",
        };
        did.push(format!("truncated {bytes} bytes of segment {base_offset} at position {position}: {why}"));
    }
    did.join(", ")
}

fn late(follower: &FollowerState, leader_end: i64) -> String {
    let FollowerState { broker, log_end_offset, caught_up_at } = follower;
    let seconds = format!("{}.{:03} s", caught_up_at / 1_000_000, caught_up_at / 1_000 % 1_000);
    match log_end_offset {
        -1 => format!("broker {broker} has not fetched in this leader epoch"),
        end => format!("broker {broker} ends at {end} of {leader_end} and was caught up last at {seconds}"),
    }
}

fn back(follower: &FollowerState, high_watermark: i64) -> String {
    let FollowerState { broker, log_end_offset, .. } = follower;
    format!("broker {broker} ends at {log_end_offset} and has reached the high watermark {high_watermark}")
}
