//! The numbers of the nodes that a client has connections to.

/// The least of those that stand for coordinators.
const COORDINATORS: i32 = i32::MAX / 2;

/// A coordinator is written to over a connection of its own: what waits for an answer there does not hold up fetches
/// (`AbstractCoordinator.FindCoordinatorResponseHandler`, with the same number).
pub(super) fn coordinator_node(broker: i32) -> i32 {
    i32::MAX - broker
}

pub(super) fn is_coordinator(node: i32) -> bool {
    node > COORDINATORS
}

/// The broker to which the connection of a node goes; numbers of bootstrap servers are negative.
pub(super) fn broker_of(node: i32) -> i32 {
    if is_coordinator(node) { i32::MAX - node } else { node }
}
