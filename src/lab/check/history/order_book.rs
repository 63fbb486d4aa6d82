//! What is known of orders about groups.

use crate::lab::check::Evidence;
use crate::note::Order;
use crate::sim::Time;
use crate::wire::TopicPartition;

/// An order that may be done, and its giver was not told, or not whether.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) admin: u32,
    pub(super) order: Order,
    pub(super) given_at: Time,
}

/// The orders about groups that may be done.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders(pub(super) Vec<Open>);

impl Orders {
    /// Where those that may be done put a group in a partition: at an offset, or nowhere.
    pub(super) fn of(
        &self,
        group: &str,
        partition: TopicPartition,
        evidence: &dyn Evidence,
    ) -> impl Iterator<Item = Option<i64>> {
        let is_it = |(topic, number): &(String, i32)| {
            let topic = evidence.image().topics.named(topic);
            topic.map(|topic| TopicPartition { topic, partition: *number }) == Some(partition)
        };
        let put = |open: &Open| match &open.order {
            Order::SetOffset { group: of, partition, offset } if of == group && is_it(partition) => Some(Some(*offset)),
            Order::DeleteOffset { group: of, partition } if of == group && is_it(partition) => Some(None),
            Order::DeleteGroup { group: of } if of == group => Some(None),
            // It is another group's or partition's, or about a log.
            Order::SetOffset { .. }
            | Order::DeleteOffset { .. }
            | Order::DeleteGroup { .. }
            | Order::DeleteRecords { .. } => None,
        };
        self.0.iter().filter_map(put).collect::<Vec<_>>().into_iter()
    }

    pub(super) fn end(&mut self, admin: u32, order: &Order) -> Option<Open> {
        let place = self.0.iter().position(|open| open.admin == admin && open.order == *order)?;
        Some(self.0.remove(place))
    }
}
