//! Answers, waits, and what a connection leaves behind.

use std::sync::Arc;

use super::channel::{Channel, Pending, Work};
use super::{Broker, Context, timer};
use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::wire::{Body, Message, Response};

impl Broker {
    /// Answers at once a request that never waited.
    pub(super) fn answer(
        &self,
        connection: ConnectionId,
        correlation_id: i32,
        response: Response,
        context: &mut Context<'_>,
    ) {
        context.send(connection, Message { correlation_id, body: Body::Response(response) });
    }

    /// Lets a request wait until something it waits for happens, or `deadline`.
    pub(super) fn park(
        &mut self,
        connection: ConnectionId,
        correlation_id: i32,
        deadline: Time,
        work: Work,
        context: &mut Context<'_>,
    ) {
        if let Some(channel) = self.channels.get_mut(&connection) {
            channel.pending = Some(Pending { correlation_id, deadline, work });
            context.set_timer(timer::CHANNEL | connection.0, deadline);
        }
    }

    /// Ends the wait of a connection.
    pub(super) fn unpark(&mut self, connection: ConnectionId, context: &mut Context<'_>) -> Option<Pending> {
        let pending = self.channels.get_mut(&connection)?.pending.take();
        if pending.is_some() {
            context.cancel_timer(timer::CHANNEL | connection.0);
        }
        pending
    }

    /// Drops what a closed connection waited for. Its fetch session stays: the client may go on with it elsewhere.
    pub(super) fn forget_waits(&mut self, connection: ConnectionId, channel: &Channel) {
        if let Some(session) = channel.one_time_session {
            self.close_session(session);
        }
        if let Some(Pending { work: Work::Fetch { session, .. }, .. }) = &channel.pending
            && let Some(session) = self.sessions.get_mut(session).filter(|session| session.parked == Some(connection))
        {
            Arc::make_mut(session).parked = None;
        }
        if let Some(Pending { work: Work::Produce { waits, .. }, .. }) = &channel.pending {
            for wait in waits {
                if let Some(replica) = self.replicas.get_mut(&wait.partition) {
                    Arc::make_mut(replica).producers.remove(&connection);
                }
            }
        }
    }
}
