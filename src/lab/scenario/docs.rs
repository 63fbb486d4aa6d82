//! Renders `docs/scenarios.md` and `docs/findings.md` from the tables that the reader uses.

use std::fmt::Write;

use super::builtin::BUILTINS;
use super::finding::{FindingClass, FindingKind};
use super::keys::{
    BYTES_MAX, CLIENTS_MAX, FILE_MAX, Key, PARTITIONS_MAX, RECORDS_MAX, SECTIONS, SectionKeys, TOP, Takes,
};
use super::model::{Expectation, Scenario};
use crate::lab::fault::amount::Amount;
use crate::lab::fault::{FaultAction, Row};
use crate::settings::{AdminConfig, BrokerConfig, Config, ConsumerConfig, ProducerConfig, SYNONYMS, TopicConfig};
use crate::settings::{Fix, Setting};

/// The text of `docs/scenarios.md`.
pub fn scenarios() -> String {
    let mut text = format!("{INTRODUCTION}\n## Keys\n");
    for keys in std::iter::once(&TOP).chain(SECTIONS.iter().map(|(_, keys)| *keys)) {
        section(&mut text, keys);
    }
    text.push_str(FIXES);
    for fix in Fix::ALL {
        let _ = writeln!(text, "| `{}` | {} | {} |", fix.name(), fix.about(), fix.from());
    }
    text.push_str(TARGETS);
    text.push_str(NEMESIS);
    families(&mut text);
    text.push_str("\n## Settings\n\nKafka's names, units and defaults, in `config` tables. A setting of Kafka's that is missing here is not built\nyet, and a file that gives it is refused.\n");
    settings(&mut text, "`[cluster]`", &BrokerConfig::table());
    settings(&mut text, "`[[topic]]`", &TopicConfig::table());
    settings(&mut text, "`[[producer]]`", &ProducerConfig::table());
    settings(&mut text, "`[[consumer]]`", &ConsumerConfig::table());
    settings(&mut text, "`[[admin]]`", &AdminConfig::table());
    text.push_str(RULES);
    text.push_str("\n| of a topic | of the brokers |\n|---|---|\n");
    for (topic, broker) in SYNONYMS {
        let _ = writeln!(text, "| `{topic}` | `{broker}` |");
    }
    let _ = write!(
        text,
        "\n## Bounds of a whole file\n\n- {FILE_MAX} bytes of text\n- {PARTITIONS_MAX} partitions in all topics together\n- {CLIENTS_MAX} producers, consumers and pipelines together\n- {RECORDS_MAX} records and {BYTES_MAX} bytes sent by all producers together\n"
    );
    text
}

/// The text of `docs/findings.md`.
pub fn findings() -> String {
    let mut text = FINDINGS.to_owned();
    for class in FindingClass::ALL {
        let _ = write!(
            text,
            "\n## {}\n\nIn a file: `[[expect]]` or `[[allow]]` with `{} = \"NAME\"`.\n\n| name | meaning | whose rule |\n|---|---|---|\n",
            class.title(),
            class.key()
        );
        for kind in FindingKind::ALL.iter().filter(|kind| kind.class() == class) {
            let _ = writeln!(text, "| `{}` | {} | {} |", kind.name(), kind.about(), kind.from());
        }
    }
    shown(&mut text);
    text.push_str(BIT_ROT);
    text.push_str(KAFKAS_OWN);
    text.push_str(REPORT);
    text
}

