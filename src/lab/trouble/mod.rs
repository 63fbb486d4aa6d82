//! What producers suffer, gathered: stalls with their reasons, retries, refusals, blocked `send()`s, bumps of the epoch.
//!
//! A producer is told of each record and each retry, and none of them is a turning point. What follows from one cause is one
//! trouble of a producer with a partition, or with `send()`, from its begin to its end: however many records there are, there
//! are as many troubles. It is not over before records were acknowledged again, and for a while nothing else went wrong.

mod call;
mod reason;
mod suffered;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use litemap::LiteMap;

use call::Calls;
pub use reason::{Ill, Reason, Why};
pub(in crate::lab) use reason::{reasons, reasons_of_isr, reasons_of_leader, reasons_of_writes, state_of};
use suffered::{BLOCKED_US, add_new};
pub use suffered::{InCall, Spells, Trouble};
pub use words::text;
pub(in crate::lab) use words::{of_call, of_ill, partitions, why, why_in_call};

use super::check::{OUTAGE_US, When};
use super::observer::Observer;
use crate::note::{Note, RecordId, SendError, SendOutcome, WaitsFor};
use crate::sim::process::ProcessId;
use crate::sim::{MILLISECOND, SECOND, Time};
use crate::wire::TopicPartition;

/// For so long nothing must go wrong before a trouble is over: what comes sooner has the same cause.
const QUIET_US: Time = 5 * SECOND;
/// How often it is looked why somebody waits.
const LOOK_US: Time = 100 * MILLISECOND;
/// Somebody who waits for so long has a reason to.
const WAIT_US: Time = 200 * MILLISECOND;
/// Where a producer waits: in the partition of this number of its topic, whichever topic has its name now, or in `send()`.
type Place = (ProcessId, Option<i32>);

/// A producer's wait at a place.
#[derive(Clone, Debug, Default)]
struct Wait {
    /// The partition, where it is one.
    partition: Option<TopicPartition>,
    /// Records that wait for an answer.
    waiting: u64,
    /// Records that failed since one was acknowledged.
    failed: u64,
    /// When one was acknowledged last, or when it began to wait where none was since.
    since: Option<When>,
    /// What is wrong since then.
    reasons: Vec<Reason>,
    /// Since when `send()` blocks, and for what.
    blocked: Option<(When, WaitsFor)>,
    /// Something went wrong, and nothing was acknowledged behind it.
    is_pending: bool,
    trouble: Option<Trouble>,
}

impl Wait {
    fn begin(&mut self, now: When) {
        // Where the last ones failed, what began then is not over.
        if self.waiting + self.failed == 0 {
            self.since = Some(now);
        }
        self.waiting += 1;
    }

    /// The trouble that it is in, from now on unless it was in one.
    fn trouble(&mut self, producer: ProcessId, now: When) -> &mut Trouble {
        let waits = self.waiting + self.failed > 0;
        let from = self.since.filter(|_| waits).unwrap_or(now);
        self.is_pending = true;
        let partition = self.partition;
        let trouble = self.trouble.get_or_insert_with(|| Trouble::new(producer, partition, from));
        trouble.to = now;
        trouble
    }

    /// How long nothing was acknowledged, where that is an outage.
    fn stall(&self, now: When) -> Option<Time> {
        let since = self.since.filter(|_| self.waiting + self.failed > 0)?;
        Some(now.time - since.time).filter(|us| *us >= OUTAGE_US)
    }

    /// Something was acknowledged.
    fn acknowledged(&mut self, producer: ProcessId, now: When) {
        self.end_stall(producer, now);
        if self.is_pending
            && let Some(trouble) = &mut self.trouble
        {
            trouble.add_reasons(&self.reasons);
            trouble.to = now;
        }
        self.reasons.clear();
        self.is_pending = false;
        self.failed = 0;
        self.since = Some(now);
        self.waiting = self.waiting.saturating_sub(1);
    }

    fn end_stall(&mut self, producer: ProcessId, now: When) {
        // It did not wait for long.
        let Some(us) = self.stall(now) else { return };
        // Those that failed meanwhile waited, too.
        let waiting = self.waiting + self.failed;
        let trouble = self.trouble(producer, now);
        trouble.stalls.add(us);
        trouble.waited = trouble.waited.max(waiting);
    }

