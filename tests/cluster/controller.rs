//! What a controller refuses of a leader that changes the ISR (Kafka: `ReplicationControlManager`).

use kafka_protocol::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use kafka_protocol::messages::{AlterPartitionRequest, BrokerId};

use loglab::sim::fault::Fault;
use loglab::sim::{MILLISECOND, SECOND};
use loglab::wire::{Request, Response};

use super::world::{World, orders_id, produce};

/// What a request says.
#[derive(Clone)]
struct Change {
    sender: i32,
    sender_epoch: i64,
    leader_epoch: i32,
    partition_epoch: i32,
    isr: Vec<(i32, i64)>,
    recovering: bool,
}

impl Change {
    fn request(&self) -> Request {
        let member =
            |(id, epoch): &(i32, i64)| BrokerState::default().with_broker_id(BrokerId(*id)).with_broker_epoch(*epoch);
        let data = PartitionData::default()
            .with_partition_index(0)
            .with_leader_epoch(self.leader_epoch)
            .with_partition_epoch(self.partition_epoch)
            .with_leader_recovery_state(i8::from(self.recovering))
            .with_new_isr_with_epochs(self.isr.iter().map(member).collect());
        let topic = TopicData::default().with_topic_id(orders_id()).with_partitions(vec![data]);
        let request = AlterPartitionRequest::default();
        let request = request.with_broker_id(BrokerId(self.sender)).with_broker_epoch(self.sender_epoch);
        Request::AlterPartition(request.with_topics(vec![topic]))
    }
}

/// The errors of a controller's answers to these, asked one after the other of a cluster whose broker 3 is down: broker
/// 1 leads in epoch 0, the partition epoch is 1 and the ISR is 1, 2.
fn refusals(changes: impl Fn(Change) -> Vec<Change>) -> Vec<i16> {
    let calm = |script| {
        let mut world = World::new("1", script);
        world.run_until(4 * SECOND);
        world.kernel.apply(Fault::Kill(3));
        world.run_until(30 * SECOND);
        world
    };
    let world = calm(vec![(3 * SECOND, 1, produce(-1, "a"))]);
    let epoch = |id: i32| world.broker(1).image().brokers[&id].epoch;
    let (partition, isr) = (world.partition().clone(), vec![(1, epoch(1)), (2, epoch(2))]);
    assert_eq!((partition.isr, partition.leader_epoch, partition.partition_epoch), (vec![1, 2], 0, 1));
    let good =
        Change { sender: 1, sender_epoch: epoch(1), leader_epoch: 0, partition_epoch: 1, isr, recovering: false };
    let changes = changes(good);
    let mut script = vec![(3 * SECOND, 1, produce(-1, "a"))];
    script.extend((1..).zip(&changes).map(|(n, change)| (30 * SECOND + n * MILLISECOND, 0, change.request())));
    let mut world = calm(script);
    world.run_until(40 * SECOND);
    let error = |number: usize| {
        let Some(Response::AlterPartition(answer)) = world.answer(number as i32) else { panic!("no answer") };
        match answer.error_code {
            0 => answer.topics[0].partitions[0].error_code,
            code => code,
        }
    };
    (1..=changes.len()).map(error).collect()
}

#[test]
fn a_leader_with_the_wrong_epochs_is_refused() {
    let got = refusals(|good| {
        vec![
            Change { sender_epoch: good.sender_epoch - 1, ..good.clone() },
            Change { leader_epoch: -1, ..good.clone() },
            Change { leader_epoch: 1, ..good.clone() },
            Change { partition_epoch: 0, ..good.clone() },
            Change { partition_epoch: 2, ..good.clone() },
            good,
        ]
    });
    // STALE_BROKER_EPOCH, FENCED_LEADER_EPOCH, NOT_CONTROLLER, INVALID_UPDATE_VERSION, NOT_CONTROLLER.
    assert_eq!(got, [77, 74, 41, 95, 41, 0]);
}

#[test]
fn an_isr_that_cannot_be_is_refused() {
    let got = refusals(|good| {
        let (one, two) = (good.isr[0], good.isr[1]);
        let isr = |isr: Vec<(i32, i64)>| Change { isr, ..good.clone() };
        vec![
            isr(vec![two]),
            isr(vec![one, (9, -1)]),
            Change { recovering: true, ..good.clone() },
            // A fenced broker, and the epoch of a former life (KIP-903).
            isr(vec![one, two, (3, -1)]),
            isr(vec![one, (2, two.1 - 1)]),
            isr(vec![one, (2, -1)]),
        ]
    });
    // INVALID_REQUEST, INELIGIBLE_REPLICA.
    assert_eq!(got, [42, 42, 42, 107, 107, 0]);
}

#[test]
fn a_broker_that_does_not_lead_changes_nothing() {
    let got = refusals(|good| {
        let two = good.isr[1];
        vec![Change { sender: 2, sender_epoch: two.1, ..good }]
    });
    assert_eq!(got, [42]);
}
