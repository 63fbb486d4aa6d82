//! Files about brokers, the controller and topics.

use std::sync::Arc;

use loglab::lab::notable::{Notable, Occasion};
use loglab::lab::scenario::{Scenario, parse};
use loglab::lab::world::World;
use loglab::note::{Elected, Note};
use loglab::sim::SECOND;
use loglab::wire::{ClusterImage, TopicPartition};

/// A run of a file, with what it told.
struct Run {
    world: World,
    told: Vec<Notable>,
}

impl Run {
    fn of(text: &str) -> Self {
        let scenario: Arc<Scenario> = Arc::new(parse(text).expect("a right scenario"));
        Self { world: World::new(&scenario, scenario.seed, Arc::new([])), told: Vec::new() }
    }

    fn until(&mut self, time: u64) -> &mut Self {
        while let Some(occurrence) = self.world.step_until(time) {
            self.told.extend(occurrence.notables);
        }
        self
    }

    fn image(&self) -> &ClusterImage {
        self.world.image()
    }

    /// When a note was told of which this holds.
    fn times(&self, holds: impl Fn(&Note) -> bool) -> Vec<u64> {
        let of = |notable: &Notable| match &notable.occasion {
            Occasion::Note(note) if holds(note) => Some(notable.time),
            Occasion::Note(_)
            | Occasion::Cut { .. }
            | Occasion::Weighed { .. }
            | Occasion::Skip(_)
            | Occasion::Trouble(_)
            | Occasion::Stall(_)
            | Occasion::Rebalance(_)
            | Occasion::Intervention { .. }
            | Occasion::Finding(_) => None,
        };
        self.told.iter().filter_map(of).collect()
    }

    fn leaders(&self) -> Vec<i32> {
        self.image().partitions().map(|(_, image)| image.leader).collect()
    }

    /// The directories of a broker whose names begin so.
    fn directories(&self, broker: u32, prefix: &str) -> Vec<String> {
        let prefix = format!("data/{prefix}");
        let files = self.world.kernel().disk(broker).list(&prefix);
        let mut names: Vec<String> = files.filter_map(|file| Some(file.rsplit_once('/')?.0.to_owned())).collect();
        names.dedup();
        names
    }
}

#[test]
fn a_registration_of_the_same_incarnation_keeps_its_epoch() {
    let mut run = Run::of(include_str!("t01-repeat-registration.toml"));
    run.until(120 * SECOND);
    let broker = &run.image().brokers[&2];
    assert!(!broker.fenced, "it is unfenced in the end");
    let epochs = |run: &Run| {
        let of = |notable: &Notable| match &notable.occasion {
            Occasion::Note(Note::Registered { broker: 2, broker_epoch }) => Some(*broker_epoch),
            Occasion::Note(_)
            | Occasion::Cut { .. }
            | Occasion::Weighed { .. }
            | Occasion::Skip(_)
            | Occasion::Trouble(_)
            | Occasion::Stall(_)
            | Occasion::Rebalance(_)
            | Occasion::Intervention { .. }
            | Occasion::Finding(_) => None,
        };
        run.told.iter().filter(|told| told.time > 20 * SECOND).filter_map(of).collect::<Vec<_>>()
    };
    let epochs = epochs(&run);
    assert_eq!(epochs, [broker.epoch; 2], "twice registered, with one epoch");
}

#[test]
fn a_broker_whose_heartbeat_is_not_answered_beats_again_after_the_interval() {
    let mut run = Run::of(include_str!("t03-lose-heartbeat-response.toml"));
    run.until(120 * SECOND);
    assert_eq!(run.times(|note| matches!(note, Note::Fenced { .. })), [0; 0], "nobody is ever fenced");
}

#[test]
fn the_preferred_replica_leads_again_within_the_interval() {
    let mut run = Run::of(include_str!("t05-preferred-leader.toml"));
    run.until(120 * SECOND);
    assert!(!run.leaders().contains(&1), "broker 1 is back and follows: {:?}", run.leaders());
    run.until(310 * SECOND);
    assert_eq!(run.leaders(), [1, 2, 3]);
}

