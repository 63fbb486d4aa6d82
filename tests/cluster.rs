//! Three brokers and a controller on the kernel, asked by a client that sends what a test tells it to.
#![cfg(not(target_family = "wasm"))]

#[path = "cluster/administration.rs"]
mod administration;
#[path = "cluster/controller.rs"]
mod controller;
#[path = "cluster/coordinator.rs"]
mod coordinator;
#[path = "cluster/delete_records.rs"]
mod delete_records;
#[path = "cluster/epochs.rs"]
mod epochs;
#[path = "cluster/groups.rs"]
mod groups;
#[path = "cluster/log_dir.rs"]
mod log_dir;
#[path = "cluster/recovery.rs"]
mod recovery;
#[path = "cluster/sessions.rs"]
mod sessions;
#[path = "cluster/slow_disk.rs"]
mod slow_disk;
#[path = "cluster/topics.rs"]
mod topics;
#[path = "cluster/transactions.rs"]
mod transactions;
#[path = "versions/travels.rs"]
mod travels;
#[path = "cluster/world.rs"]
mod world;

use kafka_protocol::messages::InitProducerIdRequest;

use loglab::broker::BrokerSettings;
use loglab::note::Note;
use loglab::sim::fault::{Fault, MessageFault, NextMessage};
use loglab::sim::{MILLISECOND, SECOND};
use loglab::wire::{Api, Request, Response};

use world::{CLIENT, Node, PARTITION, World, produce};

#[test]
fn a_record_with_acks_all_is_on_every_replica() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a")), (4 * SECOND, 1, produce(1, "b"))]);
    world.run_until(10 * SECOND);
    assert_eq!((world.partition().leader, world.partition().isr.clone()), (1, vec![1, 2, 3]));
    assert_eq!((world.produced(0), world.produced(1)), (Some((0, 0)), Some((0, 1))));
    assert_eq!(world.ends(), [(2, 2); 3]);
}

#[test]
fn a_follower_refuses_to_append() {
    let mut world = World::new("1", vec![(3 * SECOND, 2, produce(-1, "a"))]);
    world.run_until(5 * SECOND);
    assert_eq!(world.produced(0), Some((6, -1)));
}

#[test]
fn a_dead_leader_is_replaced_from_the_isr_and_loses_its_unreplicated_tail() {
    let script = vec![
        (3 * SECOND, 1, produce(-1, "a")),
        // The parked fetches take the first of these to the paused followers' sockets; the others reach nobody.
        (4 * SECOND + MILLISECOND, 1, produce(1, "b")),
        (4 * SECOND + 100 * MILLISECOND, 1, produce(1, "lost")),
        (20 * SECOND, 2, produce(-1, "c")),
    ];
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Pause(2));
    world.kernel.apply(Fault::Pause(3));
    world.run_until(4 * SECOND + 200 * MILLISECOND);
    assert_eq!(world.produced(2), Some((0, 2)));
    world.kernel.apply(Fault::Kill(1));
    world.kernel.apply(Fault::Resume(2));
    world.kernel.apply(Fault::Resume(3));
    world.run_until(19 * SECOND);
    assert_eq!((world.partition().leader, world.partition().leader_epoch), (2, 1));
    world.run_until(21 * SECOND);
    assert_eq!(world.produced(3), Some((0, 2)));
    world.kernel.apply(Fault::Restart(1));
    world.run_until(40 * SECOND);
    assert!(world.notes.contains(&Note::Truncated { broker: 1, partition: PARTITION, from: 3, to: 2 }));
    assert_eq!(world.ends(), [(3, 3); 3]);
    let mut isr = world.partition().isr.clone();
    isr.sort_unstable();
    assert_eq!((isr, world.partition().leader), (vec![1, 2, 3], 2));
}

#[test]
fn a_follower_that_cannot_fetch_leaves_the_isr_and_comes_back() {
    let script = vec![(3 * SECOND, 1, produce(-1, "a")), (5 * SECOND, 1, produce(1, "b"))];
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Cut(1, 3));
    world.kernel.apply(Fault::Cut(3, 1));
    world.run_until(50 * SECOND);
    assert_eq!(world.partition().isr, [1, 2]);
    assert_eq!(world.partition().leader_epoch, 0);
    assert_eq!(world.ends()[0], (2, 2));
    world.kernel.apply(Fault::Heal(1, 3));
    world.kernel.apply(Fault::Heal(3, 1));
    world.run_until(140 * SECOND);
    assert_eq!(world.partition().isr, [1, 2, 3]);
    assert_eq!(world.ends(), [(2, 2); 3]);
}

