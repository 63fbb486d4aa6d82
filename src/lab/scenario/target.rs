//! Reads targets and commands: `leader of orders-0`, `link broker 1 -> controller`, `kill broker 2`.

use std::str::FromStr;

use super::action::{LinkEnd, Target};
use super::error::{Wrong, short};
use super::exchange::{self, Who};
use super::model::{ADMINISTRATOR, Scenario};
use crate::broker::TRANSACTIONS_TOPIC;
use crate::broker::groups::GROUPS_TOPIC;
use crate::lab::fault::amount::{Amount, COUNT, Parameter};
use crate::lab::fault::{FaultAction, Object, Row};
use crate::wire::Api;

/// What targets may name.
#[derive(Clone, Debug, Default)]
pub struct Processes {
    /// How many brokers there are.
    pub brokers: u32,
    /// Topics and how many partitions each has. One that is deleted may have others of its name behind it.
    pub topics: Vec<(String, u32)>,
    /// Whether a partition has more replicas than one, so that brokers follow each other.
    pub is_replicated: bool,
    /// Producers and consumers by name, and which they are.
    pub clients: Vec<(String, Who)>,
    /// Consumers that are members of groups.
    pub members: Vec<String>,
    /// Names of `[[consumer]]`s with `members`.
    pub tables: Vec<String>,
}

impl Processes {
    /// That of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let producers = scenario.producers.iter().map(|producer| (producer.name.clone(), Who::Producer));
        let consumers = scenario.consumers.iter().map(|consumer| (consumer.name.clone(), Who::Consumer));
        let administrator = (!scenario.commands.is_empty()).then(|| (ADMINISTRATOR.to_owned(), Who::Administrator));
        let members = scenario.consumers.iter().filter(|consumer| consumer.group.is_some());
        let pipelines = scenario.pipelines.iter().map(|pipeline| (pipeline.name.clone(), Who::Pipeline));
        let declared = scenario.topics.iter().map(|topic| (topic.name.clone(), topic.partitions));
        let partitions = u32::try_from(scenario.cluster.config.num_partitions).unwrap_or(u32::MAX);
        let created = scenario.created_topics().into_iter().map(|name| (name.to_owned(), partitions));
        Self {
            brokers: scenario.cluster.brokers,
            topics: declared.chain(created).collect(),
            is_replicated: scenario.topics.iter().any(|topic| topic.replication_factor > 1),
            clients: producers.chain(consumers).chain(pipelines).chain(administrator).collect(),
            members: members.clone().map(|it| it.name.clone()).collect(),
            tables: members
                .filter(|it| it.table.0 != it.name && it.table.1 == 1)
                .map(|it| it.table.0.clone())
                .collect(),
        }
    }

    /// What the client of this name is.
    #[must_use]
    pub fn client(&self, name: &str) -> Option<Who> {
        self.clients.iter().find(|(client, _)| client == name).map(|(_, who)| *who)
    }

    /// The most partitions that a topic of this name ever has.
    fn partitions(&self, topic: &str) -> Option<u32> {
        self.topics.iter().filter(|(name, _)| name == topic).map(|(_, partitions)| *partitions).max()
    }

    /// The names of all clients.
    pub fn client_names(&self) -> impl Iterator<Item = &str> {
        self.clients.iter().map(|(name, _)| name.as_str())
    }

    /// Whether somebody is there who asks, and somebody else who is asked.
    fn has(&self, (asks, answers): (Who, Who)) -> bool {
        match (asks, answers) {
            (Who::Broker, Who::Broker) => self.is_replicated,
            (Who::Producer | Who::Consumer | Who::Pipeline | Who::Administrator, _) => {
                self.clients.iter().any(|(_, who)| who.plays(asks))
            }
            (Who::Broker | Who::Controller, _) => true,
        }
    }

    /// What is at an end of a link.
    fn who(&self, end: &LinkEnd) -> Who {
        match end {
            LinkEnd::Broker(_) => Who::Broker,
            LinkEnd::Controller => Who::Controller,
            LinkEnd::Client(name) => self.client(name).expect("an end that was read is one of the cast"),
        }
    }
}

