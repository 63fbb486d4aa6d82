//! A run from its start to an instant, and what it says of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Evidence, Outage, Sends, When};
use super::ledger::Count;
use super::node::Node;
use super::notable::Notable;
use super::scenario::{
    Allowance, EndReport, Expectation, ExpectationOutcome, FailedSends, Finding, GroupReport, LagReport, OutageReport,
    ProducerReport, ReaderReport, RunReport, Scenario, StallReport, TransactionCount, TransactionsReport,
};
use super::timeline::Replay;
use super::trouble::{InCall, Trouble};
use super::world::World;
use super::{lag, stall, trouble};
use crate::broker::groups::GroupSight;
use crate::log::partition_metadata::uuid_text;
use crate::note::{SendError, TransactionError};
use crate::sim::process::ProcessId;
use crate::sim::{SECOND, Time};

/// Runs a scenario with a seed up to `until_us` (its duration unless said) and reports.
#[must_use]
pub fn run(scenario: &Arc<Scenario>, seed: u64, until_us: Option<u64>) -> RunReport {
    let world = run_to(scenario, seed, until_us.unwrap_or(u64::MAX), &mut |_, _| {});
    let end_us = world.scenario().duration_us;
    report(&world, until_us.unwrap_or(end_us).min(end_us))
}

/// The world of a scenario behind its last event at or before `until_us`. Shows `watch` the time of each event and its
/// turning points, and what is found in the end.
pub fn run_to(scenario: &Arc<Scenario>, seed: u64, until_us: u64, watch: &mut dyn FnMut(u64, &[Notable])) -> World {
    go_to(World::new(scenario, seed, Arc::new([])), until_us, watch)
}

/// The same of a world that has not begun.
pub fn go_to(mut world: World, until_us: u64, watch: &mut dyn FnMut(u64, &[Notable])) -> World {
    go_on(&mut world, until_us, watch);
    let found = world.finish();
    watch(world.time(), &found);
    world
}

/// The world of a scenario behind its end, and then as long as anything may take with all that is broken mended: what makes no
/// progress by then is stuck.
pub fn run_healed(scenario: &Arc<Scenario>, seed: u64, watch: &mut dyn FnMut(u64, &[Notable])) -> World {
    go_healed(World::new(scenario, seed, Arc::new([])), watch)
}

/// The same of a world that has not begun.
pub fn go_healed(mut world: World, watch: &mut dyn FnMut(u64, &[Notable])) -> World {
    go_on(&mut world, Time::MAX, watch);
    world.heal();
    // Whoever was ending, or had a disk that failed, may end only now.
    let soon = world.time().saturating_add(SECOND);
    go_on(&mut world, soon, watch);
    world.heal();
    go_on(&mut world, Time::MAX, watch);
    let found = world.finish();
    watch(world.time(), &found);
    world
}

fn go_on(world: &mut World, until: Time, watch: &mut dyn FnMut(u64, &[Notable])) {
    while let Some(occurrence) = world.step_until(until) {
        watch(occurrence.entry.time, &occurrence.notables);
    }
}

/// What a run up to here says of itself.
#[must_use]
pub fn report(world: &World, until_us: u64) -> RunReport {
    let finding = |finding: &super::check::Finding| Finding {
        kind: finding.kind,
        at_us: finding.at_us,
        about: finding.about.clone(),
        count: finding.count,
        alike: finding.alike.clone(),
        allowed: allowance(world, finding).map(|allowance| allowance.because.clone()),
    };
    let findings: Vec<_> = world.findings().by_date().into_iter().map(finding).collect();
    let expectations = world.scenario().expectations.iter().enumerate();
    let expectations = expectations.map(|(place, expected)| outcome(world, place, expected, &findings)).collect();
    RunReport {
        trace_hash: world.hash(),
        events: world.event(),
        virtual_time_us: until_us,
        findings,
        more_findings: world.findings().left_out(),
        expectations,
        warnings: world.warnings().to_vec(),
        failed_sends: failed_sends(world),
        producers: producers(world),
        groups: groups(world),
        outages: outages(world, until_us),
        readers: readers(world),
        stalls: stalls(world, until_us),
        lags: lags(world),
    }
}

/// How far groups are behind in what they have committed something of; nothing of a partition without a leader.
fn lags(world: &World) -> Vec<LagReport> {
    let observer = world.observer();
    let of_group = |group: &GroupSight| {
        let isolation = lag::isolation_of(world.scenario(), &group.id);
        let report = |it: lag::Standing| {
            let leader = observer.image().partition(it.partition)?.leader;
            let (log, disk) = observer.log(leader, it.partition)?;
            let made_of = lag::split(log, disk, it.committed, isolation, usize::MAX);
            Some(LagReport {
                group: group.id.clone(),
                partition: world.names().partition(it.partition),
                committed: Some(it.committed),
                end: it.end,
                lag: Some(made_of.lag()),
                made_of,
            })
        };
        let known = lag::standings(group, &observer).into_iter().filter(|it| it.committed >= 0);
        known.filter_map(report).collect::<Vec<_>>()
    };
    let known = lag::groups(&observer);
    let mut lags: Vec<LagReport> = known.iter().flat_map(|(_, group)| of_group(group)).collect();
    lags.extend(uncommitted(world));
    lags
}

