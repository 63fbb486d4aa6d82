//! The cleaner and its manager.

use super::case::{Clean, Group};
use super::failure::Failure;
use super::ops::Outcome;
use super::world::World;

/// Chooses the filthiest log and cleans it.
pub fn clean(_: &mut World, setup: &Clean) -> Outcome {
    let _ = (setup.map_slots, setup.load_factor, setup.io_buffer_size, setup.max_io_buffer_size);
    Err(Failure::Missing("the log has no cleaner"))
}

/// What of each partition could be cleaned.
pub fn candidates(_: &mut World) -> Outcome {
    Err(Failure::Missing("the log has no cleaner"))
}

/// The retention check that the cleaner makes of compacted and deleted logs.
pub fn delete(_: &mut World) -> Outcome {
    Err(Failure::Missing("the log has no cleaner"))
}

/// Groups segments as a cleaning would.
pub fn group(_: &mut World, _: usize, limits: &Group) -> Outcome {
    let _ = (limits.max_size, limits.max_index_size, limits.first_uncleanable, limits.end);
    Err(Failure::Missing("the log has no cleaner"))
}
