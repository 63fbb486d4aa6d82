//! Reads targets and commands: `leader of orders-0`, `link broker 1 -> controller`, `kill broker 2`.

use super::action::{FaultAction, LinkEnd, Object, Target};
use super::error::{Wrong, short};
use super::keys::{FAULT, Takes};
use super::model::Scenario;
use super::units;
use crate::wire::Api;

/// What targets may name.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// How many brokers there are.
    pub brokers: u32,
    /// Topics and how many partitions each has.
    pub topics: Vec<(String, u32)>,
    /// Producers and consumers.
    pub clients: Vec<String>,
}

impl Cast {
    /// That of a scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let producers = scenario.producers.iter().map(|producer| producer.name.clone());
        let consumers = scenario.consumers.iter().map(|consumer| consumer.name.clone());
        Self {
            brokers: scenario.cluster.brokers,
            topics: scenario.topics.iter().map(|topic| (topic.name.clone(), topic.partitions)).collect(),
            clients: producers.chain(consumers).collect(),
        }
    }
}

/// Reads what a person wants done, such as `kill broker 2` or `slow link broker 1 - broker 2 by 100ms`.
pub fn command(text: &str, cast: &Cast) -> Result<(FaultAction, Target), Wrong> {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (rest, by) = split_detail(rest, " by ");
    let (rest, offset) = split_detail(rest, " offset ");
    let details = Details { by_us: by.map(delay).transpose()?, offset: offset.map(offset_of).transpose()? };
    let action = action(word, details)?;
    Ok((action, target(rest, action, cast)?))
}

/// What stands behind the last of such a word.
fn split_detail<'t>(text: &'t str, word: &str) -> (&'t str, Option<&'t str>) {
    text.rsplit_once(word).map_or((text, None), |(text, detail)| (text, Some(detail.trim())))
}

fn offset_of(text: &str) -> Result<u64, Wrong> {
    let offset = text.parse().ok().filter(|offset| i64::try_from(*offset).is_ok());
    offset.ok_or_else(|| Wrong::new(format!("\"{}\" is no offset, a whole number from 0", short(text))))
}

/// What a `slow` adds, within the bounds of the key `by`.
fn delay(text: &str) -> Result<u64, Wrong> {
    let takes = FAULT.key("by").map(|key| key.takes);
    let us = units::duration(text);
    match (us, takes) {
        (Some(us), Some(Takes::Duration(least, most))) if (least..=most).contains(&us) => Ok(us),
        (_, takes) => {
            let right = takes.map(Takes::text).unwrap_or_default();
            Err(Wrong::word(format!("\"{}\" is no {right}", short(text)), text, []))
        }
    }
}

/// The words of all actions.
pub const ACTIONS: [&str; 18] = [
    "kill",
    "power-loss",
    "restart",
    "pause",
    "resume",
    "cut",
    "clog",
    "heal",
    "slow",
    "hold",
    "release",
    "lose",
    "repeat",
    "slow-disk",
    "fill-disk",
    "heal-disk",
    "bit-rot",
    "lose-indexes",
];

/// What is said beside an action and its target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Details {
    /// By how much something is slowed, in microseconds.
    pub by_us: Option<u64>,
    /// Which batch is damaged: an offset that it holds.
    pub offset: Option<u64>,
}

/// The action of a word with what it needs to know, and nothing that goes with another.
pub fn action(word: &str, details: Details) -> Result<FaultAction, Wrong> {
    let by = || details.by_us.ok_or_else(|| Wrong::new(format!("{word} needs to know by how much, such as by 100ms")));
    let offset = || {
        details
            .offset
            .ok_or_else(|| Wrong::new("bit-rot needs an offset that the damaged batch holds, such as offset 120"))
    };
    let action = match word {
        "slow" => FaultAction::Slow { by_us: by()? },
        "slow-disk" => FaultAction::SlowDisk { by_us: by()? },
        "bit-rot" => FaultAction::BitRot { offset: offset()? },
        "fill-disk" => FaultAction::FillDisk,
        "heal-disk" => FaultAction::HealDisk,
        "lose-indexes" => FaultAction::LoseIndexes,
        "kill" => FaultAction::Kill,
        "power-loss" => FaultAction::PowerLoss,
        "restart" => FaultAction::Restart,
        "pause" => FaultAction::Pause,
        "resume" => FaultAction::Resume,
        "cut" => FaultAction::Cut,
        "clog" => FaultAction::Clog,
        "heal" => FaultAction::Heal,
        "hold" => FaultAction::Hold,
        "release" => FaultAction::Release,
        "lose" => FaultAction::Lose,
        "repeat" => FaultAction::Repeat,
        _ => return Err(Wrong::word(format!("unknown action \"{}\"", short(word)), word, ACTIONS)),
    };
    let (takes_by, takes_offset) = (word.starts_with("slow"), word == "bit-rot");
    match details {
        Details { by_us: Some(_), .. } if !takes_by => {
            Err(Wrong::new(format!("`by` goes with slow and slow-disk, not with {word}")))
        }
        Details { offset: Some(_), .. } if !takes_offset => {
            Err(Wrong::new(format!("`offset` goes with bit-rot, not with {word}")))
        }
        _ => Ok(action),
    }
}

