//! What processes tell observers: the histories that checkers read, and the turning points of a cluster.

use crate::log::Recovered;
use crate::wire::{TopicPartition, error_name, exception_of};

/// A record that a program sent, by who sent it and its number there, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    /// The program's process.
    pub producer: u32,
    /// The record's number at that program.
    pub number: u64,
}

impl RecordId {
    /// The header that says which record this is. It travels beside the value, which may say anything.
    pub const HEADER: &[u8] = b"record";

    /// The header's value: the process and the number, big-endian.
    #[must_use]
    pub fn to_header(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.producer.to_be_bytes());
        bytes[4..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// The record that its headers name; `None` where they name none.
    pub fn of_headers<'a>(headers: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>) -> Option<Self> {
        let (_, value) = headers.into_iter().find(|(name, _)| *name == Self::HEADER)?;
        let (producer, number) = value?.split_first_chunk()?;
        Some(Self { producer: u32::from_be_bytes(*producer), number: u64::from_be_bytes(number.try_into().ok()?) })
    }
}

/// Why a record was not sent, or not known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SendError {
    /// A broker answered with this code of Kafka's, or the client stands in for it: REQUEST_TIMED_OUT and
    /// NETWORK_EXCEPTION.
    Broker(i16),
    /// It is older than `delivery.timeout.ms` (TimeoutException).
    Expired,
    /// `buffer.memory` was used up for `max.block.ms` (BufferExhaustedException).
    BufferExhausted,
    /// Its topic, or its partition, was not in the metadata for `max.block.ms` (TimeoutException).
    NotInMetadata,
    /// It is larger than `max.request.size` or `buffer.memory` (RecordTooLargeException).
    RecordTooLarge,
    /// Its transaction was aborted before it was sent (TransactionAbortedException).
    TransactionAborted,
}

impl SendError {
    /// What Kafka calls it: the name of an error code, or of the exception of the Java client where no code is meant. Of its
    /// one TimeoutException this says which time was out, as the exception's message does.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Broker(code) => error_name(code),
            Self::Expired => "TimeoutException (delivery.timeout.ms)".to_owned(),
            Self::NotInMetadata => "TimeoutException (max.block.ms)".to_owned(),
            Self::RecordTooLarge | Self::BufferExhausted | Self::TransactionAborted => self.exception(),
        }
    }

    /// The Java client's exception.
    #[must_use]
    pub fn exception(self) -> String {
        match self {
            Self::Broker(code) => exception_of(code),
            Self::Expired | Self::NotInMetadata => "TimeoutException".to_owned(),
            Self::BufferExhausted => "BufferExhaustedException".to_owned(),
            Self::RecordTooLarge => "RecordTooLargeException".to_owned(),
            Self::TransactionAborted => "TransactionAbortedException".to_owned(),
        }
    }
}

/// A call of a producer that a coordinator has to answer (Kafka: `TransactionManager.TransactionOperation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionCall {
    /// `initTransactions()`
    Init,
    /// `sendOffsetsToTransaction()`
    SendOffsets,
    /// `commitTransaction()`
    Commit,
    /// `abortTransaction()`
    Abort,
}

/// Why such a call has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionError {
    /// `max.block.ms` was over (TimeoutException): what came of it is not known until the same call is made again.
    TimedOut,
    /// The transaction can only be aborted, and the producer goes on.
    Abortable(SendError),
    /// The producer can only be closed.
    Fatal(SendError),
}

impl TransactionError {
    /// The Java client's exception.
    #[must_use]
    pub fn exception(self) -> String {
        match self {
            Self::TimedOut => "TimeoutException".to_owned(),
            Self::Abortable(error) | Self::Fatal(error) => error.exception(),
        }
    }
}

/// What a call of `send()` waits for, for `max.block.ms` at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitsFor {
    /// Its topic, or its partition, is not in the metadata.
    Metadata,
    /// Other batches hold too much of `buffer.memory` for another of this size (`BufferPool.allocate`).
    Memory,
}

/// What a producer was told, at last, of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendOutcome {
    /// Acknowledged, at this offset (-1 of a duplicate whose offset the leader has forgotten).
    Acknowledged {
        /// Its offset.
        offset: i64,
    },
    /// With acks=0: it is on its way, and nobody will say what becomes of it.
    Unanswered,
    /// Every attempt got a definite refusal: it is in no log. The error of the last.
    Refused(SendError),
    /// An attempt timed out or its connection broke: it may be in the log or not. The error of the last.
    Unknown(SendError),
}

