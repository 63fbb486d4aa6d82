//! Every key of a scenario file: what it takes, its default and its bounds. The reader and `docs/scenarios.md` use it.

use super::units::duration_text;
use crate::settings::for_docs;

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Text of at most so many characters; not of blanks alone where it is required.
    Text(u64),
    /// A name of 1 to 249 of `A-Z a-z 0-9 . _ -`, as Kafka's topics have.
    Name,
    /// A whole number between two bounds.
    Whole(u64, u64),
    /// A duration between two bounds, in microseconds.
    Duration(u64, u64),
    /// A number a second between two bounds.
    Rate(u64, u64),
    /// The name of a topic of the file.
    Topic,
    /// A list of names of topics of the file.
    Topics,
    /// A table of Kafka's settings.
    Settings,
    /// A process, or several.
    Processes,
    /// A broker or several, but not the controller.
    Brokers,
    /// A broker by its number, or the controller.
    Numbered,
    /// A link.
    Link,
    /// A message.
    Message,
    /// A target that is what a broker has of a partition.
    Replica,
    /// The name of a finding.
    Finding,
    /// A list of names.
    Names,
    /// Nothing yet: known, not built.
    NotBuilt(&'static str),
}

impl Takes {
    /// In the words of the documentation.
    pub fn text(self) -> String {
        match self {
            Self::Text(most) => format!("text, at most {most} characters"),
            Self::Name => "name: 1 to 249 of `A-Z a-z 0-9 . _ -`".to_owned(),
            Self::Whole(least, most) => format!("whole number, {least} to {most}"),
            Self::Duration(least, most) => format!("duration, {} to {}", duration_text(least), duration_text(most)),
            Self::Rate(least, most) => format!("rate, {least}/s to {most}/s"),
            Self::Topic => "name of a topic".to_owned(),
            Self::Topics => "list of names of topics".to_owned(),
            Self::Settings => "table of settings, see below".to_owned(),
            Self::Processes => "target: processes".to_owned(),
            Self::Brokers => "target: brokers".to_owned(),
            Self::Numbered => "target: `broker N` or `controller`".to_owned(),
            Self::Link => "target: a link".to_owned(),
            Self::Message => "target: a message".to_owned(),
            Self::Replica => "target: a replica".to_owned(),
            Self::Finding => "name of a finding, see [findings](findings.md)".to_owned(),
            Self::Names => "list of names".to_owned(),
            Self::NotBuilt(_) => "not built yet".to_owned(),
        }
    }
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// What it is when it is left out.
    pub unless: Unless,
    /// What it is for, in a line.
    pub about: &'static str,
}

/// What a key is when it is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unless {
    /// It must be given.
    Required,
    /// It may be left out, and then there is none.
    None,
    /// This number, in the unit of what the key takes.
    Number(u64),
}

impl Key {
    /// Its default in the words of the documentation.
    pub fn default_text(&self) -> String {
        match (self.unless, self.takes) {
            (Unless::Required, _) => "required".to_owned(),
            (Unless::None, _) => "none".to_owned(),
            (Unless::Number(us), Takes::Duration(..)) => duration_text(us),
            (Unless::Number(number), Takes::Rate(..)) => format!("{number}/s"),
            (Unless::Number(number), _) => number.to_string(),
        }
    }
}

/// A table of a file, or the file itself.
#[derive(Debug)]
pub struct SectionKeys {
    /// As errors and the documentation write it, such as `[cluster]`.
    pub title: &'static str,
    /// What it is for, in a line.
    pub about: &'static str,
    /// How many there may be.
    pub most: usize,
    /// Its keys.
    pub keys: &'static [Key],
}

