//! What coordinators of groups say, held against their logs: a commit is answered once it is committed, and what a coordinator knows of
//! offsets is what its log says, record by record (`CoordinatorRuntime`, `OffsetMetadataManager.replay`).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::Invariants;
use crate::broker::TRANSACTIONS_TOPIC;
use crate::broker::groups::{CommitPlace, GROUPS_TOPIC};
use crate::lab::check::{Commit, Evidence, Findings};
use crate::lab::scenario::FindingKind;
use crate::note::{Moved, SendError};
use crate::wire::TopicPartition;

/// What a producer is told that is fenced, or whose transaction was ended without it.
const FENCED: [ResponseError; 3] =
    [ResponseError::InvalidTxnState, ResponseError::InvalidProducerEpoch, ResponseError::ProducerFenced];

/// An offset, with where its record stands.
type Standing = (i64, i64);

/// What a log says is committed.
#[derive(Default)]
struct Said {
    committed: BTreeMap<CommitPlace, Standing>,
    /// In transactions that are not over, by producer id.
    pending: BTreeMap<i64, BTreeMap<CommitPlace, Standing>>,
}

impl Said {
    fn take(&mut self, commit: Commit) {
        match commit {
            Commit::Of { at, producer_id: None, place, offset: Some(offset) } => {
                self.committed.insert(place, (at, offset));
            }
            Commit::Of { at, producer_id: Some(id), place, offset: Some(offset) } => {
                self.pending.entry(id).or_default().insert(place, (at, offset));
            }
            Commit::Of { place, offset: None, .. } => {
                self.committed.remove(&place);
                self.pending.values_mut().for_each(|of| _ = of.remove(&place));
            }
            Commit::End { producer_id, is_commit } => {
                let ended = self.pending.remove(&producer_id).unwrap_or_default();
                for (place, (at, offset)) in ended.into_iter().filter(|_| is_commit) {
                    // What counts is where the records stand, not where the marker does.
                    let former = self.committed.entry(place).or_insert((at, offset));
                    *former = (*former).max((at, offset));
                }
            }
        }
    }
}

impl Invariants {
    /// A member was told that an offset is committed: by then some leader had shown a high watermark above its record.
    pub(super) fn told_committed(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        offset: i64,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Nobody knows where it was written.
        let Some((group, seat)) = evidence.group_of(consumer).and_then(|it| Some((it, evidence.seat_of_group(it)?)))
        else {
            return;
        };
        let leader = evidence.image().partition(seat).map_or(-1, |image| image.leader);
        // Nobody leads it any more.
        let Some(ends) = evidence.log_ends(leader, seat) else { return };
        let known = self.partitions.get(&seat);
        // What was shown an election may have given up, and another record stands there now.
        if known.is_some_and(|known| known.may_lose || known.lossy_from.is_some()) {
            return;
        }
        let shown = known.map_or(0, |known| known.shown_end);
        let topic = evidence.image().topics.name_of(partition.topic);
        let its_place = (group.to_owned(), topic.to_owned(), partition.partition);
        let mut stands = None;
        visit_commits((leader, seat), shown..ends.log_end, evidence, |at, place, committed| {
            if (&place, committed) == (&its_place, offset) {
                stands = Some(at);
            }
        });
        // It is committed.
        let Some(at) = stands else { return };
        let seen = Arc::make_mut(self.shown_commits.entry(seat).or_default());
        let from = std::mem::replace(&mut seen.to, shown);
        visit_commits((leader, seat), from..shown, evidence, |_, place, committed| {
            seen.offsets.entry(place).or_default().insert(committed);
        });
        // Who asks again commits the same once more: the answer may be the first one's.
        if seen.offsets.get(&its_place).is_some_and(|offsets| offsets.contains(&offset)) {
            return;
        }
        let about = format!(
            "{} was told that offset {offset} of {} is committed, which stands at offset {at} of {}, and no leader has shown a high \
             watermark above {shown}",
            evidence.process_name(consumer),
            evidence.partition_name(partition),
            evidence.partition_name(seat),
        );
        findings.add(FindingKind::AcknowledgedEarly, partition, about);
    }

    /// A member hears what it is assigned: by then all that wait for that in its group are answered.
    pub(super) fn others_hear(consumer: u32, evidence: &dyn Evidence, findings: &mut Findings) {
        let group = evidence.group_of(consumer);
        // It reads for itself, or nobody coordinates its group any more.
        let Some((group, (broker, standing))) = group.and_then(|it| Some((it, evidence.coordinated(it)?))) else {
            return;
        };
        // All are answered.
        let Some((member, seat)) = standing.unanswered.first().copied().zip(evidence.seat_of_group(group)) else {
            return;
        };
        let about = format!(
            "broker {broker} coordinates group {group}, has it in {}, and leaves {} without an answer to its SyncGroup",
            standing.state,
            evidence.process_name(member),
        );
        findings.add(FindingKind::Stuck, seat, about);
    }

