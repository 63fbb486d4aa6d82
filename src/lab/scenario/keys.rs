//! Every key of a scenario file: what it takes, its default and its bounds. The reader and `docs/scenarios.md` use it.

use super::action::InterventionId;
use super::model::{Budget, Sort};
use super::units::duration_text;
use crate::client::ClientKind;
use crate::lab::fault::{FaultAction, Object};
use crate::service::Commits;
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
    /// What an action is done to.
    Target(Object),
    /// An amount, as the action says that it goes with.
    Amount,
    /// How long after it a fault is taken back, by the action of this word.
    After(&'static str),
    /// The name of a finding.
    Finding,
    /// A list of names.
    Names,
    /// How long something is worked on.
    Work,
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of some of these words.
    Words(&'static [&'static str]),
    /// A list of words of faults that the nemesis can draw.
    Families,
}

impl Takes {
    /// Least and most of a key such as `restart-after`, in microseconds.
    pub const AFTER_BOUNDS: (u64, u64) = (MS, HOUR);

    /// What is written for it, where that is not plain from its words.
    pub fn example(self) -> Option<&'static str> {
        match self {
            Self::Duration(..) | Self::After(_) => Some("\"500us\", \"20ms\" or \"2s\""),
            Self::Rate(..) => Some("\"20/s\""),
            Self::Text(_)
            | Self::Name
            | Self::Whole(..)
            | Self::Topic
            | Self::Topics
            | Self::Settings
            | Self::Target(_)
            | Self::Amount
            | Self::Finding
            | Self::Names
            | Self::Flag
            | Self::Work
            | Self::Word(_)
            | Self::Words(_)
            | Self::Families => None,
        }
    }

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
            Self::Target(object) => object.takes().to_owned(),
            Self::Amount => "amount, as the action says".to_owned(),
            Self::After(_) => Self::Duration(Self::AFTER_BOUNDS.0, Self::AFTER_BOUNDS.1).text(),
            Self::Finding => "name of a finding, see [findings](findings.md)".to_owned(),
            Self::Names => "list of names".to_owned(),
            Self::Word(words) => quoted(words),
            Self::Words(words) => format!("list of some of {}", quoted(words)),
            Self::Families => "list of words of faults".to_owned(),
            Self::Flag => "`true` or `false`".to_owned(),
            Self::Work => "duration, `A to B` or `exponential A`, each up to 60m; ` a poll` may follow".to_owned(),
        }
    }
}

/// Words as a file writes them.
fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
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
/// Most producers, consumers and pipelines together.
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
        key("brokers", Takes::Whole(1, BROKERS_MAX as u64), Unless::Number(3), "How many brokers there are."),
        key("config", Takes::Settings, Unless::None, "Settings of every broker."),
        key(
            "racks",
            Takes::Names,
            Unless::None,
            "The `broker.rack` of each broker, one after another, and again from the first where there are more brokers; left out, none has one. New replicas are spread over them.",
        ),
        key("without", Takes::Names, Unless::None, "Historical fixes to switch off, see below."),
    ],
};

/// Most brokers.
pub const BROKERS_MAX: usize = 30;

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
    about: "A topic: there from the start, unless it says otherwise.",
    most: 100,
    keys: &[
        key("name", Takes::Name, Unless::Required, "Its name."),
        key("partitions", Takes::Whole(1, PARTITIONS_MAX), Unless::Number(1), "How many partitions it has."),
        key("replication-factor", Takes::Whole(1, 30), Unless::Number(1), "Replicas of each; at most one a broker."),
        key(
            "at",
            Takes::Duration(0, HOUR),
            Unless::Number(0),
            "When it is created; without it, before the run begins.",
        ),
        key(
            "delete-at",
            Takes::Duration(MS, HOUR),
            Unless::None,
            "When it is deleted. Who sends to it then brings it back only with `auto.create.topics.enable` of the brokers, which Kafka has on by default.",
        ),
        key("config", Takes::Settings, Unless::None, "Settings of the topic."),
    ],
};