/// What `poll()` throws that ends a program: nobody catches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PollError {
    /// The leader's log does not have the offset, and there is no policy to find another (`OffsetOutOfRangeException`).
    OffsetOutOfRange,
    /// There is no offset, and no policy to find one (`NoOffsetForPartitionException`).
    NoOffsetForPartition,
    /// It cannot be a member of its group, by Kafka's code of the error.
    NoMember(i16),
}

impl PollError {
    /// The Java client's exception.
    #[must_use]
    pub fn exception(self) -> String {
        match self {
            Self::OffsetOutOfRange => "OffsetOutOfRangeException".to_owned(),
            Self::NoOffsetForPartition => "NoOffsetForPartitionException".to_owned(),
            Self::NoMember(code) => exception_of(code),
        }
    }
}

/// Why a consumer's position moved without reading (Kafka: `SubscriptionState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moved {
    /// It had none: where the consumer begins.
    First,
    /// The leader's log does not have it, so `auto.offset.reset` applies.
    Reset {
        /// Where it was.
        before: i64,
        /// That was in a topic that had this name before.
        in_former: bool,
        /// The value of `auto.offset.reset`.
        policy: &'static str,
    },
    /// The leader's log was truncated below it (KIP-320).
    Truncated {
        /// Where it was.
        before: i64,
        /// That was in a topic that had this name before.
        in_former: bool,
    },
    /// Its group has committed this offset, and the partition came to it.
    Committed,
    /// The program wants to be there (`seek()`).
    Sought {
        /// Where it was.
        before: i64,
    },
    /// It did not: it comes from a topic that had this name before, and the leader's log happens to have it.
    Kept,
}

/// How a partition came to its leader (Kafka: `PartitionChangeBuilder.electLeader`, KIP-966).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elected {
    /// From the ISR.
    InSync,
    /// From the eligible leader replicas: the ISR was empty.
    Eligible,
    /// The last leader there was: ISR and ELR were empty, and it may have lost what it had not flushed.
    LastKnown,
    /// Some live replica (`unclean.leader.election.enable`).
    Unclean,
    /// Nobody: there is no leader.
    Nobody,
}

/// A follower as its leader knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FollowerState {
    /// Its broker.
    pub broker: i32,
    /// Where its log ends, as its last fetch said; -1 where it has not fetched in this epoch.
    pub log_end_offset: i64,
    /// The virtual time at which it last had all that the leader had.
    pub caught_up_at: u64,
}

/// A step of a producer's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionStep {
    /// `beginTransaction()` was called.
    Begun,
    /// `commitTransaction()` was called: from here on it may be committed.
    Commits,
    /// `abortTransaction()` was called, or the producer was closed.
    Aborts,
    /// The producer was told that it is committed.
    Committed,
    /// The producer was told that it is aborted.
    Aborted,
    /// The producer was told that it cannot go on, or cannot begin.
    Failed(TransactionError),
}

/// What an administrator orders that moves groups or logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// A group goes on elsewhere (OffsetCommit without a member).
    SetOffset {
        /// Which.
        group: String,
        /// In which partition of which topic.
        partition: (String, i32),
        /// From where on.
        offset: i64,
    },
    /// What a group has committed in a partition goes (OffsetDelete).
    DeleteOffset {
        /// Which.
        group: String,
        /// In which partition of which topic.
        partition: (String, i32),
    },
    /// A group goes with all that it has committed (DeleteGroups).
    DeleteGroup {
        /// Which.
        group: String,
    },
    /// A log begins later (DeleteRecords, KIP-107).
    DeleteRecords {
        /// Which partition of which topic.
        partition: (String, i32),
        /// Where; -1 for the high watermark.
        before: i64,
    },
}

