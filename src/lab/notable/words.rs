//! What a person reads of a note, in Kafka's words.

use kafka_protocol::ResponseError;

use super::known::Known;
use crate::lab::names::Names;
use crate::lab::units::{seconds, shortened};
use crate::log::Recovered;
use crate::log::partition_metadata::uuid_text;
use crate::log::segment::{Cut, Damage};
use crate::note::{
    Elected, FollowerState, Moved, Note, Order, OrderOutcome, PollError, SendError, SendOutcome, TransactionError,
    TransactionStep, WaitsFor,
};
use crate::wire::{TopicPartition, commit_exception_of, error_name, exception_of};

/// How a leader was elected, where that is worth a word.
pub(in crate::lab) fn how_elected(elected: Elected) -> &'static str {
    match elected {
        Elected::InSync | Elected::Nobody => "",
        Elected::Eligible => "from the eligible leader replicas: ",
        Elected::LastKnown => "last known leader: ",
        Elected::Unclean => "unclean: ",
    }
}

/// What follows for groups and transactions when internal partitions are led by another broker, or by nobody.
pub(in crate::lab) fn coordinates(leader: i32, partitions: &[TopicPartition], names: &Names) -> String {
    let coordinated = names.coordinated_in(partitions);
    match (coordinated.is_empty(), leader) {
        (true, _) => String::new(),
        (false, -1) => format!("; nobody coordinates {}", shortened(coordinated)),
        (false, leader) => format!("; broker {leader} coordinates {}", shortened(coordinated)),
    }
}

/// Why offsets are not committed, with the exception where that is another one than the error's.
pub(in crate::lab) fn commit_error(error: i16) -> String {
    let (name, exception) = (error_name(error), commit_exception_of(error));
    if exception == exception_of(error) { name } else { format!("{exception} ({name})") }
}

/// A log that is cut, and what goes with it.
pub(super) fn of_cut(note: &Note, acknowledged: u64, names: &Names) -> String {
    let of_them = match acknowledged {
        0 => "nothing acknowledged is among them that the leader lacks".to_owned(),
        count => format!("{count} of them acknowledged, and not in the leader's log"),
    };
    format!("{}: {of_them}", of_note(note, names))
}

/// What is known of something beside what its note tells, in a sentence.
pub(super) fn weighed(note: &Note, known: &Known, names: &Names) -> String {
    match (note, known) {
        (Note::Ordered { order, .. }, Known::Committed(places)) => {
            let moves = places.iter().map(|(of, before, end)| moved_by(order, &names.partition(*of), (*before, *end)));
            moves.collect::<Vec<_>>().join("; ")
        }
        (Note::Positioned { consumer, partition, offset, moved }, Known::LogEnd(end)) => {
            let (consumer, partition) = (names.process(*consumer), names.partition(*partition));
            reset_from_beyond(&consumer, &partition, (*offset, *moved), *end)
        }
        (note, Known::TornTime { base, says_ms, youngest_ms }) => {
            let by = youngest_ms - says_ms;
            format!(
                "{}. A power loss has torn the time index of segment {base}, which lies below the recovery point, so that it is not made \
                 anew: it ends with timestamp {says_ms}, and retention.ms counts from there, {by} ms before its youngest record",
                of_note(note, names)
            )
        }
        (note, Known::Committed(_) | Known::LogEnd(_)) => of_note(note, names),
    }
}

/// What an order does to a group that was at `before`.
fn moved_by(order: &Order, partition: &str, (before, end): (i64, i64)) -> String {
    match order {
        Order::SetOffset { group, offset, .. } => {
            let effect = match *offset {
                to if to > end => format!("that is beyond the end of its log, {end}"),
                to if to > before => format!("{} are skipped", offsets(before, to)),
                to if to < before => format!("{} are read again", offsets(to, before)),
                _ => "nothing is skipped".to_owned(),
            };
            format!("group {group} was at offset {before} of {partition} and goes on at {offset}: {effect}")
        }
        Order::DeleteOffset { group, .. } | Order::DeleteGroup { group } => format!(
            "group {group} was at offset {before} of {partition}: whoever gets it begins where auto.offset.reset says"
        ),
        // No group is moved by it: a reader that is behind resets its position.
        Order::DeleteRecords { .. } => String::new(),
    }
}

