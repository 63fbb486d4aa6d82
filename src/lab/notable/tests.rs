//! Every variant of a note has a kind, subjects, and words that name them.

use super::telling;
use super::words;
use super::{NotableKind, Subject};
use crate::lab::names::Names;
use crate::lab::scenario;
use crate::log::Recovered;
use crate::note::{
    Elected, FollowerState, Moved, Note, Order, OrderOutcome, PollError, RecordId, SendError, SendOutcome,
    TransactionError, TransactionStep, WaitsFor,
};
use crate::wire::TopicPartition;

/// How many variants there are, and which one a note is: both sides of a list that must not forget any.
const VARIANTS: usize = 52;

fn place(note: &Note) -> usize {
    match note {
        Note::Sent { .. } => 0,
        Note::SendDone { .. } => 1,
        Note::Read { .. } => 2,
        Note::Positioned { .. } => 3,
        Note::BecameLeader { .. } => 4,
        Note::BecameFollower { .. } => 5,
        Note::Truncated { .. } => 6,
        Note::PartitionChanged { .. } => 7,
        Note::IsrProposed { .. } => 8,
        Note::Fenced { .. } => 9,
        Note::Registered { .. } => 10,
        Note::Rolled { .. } => 11,
        Note::SegmentsDeleted { .. } => 12,
        Note::LogRecovered { .. } => 13,
        Note::Halted { .. } => 14,
        Note::StorageWarning { .. } => 15,
        Note::ReplicaFailed { .. } => 16,
        Note::InvalidMessages { .. } => 17,
        Note::OutOfRange { .. } => 18,
        Note::Cleaned { .. } => 19,
        Note::Uncleanable { .. } => 20,
        Note::HighWatermark { .. } => 21,
        Note::Appended { .. } => 22,
        Note::TopicCreated { .. } => 23,
        Note::TopicRefused { .. } => 24,
        Note::TopicDeleted { .. } => 25,
        Note::PartitionsCreated { .. } => 26,
        Note::InControlledShutdown { .. } => 27,
        Note::TruncatedFully { .. } => 28,
        Note::NotSent { .. } => 29,
        Note::SentAgain { .. } => 30,
        Note::SendBlocks { .. } => 31,
        Note::RetentionHeldUp { .. } => 32,
        Note::Served { .. } => 33,
        Note::BatchRetried { .. } => 34,
        Note::EpochBumped { .. } => 35,
        Note::Transaction { .. } => 42,
        Note::Assigned { .. } => 36,
        Note::Revoked { .. } => 37,
        Note::WorkedOn { .. } => 38,
        Note::Committed { .. } => 39,
        Note::NotCommitted { .. } => 40,
        Note::MemberFailed { .. } => 41,
        Note::Administered { .. } => 43,
        Note::Derived { .. } => 44,
        Note::Poisoned { .. } => 45,
        Note::Ordered { .. } => 46,
        Note::PollThrew { .. } => 47,
        Note::PollExpired { .. } => 48,
        Note::OffsetsExpired { .. } => 49,
        Note::RegistrationRefused { .. } => 50,
        Note::TransactionTimedOut { .. } => 51,
    }
}

const PARTITION: TopicPartition = TopicPartition { topic: 0, partition: 1 };
const PRODUCER: u32 = 3;
const CONSUMER: u32 = 4;

