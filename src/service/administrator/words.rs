//! What an administrator reads.

use std::collections::BTreeMap;

use kafka_protocol::error::ResponseError;

use crate::client::{CommittedOffset, GroupDescription, Key, NamedPartition, Told};
use crate::note::OrderOutcome;
use crate::wire::error_name;

type Results<'r> = &'r [(Key, Result<Told, i16>)];

/// The errors among the results; `None` for none.
pub(super) fn errors(results: Results<'_>) -> Option<String> {
    let mut errors = Vec::new();
    for (key, result) in results {
        match result {
            Err(error) => errors.push(format!("{key}: {}", error_name(*error))),
            Ok(Told::Partitions(partitions)) => {
                let failed = partitions.iter().filter(|(_, error)| *error != 0);
                errors.extend(failed.map(|(of, error)| format!("{}: {}", named(of), error_name(*error))));
            }
            // All that it tells is as it was asked for.
            Ok(_) => {}
        }
    }
    (!errors.is_empty()).then(|| errors.join("; "))
}

/// What came of an order. A coordinator that has done it may be asked again, where its answer was lost: it knows of no such group
/// then; and followers that have not followed in time will (`DelayedDeleteRecords`).
pub(super) fn outcome(results: Results<'_>) -> OrderOutcome {
    let of_partitions = |(_, result): &(Key, Result<Told, i16>)| match result {
        Ok(Told::Partitions(partitions)) => partitions.iter().map(|(_, error)| *error).collect(),
        Ok(_) => Vec::new(),
        Err(error) => vec![*error],
    };
    let log_start = |(_, result): &(Key, Result<Told, i16>)| match result {
        Ok(Told::LowWatermark(offset)) => Some(*offset),
        // It is about no log.
        Ok(_) | Err(_) => None,
    };
    let mut errors = results.iter().flat_map(of_partitions).filter(|error| *error != 0);
    match errors.next().and_then(ResponseError::try_from_code) {
        None => OrderOutcome::Done { log_start: results.iter().find_map(log_start).unwrap_or(-1) },
        Some(ResponseError::GroupIdNotFound | ResponseError::RequestTimedOut) => OrderOutcome::Unknown,
        Some(_) => OrderOutcome::Refused,
    }
}

/// All results.
pub(super) fn all(results: Results<'_>) -> String {
    let told: Vec<String> = results.iter().filter_map(|(_, result)| result.as_ref().ok()).map(one).collect();
    let told: Vec<String> = told.into_iter().filter(|text| !text.is_empty()).collect();
    if told.is_empty() { "none".to_owned() } else { told.join("; ") }
}

fn named((topic, partition): &NamedPartition) -> String {
    format!("{topic}-{partition}")
}

fn one(told: &Told) -> String {
    match told {
        Told::Done | Told::Partitions(_) => "done".to_owned(),
        Told::Topic(topic) => {
            let partitions = topic.partitions.iter().map(|it| {
                let isr: Vec<i32> = it.isr_nodes.iter().map(|broker| broker.0).collect();
                format!("{} led by {}, ISR {isr:?}", it.partition_index, it.leader_id.0)
            });
            partitions.collect::<Vec<_>>().join("; ")
        }
        Told::Nodes(nodes) => format!("brokers {nodes:?}"),
        Told::Features(features) => {
            features.iter().map(|(name, _, high)| format!("{name} {high}")).collect::<Vec<_>>().join(", ")
        }
        Told::Groups(groups) => {
            let groups = groups.iter().map(|it| format!("{} {} {}", it.group_id.0, it.group_type, it.group_state));
            groups.collect::<Vec<_>>().join("; ")
        }
        Told::Group(description) => group(Some(description), &[], &[]),
        Told::Offsets(offsets) => {
            let offsets = offsets.iter().map(|it| format!("{} at {}", named(&it.partition), it.offset));
            offsets.collect::<Vec<_>>().join(", ")
        }
        Told::End(offset) => format!("ends at {offset}"),
        Told::LowWatermark(offset) => format!("its log starts at {offset}"),
        Told::Producers(producers) => {
            let producers = producers.iter().map(|it| {
                let open = match it.current_txn_start_offset {
                    start if start >= 0 => format!(", a transaction open since offset {start}"),
                    _ => String::new(),
                };
                format!(
                    "producer id {} epoch {}, last sequence {}{open}",
                    it.producer_id.0, it.producer_epoch, it.last_sequence
                )
            });
            producers.collect::<Vec<_>>().join("; ")
        }
        Told::Transactions(transactions) => {
            let all = transactions.iter().map(|it| {
                format!("{} {} producer id {}", it.transactional_id.0, it.transaction_state, it.producer_id.0)
            });
            all.collect::<Vec<_>>().join("; ")
        }
        Told::Transaction(it) => {
            let partitions = it.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|partition| named(&(topic.topic.0.to_string(), *partition)))
            });
            let partitions: Vec<String> = partitions.collect();
            format!(
                "{}, producer id {} epoch {}, in {}",
                it.transaction_state,
                it.producer_id.0,
                it.producer_epoch,
                if partitions.is_empty() { "no partition".to_owned() } else { partitions.join(", ") }
            )
        }
    }
}

/// How many transactions were aborted.
pub(super) fn aborted(count: usize) -> String {
    match count {
        0 => "no transaction is open there".to_owned(),
        1 => "1 transaction is aborted".to_owned(),
        count => format!("{count} transactions are aborted"),
    }
}

/// A group as `kafka-consumer-groups.sh --describe` shows it: of each partition where it is, where that ends, and whose it is.
pub(super) fn group(description: Option<&GroupDescription>, offsets: &[CommittedOffset], ends: Results<'_>) -> String {
    // It is asked for first: without it nothing else is.
    let description = description.expect("a group that was described");
    let kind = if description.is_consumer { "consumer" } else { "classic" };
    let count = description.members.len();
    let mut told = format!("{kind} group, {}, {count} member{}", description.state, if count == 1 { "" } else { "s" });
    if !description.assignor.is_empty() {
        told.push_str(&format!(", assignor {}", description.assignor));
    }
    let mut owners: BTreeMap<&NamedPartition, &str> = BTreeMap::new();
    for member in &description.members {
        // Several members may have one `client.id`.
        owners.extend(member.assignment.iter().map(|of| (of, member.host.trim_start_matches('/'))));
    }
    for (key, end) in ends {
        // Errors have been told, and nothing else is asked here.
        let (Key::Partition(topic, partition), Ok(Told::End(end))) = (key, end) else { continue };
        let of = (topic.clone(), *partition);
        // Of an offset beyond the end the lag is negative (`ConsumerGroupCommand.getLag`).
        let committed = offsets.iter().find(|it| it.partition == of).map(|it| it.offset);
        let place = match committed {
            Some(offset) => format!("at {offset} of {end}, lag {}", end - offset),
            None => format!("nothing committed of {end}"),
        };
        let owner = owners.get(&of).map_or_else(String::new, |owner| format!(", {owner}"));
        told.push_str(&format!("; {} {place}{owner}", named(&of)));
    }
    told
}