/// Which built-in scenario shows which finding: those whose `[[expect]]`s name it, each with the scenarios that its own text names.
fn shown(text: &mut String) {
    text.push_str(SHOWN);
    let scenarios: Vec<(&str, Scenario)> =
        BUILTINS.iter().map(|it| (it.name, it.scenario().expect("a built-in scenario is right"))).collect();
    let beside = |name: &str, about: &str| -> String {
        let words: Vec<&str> = about.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).collect();
        let named = scenarios.iter().map(|(other, _)| *other).filter(|other| *other != name && words.contains(other));
        named.map(|other| format!("`{other}`")).collect::<Vec<_>>().join(", ")
    };
    for kind in FindingKind::ALL {
        let expects = |scenario: &Scenario| scenario.expectations.contains(&Expectation::Finding(*kind));
        for (name, scenario) in scenarios.iter().filter(|(_, scenario)| expects(scenario)) {
            let _ = writeln!(text, "| `{}` | `{name}` | {} |", kind.name(), beside(name, &scenario.about));
        }
    }
    let is_shown = |kind: &&FindingKind| {
        scenarios.iter().any(|(_, scenario)| scenario.expectations.contains(&Expectation::Finding(**kind)))
    };
    let others: Vec<String> =
        FindingKind::ALL.iter().filter(|kind| !is_shown(kind)).map(|kind| format!("`{}`", kind.name())).collect();
    let _ = writeln!(text, "\n{NOT_SHOWN}: {}.", others.join(", "));
}

fn section(text: &mut String, keys: &SectionKeys) {
    let title =
        if std::ptr::eq(keys, &TOP) { "At the top of the file".to_owned() } else { format!("`{}`", keys.title) };
    let _ = write!(text, "\n### {title}\n\n{}", keys.about);
    if keys.most > 1 {
        let _ = write!(text, " At most {}.", keys.most);
    }
    text.push_str("\n\n| key | takes | default | |\n|---|---|---|---|\n");
    for key in keys.keys {
        let about = about(key);
        let _ = writeln!(text, "| `{}` | {} | {} | {about} |", key.name, key.takes.text(), key.default_text());
    }
}

/// What a key is for; with which actions it goes comes from the table of faults.
fn about(key: &Key) -> String {
    let words = |rows: &mut dyn Iterator<Item = &'static Row>| -> String {
        rows.map(|row| format!("`{}`", row.word)).collect::<Vec<_>>().join(", ")
    };
    match key.takes {
        Takes::After(undo) => {
            let row = FaultAction::named(undo).expect("a row of the table");
            format!("With {}: {}", words(&mut row.takes_back()), lower(key.about))
        }
        Takes::Amount => {
            let mut amounts: Vec<Amount> = Vec::new();
            for parameter in FaultAction::ROWS.iter().filter_map(|row| row.parameter) {
                if parameter.key == key.name && !amounts.contains(&parameter.amount) {
                    amounts.push(parameter.amount);
                }
            }
            let lines = amounts.into_iter().map(|amount| {
                let takes = |row: &&Row| row.parameter.is_some_and(|parameter| parameter.amount == amount);
                format!("{}: {}", words(&mut FaultAction::ROWS.iter().filter(takes)), amount.text())
            });
            format!("{} Required with {}.", key.about, lines.collect::<Vec<_>>().join("; "))
        }
        Takes::Text(_)
        | Takes::Name
        | Takes::Whole(..)
        | Takes::Duration(..)
        | Takes::Rate(..)
        | Takes::Topic
        | Takes::Topics
        | Takes::Settings
        | Takes::Target(_)
        | Takes::Finding
        | Takes::Names
        | Takes::Flag
        | Takes::Work
        | Takes::Word(_)
        | Takes::Words(_)
        | Takes::Families => {
            match FaultAction::ROWS.iter().find(|row| row.parameter.is_some_and(|own| own.key == key.name)) {
                Some(row) => format!("{} Required with `{}`.", key.about, row.word),
                None => key.about.to_owned(),
            }
        }
    }
}

fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn settings(text: &mut String, title: &str, table: &[Setting]) {
    let _ =
        write!(text, "\n### Settings of {title}\n\n| setting | unit | default | values | |\n|---|---|---|---|---|\n");
    for Setting { name, values, unit, default, about } in table {
        let _ = writeln!(text, "| `{name}` | {unit} | {default} | {values} | {about} |");
    }
}

const INTRODUCTION: &str = "\
# Scenario files

A scenario is a TOML file. `loglab run my.toml` runs it, `loglab check my.toml` only reads it, and the page takes it by
drop. Whatever is wrong with a file is told with its line and the nearest right word; nothing is accepted and ignored.

`loglab check my.toml --settings` tells which settings of brokers, topics and clients are not Kafka's defaults, and why: because the file says so,
because another setting forces them, because the brokers' stands in for a topic's. `--json` prints the same as one object.

