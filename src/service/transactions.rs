//! Where a program is with its transactions.

use crate::sim::{MILLISECOND, Time};

/// How a program sends in transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionPlan {
    /// How long after its begin one is to end.
    pub every_us: Time,
    /// How many of a million it aborts.
    pub abort_ppm: u32,
}

impl TransactionPlan {
    /// How long a transaction goes on where nothing is said of it.
    pub const EVERY_US: Time = 100 * MILLISECOND;
}

/// Where a program is with its transactions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// The number of the first record of the open one.
    pub(super) first: u64,
    /// One is open: records may be sent.
    pub(super) is_open: bool,
    /// It is to end.
    pub(super) is_due: bool,
    /// The producer was closed: none will follow.
    pub(super) is_over: bool,
}
