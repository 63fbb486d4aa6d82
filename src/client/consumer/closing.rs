//! The last that a consumer does: leaders may forget what it fetched (Kafka: `AbstractFetch.maybeCloseFetchSessions`).

use super::tag::Tag;
use super::{Consumer, ConsumerEvent};
use crate::client::ClientContext;
use crate::sim::MILLISECOND;
use crate::wire::Request;

impl Consumer {
    /// It is in no group any more. Each leader that has a session of it and can be reached is told that it ends, and its answer
    /// waited for, behind that of a fetch that may wait there.
    pub(super) fn close_sessions(&mut self, context: &mut ClientContext<'_>) {
        self.closing = Some(0);
        for leader in self.leaders.all() {
            if !self.network.is_connected(leader) || !self.network.is_ready(leader, context) {
                continue;
            }
            // It has opened none there, or a broken one.
            let Some(mut request) = self.leaders.session(leader).last() else { continue };
            let settings = &self.settings;
            request.max_wait_ms = (settings.fetch_max_wait_us / MILLISECOND).try_into().expect("an int of Kafka's");
            request.min_bytes = settings.fetch_min_bytes;
            request.max_bytes = settings.fetch_max_bytes;
            request.isolation_level = settings.isolation_level();
            self.closing = self.closing.map(|closing| closing + 1);
            self.network.send(leader, Request::Fetch(request), Tag::LastFetch, context);
        }
        self.finish_closing();
    }

    pub(super) fn last_fetch_over(&mut self) {
        self.closing = self.closing.map(|closing| closing - 1);
        self.finish_closing();
    }

    fn finish_closing(&mut self) {
        if self.closing.take_if(|closing| *closing == 0).is_some() {
            self.events.push_back(ConsumerEvent::Closed);
        }
    }
}
