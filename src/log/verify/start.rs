//! What a broker that starts does with a log, as far as the files beside it say so.

/// How a broker starts with a log (`LogManager.loadLogs`, `LogLoader.recoverLog`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Of a partition's directory by itself nobody knows.
    Unknown,
    /// Its broker was shut down in order: everything is taken as it is.
    Clean,
    /// It was not: from the segment on that holds this offset all is read, cut at the first damage, and indexed anew.
    Recovers(i64),
}

impl Start {
    /// Whether a broker reads all of the segment before which the next one begins.
    pub(super) fn recovers(self, next_base_offset: Option<i64>) -> bool {
        match self {
            Start::Unknown | Start::Clean => false,
            Start::Recovers(from) => next_base_offset.is_none_or(|next| next > from),
        }
    }
}
