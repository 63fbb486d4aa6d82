//! What Kafka had not always: fixes that a scenario may switch off, to see what they are for.
//!
//! One table: the reader of files, `docs/scenarios.md` and the tests that each is found to be missing come from it.

use super::for_docs;

macro_rules! fixes {
    ($($fix:ident $name:literal $about:literal from $from:literal;)*) => {
        /// A fix that can be switched off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fix {
            $(#[doc = $about] $fix,)*
        }

        impl Fix {
            /// All, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$fix),*];

            /// Its name in a file.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$fix => $name,)* }
            }

            /// What is so without it, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$fix => for_docs($about),)* }
            }

            /// Since when Kafka has it.
            #[must_use]
            pub fn from(self) -> &'static str {
                match self { $(Self::$fix => for_docs($from),)* }
            }
        }
    };
}

fixes! {
    Kip101 "KIP-101"
        "A replica that begins to follow cuts its log at its own high watermark, which is behind its leader's, and not where the leader's epochs say that they part: what it alone has beside a leader that dies is gone."
        from "Kafka 0.11";
    Kip903 "KIP-903"
        "A controller takes a follower into the ISR for what it had in a former life: one that lost power meanwhile lacks what is committed."
        from "Kafka 3.5";
    Kip966 "KIP-966"
        "A high watermark moves though there are fewer in-sync replicas than `min.insync.replicas`: what is shown to readers is on fewer disks than was asked for, and gone after the clean election of one that left the ISR before."
        from "Kafka 4.0";
    Kafka7128 "KAFKA-7128"
        "A follower enters the ISR once it reaches the high watermark of a new leader, which is behind where its epoch began: it lacks what the leader before had committed."
        from "Kafka 2.1";
    Kafka14704 "KAFKA-14704"
        "A follower that is told where its log parts from its leader's takes the leader's high watermark over before it cuts: that lies above what it is to give up."
        from "Kafka 3.5";
    Kip447Fencing "KIP-447-fencing"
        "`sendOffsetsToTransaction()` says nothing but the `group.id`: a member that its group has gone on without commits its offsets all the same, and what another member makes again is there twice."
        from "Kafka 2.5; before, each input partition had a `transactional.id` of its own for that";
    Kip447RequireStable "KIP-447-require-stable"
        "A consumer is told what its group had committed before a transaction that is still open, and does again what that is about to commit."
        from "Kafka 2.5";
    Kip360 "KIP-360"
        "An idempotent producer whose sequence number is not the next fails that record, forgets its producer id and begins with another; a transactional one of version 1 that cannot tell what was stored ends."
        from "Kafka 2.5";
    Kip394 "KIP-394"
        "Whoever joins a classic group for the first time is a member at once: one that dies or tries again before it is answered leaves a dead member behind, which has partitions until its session ends, or holds up the next rebalance."
        from "Kafka 2.2";
    Kip534 "KIP-534"
        "What a cleaner may remove of tombstones and markers is told by when files were changed last, and not by when it first kept them: some go in the pass behind, before a consumer has had `delete.retention.ms` for them, and others never."
        from "Kafka 3.1; before, each pass compared the time of a segment's file with that of the last clean one";
    Kip890Verification "KIP-890-verification"
        "A leader takes records of a transaction without asking its coordinator: one that comes late begins another transaction, of which the coordinator knows nothing and which nobody ends. Clients speak version 1 of transactions, as of `KIP-890-epoch-bump`."
        from "Kafka 3.6";
    Kip890EpochBump "KIP-890-epoch-bump"
        "All clients speak version 1 of transactions: they keep their epoch from one to the next, so that a record or an EndTxn of the one before that comes late is taken for one of the next."
        from "Kafka 4.0";
    Kafka6119 "KAFKA-6119"
        "A coordinator aborts a transaction that is open for too long, and its producer goes on in it with the same epoch: a half of what it commits is aborted."
        from "Kafka 1.0";
    Kafka9144 "KAFKA-9144"
        "A leader forgets a producer whose transaction was timed out at once, and not `producer.id.expiration.ms` later: then it takes its late records. Together with `KIP-890-verification`: with that the coordinator refuses them."
        from "Kafka 2.5";
    Kafka9807 "KAFKA-9807"
        "A reader of committed records that comes while the high watermark moves may be given records of transactions that are open. Of threads that pass each other there are none here: who reads in the millisecond of the move is one."
        from "Kafka 2.5";
    Kafka7747 "KAFKA-7747"
        "A consumer does not ask whether its position is still in the log of a new leader: after a truncation it goes on in another history."
        from "Kafka 2.3 (KIP-320)";
}

/// Those that are switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Without(u32);

impl Without {
    /// Whether this one is switched off.
    #[must_use]
    pub fn lacks(self, fix: Fix) -> bool {
        self.0 & 1 << fix as u32 != 0
    }

    /// Switches one more off.
    #[must_use]
    pub fn and(self, fix: Fix) -> Self {
        Self(self.0 | 1 << fix as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_switched_off_by_itself() {
        for fix in Fix::ALL {
            let without = Without::default().and(*fix);
            assert!(Fix::ALL.iter().all(|other| without.lacks(*other) == (other == fix)), "{}", fix.name());
        }
    }
}
