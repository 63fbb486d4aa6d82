//! What stands in a file, is right, and cannot be meant: where two numbers of it contradict each other, and whoever reads on sees only
//! what comes of it; and commands about what the file does not have.

use super::error::{Wrong, short};
use super::model::{Consumer, Pipeline, Producer, Scenario};
use super::reader::{Reader, Section};
use super::units::duration_text;
use crate::broker::TRANSACTIONS_TOPIC;
use crate::broker::groups::{ASSIGNORS, GROUPS_TOPIC};
use crate::service::AdminCommand;
use crate::settings::{ConsumerConfig, GroupProtocol, ProducerConfig};
use crate::sim::{MILLISECOND, Time};

/// Why a producer's transactions will not work as its settings stand.
pub(super) fn of_producer(producer: &Producer, scenario: &Scenario) -> Option<String> {
    let config = &producer.config;
    let refused = transaction_timeout(config, scenario);
    let late = || {
        let every = producer.transactions.map(|plan| plan.every_us).filter(|_| config.transactional_id.0.is_some())?;
        let timeout_ms = config.transaction_timeout_ms;
        (every > us(timeout_ms)).then(|| {
            format!(
                "a transaction goes on for {}, and its coordinator aborts it after transaction.timeout.ms={timeout_ms}",
                duration_text(every)
            )
        })
    };
    refused.or_else(late)
}

/// Why a pipeline will not work as its settings stand.
pub(super) fn of_pipeline(pipeline: &Pipeline, scenario: &Scenario) -> Option<String> {
    let works = || polls_in_time(pipeline.work_us, &pipeline.consumer);
    transaction_timeout(&pipeline.producer, scenario).or_else(|| of_member(&pipeline.consumer, scenario)).or_else(works)
}

/// Why a consumer will not work as its settings stand.
pub(super) fn of_consumer(consumer: &Consumer, scenario: &Scenario) -> Option<String> {
    // Without a group nobody waits for its polls.
    consumer.group.as_ref()?;
    // Where another thread works, this one polls on.
    let work = if consumer.hands_over { 0 } else { consumer.work.longest_on(1) };
    of_member(&consumer.config, scenario).or_else(|| polls_in_time(work, &consumer.config))
}

/// `TransactionCoordinator.handleInitProducerId`
fn transaction_timeout(config: &ProducerConfig, scenario: &Scenario) -> Option<String> {
    let most = scenario.cluster.config.transaction_max_timeout_ms;
    let is_refused = config.transactional_id.0.is_some() && config.transaction_timeout_ms > most;
    is_refused.then(|| {
        format!(
            "transaction.timeout.ms={} is above transaction.max.timeout.ms={most} of the brokers: initTransactions() fails with \
             INVALID_TRANSACTION_TIMEOUT",
            config.transaction_timeout_ms
        )
    })
}

/// What a coordinator does not take from a member.
fn of_member(config: &ConsumerConfig, scenario: &Scenario) -> Option<String> {
    let brokers = &scenario.cluster.config;
    match config.group_protocol {
        GroupProtocol::Classic => {
            // GroupMetadataManager.classicGroupJoin
            let (least, most) = (brokers.group_min_session_timeout_ms, brokers.group_max_session_timeout_ms);
            let session = config.session_timeout_ms;
            (!(least..=most).contains(&session)).then(|| {
                format!(
                    "session.timeout.ms={session} is not within group.min.session.timeout.ms={least} and \
                     group.max.session.timeout.ms={most} of the brokers: poll() throws InvalidSessionTimeoutException"
                )
            })
        }
        GroupProtocol::Consumer => {
            let named = config.group_remote_assignor.0.as_deref().filter(|name| !ASSIGNORS.contains(name))?;
            Some(format!(
                "the coordinator has no assignor \"{}\", but {}: poll() throws UnsupportedAssignorException",
                short(named),
                ASSIGNORS.join(" and ")
            ))
        }
    }
}

