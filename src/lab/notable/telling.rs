//! What a note is as a turning point: whether it is one, its kind, whom it is about, and what silence brought it about.

use super::kind::{NotableKind, Silence, Subject};
use crate::note::{Moved, Note, SendOutcome, TransactionError, TransactionStep, WaitsFor};
use crate::wire::{CONTROLLER_PROCESS, TopicPartition, broker_process};

/// Whether a note has a line in the story of a run.
pub(super) fn is_told(note: &Note) -> bool {
    match note {
        // What only raises the partition epoch, such as the end of a recovery, is for checkers.
        Note::PartitionChanged { leader, leader_before, isr, isr_before, elr, elr_before, .. } => {
            leader != leader_before || isr != isr_before || elr != elr_before
        }
        // What a run begins with is no turning point of it.
        Note::TopicCreated { from_the_start, .. } => !from_the_start,
        Note::IsrProposed { .. }
        | Note::Fenced { .. }
        | Note::InControlledShutdown { .. }
        | Note::Registered { .. }
        | Note::TopicRefused { .. }
        | Note::TopicDeleted { .. }
        | Note::PartitionsCreated { .. }
        | Note::Truncated { .. }
        | Note::TruncatedFully { .. }
        | Note::Rolled { .. }
        | Note::SegmentsDeleted { .. }
        | Note::RetentionHeldUp { .. }
        | Note::LogRecovered { .. }
        | Note::Halted { .. }
        | Note::StorageWarning { .. }
        | Note::ReplicaFailed { .. }
        | Note::InvalidMessages { .. }
        | Note::OutOfRange { .. }
        | Note::Assigned { .. }
        | Note::MemberFailed { .. }
        | Note::PollThrew { .. }
        | Note::PollExpired { .. }
        | Note::OffsetsExpired { .. }
        | Note::RegistrationRefused { .. }
        | Note::Administered { .. }
        | Note::TransactionTimedOut { .. }
        | Note::Cleaned { .. }
        | Note::Uncleanable { .. } => true,
        // What is given up in good order is assigned to somebody else.
        Note::Revoked { lost, .. } => *lost,
        // A group that joins refuses commits: that is told of it already.
        Note::NotCommitted { .. } => true,
        // That it is tried again and again is seen by what stands still behind it.
        Note::Poisoned { tries, dead_letter, .. } => *tries == 1 || dead_letter.is_some(),
        // A record more or less is no turning point; checkers look at each. What their producer suffers is gathered
        // (`lab::trouble`).
        Note::SendBlocks { .. }
        | Note::SendDone { .. }
        | Note::NotSent { .. }
        | Note::BatchRetried { .. }
        | Note::EpochBumped { .. }
        | Note::Sent { .. }
        | Note::Derived { .. }
        | Note::SentAgain { .. }
        | Note::Read { .. }
        | Note::WorkedOn { .. }
        | Note::Committed { .. }
        | Note::Served { .. }
        | Note::Appended { .. }
        | Note::HighWatermark { .. } => false,
        // Transactions come and go; one that cannot go on is told.
        Note::Transaction { step, .. } => match step {
            TransactionStep::Failed(TransactionError::Abortable(_) | TransactionError::Fatal(_)) => true,
            TransactionStep::Begun
            | TransactionStep::Commits
            | TransactionStep::Aborts
            | TransactionStep::Committed
            | TransactionStep::Aborted
            | TransactionStep::Failed(TransactionError::TimedOut) => false,
        },
        // A consumer's first position is where it begins; another one skips records or reads them again. That a group goes on where
        // it was is what it commits for.
        Note::Positioned { moved, .. } => match moved {
            Moved::First | Moved::Committed => false,
            Moved::Reset { .. } | Moved::Truncated { .. } | Moved::Kept | Moved::Sought { .. } => true,
        },
        // The answer to the command is told, and whom it moves by how much (`Occasion::Weighed`).
        Note::Ordered { .. } => false,
        // The controller's change of the partition is told; that brokers learn of it follows.
        Note::BecameLeader { .. } | Note::BecameFollower { .. } => false,
    }
}