#[test]
fn below_the_minimum_acks_all_is_refused_and_the_high_watermark_stands_still() {
    let script = vec![
        (3 * SECOND, 1, produce(-1, "a")),
        (20 * SECOND, 1, produce(-1, "refused")),
        (21 * SECOND, 1, produce(1, "b")),
    ];
    let mut world = World::new("2", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Kill(2));
    world.kernel.apply(Fault::Kill(3));
    world.run_until(25 * SECOND);
    assert_eq!((world.partition().isr.clone(), world.partition().elr.len()), (vec![1], 1));
    assert_eq!((world.produced(1), world.produced(2)), (Some((19, -1)), Some((0, 1))));
    assert_eq!(world.ends()[0], (2, 1));
    world.kernel.apply(Fault::Restart(2));
    world.run_until(40 * SECOND);
    assert_eq!(world.ends()[0], (2, 2));
}

#[test]
fn without_a_minimum_the_last_member_of_the_isr_is_remembered() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a"))]);
    world.run_until(4 * SECOND);
    for broker in [2, 3, 1] {
        world.kernel.apply(Fault::Kill(broker));
        world.run_until(world.kernel.time() + 15 * SECOND);
    }
    let partition = world.partition();
    assert_eq!((partition.leader, partition.isr.clone(), partition.elr.clone()), (-1, vec![], vec![1]));
    assert_eq!(partition.last_known_elr, [1]);
    world.kernel.apply(Fault::Restart(1));
    world.run_until(world.kernel.time() + 5 * SECOND);
    let partition = world.partition();
    assert_eq!((partition.leader, partition.isr.clone(), partition.recovering), (1, vec![1], true));
    assert_eq!(world.ends()[0], (1, 1));
}

#[test]
fn a_quick_return_is_refused_until_the_former_session_ends() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a"))]);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Kill(3));
    world.kernel.apply(Fault::Restart(3));
    world.run_until(8 * SECOND);
    let registrations =
        |world: &World| world.notes.iter().filter(|note| matches!(note, Note::Registered { broker: 3, .. })).count();
    assert_eq!(registrations(&world), 1);
    world.run_until(30 * SECOND);
    assert_eq!(registrations(&world), 2);
    assert_eq!(world.partition().isr.len(), 3);
}

#[test]
fn brokers_hand_out_producer_ids_from_blocks_of_a_thousand() {
    let ask = init_producer_id;
    let mut world = World::new("1", vec![(3 * SECOND, 1, ask()), (4 * SECOND, 1, ask()), (5 * SECOND, 2, ask())]);
    world.run_until(6 * SECOND);
    let Node::Client(client) = world.kernel.process(CLIENT) else { panic!("no client") };
    let ids: Vec<i64> = client
        .answers
        .values()
        .filter_map(|(_, answer)| match answer {
            Response::InitProducerId(answer) => Some(answer.producer_id.0),
            _ => None,
        })
        .collect();
    assert_eq!(ids, [0, 1, 1_000]);
}

fn init_producer_id() -> Request {
    Request::InitProducerId(InitProducerIdRequest::default().with_transactional_id(None))
}

fn producer_id(world: &World, request: i32) -> Option<(i16, i64)> {
    match world.answer(request) {
        Some(Response::InitProducerId(answer)) => Some((answer.error_code, answer.producer_id.0)),
        _ => None,
    }
}