/// Reads what a person wants done, such as `kill broker 2` or `slow link broker 1 - broker 2 by 100ms`.
pub fn command(text: &str, cast: &Processes) -> Result<(FaultAction, Target), Wrong> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let row = row(word)?;
    let is_foreign = |it: &Parameter| row.parameter.is_none_or(|own| own.key != it.key);
    // A message goes to somebody.
    let is_of_target = |it: &Parameter| row.object == Object::Message && it.key == COUNT.key;
    for parameter in parameters().filter(|it| is_foreign(it) && !is_of_target(it)) {
        if split(rest, &parameter).1.is_some() {
            return Err(Wrong::new(goes_with(parameter.key, word)));
        }
    }
    // An action without an amount: what is left is its target.
    let Some(parameter) = row.parameter else { return Ok((row.action(0), target(rest, row, cast)?)) };
    let (rest, given) = split(rest, &parameter);
    let given = given.ok_or_else(|| {
        let Parameter { key, example, .. } = parameter;
        Wrong::new(format!("{word} needs to know {}, such as {key} {example}", what(&parameter)))
    })?;
    let amount = parameter.amount.read(given).ok_or_else(|| {
        let right = parameter.amount.text();
        Wrong::word(format!("\"{}\" is no {right}", short(given)), given, [])
    })?;
    Ok((row.action(amount), target(rest, row, cast)?))
}

/// What stands behind the last word of a parameter.
fn split<'t>(text: &'t str, parameter: &Parameter) -> (&'t str, Option<&'t str>) {
    let word = format!(" {} ", parameter.key);
    text.rsplit_once(&word).map_or((text, None), |(text, amount)| (text, Some(amount.trim())))
}

/// What a parameter says, in the words of an error.
pub fn what(parameter: &Parameter) -> &'static str {
    match parameter.amount {
        Amount::Offset => "which offset",
        Amount::Count(_) => "how many",
        Amount::Delay(..) | Amount::Shift(_) | Amount::Rate(_) => "by how much",
    }
}

/// One parameter of each key.
pub fn parameters() -> impl Iterator<Item = Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for parameter in FaultAction::ROWS.iter().filter_map(|row| row.parameter) {
        if parameters.iter().all(|known| known.key != parameter.key) {
            parameters.push(parameter);
        }
    }
    parameters.into_iter()
}

/// That a parameter's key has no meaning beside this action.
pub fn goes_with(key: &str, word: &str) -> String {
    let takes = |row: &&Row| row.parameter.is_some_and(|parameter| parameter.key == key);
    let words: Vec<&str> = FaultAction::ROWS.iter().filter(takes).map(|row| row.word).collect();
    format!("`{key}` goes with {}, not with {word}", words.join(", "))
}

/// The row of an action's word.
pub fn row(word: &str) -> Result<&'static Row, Wrong> {
    let words = || FaultAction::ROWS.iter().map(|row| row.word);
    FaultAction::named(word).ok_or_else(|| Wrong::word(format!("unknown action \"{}\"", short(word)), word, words()))
}

/// The target of an action.
pub fn target(text: &str, row: &Row, cast: &Processes) -> Result<Target, Wrong> {
    let target = read(text, cast)?;
    let fits = match (&target, row.object) {
        (Target::Client(name), Object::Member) => cast.members.contains(name),
        (Target::Client(name), Object::Consumer) => cast.client(name) == Some(Who::Consumer),
        (target, object) => target.is(object),
    };
    if fits {
        return Ok(target);
    }
    Err(Wrong::new(format!("{} is done {}, not to \"{target}\"", row.word, row.object.right())))
}

