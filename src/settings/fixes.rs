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
