//! What a run can be found guilty of: one table, so that expectations, reports and scripts can name it.
//!
//! A row is a finding's class, its variant, its name, what it means and whose rule it is. To add one, add a row; the checker
//! that finds it names the variant, and `docs/findings.md` is made from the rows.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::settings::for_docs;

/// Where a kind of finding comes from, and under which key an `[[expect]]` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingClass {
    /// The history of what clients sent, were told and read cannot be explained by a log that keeps its promise.
    Anomaly,
    /// The cluster was in a state that a real one never shows.
    Invariant,
}

impl FindingClass {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Anomaly, Self::Invariant];

    /// Its title in the documentation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Anomaly => "Anomalies",
            Self::Invariant => "Invariants",
        }
    }

    /// The key of an `[[expect]]`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Anomaly => "anomaly",
            Self::Invariant => "invariant",
        }
    }
}

macro_rules! finding_kinds {
    ($($class:ident $variant:ident $name:literal $about:literal from $from:literal;)*) => {
        /// A kind of finding. Anomalies of histories carry the names that `jepsen.tests.kafka` gives them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum FindingKind {
            $(#[doc = $about] #[serde(rename = $name)] $variant,)*
        }

        impl FindingKind {
            /// Every kind, anomalies first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in files, reports and scripts.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One sentence that says what it means.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }

            /// Whose rule it is: a test suite, a KIP, a class of Apache Kafka.
            pub fn from(self) -> &'static str {
                match self { $(Self::$variant => for_docs($from),)* }
            }

            /// Where it comes from.
            pub fn class(self) -> FindingClass {
                match self { $(Self::$variant => FindingClass::$class,)* }
            }
        }
    };
}

