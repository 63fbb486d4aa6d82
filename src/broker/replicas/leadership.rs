//! What a leader knows of its partition: the ISR, how far each follower is, where the high watermark may go
//! (Kafka: `Partition` and `Replica`). Nothing here touches a log.

use litemap::LiteMap;

use crate::sim::Time;
use crate::wire::PartitionImage;

/// How far a follower is, by its fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::broker) struct Follower {
    /// Where its log ends; -1 before its first fetch in this epoch.
    pub(in crate::broker) log_end: i64,
    pub(in crate::broker) log_start: i64,
    last_fetch: Time,
    /// Where the leader's log ended at the last fetch.
    leader_end_at_last_fetch: i64,
    /// When it was last known to have all that the leader had.
    pub(in crate::broker) last_caught_up: Time,
    /// The life of the broker that fetches (KIP-903); -1 where unknown.
    pub(in crate::broker) broker_epoch: i64,
}

impl Follower {
    /// A follower as a new leader sees it: members of the ISR get the benefit of the doubt.
    pub(in crate::broker) fn new(in_isr: bool, now: Time) -> Self {
        Self {
            log_end: -1,
            log_start: -1,
            last_fetch: 0,
            leader_end_at_last_fetch: 0,
            last_caught_up: if in_isr { now } else { 0 },
            broker_epoch: -1,
        }
    }

    /// Takes a fetch at `offset`. One that reaches where the leader ended at the fetch before had caught up then.
    pub(in crate::broker) fn fetched(&mut self, offset: i64, leader_end: i64, now: Time) {
        if offset >= leader_end {
            self.last_caught_up = self.last_caught_up.max(now);
        } else if offset >= self.leader_end_at_last_fetch {
            self.last_caught_up = self.last_caught_up.max(self.last_fetch);
        }
        self.log_end = offset;
        self.leader_end_at_last_fetch = self.leader_end_at_last_fetch.max(leader_end);
        self.last_fetch = now;
    }

    pub(in crate::broker) fn is_caught_up(&self, leader_end: i64, now: Time, lag_max: Time) -> bool {
        self.log_end == leader_end || now.saturating_sub(self.last_caught_up) <= lag_max
    }
}

/// A change of the ISR that the controller has not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker) struct PendingIsr {
    pub(in crate::broker) isr: Vec<i32>,
    /// A definite refusal came: no retry, the next metadata settles it.
    pub(in crate::broker) settled_by_metadata: bool,
    /// Observers know of it.
    pub(in crate::broker) told: bool,
}

/// The leader's side of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker) struct Leadership {
    pub(in crate::broker) epoch_start: i64,
    pub(in crate::broker) partition_epoch: i32,
    /// The ISR that the controller has confirmed.
    pub(in crate::broker) isr: Vec<i32>,
    pub(in crate::broker) pending: Option<PendingIsr>,
    pub(in crate::broker) recovering: bool,
    pub(in crate::broker) followers: LiteMap<i32, Follower>,
}

impl Leadership {
    pub(in crate::broker) fn new(me: i32, image: &PartitionImage, epoch_start: i64, now: Time) -> Self {
        let followers = image.replicas.iter().filter(|replica| **replica != me);
        Self {
            epoch_start,
            partition_epoch: image.partition_epoch,
            isr: image.isr.clone(),
            pending: None,
            recovering: image.recovering,
            followers: followers.map(|id| (*id, Follower::new(image.isr.contains(id), now))).collect(),
        }
    }

    /// Takes what the controller says of the same leader epoch.
    pub(in crate::broker) fn confirm(&mut self, isr: Vec<i32>, partition_epoch: i32, recovering: bool) {
        self.isr = isr;
        self.partition_epoch = partition_epoch;
        self.recovering = recovering;
        self.pending = None;
    }

    /// In the ISR, or about to be.
    pub(in crate::broker) fn is_in_maximal_isr(&self, replica: i32) -> bool {
        self.isr.contains(&replica) || self.pending.as_ref().is_some_and(|pending| pending.isr.contains(&replica))
    }

    pub(in crate::broker) fn maximal_isr_size(&self) -> usize {
        let joins = |id: &&i32| !self.isr.contains(id);
        self.isr.len() + self.pending.iter().flat_map(|pending| &pending.isr).filter(joins).count()
    }

    /// `min.insync.replicas`, but never more than there are replicas.
    pub(in crate::broker) fn effective_min_isr(&self, min_isr: usize) -> usize {
        min_isr.min(self.followers.len() + 1)
    }

