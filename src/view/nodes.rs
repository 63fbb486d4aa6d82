//! Processes as frames name them, and back.

use super::frame::Node;
use crate::lab::names::{self, Names};
use crate::lab::scenario::LinkEnd;
use crate::sim::process::ProcessId;

/// The process as frames name it.
pub(super) fn node_of(process: ProcessId, names: &Names) -> Node {
    match names.role(process) {
        Some(names::Role::Controller) => Node::Controller,
        Some(names::Role::Broker(id)) => Node::Broker(id),
        // A number that is no process is nobody's.
        Some(
            names::Role::Producer(_) | names::Role::Consumer(_) | names::Role::Pipeline(_) | names::Role::Administrator,
        )
        | None => Node::Client(names.process(process)),
    }
}

/// The process that a node stands for; `None` where nobody is called so.
pub(super) fn process_of(node: &Node, names: &Names) -> Option<ProcessId> {
    let end = match node {
        Node::Controller => LinkEnd::Controller,
        Node::Broker(id) => LinkEnd::Broker(*id),
        Node::Client(name) => LinkEnd::Client(name.clone()),
    };
    names.link_end(&end)
}
