//! What groups have committed, as far as a leader's high watermark has shown it.

use std::collections::{BTreeMap, BTreeSet};

use crate::broker::groups::CommitPlace;

/// What was committed below the high watermarks that leaders of a partition have shown.
#[derive(Clone, Debug, Default)]
pub(super) struct ShownCommits {
    /// Up to here the log was read.
    pub(super) to: i64,
    /// The offsets of each place, once each.
    pub(super) offsets: BTreeMap<CommitPlace, BTreeSet<i64>>,
}
