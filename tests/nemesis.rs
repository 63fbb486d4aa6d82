//! Faults drawn from the seed: what is drawn keeps to the budget, is a run like any other, and heals; and the built-in scenario
//! of it finds nothing.
#![cfg(not(target_family = "wasm"))]

use std::collections::BTreeSet;
use std::sync::Arc;

use loglab::lab::coverage::Situation;
use loglab::lab::names::Role;
use loglab::lab::nemesis;
use loglab::lab::runner;
use loglab::lab::scenario::{Builtin, Fault, FaultAction, InterventionId, Scenario, Target, parse};
use loglab::lab::session::Session;
use loglab::lab::timeline::Replay;
use loglab::lab::world::World;
use loglab::sim::kernel::Status;
use loglab::sim::process::ProcessId;
use loglab::wire::{CONTROLLER_PROCESS, PartitionImage, incarnation_id};

const WORLD: &str = r#"title = "t"
duration = "40s"
[cluster]
brokers = 4
config = { "broker.session.timeout.ms" = 3000, "broker.heartbeat.interval.ms" = 500, "replica.lag.time.max.ms" = 3000 }
[network]
latency = "1ms"
jitter = "1ms"
[[topic]]
name = "orders"
partitions = 3
replication-factor = 3
config = { "min.insync.replicas" = 2 }
[[producer]]
name = "checkout"
topic = "orders"
rate = "10/s"
[[consumer]]
name = "shipping"
topics = ["orders"]
config = { "auto.offset.reset" = "earliest" }
"#;

/// The world with a nemesis of these keys.
fn with(keys: &str) -> Arc<Scenario> {
    let text = format!("{WORLD}[nemesis]\nevery = \"800ms\"\nlongest = \"4s\"\nfrom = \"2s\"\ncalm = \"15s\"\n{keys}");
    Arc::new(parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}")))
}

fn run(scenario: &Arc<Scenario>, seed: u64) -> World {
    runner::run_to(scenario, seed, u64::MAX, &mut |_, _| {})
}

/// The scenario without its nemesis, with these faults of the file.
fn written(scenario: &Scenario, faults: &[Fault]) -> Arc<Scenario> {
    let numbered = (0..).map(InterventionId).zip(faults);
    let faults = numbered.map(|(id, fault)| Fault { id, ..fault.clone() }).collect();
    Arc::new(Scenario { nemesis: None, faults, ..scenario.clone() })
}

#[test]
fn a_seed_gives_one_run_and_another_seed_another() {
    let scenario = with("");
    let [first, again, other] = [1, 1, 2].map(|seed| run(&scenario, seed));
    assert!(!first.interventions().drawn().is_empty());
    assert_eq!(first.hash(), again.hash());
    assert_ne!(first.hash(), other.hash());
}

#[test]
fn what_was_drawn_is_the_same_run_when_a_file_says_it() {
    for seed in 1..=4 {
        let drawn = run(&with(""), seed);
        let file = written(drawn.scenario(), drawn.interventions().drawn());
        assert_eq!(run(&file, seed).hash(), drawn.hash(), "seed {seed}");
        let text = format!("{WORLD}{}", nemesis::tables(drawn.interventions().drawn()));
        let read = parse(&text).unwrap_or_else(|errors| panic!("{errors:#?}"));
        assert_eq!(read.faults, file.faults, "seed {seed}");
    }
}

#[test]
fn before_the_first_fault_the_run_is_that_without_a_nemesis() {
    let scenario = with("");
    let drawn = run(&scenario, 3);
    let before = drawn.interventions().drawn()[0].at_us - 1;
    let hash = |scenario: &Arc<Scenario>| runner::run_to(scenario, 3, before, &mut |_, _| {}).hash();
    assert_eq!(hash(&scenario), hash(&written(&scenario, &[])));
}

#[test]
fn every_way_to_an_instant_leads_to_the_same_faults() {
    let scenario = with("");
    let whole = run(&scenario, 5);
    let mut session = Session::from_scenario(Arc::clone(&scenario), 5);
    for seconds in [17, 9, 40, 3, 21, 40] {
        session.seek_time(seconds * 1_000_000);
        let world = session.world();
        let straight = runner::run_to(&scenario, 5, seconds * 1_000_000, &mut |_, _| {});
        assert_eq!((world.hash(), world.event()), (straight.hash(), straight.event()), "at {seconds} s");
        assert_eq!(world.interventions().drawn(), straight.interventions().drawn(), "at {seconds} s");
    }
    session.seek_time(10_000_000);
    session.command("skew shipping by 1s").expect("a command");
    session.seek_time(40_000_000);
    assert_ne!(session.world().hash(), whole.hash());
    let commands = session.commands().to_vec().into();
    let mut straight = World::new(&scenario, 5, commands);
    while straight.step().is_some() {}
    assert_eq!(session.world().hash(), straight.hash());
}

