//! How long anything may take in a scenario, by the settings of whoever waits.

use super::scenario::Scenario;
use crate::client::{ConsumerSettings, NetworkSettings, ProducerSettings};
use crate::settings::{GroupProtocol, milliseconds};
use crate::sim::{SECOND, Time};

/// What a JoinGroup is waited for beyond `max.poll.interval.ms`.
const JOIN_GROUP_TIMEOUT_LAPSE_US: Time = 5 * SECOND;

/// For how long something may stand still where nothing is broken: the longest that anybody waits for somebody who is silent, the
/// back-offs before the next try, and half a minute for what follows.
pub(super) fn stuck_bound(scenario: &Scenario) -> Time {
    let broker = &scenario.cluster.config;
    let brokers = [broker.replica_lag_time_max_ms, broker.replica_socket_timeout_ms, broker.broker_session_timeout_ms];
    let of_client = |it: &NetworkSettings| {
        let back_offs = it.reconnect_backoff_max_us + it.retry_backoff_max_us;
        // The longest that they are drawn (`CommonClientConfigs.RETRY_BACKOFF_JITTER`: a fifth more or less).
        it.request_timeout_us.max(it.setup_timeout_max_us) + back_offs + back_offs / 5
    };
    // A group waits for who is silent, and each of its members may have to join again; a member that joins waits for a
    // coordinator that is silent for as long as others may take (`AbstractCoordinator.JOIN_GROUP_TIMEOUT_LAPSE`).
    let of_group = |it: &ConsumerSettings| {
        let silence = match it.group.protocol {
            GroupProtocol::Classic => it.group.session_timeout_us,
            // There it is the coordinator's (`group.consumer.session.timeout.ms`).
            GroupProtocol::Consumer => 45 * SECOND,
        };
        (2 * silence).max(it.group.max_poll_interval_us + JOIN_GROUP_TIMEOUT_LAPSE_US)
    };
    let producers = scenario.producers.iter().map(|it| {
        let settings = ProducerSettings::of(&it.config);
        let transaction = settings.transactional_id.as_ref().map_or(0, |_| settings.transaction_timeout_us);
        of_client(&settings.network) + transaction
    });
    let consumers = scenario.consumers.iter().map(|it| {
        let settings = ConsumerSettings::of(&it.config);
        let commits = settings.group.auto_commit_interval_us.unwrap_or(0);
        // Who works for longer than it may take is no member meanwhile.
        let work = it.work.longest_on(settings.max_poll_records.into()).min(settings.group.max_poll_interval_us);
        let group = if it.group.is_some() { of_group(&settings) + work + commits } else { 0 };
        of_client(&settings.network) + work + group
    });
    let pipelines = scenario.pipelines.iter().map(|it| {
        let (producer, consumer) = (ProducerSettings::of(&it.producer), ConsumerSettings::of(&it.consumer));
        let transaction = producer.transactional_id.as_ref().map_or(0, |_| producer.transaction_timeout_us);
        let work = it.work_us + it.again_after_us.unwrap_or(0);
        let group = of_group(&consumer);
        of_client(&producer.network).max(of_client(&consumer.network)) + transaction + work + group
    });
    let clients = producers.chain(consumers).chain(pipelines);
    let longest = brokers.map(milliseconds).into_iter().chain(clients).max().unwrap_or(0);
    longest + 30 * SECOND
}