#[test]
fn a_restarted_broker_follows_before_it_is_registered() {
    let mut run = Run::of(include_str!("t09-follower-back-within-its-session.toml"));
    run.until(60 * SECOND);
    let registered = run.times(|note| matches!(note, Note::Registered { broker: 3, .. }));
    let registered = registered.into_iter().find(|time| *time > 15 * SECOND).expect("it registers again");
    // It is in the ISR until its session is over, so what goes on with acks=all before that goes on with it.
    let mut before = Run::of(include_str!("t09-follower-back-within-its-session.toml"));
    before.until(14 * SECOND);
    let ends = |run: &Run| {
        let partition = TopicPartition { topic: 0, partition: 0 };
        run.world.history().acknowledged_end(partition)
    };
    let stuck = ends(&before);
    before.until(16_500_000);
    assert!(ends(&before) > stuck + 10, "acks=all goes on 1.5 s after it began again, from {stuck}");
    assert!(registered > 17 * SECOND, "it registers when its former session is over, at {registered}");
    assert!(registered < 21_200_000, "at most broker.heartbeat.interval.ms later, at {registered}");
}

/// `BrokerLifecycleManager.scheduleNextCommunicationAfterFailure` waits no longer after a failure than after a success.
#[test]
fn a_broker_that_is_refused_tries_again_every_heartbeat_interval() {
    let mut run = Run::of(include_str!("registration-within-the-session.toml"));
    run.until(40 * SECOND);
    let registered = run.times(|note| matches!(note, Note::Registered { broker: 3, .. })).into_iter().max();
    let registered = registered.expect("it registers again");
    // Killed at 10 s, its last heartbeat came at most 2 s before: the session of 9 s is over between 17 s and 19 s.
    assert!((17 * SECOND..21_200_000).contains(&registered), "at {registered}");
}

/// Only coordinators write to internal topics (`ReplicaManager.appendRecordsToLeader`).
#[test]
fn nobody_produces_to_an_internal_topic() {
    let text = "title = \"t\"\nduration = \"10s\"\n[cluster]\nbrokers = 1\n[[topic]]\nname = \"__consumer_offsets\"\n\
                [[producer]]\nname = \"p\"\ntopic = \"__consumer_offsets\"\nrate = \"10/s\"\n";
    let mut run = Run::of(text);
    run.until(10 * SECOND);
    assert_eq!(run.world.history().acknowledged_end(TopicPartition { topic: 0, partition: 0 }), 0);
    assert!(run.world.findings().list().is_empty(), "{:?}", run.world.findings().list());
}

#[test]
fn topics_exist_though_a_broker_is_dead_from_the_start() {
    let mut run = Run::of(include_str!("t11-broker-dead-from-the-start.toml"));
    run.until(60 * SECOND);
    assert!(run.image().brokers[&3].fenced && !run.image().is_alive(3));
    assert_eq!(run.times(|note| matches!(note, Note::Fenced { broker: 3, fenced: true })).len(), 1);
    let partition = run.image().partition(TopicPartition { topic: 0, partition: 0 }).expect("the topic");
    assert!(partition.leader > 0 && !partition.isr.contains(&3), "{partition:?}");
    let acknowledged = run.world.history().acknowledged_end(TopicPartition { topic: 0, partition: 0 });
    assert!(acknowledged > 500, "records are stored: {acknowledged}");
}

#[test]
fn an_election_of_the_last_known_leader_is_told_as_such() {
    for text in [include_str!("g-rack-power.toml"), include_str!("r10-power-loss-everywhere.toml")] {
        let mut run = Run::of(text);
        run.until(180 * SECOND);
        let last_known =
            run.times(|note| matches!(note, Note::PartitionChanged { elected: Some(Elected::LastKnown), .. }));
        assert!(!last_known.is_empty(), "somebody was elected as last known leader");
        let unclean = run.times(|note| matches!(note, Note::PartitionChanged { elected: Some(Elected::Unclean), .. }));
        assert_eq!(unclean, [0; 0], "unclean election is off");
        let of_elr =
            run.times(|note| matches!(note, Note::PartitionChanged { elr, elr_before, .. } if elr != elr_before));
        assert!(!of_elr.is_empty(), "changes of the ELR are told");
    }
}

