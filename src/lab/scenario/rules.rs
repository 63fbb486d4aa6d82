//! Reads Kafka's settings and the rules between them, as Kafka's own `ConfigException`s have them.

use super::error::{Wrong, short};
use super::reader::{Reader, Section, Span};
use crate::service::Commits;
use crate::settings::Acks;
use crate::settings::{
    AdminConfig, BOUNDS, BrokerConfig, Config, ConsumerConfig, GroupProtocol, Owner, ProducerConfig, SYNONYMS,
    TopicConfig,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// The settings that a file gives by name, with where their values stand.
struct Given(Vec<(String, Span)>);

impl Given {
    fn span(&self, name: &str) -> Option<&Span> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, span)| span)
    }

    fn has(&self, name: &str) -> bool {
        self.span(name).is_some()
    }
}

/// Reads the settings of brokers.
pub fn broker<'t>(reader: &mut Reader<'t>, section: &Section<'t>, config: &mut BrokerConfig) {
    let given = read_of(reader, section, "config", config);
    units_of_time(reader, section, &given, config);
    // KafkaConfig.validateValues
    if config.replica_fetch_wait_max_ms > config.replica_lag_time_max_ms {
        let span = given.span("replica.lag.time.max.ms").or(given.span("replica.fetch.wait.max.ms"));
        let message = "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms";
        reader.says(span.unwrap_or(&section.span), message);
    }
    if config.replica_socket_timeout_ms < config.replica_fetch_wait_max_ms {
        let span = given.span("replica.socket.timeout.ms").or(given.span("replica.fetch.wait.max.ms"));
        let message = "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms";
        reader.says(span.unwrap_or(&section.span), message);
    }
    // GroupCoordinatorConfig.validate
    if config.group_max_session_timeout_ms < config.group_min_session_timeout_ms {
        let span = given.span("group.max.session.timeout.ms").or(given.span("group.min.session.timeout.ms"));
        let message = "group.max.session.timeout.ms must be greater than or equal to group.min.session.timeout.ms";
        reader.says(span.unwrap_or(&section.span), message);
    }
    bounds(reader, section, &given, config);
    if config.group_consumer_heartbeat_interval_ms >= config.group_consumer_session_timeout_ms {
        let span =
            given.span("group.consumer.heartbeat.interval.ms").or(given.span("group.consumer.session.timeout.ms"));
        let message = "group.consumer.heartbeat.interval.ms must be less than group.consumer.session.timeout.ms";
        reader.says(span.unwrap_or(&section.span), message);
    }
    let lags = (config.log_cleaner_min_compaction_lag_ms, config.log_cleaner_max_compaction_lag_ms);
    compaction_lags(reader, section, &given, "log.cleaner.", lags);
}

/// `AbstractKafkaConfig.logRollTimeMillis`, `KafkaConfig.getLogRetentionTimeMillis`: the finest unit that is given holds, whatever
/// the others say. Nothing is kept for no time.
fn units_of_time<'t>(reader: &mut Reader<'t>, section: &Section<'t>, given: &Given, config: &mut BrokerConfig) {
    if !given.has("log.roll.ms") && given.has("log.roll.hours") {
        config.log_roll_ms = config.log_roll_hours.saturating_mul(HOUR_MS);
    }
    let (unit, length, unit_ms) = if given.has("log.retention.ms") {
        ("log.retention.ms", config.log_retention_ms, 1)
    } else if given.has("log.retention.minutes") {
        ("log.retention.minutes", config.log_retention_minutes, MINUTE_MS)
    } else {
        ("log.retention.hours", config.log_retention_hours, HOUR_MS)
    };
    if length == 0 {
        let message = "log.retention.ms must be unlimited (-1) or, equal or greater than 1";
        reader.says(given.span(unit).unwrap_or(&section.span), message);
    }
    config.log_retention_ms = if length < 0 { -1 } else { length.saturating_mul(unit_ms.cast_signed()) };
}

/// What lies outside the bounds that other settings are for.
fn bounds<'t>(reader: &mut Reader<'t>, section: &Section<'t>, given: &Given, config: &BrokerConfig) {
    let entries = config.entries();
    let number = |name: &str| entries[name].parse::<u64>().expect("a number");
    for (name, least, most) in BOUNDS {
        let orders = [(most, least, "greater"), (name, least, "greater"), (name, most, "less")];
        let is_kept = |(one, other, word): &(&str, &str, &str)| match *word {
            "less" => number(one) <= number(other),
            _ => number(one) >= number(other),
        };
        if let Some((one, other, word)) = orders.into_iter().find(|order| !is_kept(order)) {
            let span = given.span(one).or(given.span(other)).unwrap_or(&section.span);
            let is = number(other);
            reader.says(span, format!("{one} must be {word} than or equal to {other}, which is {is}"));
        }
    }
}

