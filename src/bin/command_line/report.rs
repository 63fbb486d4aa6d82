//! The report of a run in words.

use loglab::lab::scenario::units::{duration_text, seconds};
use loglab::lab::scenario::{
    EndReport, FailedSends, GroupReport, LagReport, OutageReport, ProducerReport, ReaderReport, RunReport, Scenario,
    TransactionCount,
};
use loglab::lab::units::shortened;
use loglab::settings::Acks;

use super::say;

/// Tells all of it, line by line.
pub fn tell(scenario: &Scenario, seed: u64, report: &RunReport) {
    let RunReport {
        events,
        virtual_time_us,
        findings,
        more_findings,
        expectations,
        warnings,
        failed_sends,
        producers,
        groups,
        outages,
        readers,
        stalls,
        lags,
        trace_hash: _,
    } = report;
    say(&format!("seed {seed}, {}, {events} events, hash {}", duration_text(*virtual_time_us), report.hash_text()));
    for outcome in expectations {
        match outcome.at_us {
            Some(at_us) => say(&format!("expected {}: met at {}", outcome.about, duration_text(at_us))),
            None => say(&format!("expected {}: {}", outcome.about, if outcome.met { "met" } else { "not met" })),
        }
    }
    for finding in findings {
        let allowed = finding.allowed.as_ref().map(|because| format!(" (allowed: {because})")).unwrap_or_default();
        say(&format!("found {} at {}: {}{allowed}", finding.kind, duration_text(finding.at_us), finding.text()));
    }
    match more_findings {
        0 if findings.is_empty() => say("found nothing"),
        // All of them stand above.
        0 => {}
        more => say(&format!("and {more} findings more of the same kinds and partitions")),
    }
    for FailedSends { producer, error, records } in failed_sends {
        say(&format!("{records} sends of {producer} failed with {error}"));
    }
    together(outages).iter().for_each(|outage| say(&outage_text(scenario, outage)));
    stalls.iter().for_each(|stall| say(&stall.about));
    producers.iter().for_each(|producer| say(&producer_text(producer)));
    readers.iter().for_each(|reader| say(&reader_text(reader)));
    groups.iter().for_each(|group| say(&group_text(group)));
    lags.iter().filter_map(lag_text).for_each(|text| say(&text));
    uncommitted(lags).iter().for_each(|text| say(text));
    for warning in warnings {
        say(&format!("warning at {}: {}", duration_text(warning.at_us), warning.about));
    }
}

/// Outages of one producer that begin and end at about the same time have one cause, and stand in one line.
fn together(outages: &[OutageReport]) -> Vec<OutageReport> {
    const NEAR_US: u64 = 1_000_000;
    let near = |one: u64, other: u64| one.abs_diff(other) <= NEAR_US;
    let is_one = |one: &OutageReport, other: &OutageReport| {
        let same = (&one.producer, &one.topic_id) == (&other.producer, &other.topic_id);
        let ends = match (one.to_us, other.to_us) {
            (Some(one), Some(other)) => near(one, other),
            (one, other) => one == other,
        };
        same && one.partition.is_some() && other.partition.is_some() && near(one.from_us, other.from_us) && ends
    };
    let mut together: Vec<(OutageReport, Vec<String>)> = Vec::new();
    for outage in outages {
        let partition = outage.partition.clone();
        match together.iter_mut().find(|(known, _)| is_one(known, outage)) {
            Some((known, partitions)) => {
                known.from_us = known.from_us.min(outage.from_us);
                known.to_us = known.to_us.max(outage.to_us);
                known.failed += outage.failed;
                known.waiting += outage.waiting;
                partitions.extend(partition);
            }
            None => together.push((outage.clone(), partition.into_iter().collect())),
        }
    }
    let joined = |(mut outage, partitions): (OutageReport, Vec<String>)| {
        outage.partition = outage.partition.map(|_| shortened(partitions));
        outage
    };
    together.into_iter().map(joined).collect()
}

fn outage_text(scenario: &Scenario, outage: &OutageReport) -> String {
    let OutageReport { producer, topic, partition, topic_id, from_us, to_us, failed, waiting, .. } = outage;
    let until = to_us.map_or_else(|| "and on".to_owned(), |to_us| format!("until {}", seconds(to_us)));
    let since = seconds(*from_us);
    if let Some(call) = &outage.call {
        let why = outage.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        let thrown = match outage.timeouts {
            0 => String::new(),
            times => format!(", which threw TimeoutException (max.block.ms) {}", how_often(times)),
        };
        return format!("{producer} was in {call} from {since} {until}{why}{thrown}");
    }
    let has_successor = scenario.topics.iter().filter(|other| other.name == *topic).count() > 1;
    let which = topic_id.as_ref().filter(|_| has_successor).map(|id| format!(" (topic id {id})")).unwrap_or_default();
    let (place, how) = match partition {
        Some(partition) => (partition, ""),
        None => (topic, " in send()"),
    };
    let acks = scenario.producers.iter().find(|other| other.name == *producer).map(|other| other.config.acks);
    let what = if acks == Some(Acks::None) { "sent" } else { "acknowledged" };
    format!(
        "{producer} had nothing {what} in {place}{which} from {since} {until}: {waiting} records waited{how}, \
         {failed} failed"
    )
}