#[test]
fn a_broker_that_could_not_ask_for_producer_ids_asks_when_the_controller_is_back() {
    let asked = (60..70).map(|tenth| (tenth * 100 * MILLISECOND, 1, init_producer_id()));
    let script = asked.chain([(20 * SECOND, 1, init_producer_id())]).collect();
    let mut world = World::new("1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Kill(0));
    world.run_until(15 * SECOND);
    // COORDINATOR_LOAD_IN_PROGRESS.
    assert!((0..10).all(|request| producer_id(&world, request) == Some((14, -1))));
    world.kernel.apply(Fault::Restart(0));
    world.run_until(22 * SECOND);
    assert_eq!(producer_id(&world, 10), Some((0, 0)));
}

#[test]
fn a_controller_that_gives_no_producer_ids_is_asked_again_after_50_ms() {
    let asked = (500..600).map(|hundredth| (hundredth * 10 * MILLISECOND, 1, init_producer_id()));
    let script = asked.chain([(8 * SECOND, 1, init_producer_id())]).collect();
    let mut world = World::refusing_until(7 * SECOND, BrokerSettings::default(), script);
    world.run_until(10 * SECOND);
    assert_eq!((producer_id(&world, 0), producer_id(&world, 100)), (Some((14, -1)), Some((0, 0))));
    let Node::Refusing(_, _, heard) = world.kernel.process(0) else { panic!("the controller") };
    let pauses: Vec<_> = heard.windows(2).map(|pair| (pair[1] - pair[0]) / MILLISECOND).collect();
    assert!(pauses.len() > 10 && pauses.iter().all(|pause| (50..70).contains(pause)), "{pauses:?}");
}

#[test]
fn a_snapshot_goes_on_as_the_original_does() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a"))]);
    world.run_until(3 * SECOND);
    let mut copy = World { kernel: world.kernel.clone(), notes: Vec::new() };
    world.run_until(10 * SECOND);
    copy.run_until(10 * SECOND);
    assert_eq!(world.kernel.hash(), copy.kernel.hash());
}

#[test]
fn followers_that_return_together_enter_the_isr_each_with_a_fetch_of_its_own() {
    let lag = 1_500 * MILLISECOND;
    let settings = BrokerSettings { replica_lag_time_max_us: lag, ..BrokerSettings::default() };
    let script = vec![(3 * SECOND, 1, produce(-1, "a")), (4 * SECOND + MILLISECOND, 1, produce(1, "b"))];
    let mut world = World::with(settings, "1", script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Pause(2));
    world.kernel.apply(Fault::Pause(3));
    world.run_until(8 * SECOND);
    assert_eq!(world.partition().isr, [1]);
    world.kernel.apply(Fault::Resume(2));
    world.kernel.apply(Fault::Resume(3));
    let resumed = world.kernel.time();
    // Both catch up at once. The first asks for the ISR; the fetch of the second waits at the leader while that is
    // under way, and its next one comes half a second later.
    world.run_until(resumed + 400 * MILLISECOND);
    assert!(world.ends().iter().all(|(end, _)| *end == 2));
    assert_eq!(world.partition().isr.len(), 2);
    world.run_until(resumed + 700 * MILLISECOND);
    assert_eq!(world.partition().isr.len(), 3);
}

#[test]
fn a_controller_that_was_killed_comes_back_with_its_metadata_and_gives_brokers_a_whole_session() {
    let mut world = World::new("1", vec![(3 * SECOND, 1, produce(-1, "a")), (40 * SECOND, 1, produce(-1, "b"))]);
    world.run_until(10 * SECOND);
    let before = world.partition().clone();
    world.kernel.apply(Fault::LosePower(0));
    world.run_until(30 * SECOND);
    world.kernel.apply(Fault::Kill(2));
    world.kernel.apply(Fault::Restart(0));
    world.run_until(36 * SECOND);
    assert_eq!(*world.partition(), before, "nobody is fenced before a session is over");
    world.run_until(41 * SECOND);
    assert_eq!((world.partition().isr.clone(), world.partition().leader), (vec![1, 3], 1));
    assert_eq!(world.produced(1), Some((0, 1)));
}

#[test]
fn without_acks_nothing_is_answered_and_a_failure_costs_the_connection() {
    let script = vec![
        (3 * SECOND, 1, produce(0, "a")),
        (4 * SECOND, 2, produce(0, "to a follower")),
        // INVALID_REQUIRED_ACKS.
        (5 * SECOND, 1, produce(2, "b")),
    ];
    let mut world = World::new("1", script);
    world.run_until(10 * SECOND);
    assert_eq!((world.answer(0).is_none(), world.answer(1).is_none()), (true, true));
    assert_eq!(world.produced(2), Some((21, -1)));
    assert_eq!(world.ends(), [(1, 1); 3]);
    let Node::Client(client) = world.kernel.process(CLIENT) else { panic!("no client") };
    assert_eq!(client.lost, [1], "the connection of the second request is closed");
}