    fn end_block(&mut self, record: RecordId, now: When) {
        // `send()` did not block.
        let Some((since, waits_for)) = self.blocked.take() else { return };
        let us = now.time - since.time;
        // A producer's first call always waits for metadata.
        if record.number > 0 || us >= OUTAGE_US || waits_for == WaitsFor::Memory {
            let trouble = self.trouble.get_or_insert_with(|| Trouble::new(record.producer, None, since));
            trouble.to = now;
            trouble.blocks.add(us);
            add_new(&mut trouble.waits_for, &[waits_for]);
        }
    }

    fn is_over(&self, now: When) -> bool {
        let quiet = self.trouble.as_ref().is_some_and(|trouble| now.time - trouble.to.time >= QUIET_US);
        quiet && !self.is_pending && self.failed == 0 && self.blocked.is_none() && self.stall(now).is_none()
    }

    /// The trouble as it is now.
    fn seen(&self, producer: ProcessId, now: When) -> Option<Trouble> {
        let mut wait = self.clone();
        let is_over = !wait.is_pending && wait.stall(now).is_none() && wait.blocked.is_none();
        // What failed at last is over, and nobody waits any more.
        let is_at_end = wait.waiting == 0 && wait.blocked.is_none();
        if let Some((since, waits_for)) = wait.blocked.filter(|(since, _)| now.time - since.time >= BLOCKED_US) {
            let trouble = wait.trouble.get_or_insert_with(|| Trouble::new(producer, None, since));
            trouble.blocks.add(now.time - since.time);
            add_new(&mut trouble.waits_for, &[waits_for]);
        }
        let last = wait.trouble.as_ref().map(|trouble| trouble.to).filter(|_| is_at_end);
        wait.end_stall(producer, last.unwrap_or(now));
        let reasons = if wait.is_pending { wait.reasons } else { Vec::new() };
        let mut trouble = wait.trouble?;
        trouble.add_reasons(&reasons);
        trouble.is_over = is_over || is_at_end;
        Some(trouble).filter(Trouble::is_told)
    }
}

/// The watcher of what producers suffer.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    waits: LiteMap<Place, Arc<Wait>>,
    calls: Calls,
    next_look: Time,
}

impl Troubles {
    /// Takes in what a process told. What producers do not tell is nothing to it.
    pub fn observe(&mut self, note: &Note, now: When) {
        self.calls.observe(note, now);
        if let Note::SendBlocks { record, waits_for } = note {
            self.in_send(record.producer).blocked = Some((now, *waits_for));
        } else if let Note::Sent { record, partition, .. } = note {
            if let Some(in_send) = self.waits.get_mut(&(record.producer, None)) {
                let in_send = Arc::make_mut(in_send);
                in_send.end_block(*record, now);
                (in_send.failed, in_send.is_pending) = (0, false);
            }
            self.at(record.producer, *partition).begin(now);
        } else if let Note::NotSent { record, error } = note {
            let in_send = self.in_send(record.producer);
            in_send.end_block(*record, now);
            in_send.failed += 1;
            in_send.since = None;
            in_send.trouble(record.producer, now).failed(*record, *error, false);
        } else if let Note::BatchRetried { producer, partition, error, .. } = note {
            let trouble = self.at(*producer, *partition).trouble(*producer, now);
            *trouble.retries.entry(*error).or_default() += 1;
        } else if let Note::EpochBumped { producer, partition, epoch, .. } = note {
            let trouble = self.at(*producer, *partition).trouble(*producer, now);
            let (first, _) = trouble.epochs.unwrap_or((*epoch, *epoch));
            trouble.epochs = Some((first, *epoch));
        } else if let Note::SendDone { record, partition, outcome } = note {
            let wait = self.at(record.producer, *partition);
            match outcome {
                SendOutcome::Acknowledged { .. } | SendOutcome::Unanswered => wait.acknowledged(record.producer, now),
                // Its program wants it so.
                SendOutcome::Refused(SendError::TransactionAborted) => wait.waiting = wait.waiting.saturating_sub(1),
                SendOutcome::Refused(error) | SendOutcome::Unknown(error) => {
                    let may_be_stored = matches!(outcome, SendOutcome::Unknown(_));
                    wait.trouble(record.producer, now).failed(*record, *error, may_be_stored);
                    wait.waiting = wait.waiting.saturating_sub(1);
                    wait.failed += 1;
                }
            }
        }
    }

