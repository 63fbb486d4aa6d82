//! What a fetch has read, until it is answered.

use super::replicas::Reading;

/// The list of an answer, reused for the next: always empty in between, so a snapshot need not copy it.
#[derive(Debug, Default)]
pub(super) struct Readings(pub(super) Vec<Reading>);

impl Clone for Readings {
    fn clone(&self) -> Self {
        Self::default()
    }
}