(This page is made from the tables in `src/lab/scenario`; a test compares them.)

```toml
title = \"A leader dies\"
duration = \"30s\"

[cluster]
brokers = 3

[[topic]]
name = \"orders\"
partitions = 3
replication-factor = 3
config = { \"min.insync.replicas\" = 2 }

[[producer]]
name = \"checkout\"
topic = \"orders\"
rate = \"20/s\"
keys = 50

[[consumer]]
name = \"shipping\"
topics = [\"orders\"]

[[fault]]
at = \"2s\"
kill = \"leader of orders-0\"
restart-after = \"15s\"
```

Durations are `\"500us\"`, `\"20ms\"`, `\"1.5s\"` or `\"2m\"`; rates are `\"20/s\"`. Only `title`, `duration` and `[cluster]` are required.
";

const FIXES: &str = "
## Fixes

In `[cluster]`, `without = [\"NAME\"]` switches off what Kafka had not always.

| name | without it | since |
|---|---|---|
";

const TARGETS: &str = "
## Targets

Leaders and followers are those of the moment in which the fault happens. What is taken back later (`restart-after` and its
kin) is taken back from those that it had hit.

| target | what it is |
|---|---|
| `broker N` | the broker with this number, from 1 |
| `controller` | the controller |
| `NAME` | the producer or consumer of this name; only of faults that clients may have |
| `leader of T-P` | the leader of partition P of topic T |
| `follower of T-P` | its follower with the lowest number |
| `followers of T-P` | all its followers |
| `replica of T-P on broker N` | what this broker has of partition P of topic T, whether it leads, follows or is down |
| `link A -> B` | the way from A to B; each is `broker N`, `controller` or the name of a client |
| `link A - B` | the ways from A to B and back |
| `next API request from A to B` | the next request of this API, such as `Produce` or `Fetch`, that A sends to B; either may be left out |
| `next API response from A to B` | the next response of this API |
| `message API request N from A to B` | the N-th request of this API from A to B since the run began, on its way or still to come; the page shows it as `request N` |
| `message API response N from A to B` | the N-th response |

A message that is lost or doubled is one that TCP would not lose or double: it stands for what a broker, a client or
something between them does wrong, or for an answer that comes too late to matter.

Of several faults at one time that which stands first in the file is done first; what takes a fault back comes before faults that stand
behind that one. Commands that are given by hand at a time come behind all faults of the file at that time: the same run comes of a file
with the commands as faults behind its own.

The page takes the same words as commands: `kill broker 2`, `cut link broker 1 - broker 2`,
`slow link broker 1 -> controller by 100ms`, `bit-rot follower of orders-0 offset 120`, `skew checkout by -200ms`.

## What is refused, and what is only told

A file is refused where it asks for what cannot happen: a message that these two never exchange, a link on which nothing ever
passes (clients and the controller talk to brokers alone), a fault or its end that would not come before the end of the run.
`loglab check` warns, and ends with 0, where something is right and yet not likely to be meant: a `restart` of what nothing
before it brings down and the like, and a run that takes long or much memory. It says about what each run takes.
`loglab run` warns of faults that did nothing to somebody, and at the end of those that waited for a message that never came.
";

/// Which faults a nemesis draws, from the table of faults.
fn families(text: &mut String) {
    let words = |is_it: fn(&Row) -> bool| -> String {
        let rows = FaultAction::ROWS.iter().filter(|row| is_it(row));
        rows.map(|row| format!("`{}`", row.word)).collect::<Vec<_>>().join(", ")
    };
    let usual = words(|row| row.drawn.is_usual());
    let named = words(|row| row.drawn.is_ever() && !row.drawn.is_usual());
    let _ = writeln!(
        text,
        "\nWithout `families` these are drawn: {usual}. Only where `families` names them: {named}; for these no claim is made.\n"
    );
}

const NEMESIS: &str = "
## Faults that are drawn

`[nemesis]` draws faults while the run goes, each with its end. With each seed some families and some sorts of targets are off, and rates and
lengths are others; the same seed draws the same. What was drawn is listed as all other faults are, and written into a file as
`[[fault]]`s it gives the same run.

