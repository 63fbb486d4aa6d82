//! What groups have committed, as records say it and as a coordinator has it: whoever checks holds the two against each other.

use std::collections::BTreeMap;

use super::GroupShard;
use super::records::{Key, OffsetValue};
use crate::broker::Broker;
use crate::broker::coordinator::CoordinatorRuntime;

/// Whose offset, and of what: a group, a topic's name, a partition.
pub type CommitPlace = (String, String, i32);

/// What a record of `__consumer_offsets` says of an offset: `None` where it takes it back. Records that say something else, and what
/// cannot be read, are `None` as a whole.
#[must_use]
pub fn read_commit(key: &[u8], value: Option<&[u8]>) -> Option<(CommitPlace, Option<i64>)> {
    let Key::Offset { group, topic, partition } = Key::read(key)? else { return None };
    let offset = match value {
        Some(value) => Some(OffsetValue::read(value)?.offset),
        None => None,
    };
    Some(((group, topic, partition), offset))
}

impl Broker {
    /// The offsets that groups have committed in a partition of `__consumer_offsets`, behind all that is written there; `None` where it
    /// does not serve the partition.
    #[must_use]
    pub fn committed_offsets(&self, partition: i32) -> Option<BTreeMap<CommitPlace, i64>> {
        let (_, runtime) = self.coordinators.typed::<CoordinatorRuntime<GroupShard>>()?;
        let (live, _) = runtime.shards(partition).ok()?;
        let of_group = |group: String| {
            let offsets = live.offsets.of_group(&group).map(|(topic, partition, committed)| {
                ((group.clone(), topic.to_owned(), partition), committed.value.offset)
            });
            offsets.collect::<Vec<_>>()
        };
        Some(live.offsets.groups().into_iter().flat_map(of_group).collect())
    }
}