/// What an administrator knows of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderOutcome {
    /// It is given: from here on it may be done.
    Given,
    /// It is done.
    Done {
        /// Where the log starts now that was to begin later; -1 for other orders.
        log_start: i64,
    },
    /// It was refused.
    Refused,
    /// Nobody answered, or not whether it is done.
    Unknown,
}

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// `send()` was called and has not returned: the program's thread stands still.
    SendBlocks {
        /// The record.
        record: RecordId,
        /// For what.
        waits_for: WaitsFor,
    },
    /// A producer handed a record to its client library: `send()` has returned, and was called now unless it blocked.
    Sent {
        /// The record.
        record: RecordId,
        /// Where it goes.
        partition: TopicPartition,
        /// Its key, if it has one.
        key: Option<u64>,
        /// It has no value: it says that its key is gone.
        is_tombstone: bool,
    },
    /// The future of `send()` was completed.
    SendDone {
        /// The record.
        record: RecordId,
        /// Where it went.
        partition: TopicPartition,
        /// What the producer was told.
        outcome: SendOutcome,
    },
    /// A producer sends a record again that an earlier attempt may have stored.
    SentAgain {
        /// The record.
        record: RecordId,
        /// Where it goes.
        partition: TopicPartition,
        /// What became of the earlier attempt.
        error: SendError,
    },
    /// A producer's client sends a batch again that was refused, or not answered.
    BatchRetried {
        /// The producer's process.
        producer: u32,
        /// Where it goes.
        partition: TopicPartition,
        /// How many records are in it.
        records: u64,
        /// What became of the last attempt.
        error: SendError,
    },
    /// An idempotent producer has bumped its epoch, and sequence numbers begin again (KIP-360).
    EpochBumped {
        /// The producer's process.
        producer: u32,
        /// The partition that asked for it.
        partition: TopicPartition,
        /// The producer id.
        producer_id: i64,
        /// The epoch from now on.
        epoch: i16,
    },
    /// A producer's transaction came a step further.
    Transaction {
        /// The producer's process.
        producer: u32,
        /// The number of the first record that may belong to it.
        first: u64,
        /// What was called, or told.
        step: TransactionStep,
    },
    /// A coordinator aborts a transaction that has been open for longer than it may, and fences its producer.
    TransactionTimedOut {
        /// The coordinator.
        broker: i32,
        /// Whose.
        transactional_id: String,
        /// `transaction.timeout.ms`
        timeout_ms: i32,
    },
    /// `send()` has failed: the record was in no batch.
    NotSent {
        /// The record.
        record: RecordId,
        /// Why.
        error: SendError,
    },
    /// An administrator was told what came of a command.
    Administered {
        /// The process.
        admin: u32,
        /// The command.
        command: String,
        /// What it was told.
        told: String,
        /// That it failed.
        failed: bool,
    },
    /// An administrator orders what moves groups or logs, or is told what came of it.
    Ordered {
        /// The process.
        admin: u32,
        /// What.
        order: Order,
        /// How far it is.
        outcome: OrderOutcome,
    },
    /// A program sends a record that it has made of one it had read.
    Derived {
        /// The record.
        record: RecordId,
        /// Where the one lies that it is made of.
        from: TopicPartition,
        /// At which offset.
        offset: i64,
        /// Which it is of several that are made of one, from 0.
        copy: u32,
    },
    /// A broker answers a consumer with records.
    Served {
        /// The broker.
        broker: i32,
        /// From where.
        partition: TopicPartition,
        /// One past the last of them.
        to: i64,
    },
    /// A consumer's `poll()` returned a record.
    Read {
        /// The consumer's process.
        consumer: u32,
        /// From where.
        partition: TopicPartition,
        /// At which offset.
        offset: i64,
        /// Which record it is; `None` for one whose headers do not say.
        record: Option<RecordId>,
    },
    /// A consumer's position moved without reading (reset, seek).
    Positioned {
        /// The consumer's process.
        consumer: u32,
        /// Where.
        partition: TopicPartition,
        /// To which offset.
        offset: i64,
        /// From where, and why.
        moved: Moved,
    },
    /// Partitions came to a member of a group.
    Assigned {
        /// The consumer's process.
        consumer: u32,
        /// In which generation of the group.
        generation: i32,
        /// Which, maybe none.
        partitions: Vec<TopicPartition>,
    },
    /// A member of a group has given partitions up.
    Revoked {
        /// The consumer's process.
        consumer: u32,
        /// Which.
        partitions: Vec<TopicPartition>,
        /// It was no member any more: another may have had them already.
        lost: bool,
    },
    /// A member's program has done its work on what it was given of a partition.
    WorkedOn {
        /// The consumer's process.
        consumer: u32,
        /// Of which partition.
        partition: TopicPartition,
        /// The offset of the first of these records.
        from: i64,
        /// One past the last of them.
        to: i64,
    },
    /// A member was told that its group goes on from here.
    Committed {
        /// The consumer's process.
        consumer: u32,
        /// In which partition.
        partition: TopicPartition,
        /// The next offset to read.
        offset: i64,
    },
    /// A member was told that its offsets are not committed.
    NotCommitted {
        /// The consumer's process.
        consumer: u32,
        /// Kafka's code of the error.
        error: i16,
    },
    /// A consumer cannot be a member of its group, and reads no more.
    MemberFailed {
        /// The consumer's process.
        consumer: u32,
        /// Kafka's code of the error.
        error: i16,
    },
    /// A consumer does not know where to read on: its `poll()` throws, and it reads no more.
    PollThrew {
        /// The consumer's process.
        consumer: u32,
        /// What.
        error: PollError,
    },
    /// A member's program has not polled for `max.poll.interval.ms`: it leaves its group.
    PollExpired {
        /// The consumer's process.
        consumer: u32,
        /// How long that is, in milliseconds.
        interval_ms: u64,
    },
    /// What a group has committed is forgotten: nobody used it for `offsets.retention.minutes`.
    OffsetsExpired {
        /// The group's coordinator.
        broker: i32,
        /// The group.
        group: String,
        /// Of which partitions, by the names of their topics.
        places: Vec<(String, i32)>,
    },
    /// The controller does not register a broker.
    RegistrationRefused {
        /// The broker.
        broker: i32,
        /// Kafka's code of the error.
        error: i16,
    },
    /// A program could not work on a record.
    Poisoned {
        /// The consumer's process.
        consumer: u32,
        /// Where it lies.
        partition: TopicPartition,
        /// At which offset.
        offset: i64,
        /// How often it has tried.
        tries: u32,
        /// The topic that it went to instead, where it tries no more.
        dead_letter: Option<String>,
    },
    /// A broker began to serve as leader.
    BecameLeader {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: i32,
        /// Where its log ended.
        log_end_offset: i64,
        /// Where its high watermark was.
        high_watermark: i64,
    },
    /// A broker began to follow.
    BecameFollower {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: i32,
        /// Whom.
        leader: i32,
    },
    /// A replica cut its log.
    Truncated {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// Where the log ended before.
        from: i64,
        /// Where it ends now.
        to: i64,
    },
    /// A follower gave up its whole log: it ended before its leader's begins (`truncateFullyAndStartAt`).
    TruncatedFully {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// Where the log started before.
        log_start_offset: i64,
        /// Where it ended before.
        log_end_offset: i64,
        /// Where it starts now, with nothing in it.
        to: i64,
    },
    /// The controller changed a partition: election, ISR, ELR.
    PartitionChanged {
        /// Which.
        partition: TopicPartition,
        /// Its leader now; -1 for none.
        leader: i32,
        /// Its leader epoch now.
        leader_epoch: i32,
        /// Its ISR now.
        isr: Vec<i32>,
        /// Leader before.
        leader_before: i32,
        /// ISR before.
        isr_before: Vec<i32>,
        /// The election was unclean, or of the last known leader.
        unclean: bool,
        /// How the leader was elected, where it is another one.
        elected: Option<Elected>,
        /// Its eligible leader replicas now (KIP-966).
        elr: Vec<i32>,
        /// Eligible leader replicas before.
        elr_before: Vec<i32>,
    },
    /// The controller created a topic.
    TopicCreated {
        /// The number it was given.
        topic: u32,
        /// The id it was given.
        id: uuid::Uuid,
        /// Its name.
        name: String,
        /// How many partitions it has.
        partitions: u32,
        /// It is one of those that a run begins with.
        from_the_start: bool,
    },
    /// The controller did not create a topic that is due.
    TopicRefused {
        /// Its name.
        name: String,
        /// Kafka's code of the error.
        error: i16,
        /// Kafka's message.
        why: String,
    },
    /// The controller deleted a topic.
    TopicDeleted {
        /// Its number.
        topic: u32,
        /// The name it had.
        name: String,
    },
    /// The controller gave a topic more partitions.
    PartitionsCreated {
        /// Its number.
        topic: u32,
        /// How many it had.
        from: u32,
        /// How many it has now.
        to: u32,
    },
    /// A leader asks the controller for another ISR.
    IsrProposed {
        /// The leader.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// The ISR it has.
        isr_before: Vec<i32>,
        /// The ISR it asks for.
        isr: Vec<i32>,
        /// Its high watermark.
        high_watermark: i64,
        /// Where its log ends.
        log_end_offset: i64,
        /// Who shall leave or enter.
        changed: Vec<FollowerState>,
    },
    /// The controller fenced (true) or unfenced a broker.
    Fenced {
        /// Which.
        broker: i32,
        /// Fenced or unfenced.
        fenced: bool,
    },
    /// The controller lets a broker shut down: its partitions get other leaders first.
    InControlledShutdown {
        /// Which.
        broker: i32,
    },
    /// The controller registered a broker.
    Registered {
        /// Which.
        broker: i32,
        /// The epoch it was given.
        broker_epoch: i64,
    },
    /// A leader's log began a new segment.
    Rolled {
        /// The broker.
        broker: i32,
        /// Whose log.
        partition: TopicPartition,
        /// The new segment's base offset.
        base_offset: i64,
    },
    /// Retention removed the oldest segments of a log.
    SegmentsDeleted {
        /// The broker.
        broker: i32,
        /// Whose log.
        partition: TopicPartition,
        /// How many.
        segments: u32,
        /// Where the log started before.
        from: i64,
        /// Where it starts now.
        to: i64,
    },
    /// Retention has begun to spare a segment, and all behind it, because its records are of the broker's future.
    RetentionHeldUp {
        /// The broker.
        broker: i32,
        /// Whose log.
        partition: TopicPartition,
        /// Where the segment begins.
        base_offset: i64,
    },
    /// A log was opened, and there was something to check or mend.
    LogRecovered {
        /// The broker.
        broker: i32,
        /// Whose log.
        partition: TopicPartition,
        /// Up to where it was known to be on the medium.
        recovery_point: i64,
        /// Where it ends.
        log_end_offset: i64,
        /// What was done.
        recovered: Recovered,
    },
    /// A broker ends by itself: its only log directory failed, or it cannot load its logs.
    Halted {
        /// The broker.
        broker: i32,
        /// What it met, in a sentence with Kafka's exception.
        why: String,
    },
    /// Something is wrong with a broker's files, and the broker goes on.
    StorageWarning {
        /// The broker.
        broker: i32,
        /// What it met and what it makes of it.
        why: String,
    },
    /// A broker leaves a replica alone that it cannot open, or cannot follow the leader with.
    ReplicaFailed {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// What it met, in a sentence with Kafka's exception.
        why: String,
    },
    /// A follower was given records that it does not take, and asks for them again and again.
    InvalidMessages {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// From where on.
        offset: i64,
        /// What is wrong with them, in a sentence with Kafka's exception.
        why: String,
    },
    /// A consumer asked for an offset that the leader's log does not have (any more).
    OutOfRange {
        /// The consumer's process.
        consumer: u32,
        /// Of what.
        partition: TopicPartition,
        /// For which offset.
        offset: i64,
    },
    /// A broker's cleaner went over a log.
    Cleaned {
        /// The broker.
        broker: i32,
        /// Whose log.
        partition: TopicPartition,
        /// Where the dirty part began.
        from: i64,
        /// Up to here the log is clean.
        to: i64,
        /// Records that were read.
        messages_read: u64,
        /// Records that stayed.
        messages_written: u64,
    },
    /// A broker's cleaner failed on a log and leaves it alone from now on (KIP-346).
    Uncleanable {
        /// The broker.
        broker: i32,
        /// Whose log.
        partition: TopicPartition,
        /// Kafka's exception.
        exception: &'static str,
    },
    /// A leader's or follower's high watermark moved.
    HighWatermark {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// To where.
        offset: i64,
    },
    /// A batch lies in a leader's log.
    Appended {
        /// The broker.
        broker: i32,
        /// Of what.
        partition: TopicPartition,
        /// First offset.
        base_offset: i64,
        /// Last offset.
        last_offset: i64,
        /// The epoch under which it was appended.
        leader_epoch: i32,
    },
}
