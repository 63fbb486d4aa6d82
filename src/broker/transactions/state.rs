//! How far a transaction is (Kafka: `TransactionState`).

/// The states of a transaction. Their numbers stand in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub(in crate::broker) enum TransactionState {
    /// None has begun since the producer was initialised.
    Empty = 0,
    /// Partitions are in it.
    Ongoing = 1,
    /// It is decided: committed. Markers are on their way.
    PrepareCommit = 2,
    /// It is decided: aborted. Markers are on their way.
    PrepareAbort = 3,
    /// All markers are written.
    CompleteCommit = 4,
    /// The same of one that was aborted.
    CompleteAbort = 5,
    /// The transactional id has expired: a tombstone is on its way into the log.
    Dead = 6,
    /// Its producer is fenced, and it is to be aborted. Never in the log.
    PrepareEpochFence = 7,
}

impl TransactionState {
    /// All of them, by their numbers.
    pub(in crate::broker) const ALL: [Self; 8] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
        Self::Dead,
        Self::PrepareEpochFence,
    ];

    /// Its name, as ListTransactions has it.
    pub(in crate::broker) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
            Self::Dead => "Dead",
            Self::PrepareEpochFence => "PrepareEpochFence",
        }
    }

    /// The state of this name; `None` where there is none.
    pub(in crate::broker) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state of this number; `None` where there is none.
    pub(super) fn numbered(number: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| *state as i8 == number)
    }

    /// The states from which this one may be reached (`validPreviousStates`). That an empty transaction can be aborted is
    /// transaction version 2 (KIP-890).
    pub(super) fn predecessors(self) -> &'static [Self] {
        match self {
            Self::Empty => &[Self::Empty, Self::CompleteCommit, Self::CompleteAbort],
            Self::Ongoing => &[Self::Ongoing, Self::Empty, Self::CompleteCommit, Self::CompleteAbort],
            Self::PrepareCommit => &[Self::Ongoing],
            Self::PrepareAbort => {
                &[Self::Ongoing, Self::PrepareEpochFence, Self::Empty, Self::CompleteCommit, Self::CompleteAbort]
            }
            Self::CompleteCommit => &[Self::PrepareCommit],
            Self::CompleteAbort => &[Self::PrepareAbort],
            Self::Dead => &[Self::Empty, Self::CompleteCommit, Self::CompleteAbort],
            Self::PrepareEpochFence => &[Self::Ongoing],
        }
    }

    /// Whether it is decided, and markers are still to be written.
    pub(super) fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    /// Whether its transactional id may expire (`isExpirationAllowed`).
    pub(super) fn may_expire(self) -> bool {
        Self::Dead.predecessors().contains(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_each_one_states() {
        for state in TransactionState::ALL {
            assert_eq!(TransactionState::numbered(state as i8), Some(state));
            assert_eq!(TransactionState::named(state.name()), Some(state));
        }
        assert_eq!((TransactionState::numbered(8), TransactionState::named("Open")), (None, None));
    }

    #[test]
    fn only_what_is_over_or_has_not_begun_may_expire() {
        let may: Vec<_> = TransactionState::ALL.into_iter().filter(|state| state.may_expire()).collect();
        let expected = [TransactionState::Empty, TransactionState::CompleteCommit, TransactionState::CompleteAbort];
        assert_eq!(may, expected);
    }
}