#[test]
fn a_connection_over_which_nothing_goes_is_closed() {
    let settings = BrokerSettings { connections_max_idle_us: 20 * SECOND, ..BrokerSettings::default() };
    let script = vec![(4 * SECOND, 1, produce(-1, "a")), (15 * SECOND, 1, produce(-1, "b"))];
    let mut world = World::with(settings, "1", script);
    let lost = |world: &World| match world.kernel.process(CLIENT) {
        Node::Client(client) => client.lost.clone(),
        _ => panic!("no client"),
    };
    world.run_until(23 * SECOND);
    assert!(lost(&world).is_empty());
    world.run_until(25 * SECOND);
    assert_eq!(lost(&world), [0]);
    world.run_until(36 * SECOND);
    assert_eq!(lost(&world), [0, 1]);
    assert_eq!(world.partition().isr, [1, 2, 3], "the connections of followers are busy");
}

#[test]
fn a_connection_on_which_nobody_asks_is_idle_from_the_beginning() {
    let settings = BrokerSettings { connections_max_idle_us: 20 * SECOND, ..BrokerSettings::default() };
    let mut world = World::with(settings, "1", vec![(4 * SECOND, 1, produce(-1, "a"))]);
    let kind = Api::Produce.kind(true);
    let lost = NextMessage { from: Some(CLIENT), to: Some(1), kind, fault: MessageFault::Lose };
    world.kernel.apply(Fault::Next(lost));
    world.run_until(23 * SECOND);
    let Node::Client(client) = world.kernel.process(CLIENT) else { panic!("no client") };
    assert!(client.lost.is_empty());
    world.run_until(25 * SECOND);
    let Node::Client(client) = world.kernel.process(CLIENT) else { panic!("no client") };
    assert_eq!(client.lost, [0]);
    assert_eq!(world.partition().isr, [1, 2, 3], "the broker's own connections stay");
}

#[test]
fn a_broker_that_is_asked_to_end_closes_its_logs_and_begins_again_without_a_recovery() {
    let script = vec![(3 * SECOND, 1, produce(-1, "a")), (4 * SECOND, 1, produce(-1, "b"))];
    let mut world = World::new("1", script);
    world.run_until(5 * SECOND);
    world.kernel.apply(Fault::Terminate(3));
    world.run_until(20 * SECOND);
    world.kernel.apply(Fault::LosePower(3));
    world.run_until(21 * SECOND);
    world.kernel.apply(Fault::Restart(3));
    world.run_until(60 * SECOND);
    assert_eq!(world.ends(), [(2, 2); 3], "all was durable");
    let recovered = world.notes.iter().any(|note| matches!(note, Note::LogRecovered { broker: 3, .. }));
    assert!(!recovered, "a log that was closed is not checked");
    assert_eq!(world.partition().isr.len(), 3);
}

#[test]
fn an_isr_change_that_the_controller_does_not_take_is_asked_for_again_every_50_ms() {
    let settings = BrokerSettings { replica_lag_time_max_us: 10 * SECOND, ..BrokerSettings::default() };
    let script = vec![(3 * SECOND, 1, produce(-1, "a")), (5 * SECOND, 1, produce(1, "b"))];
    let mut world = World::refusing_until(25 * SECOND, settings, script);
    world.run_until(4 * SECOND);
    world.kernel.apply(Fault::Cut(1, 3));
    world.kernel.apply(Fault::Cut(3, 1));
    world.run_until(24 * SECOND);
    assert_eq!(world.partition().isr, [1, 2, 3]);
    world.run_until(26 * SECOND);
    assert_eq!(world.partition().isr, [1, 2]);
    let Node::Refusing(_, _, heard) = world.kernel.process(0) else { panic!("the controller") };
    assert!(heard.len() > 10);
    let pauses: Vec<_> = heard.windows(2).map(|pair| (pair[1] - pair[0]) / MILLISECOND).collect();
    assert!(pauses.iter().all(|pause| (50..60).contains(pause)), "{pauses:?}");
}