/// What a reset does to a consumer whose offset lay beyond the end of the log.
fn reset_from_beyond(consumer: &str, partition: &str, (to, moved): (i64, Moved), end: i64) -> String {
    // Nothing else goes by `auto.offset.reset`.
    let Moved::Reset { before, policy, .. } = moved else { return moved_to(consumer, partition, to, moved) };
    let effect =
        if to < end { format!("{} are read", offsets(to, end)) } else { "nothing is there to be read".to_owned() };
    format!(
        "{consumer} resets its position in {partition} from {before}, beyond the end of its log, {end}, to {to} \
         (auto.offset.reset={policy}): {effect}"
    )
}

fn offsets(from: i64, end: i64) -> String {
    format!("offsets {from} to {}, {} in all,", end - 1, end - from)
}

/// A note in a sentence that names whom it is about.
pub(super) fn of_note(note: &Note, names: &Names) -> String {
    match note {
        Note::SendBlocks { record, waits_for } => {
            let why = match waits_for {
                WaitsFor::Metadata => "its topic is not in the metadata",
                WaitsFor::Memory => "buffer.memory is used up",
            };
            format!("{}: send() blocks, {why}", names.record(*record))
        }
        Note::Sent { record, partition, key, is_tombstone } => {
            let key = key.map_or_else(|| "no key".to_owned(), |key| format!("key {key}"));
            let value = if *is_tombstone { ", a tombstone" } else { "" };
            format!("{} is sent to {} with {key}{value}", names.record(*record), names.partition(*partition))
        }
        Note::SendDone { record, partition, outcome } => {
            let (record, partition) = (names.record(*record), names.partition(*partition));
            format!("{record} to {partition}: {}", send_outcome(*outcome))
        }
        Note::Derived { record, from, offset, .. } => {
            format!("{} is made of offset {offset} of {}", names.record(*record), names.partition(*from))
        }
        Note::SentAgain { record, partition, error } => {
            let (record, partition) = (names.record(*record), names.partition(*partition));
            format!("{record} is sent to {partition} again after {}, it may be stored already", error.name())
        }
        Note::BatchRetried { producer, partition, records, error } => {
            let (producer, partition) = (names.process(*producer), names.partition(*partition));
            format!("{producer} sends a batch of {records} to {partition} again after {}", error.name())
        }
        Note::EpochBumped { producer, partition, producer_id, epoch } => {
            let (producer, partition) = (names.process(*producer), names.partition(*partition));
            format!("{producer} bumps the epoch of its producer id {producer_id} to {epoch}, for {partition}")
        }
        Note::Transaction { producer, step, .. } => transaction(&names.process(*producer), *step),
        Note::NotSent { record, error } => {
            let why = match error {
                SendError::BufferExhausted => ": buffer.memory was used up for max.block.ms",
                SendError::NotInMetadata => ": its topic was not in the metadata",
                SendError::RecordTooLarge
                | SendError::Expired
                | SendError::TransactionAborted
                | SendError::Broker(_) => "",
            };
            format!("{}: send() fails with {}{why}", names.record(*record), error.name())
        }
        Note::Read { consumer, partition, offset, record } => {
            let what = record.map_or_else(|| "a record of nobody here".to_owned(), |record| names.record(record));
            let (consumer, partition) = (names.process(*consumer), names.partition(*partition));
            format!("{consumer} reads {what} at offset {offset} of {partition}")
        }
        Note::Positioned { consumer, partition, offset, moved } => {
            moved_to(&names.process(*consumer), &names.partition(*partition), *offset, *moved)
        }
        Note::Assigned { consumer, generation, partitions } => {
            let (name, partitions) = (names.process(*consumer), listed(partitions, names));
            let place = match names.group_of(*consumer) {
                Some((group, true)) => format!("at member epoch {generation} of group {group}"),
                Some((group, false)) => format!("in generation {generation} of group {group}"),
                None => format!("in generation {generation} of its group"),
            };
            format!("{name} is {place} and is newly given {partitions}")
        }
        Note::Revoked { consumer, partitions, lost } => {
            let (consumer, partitions) = (names.process(*consumer), listed(partitions, names));
            if *lost {
                format!("{consumer} is no member of its group any more and has lost {partitions}")
            } else {
                format!("{consumer} gives up {partitions}")
            }
        }
        Note::WorkedOn { consumer, partition, from, to } => {
            let (consumer, partition) = (names.process(*consumer), names.partition(*partition));
            format!("{consumer} has done its work on offsets {from} to {} of {partition}", to - 1)
        }
        Note::Committed { consumer, partition, offset } => {
            let (consumer, partition) = (names.process(*consumer), names.partition(*partition));
            format!("{consumer} has committed offset {offset} of {partition}")
        }
        Note::NotCommitted { consumer, error } => {
            format!("{} could not commit its offsets: {}", names.process(*consumer), commit_error(*error))
        }
        Note::Poisoned { consumer, partition, offset, tries, dead_letter } => {
            let (consumer, partition) = (names.process(*consumer), names.partition(*partition));
            match dead_letter {
                Some(topic) => {
                    format!(
                        "{consumer} cannot work on offset {offset} of {partition}: after {tries} tries it goes to {topic}"
                    )
                }
                None => format!("{consumer} cannot work on offset {offset} of {partition}"),
            }
        }
        Note::MemberFailed { consumer, error } => {
            let consumer = names.process(*consumer);
            let (exception, error) = (exception_of(*error), error_name(*error));
            format!("{consumer} ends: poll() throws {exception}, it cannot be a member of its group ({error})")
        }
        Note::PollThrew { consumer, error } => {
            let why = match error {
                PollError::OffsetOutOfRange => "the leader does not have its offset, and auto.offset.reset=none",
                PollError::NoOffsetForPartition => "its group has committed nothing, and auto.offset.reset=none",
                PollError::NoMember(_) => "it cannot be a member of its group",
            };
            format!("{} ends: poll() throws {}, {why}", names.process(*consumer), error.exception())
        }
        // The words of `AbstractCoordinator.HeartbeatThread`.
        Note::PollExpired { consumer, interval_ms } => {
            let consumer = names.process(*consumer);
            format!(
                "{consumer} leaves its group: consumer poll timeout has expired (max.poll.interval.ms={interval_ms})"
            )
        }
        Note::OffsetsExpired { broker, group, places } => {
            let places = shortened(places.iter().map(|(topic, partition)| format!("{topic}-{partition}")).collect());
            format!(
                "broker {broker} forgets what group {group} has committed of {places}: offsets.retention.minutes is over"
            )
        }
        Note::RegistrationRefused { broker, error } => {
            // `ClusterControlManager.registerBroker`
            let why = match ResponseError::try_from_code(*error) {
                Some(ResponseError::DuplicateBrokerRegistration) => ", its former life is not fenced yet",
                Some(_) | None => "",
            };
            format!("broker {broker} is not registered: {}{why}", error_name(*error))
        }
        Note::Administered { admin, command, told, failed } => {
            let fails = if *failed { " fails" } else { "" };
            format!("{}: {command}{fails}: {}", names.process(*admin), with_names(told, names))
        }
        Note::TransactionTimedOut { broker, transactional_id, timeout_ms } => format!(
            "the coordinator, broker {broker}, aborts the transaction of {transactional_id}: \
             transaction.timeout.ms={timeout_ms} is over"
        ),
        Note::Ordered { admin, order, outcome } => {
            let how = match outcome {
                OrderOutcome::Given => "orders",
                OrderOutcome::Done { .. } => "is told done:",
                OrderOutcome::Refused => "is refused",
                OrderOutcome::Unknown => "is not told whether it is done:",
            };
            format!("{} {how} {}", names.process(*admin), ordered(order))
        }
        Note::OutOfRange { consumer, partition, offset } => {
            let (consumer, partition) = (names.process(*consumer), names.partition(*partition));
            format!("{consumer} asked for offset {offset} of {partition}: OFFSET_OUT_OF_RANGE")
        }
        Note::BecameLeader { broker, partition, leader_epoch, log_end_offset, high_watermark } => {
            let name = names.partition(*partition);
            format!(
                "broker {broker} serves {name} as leader in epoch {leader_epoch}, log end offset {log_end_offset}, \
                 high watermark {high_watermark}"
            )
        }
        Note::BecameFollower { broker, partition, leader_epoch, leader } => {
            let (name, leader) = (names.partition(*partition), broker_or_nobody(*leader));
            format!("broker {broker} follows {leader} in {name}, epoch {leader_epoch}")
        }
        Note::Truncated { broker, partition, from, to } => {
            let name = names.partition(*partition);
            format!(
                "broker {broker} cuts {name} from {from} to {to}, offsets {to} to {}, {} in all",
                from - 1,
                from - to
            )
        }
        Note::TruncatedFully { broker, partition, log_start_offset, log_end_offset, to } => {
            let name = names.partition(*partition);
            format!(
                "broker {broker} drops its whole log of {name}, offsets {log_start_offset} to {log_end_offset}, and \
                 starts at {to}, where its leader's log starts"
            )
        }
        Note::PartitionChanged {
            partition,
            leader,
            leader_epoch,
            isr,
            leader_before,
            isr_before,
            unclean: _,
            elected,
            elr,
            elr_before,
        } => {
            let name = names.partition(*partition);
            let eligible = match (elr == elr_before, elr.is_empty()) {
                (true, _) => String::new(),
                (false, false) => format!(", ELR {elr:?}"),
                (false, true) => ", ELR empty again".to_owned(),
            };
            if leader == leader_before {
                let led = broker_or_nobody(*leader);
                if isr == isr_before {
                    return format!("the ELR of {name}, led by {led}, went from {elr_before:?} to {elr:?}");
                }
                return format!("the ISR of {name}, led by {led}, went from {isr_before:?} to {isr:?}{eligible}");
            }
            let how = elected.map_or("", how_elected);
            let coordinates = coordinates(*leader, &[*partition], names);
            match leader {
                -1 => format!("{name} has no leader, ISR {isr:?}{eligible}{coordinates}"),
                _ => {
                    format!(
                        "{how}broker {leader} leads {name} in epoch {leader_epoch}, ISR {isr:?}{eligible}{coordinates}"
                    )
                }
            }
        }
        Note::TopicCreated { id, name, partitions, .. } => {
            let (partitions, id) = (counted(*partitions, "partition"), uuid_text(*id));
            format!("the controller creates topic {name} with {partitions}, id {id}")
        }
        Note::TopicRefused { name, error, why } => {
            format!("the controller does not create topic {name}: {}, {why}", error_name(*error))
        }
        Note::TopicDeleted { name, .. } => format!("the controller deletes topic {name}"),
        Note::PartitionsCreated { topic, from, to } => {
            format!("the controller gives topic {} {to} partitions, it had {from}", names.topic(*topic))
        }
        Note::InControlledShutdown { broker } => format!("broker {broker} is in controlled shutdown"),
        Note::IsrProposed { broker, partition, isr_before, isr, high_watermark, log_end_offset, changed } => {
            let name = names.partition(*partition);
            let shrinks = isr.len() < isr_before.len();
            let changed: Vec<String> = changed
                .iter()
                .map(|follower| if shrinks { late(follower, *log_end_offset) } else { back(follower, *high_watermark) })
                .collect();
            let verb = if shrinks { "shrink" } else { "expand" };
            let why = changed.join(", ");
            format!("broker {broker} asks to {verb} the ISR of {name} from {isr_before:?} to {isr:?}: {why}")
        }
        Note::Fenced { broker, fenced } => {
            format!("broker {broker} is {}", if *fenced { "fenced" } else { "unfenced" })
        }
        Note::Registered { broker, broker_epoch } => {
            format!("broker {broker} is registered with epoch {broker_epoch}")
        }
        Note::Rolled { broker, partition, base_offset } => {
            format!("broker {broker} rolled {}: new segment at {base_offset}", names.partition(*partition))
        }
        Note::SegmentsDeleted { broker, partition, segments, from, to } => {
            let (name, segments) = (names.partition(*partition), counted(*segments, "segment"));
            // A log start offset that moved before leaves segments behind it.
            if from == to {
                format!("broker {broker} deleted {segments} of {name} before its log start offset {to}")
            } else {
                format!(
                    "broker {broker} deleted {segments} of {name} by retention: log start offset from {from} to {to}"
                )
            }
        }
        // The words of `LogFutureTimestampLogger`.
        Note::RetentionHeldUp { broker, partition, base_offset } => {
            let name = names.partition(*partition);
            format!(
                "broker {broker} keeps segment {base_offset} of {name} and all behind it: it contains future timestamp(s), \
                 making it ineligible to be deleted"
            )
        }
        Note::LogRecovered { broker, partition, recovery_point, log_end_offset, recovered } => {
            let (name, did) = (names.partition(*partition), recovery(recovered, *recovery_point));
            format!("broker {broker} opened {name}: {did}; log end offset {log_end_offset}")
        }
        Note::Halted { broker, why } => format!("broker {broker} halts: {why}"),
        Note::StorageWarning { broker, why } => format!("broker {broker} warns: {why}"),
        Note::ReplicaFailed { broker, partition, why } => {
            format!("broker {broker} leaves its replica of {} alone: {why}", names.partition(*partition))
        }
        Note::InvalidMessages { broker, partition, offset, why } => {
            let name = names.partition(*partition);
            format!("broker {broker} found invalid messages during fetch of {name} at offset {offset}: {why}")
        }
        Note::Cleaned { broker, partition, from, to, messages_read, messages_written } => {
            let name = names.partition(*partition);
            format!(
                "broker {broker} cleaned {name}, dirty from {from} to {to}: {messages_written} of {messages_read} \
                 records stay"
            )
        }
        Note::Uncleanable { broker, partition, exception } => {
            let name = names.partition(*partition);
            format!("broker {broker} cannot clean {name} ({exception}) and leaves it alone")
        }
        Note::HighWatermark { broker, partition, offset } => {
            format!("the high watermark of {} at broker {broker} is {offset}", names.partition(*partition))
        }
        Note::Served { broker, partition, to } => {
            let name = names.partition(*partition);
            format!("broker {broker} gives a consumer records of {name} up to offset {}", to - 1)
        }
        Note::Appended { broker, partition, base_offset, last_offset, leader_epoch } => {
            let name = names.partition(*partition);
            format!("broker {broker} appends offsets {base_offset} to {last_offset} to {name} in epoch {leader_epoch}")
        }
    }
}

