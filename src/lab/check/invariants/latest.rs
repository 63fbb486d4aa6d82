//! What a compacted topic owes of each key.

/// The last committed record of a key in a compacted topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latest {
    /// Where it is.
    pub(super) offset: i64,
    /// It says that its key is gone.
    pub(super) is_tombstone: bool,
    /// Of a tombstone: from when on it may go, as the first pass of a cleaner over it has written (KIP-534).
    pub(super) horizon_ms: Option<i64>,
    /// The earliest wall clock of a replica when it was known to be committed, in milliseconds: no pass over it began before.
    pub(super) since_ms: i64,
}
