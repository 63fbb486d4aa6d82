//! Connections and metadata against scripted brokers, as a producer has them.

use super::*;
use crate::client::fake_broker::{FakeBroker, Load, World, image};
use crate::client::{AdminSettings, Ask, ConsumerSettings, ProducerSettings};
use crate::settings::ClientId;
use crate::sim::fault::Fault;
use crate::sim::{MILLISECOND, SECOND};

fn world(change: impl FnOnce(&mut NetworkSettings)) -> World {
    let mut settings = ProducerSettings { linger_us: 0, ..ProducerSettings::default() };
    change(&mut settings.network);
    let broker = FakeBroker { image: image(1, 1, 0), ..FakeBroker::default() };
    World::of_producer(settings, Load::default(), [broker.clone(), broker])
}

/// The nodes to which there is a connection.
fn connected(world: &World) -> Vec<i32> {
    let nodes = &world.sending().producer.network().nodes;
    nodes.iter().filter(|(_, node)| node.connection().is_some()).map(|(id, _)| *id).collect()
}

/// `ProducerConfig.maybeOverrideClientId` and `ConsumerConfig.maybeOverrideClientId`; an admin client has no other.
#[test]
fn each_request_says_what_the_client_calls_itself() {
    let broker = || FakeBroker { image: image(1, 1, 0), coordinates: true, ..FakeBroker::default() };
    let called = |mut world: World| {
        world.run_until(SECOND);
        let callers = [1, 2].map(|broker| world.broker(broker).callers.clone());
        callers.into_iter().flatten().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<String>>()
    };
    let producer = |settings| called(World::of_producer(settings, Load::default(), [broker(), broker()]));
    let named = |name: &str| ClientId(name.to_owned());
    let settings = ProducerSettings::default;
    assert_eq!(producer(settings()), ["producer-1"]);
    assert_eq!(
        producer(ProducerSettings { transactional_id: Some("till".to_owned()), ..settings() }),
        ["producer-till"]
    );
    assert_eq!(producer(ProducerSettings { client_id: named("shop"), ..settings() }), ["shop"]);
    let consumer = |change: fn(&mut ConsumerSettings)| {
        let mut settings = ConsumerSettings::default();
        settings.group.auto_commit_interval_us = None;
        change(&mut settings);
        called(World::of_consumer(settings, 100, [broker(), broker()]))
    };
    assert_eq!(consumer(|_| ()), ["consumer-null-1"]);
    assert_eq!(consumer(|it| it.group.id = Some("g".to_owned())), ["consumer-g-1"]);
    let stays = |it: &mut ConsumerSettings| {
        (it.group.id, it.group.instance_id) = (Some("g".to_owned()), Some("seat".to_owned()));
    };
    assert_eq!(consumer(stays), ["consumer-g-seat"]);
    assert_eq!(consumer(|it| it.client_id = ClientId("shop".to_owned())), ["shop"]);
    let calls = [Ask::DeleteTopics(vec!["orders".to_owned()])];
    assert_eq!(called(World::of_admin(AdminSettings::default(), &calls, [broker(), broker()])), ["adminclient-1"]);
}

fn kill_all(world: &mut World) {
    [1, 2].into_iter().for_each(|broker| world.apply(Fault::Kill(broker)));
}

#[test]
fn a_connection_that_is_idle_for_long_is_closed() {
    let mut world = world(|network| network.connections_max_idle_us = 2 * SECOND);
    world.run_until(SECOND);
    let bootstrap = connected(&world)[0];
    assert!(bootstrap < 0, "{:?}", connected(&world));
    world.run_until(4 * SECOND);
    assert_eq!(connected(&world).iter().find(|node| **node == bootstrap), None);
    assert!(connected(&world).contains(&1), "the leader is written to all the time");
}

#[test]
fn after_a_loss_it_waits_for_its_back_off_before_it_connects_again() {
    let attempts = |backoff_us: Time| {
        let mut world = world(|network| {
            (network.reconnect_backoff_us, network.reconnect_backoff_max_us) = (backoff_us, backoff_us);
        });
        world.run_until(SECOND);
        kill_all(&mut world);
        world.run_until(3 * SECOND);
        world.sending().producer.network().nodes.values().map(|node| node.failed_attempts()).max()
    };
    let (often, seldom) = (attempts(50 * MILLISECOND), attempts(900 * MILLISECOND));
    assert!(often > Some(20) && seldom < Some(5), "{often:?} {seldom:?}");
}

#[test]
fn a_machine_that_does_not_answer_is_given_up_after_the_setup_timeout() {
    let mut world = world(|network| {
        (network.setup_timeout_us, network.setup_timeout_max_us) = (SECOND, SECOND);
        network.request_timeout_us = SECOND;
    });
    world.run_until(SECOND);
    [1, 2].into_iter().for_each(|broker| world.apply(Fault::LosePower(broker)));
    world.run_until(20 * SECOND);
    let failed = world.sending().producer.network().nodes.values().map(|node| node.failed_attempts()).max();
    assert!(failed > Some(5), "{failed:?}: a connection is asked for again every second");
}

#[test]
fn where_no_known_broker_can_be_reached_it_begins_with_its_bootstrap_servers() {
    for strategy in [Some(300 * SECOND), None] {
        let mut world = world(|network| {
            network.rebootstrap_trigger_us = strategy;
            // Metadata are sought more often than nodes may be connected to: sooner or later none can be.
            network.retry_backoff_max_us = network.retry_backoff_us;
        });
        world.run_until(SECOND);
        kill_all(&mut world);
        world.run_until(5 * SECOND);
        let knows_brokers = world.sending().producer.network().metadata().offset().is_some();
        assert_eq!(knows_brokers, strategy.is_none(), "{strategy:?}");
        [1, 2].into_iter().for_each(|broker| world.apply(Fault::Restart(broker)));
        world.run_until(10 * SECOND);
        assert!(world.sending().producer.network().metadata().offset().is_some(), "{strategy:?}");
        assert!(world.sending().outcomes.len() > 80, "{strategy:?}: {}", world.sending().outcomes.len());
    }
}

#[test]
fn metadata_that_are_asked_for_in_vain_for_long_are_given_up() {
    // KIP-1102: the brokers are there and do not answer.
    let mut world = world(|network| {
        network.rebootstrap_trigger_us = Some(3 * SECOND);
        network.metadata_max_age_us = SECOND;
    });
    world.run_until(SECOND + SECOND / 2);
    assert!(world.sending().producer.network().metadata().offset().is_some());
    [1, 2].into_iter().for_each(|broker| world.apply(Fault::Pause(broker)));
    world.run_until(9 * SECOND);
    assert_eq!(world.sending().producer.network().metadata().offset(), None);
}
