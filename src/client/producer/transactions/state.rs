//! How far a transactional producer is (Kafka: `TransactionManager.State`).

/// Its states. PREPARED_TRANSACTION is missing: it belongs to the two-phase commit of KIP-939, of which nothing is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Uninitialized,
    Initializing,
    Ready,
    InTransaction,
    Committing,
    Aborting,
    AbortableError,
    FatalError,
}

impl State {
    /// Whether this state may follow `self` (`State.isTransitionValid`).
    pub(super) fn may_become(self, next: Self) -> bool {
        match next {
            Self::Uninitialized => matches!(self, Self::Ready | Self::AbortableError),
            Self::Initializing => matches!(self, Self::Uninitialized | Self::Committing | Self::Aborting),
            Self::Ready => matches!(self, Self::Initializing | Self::Committing | Self::Aborting),
            Self::InTransaction => self == Self::Ready,
            Self::Committing => self == Self::InTransaction,
            Self::Aborting => matches!(self, Self::InTransaction | Self::AbortableError),
            Self::AbortableError => {
                matches!(self, Self::InTransaction | Self::Committing | Self::AbortableError | Self::Initializing)
            }
            Self::FatalError => true,
        }
    }

    /// Kafka's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Uninitialized => "UNINITIALIZED",
            Self::Initializing => "INITIALIZING",
            Self::Ready => "READY",
            Self::InTransaction => "IN_TRANSACTION",
            Self::Committing => "COMMITTING_TRANSACTION",
            Self::Aborting => "ABORTING_TRANSACTION",
            Self::AbortableError => "ABORTABLE_ERROR",
            Self::FatalError => "FATAL_ERROR",
        }
    }

    /// A transaction is committed or aborted (`isCompleting`).
    pub(super) fn is_completing(self) -> bool {
        matches!(self, Self::Committing | Self::Aborting)
    }

    /// A transaction is open, or not known to have ended (`hasOngoingTransaction`).
    pub(super) fn is_ongoing(self) -> bool {
        self == Self::InTransaction || self.is_completing() || self == Self::AbortableError
    }
}

#[cfg(test)]
mod tests {
    use super::State::*;

    /// The table of `TransactionManager.State`, without PREPARED_TRANSACTION.
    #[test]
    fn only_the_legal_transitions_of_kafka_are_made() {
        let all = [Uninitialized, Initializing, Ready, InTransaction, Committing, Aborting, AbortableError, FatalError];
        let next = |state: super::State| all.into_iter().filter(|next| state.may_become(*next)).collect::<Vec<_>>();
        assert_eq!(next(Uninitialized), [Initializing, FatalError]);
        assert_eq!(next(Initializing), [Ready, AbortableError, FatalError]);
        assert_eq!(next(Ready), [Uninitialized, InTransaction, FatalError]);
        assert_eq!(next(InTransaction), [Committing, Aborting, AbortableError, FatalError]);
        assert_eq!(next(Committing), [Initializing, Ready, AbortableError, FatalError]);
        assert_eq!(next(Aborting), [Initializing, Ready, FatalError]);
        assert_eq!(next(AbortableError), [Uninitialized, Aborting, AbortableError, FatalError]);
        assert_eq!(next(FatalError), [FatalError]);
    }
}
