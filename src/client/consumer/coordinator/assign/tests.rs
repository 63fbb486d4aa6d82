//! Who gets what.

use super::super::member::Place;
use super::*;
use crate::wire::Subscription;
use std::collections::BTreeMap;

fn member(id: &str, topics: &[&str], owned: &[(&str, i32)], generation: i32) -> Assignee {
    let owned = owned.iter().map(|(topic, partition)| ((*topic).to_owned(), *partition)).collect();
    let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
    let subscription = Subscription { topics, owned, generation, user_data: None, rack: None };
    Assignee { id: id.to_owned(), instance: None, subscription }
}

fn topics(counts: &[(&str, u32)]) -> BTreeMap<String, u32> {
    counts.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect()
}

/// As `a: t0 t1; b: t2`.
fn shown(assignment: &Assignment) -> String {
    let of = |places: &Vec<Place>| {
        let mut places: Vec<String> = places.iter().map(|(topic, partition)| format!("{topic}{partition}")).collect();
        places.sort();
        places.join(" ")
    };
    assignment.iter().map(|(id, places)| format!("{id}: {}", of(places))).collect::<Vec<_>>().join("; ")
}

#[test]
fn range_gives_the_first_members_of_each_topic_one_more() {
    let members = [member("b", &["t", "u"], &[], -1), member("a", &["t", "u"], &[], -1)];
    let assigned = assign(Assignor::Range, &members, &topics(&[("t", 3), ("u", 3)]));
    assert_eq!(shown(&assigned), "a: t0 t1 u0 u1; b: t2 u2");
    let members = [member("a", &["t"], &[], -1), member("b", &["u"], &[], -1)];
    assert_eq!(shown(&assign(Assignor::Range, &members, &topics(&[("t", 1), ("u", 1)]))), "a: t0; b: u0");
}

#[test]
fn members_with_an_instance_id_come_first() {
    let mut members = [member("a", &["t"], &[], -1), member("b", &["t"], &[], -1)];
    members[1].instance = Some("x".to_owned());
    assert_eq!(shown(&assign(Assignor::Range, &members, &topics(&[("t", 3)]))), "a: t2; b: t0 t1");
}

#[test]
fn round_robin_goes_past_members_that_do_not_read_the_topic() {
    let members = [member("a", &["t", "u"], &[], -1), member("b", &["u"], &[], -1)];
    let assigned = assign(Assignor::RoundRobin, &members, &topics(&[("t", 2), ("u", 3)]));
    assert_eq!(shown(&assigned), "a: t0 t1 u1; b: u0 u2");
}

#[test]
fn a_new_member_takes_from_those_who_have_most_and_waits_for_what_they_have_to_revoke() {
    let owned = [("t", 0), ("t", 1), ("t", 2), ("t", 3)];
    let members =
        [member("a", &["t"], &owned[..2], 3), member("b", &["t"], &owned[2..], 3), member("c", &["t"], &[], -1)];
    let counts = topics(&[("t", 4)]);
    let first = assign(Assignor::CooperativeSticky, &members, &counts);
    assert_eq!(shown(&first), "a: t0 t1; b: t2; c: ");
    let members =
        [member("a", &["t"], &owned[..2], 4), member("b", &["t"], &owned[2..3], 4), member("c", &["t"], &[], 4)];
    assert_eq!(shown(&assign(Assignor::CooperativeSticky, &members, &counts)), "a: t0 t1; b: t2; c: t3");
}

#[test]
fn what_a_member_had_in_an_older_generation_does_not_count() {
    let members = [member("a", &["t"], &[("t", 0), ("t", 1)], 5), member("b", &["t"], &[("t", 1)], 4)];
    assert_eq!(shown(&assign(Assignor::CooperativeSticky, &members, &topics(&[("t", 2)]))), "a: t0; b: ");
}

#[test]
fn the_sticky_assignor_keeps_what_its_members_say_that_they_had() {
    let mut members = [member("a", &["t"], &[], -1), member("b", &["t"], &[], -1), member("c", &["t"], &[], -1)];
    let had = [vec![("t".to_owned(), 4), ("t".to_owned(), 1)], vec![("t".to_owned(), 0)]];
    for (member, had) in members.iter_mut().zip(had) {
        member.subscription.user_data = Some(crate::wire::sticky_to_bytes(&had, 2));
    }
    let assigned = assign(Assignor::Sticky, &members, &topics(&[("t", 5)]));
    assert_eq!(shown(&assigned), "a: t1 t4; b: t0 t3; c: t2");
}