#[test]
fn a_branch_leaves_what_was_drawn_before_it_alone() {
    let mut session = Session::from_scenario(with(""), 6);
    session.seek_time(40_000_000);
    let all = session.world().interventions().drawn().to_vec();
    session.seek_time(12_000_000);
    session.command("kill controller").or_else(|_| session.command("skew shipping by 1s")).expect("a command");
    session.seek_time(40_000_000);
    let before = all.iter().take_while(|fault| fault.at_us <= 12_000_000).count();
    assert!(before > 0);
    assert_eq!(session.world().interventions().drawn()[..before], all[..before]);
}

/// A decision that comes to nothing leaves nothing behind.
#[test]
fn whoever_goes_back_before_a_decision_and_acts_there_meets_it_again() {
    let text = WORLD.split("[[producer]]").next().expect("the cluster");
    let keys = "[nemesis]\nevery = \"200ms\"\nfrom = \"2s\"\ncalm = \"15s\"\nfamilies = [\"lose-indexes\"]\n";
    let scenario = Arc::new(parse(&format!("{text}{keys}")).unwrap_or_else(|errors| panic!("{errors:#?}")));
    let mut drawn = 0;
    for at_ms in (3_000..6_000).step_by(211) {
        let mut session = Session::from_scenario(Arc::clone(&scenario), 1);
        session.seek_time((at_ms + 300) * 1_000);
        session.seek_time(at_ms * 1_000);
        session.command("kill broker 1").expect("a command");
        session.seek_time(12_000_000);
        let mut straight = World::new(&scenario, 1, session.commands().to_vec().into());
        while straight.step_until(12_000_000).is_some() {}
        assert_eq!(session.world().interventions().drawn(), straight.interventions().drawn(), "at {at_ms} ms");
        assert_eq!(session.world().hash(), straight.hash(), "at {at_ms} ms");
        drawn += straight.interventions().drawn().len();
    }
    assert!(drawn > 0);
}

/// Who has failed, said anew from the kernel and the controller's image alone.
struct Failures<'a> {
    world: &'a World,
    /// The ways between brokers, or from one to the controller, that are not as they were, each with whose failure it is.
    links: Vec<((ProcessId, ProcessId), ProcessId)>,
}

impl Failures<'_> {
    /// Whether something is wrong with a broker itself, or it is not back.
    fn is_down(&self, broker: i32) -> bool {
        let kernel = self.world.kernel();
        let process = broker as ProcessId;
        let plain = self.world.scenario().cluster.disk_us(broker);
        let registered = self.world.image().brokers.get(&broker);
        kernel.status(process) != Status::Running
            || kernel.is_ending(process)
            || kernel.disk(process).slowdown_us() != plain
            || kernel.disk(process).is_limited()
            || registered
                .is_none_or(|it| it.fenced || it.incarnation != incarnation_id(broker, kernel.incarnation(process)))
    }

    fn has_failed(&self, broker: i32, partition: &PartitionImage) -> bool {
        let process = broker as ProcessId;
        // A link of another's failure keeps it out.
        let by_another = |((a, b), whose): &((ProcessId, ProcessId), ProcessId)| {
            (*a == process || *b == process) && *whose != process && partition.replicas.contains(&(*whose as i32))
        };
        self.is_down(broker)
            || self.links.iter().any(|(_, whose)| *whose == process)
            || !partition.isr.contains(&broker) && !self.links.iter().any(by_another)
    }

    fn are_within_budget(&self) -> bool {
        let failed = |partition: &PartitionImage| {
            partition.replicas.iter().filter(|broker| self.has_failed(**broker, partition)).count()
        };
        self.world.image().partitions().all(|(_, partition)| failed(partition) <= 1)
    }
}