/// What groups have committed nothing of: `kafka-consumer-groups` prints `-` there.
fn uncommitted(lags: &[LagReport]) -> Vec<String> {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for lag in lags.iter().filter(|lag| lag.committed.is_none()) {
        match groups.iter_mut().find(|(group, _)| *group == lag.group) {
            Some((_, partitions)) => partitions.push(lag.partition.clone()),
            None => groups.push((&lag.group, vec![lag.partition.clone()])),
        }
    }
    let text = |(group, partitions)| format!("{group} has committed nothing in {}", shortened(partitions));
    groups.into_iter().map(text).collect()
}

/// `None` for one that is not behind, or has committed nothing.
fn lag_text(report: &LagReport) -> Option<String> {
    let LagReport { group, partition, committed, end, lag, made_of } = report;
    let committed = (*committed)?;
    let lag = lag.filter(|lag| *lag > 0)?;
    let parts = made_of.words().into_iter().map(|(words, count)| format!("{count} {words}"));
    let parts = parts.collect::<Vec<_>>().join(", ");
    let phantom = if made_of.real() + made_of.unknown == 0 { ", a phantom" } else { "" };
    Some(format!("{group} lags by {lag} in {partition} ({committed} of {end}){phantom}: {parts}"))
}

fn producer_text(report: &ProducerReport) -> String {
    let ProducerReport { producer, sent, acknowledged, unanswered, missing, .. } = report;
    let missing = match missing {
        0 => String::new(),
        records => format!(": {records} of them are in no log"),
    };
    let unanswered = match unanswered {
        0 => String::new(),
        records => format!(", {records} sent with acks=0, which nobody acknowledges{missing}"),
    };
    let told = format!("{producer}: {acknowledged} of {sent} records acknowledged{unanswered}");
    let told = format!("{told}{}", transactions_text(report));
    if *acknowledged == 0 {
        return told;
    }
    let ProducerReport { latency_p50_us, latency_p99_us, latency_max_us, .. } = report;
    let [p50, p99, most] = [latency_p50_us, latency_p99_us, latency_max_us].map(|us| milliseconds(*us));
    format!("{told}, latency p50 {p50}, p99 {p99}, max {most}")
}

fn how_often(times: u64) -> String {
    if times == 1 { "once".to_owned() } else { format!("{times} times") }
}

/// What became of a producer's transactions, in words that follow what became of its records.
fn transactions_text(report: &ProducerReport) -> String {
    let of = report.transactions.map_or_else(String::new, |of| {
        let one = |(count, what): (TransactionCount, &str)| {
            let TransactionCount { transactions, records } = count;
            (transactions > 0).then(|| format!("{records} {what} in {transactions}"))
        };
        let all = [
            (of.committed, "committed"),
            (of.aborted, "aborted"),
            (of.timed_out, "timed out"),
            (of.unknown, "committed or not"),
            (of.open, "open"),
        ];
        let told: Vec<String> = all.into_iter().filter_map(one).collect();
        if told.is_empty() { ", no transaction".to_owned() } else { format!(", by transactions {}", told.join(", ")) }
    });
    let failed = report.failed_with.as_ref().map_or_else(String::new, |error| format!(", it ended with {error}"));
    format!("{of}{failed}")
}

fn reader_text(report: &ReaderReport) -> String {
    let ReaderReport { reader, members, read, skipped, lag, ended } = report;
    let members = if *members > 1 { format!(" by {members} members") } else { String::new() };
    let lag = lag.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
    let skipped = if *skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
    let ended: Vec<String> = ended.iter().map(end_text).collect();
    format!("{reader}: {read} records read{members}{skipped}, lag {lag}{}", ended.concat())
}

fn end_text(report: &EndReport) -> String {
    let EndReport { program, at_us, exception } = report;
    format!("; {program} ended at {}, poll() threw {exception}", seconds(*at_us))
}

fn group_text(report: &GroupReport) -> String {
    let GroupReport { group, rebalances, worked_on, worked_on_again } = report;
    let rebalances = if *rebalances == 1 { "1 rebalance".to_owned() } else { format!("{rebalances} rebalances") };
    format!("group {group}: {rebalances}, {worked_on} records worked on, {worked_on_again} of them again")
}

/// A latency, all in one unit.
fn milliseconds(us: u64) -> String {
    format!("{}.{} ms", us / 1_000, us / 100 % 10)
}
