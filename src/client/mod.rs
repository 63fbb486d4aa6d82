//! Producer, consumer, partitioner.