With `budget = \"one-replica\"` of each partition one replica at a time has failed: from the fault until it is back in the committed ISR. A cut, clogged
or slow link is the failure of one of its ends, a slow or full disk that of its broker; clients are no replicas, so that what is done to them is
nobody's failure, and the controller is counted apart. For this budget the claim of no loss is made: of what was acknowledged with `acks=all`, with a replication factor of 3 and
`min.insync.replicas` 2.

Clients are killed, too. A producer that begins again is another producer to the brokers: it has a new producer id, and what it had in flight
is neither acknowledged nor failed but unknown; it numbers its records on, and order is promised within each of its lives. A consumer
without a group begins where `auto.offset.reset` says; a member of a group goes on where that has committed, so that records are given
again which were not.
";

const RULES: &str = "
### Rules between settings

As Kafka has them:

- `enable.idempotence` that is left out is switched off by `acks` other than `all` and by `retries` 0; given as true, it is an error
  beside them. With it, `max.in.flight.requests.per.connection` above 5 is an error.
- `delivery.timeout.ms` that is left out grows to `linger.ms` + `request.timeout.ms`; given and smaller, it is an error.
- `reconnect.backoff.max.ms` that is left out is `reconnect.backoff.ms` where that is given: the back-off does not grow.
- `group.consumer.session.timeout.ms`, `group.consumer.heartbeat.interval.ms` and `group.consumer.assignment.interval.ms` lie between their
  `group.consumer.min.` and `group.consumer.max.` settings.
- `enable.auto.commit` given as true is an error beside a consumer without `group`; `heartbeat.interval.ms` must be lower than
  `session.timeout.ms`.
- Names of topics are what Kafka takes: not `.` or `..`, and not two that differ only in `.` and `_`, whose metrics would collide.
- `replica.fetch.wait.max.ms` must not be larger than `replica.lag.time.max.ms` and `replica.socket.timeout.ms`.
- A topic that does not give one of these has that of the brokers:
";

const FINDINGS: &str = "\
# Findings

What the checkers can find in a run, by the names that reports, scripts and `[[expect]]` use. A finding that no `[[expect]]`
names and no `[[allow]]` allows makes `loglab run` end with 1.

(This page is made from the table in `src/lab/scenario/finding.rs`; a test compares them.)
";

const SHOWN: &str = "
## Which scenario shows it

With settings that people choose. Beside each stand the scenarios that its text names: the way out, or the same trap with other settings.

| finding | is shown by | beside it |
|---|---|---|
";

const NOT_SHOWN: &str = "\
No built-in scenario shows these: no setting of Kafka 4.3 leads to them, so that one of them is a mistake of the brokers, of the clients
or of loglab. `checkers.md` names the mutants that make it";

const BIT_ROT: &str = "
## What bit rot excuses

The fault `bit-rot` turns over a bit of a stored batch. A batch that does not match its CRC-32C is readable for nobody: a
client is told CORRUPT_MESSAGE, and the checkers read it no better. If the leader's copy rots, acknowledged records in that
batch are a `lost-write`.

One thing is excused, and only of `replicas-diverge`: in a compacted topic, the batch that the fault hit, on the broker that it
hit, until recovery or truncation cuts it off. Any other batch that does not match its CRC is a finding, and a short log
in the ISR or under a new leader is one whatever rotted. The log cleaner does not check CRCs (asked of Kafka 4.3.1): it fails on
records that it cannot parse, and writes others anew, rot included and with a CRC that matches; such records are excused as
their batch was. Topics that are not compacted need no excuse: the checker compares
where their batches begin and end, their sizes and the CRCs in their headers, which rot in records leaves as they were.
";

const KAFKAS_OWN: &str = "
## Duplicates and another order in spite of idempotence

A finding need not be a mistake of the simulation: `duplicate` and `reordered` can come of an idempotent producer, as with Kafka.
A leader that has no state of a producer id takes its first batch whatever its sequence number is (`ProducerAppendInfo`; asked of
4.3.1; only a transactional batch is refused since KIP-890). If the very first batch of a producer is refused or lost, and one
that was in flight behind it (`max.in.flight.requests.per.connection`, 5) gets through, then the log begins with the later one.
The first, sent again, is answered OUT_OF_ORDER_SEQUENCE_NUMBER, and the client bumps its epoch and sends all that was not
acknowledged anew from sequence number 0 (`TransactionManager`, KIP-360): behind what is stored, and a second time what was stored
without its answer being heard. The same holds for the first batch after a leader has lost a producer's state. With one request
in flight it cannot happen.
";