/// `[[producer]]`
pub const PRODUCER: SectionKeys = SectionKeys {
    title: "[[producer]]",
    about: "A program that sends records at a steady rate.",
    most: CLIENTS_MAX,
    keys: &[
        key(
            "name",
            Takes::Name,
            Unless::Required,
            "Its name in this file, in stories and reports; what it calls itself to brokers is the setting `client.id`.",
        ),
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
        key(
            "transaction-every",
            Takes::Duration(MS, HOUR),
            Unless::None,
            "How long after its begin a transaction is to end; \"100ms\" if left out. Only with the setting `transactional.id`.",
        ),
        key(
            "abort-ppm",
            Takes::Whole(0, 1_000_000),
            Unless::Number(0),
            "How many of a million transactions the program aborts. Only with the setting `transactional.id`.",
        ),
        key(
            "client",
            Takes::Word(&CLIENTS),
            Unless::None,
            "Which client library it is built on: Kafka's own (`java`, if left out), librdkafka or kafka-python. It says which versions it speaks; all decide as the Java client does. Only that one speaks version 2 of transactions (KIP-890): the others add partitions to a transaction by themselves, and keep their epoch from one transaction to the next.",
        ),
        key("config", Takes::Settings, Unless::None, "Settings of the producer."),
    ],
};

/// `[[consumer]]`
pub const CONSUMER: SectionKeys = SectionKeys {
    title: "[[consumer]]",
    about: "A program that reads every partition of its topics by itself, or members of a group.",
    most: CLIENTS_MAX,
    keys: &[
        key(
            "name",
            Takes::Name,
            Unless::Required,
            "Its name in this file, in stories and reports; what it calls itself to brokers is the setting `client.id`.",
        ),
        key("topics", Takes::Topics, Unless::None, "What it reads; this, `pattern` or `subscription-pattern`."),
        key(
            "pattern",
            Takes::Text(249),
            Unless::None,
            "A regular expression in place of `topics`, for members of a group: they read every topic whose whole name matches, those that come later too, once their metadata tell of them (`metadata.max.age.ms`), and none of Kafka's own (`subscribe(Pattern)`).",
        ),
        key(
            "subscription-pattern",
            Takes::Text(249),
            Unless::None,
            "The same where the coordinator compares it with the names of topics, and that every ten seconds at most (`subscribe(SubscriptionPattern)`): for members with `group.protocol = \"consumer\"`. It means Kafka's own topics, too.",
        ),
        key(
            "work",
            Takes::Work,
            Unless::None,
            "How long it works on each record that a `poll()` returned before it polls again: always as long (`20ms`), any time between two (`5ms to 50ms`), or mostly short and sometimes long (`exponential 20ms` on average). With ` a poll` behind it, as long for all that a poll returned, however much that is; `100us a poll` if left out.",
        ),
        key(
            "poison-every",
            Takes::Whole(1, 1_000_000),
            Unless::None,
            "Each so many-th record of each producer is one that the program cannot work on: its work throws, and a second later it goes back to that record (`seek()`) and polls again, so that the partition stands still behind it.",
        ),
        key(
            "dead-letter",
            Takes::Topic,
            Unless::None,
            "Where such a record goes after some tries, with headers that say its topic, partition, offset and what was wrong (`error.topic` and so on): when it is stored there the program goes on behind it.",
        ),
        key("tries", Takes::Whole(1, 1_000), Unless::None, "How often it tries a record before that; 3 if left out."),
        key("config", Takes::Settings, Unless::None, "Settings of the consumer."),
        key(
            "group",
            Takes::Name,
            Unless::None,
            "Its `group.id`: it reads the partitions that the group gives it. Left out, it reads all partitions and commits nothing.",
        ),
        key(
            "members",
            Takes::Whole(1, CLIENTS_MAX as u64),
            Unless::None,
            "How many programs these are, as members of `group`: `name-1`, `name-2` and so on. Left out, it is one, called `name`.",
        ),
        key(
            "commit",
            Takes::Word(&COMMITS),
            Unless::None,
            "When the program commits where it is: not at all by itself (`auto`, if left out: `enable.auto.commit` does), by `commitSync()` behind its work or before it, by `commitAsync()` behind it. With the last three `enable.auto.commit` is off unless it is given.",
        ),
        key(
            "spare",
            Takes::Whole(1, CLIENTS_MAX as u64),
            Unless::None,
            "How many programs there are beside `members`, numbered on, that are not there from the start: `join` or `scale` lets them begin.",
        ),
        key(
            "hand-over",
            Takes::Flag,
            Unless::None,
            "Whether the program hands what a `poll()` returned to another thread, which works on it, and polls again at once. What it commits then need not be worked on. Only for members of a group; `false` if left out.",
        ),
    ],
};

