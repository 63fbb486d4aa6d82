//! Which branches a run has, and where each leaves its parent.

use crate::sim::Time;

/// The number of a branch, never used again in its tree. The first is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BranchId(pub u32);

/// Where a branch leaves its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The branch that it leaves.
    pub parent: BranchId,
    /// The last event that both have. Where the parent was computed up to the middle of that time, the last one then.
    pub event: u64,
    /// When somebody acted.
    pub time_us: Time,
}
