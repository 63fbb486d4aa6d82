//! Scenario files: what is read, what is refused and how, and that the documentation says the same.
#![cfg(not(target_family = "wasm"))]

mod cases;

use std::collections::BTreeSet;

use cases::cases;
use loglab::lab::fault::amount::Amount;
use loglab::lab::fault::{Object, Row};
use loglab::lab::scenario::check;
use loglab::lab::scenario::{
    Acks, BUILTINS, BrokerConfig, Config, ConsumerConfig, Expectation, FaultAction, FindingKind, LinkEnd,
    ProducerConfig, Scenario, ScenarioError, Target, TopicConfig, docs, keys, parse,
};
use loglab::settings::{AdminConfig, Owner};
use proptest::prelude::*;

const GOOD: &str = r#"title = "t"
duration = "30s"
[cluster]
brokers = 3
[[topic]]
name = "orders"
partitions = 3
replication-factor = 3
[[producer]]
name = "checkout"
topic = "orders"
rate = "20/s"
[[consumer]]
name = "shipping"
topics = ["orders"]
"#;

fn errors(text: &str) -> Vec<ScenarioError> {
    parse(text).expect_err(text)
}

/// The only error of the good file with more at its end, as the command line prints it.
fn only_error(more: &str) -> String {
    let text = format!("{GOOD}{more}");
    let errors = errors(&text);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].in_file("my.toml")
}

/// The only error of the good file with one text replaced.
fn error_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let errors = errors(&GOOD.replacen(from, to, 1));
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors[0].in_file("my.toml")
}

fn good(more: &str) -> Scenario {
    parse(&format!("{GOOD}{more}")).unwrap_or_else(|errors| panic!("{errors:#?}"))
}

#[test]
fn a_file_becomes_plain_values() {
    let scenario = good(
        r#"[[producer]]
name = "p"
topic = "orders"
keys = 5
value-bytes = 20
config = { acks = 1, linger.ms = "7" }
[[fault]]
at = "2s"
cut = "link broker 1 -> shipping"
heal-after = "1.5s"
[[fault]]
at = "1900ms"
pause = "followers of orders-0"
[[expect]]
anomaly = "lost-write"
"#,
    );
    assert_eq!((scenario.seed, scenario.duration_us, scenario.cluster.brokers), (1, 30_000_000, 3));
    let producer = &scenario.producers[1];
    assert_eq!((producer.rate_per_s, producer.keys, producer.value_bytes), (10, Some(5), 20));
    assert_eq!((producer.config.acks, producer.config.linger_ms), (Acks::Leader, 7));
    assert!(!producer.config.enable_idempotence, "acks=1 turns it off");
    assert!(scenario.producers[0].config.enable_idempotence);
    let [pause, cut] = &scenario.faults[..] else { panic!("{:?}", scenario.faults) };
    assert_eq!(pause.target, Target::FollowersOf { topic: "orders".into(), partition: 0 });
    assert_eq!((cut.at_us, cut.action, cut.undo_after_us), (2_000_000, FaultAction::Cut, Some(1_500_000)));
    let both_ways = false;
    assert_eq!(
        cut.target,
        Target::Link { from: LinkEnd::Broker(1), to: LinkEnd::Client("shipping".into()), both_ways }
    );
    assert_eq!(scenario.expectations, [Expectation::Finding(FindingKind::LostWrite)]);
}

#[test]
fn a_topic_has_what_the_brokers_have_unless_it_says_otherwise() {
    let text = GOOD.replace(
        "brokers = 3",
        "brokers = 3\nconfig = { \"min.insync.replicas\" = 2, \"log.segment.bytes\" = 2097152 }",
    );
    let text = text.replace("partitions = 3", "partitions = 3\nconfig = { \"min.insync.replicas\" = 3 }");
    let topic = &parse(&text).unwrap().topics[0];
    assert_eq!((topic.config.min_insync_replicas, topic.config.segment_bytes), (3, 2_097_152));
}

#[test]
fn an_error_names_file_line_wrong_word_and_nearest_right_one() {
    assert_eq!(
        error_with("brokers", "brokrs"),
        "my.toml:4: unknown key \"brokrs\" in [cluster]; did you mean \"brokers\"?"
    );
    let error = &errors(&GOOD.replace("brokers", "brokrs"))[0];
    assert_eq!((error.line, error.column), (4, 1));
    assert_eq!((error.wrong.as_deref(), error.nearest.as_deref()), (Some("brokrs"), Some("brokers")));
}

#[test]
fn all_errors_of_a_file_are_told_in_its_order() {
    let text =
        GOOD.replace("brokers = 3", "brokers = 31").replace("\"20/s\"", "20").replace("[\"orders\"]", "[\"order\"]");
    let errors = errors(&text);
    let lines: Vec<u32> = errors.iter().map(|error| error.line).collect();
    assert_eq!(lines, [4, 12, 15], "{errors:#?}");
}

#[test]
fn what_follows_from_a_wrong_value_is_not_told_as_well() {
    let fault = "[[fault]]\nat = \"10s\"\nkill = \"leader of orders-2\"\n\
                 [[fault]]\nat = \"10s\"\ncut = \"link broker 3 - checkout\"\n";
    for (from, to) in [
        ("duration = \"30s\"", "duration = \"30 s.\""),
        ("duration = \"30s\"", "duration = 30"),
        ("duration = \"30s\"\n", ""),
        ("brokers = 3", "brokers = 31"),
        ("[cluster]\nbrokers = 3\n", ""),
        ("[cluster]", "[[cluster]]"),
        ("[cluster]\nbrokers = 3\n", "cluster = 3\n"),
        ("[[topic]]", "[topic]"),
        ("name = \"orders\"", "name = 5"),
        ("name = \"orders\"\n", ""),
        ("partitions = 3", "partitions = 0"),
        ("name = \"checkout\"\n", ""),
        (
            "brokers = 3",
            "brokers = 3\nconfig = { \"log.cleaner.min.compaction.lag.ms\" = 9, \"log.cleaner.max.compaction.lag.ms\" = 5 }",
        ),
    ] {
        let text = format!("{}{fault}", GOOD.replacen(from, to, 1));
        let errors = errors(&text);
        assert_eq!(errors.len(), 1, "{from} -> {to}: {errors:#?}");
    }
}

