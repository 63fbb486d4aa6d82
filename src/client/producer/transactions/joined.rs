//! What a producer has added to its transaction, where no leader does that for it (transaction version 1).

use std::collections::BTreeSet;

use crate::client::producer::destination::Destination;

/// The partitions of a transaction.
#[derive(Clone, Debug, Default)]
pub(super) struct Joined {
    /// Of these the coordinator is to be told (`newPartitionsInTransaction`).
    new: BTreeSet<Destination>,
    /// Of these it was, and has not agreed (`pendingPartitionsInTransaction`).
    asked: BTreeSet<Destination>,
    /// These it knows (`partitionsInTransaction`).
    known: BTreeSet<Destination>,
    /// The next epoch is asked for behind the end (`clientSideEpochBumpRequired`).
    pub(super) bumps: bool,
}

impl Joined {
    /// A record for a partition is in a batch (`maybeAddPartition`).
    pub(super) fn add(&mut self, of: Destination) {
        if !self.asked.contains(&of) && !self.known.contains(&of) {
            self.new.insert(of);
        }
    }

    /// Whether the coordinator knows of a partition: before that nothing is sent to it (`isSendToPartitionAllowed`).
    pub(super) fn has(&self, of: Destination) -> bool {
        self.known.contains(&of)
    }

    /// Those that the coordinator is told of now, if there are any.
    pub(super) fn ask(&mut self) -> bool {
        self.asked.append(&mut self.new);
        !self.asked.is_empty()
    }

    /// Those that it was asked for.
    pub(super) fn asked(&self) -> &BTreeSet<Destination> {
        &self.asked
    }

    /// It has answered, for good.
    pub(super) fn answered(&mut self, agrees: bool) {
        let asked = std::mem::take(&mut self.asked);
        if agrees {
            self.known.extend(asked);
        }
    }

    /// None is known: then the transaction before may not be at its end, which takes a moment.
    pub(super) fn is_at_first(&self) -> bool {
        self.known.is_empty()
    }

    /// It is aborted: nothing more comes into it.
    pub(super) fn abort(&mut self) {
        self.new.clear();
    }

    /// It is over. Whether another epoch is to be asked for.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(self).bumps
    }
}