fn read(text: &str, cast: &Processes) -> Result<Target, Wrong> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["broker", id] => broker(id, cast).map(Target::Broker),
        ["controller"] => Ok(Target::Controller),
        [name] if cast.client(name).is_some() => Ok(Target::Client((*name).to_owned())),
        ["consumer", name] if cast.tables.iter().any(|table| table == name) => Ok(Target::Members((*name).to_owned())),
        ["consumer", name] => {
            let message = format!("there is no consumer with members called \"{}\"", short(name));
            Err(Wrong::word(message, name, cast.tables.iter().map(String::as_str)))
        }
        ["leader", "of", name] => partition(name, cast).map(|(topic, partition)| Target::LeaderOf { topic, partition }),
        ["follower", "of", name] => {
            partition(name, cast).map(|(topic, partition)| Target::FollowerOf { topic, partition })
        }
        ["followers", "of", name] => {
            partition(name, cast).map(|(topic, partition)| Target::FollowersOf { topic, partition })
        }
        ["replica", "of", name, "on", "broker", id] => {
            let ((topic, partition), broker) = (partition(name, cast)?, broker(id, cast)?);
            Ok(Target::ReplicaOn { topic, partition, broker })
        }
        ["link", ends @ ..] => link(ends, cast),
        ["message", words @ ..] => message(words, cast),
        ["next", words @ ..] => next(words, cast),
        [] => Err(Wrong::new(format!("a target is missing, one of {FORMS}"))),
        [first, ..] => Err(Wrong::word(
            format!("unknown target \"{}\", write {FORMS}", short(text)),
            first,
            [
                "broker",
                "controller",
                "consumer",
                "leader",
                "follower",
                "followers",
                "replica",
                "link",
                "message",
                "next",
            ]
            .into_iter()
            .chain(cast.client_names())
            .filter(|word| word != first),
        )),
    }
}

const FORMS: &str = "`broker N`, `controller`, `leader of T-P`, `follower of T-P`, `followers of T-P`, \
                     `replica of T-P on broker N`, `link A -> B`, `link A - B`, the name of a client, `consumer NAME`, `message API request|response N from A to B` or `next API request|response from A to B`";

/// Kafka's APIs of clients and brokers that nobody here speaks yet.
const APIS_LATER: &[&str] = &[
    "AddOffsetsToTxn",
    "AddPartitionsToTxn",
    "AlterConfigs",
    "AlterPartitionReassignments",
    "ConsumerGroupDescribe",
    "ConsumerGroupHeartbeat",
    "ControlledShutdown",
    "DeleteGroups",
    "DeleteRecords",
    "DescribeCluster",
    "DescribeConfigs",
    "DescribeGroups",
    "DescribeProducers",
    "DescribeTopicPartitions",
    "DescribeTransactions",
    "EndTxn",
    "FetchSnapshot",
    "Heartbeat",
    "IncrementalAlterConfigs",
    "JoinGroup",
    "LeaveGroup",
    "ListGroups",
    "ListTransactions",
    "OffsetCommit",
    "OffsetDelete",
    "OffsetFetch",
    "ShareAcknowledge",
    "ShareFetch",
    "ShareGroupHeartbeat",
    "StreamsGroupHeartbeat",
    "SyncGroup",
    "TxnOffsetCommit",
    "UnregisterBroker",
    "Vote",
    "WriteTxnMarkers",
];

/// The words after `next`: an API, `request` or `response`, and who sends and receives it.
fn next(words: &[&str], cast: &Processes) -> Result<Target, Wrong> {
    const RIGHT: &str = "the next message is written `next API request|response`, then `from A`, `to B` or both";
    let (api, request, words) = what_is_said(words, RIGHT)?;
    let (from, to) = ends(words, cast)?;
    let target = Target::Next { api, request, from: from.clone(), to: to.clone() };
    is_said((api, request), (from.as_ref(), to.as_ref()), &target, cast)?;
    Ok(target)
}

