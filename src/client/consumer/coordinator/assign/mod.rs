//! What the leader of a group gives to whom (Kafka: `ConsumerPartitionAssignor`).

mod assignee;
mod plain;
mod sticky;

use std::collections::BTreeMap;

pub(super) use assignee::{Assignee, Assignment};

use crate::settings::Assignor;
use crate::wire::sticky_of;

/// Assigns all partitions of these topics, each with how many it has, to those who read them.
pub(super) fn assign(assignor: Assignor, members: &[Assignee], topics: &BTreeMap<String, u32>) -> Assignment {
    let mut members = members.to_vec();
    members.sort_by(|a, b| a.rank().cmp(&b.rank()));
    match assignor {
        Assignor::Range => plain::range(&members, topics),
        Assignor::RoundRobin => plain::round_robin(&members, topics),
        Assignor::Sticky => {
            let said = |it: &Assignee| it.subscription.user_data.as_deref().and_then(sticky_of);
            let owned: Vec<_> = members.iter().map(|it| said(it).unwrap_or((Vec::new(), -1))).collect();
            sticky::assign(&members, &owned, topics)
        }
        Assignor::CooperativeSticky => {
            let owned: Vec<_> =
                members.iter().map(|it| (it.subscription.owned.clone(), it.subscription.generation)).collect();
            sticky::without_transfers(sticky::assign(&members, &owned, topics), &members)
        }
    }
}

#[cfg(test)]
mod tests;