/// The target of an action.
pub fn target(text: &str, action: FaultAction, cast: &Cast) -> Result<Target, Wrong> {
    let target = read(text, cast)?;
    if !target.is(action.object()) {
        let right = match action.object() {
            Object::Processes => "to a broker or the controller",
            Object::Link => "to a link, such as \"link broker 1 - broker 2\"",
            Object::Replica => "to a replica, such as \"follower of T-P\" or \"replica of T-P on broker N\"",
            Object::Message => "to a message, such as \"next Produce response to NAME\"",
        };
        return Err(Wrong::new(format!("{} is done {right}, not to \"{target}\"", action.word())));
    }
    match target {
        Target::Controller if action.is_for_disks() => {
            Err(Wrong::new("the controller's disk is not built yet; write `broker N`"))
        }
        // Whoever is down leads and follows nothing.
        Target::LeaderOf { .. } | Target::FollowerOf { .. } | Target::FollowersOf { .. }
            if action == FaultAction::Restart =>
        {
            Err(Wrong::new("restart is done to a broker by its number or to the controller"))
        }
        _ => Ok(target),
    }
}

fn read(text: &str, cast: &Cast) -> Result<Target, Wrong> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["broker", id] => broker(id, cast).map(Target::Broker),
        ["controller"] => Ok(Target::Controller),
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
        ["message", number] => match number.parse() {
            Ok(number) => Ok(Target::Message(number)),
            Err(_) => Err(Wrong::word(format!("\"{}\" is no number of a message", short(number)), number, [])),
        },
        ["next", words @ ..] => next(words, cast),
        [] => Err(Wrong::new(format!("a target is missing, one of {FORMS}"))),
        [first, ..] => Err(Wrong::word(
            format!("unknown target \"{}\", write {FORMS}", short(text)),
            first,
            ["broker", "controller", "leader", "follower", "followers", "replica", "link", "message", "next"]
                .into_iter()
                .filter(|word| word != first),
        )),
    }
}

