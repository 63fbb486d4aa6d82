//! What a compacted topic owes of each key.

/// The last committed record of a key in a compacted topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latest {
    /// Where it is.
    pub(super) offset: i64,
    /// It says that its key is gone.
    pub(super) is_tombstone: bool,
    /// A pass of some broker's cleaner has gone over it.
    pub(super) was_cleaned: bool,
    /// The earliest wall clock of a replica when it was known to be committed, in milliseconds: no pass over it began before.
    pub(super) since_ms: i64,
}
