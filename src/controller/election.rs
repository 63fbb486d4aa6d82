//! What becomes of a partition when its ISR or the set of live brokers changes (Kafka: `PartitionChangeBuilder`).

use crate::note::Elected;
use crate::sim::sorted::{signed, sort_by_key};
use crate::wire::PartitionImage;

/// Whether an election may give up data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// Only replicas that have all committed data (Kafka: `ONLINE`).
    Clean,
    /// Any live replica rather than none (`unclean.leader.election.enable`).
    Unclean,
    /// The first of the replicas, if it has all committed data (Kafka: `PREFERRED`).
    Preferred,
}

/// A change to one partition.
pub(super) struct PartitionChange<'a> {
    pub(super) partition: &'a PartitionImage,
    pub(super) target_isr: Vec<i32>,
    /// A replica that came back without what it had not flushed: it is trusted no more.
    pub(super) unclean_shutdown: Option<i32>,
    pub(super) min_isr: usize,
    pub(super) election: Election,
    /// The leader says it has healed an unclean election.
    pub(super) recovered: bool,
}

/// What a change comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) partition: PartitionImage,
    /// How the leader was chosen, where it is another one.
    pub(super) elected: Option<Elected>,
}

impl Outcome {
    /// The leader was chosen although committed data may be lost.
    pub(super) fn is_unclean(&self) -> bool {
        matches!(self.elected, Some(Elected::LastKnown | Elected::Unclean))
    }
}