/// One of each, and of those that tell of several things one for each.
fn samples() -> Vec<Note> {
    let (partition, broker, consumer) = (PARTITION, 2, CONSUMER);
    let record = RecordId { producer: PRODUCER, number: 5 };
    let why = || "KafkaStorageException".to_owned();
    let transaction = |step| Note::Transaction { producer: PRODUCER, first: 5, step };
    let administered = |failed| {
        let (command, told) = ("list-groups".to_owned(), "none".to_owned());
        Note::Administered { admin: CONSUMER, command, told, failed }
    };
    let ordered = |outcome| {
        let order = Order::DeleteGroup { group: "shipping".to_owned() };
        Note::Ordered { admin: CONSUMER, order, outcome }
    };
    let send_done = |outcome| Note::SendDone { record, partition, outcome };
    let changed = |leader, isr: &[i32]| Note::PartitionChanged {
        partition,
        leader,
        leader_epoch: 3,
        isr: isr.to_vec(),
        leader_before: 1,
        isr_before: vec![1, 2],
        unclean: false,
        elected: Some(Elected::InSync),
        elr: Vec::new(),
        elr_before: Vec::new(),
    };
    let proposed = |isr_before: &[i32], isr: &[i32]| Note::IsrProposed {
        broker: 1,
        partition,
        isr_before: isr_before.to_vec(),
        isr: isr.to_vec(),
        high_watermark: 7,
        log_end_offset: 9,
        changed: vec![FollowerState { broker, log_end_offset: 7, caught_up_at: 1_000_000 }],
    };
    let created = |from_the_start| Note::TopicCreated {
        topic: 0,
        id: uuid::Uuid::from_u128(7),
        name: "orders".to_owned(),
        partitions: 2,
        from_the_start,
    };
    let recovered = Recovered { checked: 1, ..Recovered::default() };
    vec![
        Note::SendBlocks { record, waits_for: WaitsFor::Metadata },
        Note::SendBlocks { record, waits_for: WaitsFor::Memory },
        Note::Sent { record, partition, key: Some(4), is_tombstone: false },
        send_done(SendOutcome::Acknowledged { offset: 4 }),
        send_done(SendOutcome::Unanswered),
        send_done(SendOutcome::Refused(SendError::Expired)),
        send_done(SendOutcome::Unknown(SendError::Broker(13))),
        Note::NotSent { record, error: SendError::BufferExhausted },
        Note::SentAgain { record, partition, error: SendError::Broker(7) },
        Note::BatchRetried { producer: PRODUCER, partition, records: 3, error: SendError::Broker(19) },
        Note::EpochBumped { producer: PRODUCER, partition, producer_id: 1_000, epoch: 1 },
        transaction(TransactionStep::Begun),
        transaction(TransactionStep::Commits),
        transaction(TransactionStep::Aborts),
        transaction(TransactionStep::Committed),
        transaction(TransactionStep::Aborted),
        transaction(TransactionStep::Failed(TransactionError::TimedOut)),
        transaction(TransactionStep::Failed(TransactionError::Abortable(SendError::Broker(47)))),
        transaction(TransactionStep::Failed(TransactionError::Fatal(SendError::Broker(90)))),
        Note::Read { consumer, partition, offset: 4, record: Some(record) },
        Note::Positioned { consumer, partition, offset: 4, moved: Moved::First },
        Note::Positioned {
            consumer,
            partition,
            offset: 40,
            moved: Moved::Reset { before: 4, in_former: false, policy: "latest" },
        },
        Note::Positioned {
            consumer,
            partition,
            offset: 0,
            moved: Moved::Reset { before: 4, in_former: false, policy: "earliest" },
        },
        Note::Positioned { consumer, partition, offset: 4, moved: Moved::Truncated { before: 9, in_former: false } },
        Note::Positioned { consumer, partition, offset: 4, moved: Moved::Kept },
        Note::Positioned { consumer, partition, offset: 4, moved: Moved::Committed },
        Note::Assigned { consumer, generation: 2, partitions: vec![partition] },
        Note::Revoked { consumer, partitions: vec![partition], lost: false },
        Note::Revoked { consumer, partitions: vec![partition], lost: true },
        Note::WorkedOn { consumer, partition, from: 4, to: 9 },
        Note::Committed { consumer, partition, offset: 9 },
        Note::NotCommitted { consumer, error: 27 },
        Note::MemberFailed { consumer, error: 82 },
        Note::PollThrew { consumer, error: PollError::OffsetOutOfRange },
        Note::PollExpired { consumer, interval_ms: 300_000 },
        Note::OffsetsExpired { broker, group: "shipping".to_owned(), places: vec![("orders".to_owned(), 1)] },
        Note::RegistrationRefused { broker, error: 101 },
        Note::Poisoned { consumer, partition, offset: 4, tries: 1, dead_letter: None },
        Note::Poisoned { consumer, partition, offset: 4, tries: 3, dead_letter: Some("dead".to_owned()) },
        administered(false),
        administered(true),
        Note::Derived { record: RecordId { producer: PRODUCER, number: 5 }, from: PARTITION, offset: 7, copy: 0 },
        Note::TransactionTimedOut { broker, transactional_id: "checkout".to_owned(), timeout_ms: 10_000 },
        ordered(OrderOutcome::Given),
        ordered(OrderOutcome::Done { log_start: -1 }),
        ordered(OrderOutcome::Refused),
        ordered(OrderOutcome::Unknown),
        Note::BecameLeader { broker, partition, leader_epoch: 3, log_end_offset: 9, high_watermark: 7 },
        Note::BecameFollower { broker, partition, leader_epoch: 3, leader: 1 },
        Note::Truncated { broker, partition, from: 9, to: 7 },
        Note::TruncatedFully { broker, partition, log_start_offset: 0, log_end_offset: 9, to: 40 },
        changed(2, &[2]),
        changed(-1, &[]),
        changed(1, &[1]),
        proposed(&[1, 2], &[1]),
        proposed(&[1], &[1, 2]),
        Note::Fenced { broker, fenced: true },
        Note::Fenced { broker, fenced: false },
        Note::Registered { broker, broker_epoch: 12 },
        Note::Served { broker, partition, to: 40 },
        Note::Rolled { broker, partition, base_offset: 40 },
        Note::SegmentsDeleted { broker, partition, segments: 2, from: 0, to: 40 },
        Note::RetentionHeldUp { broker, partition, base_offset: 40 },
        Note::LogRecovered { broker, partition, recovery_point: 3, log_end_offset: 9, recovered },
        Note::Halted { broker, why: why() },
        Note::StorageWarning { broker, why: why() },
        Note::ReplicaFailed { broker, partition, why: why() },
        Note::InvalidMessages { broker, partition, offset: 9, why: why() },
        Note::OutOfRange { consumer, partition, offset: 4 },
        Note::Cleaned { broker, partition, from: 0, to: 9, messages_read: 9, messages_written: 4 },
        Note::Uncleanable { broker, partition, exception: "LogCleaningException" },
        Note::HighWatermark { broker, partition, offset: 8 },
        Note::Appended { broker, partition, base_offset: 8, last_offset: 9, leader_epoch: 3 },
        created(true),
        created(false),
        Note::TopicRefused { name: "orders".to_owned(), error: 38, why: why() },
        Note::TopicDeleted { topic: 0, name: "orders".to_owned() },
        Note::PartitionsCreated { topic: 0, from: 2, to: 4 },
        Note::InControlledShutdown { broker },
    ]
}