/// Partitions that groups read and of which they have committed nothing, where a coordinator says so.
fn uncommitted(world: &World) -> Vec<LagReport> {
    let observer = world.observer();
    let scenario = world.scenario();
    let consumers = scenario.consumers.iter().filter_map(|it| Some((it.group.as_ref()?, &it.topics)));
    let pipelines = scenario.pipelines.iter().map(|it| (&it.group, &it.from));
    let mut lags: Vec<LagReport> = Vec::new();
    for (group, topics) in consumers.chain(pipelines) {
        // Nobody can say what it has committed.
        let Some(committed) = lag::committed_places(group, &observer) else { continue };
        for (partition, image) in observer.image().partitions() {
            let name = observer.image().topics.name_of(partition.topic);
            let end = observer.log_ends(image.leader, partition).map_or(0, |ends| ends.high_watermark);
            let is_known = committed.contains(&(name.to_owned(), partition.partition));
            let text = world.names().partition(partition);
            let is_told = lags.iter().any(|it| it.group == *group && it.partition == text);
            if end > 0 && !is_known && !is_told && topics.iter().any(|topic| topic == name) {
                let (group, made_of) = (group.clone(), lag::LagParts::default());
                lags.push(LagReport { group, partition: text, committed: None, end, lag: None, made_of });
            }
        }
    }
    lags
}

/// What allows a finding, if anything does.
fn allowance<'w>(world: &'w World, finding: &super::check::Finding) -> Option<&'w Allowance> {
    let topic = world.names().topic(finding.partition.topic);
    let allows = |it: &&Allowance| it.finding == finding.kind && it.topic.as_deref().is_none_or(|name| name == topic);
    world.scenario().allowances.iter().find(allows)
}

fn producers(world: &World) -> Vec<ProducerReport> {
    let report = |producer, sends: &Sends| ProducerReport {
        producer: world.names().process(producer),
        sent: sends.sent,
        acknowledged: sends.acknowledged,
        unanswered: sends.unanswered,
        missing: world.history().missing_of(producer),
        failed: sends.failed,
        unfinished: sends.unfinished(),
        latency_p50_us: sends.latency.percentile(50),
        latency_p99_us: sends.latency.percentile(99),
        latency_max_us: sends.latency.most(),
        transactions: world.observer().transactional_id(producer).map(|_| transactions(world, producer)),
        failed_with: failed_with(world, producer),
    };
    // Also those that never called `send()`.
    let none = Sends::default();
    let of = |process| report(process, world.availability().sends_of(process).unwrap_or(&none));
    senders(world).map(of).collect()
}

fn transactions(world: &World, producer: ProcessId) -> TransactionsReport {
    let count = |it: Count| TransactionCount { transactions: it.transactions, records: it.records };
    // It has begun none.
    let Some(of) = world.ledgers().of(producer) else { return TransactionsReport::default() };
    TransactionsReport {
        committed: count(of.committed),
        aborted: count(of.aborted),
        timed_out: count(of.timed_out),
        unknown: count(of.unknown),
        open: count(of.open()),
    }
}

/// Why a producer can only be closed.
fn failed_with(world: &World, producer: ProcessId) -> Option<String> {
    match world.observer().transaction_error(producer)? {
        TransactionError::Fatal(error) => Some(error.name()),
        TransactionError::Abortable(_) | TransactionError::TimedOut => None,
    }
}

/// All that send: producers, then pipelines.
fn senders(world: &World) -> impl Iterator<Item = ProcessId> {
    world.names().producers().chain(world.names().pipelines())
}

fn groups(world: &World) -> Vec<GroupReport> {
    let mut groups: Vec<&String> = Vec::new();
    let consumers = world.scenario().consumers.iter().filter_map(|consumer| consumer.group.as_ref());
    for group in consumers.chain(world.scenario().pipelines.iter().map(|pipeline| &pipeline.group)) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let report = |group: &String| {
        let work = world.history().work_of(group);
        GroupReport {
            group: group.clone(),
            rebalances: work.rebalances,
            worked_on: work.worked_on,
            worked_on_again: work.again,
        }
    };
    groups.into_iter().map(report).collect()
}