/// `[[pipeline]]`
pub const PIPELINE: SectionKeys = SectionKeys {
    title: "[[pipeline]]",
    about: "Programs that read topics in a group, make records of what they are given, and send them on: consume, transform, produce.",
    most: CLIENTS_MAX,
    keys: &[
        key(
            "name",
            Takes::Name,
            Unless::Required,
            "Its name in this file, in stories and reports; what its clients call themselves to brokers is their setting `client.id`.",
        ),
        key("from", Takes::Topics, Unless::Required, "What it reads."),
        key("to", Takes::Topic, Unless::Required, "Where it sends what it makes of that."),
        key("group", Takes::Name, Unless::None, "Its `group.id`; its name if left out."),
        key(
            "members",
            Takes::Whole(1, CLIENTS_MAX as u64),
            Unless::None,
            "How many programs these are, as members of the group: `name-1`, `name-2` and so on. Left out, it is one, called `name`.",
        ),
        key("outputs", Takes::Whole(1, 100), Unless::Number(1), "How many records it makes of each."),
        key(
            "transaction",
            Takes::Flag,
            Unless::None,
            "Whether each turn is a transaction, with the offsets in it (`sendOffsetsToTransaction()`). Each program has a `transactional.id` of its own then, its name unless `producer-config` says another, and reads with `isolation.level=read_committed` unless `consumer-config` says otherwise; `enable.auto.commit` is off.",
        ),
        key(
            "commit",
            Takes::Word(&COMMITS),
            Unless::None,
            "Without transactions: when it commits where it is, as of a `[[consumer]]`. It waits for all records that it has made to be stored before it commits or polls again. Left out, `sync-after`.",
        ),
        key(
            "work",
            Takes::Duration(0, HOUR),
            Unless::Number(100),
            "How long it works on what a `poll()` returned, however much that is, before it sends what it made of it.",
        ),
        key(
            "again-after",
            Takes::Duration(MS, HOUR),
            Unless::None,
            "How long after an error that it cannot recover from it is started again, by whatever runs it; never if left out.",
        ),
        key(
            "client",
            Takes::Word(&CLIENTS),
            Unless::None,
            "Which client library its producer is of, as of a `[[producer]]`; its consumer speaks as Kafka's own.",
        ),
        key(
            "poison-every",
            Takes::Whole(1, 1_000_000),
            Unless::None,
            "Each so many-th record of each producer is one that the program cannot work on: its work throws, and the program ends, see `again-after`.",
        ),
        key(
            "dead-letter",
            Takes::Topic,
            Unless::None,
            "Where such a record goes after some tries in place of what would be made of it, with headers as of a `[[consumer]]`: with `transaction` as part of that.",
        ),
        key(
            "tries",
            Takes::Whole(1, 1_000),
            Unless::None,
            "How often it tries a record before that, with a second between; 3 if left out.",
        ),
        key("consumer-config", Takes::Settings, Unless::None, "Settings of its consumer."),
        key("producer-config", Takes::Settings, Unless::None, "Settings of its producer."),
    ],
};