/// Where a consumer's position is now, and what that means for who reads: an offset need not hold a record, where a topic
/// is compacted.
/// An order by the words of a command.
fn ordered(order: &Order) -> String {
    let named = |(topic, partition): &(String, i32)| format!("{topic}-{partition}");
    match order {
        Order::SetOffset { group, partition, offset } => format!("set-offset {group} {} {offset}", named(partition)),
        Order::DeleteOffset { group, partition } => format!("delete-offset {group} {}", named(partition)),
        Order::DeleteGroup { group } => format!("delete-group {group}"),
        Order::DeleteRecords { partition, before } => format!("delete-records {} {before}", named(partition)),
    }
}

fn moved_to(consumer: &str, partition: &str, to: i64, moved: Moved) -> String {
    let skipped = |from: i64| {
        if from < to { format!("{} are skipped", offsets(from, to)) } else { "nothing is skipped".to_owned() }
    };
    let former = "an offset of the topic that had this name before";
    match moved {
        Moved::First => format!("{consumer} begins at offset {to} of {partition}"),
        Moved::Committed => format!("{consumer} goes on at offset {to} of {partition}, as its group has committed"),
        Moved::Reset { before, in_former, policy } => {
            let (whence, effect) = if in_former {
                (format!(", {former},"), skipped(0))
            } else if to < before {
                (String::new(), format!("{} are read again", offsets(to, before)))
            } else {
                (String::new(), skipped(before))
            };
            format!(
                "{consumer} resets its position in {partition} from {before}{whence} to {to} (auto.offset.reset={policy}): \
                 {effect}"
            )
        }
        // The words of `SubscriptionState.maybeCompleteValidation`.
        Moved::Truncated { before, in_former } => {
            let effect = if in_former {
                format!("that was {former}, of the one that has it now {}", skipped(0))
            } else {
                format!("what it read at {} is not in the log any more", offsets(to, before))
            };
            format!(
                "{consumer}: truncation detected for {partition} at offset {before}, resetting to the first offset known \
                 to diverge {to}: {effect}"
            )
        }
        Moved::Sought { before } if to < before => {
            format!("{consumer} seeks offset {to} of {partition}: {} are read again", offsets(to, before))
        }
        Moved::Sought { before } => format!("{consumer} seeks offset {to} of {partition}: {}", skipped(before)),
        Moved::Kept => {
            format!(
                "{consumer} goes on at offset {to} of {partition}, {former}: of the one that has it now {}",
                skipped(0)
            )
        }
    }
}

