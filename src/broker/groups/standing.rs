//! How a group stands, for those who watch it: whom it waits for.

use super::GroupShard;
use super::classic::{ClassicGroup, ClassicState};
use super::consumer::{ConsumerGroup, MemberState};
use super::group::Group;
use crate::broker::Broker;
use crate::broker::coordinator::{CoordinatorRuntime, CoordinatorShard};
use crate::broker::coordinators::partition_of;

/// A group as its coordinator has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStanding {
    /// Its state, in Kafka's word.
    pub state: &'static str,
    /// The processes of those members that the others wait for.
    pub awaited: Vec<u32>,
    /// The processes of those that wait for an answer though there is nothing that anybody waits for: none, or a promise is broken.
    pub unanswered: Vec<u32>,
}

impl Broker {
    /// A group that this broker coordinates; `None` where it does not, or there is none.
    #[must_use]
    pub fn group_standing(&self, group: &str) -> Option<GroupStanding> {
        let topic = self.image.topics.named(GroupShard::TOPIC).and_then(|number| self.image.topics.get(number))?;
        let partition = partition_of(group, topic.partitions.len() as i32);
        let (_, runtime) = self.coordinators.typed::<CoordinatorRuntime<GroupShard>>()?;
        let (current, _) = runtime.shards(partition).ok()?;
        let group = current.groups.get(group)?;
        let awaited = match group {
            Group::Classic(group) => awaited_of_classic(group),
            Group::Consumer(group) => awaited_of_consumer(group),
        };
        let unanswered = match group {
            Group::Classic(group) => unanswered_of_classic(group),
            // Its heartbeats are answered at once.
            Group::Consumer(_) => Vec::new(),
        };
        let processes = |hosts: Vec<&String>| hosts.into_iter().filter_map(|it| process_of(it)).collect();
        Some(GroupStanding {
            state: group.state_name(),
            awaited: processes(awaited),
            unanswered: processes(unanswered),
        })
    }
}

fn awaited_of_classic(group: &ClassicGroup) -> Vec<&String> {
    let members = group.members.values();
    match group.state {
        ClassicState::Empty | ClassicState::Stable => Vec::new(),
        ClassicState::PreparingRebalance => {
            members.filter(|member| member.joining.is_none()).map(|member| &member.client_host).collect()
        }
        // It says for all what they get.
        ClassicState::CompletingRebalance => {
            members.filter(|member| Some(&member.id) == group.leader.as_ref()).map(|it| &it.client_host).collect()
        }
    }
}

/// Those whose SyncGroup waits though the leader's word is in the log: that answers all of them (`propagateAssignment`), and whoever asks
/// later is answered at once.
fn unanswered_of_classic(group: &ClassicGroup) -> Vec<&String> {
    let waits = group.members.values().filter(|member| group.state == ClassicState::Stable && member.syncing.is_some());
    waits.map(|member| &member.client_host).collect()
}

/// Those that have to give up something first.
fn awaited_of_consumer(group: &ConsumerGroup) -> Vec<&String> {
    let members = group.members.values();
    members.filter(|member| member.state == MemberState::Unrevoked).map(|member| &member.said.client_host).collect()
}

/// A coordinator knows its members by where they are.
pub(super) fn process_of(host: &str) -> Option<u32> {
    host.strip_prefix("/client-")?.parse().ok()
}