/// The words after `message`: the same with its place behind the kind, and both ends.
fn message(words: &[&str], cast: &Processes) -> Result<Target, Wrong> {
    const RIGHT: &str = "a message is written `message API request|response N from A to B`";
    let (api, request, words) = what_is_said(words, RIGHT)?;
    let Some((number, words)) = words.split_first() else { return Err(Wrong::new(RIGHT)) };
    let ordinal = number_of::<u32>(number).filter(|number| *number > 0).ok_or_else(|| {
        Wrong::word(format!("\"{}\" is no place of a message, counted from 1", short(number)), number, [])
    })?;
    let (Some(from), Some(to)) = ends(words, cast)? else { return Err(Wrong::new(RIGHT)) };
    let target = Target::Message { api, request, ordinal, from: from.clone(), to: to.clone() };
    is_said((api, request), (Some(&from), Some(&to)), &target, cast)?;
    Ok(target)
}

/// An API, and whether it is a request; the words behind it.
fn what_is_said<'w, 't>(words: &'w [&'t str], right: &str) -> Result<(Api, bool, &'w [&'t str]), Wrong> {
    // The name of an API may be two words: that of a Fetch between broker and controller is.
    let is_kind = |word: &&str| matches!(*word, "request" | "response");
    let kind_at = words.iter().position(is_kind).unwrap_or(1);
    let (Some(name), Some((kind, words))) = (words.get(..kind_at), words.get(kind_at..).and_then(<[_]>::split_first))
    else {
        return Err(Wrong::new(right));
    };
    let name = &*name.join(" ");
    let Some(api) = Api::named(name) else {
        let what = if APIS_LATER.contains(&name) { "is an API that is not built yet" } else { "is no API" };
        let message = format!("\"{}\" {what}", short(name));
        return Err(Wrong::word(message, name, Api::ALL.iter().map(|api| api.name())));
    };
    match *kind {
        "request" => Ok((api, true, words)),
        "response" => Ok((api, false, words)),
        _ => {
            let message = format!("a message is a request or a response, not a \"{}\"", short(kind));
            Err(Wrong::word(message, kind, ["request", "response"]))
        }
    }
}

/// Who sends a message and who receives it, where that is said.
fn ends(words: &[&str], cast: &Processes) -> Result<(Option<LinkEnd>, Option<LinkEnd>), Wrong> {
    let (from, to) = match words {
        [] => (None, None),
        ["from", ends @ ..] => match ends.iter().position(|word| *word == "to") {
            Some(middle) => (Some(link_end(&ends[..middle], cast)?), Some(link_end(&ends[middle + 1..], cast)?)),
            None => (Some(link_end(ends, cast)?), None),
        },
        ["to", end @ ..] => (None, Some(link_end(end, cast)?)),
        [word, ..] => {
            let message = format!("\"{}\" stands where `from A` or `to B` would", short(word));
            return Err(Wrong::word(message, word, ["from", "to"]));
        }
    };
    if from.is_some() && from == to {
        return Err(Wrong::new("a message goes from one process to another"));
    }
    Ok((from, to))
}

/// That such a message is ever sent.
fn is_said(
    (api, request): (Api, bool),
    (from, to): (Option<&LinkEnd>, Option<&LinkEnd>),
    target: &Target,
    cast: &Processes,
) -> Result<(), Wrong> {
    let who = |end: Option<&LinkEnd>| end.map(|end| cast.who(end));
    let asks = || exchange::passes(api, request, who(from), who(to));
    if asks().any(|pair| cast.has(pair)) {
        return Ok(());
    }
    let nobody = if asks().next().is_some() { ", and this scenario has none that would" } else { "" };
    Err(Wrong::new(format!("there is never a \"{target}\": {}{nobody}", who_asks(api))))
}

