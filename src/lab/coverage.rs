//! How often a run reached what a search is made for: failures, elections, losses of logs, errors of clients. A situation that a
//! search never reached proves nothing.
//!
//! After TigerBeetle's coverage marks: what a search did not reach is told beside what it did.

use crate::note::{Elected, Moved, Note, SendError, SendOutcome, TransactionStep};
use crate::sim::fault::Fault;

macro_rules! situations {
    ($($variant:ident $name:literal $about:literal;)*) => {
        /// A situation that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Situation {
            $(#[doc = $about] $variant,)*
        }

        impl Situation {
            /// All of them, in the order of reports.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

situations! {
    Kill "kills" "A process was killed.";
    ClientDeath "client-deaths" "A producer or consumer was killed, or its machine lost power.";
    PowerLoss "power-losses" "A machine lost power.";
    Stop "stops" "A process was told to end.";
    Pause "pauses" "A process stood still.";
    Cut "cuts" "A link was cut in one direction.";
    Clog "clogs" "A link held back what was sent over it in one direction.";
    Link "links-set" "A link got another latency, loss or bandwidth, or its own again.";
    Skew "skews" "A clock was put wrong.";
    Drift "drifts" "A clock began to run fast or slow.";
    SlowDisk "slow-disks" "A disk became slower.";
    FullDisk "full-disks" "A disk had no room left.";
    Rot "flipped-bits" "Bits of a batch on a disk were flipped.";
    RemovedFile "removed-files" "A file went from a disk.";
    Message "message-faults" "A message was lost, repeated or held, as TCP forbids.";
    Halt "halts" "A broker ended by itself, because its log directory failed.";
    Fenced "fenced" "The controller fenced a broker.";
    Election "elections" "A partition got another leader.";
    EligibleElection "elections-from-elr" "The leader came from the ELR: the ISR was empty.";
    LastKnownElection "elections-of-last-known-leader" "The last known leader leads again: ISR and ELR were empty.";
    UncleanElection "unclean-elections" "Some live replica leads, whatever it has.";
    Leaderless "leaderless" "A partition lost its leader and got no other.";
    IsrShrink "isr-shrinks" "An ISR became smaller.";
    IsrGrowth "isr-growths" "An ISR grew.";
    Elr "elr" "A replica entered an ELR.";
    Truncation "truncations" "A follower cut its log.";
    FullTruncation "full-truncations" "A follower gave up its whole log.";
    Recovered "recovered-logs" "A log was checked after an unclean shutdown.";
    TornBatch "torn-batches" "Recovery cut the end of a log.";
    RebuiltIndex "rebuilt-indexes" "Index files of a segment were built anew.";
    Rolled "rolled-segments" "A log began another segment.";
    Retention "retained-segments" "Retention removed segments.";
    Cleaned "cleaned-logs" "A cleaner went over a log.";
    Reset "resets" "A consumer went where auto.offset.reset says.";
    ConsumerTruncated "consumer-truncations" "A consumer found that its leader's log was cut (KIP-320).";
    Rebalance "rebalances" "A member of a group was told what it is assigned.";
    PartitionsLost "lost-partitions" "A member of a group was none any more and still had partitions.";
    TransactionCommitted "transactions-committed" "A producer was told that its transaction is committed.";
    TransactionAborted "transactions-aborted" "A producer was told that its transaction is aborted.";
    TransactionFailed "transactional-failures" "A call of a transactional producer failed.";
    NotCommitted "failed-commits" "A member of a group was told that its offsets are not committed.";
    OutOfRange "out-of-range" "A consumer asked for an offset that the log does not have.";
    SentAgain "retries" "A producer sent a record again that may have been stored.";
    NotEnoughReplicas "not-enough-replicas" "A send failed with NOT_ENOUGH_REPLICAS or NOT_ENOUGH_REPLICAS_AFTER_APPEND.";
    Expired "expired-sends" "A send failed after delivery.timeout.ms.";
    Blocked "blocked-sends" "A call of send() waited.";
    Refused "refused-sends" "A send failed otherwise.";
    Settled "settled-runs" "Nothing was broken at the end of the run, so that it was looked at whether everything makes progress.";
    Acknowledged "acknowledged-records" "A record was acknowledged.";
    Read "read-records" "A record was given to a consumer.";
}

/// How often each was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    counts: Vec<u64>,
}

impl Coverage {
    /// How often this one was reached.
    #[must_use]
    pub fn count(&self, of: Situation) -> u64 {
        self.counts.get(of as usize).copied().unwrap_or(0)
    }

    /// All that were reached, with how often.
    pub fn reached(&self) -> impl Iterator<Item = (Situation, u64)> {
        Situation::ALL.iter().map(|of| (*of, self.count(*of))).filter(|(_, count)| *count > 0)
    }

    /// It was reached so many times more.
    pub fn add(&mut self, of: Situation, count: u64) {
        if self.counts.is_empty() {
            self.counts.resize(Situation::ALL.len(), 0);
        }
        self.counts[of as usize] += count;
    }

    /// Something was done to the kernel.
    pub fn suffer(&mut self, fault: &Fault) {
        let of = match fault {
            Fault::Kill(_) => Situation::Kill,
            Fault::LosePower(_) => Situation::PowerLoss,
            Fault::Terminate(_) => Situation::Stop,
            Fault::Pause(_) => Situation::Pause,
            Fault::Cut(..) => Situation::Cut,
            Fault::Clog(..) => Situation::Clog,
            Fault::SetLink(..) => Situation::Link,
            Fault::Skew(_, by) if *by != 0 => Situation::Skew,
            Fault::Drift(_, by) if *by != 0 => Situation::Drift,
            Fault::SlowDisk(_, by) if *by != 0 => Situation::SlowDisk,
            Fault::FillDisk(_) => Situation::FullDisk,
            Fault::FlipBits { .. } => Situation::Rot,
            Fault::RemoveFile(..) => Situation::RemovedFile,
            Fault::Message(..) | Fault::Fate(..) | Fault::Next(_) => Situation::Message,
            // These take something back, or are how a disk is from the beginning.
            Fault::Restart(_)
            | Fault::Resume(_)
            | Fault::Tell(..)
            | Fault::Heal(..)
            | Fault::Skew(..)
            | Fault::Drift(..)
            | Fault::SlowDisk(..)
            | Fault::LimitDisk(..)
            | Fault::Release(_) => return,
        };
        self.add(of, 1);
    }

    /// A process told this.
    pub fn hear(&mut self, note: &Note) {
        match note {
            Note::Read { .. } => self.add(Situation::Read, 1),
            Note::SendDone { outcome, .. } => match outcome {
                SendOutcome::Acknowledged { .. } => self.add(Situation::Acknowledged, 1),
                SendOutcome::Refused(error) | SendOutcome::Unknown(error) => self.add(of_error(*error), 1),
                // Nobody promised anything.
                SendOutcome::Unanswered => {}
            },
            Note::NotSent { error, .. } => self.add(of_error(*error), 1),
            Note::SendBlocks { .. } => self.add(Situation::Blocked, 1),
            Note::SentAgain { .. } => self.add(Situation::SentAgain, 1),
            Note::PartitionChanged { isr, isr_before, elected, elr, elr_before, .. } => {
                self.elected(*elected);
                let is_new = |list: &[i32], before: &[i32]| list.iter().any(|member| !before.contains(member));
                self.add(Situation::IsrShrink, is_new(isr_before, isr).into());
                self.add(Situation::IsrGrowth, is_new(isr, isr_before).into());
                self.add(Situation::Elr, is_new(elr, elr_before).into());
            }
            Note::Positioned { moved, .. } => match moved {
                Moved::Reset { .. } => self.add(Situation::Reset, 1),
                Moved::Truncated { .. } => self.add(Situation::ConsumerTruncated, 1),
                // Where a consumer begins or stays is nothing rare.
                Moved::First | Moved::Committed | Moved::Kept | Moved::Sought { .. } => {}
            },
            Note::LogRecovered { recovered, .. } => {
                self.add(Situation::Recovered, (recovered.checked > 0).into());
                self.add(Situation::TornBatch, (!recovered.cuts.is_empty()).into());
                self.add(Situation::RebuiltIndex, (!recovered.rebuilt.is_empty()).into());
            }
            Note::Truncated { .. } => self.add(Situation::Truncation, 1),
            Note::TruncatedFully { .. } => self.add(Situation::FullTruncation, 1),
            Note::Fenced { fenced, .. } => self.add(Situation::Fenced, (*fenced).into()),
            Note::Rolled { .. } => self.add(Situation::Rolled, 1),
            Note::SegmentsDeleted { segments, .. } => self.add(Situation::Retention, u64::from(*segments)),
            Note::Cleaned { .. } => self.add(Situation::Cleaned, 1),
            Note::Assigned { .. } => self.add(Situation::Rebalance, 1),
            Note::Revoked { lost, .. } => self.add(Situation::PartitionsLost, (*lost).into()),
            Note::NotCommitted { .. } | Note::MemberFailed { .. } => self.add(Situation::NotCommitted, 1),
            Note::Transaction { step, .. } => match step {
                TransactionStep::Committed => self.add(Situation::TransactionCommitted, 1),
                TransactionStep::Aborted => self.add(Situation::TransactionAborted, 1),
                TransactionStep::Failed(_) => self.add(Situation::TransactionFailed, 1),
                // What came of it counts.
                TransactionStep::Begun | TransactionStep::Commits | TransactionStep::Aborts => {}
            },
            Note::OutOfRange { .. } => self.add(Situation::OutOfRange, 1),
            Note::Halted { .. } => self.add(Situation::Halt, 1),
            // These happen in every run, or are told of by the ones above.
            Note::Sent { .. }
            | Note::BatchRetried { .. }
            | Note::EpochBumped { .. }
            | Note::Derived { .. }
            | Note::Served { .. }
            | Note::WorkedOn { .. }
            | Note::Poisoned { .. }
            | Note::Committed { .. }
            | Note::Administered { .. }
            | Note::TransactionTimedOut { .. }
            | Note::Ordered { .. }
            | Note::BecameLeader { .. }
            | Note::BecameFollower { .. }
            | Note::TopicCreated { .. }
            | Note::TopicRefused { .. }
            | Note::TopicDeleted { .. }
            | Note::PartitionsCreated { .. }
            | Note::IsrProposed { .. }
            | Note::InControlledShutdown { .. }
            | Note::Registered { .. }
            | Note::PollThrew { .. }
            | Note::PollExpired { .. }
            | Note::OffsetsExpired { .. }
            | Note::RegistrationRefused { .. }
            | Note::RetentionHeldUp { .. }
            | Note::StorageWarning { .. }
            | Note::ReplicaFailed { .. }
            | Note::InvalidMessages { .. }
            | Note::Uncleanable { .. }
            | Note::HighWatermark { .. }
            | Note::Appended { .. } => {}
        }
    }

    fn elected(&mut self, elected: Option<Elected>) {
        let of = match elected {
            // The leader stays.
            None => return,
            Some(Elected::Nobody) => return self.add(Situation::Leaderless, 1),
            Some(Elected::InSync) => None,
            Some(Elected::Eligible) => Some(Situation::EligibleElection),
            Some(Elected::LastKnown) => Some(Situation::LastKnownElection),
            Some(Elected::Unclean) => Some(Situation::UncleanElection),
        };
        self.add(Situation::Election, 1);
        of.into_iter().for_each(|of| self.add(of, 1));
    }
}

fn of_error(error: SendError) -> Situation {
    // `Errors.NOT_ENOUGH_REPLICAS` and the same after the append.
    const NOT_ENOUGH: [i16; 2] = [19, 20];
    match error {
        SendError::Broker(code) if NOT_ENOUGH.contains(&code) => Situation::NotEnoughReplicas,
        SendError::Expired => Situation::Expired,
        SendError::Broker(_)
        | SendError::BufferExhausted
        | SendError::NotInMetadata
        | SendError::RecordTooLarge
        | SendError::TransactionAborted => Situation::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TopicPartition;

    #[test]
    fn a_note_may_reach_several_situations_at_once() {
        let mut coverage = Coverage::default();
        assert_eq!(coverage.reached().count(), 0);
        let partition = TopicPartition { topic: 0, partition: 0 };
        coverage.hear(&Note::PartitionChanged {
            partition,
            leader: 2,
            leader_epoch: 2,
            isr: vec![2],
            leader_before: 1,
            isr_before: vec![1, 2],
            unclean: false,
            elected: Some(Elected::Eligible),
            elr: vec![1],
            elr_before: Vec::new(),
        });
        coverage.suffer(&Fault::Kill(1));
        coverage.suffer(&Fault::Drift(1, 200));
        coverage.suffer(&Fault::Drift(1, 0));
        let reached: Vec<_> = coverage.reached().map(|(of, count)| (of.name(), count)).collect();
        assert_eq!(
            reached,
            [("kills", 1), ("drifts", 1), ("elections", 1), ("elections-from-elr", 1), ("isr-shrinks", 1), ("elr", 1)]
        );
    }
}
