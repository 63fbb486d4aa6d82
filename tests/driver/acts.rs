//! What can be done to a cluster: each word of the scenarios' faults with a target that suits it, as a fault of a file or as
//! a command.

use loglab::sim::random::Random;

use super::scenario::one;

/// What a scenario has that can be named.
#[derive(Default)]
pub struct Cast {
    pub brokers: u64,
    /// Names and how many partitions each has.
    pub topics: Vec<(String, u64)>,
    pub clients: Vec<String>,
}

/// Something that is done at a time.
#[derive(Clone, Debug)]
pub struct Act {
    pub at_us: u64,
    word: &'static str,
    target: String,
    /// A further key and its value.
    detail: Option<(&'static str, String)>,
    /// What takes it back, and how long after it.
    undo: Option<(&'static str, u64)>,
}

impl Act {
    /// In the words of a person.
    pub fn command(&self) -> String {
        let detail = self.detail.as_ref().map(|(key, value)| format!(" {key} {value}")).unwrap_or_default();
        format!("{} {}{detail}", self.word, self.target)
    }

    /// As a table of a file.
    pub fn section(&self) -> String {
        let mut text = format!("[[fault]]\nat = \"{}us\"\n{} = \"{}\"\n", self.at_us, self.word, self.target);
        match &self.detail {
            Some((key @ ("offset" | "to"), value)) => text += &format!("{key} = {value}\n"),
            Some((key, value)) => text += &format!("{key} = \"{value}\"\n"),
            None => {}
        }
        if let Some((key, after_us)) = self.undo {
            text += &format!("{key} = \"{after_us}us\"\n");
        }
        text
    }
}

/// What a word may be done to.
#[derive(Clone, Copy)]
enum Object {
    Processes,
    /// Brokers, the controller and clients by their names.
    Named,
    Brokers,
    /// Those, by what they lead too.
    Machines,
    Link,
    Message,
    Replica,
    Client,
    Members,
}

/// Each word: what it may be done to, what it has to be told, and what takes it back.
const WORDS: [(&str, Object, Option<&str>, Option<&str>); 26] = [
    ("kill", Object::Processes, None, Some("restart-after")),
    ("stop", Object::Processes, None, Some("restart-after")),
    ("power-loss", Object::Processes, None, Some("restart-after")),
    ("restart", Object::Named, None, None),
    ("pause", Object::Processes, None, Some("resume-after")),
    ("resume", Object::Processes, None, None),
    ("skew", Object::Machines, Some("by"), Some("heal-clock-after")),
    ("drift", Object::Machines, Some("by"), Some("heal-clock-after")),
    ("heal-clock", Object::Machines, None, None),
    ("cut", Object::Link, None, Some("heal-after")),
    ("clog", Object::Link, None, Some("heal-after")),
    ("slow", Object::Link, Some("by"), Some("heal-after")),
    ("heal", Object::Link, None, None),
    ("hold", Object::Message, None, Some("release-after")),
    ("release", Object::Message, None, None),
    ("lose", Object::Message, None, None),
    ("repeat", Object::Message, None, None),
    ("slow-disk", Object::Brokers, Some("by"), Some("heal-disk-after")),
    ("fill-disk", Object::Brokers, None, Some("heal-disk-after")),
    ("heal-disk", Object::Brokers, None, None),
    ("bit-rot", Object::Replica, Some("offset"), None),
    ("lose-indexes", Object::Replica, None, None),
    ("leave", Object::Client, None, Some("join-after")),
    ("join", Object::Client, None, None),
    ("scale", Object::Members, Some("to"), None),
    ("seek", Object::Client, Some("offset"), None),
];

/// Whether the driver knows this word.
pub fn knows(word: &str) -> bool {
    WORDS.iter().any(|(known, ..)| *known == word)
}

/// Something to do before the end of a run.
pub fn act(random: &mut Random, cast: &Cast, duration_us: u64, with_undo: bool) -> Act {
    let (word, object, key, undo) = WORDS[random.below(WORDS.len() as u64) as usize];
    let target = target(random, cast, object);
    let detail = key.map(|key| {
        let value = match (word, key) {
            ("skew", _) => one(random, &["-300ms", "2s", "-40m"]).to_owned(),
            ("drift", _) => one(random, &["500ppm", "-20000ppm", "100000ppm"]).to_owned(),
            (_, "to") => random.below(5).to_string(),
            (_, "by") => one(random, &["200us", "5ms", "300ms"]).to_owned(),
            _ => random.below(40).to_string(),
        };
        (key, value)
    });
    // Often at a full tenth of a second, where timers are due and others are at work, too.
    let at_us = match random.below(3) {
        0 => random.below(duration_us / 100_000) * 100_000,
        _ => random.below(duration_us - 1_000),
    };
    let left_us = duration_us - at_us;
    let undo = undo.filter(|_| with_undo && random.below(4) > 0 && left_us > 2_000);
    Act { at_us, word, target, detail, undo: undo.map(|key| (key, random.between(1_000, left_us - 1_000))) }
}

fn target(random: &mut Random, cast: &Cast, object: Object) -> String {
    match object {
        Object::Processes => match random.below(6) {
            0 => "controller".to_owned(),
            1 => broker(random, cast),
            2 => client(random, cast),
            _ => led(random, cast),
        },
        Object::Named => match random.below(4) {
            0 => "controller".to_owned(),
            1 => client(random, cast),
            _ => broker(random, cast),
        },
        Object::Brokers => {
            if random.below(2) == 0 {
                broker(random, cast)
            } else {
                led(random, cast)
            }
        }
        Object::Machines => match random.below(3) {
            0 => client(random, cast),
            1 => broker(random, cast),
            _ => led(random, cast),
        },
        Object::Link => {
            let from = end(random, cast);
            let to = end(random, cast);
            format!("link {from} {} {to}", one(random, &["->", "-"]))
        }
        Object::Message => {
            let api =
                one(random, &["Produce", "Fetch", "Metadata", "AlterPartition", "BrokerHeartbeat", "ListOffsets"]);
            let kind = one(random, &["request", "response"]);
            if random.below(3) == 0 {
                // Early ones have arrived, late ones never come.
                let place = random.between(1, 120);
                return format!("message {api} {kind} {place} from {} to {}", end(random, cast), end(random, cast));
            }
            let mut text = format!("next {api} {kind}");
            if random.below(3) == 0 {
                text += &format!(" from {}", end(random, cast));
            }
            if random.below(3) == 0 {
                text += &format!(" to {}", end(random, cast));
            }
            text
        }
        Object::Client => client(random, cast),
        Object::Members => format!("consumer {}", client(random, cast).trim_end_matches("-1")),
        Object::Replica => match random.below(2) {
            0 => format!("replica of {} on {}", partition(random, cast), broker(random, cast)),
            _ => led(random, cast),
        },
    }
}

fn broker(random: &mut Random, cast: &Cast) -> String {
    format!("broker {}", random.between(1, cast.brokers))
}

fn client(random: &mut Random, cast: &Cast) -> String {
    cast.clients[random.below(cast.clients.len() as u64) as usize].clone()
}

fn partition(random: &mut Random, cast: &Cast) -> String {
    let (topic, partitions) = &cast.topics[random.below(cast.topics.len() as u64) as usize];
    format!("{topic}-{}", random.below(*partitions))
}

fn led(random: &mut Random, cast: &Cast) -> String {
    format!("{} of {}", one(random, &["leader", "follower", "followers"]), partition(random, cast))
}

fn end(random: &mut Random, cast: &Cast) -> String {
    match random.below(4) {
        0 => "controller".to_owned(),
        1 => client(random, cast),
        _ => broker(random, cast),
    }
}