/// Whether there is a way to say whose failure each link is, so that of each partition at most one replica has failed.
fn is_within_budget(world: &World) -> bool {
    let is_server =
        |process: &ProcessId| matches!(world.names().role(*process), Some(Role::Broker(_) | Role::Controller));
    let servers: Vec<ProcessId> = (0..world.names().len()).filter(is_server).collect();
    let is_whole = |a, b| world.kernel().is_whole(a, b) && world.kernel().is_whole(b, a);
    let pairs = servers.iter().flat_map(|a| servers.iter().map(move |b| (*a, *b)));
    let links: Vec<_> = pairs.filter(|(a, b)| a < b && !is_whole(*a, *b)).collect();
    (0..1u64 << links.len()).any(|ends| {
        let whose = |(place, (a, b)): (usize, &(ProcessId, ProcessId))| {
            let end = if *a == CONTROLLER_PROCESS || ends >> place & 1 > 0 { *b } else { *a };
            ((*a, *b), end)
        };
        Failures { world, links: links.iter().enumerate().map(whose).collect() }.are_within_budget()
    })
}

#[test]
fn the_budget_holds_whenever_something_is_done() {
    let (scenario, unbounded) = (with(""), with("budget = \"unbounded\"\n"));
    let broken = |scenario: &Arc<Scenario>, seed: u64| {
        let mut world = World::new(scenario, seed, Arc::new([]));
        let (mut known, mut broken) = (0, Vec::new());
        while world.step().is_some() {
            let drawn = world.interventions().drawn();
            if drawn.len() > known && !is_within_budget(&world) {
                broken.extend(drawn[known..].iter().map(|fault| (fault.at_us, fault.action, fault.target.clone())));
            }
            known = drawn.len();
        }
        broken
    };
    for seed in 1..=20 {
        assert_eq!(broken(&scenario, seed), [], "seed {seed}");
    }
    assert!((1..=5).any(|seed| !broken(&unbounded, seed).is_empty()), "the test can fail");
}

#[test]
fn in_the_calm_everything_heals_and_everybody_goes_on() {
    for seed in 1..=20 {
        let world = run(&with(""), seed);
        let kernel = world.kernel();
        let quiet_us = world.nemesis().expect("it has one").quiet_us();
        let late = |fault: &&Fault| fault.at_us + fault.undo_after_us.unwrap_or(0) > quiet_us;
        let late: Vec<_> = world.interventions().drawn().iter().filter(late).collect();
        assert!(late.iter().all(|fault| fault.action == FaultAction::Restart), "seed {seed}: {late:?}");
        for process in 0..world.names().len() {
            let name = world.names().process(process);
            assert_eq!(kernel.status(process), Status::Running, "seed {seed}: {name}");
            let clock = kernel.clock(process);
            assert!(clock.is_right(kernel.time()), "seed {seed}: {name}");
            assert!(
                !kernel.disk(process).is_limited() && kernel.disk(process).slowdown_us() == 0,
                "seed {seed}: {name}"
            );
            assert!((0..world.names().len()).all(|to| kernel.is_whole(process, to)), "seed {seed}: {name}");
        }
        for (partition, image) in world.image().partitions() {
            let name = world.names().partition(partition);
            assert_eq!(image.isr.len(), image.replicas.len(), "seed {seed}: {name} {image:?}");
            assert!(image.leader >= 0, "seed {seed}: {name} {image:?}");
        }
        let report = runner::report(&world, world.scenario().duration_us);
        let open: Vec<_> = report.outages.iter().filter(|outage| outage.to_us.is_none()).collect();
        assert!(open.is_empty(), "seed {seed}: {open:?}");
        assert_eq!(report.findings, [], "seed {seed}");
        assert_eq!(report.warnings, [], "seed {seed}");
    }
}

fn words(world: &World) -> BTreeSet<&'static str> {
    world.interventions().drawn().iter().map(|fault| fault.action.word()).collect()
}

#[test]
fn families_that_are_off_do_nothing_and_each_is_on_with_some_seed() {
    let usual: BTreeSet<&str> =
        FaultAction::ROWS.iter().filter(|row| row.drawn.is_usual()).map(|row| row.word).collect();
    let scenario = with("");
    let (mut seen, mut whole) = (BTreeSet::new(), 0);
    for seed in 1..=40 {
        let world = run(&scenario, seed);
        let on: BTreeSet<&str> = world.nemesis().expect("it has one").families().collect();
        let words = words(&world);
        assert!(words.iter().all(|word| on.contains(word) || *word == "restart"), "seed {seed}: {words:?} of {on:?}");
        whole += usize::from(on == usual);
        seen.extend(words);
    }
    assert!(whole < 10, "with {whole} of 40 seeds nothing is off");
    seen.remove("restart");
    assert_eq!(seen, usual);
}