/// Who asks whom for what, in the words of an error.
fn who_asks(api: Api) -> String {
    if exchange::asked(api).is_empty() {
        return format!("{api} is what nobody asks in a scenario");
    }
    let word = |who: Who| match who {
        Who::Broker => "a broker",
        Who::Controller => "the controller",
        Who::Producer => "a producer",
        Who::Consumer => "a consumer",
        Who::Administrator => "an administrator",
        Who::Pipeline => "a pipeline",
    };
    let pairs: Vec<String> =
        exchange::asked(api).iter().map(|(from, to)| format!("{} asks {}", word(*from), word(*to))).collect();
    format!("{api} is what {}", pairs.join(", "))
}

/// A number as Kafka would write it: `+1` and `01` are other texts, and never the names of a broker or a partition.
fn number_of<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|number: &T| number.to_string() == text)
}

fn broker(id: &str, cast: &Processes) -> Result<i32, Wrong> {
    let number = number_of::<u32>(id).filter(|number| (1..=cast.brokers).contains(number));
    number.and_then(|number| i32::try_from(number).ok()).ok_or_else(|| {
        let message = match cast.brokers {
            1 => format!("there is no broker {}; the only one is broker 1", short(id)),
            brokers => format!("there is no broker {}; they are numbered 1 to {brokers}", short(id)),
        };
        Wrong::word(message, id, [])
    })
}

/// A topic and a partition, of `orders-0`.
fn partition(text: &str, cast: &Processes) -> Result<(String, u32), Wrong> {
    let Some((topic, index)) = text.rsplit_once('-') else {
        return Err(Wrong::new(format!(
            "\"{}\" is no partition, write it as topic and number, such as orders-0",
            short(text)
        )));
    };
    let Some(partitions) = cast.partitions(topic) else {
        if [GROUPS_TOPIC, TRANSACTIONS_TOPIC].contains(&topic) {
            return Err(Wrong::new(format!(
                "\"{topic}\" is made when a coordinator is looked for first: to be a target it has to be written as a [[topic]], such \
                 as with partitions = 1 and cleanup.policy = \"compact\""
            )));
        }
        let names = cast.topics.iter().map(|(name, _)| name.as_str());
        return Err(Wrong::word(format!("there is no topic \"{}\"", short(topic)), topic, names));
    };
    match number_of::<u32>(index) {
        Some(index) if index < partitions => Ok((topic.to_owned(), index)),
        _ => Err(Wrong::word(
            format!("there is no partition \"{}\"; those of {topic} are numbered 0 to {}", short(text), partitions - 1),
            text,
            [],
        )),
    }
}

fn link(words: &[&str], cast: &Processes) -> Result<Target, Wrong> {
    let Some(middle) = words.iter().position(|word| matches!(*word, "-" | "->")) else {
        return Err(Wrong::new("a link is written `link A -> B` or `link A - B`, with spaces around the arrow"));
    };
    let from = link_end(&words[..middle], cast)?;
    let to = link_end(&words[middle + 1..], cast)?;
    if from == to {
        return Err(Wrong::new(format!("a link has two different ends, not twice {from}")));
    }
    if !exchange::talk(cast.who(&from), cast.who(&to)) {
        return Err(Wrong::new(format!(
            "nothing ever passes between {from} and {to}: clients and the controller talk to brokers alone"
        )));
    }
    Ok(Target::Link { from, to, both_ways: words[middle] == "-" })
}