/// Work that takes longer than a member may be away from `poll()`.
fn polls_in_time(work: Time, config: &ConsumerConfig) -> Option<String> {
    let most = config.max_poll_interval_ms;
    (work > us(most)).then(|| {
        format!(
            "its work takes {} for a record or a poll, and max.poll.interval.ms={most}: it leaves its group each time",
            duration_text(work)
        )
    })
}

fn us(ms: u64) -> Time {
    ms.saturating_mul(MILLISECOND)
}

/// Tells of a command about a topic, a partition, a group or a transactional id that the file does not have.
pub(super) fn command<'t>(reader: &mut Reader<'t>, section: &Section<'t>, scenario: &Scenario) {
    let text = section.value("run").and_then(|value| value.get_ref().as_str());
    // It was read before.
    let Some(Ok(command)) = text.map(AdminCommand::parse) else { return };
    if let Some(wrong) = of_command(&command, scenario) {
        reader.wrong(&section.span_of("run"), wrong);
    }
}

fn of_command(command: &AdminCommand, scenario: &Scenario) -> Option<Wrong> {
    match command {
        AdminCommand::DescribeGroup(group) | AdminCommand::DeleteGroup(group) => of_group(group, scenario),
        AdminCommand::SetOffset { group, partition: (topic, index), .. }
        | AdminCommand::DeleteOffset { group, partition: (topic, index) } => {
            of_group(group, scenario).or_else(|| of_partition(topic, Some(*index), scenario))
        }
        AdminCommand::DeleteRecords { partition: (topic, index), .. }
        | AdminCommand::DescribeProducers((topic, index))
        | AdminCommand::AbortTransaction((topic, index)) => of_partition(topic, Some(*index), scenario),
        AdminCommand::DescribeTopic(topic) => of_partition(topic, None, scenario),
        AdminCommand::DescribeTransaction(id) | AdminCommand::Fence(id) => of_transaction(id, scenario),
        // These are about all that there is.
        AdminCommand::ListGroups | AdminCommand::DescribeCluster | AdminCommand::ListTransactions => None,
    }
}

fn of_group(group: &str, scenario: &Scenario) -> Option<Wrong> {
    let consumers = scenario.consumers.iter().filter_map(|it| it.group.as_deref());
    let groups: Vec<&str> = consumers.chain(scenario.pipelines.iter().map(|it| it.group.as_str())).collect();
    let message = || format!("nobody here is in a group \"{}\"", short(group));
    (!groups.contains(&group)).then(|| Wrong::word(message(), group, groups))
}

fn of_transaction(id: &str, scenario: &Scenario) -> Option<Wrong> {
    let configs = scenario.producers.iter().map(|it| &it.config);
    let configs = configs.chain(scenario.pipelines.iter().map(|it| &it.producer));
    let ids: Vec<&str> = configs.filter_map(|config| config.transactional_id.0.as_deref()).collect();
    let message = || format!("nobody here has the transactional.id \"{}\"", short(id));
    (!ids.contains(&id)).then(|| Wrong::word(message(), id, ids))
}

fn of_partition(topic: &str, index: Option<i32>, scenario: &Scenario) -> Option<Wrong> {
    let known = scenario.topics.iter().filter(|known| known.name == topic).map(|known| known.partitions).max();
    let most = match known {
        Some(most) => most,
        // Coordinators make it, with as many partitions as the brokers are told.
        None if [GROUPS_TOPIC, TRANSACTIONS_TOPIC].contains(&topic) => return None,
        // Brokers do.
        None if scenario.cluster.config.auto_create_topics_enable => return None,
        None => {
            let message = format!("there is no topic \"{}\" in this file", short(topic));
            return Some(Wrong::word(message, topic, scenario.topics.iter().map(|known| known.name.as_str())));
        }
    };
    let index = index.and_then(|index| u32::try_from(index).ok()).filter(|index| *index >= most)?;
    Some(Wrong::new(format!("there is no {topic}-{index}: {topic} has {most} partitions, from 0")))
}
