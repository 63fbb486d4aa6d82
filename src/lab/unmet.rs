//! Faults that waited for a message and met none: whoever gave one should hear of it.

use super::names::Names;
use super::node::Node;
use super::scenario::action::words;
use super::scenario::{FaultAction, Target};
use crate::sim::fates::Fate;
use crate::sim::fault::{Held, MessageFault, NextMessage};
use crate::sim::ids::MessageName;
use crate::sim::kernel::Kernel;
use crate::wire::Api;

/// All of them so far, in words.
#[must_use]
pub fn all(kernel: &Kernel<Node>, names: &Names) -> Vec<String> {
    let next = kernel.expected().iter().filter_map(|next| about_next(next, names));
    next.chain(unsent(kernel).flat_map(|(name, fate)| about_unsent(name, fate, names))).collect()
}

/// Those that would have been held by this name.
#[must_use]
pub fn held(kernel: &Kernel<Node>, names: &Names, name: Held) -> Vec<String> {
    let is_held = |next: &&NextMessage| next.fault == MessageFault::Hold && next.name() == name;
    let next = kernel.expected().iter().filter(is_held).filter_map(|next| about_next(next, names));
    let unsent = unsent(kernel).filter(|(_, fate)| fate.held_as == Some(name));
    let only_held = |(message, _)| about_unsent(message, Fate { held_as: Some(name), ..Fate::default() }, names);
    next.chain(unsent.flat_map(only_held)).collect()
}

fn unsent(kernel: &Kernel<Node>) -> impl Iterator<Item = (MessageName, Fate)> {
    kernel.fates().filter(|(name, _)| !kernel.has_sent(*name))
}

fn about_next(next: &NextMessage, names: &Names) -> Option<String> {
    let (api, request) = Api::of_kind(next.kind)?;
    let end = |id: Option<u32>| id.and_then(|id| names.end_of(id));
    let target = Target::Next { api, request, from: end(next.from), to: end(next.to) };
    let action = match next.fault {
        MessageFault::Hold => FaultAction::Hold,
        MessageFault::Lose => FaultAction::Lose,
        MessageFault::Repeat => FaultAction::Repeat,
    };
    Some(format!("{}: none was sent", words(action, &target)))
}

/// One line for each thing that would have happened to it.
fn about_unsent(MessageName { from, to, kind, ordinal }: MessageName, fate: Fate, names: &Names) -> Vec<String> {
    let ends = names.end_of(from).zip(names.end_of(to));
    // A name without a process or an API is no message's.
    let Some(((from, to), (api, request))) = ends.zip(Api::of_kind(kind)) else { return Vec::new() };
    let target = Target::Message { api, request, ordinal, from, to };
    let happens = [
        (fate.held_as.is_some(), FaultAction::Hold),
        (fate.is_lost, FaultAction::Lose),
        (fate.is_repeated, FaultAction::Repeat),
    ];
    let happens = happens.into_iter().filter(|(does, _)| *does);
    happens.map(|(_, action)| format!("{}: it was not sent", words(action, &target))).collect()
}