#[test]
fn a_topic_comes_goes_and_comes_again() {
    let mut run = Run::of(include_str!("topics-come-and-go.toml"));
    run.until(9 * SECOND);
    assert_eq!((run.image().topics.named("audit"), run.image().topics.len()), (None, 1));
    run.until(15 * SECOND);
    let first = run.image().topics.named("audit").expect("it is there");
    let id = run.image().topics.id_of(first);
    let has = |run: &Run, broker: u32| run.directories(broker, "audit-").len();
    assert_eq!((1..=3).map(|broker| has(&run, broker)).sum::<usize>(), 4, "two partitions of two replicas");
    run.until(22 * SECOND);
    assert_eq!(run.image().topics.named("audit"), None);
    let renamed: Vec<String> = (1..=3).flat_map(|broker| run.directories(broker, "audit-")).collect();
    assert!(renamed.len() == 4 && renamed.iter().all(|name| name.ends_with("-delete")), "{renamed:?}");
    run.until(29 * SECOND);
    assert_eq!((1..=3).map(|broker| has(&run, broker)).sum::<usize>(), 0, "file.delete.delay.ms is over");
    run.until(35 * SECOND);
    let second = run.image().topics.named("audit").expect("it is there again");
    assert!(second > first && run.image().topics.id_of(second) != id, "another number and another id");
    assert_eq!((1..=3).map(|broker| has(&run, broker)).sum::<usize>(), 12, "four partitions of three replicas");
    let image = run.image().partition(TopicPartition { topic: second, partition: 3 }).expect("it has four");
    assert_eq!((image.leader_epoch, image.isr.len()), (0, 3));
}

#[test]
fn a_topic_that_waits_for_brokers_holds_up_no_other() {
    let mut run = Run::of(include_str!("topic-that-waits-for-brokers.toml"));
    run.until(60 * SECOND);
    assert_eq!(run.times(|note| matches!(note, Note::TopicDeleted { .. })), [25 * SECOND]);
    let created = run.times(|note| matches!(note, Note::TopicCreated { name, .. } if name == "audit"));
    assert!(created.len() == 1 && created[0] > 35 * SECOND, "{created:?}");
}

#[test]
fn a_broker_that_was_down_finds_a_stray_log() {
    let mut run = Run::of(include_str!("topic-deleted-while-a-broker-is-down.toml"));
    run.until(60 * SECOND);
    let strays = run.directories(2, "audit-");
    assert!(strays.len() == 2 && strays.iter().all(|name| name.ends_with("-stray")), "{strays:?}");
    let warned = run.times(|note| matches!(note, Note::StorageWarning { broker: 2, why } if why.contains("stray")));
    assert_eq!(warned.len(), 2);
    assert!(run.image().is_alive(2), "it goes on with the topics that are left");
}

/// Found by seed 12 of a nemesis: the fetch in flight had no answer, and nothing else was asked for 30 s
/// (`replica.socket.timeout.ms`).
#[test]
fn who_leads_again_is_fetched_from_on_a_new_connection() {
    let mut run = Run::of(include_str!("idle-fetcher-waits-for-a-former-life.toml"));
    run.until(14 * SECOND);
    assert_eq!(run.leaders(), [2], "broker 1 is superseded");
    run.until(30 * SECOND);
    assert_eq!(run.leaders(), [1], "broker 1 leads again");
    let outages = run.world.availability().outages(30 * SECOND);
    let latest = outages.iter().filter_map(|outage| outage.to).max();
    assert!(outages.iter().all(|outage| outage.to.is_some()) && latest < Some(20 * SECOND), "{outages:?}");
}

/// `UnifiedLog.truncateTo`: a cut at the log's end forgets an epoch that was noted there and has no record.
#[test]
fn a_leader_epoch_without_a_record_is_forgotten_by_whoever_follows_then() {
    let mut run = Run::of(include_str!("epoch-without-a-record.toml"));
    run.until(60 * SECOND);
    let in_sync: Vec<usize> = run.image().partitions().map(|(_, image)| image.isr.len()).collect();
    assert_eq!(in_sync, [3], "everybody is back");
}