#[test]
fn what_tcp_and_disks_forbid_is_drawn_where_it_is_named_only() {
    let named: Vec<&str> = FaultAction::ROWS
        .iter()
        .filter(|row| row.drawn.is_ever() && !row.drawn.is_usual())
        .map(|row| row.word)
        .collect();
    assert_eq!(named, ["hold", "lose", "repeat", "bit-rot"]);
    for word in named {
        let scenario = with(&format!("families = [\"{word}\"]\n"));
        let words: BTreeSet<&str> = (1..=3).flat_map(|seed| words(&run(&scenario, seed))).collect();
        assert_eq!(words, BTreeSet::from([word]));
    }
}

#[test]
fn targets_that_are_not_asked_for_are_left_alone() {
    let world = run(&with("targets = [\"clients\"]\n"), 1);
    let drawn = world.interventions().drawn();
    let is_of_a_client = |fault: &Fault| match &fault.target {
        Target::Client(_) => true,
        Target::Link { from, to, .. } => {
            [from, to].iter().any(|end| end.to_string().contains("ing") || end.to_string() == "checkout")
        }
        other => panic!("{other}"),
    };
    assert!(!drawn.is_empty() && drawn.iter().all(is_of_a_client), "{drawn:?}");
}

/// A producer that begins again sends other records, and a consumer reads from where it is told to begin.
#[test]
fn clients_are_killed_and_nothing_false_is_found() {
    let scenario = with("families = [\"kill\", \"stop\", \"power-loss\", \"pause\"]\n");
    let (mut words, mut in_flight, mut read_again) = (BTreeSet::new(), 0, 0);
    for seed in 1..=20 {
        let world = run(&scenario, seed);
        let of_clients = world.interventions().drawn().iter().filter_map(|fault| {
            let Target::Client(name) = &fault.target else { return None };
            Some((fault.action.word(), name.clone()))
        });
        words.extend(of_clients);
        let report = runner::report(&world, world.scenario().duration_us);
        assert_eq!((report.findings, report.warnings), (vec![], vec![]), "seed {seed}");
        let producer = &report.producers[0];
        assert!(producer.acknowledged > 0, "seed {seed}");
        in_flight += producer.unfinished;
        read_again += u64::from(world.coverage().count(Situation::Read) > producer.sent);
    }
    let both = ["checkout", "shipping"].map(str::to_owned);
    for (word, client) in
        ["kill", "stop", "power-loss", "pause"].into_iter().flat_map(|word| both.clone().map(|it| (word, it)))
    {
        assert!(words.contains(&(word, client.clone())), "{word} {client} in {words:?}");
    }
    assert!(in_flight > 0 && read_again > 0, "{in_flight} {read_again}");
}

/// As a person would write them; when a fault begins is as fine as events are.
#[test]
fn amounts_of_time_are_whole_milliseconds() {
    let mut fine = 0;
    for seed in 1..=10 {
        let world = run(&with("least-duration = \"20s\"\n"), seed);
        assert_eq!(world.scenario().duration_us % 1_000, 0);
        for fault in world.interventions().drawn() {
            let lasts_us = fault.undo_after_us.unwrap_or_default();
            let by = fault.action.amount().filter(|_| fault.action.word() != "drift").unwrap_or_default();
            assert!(lasts_us % 1_000 == 0 && by % 1_000 == 0, "seed {seed}: {fault:?}");
            fine += u32::from(fault.at_us % 1_000 > 0);
        }
    }
    assert!(fine > 0);
}

#[test]
fn length_brokers_and_disks_are_drawn_once() {
    let scenario = with("least-duration = \"20s\"\nleast-brokers = 3\nslowest-disk = \"5ms\"\n");
    let shapes: Vec<_> = (1..=200).map(|seed| nemesis::of_seed(&scenario, seed)).collect();
    let brokers: BTreeSet<u32> = shapes.iter().map(|shape| shape.cluster.brokers).collect();
    assert_eq!(brokers, BTreeSet::from([3, 4]));
    assert!(shapes.iter().all(|shape| (20_000_000..=40_000_000).contains(&shape.duration_us)));
    let short = shapes.iter().filter(|shape| shape.duration_us < 25_000_000).count();
    let long = shapes.iter().filter(|shape| shape.duration_us > 30_000_000).count();
    assert!(short > 70 && (20..short).contains(&long), "{short} short runs and {long} long ones");
    for (seed, shape) in (1..).zip(&shapes) {
        assert_eq!(nemesis::of_seed(shape, seed), *shape);
        assert_eq!(shape.cluster.disks_us.len(), shape.cluster.brokers as usize);
    }
    let world = run(&scenario, 1);
    assert_eq!(world.scenario(), &shapes[0]);
    let disks: Vec<u64> = (1..=shapes[0].cluster.brokers).map(|id| world.kernel().disk(id).slowdown_us()).collect();
    assert_eq!(disks, shapes[0].cluster.disks_us);
}