fn names() -> Names {
    let scenario = "title = \"t\"\nduration = \"1s\"\n[cluster]\nbrokers = 2\n\
                    [[topic]]\nname = \"orders\"\npartitions = 2\nreplication-factor = 2\n\
                    [[producer]]\nname = \"checkout\"\ntopic = \"orders\"\nrate = \"1/s\"\n\
                    [[consumer]]\nname = \"fulfilment\"\ntopics = [\"orders\"]\n";
    let mut names = Names::of(&scenario::parse(scenario).expect("a right scenario"));
    names.learn_topic(0, uuid::Uuid::from_u128(7), "orders");
    names
}

#[test]
fn the_samples_show_every_variant() {
    let mut places: Vec<usize> = samples().iter().map(place).collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places, (0..VARIANTS).collect::<Vec<_>>());
}

#[test]
fn words_name_whom_a_note_is_about() {
    let names = names();
    for note in samples() {
        let (text, about) = (words::of_note(&note, &names), telling::about(&note));
        assert!(!about.is_empty(), "{note:?} is about nobody");
        for subject in about {
            let name = match subject {
                Subject::Process(process) => names.process(process),
                Subject::Partition(partition) => names.partition(partition),
                Subject::Link(..) => panic!("no note is about a link"),
            };
            assert!(text.contains(&name), "\"{text}\" does not name {name}");
        }
    }
}