#[test]
fn names_of_topics_are_what_kafka_takes() {
    let topic = |name: &str| format!("[[topic]]\nname = \"{name}\"\n");
    for (name, part) in [
        ("", "the empty string is not allowed"),
        (".", "'.' or '..' is not allowed"),
        ("..", "'.' or '..' is not allowed"),
        ("a b", "characters other than ASCII alphanumerics"),
        ("orders", "there are two topics called \"orders\""),
        ("__cluster_metadata", "creation of internal topic __cluster_metadata is prohibited"),
    ] {
        let told = only_error(&topic(name));
        assert!(told.contains(part), "{name}: {told}");
    }
    let told = only_error(&topic(&"x".repeat(250)));
    assert!(told.contains("its length is 250, longer than the max allowed length 249"), "{told}");
    let told = only_error(&format!("{}{}", topic("a.b"), topic("a_b")));
    assert!(told.contains("topic \"a_b\" collides with existing topic \"a.b\""), "{told}");
    good(&topic("__consumer_offsets"));
    good(&format!("{}{}{}", topic("__mine"), topic("..."), topic(&"x".repeat(249))));
}

#[test]
fn a_setting_of_the_other_side_is_given_by_its_name_there() {
    let told = error_with("brokers = 3", "brokers = 3\nconfig = { \"retention.ms\" = 1000 }");
    assert!(
        told.ends_with(
            "\"retention.ms\" is a setting of a topic, not one of [cluster]; did you mean \"log.retention.ms\"?"
        ),
        "{told}"
    );
    let told = error_with("partitions = 3", "partitions = 3\nconfig = { \"log.roll.ms\" = 1000 }");
    assert!(
        told.ends_with("\"log.roll.ms\" is a setting of a broker, not one of [[topic]]; did you mean \"segment.ms\"?"),
        "{told}"
    );
}

/// What a real Apache Kafka 4.3.1 answers when it is asked for its settings (`ProducerConfig.configDef()` and its kin): whose,
/// name, type and default.
const RECORDED: &str = include_str!("kafka/settings.tsv");

fn recorded() -> impl Iterator<Item = (Owner, &'static str, &'static str)> {
    RECORDED.lines().map(|line| {
        let [owner, name, _, default] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let owner = match owner {
            "broker" => Owner::Broker,
            "topic" => Owner::Topic,
            "producer" => Owner::Producer,
            "consumer" => Owner::Consumer,
            "admin" => Owner::Admin,
            other => panic!("{other}"),
        };
        (owner, name, default)
    })
}

#[test]
fn every_setting_of_kafka_is_built_or_refused_as_not_built_yet() {
    for (owner, name, _) in recorded() {
        assert!(owner.has(name), "{owner:?} {name}");
        let (section, table) = match owner {
            Owner::Broker => ("cluster", BrokerConfig::table()),
            Owner::Topic => ("topic", TopicConfig::table()),
            Owner::Producer => ("producer", ProducerConfig::table()),
            Owner::Consumer => ("consumer", ConsumerConfig::table()),
            Owner::Admin => ("admin", AdminConfig::table()),
        };
        if !table.iter().any(|setting| setting.name == name) {
            let told = errors(&with_key(section, &format!("config = {{ \"{name}\" = 1 }}")));
            let message = match name {
                "broker.rack" => {
                    "each broker has a rack of its own: write racks = [\"a\", \"b\"] in [cluster]".to_owned()
                }
                _ => format!("the setting \"{name}\" is not built yet"),
            };
            assert!(told.iter().any(|error| error.message == message), "{owner:?} {name}: {told:#?}");
        }
    }
    for owner in Owner::ALL {
        let named = recorded().filter(|(of, ..)| *of == owner).count();
        assert_eq!(owner.names().count(), named, "{owner:?}");
    }
}

/// Kafka writes what it calls by another name: these say the same.
fn as_kafka_writes(default: &str) -> String {
    match default {
        // `FlushIntervalMs` and the like: left out, it is another setting, and that is any.
        "null" => "any".to_owned(),
        // Protocols stand for the classes of assignors.
        "[class org.apache.kafka.clients.consumer.RangeAssignor, class org.apache.kafka.clients.consumer.CooperativeStickyAssignor]" => {
            "range,cooperative-sticky".to_owned()
        }
        other => other.trim_matches(['[', ']']).replace(", ", ","),
    }
}

#[test]
fn every_default_is_that_of_kafka() {
    let tables = [
        (Owner::Broker, BrokerConfig::table()),
        (Owner::Topic, TopicConfig::table()),
        (Owner::Producer, ProducerConfig::table()),
        (Owner::Consumer, ConsumerConfig::table()),
        (Owner::Admin, AdminConfig::table()),
    ];
    let mut other = Vec::new();
    for (owner, table) in tables {
        for setting in table {
            let Some((.., default)) = recorded().find(|(of, name, _)| *of == owner && *name == setting.name) else {
                panic!("{owner:?} has no setting {}", setting.name);
            };
            let same_number =
                matches!((default.parse::<f64>(), setting.default.parse::<f64>()), (Ok(a), Ok(b)) if a == b);
            let is_the_same = [as_kafka_writes(default), default.to_owned()].contains(&setting.default);
            if !is_the_same && !same_number {
                other.push(format!("{}: {} and not {default}", setting.name, setting.default));
            }
        }
    }
    // What is null there falls back on another setting, and what is any number is bounded here.
    let known = [
        "log.flush.interval.ms: 9223372036854775807 and not null",
        // A file says what topics there are.
        "auto.create.topics.enable: false and not true",
        "log.retention.ms: 604800000 and not null",
        "log.retention.minutes: 10080 and not null",
        "log.roll.ms: 604800000 and not null",
        "log.cleaner.io.max.bytes.per.second: 9223372036854775807 and not 1.7976931348623157E308",
        "internal.segment.bytes: 1073741824 and not null",
        "group.instance.id: null and not null",
    ];
    other.retain(|line| !known.contains(&line.as_str()));
    assert!(other.is_empty(), "{other:#?}");
}

#[test]
fn a_setting_of_somebody_else_is_told_as_such() {
    for (section, name, whose) in [
        ("producer", "retention.ms", "a topic"),
        ("producer", "group.id", "a consumer"),
        ("consumer", "acks", "a producer"),
        ("consumer", "num.io.threads", "a broker"),
        ("topic", "linger.ms", "a producer"),
        ("cluster", "max.poll.records", "a consumer"),
    ] {
        let told = errors(&with_key(section, &format!("config = {{ \"{name}\" = 1 }}")));
        let message = format!("\"{name}\" is a setting of {whose}, not one of");
        assert!(told.iter().any(|error| error.message.starts_with(&message)), "{name}: {told:#?}");
    }
}

/// `ProducerConfig.postProcessAndValidateIdempotenceConfigs`
#[test]
fn a_transactional_producer_is_idempotent() {
    let with = |more: &str| {
        format!("[[producer]]\nname = \"x\"\ntopic = \"orders\"\nconfig = {{ \"transactional.id\" = \"t\"{more} }}\n")
    };
    let refused = "Cannot set a transactional.id without also enabling idempotence";
    for more in [", \"enable.idempotence\" = false", ", \"acks\" = \"1\"", ", \"retries\" = 0"] {
        let told = only_error(&with(more));
        assert!(told.contains(refused), "{told}");
    }
    let plain = "[[producer]]\nname = \"x\"\ntopic = \"orders\"\n";
    for key in ["transaction-every = \"1s\"", "abort-ppm = 5"] {
        let told = only_error(&format!("{plain}{key}\n"));
        assert!(told.contains("needs the setting \"transactional.id\""), "{told}");
    }
}

