//! A broker whose log directory fails it. What each kind of damage does was asked of Kafka 4.3.1.

use loglab::note::Note;
use loglab::sim::SECOND;
use loglab::sim::fault::Fault;
use loglab::sim::kernel::Status;

use super::world::{PARTITION, World, produce, produce_keyed};

/// Broker 2 has a log of some batches and its checkpoints, and is down.
fn broker_2_is_down(config: &[(&str, &str)]) -> World {
    let value = "a".repeat(400);
    let script = (3..20).map(|second| (second * SECOND, 1, produce_keyed("k", &value))).collect();
    let mut world = World::with_topic(config, script);
    world.run_until(70 * SECOND);
    world.kernel.apply(Fault::Kill(2));
    world.run_until(71 * SECOND);
    world
}

/// Turns over bits of one byte of a file of broker 2, starts the broker and runs on.
fn restart_with_damage(world: &mut World, file: &str, byte: u64, mask: u8) {
    let path = format!("data/{file}");
    assert!(world.kernel.disk(2).open(&path).is_some_and(|id| world.kernel.disk(2).len(id) > byte), "{path}");
    world.kernel.apply(Fault::FlipBits { of: 2, path, byte, mask });
    world.notes.clear();
    world.kernel.apply(Fault::Restart(2));
    world.run_until(130 * SECOND);
}

/// Why broker 2 ended by itself.
fn halted(world: &World) -> Option<&str> {
    world.notes.iter().find_map(|note| match note {
        Note::Halted { broker: 2, why } => Some(why.as_str()),
        _ => None,
    })
}

fn place_of(world: &World, file: &str, text: &str) -> u64 {
    let disk = world.kernel.disk(2);
    let bytes = disk.read(disk.open(&format!("data/{file}")).expect(file), 0, u32::MAX);
    bytes.windows(text.len()).position(|window| window == text.as_bytes()).expect(text) as u64
}

const COMPACTED: &[(&str, &str)] = &[("cleanup.policy", "compact"), ("internal.segment.bytes", "1024")];

#[test]
fn a_file_of_the_wrong_shape_takes_the_directory_offline_and_the_broker_halts() {
    for (file, version_at) in [
        ("recovery-point-offset-checkpoint", 0),
        ("log-start-offset-checkpoint", 0),
        ("replication-offset-checkpoint", 0),
        ("orders-0/leader-epoch-checkpoint", 0),
        ("orders-0/partition.metadata", "version: ".len() as u64),
    ] {
        let mut world = broker_2_is_down(&[]);
        // The version is no version any more.
        restart_with_damage(&mut world, file, version_at, 0x40);
        let why = halted(&world).unwrap_or_else(|| panic!("{file}: {:?}", world.notes));
        assert!(
            why.contains(file.rsplit('/').next().unwrap()) && why.contains("all log dirs in data have failed"),
            "{why}"
        );
        assert_eq!(world.kernel.status(2), Status::Killed, "{file}");
        assert!(!world.partition().isr.contains(&2), "{file}");
    }
}

#[test]
fn a_malformed_cleaner_checkpoint_is_met_by_the_cleaners_first_look() {
    let mut world = broker_2_is_down(COMPACTED);
    restart_with_damage(&mut world, "cleaner-offset-checkpoint", 0, 0x40);
    assert!(halted(&world).is_some_and(|why| why.contains("cleaner-offset-checkpoint")), "{:?}", world.notes);
}

#[test]
fn an_offset_that_is_no_number_does_what_a_number_format_exception_does() {
    // Kafka warns, takes the recovery points for 0 and goes on.
    let mut world = broker_2_is_down(&[]);
    let place = place_of(&world, "recovery-point-offset-checkpoint", "orders 0 ") + 9;
    restart_with_damage(&mut world, "recovery-point-offset-checkpoint", place, 0x40);
    assert_eq!(halted(&world), None);
    assert!(world.notes.iter().any(|note| matches!(note, Note::StorageWarning { broker: 2, .. })), "{:?}", world.notes);
    assert!(world.partition().isr.contains(&2));
    // Without high watermarks it has no replicas, and lives.
    let mut world = broker_2_is_down(&[]);
    let place = place_of(&world, "replication-offset-checkpoint", "orders 0 ") + 9;
    restart_with_damage(&mut world, "replication-offset-checkpoint", place, 0x40);
    assert_eq!((halted(&world), world.kernel.status(2)), (None, Status::Running));
    assert!(world.notes.iter().any(|note| matches!(note, Note::ReplicaFailed { broker: 2, .. })), "{:?}", world.notes);
    assert!(world.broker(2).log(PARTITION).is_none() && !world.partition().isr.contains(&2));
    // An epoch that is no number ends the start.
    let mut world = broker_2_is_down(&[]);
    let file = "orders-0/leader-epoch-checkpoint";
    let place = place_of(&world, file, "0 0");
    restart_with_damage(&mut world, file, place, 0x40);
    let why = halted(&world).expect("it does not start");
    assert!(why.contains("error starting LogManager") && why.contains("NumberFormatException"), "{why}");
}

#[test]
fn a_directory_of_another_node_or_of_none_is_not_started_with() {
    let mut world = broker_2_is_down(&[]);
    let place = place_of(&world, "meta.properties", "node.id=2") + 8;
    restart_with_damage(&mut world, "meta.properties", place, 1);
    assert!(halted(&world).is_some_and(|why| why.contains("node id 3 doesn't match node id 2")), "{:?}", world.notes);
    assert!(!world.notes.iter().any(|note| matches!(note, Note::Registered { broker: 2, .. })));
    let mut world = broker_2_is_down(&[]);
    let place = place_of(&world, "meta.properties", "node.id=2");
    restart_with_damage(&mut world, "meta.properties", place, 1);
    assert!(halted(&world).is_some_and(|why| why.contains("meta.properties is malformed")), "{:?}", world.notes);
}

#[test]
fn a_follower_asks_again_and_again_for_a_batch_that_rotted_at_its_leader_and_tells_once() {
    let script = (3..8).map(|second| (second * SECOND, 1, produce(1, "a"))).collect();
    let mut world = World::new("1", script);
    world.run_until(2 * SECOND);
    world.kernel.apply(Fault::Kill(2));
    world.run_until(20 * SECOND);
    let path = "data/orders-0/00000000000000000000.log".to_owned();
    world.kernel.apply(Fault::FlipBits { of: 1, path, byte: 65, mask: 1 });
    world.kernel.apply(Fault::Restart(2));
    world.run_until(60 * SECOND);
    let told: Vec<_> = world.notes.iter().filter(|note| matches!(note, Note::InvalidMessages { .. })).collect();
    let [Note::InvalidMessages { broker: 2, offset: 0, why, .. }] = &told[..] else { panic!("{told:?}") };
    assert!(why.contains("CorruptRecordException"), "{why}");
    assert_eq!((world.ends()[0].0, world.ends()[1].0), (5, 0));
    assert!(world.kernel.time() > 59 * SECOND);
}