fn link_end(words: &[&str], cast: &Processes) -> Result<LinkEnd, Wrong> {
    match words {
        ["broker", id] => broker(id, cast).map(LinkEnd::Broker),
        ["controller"] => Ok(LinkEnd::Controller),
        [name] if cast.client(name).is_some() => Ok(LinkEnd::Client((*name).to_owned())),
        _ => {
            let text = words.join(" ");
            let names = cast.client_names().chain(["controller"]);
            Err(Wrong::word(
                format!("there is no \"{}\"; write `broker N`, `controller` or the name of a client", short(&text)),
                &text,
                names,
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast() -> Processes {
        Processes {
            brokers: 3,
            topics: vec![("my-orders".into(), 1), ("my-orders".into(), 2), ("audit".into(), 4), ("audit".into(), 2)],
            is_replicated: true,
            clients: vec![
                ("shop-1".into(), Who::Producer),
                ("reader".into(), Who::Consumer),
                ("worker-1".into(), Who::Consumer),
            ],
            members: vec!["worker-1".into()],
            tables: vec!["worker".into()],
        }
    }

    #[test]
    fn commands_are_read_as_they_are_written() {
        for text in [
            "kill broker 2",
            "power-loss controller",
            "pause leader of my-orders-1",
            "resume follower of my-orders-0",
            "pause followers of my-orders-0",
            "restart broker 1",
            "cut link broker 1 -> controller",
            "heal link shop-1 - broker 3",
            "slow link broker 1 - broker 2 by 100ms",
            "clog link broker 1 -> shop-1",
            "hold message Produce request 17 from shop-1 to broker 2",
            "release message Produce response 17 from broker 2 to shop-1",
            "lose message Fetch (__cluster_metadata) request 1 from broker 2 to controller",
            "lose next Produce response to shop-1",
            "repeat next Produce request from shop-1",
            "hold next Fetch request from broker 2 to broker 1",
            "hold next BrokerHeartbeat response to broker 2",
            "lose next Metadata request",
            "slow-disk broker 2 by 20ms",
            "fill-disk leader of my-orders-0",
            "heal-disk broker 2",
            "bit-rot follower of my-orders-0 offset 120",
            "lose-indexes replica of my-orders-1 on broker 3",
            "stop leader of my-orders-0",
            "stop leader of audit-3",
            "skew controller by -200ms",
            "skew shop-1 by 200ms",
            "drift broker 2 by 500ppm",
            "drift followers of my-orders-1 by -500ppm",
            "heal-clock shop-1",
            "kill shop-1",
            "restart shop-1",
            "pause shop-1",
            "leave worker-1",
            "join worker-1",
            "scale consumer worker to 5",
            "seek reader offset 120",
        ] {
            let (action, target) = command(text, &cast()).expect(text);
            assert_eq!(super::super::action::words(action, &target), text);
        }
    }

    #[test]
    fn what_nobody_of_a_scenario_would_say_is_never_said() {
        let alone = Processes { is_replicated: false, ..cast() };
        let producers = Processes { clients: vec![("shop-1".into(), Who::Producer)], ..cast() };
        for (text, cast, part) in [
            ("lose next Fetch request from broker 1 to broker 2", &alone, "none that would"),
            (
                "lose next OffsetForLeaderEpoch request",
                &producers,
                "what a consumer asks a broker, and this scenario has",
            ),
        ] {
            assert!(command(text, &self::cast()).is_ok(), "{text}");
            let wrong = command(text, cast).expect_err(text).to_string();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
        assert!(command("lose next Fetch request to broker 2", &alone).is_ok(), "a consumer's");
    }

    #[test]
    fn wrong_commands_say_what_would_be_right() {
        for (text, part) in [
            ("kil broker 1", "did you mean \"kill\""),
            ("kill broker 4", "numbered 1 to 3"),
            ("kill brokr 1", "did you mean \"broker\""),
            ("kill leader of my-order-0", "did you mean \"my-orders\""),
            ("kill leader of my-orders-2", "numbered 0 to 1"),
            ("kill leader of my-orders-00", "numbered 0 to 1"),
            ("kill leader of audit-4", "numbered 0 to 3"),
            ("kill broker 01", "there is no broker 01"),
            ("kill broker +1", "there is no broker +1"),
            ("lose message Produce request +1 from shop-1 to broker 1", "no place of a message"),
            ("lose message Produce request 0 from shop-1 to broker 1", "no place of a message"),
            ("lose message 4711", "written `message API"),
            ("lose message Produce request 4 from shop-1", "written `message API"),
            ("lose message Produce request 4 from reader to broker 1", "Produce is what a producer asks a broker"),
            ("kill", "target is missing"),
            ("", "unknown action"),
            ("kill link broker 1 - broker 2", "is done to a broker, the controller or a client, not to \"link"),
            ("lose broker 1", "is done to a message"),
            ("hold message Produce request x from shop-1 to broker 1", "no place of a message"),
            ("lose next", "written `next API"),
            ("lose next Produc response", "did you mean \"Produce\""),
            ("lose next Produce respons", "did you mean \"response\""),
            ("lose next Produce response form broker 1", "stands where `from A` or `to B` would"),
            ("lose next Produce response to shop-2", "did you mean \"shop-1\""),
            ("lose next Produce response from to shop-1", "there is no \"\""),
            ("cut broker 1", "is done to a link"),
            ("cut link broker 1 - broker 1", "two different ends"),
            ("cut link shop-2 - broker 1", "did you mean \"shop-1\""),
            ("slow link broker 1 - broker 2", "by how much"),
            ("slow link broker 1 - broker 2 by 1h", "duration, 100us to 10s"),
            ("skew broker 1", "by how much, such as by 200ms"),
            ("skew broker 1 by 0s", "is no duration up to 60m or down to -60m, not 0"),
            ("drift broker 1 by 200ms", "is no rate up to 100000ppm"),
            ("drift link broker 1 - broker 2 by 5ppm", "is done to a broker, the controller or a client"),
            ("fill-disk shop-1", "is done to a broker; the controller's disk is not built yet, not to \"shop-1\""),
            ("skew shop-2 by 1ms", "did you mean \"shop-1\""),
            ("restart leader of my-orders-0", "by its number"),
            ("bit-rot follower of my-orders-0", "needs to know which offset"),
            ("bit-rot follower of my-orders-0 offset -1", "\"-1\" is no whole number from 0"),
            ("bit-rot broker 1 offset 3", "is done to a replica"),
            ("kill replica of my-orders-0 on broker 1", "is done to a broker"),
            ("lose-indexes replica of my-orders-0 on broker 9", "numbered 1 to 3"),
            ("cut link shop-1 - reader", "nothing ever passes between shop-1 and reader"),
            ("cut link controller -> shop-1", "nothing ever passes between controller and shop-1"),
            ("lose next Produce request from reader", "Produce is what a producer asks a broker"),
            ("hold next Fetch response from shop-1", "there is never a \"next Fetch response from shop-1\""),
            ("lose next BrokerHeartbeat request from broker 1 to broker 2", "a broker asks the controller"),
            ("lose next ApiVersions request from broker 1 to broker 2", "ApiVersions is what a producer asks a broker"),
            ("lose next ElectLeaders request", "ElectLeaders is what nobody asks in a scenario"),
            ("hold next ElectLeaders response to shop-1", "ElectLeaders is what nobody asks in a scenario"),
            ("lose next Fetch request from broker 1 to broker 1", "from one process to another"),
            ("slow-disk broker 1", "by how much"),
            ("fill-disk controller", "not built yet"),
            ("kill broker 1 offset 3", "goes with bit-rot, seek"),
            ("leave reader", "is done to a consumer that is a member of a group"),
            ("seek shop-1 offset 3", "is done to a consumer, not"),
            ("scale consumer worker", "how many, such as to 5"),
            ("scale consumer worker to 101", "is no whole number, 0 to 100"),
            ("scale consumer workr to 1", "did you mean \"worker\""),
            ("kill consumer worker", "is done to a broker"),
            ("kill broker 1 to 3", "`to` goes with scale"),
        ] {
            let wrong = command(text, &cast()).expect_err(text).to_string();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
    }
}