/// Partitions one after another.
fn listed(partitions: &[TopicPartition], names: &Names) -> String {
    match partitions {
        [] => "nothing".to_owned(),
        _ => partitions.iter().map(|of| names.partition(*of)).collect::<Vec<_>>().join(", "),
    }
}

/// What a producer was told of a record, which it may have to send again by hand.
fn send_outcome(outcome: SendOutcome) -> String {
    match outcome {
        SendOutcome::Acknowledged { offset } => format!("acknowledged at offset {offset}"),
        SendOutcome::Unanswered => "on its way, with acks=0 nobody answers".to_owned(),
        // Whoever asked for longer would have been told that it may be stored.
        SendOutcome::Refused(error @ SendError::Expired) => format!("expired with {}", error.name()),
        SendOutcome::Refused(error) => format!("refused with {}", error.name()),
        SendOutcome::Unknown(error) => format!("given up with {}, it may be stored or not", error.name()),
    }
}

fn transaction(producer: &str, step: TransactionStep) -> String {
    match step {
        TransactionStep::Begun => format!("{producer} begins a transaction"),
        TransactionStep::Commits => format!("{producer} asks to commit its transaction"),
        TransactionStep::Aborts => format!("{producer} asks to abort its transaction"),
        TransactionStep::Committed => format!("{producer}: its transaction is committed"),
        TransactionStep::Aborted => format!("{producer}: its transaction is aborted"),
        TransactionStep::Failed(TransactionError::TimedOut) => {
            format!("{producer} waited for its coordinator for max.block.ms, and waits again")
        }
        TransactionStep::Failed(TransactionError::Abortable(error)) => {
            format!("{producer}: its transaction has failed with {} and is to be aborted", error.name())
        }
        TransactionStep::Failed(TransactionError::Fatal(error)) => {
            format!("{producer} can send no more: its transactions have failed with {}", error.name())
        }
    }
}

fn broker_or_nobody(broker: i32) -> String {
    if broker < 0 { "nobody".to_owned() } else { format!("broker {broker}") }
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
    let seconds = seconds(*caught_up_at);
    match log_end_offset {
        -1 => format!("broker {broker} has not fetched in this leader epoch"),
        end => format!("broker {broker} ends at {end} of {leader_end} and was caught up last at {seconds}"),
    }
}

fn back(follower: &FollowerState, high_watermark: i64) -> String {
    let FollowerState { broker, log_end_offset, .. } = follower;
    format!("broker {broker} ends at {log_end_offset} and has reached the high watermark {high_watermark}")
}

/// What a broker says of clients, whose ids it knows, with their names: longer numbers first.
fn with_names(told: &str, names: &Names) -> String {
    let clients = names.producers().chain(names.consumers()).collect::<Vec<_>>().into_iter().rev();
    clients.fold(told.to_owned(), |told, id| told.replace(&format!("client-{id}"), &names.process(id)))
}