    /// A producer can only be closed, for its coordinator knows another epoch or another state: somebody else has its transactional id, or
    /// a transaction of its was ended for it. Nobody fences a producer that is alone.
    pub(super) fn ends_for_good(
        &self,
        producer: u32,
        error: SendError,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        let is_fenced = match error {
            SendError::Broker(code) => FENCED.iter().any(|error| error.code() == code),
            SendError::Expired
            | SendError::BufferExhausted
            | SendError::NotInMetadata
            | SendError::RecordTooLarge
            | SendError::TransactionAborted => false,
        };
        // Others have the id, too, or it has ended for another reason.
        let Some(id) = evidence.own_transactional_id(producer).filter(|_| is_fenced) else { return };
        // What coordinators had written an election may have given up.
        let is_lossy = self.partitions.iter().any(|(of, known)| {
            let is_of_transactions = evidence.image().topics.name_of(of.topic) == TRANSACTIONS_TOPIC;
            is_of_transactions && (known.may_lose || known.lossy_from.is_some())
        });
        if self.timed_out.contains(id) || self.is_administered || is_lossy {
            return;
        }
        // There is no such topic any more.
        let Some((_, partition)) = evidence.written_by(producer) else { return };
        let about = format!(
            "{} is alone with its transactional.id {id}, none of its transactions has timed out, and it can only be closed: {}",
            evidence.process_name(producer),
            error.name(),
        );
        findings.add(FindingKind::Stuck, partition, about);
    }

    /// A broker begins to lead: if it is a coordinator's partition, it is looked at as soon as it serves.
    pub(super) fn coordinates(
        &mut self,
        broker: i32,
        seat: TopicPartition,
        evidence: &dyn Evidence,
        findings: &mut Findings,
    ) {
        // Most partitions are of no coordinator.
        if evidence.image().topics.name_of(seat.topic) == GROUPS_TOPIC {
            self.begun.insert((broker, seat));
            self.look_at_begun(evidence, findings);
        }
    }

    /// Looks at coordinators that have read their logs by now.
    pub(super) fn look_at_begun(&mut self, evidence: &dyn Evidence, findings: &mut Findings) {
        // Mostly nobody has begun.
        if self.begun.is_empty() {
            return;
        }
        self.begun.retain(|(broker, seat)| {
            let leads = evidence.image().partition(*seat).is_some_and(|image| image.leader == *broker);
            leads && evidence.is_running(*broker) && !is_as_its_log((*broker, *seat), evidence, findings)
        });
    }

    /// A member was told where its group goes on, or that nothing is committed: what its coordinator has is what the log says.
    pub(super) fn was_told(&self, consumer: u32, moved: Moved, evidence: &dyn Evidence, findings: &mut Findings) {
        let is_told = match moved {
            Moved::First | Moved::Committed => true,
            // It was not asked.
            Moved::Kept | Moved::Reset { .. } | Moved::Truncated { .. } | Moved::Sought { .. } => false,
        };
        let seat = evidence.group_of(consumer).and_then(|group| evidence.seat_of_group(group));
        // It reads for itself, or was told nothing.
        let Some(seat) = seat.filter(|_| is_told) else { return };
        let leader = evidence.image().partition(seat).map_or(-1, |image| image.leader);
        if evidence.is_running(leader) {
            is_as_its_log((leader, seat), evidence, findings);
        }
    }
}

/// Visits the offsets that groups commit in a log, with where each stands. What is in transactions is committed as a whole.
fn visit_commits(
    (broker, seat): (i32, TopicPartition),
    offsets: Range<i64>,
    evidence: &dyn Evidence,
    mut visit: impl FnMut(i64, CommitPlace, i64),
) {
    evidence.commits_in(broker, seat, offsets, &mut |commit| match commit {
        Commit::Of { at, producer_id: None, place, offset: Some(offset) } => visit(at, place, offset),
        // Taken back, in a transaction, or the end of one.
        Commit::Of { .. } | Commit::End { .. } => {}
    });
}

/// Holds what a coordinator has against its log. False while it does not serve.
fn is_as_its_log((broker, seat): (i32, TopicPartition), evidence: &dyn Evidence, findings: &mut Findings) -> bool {
    // It does not coordinate, or still reads.
    let Some(has) = evidence.coordinator_has(broker, seat) else { return false };
    // It is down.
    let Some(ends) = evidence.log_ends(broker, seat) else { return false };
    let mut said = Said::default();
    // What nobody can read it may have read before that rotted.
    if !evidence.commits_in(broker, seat, ends.log_start..ends.log_end, &mut |commit| said.take(commit)) {
        return true;
    }
    let mut places: Vec<&CommitPlace> = said.committed.keys().chain(has.keys()).collect();
    places.sort_unstable();
    let differs = |place: &&&CommitPlace| said.committed.get(**place).map(|(_, offset)| offset) != has.get(**place);
    // All is as it should be.
    let Some(place @ (group, topic, partition)) = places.iter().find(differs) else { return true };
    let in_words =
        |offset: Option<i64>| offset.map_or_else(|| "nothing".to_owned(), |offset| format!("offset {offset}"));
    let about = format!(
        "broker {broker} coordinates group {group} and takes {} of {topic}-{partition} for committed, and its log of {} says {}",
        in_words(has.get(*place).copied()),
        evidence.partition_name(seat),
        in_words(said.committed.get(*place).map(|(_, offset)| *offset)),
    );
    findings.add(FindingKind::OffsetWentBack, seat, about);
    true
}
