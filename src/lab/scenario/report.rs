//! What a run says of itself when it is over.

use serde::{Deserialize, Serialize, Serializer};

use super::finding::FindingKind;
use crate::lab::lag::LagParts;

/// One thing that a checker found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// When it became true, found or not until later, in virtual microseconds.
    pub at_us: u64,
    /// Which record, partition or broker it concerns, in a sentence: of several with one cause the first.
    pub about: String,
    /// How many there are with this cause.
    pub count: u64,
    /// The sentences of the others.
    pub alike: Vec<String>,
    /// Why it breaks no promise, where an `[[allow]]` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

impl Finding {
    /// Its sentence, and how many more there are.
    #[must_use]
    pub fn text(&self) -> String {
        with_more(&self.about, self.count)
    }
}

/// The sentence of a finding, and how many more there are of its cause.
#[must_use]
pub fn with_more(about: &str, count: u64) -> String {
    match count {
        0 | 1 => about.to_owned(),
        count => format!("{about} (and {} more)", count - 1),
    }
}

/// What became of one `[[expect]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectationOutcome {
    /// The expectation, such as `anomaly lost-write`.
    pub about: String,
    /// Whether the run met it.
    pub met: bool,
    /// When it was first met, in virtual microseconds.
    pub at_us: Option<u64>,
}

/// A fault or command that did nothing to somebody that it was meant for, or waited for a message and met none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// When, in virtual microseconds: of what met no message, when the run ended or it was taken back.
    pub at_us: u64,
    /// What was done and why it hit nobody, such as `kill broker 2: broker 2 is down`.
    pub about: String,
}

/// Records of one producer whose `send()` failed with one error (Kafka's metric `record-error-total`, by error).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSends {
    /// The producer's name.
    pub producer: String,
    /// The error by Kafka's name, such as `INVALID_RECORD`.
    pub error: String,
    /// How many records.
    pub records: u64,
}

/// What became of one producer's records, and how long it took from `send()` to the acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProducerReport {
    /// The producer's name.
    pub producer: String,
    /// Records with which `send()` was called.
    pub sent: u64,
    /// Records acknowledged.
    pub acknowledged: u64,
    /// Records sent with acks=0: nobody acknowledges them.
    pub unanswered: u64,
    /// Those of them that no log held at the end from which the cluster served: they are lost, or still on their way.
    pub missing: u64,
    /// Records that failed, in `send()` or later.
    pub failed: u64,
    /// Records without an outcome.
    pub unfinished: u64,
    /// Half of those acknowledged took at most this long, in microseconds, to an eighth.
    pub latency_p50_us: u64,
    /// The same of 99 of a hundred.
    pub latency_p99_us: u64,
    /// The longest, in microseconds.
    pub latency_max_us: u64,
    /// What became of its transactions; `None` where it has no `transactional.id`.
    pub transactions: Option<TransactionsReport>,
    /// Why it can send no more, by Kafka's name of the error: its transactions have failed.
    pub failed_with: Option<String>,
}

/// What became of a group: nothing of it is promised, and whoever compares settings looks at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupReport {
    /// Its `group.id`.
    pub group: String,
    /// How often its members were assigned partitions anew, the first time too.
    pub rebalances: u64,
    /// Records that its members worked on, each as often as they did.
    pub worked_on: u64,
    /// How many of these somebody had worked on before.
    pub worked_on_again: u64,
}

/// A time in which a producer waited for records in a partition or in `send()`, or had them refused, and none was
/// acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageReport {
    /// The producer's name.
    pub producer: String,
    /// The name of the topic that it sent to.
    pub topic: String,
    /// Where it sent to, such as `orders-0`; `None` where it waited in `send()`, or failed there: that is about its whole topic.
    pub partition: Option<String>,
    /// The id of the partition's topic as Kafka writes it: a topic that is deleted may have a successor of the same name.
    pub topic_id: Option<String>,
    /// Since when nothing was acknowledged, in virtual microseconds.
    pub from_us: u64,
    /// Until when; `None` for one that is not over.
    pub to_us: Option<u64>,
    /// Records that failed meanwhile.
    pub failed: u64,
    /// Records that waited at its end.
    pub waiting: u64,
    /// The call of a transaction that it waited in, such as `commitTransaction()`; `None` where it waited for records.
    pub call: Option<String>,
    /// Why that did not return, in words, as far as that is known.
    pub why: Option<String>,
    /// How often that threw TimeoutException, since `max.block.ms` was over.
    pub timeouts: u64,
}