/// `[[admin]]`
pub const ADMIN: SectionKeys = SectionKeys {
    title: "[[admin]]",
    about: "What somebody on call does with Kafka's command line: a command at a time, by a client called `admin`. The story tells what came of it.",
    most: 100,
    keys: &[
        key("at", Takes::Duration(0, HOUR), Unless::Required, "When; before the end of the run."),
        key(
            "run",
            Takes::Text(600),
            Unless::Required,
            "The command: `list-groups`, `describe-group GROUP`, `set-offset GROUP TOPIC-PARTITION OFFSET`, `delete-offset GROUP TOPIC-PARTITION`, `delete-group GROUP`, `delete-records TOPIC-PARTITION OFFSET` (-1 for all that is committed), `describe-topic TOPIC`, `describe-cluster`, `list-transactions`, `describe-transaction ID`, `describe-producers TOPIC-PARTITION`, `abort-transaction TOPIC-PARTITION` (whatever its coordinator knows: for one that hangs) or `fence ID`.",
        ),
        key("config", Takes::Settings, Unless::None, "Settings of its client, for this command."),
    ],
};

/// `[[fault]]`: its actions, what they need to know, and what takes them back are those of the table of faults.
pub const FAULT: SectionKeys = SectionKeys {
    title: "[[fault]]",
    about: "Something that goes wrong at a time: exactly one action with its target.",
    most: 1_000,
    keys: &FAULT_KEYS,
};

const FAULT_KEYS: [Key; FAULT_KEYS_COUNT] = fault_keys();

/// One for each action, one more for each that takes others back, and `at`, `by`, `offset`, `to` and `id`.
const FAULT_KEYS_COUNT: usize = {
    let (mut count, mut row) = (5, 0);
    while row < FaultAction::ROWS.len() {
        count += 1 + FaultAction::ROWS[row].after.is_some() as usize;
        row += 1;
    }
    count
};

/// A constant may only use loops of the simplest kind.
const fn fault_keys() -> [Key; FAULT_KEYS_COUNT] {
    let at = key("at", Takes::Duration(0, HOUR), Unless::Required, "When; before the end of the run.");
    let mut keys = [at; FAULT_KEYS_COUNT];
    let (mut place, mut row) = (1, 0);
    while row < FaultAction::ROWS.len() {
        let action = &FaultAction::ROWS[row];
        keys[place] =
            Key { name: action.word, takes: Takes::Target(action.object), unless: Unless::None, about: action.about };
        (place, row) = (place + 1, row + 1);
    }
    keys[place] = key("by", Takes::Amount, Unless::None, "By how much.");
    keys[place + 1] = key(
        "offset",
        Takes::Whole(0, i64::MAX as u64),
        Unless::None,
        "An offset: one that the damaged batch holds, or where to go on.",
    );
    keys[place + 2] = key("to", Takes::Whole(0, 100), Unless::None, "How many programs.");
    keys[place + 3] = key(
        "id",
        Takes::Whole(1, InterventionId::FIRST_DRAWN.0 as u64),
        Unless::None,
        "Its number, its place among the faults where none is given: with it a fault stays the same where others are taken away.",
    );
    (place, row) = (place + 4, 0);
    while row < FaultAction::ROWS.len() {
        let action = &FaultAction::ROWS[row];
        if let Some(after) = action.after {
            keys[place] =
                key(after, Takes::After(action.word), Unless::None, "How long after it; before the end of the run.");
            place += 1;
        }
        row += 1;
    }
    assert!(place == FAULT_KEYS_COUNT);
    keys
}

/// `[nemesis]`
pub const NEMESIS: SectionKeys = SectionKeys {
    title: "[nemesis]",
    about: "Faults that are drawn from the seed.",
    most: 1,
    keys: &[
        key(
            "families",
            Takes::Families,
            Unless::None,
            "The faults that it may draw; all that TCP and disks allow if left out. With each seed some of them are off.",
        ),
        key("targets", Takes::Words(&SORTS), Unless::None, "Whom it may do something to; all if left out."),
        key(
            "every",
            Takes::Duration(50 * MS, HOUR),
            Unless::Number(3 * S),
            "Mean time from one fault to the next; each seed draws its own, from half to twice as long.",
        ),
        key(
            "longest",
            Takes::Duration(100 * MS, HOUR),
            Unless::Number(20 * S),
            "The longest that a fault lasts; each seed draws its own, from a tenth of it.",
        ),
        key("from", Takes::Duration(0, HOUR), Unless::Number(5 * S), "Before this nothing is done."),
        key(
            "calm",
            Takes::Duration(S, HOUR),
            Unless::Number(30 * S),
            "So long before the end all that it did is healed, and nothing new is done.",
        ),
        key(
            "budget",
            Takes::Word(&BUDGETS),
            Unless::None,
            "How much may be broken at a time; `one-replica` if left out, see below.",
        ),
        key(
            "least-duration",
            Takes::Duration(MS, HOUR),
            Unless::None,
            "The shortest run: each seed draws its own length up to `duration`; always `duration` if left out.",
        ),
        key(
            "least-brokers",
            Takes::Whole(1, 30),
            Unless::None,
            "The fewest brokers: each seed draws its own number up to `brokers`; always `brokers` if left out.",
        ),
        key(
            "slowest-disk",
            Takes::Duration(0, S),
            Unless::Number(0),
            "How much longer a broker's disk may take for each write and flush from the start; drawn for each broker.",
        ),
    ],
};