#[test]
fn what_is_wrong_with_a_nemesis_is_told() {
    for (keys, part) in [
        ("families = [\"kil\"]", "\"kil\" is nothing that \"families\" may list; did you mean \"kill\"?"),
        ("families = [\"restart\"]", "\"restart\" is nothing that \"families\" may list"),
        ("families = []", "\"families\" takes a list of words, such as [\"kill\"]"),
        ("families = [\"cut\", \"cut\"]", "\"cut\" is listed twice"),
        ("targets = [\"broker\"]", "did you mean \"brokers\"?"),
        ("budget = \"one-replika\"", "\"one-replika\" is no \"budget\"; did you mean \"one-replica\"?"),
        ("every = \"60ms\"", "the nemesis would draw about 666 faults; at most 250 are drawn"),
        ("calm = \"36s\"", "the nemesis has no time"),
        ("least-duration = \"50s\"", "\"least-duration\" is 50s, more than \"duration\", 40s"),
        ("least-brokers = 5", "\"least-brokers\" is 5, more than \"brokers\", 4"),
        ("least-brokers = 2", "\"replication-factor\" is 3, but there are only 2 brokers"),
        (
            "calm = \"5s\"\nleast-duration = \"20s\"\n[[fault]]\nat = \"30s\"\nkill = \"broker 1\"",
            "the end of the run at 20s",
        ),
        ("least-brokers = 3\n[[fault]]\nat = \"3s\"\nkill = \"broker 4\"", "there is no broker 4"),
        ("[[allow]]\nanomaly = \"lost-write\"", "[[allow]] lacks the key \"because\""),
        ("[[allow]]\nbecause = \"b\"", "an [[allow]] has exactly one of anomaly, invariant"),
        ("[[allow]]\nanomaly = \"lost-write\"\ntopic = \"order\"\nbecause = \"b\"", "there is no topic \"order\""),
    ] {
        let errors = parse(&format!("{WORLD}[nemesis]\n{keys}\n")).expect_err(keys);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(told.iter().any(|line| line.contains(part)), "{keys}: {told:?}");
    }
}

#[test]
fn a_finding_that_is_allowed_fails_no_run_and_others_do() {
    const LOST: &str = include_str!("../www/scenarios/acks-1-loses-acknowledged-record.toml");
    let expected = LOST.find("[[expect]]").expect("it expects a loss");
    let passes = |more: &str| {
        let scenario = Arc::new(parse(&format!("{}{more}", &LOST[..expected])).unwrap_or_else(|e| panic!("{e:#?}")));
        let report = runner::run(&scenario, scenario.seed, None);
        assert!(!report.findings.is_empty());
        runner::passes(&scenario, &report)
    };
    let allow = |kind: &str| format!("[[allow]]\nanomaly = \"{kind}\"\nbecause = \"acks=1\"\n");
    assert!(!passes("") && !passes(&allow("duplicate")) && passes(&allow("lost-write")));
    let topic = |name: &str| format!("[[topic]]\nname = \"other\"\n{}topic = \"{name}\"\n", allow("lost-write"));
    assert!(passes(&topic("orders")) && !passes(&topic("other")));
}

#[test]
fn the_built_in_scenario_shows_nothing_but_what_is_allowed() {
    let scenario = Arc::new(Builtin::named("nemesis").expect("it is built in").scenario().expect("it is right"));
    for seed in 1..=12 {
        let report = runner::run(&scenario, seed, None);
        assert!(runner::passes(&scenario, &report), "seed {seed}: {:#?}", report.findings);
    }
}

/// `cargo xtask soak --nemesis` searches each of them alone.
#[test]
fn the_soak_knows_every_family_that_is_drawn_without_being_asked_for() {
    use loglab::lab::fault::FaultAction;
    let soak = include_str!("../xtask/src/soak.rs");
    let (_, list) = soak.split_once("fn families()").expect("the list of the soak");
    let list = list.split_once("]").expect("its end").0;
    let drawn = FaultAction::ROWS.iter().filter(|row| row.drawn.is_usual());
    let words: Vec<&str> = drawn.map(|row| row.word).collect();
    let listed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(listed, words);
}