#[test]
fn an_election_is_called_unclean_only_where_it_is() {
    let changed = |elected| Note::PartitionChanged {
        partition: PARTITION,
        leader: 1,
        leader_epoch: 4,
        isr: vec![1],
        leader_before: -1,
        isr_before: Vec::new(),
        unclean: matches!(elected, Elected::LastKnown | Elected::Unclean),
        elected: Some(elected),
        elr: Vec::new(),
        elr_before: vec![1],
    };
    let text = |elected| words::of_note(&changed(elected), &names());
    let all = [Elected::InSync, Elected::Eligible, Elected::LastKnown, Elected::Unclean].map(text);
    assert_eq!(all.each_ref().map(|text| text.contains("unclean")), [false, false, false, true], "{all:?}");
    assert!(all.iter().all(|text| text.contains("broker 1 leads orders-1 in epoch 4, ISR [1]")), "{all:?}");
    assert!(all[2].contains("last known leader") && all[1].contains("eligible"), "{all:?}");
}

#[test]
fn what_is_told_is_no_everyday_thing_and_silence_is_told_of() {
    for note in samples() {
        let is_told = telling::is_told(&note);
        assert!(!is_told || telling::kind(&note) != NotableKind::Record, "{note:?}");
        assert!(is_told || telling::silence(&note).is_none(), "{note:?}");
    }
    let silent = samples().iter().filter(|note| telling::silence(note).is_some()).count();
    assert_eq!(silent, 2, "a broker that is fenced, an ISR that shrinks");
}

#[test]
fn a_position_that_moves_says_what_is_skipped_or_read_again() {
    let text = |offset, moved| {
        let note = Note::Positioned { consumer: CONSUMER, partition: PARTITION, offset, moved };
        words::of_note(&note, &names())
    };
    let skips = text(40, Moved::Reset { before: 4, in_former: false, policy: "latest" });
    assert!(skips.ends_with("(auto.offset.reset=latest): offsets 4 to 39, 36 in all, are skipped"), "{skips}");
    let again = text(0, Moved::Reset { before: 4, in_former: false, policy: "earliest" });
    assert!(again.ends_with("(auto.offset.reset=earliest): offsets 0 to 3, 4 in all, are read again"), "{again}");
    let gone = text(4, Moved::Truncated { before: 9, in_former: false });
    assert!(gone.contains("truncation detected") && gone.contains("offsets 4 to 8, 5 in all,"), "{gone}");
    let sought = text(2, Moved::Sought { before: 9 });
    assert!(sought.ends_with("offsets 2 to 8, 7 in all, are read again"), "{sought}");
    let another = [
        (0, Moved::Reset { before: 9, in_former: true, policy: "earliest" }, ": nothing is skipped"),
        (4, Moved::Reset { before: 9, in_former: true, policy: "latest" }, ": offsets 0 to 3, 4 in all, are skipped"),
        (4, Moved::Truncated { before: 9, in_former: true }, "that has it now offsets 0 to 3, 4 in all, are skipped"),
        (4, Moved::Kept, "that has it now offsets 0 to 3, 4 in all, are skipped"),
    ];
    for (offset, moved, end) in another {
        let said = text(offset, moved);
        assert!(said.contains("the topic that had this name before") && said.ends_with(end), "{said}");
    }
}
