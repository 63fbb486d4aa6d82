//! On which brokers the replicas of new partitions go (Kafka: `StripedReplicaPlacer`).

use kafka_protocol::ResponseError;

use super::refusal::Refusal;
use crate::sim::random::Random;

/// The brokers of all racks, one of each rack after the other: neighbours in the circle are in different ones as long as all have
/// as many.
pub(super) fn in_turns<T>(racks: Vec<Vec<T>>) -> Vec<T> {
    let mut racks: Vec<_> = racks.into_iter().map(Vec::into_iter).collect();
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(racks.iter_mut().filter_map(Iterator::next));
        if turns.len() == before {
            return turns;
        }
    }
}

/// The brokers in a circle: each partition begins one further on. Those that are fenced come last.
pub(super) struct Placer {
    unfenced: Circle,
    fenced: Circle,
}

struct Circle {
    brokers: Vec<i32>,
    at: usize,
}

impl Circle {
    fn in_order(&self) -> impl Iterator<Item = i32> {
        self.brokers.iter().cycle().skip(self.at).take(self.brokers.len()).copied()
    }

    fn turn(&mut self) {
        self.at = if self.brokers.is_empty() { 0 } else { (self.at + 1) % self.brokers.len() };
    }
}

impl Placer {
    /// Brokers that can be used, in the order of their ids, each with whether it is fenced. Where the first partition begins
    /// is drawn.
    pub(super) fn random(usable: impl Iterator<Item = (i32, bool)>, random: &mut Random) -> Self {
        let mut placer = Self::beginning_at(usable, 0);
        for circle in [&mut placer.unfenced, &mut placer.fenced] {
            circle.at = random.below(circle.brokers.len() as u64) as usize;
        }
        placer
    }

    /// The same, where the first partition begins at this place.
    pub(super) fn beginning_at(usable: impl Iterator<Item = (i32, bool)>, at: usize) -> Self {
        let (fenced, unfenced): (Vec<_>, Vec<_>) = usable.partition(|(_, fenced)| *fenced);
        let circle = |brokers: Vec<(i32, bool)>| {
            let at = at.checked_rem(brokers.len()).unwrap_or(0);
            Circle { brokers: brokers.into_iter().map(|(broker, _)| broker).collect(), at }
        };
        Self { unfenced: circle(unfenced), fenced: circle(fenced) }
    }

    /// The replicas of so many partitions, the preferred leader of each first.
    pub(super) fn place(&mut self, partitions: usize, replication_factor: i16) -> Result<Vec<Vec<i32>>, Refusal> {
        let brokers = self.unfenced.brokers.len() + self.fenced.brokers.len();
        let refuse = |why: String| {
            let message = format!("Unable to replicate the partition {replication_factor} time(s): {why}");
            Err(Refusal::new(ResponseError::InvalidReplicationFactor, message))
        };
        let Ok(count) = usize::try_from(replication_factor) else {
            return refuse(format!(
                "Invalid replication factor {replication_factor}: the replication factor must be positive."
            ));
        };
        if self.unfenced.brokers.is_empty() {
            return refuse("All brokers are currently fenced.".to_owned());
        }
        if count > brokers {
            return refuse(format!(
                "The target replication factor of {count} cannot be reached because only {brokers} broker(s) are registered."
            ));
        }
        let mut placed = Vec::with_capacity(partitions);
        for _ in 0..partitions {
            placed.push(self.unfenced.in_order().chain(self.fenced.in_order()).take(count).collect());
            self.unfenced.turn();
            self.fenced.turn();
        }
        Ok(placed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_begins_one_broker_further_on_and_fenced_brokers_come_last() {
        let brokers = || [(1, false), (2, true), (3, false), (4, false)].into_iter();
        let placed = Placer::beginning_at(brokers(), 1).place(4, 3).expect("there are enough");
        assert_eq!(placed, [[3, 4, 1], [4, 1, 3], [1, 3, 4], [3, 4, 1]]);
        let placed = Placer::beginning_at(brokers(), 0).place(1, 4).expect("there are enough");
        assert_eq!(placed, [[1, 3, 4, 2]]);
    }

    #[test]
    fn what_cannot_be_placed_is_refused_with_the_reason() {
        let why = |brokers: &[(i32, bool)], factor| {
            let refused = Placer::beginning_at(brokers.iter().copied(), 0).place(1, factor).expect_err("refused");
            assert_eq!(refused.error, ResponseError::InvalidReplicationFactor);
            refused.message
        };
        assert!(why(&[(1, true)], 1).ends_with("All brokers are currently fenced."));
        assert!(why(&[(1, false)], 2).ends_with("only 1 broker(s) are registered."));
    }

    #[test]
    fn every_start_is_drawn_sooner_or_later() {
        let mut random = Random::stream(1, "test", 0);
        let brokers = || (1..=3).map(|id| (id, false));
        let mut first = |_| Placer::random(brokers(), &mut random).place(1, 1).expect("there are enough")[0][0];
        let starts: std::collections::BTreeSet<i32> = (0..50).map(&mut first).collect();
        assert_eq!(starts.len(), 3);
    }
}
