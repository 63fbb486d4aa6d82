//! What becomes of a key for an answer, and who is asked next.

use kafka_protocol::error::ResponseError;

use super::told::Told;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Anybody, who serves the keys.
    LookUp,
    /// Anybody, for the answer itself.
    Any,
    /// This broker.
    Node(i32),
}

/// What comes of a key.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    Done(Told),
    Failed(ResponseError),
    /// It is asked again.
    Retry,
    /// Who serves it is looked up again.
    Unmap,
    /// It is a group that the newer protocol does not know.
    IsClassic,
    /// It is known who serves it.
    ServedBy(Scope),
    /// It stood for others, which are known now.
    IsAll,
}
