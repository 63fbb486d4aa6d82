//! Errors that clients see, where a scenario expects some.
//!
//! An error code is seen where an answer tells it, or where a client without an answer stands in for one (REQUEST_TIMED_OUT,
//! NETWORK_EXCEPTION). An exception is what a call of the program comes to: of `send()`, a commit, a transaction, `poll()`.

use kafka_protocol::error::ResponseError;

use super::names::{Names, Role};
use super::scenario::{ClientError, Expectation, ExpectedError, Scenario};
use crate::note::{Note, SendError, SendOutcome, TransactionStep};
use crate::sim::Time;
use crate::sim::process::ProcessId;
use crate::sim::queue::{Event, EventKind};
use crate::wire::{Body, Message, commit_exception_of, exception_of};

/// Of each expectation of the scenario: how often its error was seen, and when that was often enough.
#[derive(Clone, Debug, Default)]
pub struct ErrorsSeen {
    counts: Vec<(u64, Option<Time>)>,
    expects_some: bool,
}

impl ErrorsSeen {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let expects_some = scenario.expectations.iter().any(|it| matches!(it, Expectation::Error(_)));
        Self { counts: vec![(0, None); scenario.expectations.len()], expects_some }
    }

    /// Whether an expectation is met so far, and since when.
    #[must_use]
    pub fn outcome(&self, place: usize, expected: &ExpectedError) -> (bool, Option<Time>) {
        let (count, at) = self.counts.get(place).copied().unwrap_or_default();
        (count >= expected.at_least && expected.at_most.is_none_or(|most| count <= most), at)
    }

    /// A message has arrived, or something else.
    pub(super) fn see(&mut self, event: &Event<Message>, time: Time, scenario: &Scenario, names: &Names) {
        if !self.expects_some {
            return;
        }
        // Nothing else tells an error.
        let EventKind::Delivery(_, message) = &event.kind else { return };
        // Nobody is asked of an error.
        let Body::Response(response) = &message.body else { return };
        let mut codes = response.content().errors();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            self.count(event.target, &ClientError::Code(code), time, scenario, names);
        }
    }

    /// A process has told something.
    pub(super) fn hear(&mut self, note: &Note, time: Time, scenario: &Scenario, names: &Names) {
        if !self.expects_some {
            return;
        }
        // It tells of none.
        let Some((process, exception, own_code)) = told_by(note) else { return };
        if let Some(exception) = exception {
            self.count(process, &ClientError::Exception(exception), time, scenario, names);
        }
        if let Some(code) = own_code {
            self.count(process, &ClientError::Code(code), time, scenario, names);
        }
    }

    fn count(&mut self, process: ProcessId, error: &ClientError, time: Time, scenario: &Scenario, names: &Names) {
        if !is_client(names.role(process)) {
            return;
        }
        for (seen, expected) in self.counts.iter_mut().zip(&scenario.expectations) {
            if let Expectation::Error(expected) = expected
                && expected.error == *error
                && expected.is_of(&names.process(process))
            {
                seen.0 += 1;
                if seen.0 == expected.at_least {
                    seen.1 = Some(time);
                }
            }
        }
    }
}

fn is_client(role: Option<Role>) -> bool {
    match role {
        Some(Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator) => true,
        Some(Role::Controller | Role::Broker(_)) | None => false,
    }
}

/// Who tells of an error: the exception of a call, and the code for which the client itself stands.
fn told_by(note: &Note) -> Option<(ProcessId, Option<String>, Option<i16>)> {
    match note {
        Note::SendDone { record, outcome: SendOutcome::Refused(error) | SendOutcome::Unknown(error), .. }
        | Note::NotSent { record, error } => Some((record.producer, Some(error.exception()), None)),
        Note::BatchRetried { producer, error, .. } => Some((*producer, None, own_code(*error))),
        Note::Transaction { producer, step: TransactionStep::Failed(error), .. } => {
            Some((*producer, Some(error.exception()), None))
        }
        Note::NotCommitted { consumer, error } => Some((*consumer, Some(commit_exception_of(*error)), None)),
        Note::MemberFailed { consumer, error } => Some((*consumer, Some(exception_of(*error)), None)),
        Note::PollThrew { consumer, error } => Some((*consumer, Some(error.exception()), None)),
        // Of these no client is told an error.
        Note::SendBlocks { .. }
        | Note::Sent { .. }
        | Note::SendDone { .. }
        | Note::SentAgain { .. }
        | Note::EpochBumped { .. }
        | Note::Transaction { .. }
        | Note::Administered { .. }
        | Note::TransactionTimedOut { .. }
        | Note::Ordered { .. }
        | Note::Derived { .. }
        | Note::Served { .. }
        | Note::Read { .. }
        | Note::Positioned { .. }
        | Note::Assigned { .. }
        | Note::Revoked { .. }
        | Note::WorkedOn { .. }
        | Note::Committed { .. }
        | Note::Poisoned { .. }
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
        | Note::PollExpired { .. }
        | Note::OffsetsExpired { .. }
        | Note::RegistrationRefused { .. }
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

/// A code that no broker has answered.
fn own_code(error: SendError) -> Option<i16> {
    let own = [ResponseError::RequestTimedOut, ResponseError::NetworkException];
    match error {
        SendError::Broker(code) => own.iter().any(|it| it.code() == code).then_some(code),
        SendError::Expired
        | SendError::BufferExhausted
        | SendError::NotInMetadata
        | SendError::RecordTooLarge
        | SendError::TransactionAborted => None,
    }
}
