//! What is left of a log whose topic is deleted.

/// A directory that is to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doomed {
    pub(super) due_ms: i64,
    pub(super) directory: String,
}