    /// A process is at its end, and waits for nothing any more.
    pub fn ended(&mut self, process: ProcessId, now: When) {
        self.calls.end(process, now);
        for ((producer, _), wait) in &mut self.waits {
            if *producer == process {
                let wait = Arc::make_mut(wait);
                wait.end_stall(process, now);
                let (partition, mut trouble) = (wait.partition, wait.trouble.take());
                if let Some(trouble) = &mut trouble {
                    trouble.add_reasons(&wait.reasons);
                }
                *wait = Wait { partition, trouble, ..Wait::default() };
            }
        }
    }

    /// Looks why somebody waits, and gives what is over by now.
    pub fn look(&mut self, now: When, observer: &Observer<'_>) -> Vec<Trouble> {
        if now.time < self.next_look {
            return Vec::new();
        }
        self.next_look = now.time + LOOK_US;
        self.see_reasons(now, observer);
        self.see_behind(now);
        let over = |((producer, _), wait): (&Place, &mut Arc<Wait>)| {
            if !wait.is_over(now) {
                return None;
            }
            let trouble = wait.seen(*producer, now);
            Arc::make_mut(wait).trouble = None;
            trouble
        };
        let over: Vec<Trouble> = self.waits.iter_mut().filter_map(over).collect();
        over.into_iter().chain(self.calls.look(now, observer)).collect()
    }

    /// What is known by now of troubles that have not been given yet.
    #[must_use]
    pub fn open(&self, now: When) -> Vec<Trouble> {
        let waits = self.waits.iter().filter_map(|((producer, _), wait)| wait.seen(*producer, now));
        waits.chain(self.calls.open(now)).collect()
    }

    /// All calls of transactions up to now in which a producer waited for a second and longer.
    #[must_use]
    pub fn calls(&self, now: When) -> Vec<Trouble> {
        self.calls.all(now)
    }

    fn see_reasons(&mut self, now: When, observer: &Observer<'_>) {
        for ((producer, _), wait) in &mut self.waits {
            let waits = wait.waiting > 0 && wait.since.is_some_and(|since| now.time - since.time >= WAIT_US);
            // In `send()` there is no partition to look at.
            let Some(partition) = wait.partition.filter(|_| waits) else { continue };
            let reasons = reason::reasons(*producer, partition, observer);
            if reasons.iter().any(|reason| !wait.reasons.contains(reason)) {
                add_new(&mut Arc::make_mut(wait).reasons, &reasons);
            }
        }
    }

    /// Whose records use up the memory for which a `send()` has blocked for long.
    fn see_behind(&mut self, now: When) {
        let blocks = |((producer, _), wait): (&Place, &Arc<Wait>)| {
            let (since, _) = wait.blocked.filter(|(_, waits_for)| *waits_for == WaitsFor::Memory)?;
            (now.time - since.time >= BLOCKED_US).then_some((*producer, since))
        };
        let blocked: Vec<_> = self.waits.iter().filter_map(blocks).collect();
        for (producer, since) in blocked {
            let late = |((of, _), wait): (&Place, &Arc<Wait>)| {
                let late = wait.waiting > 0 && wait.since.is_some_and(|since| now.time - since.time >= WAIT_US);
                wait.partition.filter(|_| late && *of == producer)
            };
            let behind: Vec<TopicPartition> = self.waits.iter().filter_map(late).collect();
            let wait = self.in_send(producer);
            let trouble = wait.trouble.get_or_insert_with(|| Trouble::new(producer, None, since));
            add_new(&mut trouble.behind, &behind);
        }
    }

    fn in_send(&mut self, producer: ProcessId) -> &mut Wait {
        Arc::make_mut(self.waits.entry((producer, None)).or_default())
    }

    fn at(&mut self, producer: ProcessId, partition: TopicPartition) -> &mut Wait {
        let wait = self.waits.entry((producer, Some(partition.partition))).or_default();
        let wait = Arc::make_mut(wait);
        wait.partition = Some(partition);
        wait
    }
}