#[test]
fn an_api_that_is_not_spoken_yet_is_told_from_one_that_is_none() {
    let api = |name: &str| only_error(&format!("[[fault]]\nat = \"1s\"\nlose = \"next {name} request\"\n"));
    assert!(api("DescribeConfigs").contains("\"DescribeConfigs\" is an API that is not built yet"));
    assert!(api("AlterConfigs").contains("\"AlterConfigs\" is an API that is not built yet"));
    assert!(api("Prodce").contains("\"Prodce\" is no API; did you mean \"Produce\"?"));
}

#[test]
fn wrong_words_in_every_place_are_refused() {
    for (from, to, part) in [
        ("title = \"t\"", "titel = \"t\"", ""),
        ("duration", "durration", ""),
        ("30s", "30 seconds", ":2: \"duration\" in the file is \"30 seconds\", but takes a duration, 1ms to 60m"),
        ("30s", "2h", ":2: "),
        ("[cluster]", "[clutser]", ""),
        ("[[topic]]", "[topic]", ":5: \"topic\" is written as a table, [[topic]]"),
        ("topic = \"orders\"", "topic = \"order\"", ":11: there is no topic \"order\"; did you mean \"orders\"?"),
        (
            "replication-factor = 3",
            "replication-factor = 4",
            ":8: \"replication-factor\" is 4, but there are only 3 brokers",
        ),
        ("name = \"shipping\"", "name = \"checkout\"", ":14: there are two clients called \"checkout\""),
        ("name = \"shipping\"", "name = \"ship ping\"", ":14: \"name\" in [[consumer]] is \"ship ping\": it contains"),
        (
            "partitions = 3",
            "partitions = 1001",
            ":7: \"partitions\" in [[topic]] is 1001, but takes a whole number, 1 to 1000",
        ),
        ("partitions = 3", "partitions = -1", ":7: "),
        ("partitions = 3", "partitions = 0x1_0000_0000_0000_0000", ":7: "),
        (
            "partitions = 3",
            "partitions = 3\ndelete-at = \"31s\"",
            ":8: the topic is deleted after the end of the run, see \"duration\"",
        ),
        ("rate = \"20/s\"", "rate = \"10001/s\"", ":12: "),
        ("brokers = 3", "brokers = 3\nwithout = [\"KIP-279\"]", ":5: switching off KIP-279 is not built yet"),
        (
            "brokers = 3",
            "brokers = 3\nwithout = [\"KAFKA-13794\"]",
            ":5: KAFKA-13794 cannot be switched off: a producer here tells its batches in flight from each other",
        ),
        (
            "brokers = 3",
            "brokers = 3\nwithout = [\"KIP-100\"]",
            ":5: there is no fix \"KIP-100\" to switch off; did you mean \"KIP-101\"",
        ),
    ] {
        let text = GOOD.replacen(from, to, 1);
        let errors = errors(&text);
        let told = errors.iter().map(|error| error.in_file("my.toml")).collect::<Vec<_>>().join("\n");
        assert!(told.contains(part), "{from} -> {to}: {told}");
    }
}

#[test]
fn what_kafka_refuses_of_a_group_is_refused() {
    for (more, part) in [
        ("members = 2", "my.toml:16: \"members\" is for members of a group, see \"group\""),
        ("commit = \"sync-after\"", "my.toml:16: \"commit\" is for members of a group, see \"group\""),
        ("group = \"g\"\ncommit = \"sync\"", "my.toml:17: \"sync\" is no \"commit\""),
        (
            "config = { \"enable.auto.commit\" = true }",
            "my.toml:16: enable.auto.commit cannot be set to true when default group id (null) is used",
        ),
        (
            "group = \"g\"\ncommit = \"auto\"\nconfig = { \"enable.auto.commit\" = false }",
            "my.toml:18: with commit = \"auto\" and without enable.auto.commit nobody commits",
        ),
        (
            "group = \"g\"\nconfig = { \"heartbeat.interval.ms\" = 6000, \"session.timeout.ms\" = 6000 }",
            "my.toml:17: heartbeat must be set lower than the session timeout",
        ),
        ("group = \"g\"\nconfig = { \"session.timeout.ms\" = 999 }", "my.toml:17: \"session.timeout.ms\" is 999"),
        ("group = \"g\"\nconfig = { \"group.instance.id\" = \"a b\" }", "my.toml:17: \"group.instance.id\" is"),
        ("spare = 1", "my.toml:16: \"spare\" is for members of a group, see \"group\""),
        ("group = \"g\"\nspare = 1", "my.toml:17: \"spare\" goes with \"members\""),
        ("group = \"g\"\nmembers = 60\nspare = 60", "my.toml:18: \"members\" and \"spare\" are 120"),
        (
            "work = \"5\"",
            "my.toml:16: \"work\" in [[consumer]] is \"5\", but takes a duration, `A to B` or `exponential A`",
        ),
        ("work = \"5ms to 1ms\"", "but takes a duration"),
        ("work = \"exponential 61m a poll\"", "but takes a duration"),
        (
            "group = \"g\"\nhand-over = 1",
            "my.toml:17: \"hand-over\" in [[consumer]] is 1, but takes a `true` or `false`",
        ),
        (
            "group = \"g\"\nconfig = { \"group.remote.assignor\" = \"range\" }",
            "my.toml:17: group.remote.assignor cannot be set when group.protocol=CLASSIC",
        ),
        (
            "group = \"g\"\nconfig = { \"group.protocol\" = \"consumer\", \"session.timeout.ms\" = 10000 }",
            "my.toml:17: session.timeout.ms cannot be set when group.protocol=CONSUMER",
        ),
        (
            "group = \"g\"\nconfig = { \"group.protocol\" = \"consumer\", \"heartbeat.interval.ms\" = 1000 }",
            "my.toml:17: heartbeat.interval.ms cannot be set when group.protocol=CONSUMER",
        ),
        (
            "group = \"g\"\nconfig = { \"group.protocol\" = \"consumer\", \"partition.assignment.strategy\" = \"range\" }",
            "my.toml:17: partition.assignment.strategy cannot be set when group.protocol=CONSUMER",
        ),
        (
            "group = \"g\"\nconfig = { \"partition.assignment.strategy\" = \"range,range\" }",
            "my.toml:17: \"partition.assignment.strategy\" is",
        ),
        (
            "group = \"g\"\nmembers = 2\n[[consumer]]\nname = \"shipping-2\"\ntopics = [\"orders\"]",
            "there are two clients",
        ),
    ] {
        let told = only_error(&format!("{more}\n"));
        assert!(told.contains(part), "{more}: {told}");
    }
    let text = GOOD.replace("brokers = 3", "brokers = 2").replace("factor = 3", "factor = 2");
    let told = errors(&format!("{text}group = \"g\"\n"))[0].in_file("my.toml");
    assert!(told.contains(":16: a group needs 3 brokers, and there are 2"), "{told}");
}

