//! Assignors that leave members what they have, as far as all then have equally many (Kafka: `AbstractStickyAssignor` where
//! all members read the same topics, `ConstrainedAssignmentBuilder`; a scenario whose members do not is refused).

use std::collections::{BTreeMap, BTreeSet};

use super::super::member::Place;
use super::assignee::{Assignee, Assignment, all};

/// What each had, with its generation, goes first.
pub(super) fn assign(members: &[Assignee], owned: &[(Vec<Place>, i32)], topics: &BTreeMap<String, u32>) -> Assignment {
    let mut by_id: Vec<(&str, Vec<Place>)> =
        members.iter().zip(still_owned(owned, topics)).map(|(member, owned)| (member.id.as_str(), owned)).collect();
    by_id.sort();
    let all: Vec<Place> = all(topics).collect();
    let mut quota = Quota::of(all.len(), members.len());
    let mut assignment = Assignment::new();
    // Who gets more first: those with less than the least, then those with the least exactly.
    let (mut below, mut exactly) = (Vec::new(), Vec::new());
    for (id, mut owned) in by_id {
        if owned.len() < quota.least {
            below.push(id);
        } else if owned.len() >= quota.most && quota.above < quota.may_be_above {
            quota.above += 1;
            owned.truncate(quota.most);
        } else {
            owned.truncate(quota.least);
            exactly.push(id);
        }
        assignment.insert(id.to_owned(), owned);
    }
    if quota.above == quota.may_be_above {
        exactly.clear();
    }
    let given: BTreeSet<Place> = assignment.values().flatten().cloned().collect();
    hand_out(all.into_iter().filter(|place| !given.contains(place)), (below, exactly), quota, &mut assignment);
    assignment
}

/// How many each member may have.
struct Quota {
    least: usize,
    most: usize,
    /// How many members have more than the least, and how many may.
    above: usize,
    may_be_above: usize,
}

impl Quota {
    fn of(partitions: usize, members: usize) -> Self {
        let members = members.max(1);
        Self {
            least: partitions / members,
            most: partitions.div_ceil(members),
            above: 0,
            may_be_above: partitions % members,
        }
    }
}

/// What nobody has goes in turn to those who have too little, then to those who may have one more.
fn hand_out<'m>(
    places: impl Iterator<Item = Place>,
    (mut below, mut exactly): (Vec<&'m str>, Vec<&'m str>),
    mut quota: Quota,
    assignment: &mut Assignment,
) {
    exactly.sort_unstable();
    let mut turn = 0;
    for place in places {
        let is_below = !below.is_empty();
        let unfilled = if is_below { &mut below } else { &mut exactly };
        assert!(!unfilled.is_empty(), "the quotas of all members together are all partitions");
        turn %= unfilled.len();
        let id = unfilled[turn];
        let own = assignment.get_mut(id).expect("each member has an entry");
        own.push(place);
        if is_below && own.len() == quota.least {
            unfilled.remove(turn);
            exactly.push(id);
        } else if own.len() == quota.most {
            quota.above += 1;
            unfilled.remove(turn);
            if quota.above == quota.may_be_above {
                exactly.clear();
            }
        } else {
            turn += 1;
        }
        if is_below && below.is_empty() {
            turn = 0;
        }
    }
}

/// What of it counts: what members had in the newest generation that one of them knows, if it is still there and no two
/// say that it is theirs (`AbstractStickyAssignor.allSubscriptionsEqual`).
fn still_owned(owned: &[(Vec<Place>, i32)], topics: &BTreeMap<String, u32>) -> Vec<Vec<Place>> {
    let newest = owned.iter().map(|(_, generation)| *generation).max().unwrap_or(-1);
    let mut owners: BTreeMap<&Place, u32> = BTreeMap::new();
    for (places, _) in owned.iter().filter(|(_, generation)| *generation == newest) {
        places.iter().for_each(|place| *owners.entry(place).or_default() += 1);
    }
    let is_there = |(topic, partition): &Place| topics.get(topic).is_some_and(|count| *partition < count.cast_signed());
    let counts = |place: &&Place| is_there(place) && owners.get(place) == Some(&1);
    let of = |(places, generation): &(Vec<Place>, i32)| {
        let is_newest = *generation == newest;
        places.iter().filter(|_| is_newest).filter(counts).cloned().collect()
    };
    owned.iter().map(of).collect()
}

/// What one member has and another is given waits until the former has revoked it (`CooperativeStickyAssignor`, KIP-429).
pub(super) fn without_transfers(mut assignment: Assignment, members: &[Assignee]) -> Assignment {
    for (id, places) in &mut assignment {
        let has_it = |member: &Assignee, place: &Place| member.id != *id && member.subscription.owned.contains(place);
        places.retain(|place| !members.iter().any(|member| has_it(member, place)));
    }
    assignment
}
