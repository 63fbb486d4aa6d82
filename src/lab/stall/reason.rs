//! Why nothing is read: what is wrong with whoever should read, and with the partition's leader.

use crate::lab::check::{Evidence, Stored};
use crate::lab::observer::Observer;
use crate::lab::trouble::{Ill, Reason, reasons_of_leader, state_of};
use crate::sim::process::ProcessId;
use crate::wire::TopicPartition;

/// Why nothing is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A process that reads, or would, does not do its work.
    Member(ProcessId, Ill),
    /// No member of the group has the partition: it is not assigned anew yet.
    Nobody,
    /// The next batch does not match its CRC, and `poll()` throws.
    Corrupt,
    /// The partition cannot be read.
    Of(Reason),
}

/// All that is wrong now for a partition that these processes read.
pub(super) fn whys(members: &[ProcessId], partition: TopicPartition, observer: &Observer<'_>) -> Vec<Why> {
    let has_it = |member: &&ProcessId| observer.position_of(**member, partition).is_some();
    let ills = members
        .iter()
        .filter(|member| observer.has_joined(**member))
        .filter_map(|member| Some(Why::Member(*member, state_of(*member, observer)?)));
    let is_well = |member: &&ProcessId| state_of(**member, observer).is_none();
    // One that stood still while its partition went to another may not know that it did.
    let owner = members.iter().filter(has_it).find(is_well).or(members.iter().find(has_it));
    let mut whys: Vec<Why> = match owner {
        // What is wrong with others does not keep this one from reading.
        Some(owner) => state_of(*owner, observer).map(|ill| Why::Member(*owner, ill)).into_iter().collect(),
        None if members.len() > 1 => ills.chain([Why::Nobody]).collect(),
        None => ills.collect(),
    };
    let reader = owner.or(members.first());
    whys.extend(reader.and_then(|reader| corrupt(*reader, partition, observer)));
    whys.extend(reader.into_iter().flat_map(|reader| reasons_of_leader(*reader, partition, observer)).map(Why::Of));
    whys
}

fn corrupt(reader: ProcessId, partition: TopicPartition, observer: &Observer<'_>) -> Option<Why> {
    let (at, leader) = (observer.position_of(reader, partition)?, observer.leader_of(partition)?);
    let mut found = None;
    observer.records(leader, partition, at, at + 1, &mut |met| {
        if let Stored::Corrupt { .. } = met {
            found = Some(Why::Corrupt);
        }
    });
    found
}