#[test]
fn members_are_programs_with_names_of_their_own() {
    let scenario = good("group = \"g\"\nmembers = 2\ncommit = \"async\"\nconfig = { \"group.instance.id\" = \"i\" }\n");
    let members: Vec<_> = scenario.consumers.iter().map(|it| (it.name.as_str(), it.group.as_deref())).collect();
    assert_eq!(members, [("shipping-1", Some("g")), ("shipping-2", Some("g"))]);
    let ids = scenario.consumers.iter().map(|it| it.config.group_instance_id.to_string());
    assert_eq!(ids.collect::<Vec<_>>(), ["i-1", "i-2"]);
    assert!(!scenario.consumers[0].config.enable_auto_commit, "the program commits");
    let alone = good("group = \"g\"\n");
    assert_eq!(alone.consumers[0].name, "shipping");
    assert!(alone.consumers[0].config.enable_auto_commit);
}

#[test]
fn a_consumer_subscribes_by_names_or_by_a_pattern() {
    for (more, part) in [
        ("[[consumer]]\nname = \"x\"\ngroup = \"g\"", "needs the key \"topics\", or \"pattern\""),
        (
            "[[consumer]]\nname = \"x\"\ngroup = \"g\"\ntopics = [\"orders\"]\npattern = \"o.*\"",
            "has \"topics\" or \"pattern\", not both",
        ),
        ("[[consumer]]\nname = \"x\"\npattern = \"o.*\"", "\"pattern\" is for members of a group"),
        (
            "[[consumer]]\nname = \"x\"\ngroup = \"g\"\nsubscription-pattern = \"o.*\"",
            "Subscribe to RE2/J pattern is not supported when using the CLASSIC protocol",
        ),
        ("[[consumer]]\nname = \"x\"\ngroup = \"g\"\npattern = \"o(\"", "is no regular expression"),
        ("[[consumer]]\nname = \"x\"\ngroup = \"g\"\npattern = \"x.*\"", "no topic of the file matches"),
    ] {
        let told = only_error(more);
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn what_is_not_built_yet_says_so() {
    for (more, part) in [
        ("config = { \"interceptor.classes\" = \"a\" }", "the setting \"interceptor.classes\" is not built yet"),
        ("[[service]]\nname = \"s\"", "[[service]] is not built yet"),
        ("[[invariant]]\nname = \"s\"", "[[invariant]] is not built yet"),
        (
            "[[topic]]\nname = \"x\"\nconfig = { \"segment.jitter.ms\" = 1000 }",
            "the setting \"segment.jitter.ms\" is not built yet",
        ),
        (
            "[[producer]]\nname = \"x\"\ntopic = \"orders\"\nconfig = { \"interceptor.classes\" = \"x\" }",
            "the setting \"interceptor.classes\" is not built yet",
        ),
    ] {
        let told = only_error(more);
        assert!(told.contains(part), "{told}");
    }
}

/// `KafkaConfig.getLogRetentionTimeMillis`, `logRollTimeMillis`
#[test]
fn the_finest_unit_of_time_that_a_file_gives_holds() {
    let kept = |config: &str| {
        let with = format!("brokers = 3\nconfig = {{ {config} }}");
        let config = parse(&GOOD.replacen("brokers = 3", &with, 1)).map(|scenario| scenario.cluster.config);
        config.map(|config| (config.log_retention_ms, config.log_roll_ms)).map_err(|errors| errors[0].message.clone())
    };
    const HOUR: i64 = 3_600_000;
    const WEEK: (i64, u64) = (168 * HOUR, 168 * HOUR as u64);
    assert_eq!(kept(""), Ok(WEEK));
    assert_eq!(kept("\"log.retention.hours\" = 2, \"log.roll.hours\" = 3"), Ok((2 * HOUR, 3 * HOUR as u64)));
    assert_eq!(kept("\"log.retention.hours\" = 2, \"log.retention.minutes\" = 5"), Ok((300_000, WEEK.1)));
    assert_eq!(kept("\"log.retention.minutes\" = 5, \"log.retention.ms\" = 7"), Ok((7, WEEK.1)));
    assert_eq!(kept("\"log.roll.hours\" = 5, \"log.roll.ms\" = 1007"), Ok((WEEK.0, 1_007)));
    for unit in ["hours", "minutes", "ms"] {
        assert_eq!(kept(&format!("\"log.retention.{unit}\" = -1")), Ok((-1, WEEK.1)));
        let refused = "log.retention.ms must be unlimited (-1) or, equal or greater than 1";
        assert_eq!(kept(&format!("\"log.retention.{unit}\" = 0")), Err(refused.to_owned()));
    }
}

#[test]
fn unknown_settings_are_told_from_those_of_others() {
    let setting = |name: &str| only_error(&format!("config = {{ \"{name}\" = 1 }}"));
    assert_eq!(
        setting("fetch.max.wait"),
        "my.toml:16: unknown setting \"fetch.max.wait\" in [[consumer]]; did you mean \"fetch.max.wait.ms\"?"
    );
    assert_eq!(setting("acks"), "my.toml:16: \"acks\" is a setting of a producer, not one of [[consumer]]");
    assert_eq!(
        only_error("config = { \"auto.offset.reset\" = \"first\" }"),
        "my.toml:16: \"auto.offset.reset\" is \"first\", but takes one of earliest, latest, none, by_duration:PT1H"
    );
}

#[test]
fn rules_between_settings_are_kafkas() {
    let producer = |config: &str| format!("[[producer]]\nname = \"p\"\ntopic = \"orders\"\nconfig = {{ {config} }}\n");
    for (config, part) in [
        (r#""acks" = "1", "enable.idempotence" = true"#, "must set acks to all"),
        (r#""retries" = 0, "enable.idempotence" = true"#, "must set retries to non-zero"),
        (r#""max.in.flight.requests.per.connection" = 6"#, "at most 5"),
        (r#""delivery.timeout.ms" = 1000"#, "linger.ms + request.timeout.ms"),
    ] {
        let told = only_error(&producer(config));
        assert!(told.contains(part), "{told}");
    }
    let config = |text: &str| good(&producer(text)).producers[1].config.clone();
    assert!(!config(r#""retries" = 0"#).enable_idempotence);
    assert!(!config(r#""acks" = "0""#).enable_idempotence);
    assert_eq!(
        config(r#""enable.idempotence" = false, "max.in.flight.requests.per.connection" = 6"#)
            .max_in_flight_requests_per_connection,
        6
    );
    assert_eq!(config(r#""request.timeout.ms" = 200000"#).delivery_timeout_ms, 200_005);
    assert!(
        error_with("brokers = 3", "brokers = 3\nconfig = { \"replica.lag.time.max.ms\" = 400 }")
            .contains("replica.fetch.wait.max.ms")
    );
}

#[test]
fn wrong_faults_are_refused() {
    for (fault, part) in [
        (
            "at = \"1s\"",
            "exactly one of kill, stop, power-loss, restart, pause, resume, skew, drift, heal-clock, cut, clog, slow, heal, hold, \
             release, lose, repeat, fill-disk, slow-disk, heal-disk, bit-rot, lose-indexes, leave, join, scale, seek; this one has none",
        ),
        ("at = \"1s\"\nkill = \"broker 1\"\npause = \"broker 1\"", "this one has kill and pause"),
        ("kill = \"broker 1\"", "[[fault]] lacks the key \"at\""),
        ("at = \"31s\"\nkill = \"broker 1\"", "would not come before the end of the run at 30s"),
        ("at = \"30s\"\nkill = \"broker 1\"", "would not come before the end of the run at 30s"),
        (
            "at = \"20s\"\nkill = \"broker 1\"\nrestart-after = \"10s\"",
            "\"restart-after\" would come at 30s, not before the end of the run at 30s",
        ),
        ("at = \"20s\"\ncut = \"link broker 1 - broker 2\"\nheal-after = \"1m\"", "\"heal-after\" would come at 80s"),
        ("at = \"1s\"\ncut = \"link checkout - shipping\"", "nothing ever passes between checkout and shipping"),
        ("at = \"1s\"\nclog = \"link controller - shipping\"", "talk to brokers alone"),
        ("at = \"1s\"\nlose = \"next Produce request from shipping\"", "Produce is what a producer asks a broker"),
        ("at = \"1s\"\nskew = \"broker 1\"", "\"skew\" needs the key \"by\": by how much, such as by = \"200ms\""),
        ("at = \"1s\"\nskew = \"broker 1\"\nby = \"500ppm\"", "takes a duration up to 60m or down to -60m, not 0"),
        ("at = \"1s\"\ndrift = \"checkout\"\nby = \"200ms\"", "takes a rate up to 100000ppm"),
        ("at = \"1s\"\nfill-disk = \"checkout\"", "fill-disk is done to a broker"),
        ("at = \"1s\"\nstop = \"broker 1\"\nheal-after = \"1s\"", "write \"restart-after\""),
        ("at = \"1s\"\ndrift = \"broker 1\"\nby = \"5ppm\"\nheal-after = \"1s\"", "write \"heal-clock-after\""),
        ("at = \"1s\"\nkill = \"broker 1\"\nheal-after = \"1s\"", "write \"restart-after\""),
        ("at = \"1s\"\nkill = \"broker 0\"", "they are numbered 1 to 3"),
        ("at = \"1s\"\nkill = \"leader of order-0\"", "did you mean \"orders\""),
        ("at = \"1s\"\nkill = \"leader of orders-3\"", "numbered 0 to 2"),
        ("at = \"1s\"\nkil = \"broker 1\"\nkill = \"broker 1\"", "did you mean \"kill\""),
        ("at = \"1s\"\ncut = \"link broker 1 - shiping\"", "did you mean \"shipping\""),
        ("at = \"1s\"\nslow = \"link broker 1 - broker 2\"", "needs the key \"by\""),
        ("at = \"1s\"\nkill = \"broker 1\"\nby = \"1s\"", "`by` goes with skew, drift, slow, slow-disk, not with kill"),
        ("at = \"1s\"\nlose = \"broker 1\"", "lose is done to a message"),
        ("at = \"1s\"\nkill = \"next Produce request\"", "kill is done to a broker, the controller or a client"),
        ("at = \"1s\"\nhold = \"next Prodce request\"", "did you mean \"Produce\""),
        ("at = \"1s\"\nhold = \"next Fetch request\"\nheal-after = \"1s\"", "write \"release-after\""),
        ("at = \"1s\"\nlose = \"next Fetch request\"\nrelease-after = \"1s\"", "does not go with lose"),
        ("at = \"1s\"\nslow-disk = \"broker 1\"", "needs the key \"by\""),
        ("at = \"1s\"\nfill-disk = \"broker 1\"\nheal-after = \"1s\"", "write \"heal-disk-after\""),
        ("at = \"1s\"\nfill-disk = \"controller\"", "the controller's disk is not built yet"),
        ("at = \"1s\"\nbit-rot = \"follower of orders-0\"", "needs the key \"offset\""),
        ("at = \"1s\"\nbit-rot = \"broker 1\"\noffset = 3", "done to a replica"),
        ("at = \"1s\"\nkill = \"broker 1\"\noffset = 3", "`offset` goes with bit-rot"),
        ("at = \"1s\"\nleave = \"shipping\"", "is done to a consumer that is a member of a group"),
        ("at = \"1s\"\nscale = \"consumer shipping\"\nto = 2", "there is no consumer with members called \"shipping\""),
        ("at = \"1s\"\nseek = \"shipping\"", "\"seek\" needs the key \"offset\": which offset, such as offset = 120"),
        ("at = \"1s\"\nkill = 1", "takes text in quotes, not integer"),
    ] {
        let told = only_error(&format!("[[fault]]\n{fault}\n"));
        assert!(told.contains(part), "{fault}: {told}");
    }
}

#[test]
fn every_amount_of_every_fault_has_bounds_and_they_hold() {
    for row in FaultAction::ROWS {
        let Some(parameter) = row.parameter else { continue };
        let is_refused = |amount: i64| {
            let written = parameter.amount.write(amount);
            let quoted = if parameter.amount.is_number() { written } else { format!("\"{written}\"") };
            let (word, target, key) = (row.word, some(row.object), parameter.key);
            let fault = format!("{MEMBERS}[[fault]]\nat = \"1s\"\n{word} = \"{target}\"\n{key} = {quoted}\n");
            parse(&format!("{GOOD}{fault}")).is_err()
        };
        let (within, beyond) = match parameter.amount {
            Amount::Delay(least, most) => (vec![least, most], vec![least - 1, most + 1]),
            Amount::Shift(most) | Amount::Rate(most) => (vec![-most, -1, 1, most], vec![-most - 1, 0, most + 1]),
            Amount::Offset => (vec![0, i64::MAX], vec![-1]),
            Amount::Count(most) => (vec![0, most], vec![-1, most + 1]),
        };
        assert!(within.into_iter().all(|amount| !is_refused(amount)), "{}", row.word);
        assert!(beyond.into_iter().all(is_refused), "{}", row.word);
    }
}

/// What is said of the good file with more at its end, though it is right.
fn warnings(more: &str) -> Vec<String> {
    let checked = check(&format!("{GOOD}{more}")).unwrap_or_else(|errors| panic!("{more}: {errors:#?}"));
    checked.warnings.iter().map(|warning| warning.in_file("my.toml")).collect()
}

#[test]
fn a_repair_that_nothing_makes_necessary_is_told_and_not_refused() {
    let fault = |at: u32, rest: &str| format!("[[fault]]\nat = \"{at}s\"\n{rest}\n");
    for (before, repair) in [
        ("kill = \"broker 2\"", "restart = \"broker 2\""),
        ("stop = \"broker 2\"", "restart = \"broker 2\""),
        ("power-loss = \"controller\"", "restart = \"controller\""),
        ("fill-disk = \"broker 2\"", "restart = \"broker 2\""),
        ("kill = \"leader of orders-0\"", "restart = \"broker 3\""),
        ("pause = \"broker 1\"", "resume = \"broker 1\""),
        ("cut = \"link broker 1 - broker 2\"", "heal = \"link broker 2 -> broker 1\""),
        ("hold = \"next Fetch request\"", "release = \"next Fetch request\""),
        ("skew = \"checkout\"\nby = \"-1s\"", "heal-clock = \"checkout\""),
        ("slow-disk = \"broker 1\"\nby = \"1ms\"", "heal-disk = \"broker 1\""),
    ] {
        assert_eq!(warnings(&format!("{}{}", fault(1, before), fault(2, repair))), [""; 0], "{before}, {repair}");
        let [alone] = &warnings(&fault(2, repair))[..] else { panic!("{repair}") };
        assert!(alone.starts_with("my.toml:18: ") && alone.contains("nothing to take back"), "{alone}");
        let [behind] = &warnings(&format!("{}{}", fault(2, repair), fault(3, before)))[..] else { panic!("{repair}") };
        assert!(behind.contains("no fault before it"), "{behind}");
    }
    let killed = fault(1, "kill = \"broker 2\"\nrestart-after = \"5s\"");
    let [over] = &warnings(&format!("{killed}{}", fault(7, "restart = \"broker 2\"")))[..] else { panic!() };
    assert!(over.contains("is over by then"), "{over}");
    let [other] = &warnings(&format!("{killed}{}", fault(3, "restart = \"broker 3\"")))[..] else { panic!() };
    assert!(other.contains("no fault before it"), "{other}");
}

#[test]
fn what_takes_long_is_told_with_its_cost() {
    let many: String = (0..25)
        .map(|n| format!("[[producer]]\nname = \"p{n}\"\ntopic = \"orders\"\nrate = \"10000/s\"\nvalue-bytes = 8\n"))
        .collect();
    let [told] = &warnings(&many)[..] else { panic!() };
    assert!(told.starts_with("my.toml:2: a run takes about ") && told.contains(" MB, and"), "{told}");
    assert_eq!(warnings(""), [""; 0]);
    let cost = check(GOOD).expect("the good file").cost;
    assert!(cost.to_string().starts_with("about 1 s and ") && !cost.is_high(), "{cost}");
}

#[test]
fn no_built_in_scenario_is_warned_about() {
    for builtin in BUILTINS {
        let checked = check(builtin.toml).expect("it is right");
        // What it is warned about is what it shows.
        let told = if builtin.name == "slow-member-leaves-its-group" { 1 } else { 0 };
        assert_eq!(checked.warnings.len(), told, "{}: {:?}", builtin.name, checked.warnings);
    }
}

#[test]
fn wrong_expectations_are_refused() {
    for (expect, part) in [
        ("anomaly = \"lost-writes\"", "did you mean \"lost-write\""),
        ("anomaly = \"hw-above-leo\"", "write invariant = \"hw-above-leo\""),
        ("", "exactly one of anomaly, invariant"),
        ("anomaly = \"unseen\"\ninvariant = \"hw-above-leo\"", "exactly one of anomaly, invariant"),
    ] {
        let told = only_error(&format!("[[expect]]\n{expect}\n"));
        assert!(told.contains(part), "{expect}: {told}");
    }
}

#[test]
fn what_would_take_too_much_memory_or_time_is_refused() {
    let many = |table: &str, count: usize, rest: &str| -> String {
        (0..count).map(|i| format!("[[{table}]]\nname = \"x{i}\"\n{rest}\n")).collect()
    };
    for (more, part) in [
        (many("consumer", 99, "topics = [\"orders\"]"), "at most 100 are simulated"),
        (many("consumer", 101, "topics = [\"orders\"]"), "at most 100"),
        (many("topic", 2, "partitions = 600"), "at most 1000 are simulated"),
        (many("producer", 40, "topic = \"orders\"\nrate = \"10000/s\""), "at most 10000000 are simulated"),
        (
            many("producer", 4, "topic = \"orders\"\nrate = \"1000/s\"\nvalue-bytes = 100000"),
            "at most 1073741824 are simulated",
        ),
    ] {
        let errors = errors(&format!("{GOOD}{more}"));
        assert!(errors.iter().any(|error| error.message.contains(part)), "{part}: {errors:#?}");
    }
    for setting in ["max.request.size", "buffer.memory"] {
        let tight = format!("[[producer]]\nname = \"tight\"\ntopic = \"orders\"\nconfig = {{ \"{setting}\" = 150 }}\n");
        let errors = errors(&format!("{GOOD}{tight}"));
        assert!(
            errors[0].message.contains("RecordTooLargeException") && errors[0].message.contains(setting),
            "{errors:#?}"
        );
    }
    // The text of a record is longer than `value-bytes` where the producer's name is.
    let long = |most: u32| {
        format!(
            "[[producer]]\nname = \"checkout-service-europe\"\ntopic = \"orders\"\nkeys = 1000000\nvalue-bytes = 8\nconfig = {{ \"max.request.size\" = {most} }}\n"
        )
    };
    // A header of 61 bytes, 21 of each record's own, 7 of the key, 22 of the header `record`, and the value.
    let (fits, records) = (61 + 21 + 7 + 22 + "checkout-service-europe-".len() as u32, 30 * 10);
    let fits = fits + (records - 1).to_string().len() as u32;
    assert!(errors(&format!("{GOOD}{}", long(fits - 1)))[0].message.contains("RecordTooLargeException"));
    assert!(parse(&format!("{GOOD}{}", long(fits))).is_ok());
    let large = format!("{GOOD}#{}", "x".repeat(1 << 20));
    assert!(errors(&large)[0].message.contains("at most 1048576 are read"));
}

#[test]
fn a_hostile_file_is_refused_quickly() {
    let deep = "a = ".to_owned() + &"[".repeat(500_000);
    let dotted = format!("[cluster]\nconfig.{}a = 1\n", "a.".repeat(200_000));
    let tables = format!("[cluster]\nconfig = {}1{}\n", "{a=".repeat(200_000), "}".repeat(200_000));
    let broken = "x\n".repeat(400_000);
    let topics = format!("{GOOD}{}", "[[topic]]\nname = \"x\"\n".repeat(40_000));
    for text in [deep, dotted, tables, broken, topics] {
        assert!((1..=100).contains(&errors(&text).len()));
    }
}

#[test]
fn broken_toml_names_its_line() {
    assert!(error_with("brokers = 3", "brokers = = 3").starts_with("my.toml:4: "));
    let twice = error_with("brokers = 3", "brokers = 3\nbrokers = 4");
    assert!(twice.starts_with("my.toml:5: ") && twice.contains("duplicate key"), "{twice}");
    assert!(parse("").is_err());
    for deep in ["[".repeat(200), "{ a = ".repeat(200)] {
        let told = only_error(&format!("deep = {deep}\n"));
        assert!(told.starts_with("my.toml:16: "), "{told}");
    }
    assert!(error_with("title = \"t\"", "title = \" \"").starts_with("my.toml:1: \"title\" in the file is empty"));
    for hidden in ["\\u001b", "\\u202e"] {
        let error = error_with("title = \"t\"", &format!("title = \"{hidden}t\""));
        assert!(error.contains("which controls how text is shown"), "{error}");
    }
}

/// More of the good file: a group.
const MEMBERS: &str = "[[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\ngroup = \"g\"\nmembers = 1\n";

/// Something of the good file that faults on such an object can be done to.
fn some(object: Object) -> &'static str {
    match object {
        Object::Processes | Object::Numbered | Object::Brokers | Object::Machines => "broker 1",
        Object::Link => "link broker 1 - broker 2",
        Object::Message => "next Fetch request",
        Object::Replica => "follower of orders-0",
        Object::Consumer | Object::Member => "worker-1",
        Object::Members => "consumer worker",
    }
}

/// The good file with this line in a table of its own kind, or in the table that is there already.
fn with_key(section: &str, line: &str) -> String {
    let text = match section {
        "" => return format!("{line}\n{GOOD}"),
        "cluster" => return GOOD.replace("[cluster]\n", &format!("[cluster]\n{line}\n")),
        "network" => "[network]\n",
        "nemesis" => "[nemesis]\n",
        "topic" => "[[topic]]\nname = \"more\"\n",
        "producer" => "[[producer]]\nname = \"more\"\ntopic = \"orders\"\n",
        "consumer" => "[[consumer]]\nname = \"more\"\ntopics = [\"orders\"]\n",
        "pipeline" => "[[pipeline]]\nname = \"more\"\nfrom = [\"orders\"]\nto = \"orders\"\n",
        "expect" => "[[expect]]\nerror = \"UNKNOWN_MEMBER_ID\"\n",
        "admin" => "[[admin]]\nrun = \"list-groups\"\n",
        "fault" => {
            let key = line.split(' ').next().unwrap_or_default();
            let goes_with = |row: &&Row| {
                row.undo.is_some_and(|undo| undo.row().after == Some(key))
                    || row.parameter.is_some_and(|parameter| parameter.key == key)
            };
            let row = FaultAction::ROWS.iter().find(goes_with).unwrap_or(&FaultAction::ROWS[0]);
            let at = if key == "at" { "" } else { "at = \"1s\"\n" };
            return format!("{GOOD}{MEMBERS}[[fault]]\n{at}{} = \"{}\"\n{line}\n", row.word, some(row.object));
        }
        other => panic!("{other}"),
    };
    format!("{GOOD}{text}{line}\n")
}

/// True where the file is refused because of this key's value.
fn is_refused(section: &str, key: &str, value: &str) -> bool {
    let text = with_key(section, &format!("{key} = {value}"));
    let found = parse(&text).err().unwrap_or_default();
    let named = format!("\"{key}\"");
    found.iter().any(|error| error.message.contains(&named) && error.message.contains("takes"))
}

#[test]
fn every_number_of_every_key_has_bounds_and_they_hold() {
    let mut tried = 0;
    let sections = std::iter::once(("", &keys::TOP)).chain(keys::SECTIONS.iter().copied());
    for (section, table) in sections {
        for key in table.keys {
            let (least, most, write): (u64, u64, fn(u64) -> String) = match key.takes {
                keys::Takes::Whole(least, most) => (least, most, |number| number.to_string()),
                keys::Takes::Duration(least, most) => (least, most, |us| format!("\"{us}us\"")),
                keys::Takes::Rate(least, most) => (least, most, |rate| format!("\"{rate}/s\"")),
                keys::Takes::After(_) => {
                    let (least, most) = keys::Takes::AFTER_BOUNDS;
                    (least, most, |us| format!("\"{us}us\""))
                }
                _ => continue,
            };
            // What the good file has already cannot be given twice; its own tests are above.
            if GOOD.contains(&format!("\n{} = ", key.name)) && ["", "cluster"].contains(&section) {
                continue;
            }
            tried += 1;
            let refused = |value: &str| is_refused(section, key.name, value);
            assert!(refused(&write(most.saturating_add(1))), "{section} {} above {most}", key.name);
            if least > 0 {
                assert!(refused(&write(least - 1)), "{section} {} below {least}", key.name);
            }
            assert!(refused("-1") && refused("1.5") && refused("true") && refused("\"x\""), "{section} {}", key.name);
            assert!(!refused(&write(least)), "{section} {} = {least}", key.name);
            assert!(!refused(&write(most)), "{section} {} = {most}", key.name);
        }
    }
    assert!(tried > 15, "{tried}");
}

#[test]
fn every_number_of_every_setting_has_bounds_and_they_hold() {
    let mut tried = 0;
    for (section, table) in [
        ("cluster", BrokerConfig::table()),
        ("topic", TopicConfig::table()),
        ("producer", ProducerConfig::table()),
        ("consumer", ConsumerConfig::table()),
    ] {
        for setting in table {
            let refused = |value: &str| {
                let text = with_key(section, &format!("config = {{ \"{}\" = {value} }}", setting.name));
                let found = parse(&text).err().unwrap_or_default();
                let named = format!("\"{}\"", setting.name);
                found.iter().any(|error| error.message.contains(&named) && error.message.contains("takes"))
            };
            if setting.values.starts_with("text") {
                // What Kafka's default is empty for may be so.
                assert!(setting.default.is_empty() != refused("\"\""), "{}", setting.name);
                continue;
            }
            // Both are names.
            let is_name = ["group.instance.id", "group.remote.assignor"].contains(&setting.name);
            assert!(is_name || refused("\"nonsense\"") && refused("1.5"), "{}", setting.name);
            let Some((least, most)) = setting.values.split_once(" to ") else { continue };
            tried += 1;
            if setting.default.contains('.') {
                // A part of a whole.
                assert!(refused("-0.1") && refused("1.000001") && refused("0.1234567"), "{}", setting.name);
                assert!(!refused(least) && !refused(most) && !refused("0.25"), "{}", setting.name);
                continue;
            }
            let (least, most): (i64, i64) = (least.parse().expect("a number"), most.parse().expect("a number"));
            assert!(refused(&(least - 1).to_string()), "{} below {least}", setting.name);
            let above = most.checked_add(1).map_or("9223372036854775808".to_owned(), |number| number.to_string());
            assert!(refused(&above), "{} above {most}", setting.name);
            assert!(!refused(&least.to_string()) && !refused(&most.to_string()), "{}", setting.name);
        }
    }
    assert!(tried > 40, "{tried}");
}

/// Compares a page with what the tables render; `LOGLAB_WRITE_DOCS=1` writes it.
fn assert_page(path: &str, rendered: &str) {
    let path = format!("{}/docs/{path}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("LOGLAB_WRITE_DOCS").is_some() {
        std::fs::write(&path, rendered).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page == rendered, "{path} is not what the tables say; write it anew with LOGLAB_WRITE_DOCS=1");
}

#[test]
fn the_page_of_scenario_files_says_what_the_reader_does() {
    assert_page("scenarios.md", &docs::scenarios());
    let example = docs::scenarios();
    let example = example.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(parse(example).is_ok(), "the page's own example");
}

#[test]
fn the_page_of_findings_says_what_the_checkers_find() {
    assert_page("findings.md", &docs::findings());
}

/// The page of the checkers names every finding and every mutant of `cargo xtask mutants`, and no others.
#[test]
fn the_page_of_the_checkers_names_every_finding_and_every_mutant() {
    let read = |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let page = read("docs/checkers.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let (mut findings, mut named) = (Vec::new(), BTreeSet::new());
    for (finding, rest) in rows {
        findings.push(finding);
        let (_, mutants) = rest.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        named.extend(mutants.split('`').skip(1).step_by(2));
    }
    let all: Vec<&str> = FindingKind::ALL.iter().map(|kind| kind.name()).collect();
    assert_eq!(findings, all);
    let table: toml::Table = read("xtask/mutants.toml").parse().unwrap();
    let mutants = table["mutant"].as_array().unwrap();
    assert_eq!(named, mutants.iter().map(|mutant| mutant["name"].as_str().unwrap()).collect());
}

#[test]
fn every_scenario_file_is_built_in() {
    let folder = format!("{}/www/scenarios", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".toml", ""))
        .collect();
    files.sort();
    let mut names: Vec<&str> = BUILTINS.iter().map(|builtin| builtin.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}

/// A built-in file with some of its bytes changed, removed or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let words = ["=", "[", "]]", "\"", "\n", "-1", "99999999999999999999", "{", ".", "broker 1", "é", "0x", "true"];
    let edit = (any::<prop::sample::Index>(), 0..12usize, prop::sample::select(words.to_vec()));
    (0..BUILTINS.len(), prop::collection::vec(edit, 1..6)).prop_map(|(which, edits)| {
        let mut text: Vec<char> = BUILTINS[which].toml.chars().collect();
        for (at, removed, word) in edits {
            let at = at.index(text.len() + 1);
            text.splice(at..(at + removed).min(text.len()), word.chars());
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn no_text_makes_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_mutation_of_a_file_makes_the_reader_panic_or_fail_silently(text in mutated()) {
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.is_empty());
            let lines = text.lines().count().max(1) as u32 + 1;
            prop_assert!(errors.iter().all(|error| (1..=lines).contains(&error.line) && error.column >= 1));
        }
    }

    #[test]
    fn no_command_makes_the_reader_panic(words in prop::collection::vec(
        prop::sample::select(vec!["kill", "slow", "link", "broker", "1", "-", "->", "by", "1ms", "leader", "of", "orders-0", "orders-", "-", "é", "controller", "shipping"]),
        0..8,
    )) {
        let scenario = good("");
        if let Ok(command) = loglab::lab::scenario::Command::read(0, &words.join(" "), &scenario) {
            prop_assert_eq!(&loglab::lab::scenario::Command::read(0, &command.to_string(), &scenario).unwrap(), &command);
        }
    }
}

/// What is right and cannot be meant is a warning: two numbers that contradict each other, or a command about what is not there.
#[test]
fn what_contradicts_itself_and_commands_about_nothing_are_warnings() {
    let consumer =
        |more: &str| format!("[[consumer]]\nname = \"late\"\ntopics = [\"orders\"]\ngroup = \"late\"\n{more}\n");
    let producer = |more: &str| format!("[[producer]]\nname = \"till\"\ntopic = \"orders\"\nrate = \"1/s\"\n{more}\n");
    let admin = |run: &str| format!("[[admin]]\nat = \"1s\"\nrun = \"{run}\"\n");
    for (more, words) in [
        (
            consumer("config = { \"session.timeout.ms\" = 2000, \"heartbeat.interval.ms\" = 500 }"),
            "group.min.session.timeout.ms=6000",
        ),
        (consumer("work = \"5s a poll\"\nconfig = { \"max.poll.interval.ms\" = 1000 }"), "max.poll.interval.ms=1000"),
        (
            consumer("config = { \"group.protocol\" = \"consumer\", \"group.remote.assignor\" = \"foo\" }"),
            "no assignor \"foo\", but uniform and range",
        ),
        (
            producer("config = { \"transactional.id\" = \"t\", \"transaction.timeout.ms\" = 1000000 }"),
            "transaction.max.timeout.ms=900000",
        ),
        (
            producer(
                "transaction-every = \"50s\"\nconfig = { \"transactional.id\" = \"t\", \"transaction.timeout.ms\" = 10000 }",
            ),
            "transaction.timeout.ms=10000",
        ),
        (admin("describe-group lat") + &consumer(""), "did you mean \"late\"?"),
        (admin("fence tt") + &producer("config = { \"transactional.id\" = \"t\" }"), "did you mean \"t\"?"),
        (admin("delete-records nosuch-0 5"), "there is no topic \"nosuch\""),
        (admin("describe-producers orders-99"), "there is no orders-99"),
        (consumer("members = 2") + "[[fault]]\nat = \"1s\"\nscale = \"consumer late\"\nto = 9\n", "finds 2 programs"),
    ] {
        let told = warnings(&more);
        assert!(told.len() == 1 && told[0].contains(words), "{more}: {told:#?}");
    }
    let seats = format!("{GOOD}[[fault]]\nat = \"1s\"\nkill = \"leader of __consumer_offsets-0\"\n");
    let errors = check(&seats).expect_err("it is not written as a topic");
    assert!(errors.iter().any(|error| error.message.contains("has to be written as a [[topic]]")), "{errors:#?}");
}