impl SectionKeys {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn key(name: &'static str, takes: Takes, unless: Unless, about: &'static str) -> Key {
    Key { name, takes, unless, about: for_docs(about) }
}

const MS: u64 = 1_000;
const S: u64 = 1_000 * MS;
const HOUR: u64 = 3_600 * S;

/// The longest file that is read, in bytes.
pub const FILE_MAX: usize = 1 << 20;
/// Most partitions of all topics together.
pub const PARTITIONS_MAX: u64 = 1_000;
/// Most producers and consumers together.
pub const CLIENTS_MAX: usize = 100;
/// Most records that all producers together may send in a run.
pub const RECORDS_MAX: u64 = 10_000_000;
/// Most bytes that all producers together may send in a run, each record counted with 70 bytes beside its value.
pub const BYTES_MAX: u64 = 1 << 30;
/// What a record takes beside its value, at most: its part of a batch of one.
pub const RECORD_OVERHEAD: u64 = 70;

/// The file itself; its tables are listed in [`SECTIONS`].
pub const TOP: SectionKeys = SectionKeys {
    title: "the file",
    about: "Keys before the first table.",
    most: 1,
    keys: &[
        key("title", Takes::Text(200), Unless::Required, "What the scenario shows, in a line."),
        key("about", Takes::Text(4_000), Unless::None, "What to look for, in a few sentences."),
        key("seed", Takes::Whole(0, i64::MAX as u64), Unless::Number(1), "Where all chance comes from."),
        key("duration", Takes::Duration(MS, HOUR), Unless::Required, "How long the run lasts, in virtual time."),
    ],
};

/// `[cluster]`
pub const CLUSTER: SectionKeys = SectionKeys {
    title: "[cluster]",
    about: "The brokers, numbered from 1, beside one controller. Required.",
    most: 1,
    keys: &[
        key("brokers", Takes::Whole(1, 30), Unless::Number(3), "How many brokers there are."),
        key("config", Takes::Settings, Unless::None, "Settings of every broker."),
        key("without", Takes::Names, Unless::None, "Historical fixes to switch off; none can be switched off yet."),
    ],
};

/// `[network]`
pub const NETWORK: SectionKeys = SectionKeys {
    title: "[network]",
    about: "What lies between any two processes, in each direction.",
    most: 1,
    keys: &[
        key("latency", Takes::Duration(100, 10 * S), Unless::Number(500), "The least that a message takes."),
        key("jitter", Takes::Duration(0, 10 * S), Unless::Number(0), "The most that chance adds to it."),
        key(
            "loss-ppm",
            Takes::Whole(0, 500_000),
            Unless::Number(0),
            "How many of a million messages are lost and sent again, as TCP does.",
        ),
        key("bandwidth", Takes::Rate(10_000, 10_000_000_000), Unless::None, "Bytes a second; unlimited if left out."),
    ],
};

/// `[[topic]]`
pub const TOPIC: SectionKeys = SectionKeys {
    title: "[[topic]]",
    about: "A topic that exists from the start.",
    most: 100,
    keys: &[
        key("name", Takes::Name, Unless::Required, "Its name."),
        key("partitions", Takes::Whole(1, PARTITIONS_MAX), Unless::Number(1), "How many partitions it has."),
        key("replication-factor", Takes::Whole(1, 30), Unless::Number(1), "Replicas of each; at most one a broker."),
        key("config", Takes::Settings, Unless::None, "Settings of the topic."),
    ],
};

/// `[[producer]]`
pub const PRODUCER: SectionKeys = SectionKeys {
    title: "[[producer]]",
    about: "A program that sends records at a steady rate.",
    most: CLIENTS_MAX,
    keys: &[
        key("name", Takes::Name, Unless::Required, "Its name, and its `client.id`."),
        key("topic", Takes::Topic, Unless::Required, "Where it sends to."),
        key("rate", Takes::Rate(1, 10_000), Unless::Number(10), "Records a second."),
        key(
            "keys",
            Takes::Whole(1, 1_000_000),
            Unless::None,
            "How many different keys; records have no key if left out.",
        ),
        key("value-bytes", Takes::Whole(8, 100_000), Unless::Number(100), "Bytes of each value."),
        key(
            "tombstone-every",
            Takes::Whole(1, 1_000_000),
            Unless::None,
            "Each so many-th record has a null value: a tombstone.",
        ),
        key("config", Takes::Settings, Unless::None, "Settings of the producer."),
    ],
};

/// `[[consumer]]`
pub const CONSUMER: SectionKeys = SectionKeys {
    title: "[[consumer]]",
    about: "A program that reads every partition of its topics by itself.",
    most: CLIENTS_MAX,
    keys: &[
        key("name", Takes::Name, Unless::Required, "Its name, and its `client.id`."),
        key("topics", Takes::Topics, Unless::Required, "What it reads."),
        key("config", Takes::Settings, Unless::None, "Settings of the consumer."),
        key(
            "group",
            Takes::NotBuilt(
                "groups are not built yet; leave `group` out: the consumer reads every partition of its topics by itself",
            ),
            Unless::None,
            "Consumer groups.",
        ),
    ],
};

/// `[[fault]]`
pub const FAULT: SectionKeys = SectionKeys {
    title: "[[fault]]",
    about: "Something that goes wrong at a time: exactly one action with its target.",
    most: 1_000,
    keys: &[
        key("at", Takes::Duration(0, HOUR), Unless::Required, "When; at most the scenario's duration."),
        key("kill", Takes::Processes, Unless::None, "The process dies (SIGKILL); its page cache stays."),
        key("power-loss", Takes::Processes, Unless::None, "The machine loses power; what was not flushed is gone."),
        key("restart", Takes::Numbered, Unless::None, "What is down begins again."),
        key("pause", Takes::Processes, Unless::None, "The process stands still, as in a long garbage collection."),
        key("resume", Takes::Processes, Unless::None, "What was paused goes on."),
        key("cut", Takes::Link, Unless::None, "Nothing passes any more."),
        key("clog", Takes::Link, Unless::None, "What is sent waits until the link is healed; nothing is lost."),
        key("slow", Takes::Link, Unless::None, "Messages take longer, `by` so much."),
        key("heal", Takes::Link, Unless::None, "The link is again as `[network]` says."),
        key("hold", Takes::Message, Unless::None, "The message waits, and what is sent after it on its connection."),
        key("release", Takes::Message, Unless::None, "What was held goes on."),
        key("lose", Takes::Message, Unless::None, "The message never arrives; its connection goes on without it."),
        key("repeat", Takes::Message, Unless::None, "The message arrives twice."),
        key(
            "slow-disk",
            Takes::Brokers,
            Unless::None,
            "Each write and each flush of its disk takes longer, `by` so much.",
        ),
        key("fill-disk", Takes::Brokers, Unless::None, "Its disk takes nothing more, except what is deleted from it."),
        key("heal-disk", Takes::Brokers, Unless::None, "Its disk is quick again and has room."),
        key(
            "bit-rot",
            Takes::Replica,
            Unless::None,
            "A bit of the stored batch that holds `offset` turns over; nobody is told.",
        ),
        key(
            "lose-indexes",
            Takes::Replica,
            Unless::None,
            "The index files of the replica are gone; only while its broker is down.",
        ),
        key(
            "by",
            Takes::Duration(100, 10 * S),
            Unless::None,
            "With `slow` and `slow-disk`, and required there: what is added to each message or operation.",
        ),
        key(
            "offset",
            Takes::Whole(0, i64::MAX as u64),
            Unless::None,
            "With `bit-rot`, and required there: an offset that the damaged batch holds.",
        ),
        key(
            "restart-after",
            Takes::Duration(MS, HOUR),
            Unless::None,
            "With `kill` or `power-loss`: how long after it.",
        ),
        key("resume-after", Takes::Duration(MS, HOUR), Unless::None, "With `pause`: how long after it."),
        key("heal-after", Takes::Duration(MS, HOUR), Unless::None, "With `cut`, `clog` or `slow`: how long after it."),
        key(
            "heal-disk-after",
            Takes::Duration(MS, HOUR),
            Unless::None,
            "With `slow-disk` or `fill-disk`: how long after it.",
        ),
        key("release-after", Takes::Duration(MS, HOUR), Unless::None, "With `hold`: how long after it."),
    ],
};

/// `[[expect]]`
pub const EXPECT: SectionKeys = SectionKeys {
    title: "[[expect]]",
    about: "Something that every run must show: exactly one of these keys. A finding that nothing expects fails the run.",
    most: 100,
    keys: &[
        key("anomaly", Takes::Finding, Unless::None, "An anomaly of the clients' histories."),
        key("invariant", Takes::Finding, Unless::None, "A broken invariant of the cluster."),
        key(
            "error",
            Takes::NotBuilt("expected errors are not built yet"),
            Unless::None,
            "An error that a client sees.",
        ),
    ],
};

/// The tables of a file by their key; those in double brackets may come more than once.
pub const SECTIONS: &[(&str, &SectionKeys)] = &[
    ("cluster", &CLUSTER),
    ("network", &NETWORK),
    ("topic", &TOPIC),
    ("producer", &PRODUCER),
    ("consumer", &CONSUMER),
    ("fault", &FAULT),
    ("expect", &EXPECT),
];

/// Tables that the design names and that are not built yet.
pub const LATER: &[&str] = &["service", "invariant"];
