//! Assignors that look at nothing but who is there.

use std::collections::BTreeMap;

use super::assignee::{Assignee, Assignment, all};

/// Of each topic its readers, in order, get ranges of partitions; the first ones one more where they do not divide evenly
/// (`RangeAssignor`).
pub(super) fn range(members: &[Assignee], topics: &BTreeMap<String, u32>) -> Assignment {
    let mut assignment: Assignment = members.iter().map(|member| (member.id.clone(), Vec::new())).collect();
    for (topic, count) in topics {
        let readers: Vec<&Assignee> = members.iter().filter(|member| member.reads(topic)).collect();
        // Nobody reads it any more.
        if readers.is_empty() {
            continue;
        }
        let (each, more) = (*count as usize / readers.len(), *count as usize % readers.len());
        let mut next = 0;
        for (place, reader) in readers.into_iter().enumerate() {
            let own = assignment.entry(reader.id.clone()).or_default();
            for _ in 0..each + usize::from(place < more) {
                own.push((topic.clone(), next));
                next += 1;
            }
        }
    }
    assignment
}

/// All partitions in turn to all members in turn, past those who do not read the topic (`RoundRobinAssignor`).
pub(super) fn round_robin(members: &[Assignee], topics: &BTreeMap<String, u32>) -> Assignment {
    let mut assignment: Assignment = members.iter().map(|member| (member.id.clone(), Vec::new())).collect();
    let mut next = 0;
    for place in all(topics) {
        let turns = (0..members.len()).map(|step| (next + step) % members.len());
        // Nobody reads it any more.
        let Some(reader) = turns.into_iter().find(|member| members[*member].reads(&place.0)) else { continue };
        next = (reader + 1) % members.len();
        assignment.entry(members[reader].id.clone()).or_default().push(place);
    }
    assignment
}
