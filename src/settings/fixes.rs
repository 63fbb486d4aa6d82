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
    Kip447Fencing "KIP-447-fencing"
        "`sendOffsetsToTransaction()` says nothing but the `group.id`: a member that its group has gone on without commits its offsets all the same, and what another member makes again is there twice."
        from "Kafka 2.5; before, each input partition had a `transactional.id` of its own for that";
    Kip447RequireStable "KIP-447-require-stable"
        "A consumer is told what its group had committed before a transaction that is still open, and does again what that is about to commit."
        from "Kafka 2.5";
    Kip360 "KIP-360"
        "An idempotent producer whose sequence number is not the next fails that record, forgets its producer id and begins with another; a transactional one of version 1 that cannot tell what was stored ends."
        from "Kafka 2.5";
    Kip890Verification "KIP-890-verification"
        "A leader takes records of a transaction without asking its coordinator: one that comes late begins another transaction, of which the coordinator knows nothing and which nobody ends. Clients speak version 1 of transactions, as of `KIP-890-epoch-bump`."
        from "Kafka 3.6";
    Kip890EpochBump "KIP-890-epoch-bump"
        "All clients speak version 1 of transactions: they keep their epoch from one to the next, so that a record or an EndTxn of the one before that comes late is taken for one of the next."
        from "Kafka 4.0";
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
