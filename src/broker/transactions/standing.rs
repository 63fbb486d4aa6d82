//! What a coordinator decides by, and what it decides.

use kafka_protocol::ResponseError;

use super::metadata::TransactionMetadata;

/// A transactional id as its coordinator knows it: what is committed of it, and whether a transition is on its way into the
/// log, or markers are on theirs (`pendingTransitionInProgress`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    pub(super) known: Option<&'a TransactionMetadata>,
    pub(super) is_pending: bool,
}

/// What is decided of a request; errors that leave no trace are told besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision<T> {
    /// Nothing changes.
    Answer(T),
    /// This is to be in the log, and committed, before it is answered, perhaps with an error: the client shall ask again.
    Write(Box<TransactionMetadata>, Result<T, ResponseError>),
    /// A new producer id is needed for it.
    NeedsId,
}

/// A decision, or why there is none.
pub(super) type Decided<T> = Result<Decision<T>, ResponseError>;