fn outages(world: &World, until_us: u64) -> Vec<OutageReport> {
    let topic = |producer| written_by(world, producer);
    let report = |outage: Outage| OutageReport {
        producer: world.names().process(outage.producer),
        topic: topic(outage.producer),
        partition: outage.partition.map(|partition| world.names().partition(partition)),
        topic_id: outage.partition.and_then(|partition| world.names().topic_id(partition.topic)).map(uuid_text),
        from_us: outage.from,
        to_us: outage.to,
        failed: outage.failed,
        waiting: outage.waiting,
        call: None,
        why: None,
        timeouts: 0,
    };
    let in_call = |trouble: Trouble| {
        let InCall { call, timeouts, .. } = *trouble.in_call.as_ref()?;
        let why = trouble.in_call.as_ref().map(trouble::why_in_call).filter(|why| !why.is_empty());
        Some(OutageReport {
            producer: world.names().process(trouble.producer),
            topic: topic(trouble.producer),
            partition: None,
            topic_id: None,
            from_us: trouble.from.time,
            to_us: trouble.is_over.then_some(trouble.to.time),
            failed: 0,
            waiting: 0,
            call: Some(trouble::of_call(call).to_owned()),
            why,
            timeouts,
        })
    };
    let of_records = world.availability().outages(until_us).into_iter().map(report);
    of_records.chain(world.calls().into_iter().filter_map(in_call)).collect()
}

fn readers(world: &World) -> Vec<ReaderReport> {
    let end = |end: &stall::End| EndReport {
        program: world.names().process(end.process),
        at_us: end.at,
        exception: end.error.exception(),
    };
    let report = |summary: stall::Summary| ReaderReport {
        reader: stall::reader_text(&summary.reader, world.names()),
        members: summary.members,
        read: summary.read,
        skipped: summary.skipped,
        lag: summary.lag,
        ended: summary.ends.iter().map(end).collect(),
    };
    world.stalls().summaries(&world.observer()).into_iter().map(report).collect()
}

fn stalls(world: &World, until_us: u64) -> Vec<StallReport> {
    let names = world.names();
    let report = |stall: stall::Stall| StallReport {
        reader: stall::reader_text(&stall.reader, names),
        partitions: stall.partitions.iter().map(|partition| names.partition(*partition)).collect(),
        from_us: stall.from.time,
        to_us: stall.is_over.then_some(stall.to.time),
        lag: stall.lag,
        about: stall::text(&stall, names),
    };
    world.stalls().all(When { time: until_us, event: world.event() }).into_iter().map(report).collect()
}

fn failed_sends(world: &World) -> Vec<FailedSends> {
    let of = |process| (world.names().process(process), errors_of(world, process));
    let failed = |(producer, errors): (String, &BTreeMap<SendError, u64>)| {
        let of_error = |(error, records): (&SendError, &u64)| FailedSends {
            producer: producer.clone(),
            error: error.name(),
            records: *records,
        };
        errors.iter().map(of_error).collect::<Vec<_>>()
    };
    senders(world).map(of).flat_map(failed).collect()
}

/// The topic that a process sends to.
fn written_by(world: &World, producer: ProcessId) -> String {
    match world.kernel().process(producer) {
        Node::LoadGenerator(program) => program.settings().topic.clone(),
        Node::Pipeline(program) => program.settings().to.clone(),
        Node::Controller(_) | Node::Broker(_) | Node::Reader(_) | Node::Administrator(_) => {
            panic!("process {producer} sends nothing")
        }
    }
}

/// Its records that failed, by their error.
fn errors_of(world: &World, producer: ProcessId) -> &BTreeMap<SendError, u64> {
    match world.kernel().process(producer) {
        Node::LoadGenerator(program) => program.record_errors(),
        Node::Pipeline(program) => &program.sendings().errors,
        Node::Controller(_) | Node::Broker(_) | Node::Reader(_) | Node::Administrator(_) => {
            panic!("process {producer} sends nothing")
        }
    }
}

fn outcome(world: &World, place: usize, expected: &Expectation, findings: &[Finding]) -> ExpectationOutcome {
    let (met, at_us) = match expected {
        Expectation::Finding(kind) => {
            let met = findings.iter().find(|finding| finding.kind == *kind);
            (met.is_some(), met.map(|finding| finding.at_us))
        }
        Expectation::Error(error) => world.errors_seen().outcome(place, error),
    };
    ExpectationOutcome { about: expected.about(), met, at_us }
}

/// True where each expectation was met and nothing was found that no expectation names and nothing allows.
#[must_use]
pub fn passes(scenario: &Scenario, report: &RunReport) -> bool {
    let expected = |finding: &Finding| is_expected(scenario, finding);
    report.expectations.iter().all(|outcome| outcome.met) && report.findings.iter().all(expected)
}

/// Whether an expectation names a finding, or something allows it.
#[must_use]
pub fn is_expected(scenario: &Scenario, finding: &Finding) -> bool {
    finding.allowed.is_some() || scenario.expectations.contains(&Expectation::Finding(finding.kind))
}