/// What kind of turning point a note is.
pub(super) fn kind(note: &Note) -> NotableKind {
    match note {
        Note::SendDone { outcome: SendOutcome::Refused(_) | SendOutcome::Unknown(_), .. }
        | Note::SendBlocks { waits_for: WaitsFor::Metadata, .. }
        | Note::BatchRetried { .. }
        | Note::EpochBumped { .. }
        | Note::Transaction { step: TransactionStep::Failed(_), .. }
        | Note::NotSent { .. } => NotableKind::Error,
        Note::SendDone { outcome: SendOutcome::Acknowledged { .. } | SendOutcome::Unanswered, .. } => {
            NotableKind::Record
        }
        Note::SendBlocks { waits_for: WaitsFor::Memory, .. }
        | Note::Transaction {
            step:
                TransactionStep::Begun
                | TransactionStep::Commits
                | TransactionStep::Aborts
                | TransactionStep::Committed
                | TransactionStep::Aborted,
            ..
        }
        | Note::Sent { .. }
        | Note::Derived { .. }
        | Note::SentAgain { .. }
        | Note::Read { .. }
        | Note::Served { .. }
        | Note::Positioned { moved: Moved::First | Moved::Committed | Moved::Sought { .. }, .. }
        | Note::WorkedOn { .. }
        | Note::Committed { .. }
        | Note::Appended { .. }
        | Note::HighWatermark { .. } => NotableKind::Record,
        Note::Positioned { moved: Moved::Reset { .. } | Moved::Truncated { .. } | Moved::Kept, .. } => {
            NotableKind::Error
        }
        Note::PartitionChanged { leader, leader_before, .. } if leader == leader_before => NotableKind::Isr,
        Note::PartitionChanged { .. } => NotableKind::Election,
        Note::BecameLeader { .. } | Note::BecameFollower { .. } => NotableKind::Election,
        Note::IsrProposed { .. } => NotableKind::Isr,
        Note::Fenced { .. }
        | Note::InControlledShutdown { .. }
        | Note::Registered { .. }
        | Note::TopicCreated { .. }
        | Note::TopicDeleted { .. }
        | Note::Assigned { .. }
        | Note::Administered { failed: false, .. }
        | Note::Ordered { .. }
        | Note::Revoked { lost: false, .. }
        | Note::PartitionsCreated { .. } => NotableKind::Registration,
        Note::Truncated { .. } | Note::TruncatedFully { .. } => NotableKind::Truncation,
        Note::Rolled { .. }
        | Note::SegmentsDeleted { .. }
        | Note::RetentionHeldUp { .. }
        | Note::LogRecovered { .. } => NotableKind::Storage,
        Note::Cleaned { .. } => NotableKind::Compaction,
        Note::Halted { .. }
        | Note::StorageWarning { .. }
        | Note::ReplicaFailed { .. }
        | Note::InvalidMessages { .. }
        | Note::OutOfRange { .. }
        | Note::TopicRefused { .. }
        | Note::Revoked { lost: true, .. }
        | Note::NotCommitted { .. }
        | Note::Poisoned { .. }
        | Note::MemberFailed { .. }
        | Note::PollThrew { .. }
        | Note::PollExpired { .. }
        | Note::OffsetsExpired { .. }
        | Note::RegistrationRefused { .. }
        | Note::Administered { failed: true, .. }
        | Note::TransactionTimedOut { .. }
        | Note::Uncleanable { .. } => NotableKind::Error,
    }
}

/// Whom a note is about.
pub(super) fn about(note: &Note) -> Vec<Subject> {
    match note {
        Note::Sent { record, partition, .. }
        | Note::SentAgain { record, partition, .. }
        | Note::SendDone { record, partition, .. } => {
            vec![Subject::Process(record.producer), Subject::Partition(*partition)]
        }
        Note::BatchRetried { producer, partition, .. } | Note::EpochBumped { producer, partition, .. } => {
            vec![Subject::Process(*producer), Subject::Partition(*partition)]
        }
        Note::Derived { record, from, .. } => vec![Subject::Process(record.producer), Subject::Partition(*from)],
        Note::SendBlocks { record, .. } | Note::NotSent { record, .. } => vec![Subject::Process(record.producer)],
        Note::Transaction { producer, .. } => vec![Subject::Process(*producer)],
        Note::Administered { admin, .. } | Note::Ordered { admin, .. } => vec![Subject::Process(*admin)],
        Note::Assigned { consumer, partitions, .. } | Note::Revoked { consumer, partitions, .. } => {
            let partitions = partitions.iter().copied().map(Subject::Partition);
            std::iter::once(Subject::Process(*consumer)).chain(partitions).collect()
        }
        Note::NotCommitted { consumer, .. }
        | Note::MemberFailed { consumer, .. }
        | Note::PollThrew { consumer, .. }
        | Note::PollExpired { consumer, .. } => vec![Subject::Process(*consumer)],
        Note::Read { consumer, partition, .. }
        | Note::WorkedOn { consumer, partition, .. }
        | Note::Poisoned { consumer, partition, .. }
        | Note::Committed { consumer, partition, .. }
        | Note::Positioned { consumer, partition, .. }
        | Note::OutOfRange { consumer, partition, .. } => {
            vec![Subject::Process(*consumer), Subject::Partition(*partition)]
        }
        Note::PartitionChanged { partition, leader, .. } => replica(*partition, *leader),
        Note::IsrProposed { partition, broker, changed, .. } => {
            let mut about = replica(*partition, *broker);
            about.extend(changed.iter().filter_map(|follower| process(follower.broker)));
            about
        }
        Note::BecameFollower { broker, partition, leader, .. } => {
            let mut about = replica(*partition, *broker);
            about.extend(process(*leader));
            about
        }
        Note::BecameLeader { broker, partition, .. }
        | Note::Truncated { broker, partition, .. }
        | Note::TruncatedFully { broker, partition, .. }
        | Note::Rolled { broker, partition, .. }
        | Note::SegmentsDeleted { broker, partition, .. }
        | Note::RetentionHeldUp { broker, partition, .. }
        | Note::LogRecovered { broker, partition, .. }
        | Note::ReplicaFailed { broker, partition, .. }
        | Note::InvalidMessages { broker, partition, .. }
        | Note::Cleaned { broker, partition, .. }
        | Note::Uncleanable { broker, partition, .. }
        | Note::HighWatermark { broker, partition, .. }
        | Note::Served { broker, partition, .. }
        | Note::Appended { broker, partition, .. } => replica(*partition, *broker),
        Note::TopicCreated { .. }
        | Note::PartitionsCreated { .. }
        | Note::TopicDeleted { .. }
        | Note::TopicRefused { .. } => vec![Subject::Process(CONTROLLER_PROCESS)],
        Note::Fenced { broker, .. }
        | Note::InControlledShutdown { broker }
        | Note::Registered { broker, .. }
        | Note::RegistrationRefused { broker, .. }
        | Note::OffsetsExpired { broker, .. }
        | Note::TransactionTimedOut { broker, .. }
        | Note::Halted { broker, .. }
        | Note::StorageWarning { broker, .. } => process(*broker).into_iter().collect(),
    }
}