/// `LogConfig.validateValues`: a record may not have to be cleaned before it may.
fn compaction_lags<'t>(reader: &mut Reader<'t>, section: &Section<'t>, given: &Given, prefix: &str, lags: (u64, u64)) {
    let (least, most) = lags;
    if least > most {
        let names = ["min", "max"].map(|bound| format!("{prefix}{bound}.compaction.lag.ms"));
        let span = given.span(&names[0]).or(given.span(&names[1]));
        let message = format!("{} ({least}) must not be larger than {} ({most})", names[0], names[1]);
        reader.says(span.unwrap_or(&section.span), message);
    }
}

/// Reads the settings of a topic.
pub fn topic<'t>(reader: &mut Reader<'t>, section: &Section<'t>, config: &mut TopicConfig) {
    let given = read_of(reader, section, "config", config);
    // What the brokers' settings contradict was told there.
    if given.has("min.compaction.lag.ms") || given.has("max.compaction.lag.ms") {
        compaction_lags(reader, section, &given, "", (config.min_compaction_lag_ms, config.max_compaction_lag_ms));
    }
    // Given, it takes the place of the other; left out, it is the other.
    if !given.has("internal.segment.bytes") {
        config.internal_segment_bytes = config.segment_bytes;
    }
}

/// Reads the settings of a producer.
pub fn producer<'t>(reader: &mut Reader<'t>, section: &Section<'t>, key: &str, config: &mut ProducerConfig) {
    let given = read_of(reader, section, key, config);
    idempotence(reader, &given, config);
    if let Some(span) = given.span("transactional.id").filter(|_| !config.enable_idempotence) {
        reader.says(span, "Cannot set a transactional.id without also enabling idempotence");
    }
    delivery_timeout(reader, &given, config);
    reconnects(&given, config.reconnect_backoff_ms, &mut config.reconnect_backoff_max_ms);
}

/// Reads the settings of a consumer.
pub fn consumer<'t>(
    reader: &mut Reader<'t>,
    section: &Section<'t>,
    key: &str,
    (is_member, commits): (bool, Commits),
    config: &mut ConsumerConfig,
) {
    let given = read_of(reader, section, key, config);
    // The program commits: nobody else does unless that is asked for.
    if commits != Commits::Auto && !given.has("enable.auto.commit") {
        config.enable_auto_commit = false;
    }
    if let Some(span) = given.span("enable.auto.commit") {
        // ConsumerConfig.maybeOverrideEnableAutoCommit
        if config.enable_auto_commit && !is_member {
            reader.says(span, "enable.auto.commit cannot be set to true when default group id (null) is used");
        }
        if !config.enable_auto_commit && section.value("commit").is_some() && commits == Commits::Auto {
            reader.says(span, "with commit = \"auto\" and without enable.auto.commit nobody commits");
        }
    }
    group_protocol(reader, &given, config);
    reconnects(&given, config.reconnect_backoff_ms, &mut config.reconnect_backoff_max_ms);
    // Heartbeat
    if config.heartbeat_interval_ms >= config.session_timeout_ms {
        let span = given.span("heartbeat.interval.ms").or(given.span("session.timeout.ms"));
        reader.says(span.unwrap_or(&section.span), "heartbeat must be set lower than the session timeout");
    }
}

/// Reads the settings of a command's admin client (`KafkaAdminClient.configureDefaultApiTimeoutMs`).
pub fn admin<'t>(reader: &mut Reader<'t>, section: &Section<'t>, config: &mut AdminConfig) {
    let given = read_of(reader, section, "config", config);
    if config.default_api_timeout_ms >= config.request_timeout_ms {
        return;
    }
    match given.span("default.api.timeout.ms") {
        Some(span) => reader.says(
            span,
            "The specified value of default.api.timeout.ms must be no smaller than the value of request.timeout.ms.",
        ),
        None => config.default_api_timeout_ms = config.request_timeout_ms,
    }
}

/// `CommonClientConfigs.postProcessReconnectBackoffConfigs`: whoever gives the first back-off and not the last means that it does not
/// grow.
fn reconnects(given: &Given, least: u64, most: &mut u64) {
    if given.has("reconnect.backoff.ms") && !given.has("reconnect.backoff.max.ms") {
        *most = least;
    }
}