finding_kinds! {
    Anomaly LostWrite "lost-write"
        "A producer was told that a record is stored, and the log no longer holds it, or holds it where nobody can read it."
        from "`jepsen.tests.kafka`: `lost-write`; and KIP-101, KIP-966";
    Anomaly Duplicate "duplicate"
        "One record that was sent once is in the log at two or more offsets."
        from "`jepsen.tests.kafka`: `duplicate`; KIP-98";
    Anomaly Reordered "reordered"
        "Two records of one producer in one partition stand in the log in another order than they were sent."
        from "the order within a partition; KIP-98 and KAFKA-5494 keep it with up to five requests in flight";
    Anomaly Unseen "unseen"
        "A record is stored below the offsets that a consumer went on to read, and was never delivered to it, not even where an unclean election put another in its place."
        from "`jepsen.tests.kafka`: `unseen`, `poll-skip`";
    Anomaly NonmonotonicPoll "nonmonotonic-poll"
        "A consumer was given an offset again, or one below what it had been given, and no reset had moved it."
        from "`jepsen.tests.kafka`: `nonmonotonic-poll`";
    Anomaly NeverDelivered "never-delivered"
        "A group has committed past a record that is in the log, and no member's program has ever done its work on it: it crashed with what it had committed before."
        from "the at-least-once of a group that commits behind its work (`KafkaConsumer`)";
    Anomaly Redelivered "redelivered"
        "A member of a group was given a record that the group had committed past before the partition came to that member, and no reset had moved it."
        from "`KafkaConsumer`: a member begins where its group has committed";
    Anomaly FailedWriteRead "G1a"
        "A consumer was given a record whose `send()` had failed: every attempt had got a definite refusal."
        from "`jepsen.tests.kafka`: `G1a`";
    Anomaly InconsistentOffsets "inconsistent-offsets"
        "One offset held one record for one reader and another for another reader or in the log, without an election that may lose records."
        from "`jepsen.tests.kafka`: `inconsistent-offsets`";
    Anomaly WrongReset "wrong-reset"
        "A consumer without a valid position went on elsewhere than `auto.offset.reset` says."
        from "`OffsetFetcherUtils`, `AutoOffsetResetStrategy`";
    Anomaly AbortedRead "aborted-read"
        "A consumer was given a record of a transaction that is aborted, or was aborted later: with `isolation.level=read_committed`, which is not to be, or without, where it did not wait."
        from "`jepsen.tests.kafka`: `aborted-read`; KIP-98";
    Anomaly UncommittedRead "uncommitted-read"
        "A consumer with `isolation.level=read_committed` was given a record of a transaction before anybody had asked to commit it."
        from "KIP-98: such a consumer reads up to the last stable offset";
    Anomaly TornTransaction "torn-transaction"
        "A consumer with `isolation.level=read_committed` was given a record of a transaction and went past another."
        from "KIP-98: a transaction is committed in all of its partitions or in none";
    Anomaly ProcessedTwice "processed-twice"
        "Readers of committed records find more made of a record that a pipeline has read than it makes of one, though its transactions promise exactly once, or because it commits behind its work without a transaction."
        from "KIP-98, KIP-447: consume, transform, produce happens exactly once";
    Anomaly LostInPipeline "lost-in-pipeline"
        "The group of a pipeline has committed past a record that is in the log, and what the pipeline makes of it is not there for readers of committed records."
        from "KIP-98, KIP-447; without transactions whoever commits before its work may lose it";
    Anomaly OffsetWentBack "offset-went-back"
        "A member of a group was told a committed offset below one that a member had been told is committed, or that nothing is committed any more; or a coordinator takes another offset for committed than its log says."
        from "`GroupCoordinatorService.fetchOffsets`, KIP-447: what is committed is told, and pending offsets are waited for; `OffsetMetadataManager.replay`";
    Anomaly Resurrected "resurrected"
        "A consumer that reads a compacted topic was given a value of a key and went past the tombstone behind it without being given that: the key is deleted, and for this reader it is there."
        from "KIP-58, KIP-534, `delete.retention.ms`: kept is what the cleaner may remove, for whoever comes from a record to the end of the log within that time, of one leader";
    Invariant AcknowledgedEarly "acknowledged-early"
        "A producer with acks=all was told that a record is stored which lay above every high watermark that leaders had shown, or a member of a group was told that an offset is committed whose record did."
        from "`DelayedProduce`, `Partition.checkEnoughReplicasReachOffset`; `CoordinatorRuntime`";
    Invariant ReadUncommitted "read-above-hw"
        "A broker gave a consumer records that lay at or above its high watermark."
        from "`FetchIsolation`, `UnifiedLog.read`";
    Invariant TwoLeadersOneEpoch "two-leaders-one-epoch"
        "Two brokers led the same partition in the same leader epoch."
        from "`ReplicationControlManager`: an election begins a new leader epoch";
    Invariant LeaderEpochFell "leader-epoch-fell"
        "The leader epoch or the partition epoch of a partition went back in the cluster's metadata, or another leader got no new epoch."
        from "KIP-101, KIP-497: a leader epoch and a partition epoch only grow";
    Invariant HwAboveLeo "hw-above-leo"
        "A replica's high watermark lies above its log end offset."
        from "`UnifiedLog.updateHighWatermark`";
    Invariant HwAboveLeaders "hw-above-leaders"
        "A high watermark of a follower, or of a broker that begins to lead, lies above all that leaders have shown."
        from "`ReplicaFetcherThread.processPartitionData`: a follower's high watermark is its leader's, as far as its log goes";
    Invariant WrongLeaderEpoch "wrong-leader-epoch"
        "A committed batch names a leader epoch whose leader did not write at its offset."
        from "KIP-101: `UnifiedLog.appendAsLeader` stamps each batch with the leader's epoch";
    Invariant UncleanElection "unclean-election"
        "A broker that was neither in the ISR nor in the ELR was elected although `unclean.leader.election.enable` is off and it was not the last known leader; or the controller's word for the election was not true."
        from "`PartitionChangeBuilder.electLeader`, KIP-966";
    Invariant FencedInIsr "fenced-in-isr"
        "A fenced broker leads, or is in an ISR."
        from "`ReplicationControlManager.handleBrokerFenced`";
    Invariant UncleanShutdownTrusted "unclean-shutdown-trusted"
        "A broker registered after an unclean shutdown and stayed in an ELR or an ISR."
        from "KIP-966: `ReplicationControlManager.handleUncleanBrokerShutdown`";
    Invariant IsrEnteredEarly "isr-entered-early"
        "A leader asked for a follower in the ISR that lacked committed records, or some that were there when its epoch began."
        from "`Partition.isFollowerInSync`, KAFKA-7128";
    Invariant TruncatedBelowHw "truncated-below-hw"
        "A replica cut its log below its own high watermark, without an election that may lose records."
        from "KIP-101, KIP-279";
    Invariant RemovedTooEarly "removed-too-early"
        "Records left a log, and neither `retention.ms` nor `retention.bytes`, nor a later committed record with their key, nor `delete.retention.ms` allowed it, nor what a power loss had left of a time index."
        from "`UnifiedLog.deleteOldSegments`, `LogCleaner`, KIP-534";
    Invariant IsrNotSubset "isr-not-subset"
        "The in-sync replicas of a partition name a broker that is not one of its replicas, or do not name its leader."
        from "`PartitionRegistration`, KIP-966";
    Invariant LeaderHwFell "leader-hw-fell"
        "The high watermark of a serving leader fell within one leader epoch and one life of its process."
        from "`Partition.maybeIncrementLeaderHW`";
    Invariant HwForgotten "hw-forgotten"
        "A broker was stopped in good order, and began again with a lower high watermark than it had had."
        from "`ReplicaManager.shutdown`, `checkpointHighWatermarks`, `Partition.createLog`";
    Invariant IsrMemberLacksRecords "isr-member-lacks-records"
        "A running, registered member of the committed ISR lacks records of the leader below the high watermark."
        from "`Partition.isFollowerInSync`; KAFKA-7128, KIP-903";
    Invariant ReplicasDiverge "replicas-diverge"
        "Two replicas hold different batches at the same offset below both of their high watermarks, or one of them lacks a batch between others; of a compacted topic, records of another key, value, timestamp or leader epoch."
        from "KIP-101, KIP-279: replicas agree below the high watermark";
    Invariant Stuck "stuck"
        "Nothing that it needs is broken for longer than any time-out, and something makes no progress: a partition without a leader, a high watermark, a replica outside the ISR or one that should leave it, a consumer, what a group commits, a rebalance, a producer (in `send()`, too), a broker that ends by itself whenever it begins again."
        from "the heartbeat, fetch and retry loops of `BrokerLifecycleManager`, `ReplicaFetcherThread`, `Sender`, `ConsumerNetworkClient`";
    Invariant CommittedRecordLost "committed-record-lost"
        "A record below a high watermark that a leader had shown is gone, without an election that allows it."
        from "`acks=all` with KIP-966: only an unclean or last-known-leader election may lose what was committed";
}

impl FindingKind {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