const COMMITS: [&str; 4] = [Commits::WORDS[0].0, Commits::WORDS[1].0, Commits::WORDS[2].0, Commits::WORDS[3].0];
const CLIENTS: [&str; 3] = [ClientKind::WORDS[0].0, ClientKind::WORDS[1].0, ClientKind::WORDS[2].0];
const SORTS: [&str; 3] = [Sort::WORDS[0].0, Sort::WORDS[1].0, Sort::WORDS[2].0];
const BUDGETS: [&str; 2] = [Budget::WORDS[0].0, Budget::WORDS[1].0];

/// Most faults that a nemesis may draw on average, so that what it drew can stand in a file.
pub const DRAWN_MAX: u64 = 250;

/// `[[expect]]`
pub const EXPECT: SectionKeys = SectionKeys {
    title: "[[expect]]",
    about: "Something that every run must show: exactly one of `anomaly`, `invariant` and `error`. A finding that nothing expects fails the run.",
    most: 100,
    keys: &[
        key("anomaly", Takes::Finding, Unless::None, "An anomaly of the clients' histories."),
        key("invariant", Takes::Finding, Unless::None, "A broken invariant of the cluster."),
        key(
            "error",
            Takes::Text(100),
            Unless::None,
            "An error that a client sees: by Kafka's name (`UNKNOWN_MEMBER_ID`), where an answer says it or the client itself for want of an answer, or the exception that a call of its program comes to (`CommitFailedException`).",
        ),
        key(
            "of",
            Takes::Name,
            Unless::None,
            "Whose client sees the `error`; anybody's if left out. Of several members the name of their table means all.",
        ),
        key(
            "at-least",
            Takes::Whole(0, 1_000_000),
            Unless::None,
            "How often the `error` is seen at least; once if left out. An answer counts once.",
        ),
        key(
            "at-most",
            Takes::Whole(0, 1_000_000),
            Unless::None,
            "How often it is seen at most; any number if left out.",
        ),
    ],
};

/// `[[allow]]`
pub const ALLOW: SectionKeys = SectionKeys {
    title: "[[allow]]",
    about: "Something that a run may show, though it need not, because Kafka does not promise otherwise: exactly one of `anomaly` and `invariant`.",
    most: 100,
    keys: &[
        key("anomaly", Takes::Finding, Unless::None, "An anomaly of the clients' histories."),
        key("invariant", Takes::Finding, Unless::None, "A broken invariant of the cluster."),
        key("topic", Takes::Topic, Unless::None, "Only where it is about this topic."),
        key("because", Takes::Text(400), Unless::Required, "Why it breaks no promise."),
    ],
};

/// The tables of a file by their key; those in double brackets may come more than once.
pub const SECTIONS: &[(&str, &SectionKeys)] = &[
    ("cluster", &CLUSTER),
    ("network", &NETWORK),
    ("topic", &TOPIC),
    ("producer", &PRODUCER),
    ("consumer", &CONSUMER),
    ("admin", &ADMIN),
    ("pipeline", &PIPELINE),
    ("fault", &FAULT),
    ("nemesis", &NEMESIS),
    ("expect", &EXPECT),
    ("allow", &ALLOW),
];

/// Tables that the design names and that are not built yet.
pub const LATER: &[&str] = &["service", "invariant"];
