//! Where a producer sends to.

/// A partition of one of the producer's topics: batches wait for a topic by its name, whatever its id comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Destination {
    /// The topic's place among those that the producer has sent to.
    pub(super) topic: u32,
    pub(super) partition: i32,
}
