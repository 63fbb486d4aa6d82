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
        "A record is stored below the offsets that a consumer went on to read, and was never delivered to it."
        from "`jepsen.tests.kafka`: `unseen`, `poll-skip`";
    Invariant TwoLeadersOneEpoch "two-leaders-one-epoch"
        "Two brokers led the same partition in the same leader epoch."
        from "`ReplicationControlManager`: an election begins a new leader epoch";
    Invariant LeaderEpochFell "leader-epoch-fell"
        "The leader epoch or the partition epoch of a partition went back in the cluster's metadata."
        from "KIP-101, KIP-497: a leader epoch and a partition epoch only grow";
    Invariant HwAboveLeo "hw-above-leo"
        "A replica's high watermark lies above its log end offset."
        from "`UnifiedLog.updateHighWatermark`";
    Invariant IsrNotSubset "isr-not-subset"
        "The in-sync replicas of a partition name a broker that is not one of its replicas."
        from "`PartitionRegistration`, KIP-966";
    Invariant LeaderHwFell "leader-hw-fell"
        "The high watermark of a serving leader fell within one leader epoch and one life of its process."
        from "`Partition.maybeIncrementLeaderHW`";
    Invariant IsrMemberLacksRecords "isr-member-lacks-records"
        "A running, registered member of the committed ISR lacks records of the leader below the high watermark."
        from "`Partition.isFollowerInSync`; KAFKA-7128, KIP-903";
    Invariant ReplicasDiverge "replicas-diverge"
        "Two replicas hold different batches at the same offset below both of their high watermarks; of a compacted topic, records of another key, value, timestamp or leader epoch."
        from "KIP-101, KIP-279: replicas agree below the high watermark";
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