/// `ConsumerConfig.checkUnsupportedConfigsPostProcess`: what is the coordinator's in one protocol is no member's to set.
fn group_protocol(reader: &mut Reader<'_>, given: &Given, config: &ConsumerConfig) {
    let (refused, word): (&[&str], &str) = match config.group_protocol {
        GroupProtocol::Classic => (&["group.remote.assignor"], "CLASSIC"),
        GroupProtocol::Consumer => {
            (&["partition.assignment.strategy", "heartbeat.interval.ms", "session.timeout.ms"], "CONSUMER")
        }
    };
    for name in refused {
        if let Some(span) = given.span(name) {
            reader.says(span, format!("{name} cannot be set when group.protocol={word}"));
        }
    }
}

/// `ProducerConfig.postProcessAndValidateIdempotenceConfigs`: what contradicts an idempotence that was asked for is an
/// error; what contradicts the default turns it off.
fn idempotence(reader: &mut Reader<'_>, given: &Given, config: &mut ProducerConfig) {
    if !config.enable_idempotence {
        return;
    }
    let asked_for = given.span("enable.idempotence");
    if config.max_in_flight_requests_per_connection > 5 {
        let span = given.span("max.in.flight.requests.per.connection").cloned().unwrap_or_default();
        let message = "to use the idempotent producer, max.in.flight.requests.per.connection must be set to at most 5";
        reader.says(&span, message);
    }
    if config.retries == 0 {
        match asked_for {
            Some(span) => reader.says(span, "must set retries to non-zero when using the idempotent producer"),
            None => config.enable_idempotence = false,
        }
    }
    if config.acks != Acks::All {
        match asked_for {
            Some(span) => reader.says(span, "must set acks to all in order to use the idempotent producer"),
            None => config.enable_idempotence = false,
        }
    }
}

/// `KafkaProducer.configureDeliveryTimeout`: too short a timeout that was asked for is an error, otherwise it grows.
fn delivery_timeout(reader: &mut Reader<'_>, given: &Given, config: &mut ProducerConfig) {
    let least = config.linger_ms + config.request_timeout_ms;
    if config.delivery_timeout_ms >= least {
        return;
    }
    match given.span("delivery.timeout.ms") {
        Some(span) => reader.says(
            span,
            format!(
                "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms, which is {least}"
            ),
        ),
        None => config.delivery_timeout_ms = least,
    }
}

/// Sets what `config` says, and tells of names that Kafka has and the engine has not, and of names that nobody has.
fn read_of<'t, C: Config>(reader: &mut Reader<'t>, section: &Section<'t>, key: &str, config: &mut C) -> Given {
    let table = C::table();
    let mut given = Given(Vec::new());
    for (name, name_span, raw, value_span) in reader.settings(section, key) {
        if table.iter().any(|setting| setting.name == name) {
            if let Err(right) = config.set(&name, &raw) {
                let wrong = short(&raw.to_string());
                reader.wrong(&value_span, Wrong::word(format!("\"{name}\" is {wrong}, but takes {right}"), &wrong, []));
            }
            given.0.push((name, value_span));
        } else if (C::OWNER, name.as_str()) == (Owner::Broker, "broker.rack") {
            // All brokers have one table of settings.
            reader.says(&name_span, "each broker has a rack of its own: write racks = [\"a\", \"b\"] in [cluster]");
        } else if C::OWNER.has(&name) {
            reader.wrong(&name_span, Wrong::word(format!("the setting \"{name}\" is not built yet"), &name, []));
        } else {
            let message = match C::OWNER.other_with(&name) {
                Some(other) => {
                    format!("\"{name}\" is a setting of {}, not one of {}", other.word(), section.keys.title)
                }
                None => format!("unknown setting \"{}\" in {}", short(&name), section.keys.title),
            };
            let mut wrong = Wrong::word(message, &name, table.iter().map(|setting| setting.name));
            if let Some(synonym) = synonym(&name).filter(|name| table.iter().any(|setting| setting.name == *name)) {
                wrong.nearest = Some(synonym.to_owned());
            }
            reader.wrong(&name_span, wrong);
        }
    }
    given
}

/// What brokers call a setting of topics, or topics one of brokers.
fn synonym(name: &str) -> Option<&'static str> {
    SYNONYMS.iter().find_map(|(topic, broker)| match name {
        name if name == *topic => Some(*broker),
        name if name == *broker => Some(*topic),
        _ => None,
    })
}