const FORMS: &str = "`broker N`, `controller`, `leader of T-P`, `follower of T-P`, `followers of T-P`, \
                     `replica of T-P on broker N`, `link A -> B`, `link A - B`, `message N` or `next API request|response from A to B`";

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
fn next(words: &[&str], cast: &Cast) -> Result<Target, Wrong> {
    // The name of an API may be two words: that of a Fetch between broker and controller is.
    let is_kind = |word: &&str| matches!(*word, "request" | "response");
    let kind_at = words.iter().position(|word| is_kind(word)).unwrap_or(1);
    let (Some(name), Some((kind, ends))) = (words.get(..kind_at), words.get(kind_at..).and_then(<[_]>::split_first))
    else {
        return Err(Wrong::new(
            "the next message is written `next API request|response`, then `from A`, `to B` or both",
        ));
    };
    let name = &*name.join(" ");
    let Some(api) = Api::named(name) else {
        let what = if APIS_LATER.contains(&name) { "is an API that is not built yet" } else { "is no API" };
        let message = format!("\"{}\" {what}", short(name));
        return Err(Wrong::word(message, name, Api::ALL.iter().map(|api| api.name())));
    };
    let request = match *kind {
        "request" => true,
        "response" => false,
        _ => {
            let message = format!("a message is a request or a response, not a \"{}\"", short(kind));
            return Err(Wrong::word(message, kind, ["request", "response"]));
        }
    };
    let (from, to) = match ends {
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
    Ok(Target::Next { api, request, from, to })
}

fn broker(id: &str, cast: &Cast) -> Result<i32, Wrong> {
    let number = id.parse::<u32>().ok().filter(|number| (1..=cast.brokers).contains(number));
    number.and_then(|number| i32::try_from(number).ok()).ok_or_else(|| {
        let message = match cast.brokers {
            1 => format!("there is no broker {}; the only one is broker 1", short(id)),
            brokers => format!("there is no broker {}; they are numbered 1 to {brokers}", short(id)),
        };
        Wrong::word(message, id, [])
    })
}

/// A topic and a partition, of `orders-0`.
fn partition(text: &str, cast: &Cast) -> Result<(String, u32), Wrong> {
    let Some((topic, index)) = text.rsplit_once('-') else {
        return Err(Wrong::new(format!(
            "\"{}\" is no partition, write it as topic and number, such as orders-0",
            short(text)
        )));
    };
    let Some((_, partitions)) = cast.topics.iter().find(|(name, _)| name == topic) else {
        let names = cast.topics.iter().map(|(name, _)| name.as_str());
        return Err(Wrong::word(format!("there is no topic \"{}\"", short(topic)), topic, names));
    };
    match index.parse::<u32>() {
        Ok(index) if index < *partitions => Ok((topic.to_owned(), index)),
        _ => Err(Wrong::word(
            format!("there is no partition \"{}\"; those of {topic} are numbered 0 to {}", short(text), partitions - 1),
            text,
            [],
        )),
    }
}

fn link(words: &[&str], cast: &Cast) -> Result<Target, Wrong> {
    let Some(middle) = words.iter().position(|word| matches!(*word, "-" | "->")) else {
        return Err(Wrong::new("a link is written `link A -> B` or `link A - B`, with spaces around the arrow"));
    };
    let from = link_end(&words[..middle], cast)?;
    let to = link_end(&words[middle + 1..], cast)?;
    if from == to {
        return Err(Wrong::new(format!("a link has two different ends, not twice {from}")));
    }
    Ok(Target::Link { from, to, both_ways: words[middle] == "-" })
}

fn link_end(words: &[&str], cast: &Cast) -> Result<LinkEnd, Wrong> {
    match words {
        ["broker", id] => broker(id, cast).map(LinkEnd::Broker),
        ["controller"] => Ok(LinkEnd::Controller),
        [name] if cast.clients.iter().any(|client| client == name) => Ok(LinkEnd::Client((*name).to_owned())),
        _ => {
            let text = words.join(" ");
            let names = cast.clients.iter().map(String::as_str).chain(["controller"]);
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

    fn cast() -> Cast {
        Cast { brokers: 3, topics: vec![("my-orders".into(), 2)], clients: vec!["shop-1".into()] }
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
            "hold message 4711",
            "release message 4711",
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
        ] {
            let (action, target) = command(text, &cast()).expect(text);
            assert_eq!(super::super::Command { at_us: 0, action, target }.to_string(), text);
        }
    }

    #[test]
    fn wrong_commands_say_what_would_be_right() {
        for (text, part) in [
            ("kil broker 1", "did you mean \"kill\""),
            ("kill broker 4", "numbered 1 to 3"),
            ("kill brokr 1", "did you mean \"broker\""),
            ("kill leader of my-order-0", "did you mean \"my-orders\""),
            ("kill leader of my-orders-2", "numbered 0 to 1"),
            ("kill", "target is missing"),
            ("", "unknown action"),
            ("kill link broker 1 - broker 2", "is done to a broker or the controller, not to \"link"),
            ("lose broker 1", "is done to a message"),
            ("hold message x", "no number of a message"),
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
            ("restart leader of my-orders-0", "by its number"),
            ("bit-rot follower of my-orders-0", "needs an offset"),
            ("bit-rot follower of my-orders-0 offset -1", "is no offset"),
            ("bit-rot broker 1 offset 3", "is done to a replica"),
            ("kill replica of my-orders-0 on broker 1", "is done to a broker"),
            ("lose-indexes replica of my-orders-0 on broker 9", "numbered 1 to 3"),
            ("slow-disk broker 1", "by how much"),
            ("fill-disk controller", "not built yet"),
            ("kill broker 1 offset 3", "goes with bit-rot"),
        ] {
            let wrong = command(text, &cast()).expect_err(text).to_string();
            assert!(wrong.contains(part), "{text}: {wrong}");
        }
    }
}