const REPORT: &str = "
## The report

`loglab run --json` prints one object. What a script may rely on:

| key | holds |
|---|---|
| `trace_hash`, `events`, `virtual_time_us` | the identity of the run, how many events it had, where it stopped |
| `findings` | what the checkers found, one for each cause: `kind`, `at_us` (when it became true, found or not until later), `about`, `count` (600 records that one truncation lost are one finding with the count 600) and `alike` (the sentences of the others); of one kind and partition the first 100 |
| `more_findings` | how many more causes there were |
| `expectations` | each `[[expect]]`: `about`, `met`, `at_us` |
| `warnings` | faults that did nothing to somebody that they were meant for, such as the kill of a broker that is down or the cut of a link that is cut, those that waited for a message that never came, and commands of `[[admin]]` that were not answered: `at_us`, `about` |
| `failed_sends` | records whose `send()` failed, counted by `producer` and `error` (Kafka's `record-error-total`): `records` |
| `producers` | of each producer: `sent` (`send()` was called), `acknowledged`, `unanswered` (with acks=0 nobody acknowledges: they were written to a socket), `missing` (those of them that are in no log from which the cluster serves at the end: lost, or still on their way; not counted in topics that are compacted or whose oldest records went), `failed` (in `send()` or later), `unfinished` records; `latency_p50_us`, `latency_p99_us` (both to an eighth), `latency_max_us` from the call of `send()` to the acknowledgement; `transactions` (null without a `transactional.id`): how many were `committed`, `aborted`, `timed_out` (their coordinator aborted them), `unknown` (it asked to commit and was not told) and `open`, each as `transactions` and acknowledged `records` in them; `failed_with`, the error after which it can send no more |
| `groups` | of each group, of consumers or pipelines: `group`, `rebalances` (assignments to its members, the first too), records `worked_on`, `worked_on_again` (somebody had worked on them before) |
| `outages` | times of a second and longer in which a producer waited for a partition or in `send()`, or had its records refused, and none was acknowledged, with acks=0 sent: `producer`, `topic`, `partition` and `topic_id` (a deleted topic and its successor have one name and two ids; both null where `send()` blocked or failed, which is about the whole topic; it is over with an acknowledgement in any topic of the name, or with the producer's process), `from_us`, `to_us` (null where it is not over), records `failed` meanwhile and `waiting` at its end; and times in which it was in a `call` of a transaction such as `commitTransaction()`, with `why` and how often that threw TimeoutException (`timeouts`); of one producer and partition the first 100 |
| `readers` | of each group, and of each consumer without one: `reader`, `members` (how many processes read for it), `read` (records that it was given), `skipped` (records that were there and that it went past: it began behind them, by `auto.offset.reset`, or was set there), `lag` (offsets between its positions and what it may read; null where that is not known), `ended` (its programs that ended since `poll()` threw: `program`, `at_us`, `exception`) |
| `stalls` | times of a second and longer in which records were there for a reader and it was given none: `reader`, `partitions`, `from_us`, `to_us` (null for one that is not over), `lag` at the end, `about` (in words, with what was wrong meanwhile) |
| `lags` | how far each `group` is behind at the end in each `partition` that it reads: `committed` (null where it has committed nothing), `end` (the high watermark), `lag` (the one minus the other, as `kafka-consumer-groups` counts; null where nothing is committed) and what it is made of: `readable`, `open` (records of transactions that are not over), `held_back` (behind the first of those), and what no reader is ever given, a phantom: `aborted`, `markers`, `compacted`, `deleted` (before the log start); `unknown` cannot be read. To a group that reads uncommitted records nothing is open, held back or aborted |

Warnings, failed sends and outages do not change the exit code: nothing was promised of such records, and no promise says how long
something takes.
";