    /// Where the high watermark may go: what every replica has that is in the ISR, or is caught up and may enter it.
    pub(in crate::broker) fn replicated_up_to(
        &self,
        leader_end: i64,
        now: Time,
        lag_max: Time,
        is_eligible: impl Fn(i32, &Follower) -> bool,
    ) -> i64 {
        let holds_back = |id: i32, follower: &Follower| {
            self.is_in_maximal_isr(id) || follower.is_caught_up(leader_end, now, lag_max) && is_eligible(id, follower)
        };
        self.followers.iter().fold(leader_end, |end, (id, follower)| {
            if follower.log_end < end && holds_back(*id, follower) { follower.log_end } else { end }
        })
    }

    /// Members of the ISR that have fallen behind for too long.
    pub(in crate::broker) fn out_of_sync(&self, leader_end: i64, now: Time, lag_max: Time) -> Vec<i32> {
        let late =
            |id: &i32| self.followers.get(id).is_some_and(|follower| !follower.is_caught_up(leader_end, now, lag_max));
        self.isr.iter().copied().filter(late).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SECOND;

    const LAG: Time = 30 * SECOND;

    fn leadership(replicas: &[i32], isr: &[i32]) -> Leadership {
        let image = PartitionImage {
            replicas: replicas.to_vec(),
            isr: isr.to_vec(),
            elr: Vec::new(),
            last_known_elr: Vec::new(),
            leader: 1,
            leader_epoch: 0,
            partition_epoch: 0,
            recovering: false,
        };
        Leadership::new(1, &image, 0, 0)
    }

    #[test]
    fn a_follower_that_reaches_the_former_end_had_caught_up_then() {
        let mut follower = Follower::new(false, 0);
        let (first, second, third) = (SECOND, 2 * SECOND, 3 * SECOND);
        follower.fetched(5, 10, first);
        assert_eq!(follower.last_caught_up, 0);
        follower.fetched(10, 15, second);
        assert_eq!(follower.last_caught_up, first);
        follower.fetched(15, 15, third);
        assert_eq!(follower.last_caught_up, third);
    }

    #[test]
    fn a_new_leader_trusts_only_the_isr() {
        let leadership = leadership(&[1, 2, 3], &[1, 2]);
        let followers: Vec<_> =
            [Follower::new(true, 7 * SECOND), Follower::new(false, 7 * SECOND)].map(|f| f.last_caught_up).into();
        assert_eq!(followers, [7 * SECOND, 0]);
        assert_eq!(leadership.followers.len(), 2);
    }

    #[test]
    fn the_slowest_member_of_the_isr_holds_the_high_watermark() {
        let mut leadership = leadership(&[1, 2, 3], &[1, 2, 3]);
        let all = |leadership: &Leadership| leadership.replicated_up_to(10, 0, LAG, |_, _| true);
        assert_eq!(all(&leadership), -1);
        leadership.followers.get_mut(&2).expect("2").fetched(7, 10, 0);
        leadership.followers.get_mut(&3).expect("3").fetched(4, 10, 0);
        assert_eq!(all(&leadership), 4);
    }

    #[test]
    fn a_shrink_does_not_let_go_before_the_controller_says_so() {
        let mut leadership = leadership(&[1, 2], &[1, 2]);
        leadership.followers.get_mut(&2).expect("2").fetched(3, 10, 0);
        leadership.pending = Some(PendingIsr { isr: vec![1], settled_by_metadata: false, told: false });
        assert_eq!(leadership.replicated_up_to(10, 2 * LAG, LAG, |_, _| true), 3);
        leadership.confirm(vec![1], 1, false);
        assert_eq!(leadership.replicated_up_to(10, 2 * LAG, LAG, |_, _| true), 10);
    }

    #[test]
    fn a_pending_expansion_counts_for_the_high_watermark_but_not_as_confirmed() {
        let mut leadership = leadership(&[1, 2], &[1]);
        leadership.followers.get_mut(&2).expect("2").fetched(3, 10, 0);
        assert_eq!(leadership.replicated_up_to(10, 2 * LAG, LAG, |_, _| true), 10);
        leadership.pending = Some(PendingIsr { isr: vec![1, 2], settled_by_metadata: true, told: false });
        assert_eq!(leadership.replicated_up_to(10, 2 * LAG, LAG, |_, _| true), 3);
        assert_eq!((leadership.isr.len(), leadership.maximal_isr_size()), (1, 2));
    }

    #[test]
    fn a_follower_at_the_end_stays_in_sync_however_long_nothing_is_written() {
        let mut leadership = leadership(&[1, 2], &[1, 2]);
        leadership.followers.get_mut(&2).expect("2").fetched(10, 10, 0);
        assert!(leadership.out_of_sync(10, LAG + SECOND, LAG).is_empty());
        assert_eq!(leadership.out_of_sync(11, LAG + SECOND, LAG), [2]);
    }
}
