//! What administrators order of groups: a group without members goes on elsewhere, or forgets where it was.
//!
//! Such an order is a licence like `auto.offset.reset`: a member that begins where it says begins rightly, and what it skips
//! or repeats was asked for. It holds for the group, the partitions and the offset that it names, from when it is given until
//! it is done or refused; what is done is where the group stands from then on, and is held against it as what a member was
//! told. Of an order whose answer was lost nobody knows: it holds on.

use super::History;
use super::order_book::Open;
use crate::lab::check::Evidence;
use crate::note::{Order, OrderOutcome};
use crate::sim::Time;
use crate::wire::TopicPartition;

impl History {
    /// An administrator gave an order, or was told what came of it.
    pub(super) fn ordered(
        &mut self,
        admin: u32,
        order: &Order,
        outcome: OrderOutcome,
        evidence: &dyn Evidence,
        now: Time,
    ) {
        match outcome {
            OrderOutcome::Given => self.orders.0.push(Open { admin, order: order.clone(), given_at: now }),
            OrderOutcome::Refused => _ = self.orders.end(admin, order),
            // It may be done yet.
            OrderOutcome::Unknown => {}
            OrderOutcome::Done { .. } => {
                // A file may tell no more than that it is done.
                let given_at = self.orders.end(admin, order).map_or(now, |open| open.given_at);
                for (partition, _) in self.moved_by(order, evidence) {
                    self.put(order, partition, given_at, now);
                }
            }
        }
    }

    /// Where the group of an order was, as its members were told, in each partition in which that moves it.
    #[must_use]
    pub fn moved_by(&self, order: &Order, evidence: &dyn Evidence) -> Vec<(TopicPartition, i64)> {
        let place = |(topic, number): &(String, i32)| {
            let topic = evidence.image().topics.named(topic)?;
            Some(TopicPartition { topic, partition: *number })
        };
        match order {
            Order::SetOffset { group, partition, .. } | Order::DeleteOffset { group, partition } => {
                place(partition).map(|of| (of, self.committed_by(group, of))).into_iter().collect()
            }
            Order::DeleteGroup { group } => {
                let partitions = self.groups.reached.get(group).into_iter().flat_map(|partitions| partitions.iter());
                partitions.map(|(of, reached)| (of, reached.committed)).collect()
            }
            // It moves no group: who is behind resets its position.
            Order::DeleteRecords { .. } => Vec::new(),
        }
    }

    /// A group stands elsewhere.
    fn put(&mut self, order: &Order, partition: TopicPartition, given_at: Time, now: Time) {
        let (group, to) = match order {
            Order::SetOffset { group, offset, .. } => (group, Some(*offset)),
            Order::DeleteOffset { group, .. } | Order::DeleteGroup { group } => (group, None),
            // It moves none.
            Order::DeleteRecords { .. } => return,
        };
        let went_on = self.floors.put(group, partition, to, (given_at, now));
        self.groups.put(group, partition, to, went_on);
    }

    /// Partitions came to a member: it is owed no more than what orders leave that may be done.
    pub(super) fn lower_floors(&mut self, consumer: u32, partitions: &[TopicPartition], evidence: &dyn Evidence) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer) else { return };
        for of in partitions {
            for to in self.orders.of(group, *of, evidence) {
                self.floors.lower(consumer, *of, to);
            }
        }
    }

    /// A member begins in a partition: where that is what an order says that may be done, it is done.
    pub(super) fn begins_by_order(
        &mut self,
        consumer: u32,
        partition: TopicPartition,
        at: Option<i64>,
        evidence: &dyn Evidence,
        now: Time,
    ) {
        // It reads for itself.
        let Some(group) = evidence.group_of(consumer).map(str::to_owned) else { return };
        let committed = self.committed_by(&group, partition);
        if at.is_some_and(|at| at == committed) || !self.orders.of(&group, partition, evidence).any(|to| to == at) {
            return;
        }
        let went_on = self.floors.put(&group, partition, at, (now, now));
        self.groups.put(&group, partition, at, went_on);
    }
}
