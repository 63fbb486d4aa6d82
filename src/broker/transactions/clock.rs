//! What time it is for a coordinator.

use crate::broker::context::Context;
use crate::sim::MILLISECOND;

/// The wall clock in Kafka's unit.
pub(super) fn now_ms(context: &Context<'_>) -> i64 {
    i64::try_from(context.wall_clock() / MILLISECOND).unwrap_or(i64::MAX)
}
