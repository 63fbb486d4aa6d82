//! A member of a classic group (Kafka: `ClassicGroupMember`).

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::broker::coordinator::Ticket;

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::broker::groups) struct ClassicMember {
    pub(in crate::broker::groups) id: String,
    /// `group.instance.id` of a static member (KIP-345).
    pub(in crate::broker::groups) instance: Option<String>,
    pub(in crate::broker::groups) client_id: String,
    pub(in crate::broker::groups) client_host: String,
    pub(in crate::broker::groups) rebalance_timeout_ms: i32,
    pub(in crate::broker::groups) session_timeout_ms: i32,
    /// What it can speak, the dearest first, each with what it has to say in it.
    pub(in crate::broker::groups) protocols: Vec<(String, Bytes)>,
    pub(in crate::broker::groups) assignment: Bytes,
    /// It has not been in a generation yet.
    pub(in crate::broker::groups) is_new: bool,
    /// Its JoinGroup, which waits.
    pub(in crate::broker::groups) joining: Option<Ticket>,
    /// Its SyncGroup, which waits.
    pub(in crate::broker::groups) syncing: Option<Ticket>,
}

impl ClassicMember {
    /// What it has to say in a protocol.
    pub(in crate::broker::groups) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        let said = self.protocols.iter().find(|(name, _)| Some(name.as_str()) == protocol);
        said.map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|(name, _)| name == protocol)
    }

    /// Of these protocols the one that is dearest to it.
    pub(super) fn vote<'a>(&self, candidates: &'a BTreeSet<String>) -> Option<&'a str> {
        self.protocols.iter().find_map(|(name, _)| candidates.get(name).map(String::as_str))
    }

    /// Whoever waits for the others needs no heartbeats; but who has never been in a generation may go away unheard.
    pub(super) fn needs_no_heartbeat(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }
}