/// What was missing where a note tells of a timer that found it.
pub(super) fn silence(note: &Note) -> Option<Silence> {
    match note {
        Note::Fenced { broker, fenced: true } => Some(Silence::Session { broker: broker_process(*broker)? }),
        // A leader asks for a smaller ISR because of those who lag behind; the first stands for all.
        Note::IsrProposed { broker, isr_before, isr, changed, .. } if isr.len() < isr_before.len() => {
            let follower = broker_process(changed.first()?.broker)?;
            Some(Silence::Lag { follower, leader: broker_process(*broker)? })
        }
        // All else is brought about by what its event received, or by somebody's plan.
        Note::Fenced { .. }
        | Note::IsrProposed { .. }
        | Note::SendBlocks { .. }
        | Note::Sent { .. }
        | Note::Derived { .. }
        | Note::SentAgain { .. }
        | Note::BatchRetried { .. }
        | Note::EpochBumped { .. }
        | Note::Transaction { .. }
        | Note::SendDone { .. }
        | Note::NotSent { .. }
        | Note::Read { .. }
        | Note::Served { .. }
        | Note::Positioned { .. }
        | Note::Assigned { .. }
        | Note::Revoked { .. }
        | Note::WorkedOn { .. }
        | Note::Committed { .. }
        | Note::NotCommitted { .. }
        | Note::Poisoned { .. }
        | Note::MemberFailed { .. }
        | Note::PollThrew { .. }
        | Note::PollExpired { .. }
        | Note::OffsetsExpired { .. }
        | Note::RegistrationRefused { .. }
        | Note::Administered { .. }
        | Note::Ordered { .. }
        | Note::TransactionTimedOut { .. }
        | Note::BecameLeader { .. }
        | Note::BecameFollower { .. }
        | Note::Truncated { .. }
        | Note::TruncatedFully { .. }
        | Note::PartitionChanged { .. }
        | Note::Registered { .. }
        | Note::InControlledShutdown { .. }
        | Note::TopicCreated { .. }
        | Note::TopicRefused { .. }
        | Note::TopicDeleted { .. }
        | Note::PartitionsCreated { .. }
        | Note::Rolled { .. }
        | Note::SegmentsDeleted { .. }
        | Note::RetentionHeldUp { .. }
        | Note::LogRecovered { .. }
        | Note::Halted { .. }
        | Note::StorageWarning { .. }
        | Note::ReplicaFailed { .. }
        | Note::InvalidMessages { .. }
        | Note::OutOfRange { .. }
        | Note::Cleaned { .. }
        | Note::Uncleanable { .. }
        | Note::HighWatermark { .. }
        | Note::Appended { .. } => None,
    }
}

/// A partition, and a broker that has a replica of it.
fn replica(partition: TopicPartition, broker: i32) -> Vec<Subject> {
    std::iter::once(Subject::Partition(partition)).chain(process(broker)).collect()
}

fn process(broker: i32) -> Option<Subject> {
    broker_process(broker).map(Subject::Process)
}
