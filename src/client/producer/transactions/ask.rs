//! What a transactional producer has to ask, and whom.

/// What is to be asked, the most urgent first (`TransactionManager.Priority`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::client::producer) enum Ask {
    /// Who coordinates the transactional id.
    Coordinator,
    /// Who coordinates the group whose offsets are sent.
    GroupCoordinator,
    /// A producer id and epoch.
    Init,
    /// Partitions become part of the transaction (version 1).
    Partitions,
    /// A group does whose offsets are sent (version 1).
    Group,
    /// Offsets become part of the transaction.
    Offsets,
    /// The transaction is at its end.
    End { commits: bool },
    /// The next epoch, behind the end of a transaction in which something went wrong (version 1).
    Epoch,
}

/// Who is asked.
pub(super) enum Whom {
    Anybody,
    Coordinator,
    GroupCoordinator,
}

impl Ask {
    pub(super) fn whom(self) -> Whom {
        match self {
            Self::Coordinator | Self::GroupCoordinator => Whom::Anybody,
            Self::Init | Self::Partitions | Self::Group | Self::End { .. } | Self::Epoch => Whom::Coordinator,
            Self::Offsets => Whom::GroupCoordinator,
        }
    }
}
