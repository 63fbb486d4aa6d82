//! Who coordinates the group (Kafka: `AbstractCoordinator.ensureCoordinatorReady`, `lookupCoordinator`).

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use super::member::{GroupTag, Retry};
use super::{Coordinator, Tag, Turn, text};
use crate::client::node::coordinator_node;
use crate::client::timer::ClientTimer;
use crate::wire::Request;

impl Coordinator {
    /// True where the coordinator is known; asks for it otherwise.
    pub(super) fn is_coordinator_known(&mut self, turn: &mut Turn<'_, '_>) -> bool {
        if let Some(node) = self.node {
            if !turn.network.is_unavailable(node, turn.now()) {
                return true;
            }
            // It was found, and cannot be connected to: it is looked for again after a pause (`ensureCoordinatorReady`).
            self.forget_coordinator(turn);
            self.look_up = self.back_off(self.look_up, ClientTimer::Coordinator, turn);
        }
        if self.is_looked_up || self.look_up.not_before > turn.now() {
            return false;
        }
        // Until a node is at hand, any of them that is heard of makes it ask again.
        let Some(any) = turn.network.least_loaded(turn.context) else { return false };
        if turn.network.is_ready(any, turn.context) {
            let request = FindCoordinatorRequest::default().with_coordinator_keys(vec![text(&self.group)]);
            self.is_looked_up = true;
            let tag = Tag::Group(GroupTag::LookUp);
            turn.network.send(any, Request::FindCoordinator(request), tag, turn.context);
        }
        false
    }

    pub(super) fn looked_up(&mut self, response: &FindCoordinatorResponse, turn: &mut Turn<'_, '_>) {
        let found = response.coordinators.first().expect("a broker answers for each key");
        match ResponseError::try_from_code(found.error_code) {
            None => {
                let node = coordinator_node(found.node_id.0);
                (self.node, self.is_looked_up, self.look_up) = (Some(node), false, Retry::default());
                self.beat.new_session(turn.now(), &self.settings);
                turn.network.is_ready(node, turn.context);
            }
            Some(error) if error.is_retriable() => self.look_up_failed(turn),
            Some(error) => {
                self.is_looked_up = false;
                self.fail(error.code());
            }
        }
    }

    pub(super) fn look_up_failed(&mut self, turn: &mut Turn<'_, '_>) {
        self.is_looked_up = false;
        self.look_up = self.back_off(self.look_up, ClientTimer::Coordinator, turn);
        turn.network.metadata_mut().request_update();
    }
}