/// Transactions, and the records in them that were acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionCount {
    /// Transactions.
    pub transactions: u64,
    /// Acknowledged records in them.
    pub records: u64,
}

/// What became of a producer's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionsReport {
    /// It was told that they are committed.
    pub committed: TransactionCount,
    /// They are aborted.
    pub aborted: TransactionCount,
    /// Their coordinator has aborted them: `transaction.timeout.ms` was over.
    pub timed_out: TransactionCount,
    /// It has asked to commit them, and was not told what came of it.
    pub unknown: TransactionCount,
    /// The one that is open.
    pub open: TransactionCount,
}

/// What a group did, or a consumer that reads for itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderReport {
    /// Who, such as `group shipping`.
    pub reader: String,
    /// How many processes read for it.
    pub members: usize,
    /// Records that it was given, each as often as it was.
    pub read: u64,
    /// Records that were there and that it went past: where it began, or was set to, lies behind them.
    pub skipped: u64,
    /// How many offsets it is behind what it may read, in the partitions in which it has a position; `None` where that is not
    /// known: it has no position, or nobody leads.
    pub lag: Option<i64>,
    /// Programs of it that ended by themselves, since `poll()` threw.
    pub ended: Vec<EndReport>,
}

/// A program that reads ended by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndReport {
    /// Its name.
    pub program: String,
    /// When, in virtual microseconds.
    pub at_us: u64,
    /// What `poll()` threw, by the name of the Java client's exception.
    pub exception: String,
}

/// A time of a second and longer in which records were there for a reader, and it was given none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StallReport {
    /// Who.
    pub reader: String,
    /// Of which partitions: what begins and ends at about the same time has one cause.
    pub partitions: Vec<String>,
    /// Since when, in virtual microseconds.
    pub from_us: u64,
    /// Until when; `None` for one that is not over.
    pub to_us: Option<u64>,
    /// By how many offsets it was behind at the end.
    pub lag: i64,
    /// The same in words, with what was wrong meanwhile.
    pub about: String,
}

/// How far a group is behind in a partition of which it has committed something, and what that is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LagReport {
    /// The group.
    pub group: String,
    /// The partition, such as `orders-0`.
    pub partition: String,
    /// The next offset to read, as it is committed; `None` where nothing is.
    pub committed: Option<i64>,
    /// The leader's high watermark.
    pub end: i64,
    /// The one minus the other, as `kafka-consumer-groups` counts; `None` where nothing is committed.
    pub lag: Option<u64>,
    /// What it is made of.
    #[serde(flatten)]
    pub made_of: LagParts,
}

/// A finished run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// The rolling hash after the last event: the identity of the run.
    #[serde(serialize_with = "hex")]
    pub trace_hash: u64,
    /// How many events happened.
    pub events: u64,
    /// Where the run stopped, in virtual microseconds.
    pub virtual_time_us: u64,
    /// What the checkers found, one for each cause, in the order in which they became true.
    pub findings: Vec<Finding>,
    /// How many more causes there were: of one kind and partition a hundred are listed.
    pub more_findings: u64,
    /// The outcome of each `[[expect]]`, in the order of the file.
    pub expectations: Vec<ExpectationOutcome>,
    /// Faults and commands that did nothing, in order of time. They do not fail a run.
    pub warnings: Vec<Warning>,
    /// Sends that failed, by producer and error. They do not fail a run: nothing was promised of these records.
    pub failed_sends: Vec<FailedSends>,
    /// What became of each producer's records.
    pub producers: Vec<ProducerReport>,
    /// What became of each group, in the order of the file.
    pub groups: Vec<GroupReport>,
    /// When producers waited for a second and longer, in order of their ends. They do not fail a run.
    pub outages: Vec<OutageReport>,
    /// What each group, and each consumer without one, has read.
    pub readers: Vec<ReaderReport>,
    /// When readers stood still for a second and longer. They do not fail a run.
    pub stalls: Vec<StallReport>,
    /// How far groups are behind at the end, by group and partition.
    pub lags: Vec<LagReport>,
}

impl RunReport {
    /// The hash as people write it: 16 lower-case hex digits.
    pub fn hash_text(&self) -> String {
        format!("{:016x}", self.trace_hash)
    }
}

/// JSON readers keep numbers as floats of 53 bits, so the hash travels as text.
fn hex<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:016x}"))
}