impl PartitionChange<'_> {
    /// The partition after the change; `None` where nothing changes.
    pub(super) fn build(self, is_acceptable_leader: impl Fn(i32) -> bool) -> Option<Outcome> {
        let before = self.partition;
        let mut after = before.clone();
        after.isr = self.target_isr.clone();
        after.elr = self.target_elr();
        after.recovering = before.recovering && !self.recovered;
        let (leader, elected) = self.elect(&after, is_acceptable_leader);
        if leader != before.leader {
            after.leader = leader;
            after.leader_epoch += 1;
            if matches!(elected, Elected::LastKnown | Elected::Unclean) {
                after.isr = vec![leader];
                after.elr.clear();
                after.recovering = true;
            } else if leader >= 0 && after.isr.is_empty() {
                after.isr = vec![leader];
            }
        }
        after.elr.retain(|replica| !after.isr.contains(replica));
        if self.reaches_min_isr(&after.isr) {
            after.elr.clear();
        }
        if after.leader >= 0 {
            after.last_known_elr.clear();
        } else if after.isr.is_empty() && before.leader >= 0 {
            after.last_known_elr = vec![before.leader];
        }
        if after == *before {
            return None;
        }
        after.partition_epoch += 1;
        Some(Outcome { partition: after, elected: (leader != before.leader).then_some(elected) })
    }

    fn reaches_min_isr(&self, isr: &[i32]) -> bool {
        isr.len() >= self.min_isr.min(self.partition.replicas.len())
    }

    /// Below the minimum, all that were in sync and did not lose anything stay eligible (KIP-966).
    fn target_elr(&self) -> Vec<i32> {
        if self.reaches_min_isr(&self.target_isr) {
            return Vec::new();
        }
        let mut elr: Vec<i32> = self.partition.elr.iter().chain(&self.partition.isr).copied().collect();
        elr.retain(|replica| !self.target_isr.contains(replica) && Some(*replica) != self.unclean_shutdown);
        sort_by_key(&mut elr, |&replica| signed(replica.into()));
        elr.dedup();
        elr
    }

    fn elect(&self, after: &PartitionImage, is_acceptable_leader: impl Fn(i32) -> bool) -> (i32, Elected) {
        let how = |replica: i32| if after.isr.contains(&replica) { Elected::InSync } else { Elected::Eligible };
        let is_valid = |replica: i32| {
            let knows_all = after.isr.contains(&replica) || after.isr.is_empty() && after.elr.contains(&replica);
            knows_all && is_acceptable_leader(replica)
        };
        // The preferred replica before the leader that there is, where that is what is wanted (`electPreferredLeader`).
        let preferred = after.replicas.first().copied().filter(|_| self.election == Election::Preferred);
        let candidates = preferred.into_iter().chain([after.leader]).chain(after.replicas.iter().copied());
        if let Some(leader) = candidates.into_iter().find(|replica| is_valid(*replica)) {
            return (leader, how(leader));
        }
        match (self.election, &after.isr[..], &after.elr[..], &after.last_known_elr[..]) {
            (Election::Clean | Election::Unclean, [], [], [last]) if is_acceptable_leader(*last) => {
                (*last, Elected::LastKnown)
            }
            (Election::Unclean, ..) => {
                let live = after.replicas.iter().copied().find(|replica| is_acceptable_leader(*replica));
                live.map_or((-1, Elected::Nobody), |leader| (leader, Elected::Unclean))
            }
            (Election::Clean | Election::Preferred, ..) => (-1, Elected::Nobody),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(replicas: &[i32], isr: &[i32], leader: i32) -> PartitionImage {
        PartitionImage {
            replicas: replicas.to_vec(),
            isr: isr.to_vec(),
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            leader,
            leader_epoch: 5,
            partition_epoch: 10,
            recovering: false,
        }
    }

    fn change(partition: &PartitionImage, target_isr: &[i32], min_isr: usize) -> PartitionChange<'static> {
        PartitionChange {
            partition: Box::leak(Box::new(partition.clone())),
            target_isr: target_isr.to_vec(),
            unclean_shutdown: None,
            min_isr,
            election: Election::Clean,
            recovered: false,
        }
    }

    #[test]
    fn an_isr_below_the_minimum_leaves_eligible_leader_replicas() {
        let before = partition(&[1, 2, 3, 4], &[1, 2, 3, 4], 1);
        let after = change(&before, &[1, 2], 3).build(|_| true).expect("a change").partition;
        assert_eq!((after.isr, after.elr), (vec![1, 2], vec![3, 4]));
        assert_eq!((after.leader, after.leader_epoch, after.partition_epoch), (1, 5, 11));
    }

    #[test]
    fn an_isr_can_shrink_to_nothing_and_the_last_leader_is_remembered() {
        let before = partition(&[1, 2, 3, 4], &[1, 2, 3, 4], 1);
        let after = change(&before, &[], 3).build(|_| false).expect("a change").partition;
        assert_eq!((after.isr, after.elr), (vec![], vec![1, 2, 3, 4]));
        assert_eq!((after.leader, after.leader_epoch, after.last_known_elr), (-1, 6, vec![1]));
    }

    #[test]
    fn an_unclean_election_takes_the_first_live_replica() {
        let before = partition(&[1, 2, 3], &[1], 1);
        let mut unclean = change(&before, &[], 1);
        unclean.election = Election::Unclean;
        let outcome = unclean.build(|replica| replica != 1).expect("a change");
        assert!(outcome.elected == Some(Elected::Unclean) && outcome.partition.recovering);
        assert_eq!((outcome.partition.leader, outcome.partition.isr), (2, vec![2]));
    }

    #[test]
    fn an_eligible_replica_leads_cleanly_when_the_isr_is_empty() {
        let mut before = partition(&[1, 2, 3], &[], -1);
        before.elr = vec![1, 2];
        before.last_known_elr = vec![1];
        let outcome = change(&before, &[], 2).build(|replica| replica == 2).expect("a change");
        assert_eq!(outcome.elected, Some(Elected::Eligible));
        assert_eq!((outcome.partition.leader, outcome.partition.isr), (2, vec![2]));
        assert_eq!((outcome.partition.elr, outcome.partition.last_known_elr), (vec![1], vec![]));
    }

    #[test]
    fn the_last_known_leader_leads_again_after_it_lost_its_eligibility() {
        let mut before = partition(&[1, 2, 3], &[], -1);
        before.elr = vec![1];
        before.last_known_elr = vec![1];
        let mut returned = change(&before, &[], 1);
        returned.unclean_shutdown = Some(1);
        let fenced = returned.build(|_| false).expect("a change").partition;
        assert_eq!((fenced.elr.clone(), fenced.last_known_elr.clone()), (vec![], vec![1]));
        let outcome = change(&fenced, &[], 1).build(|replica| replica == 1).expect("a change");
        assert!(outcome.elected == Some(Elected::LastKnown) && outcome.partition.recovering);
        assert_eq!((outcome.partition.leader, outcome.partition.isr), (1, vec![1]));
    }

    /// A partition of four replicas below its minimum of three.
    fn below_minimum(isr: &[i32], elr: &[i32], leader: i32) -> PartitionImage {
        PartitionImage { elr: elr.to_vec(), ..partition(&[1, 2, 3, 4], isr, leader) }
    }

    #[test]
    fn an_isr_that_reaches_the_minimum_again_needs_no_eligible_leader_replicas() {
        let before = below_minimum(&[1, 2], &[3], 1);
        let after = change(&before, &[1, 2, 3], 3).build(|_| true).expect("a change").partition;
        assert_eq!((after.isr, after.elr), (vec![1, 2, 3], vec![]));
    }

    #[test]
    fn a_new_member_leaves_the_eligible_leader_replicas_alone() {
        let before = below_minimum(&[1], &[3], 1);
        let after = change(&before, &[1, 4], 3).build(|_| true).expect("a change").partition;
        assert_eq!((after.isr, after.elr), (vec![1, 4], vec![3]));
    }

    #[test]
    fn a_replica_that_lost_what_it_had_is_eligible_no_more() {
        let before = below_minimum(&[1], &[2, 3], 1);
        let mut returned = change(&before, &[1], 3);
        returned.unclean_shutdown = Some(3);
        let after = returned.build(|_| true).expect("a change").partition;
        assert_eq!((after.isr, after.elr, after.leader_epoch), (vec![1], vec![2], 5));
    }

    #[test]
    fn an_eligible_replica_takes_over_from_the_last_member_of_the_isr() {
        let before = below_minimum(&[1], &[3], 1);
        let outcome = change(&before, &[], 3).build(|replica| replica != 1).expect("a change");
        assert_eq!(outcome.elected, Some(Elected::Eligible));
        let after = outcome.partition;
        assert_eq!((after.leader, after.isr, after.elr), (3, vec![3], vec![1]));
    }

    #[test]
    fn an_unclean_election_forgets_the_eligible_leader_replicas() {
        let mut before = below_minimum(&[], &[1, 3], -1);
        before.last_known_elr = vec![1];
        let mut unclean = change(&before, &[], 3);
        unclean.election = Election::Unclean;
        let after = unclean.build(|replica| replica == 2).expect("a change").partition;
        assert_eq!((after.leader, after.isr, after.elr, after.last_known_elr), (2, vec![2], vec![], vec![]));
    }

    #[test]
    fn the_last_known_leader_is_not_elected_while_it_is_away_or_others_are_eligible() {
        let mut before = below_minimum(&[], &[], -1);
        before.last_known_elr = vec![1];
        assert_eq!(change(&before, &[], 3).build(|replica| replica != 1), None);
        before.elr = vec![3];
        assert_eq!(change(&before, &[], 3).build(|replica| replica == 1), None);
    }

    #[test]
    fn a_living_leader_is_kept() {
        let before = partition(&[1, 2, 3], &[1, 2, 3], 2);
        let after = change(&before, &[1, 2], 1).build(|_| true).expect("a change").partition;
        assert_eq!((after.leader, after.leader_epoch), (2, 5));
        assert_eq!(change(&before, &[1, 2, 3], 1).build(|_| true), None);
    }

    #[test]
    fn the_preferred_replica_leads_again_when_it_is_asked_for() {
        let before = partition(&[1, 2, 3], &[1, 2, 3], 2);
        let prefer = |isr: &[i32], alive: fn(i32) -> bool| {
            let mut preferred = change(&before, isr, 1);
            preferred.election = Election::Preferred;
            preferred.build(alive)
        };
        let outcome = prefer(&[1, 2, 3], |_| true).expect("a change");
        assert_eq!((outcome.partition.leader, outcome.partition.leader_epoch), (1, 6));
        assert_eq!(outcome.elected, Some(Elected::InSync));
        assert_eq!(prefer(&[1, 2, 3], |replica| replica != 1), None, "the leader that there is stays");
        assert_eq!(prefer(&[2, 3], |_| true).map(|outcome| outcome.partition.leader), Some(2), "1 is out of sync");
    }
}
