//! Why the dump of a file ends early.

use std::io;

use super::java::Thrown;

/// Why the dump of a file ends early.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// Kafka's tool ends with this exception.
    #[error("{0}")]
    Thrown(#[from] Thrown),
    /// The file cannot be read.
    #[error(transparent)]
    Read(io::Error),
    /// Whoever listens takes no more.
    #[error(transparent)]
    Write(io::Error),
}
