//! How a broker asks others, and itself, about transactions.

use std::sync::Arc;

use super::peers::{BACKOFF_US, Errand, LOOPBACK_US, REQUEST_TIMEOUT_US, timer};
use crate::broker::{Broker, BrokerTimer, Context};
use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::wire::{Body, Message, Request};

impl Broker {
    /// Asks a broker that is free.
    pub(super) fn ask_peer(&mut self, errand: Errand, node: i32, request: Request, context: &mut Context<'_>) {
        assert!(self.transactions.peers.is_free(errand, node, context.now()), "one request at a time");
        let line = self.transactions.peers.lines.entry((errand, node)).or_default();
        line.is_busy = true;
        line.correlation_id = line.correlation_id.checked_add(1).unwrap_or(0);
        let message = Message::new(line.correlation_id, Body::Request(request));
        if node == self.settings.id {
            line.connection = Some(errand.own());
            self.tell_myself(errand.own(), message, context);
        } else {
            let connection = *line.connection.get_or_insert_with(|| context.connect(node as u32));
            context.send(connection, message);
        }
        context.set_timer(timer(errand, node), context.after(REQUEST_TIMEOUT_US));
    }

    /// A broker is not asked before then.
    pub(super) fn leave_peer_alone(&mut self, errand: Errand, node: i32, until: Time, context: &mut Context<'_>) {
        let line = self.transactions.peers.lines.entry((errand, node)).or_default();
        if !line.is_busy {
            line.backoff_until = until;
            context.set_timer(timer(errand, node), until);
        }
    }

    /// An answer has come from another broker, or from itself.
    pub(in crate::broker) fn peer_answers(
        &mut self,
        connection: ConnectionId,
        message: &Arc<Message>,
        context: &mut Context<'_>,
    ) {
        let Body::Response(response) = &message.body else { unreachable!("requests are routed") };
        let key = self.transactions.peers.of_connection(connection).expect("only what it owns is brought here");
        let line = self.transactions.peers.lines.get_mut(&key).expect("it was just found");
        // To a request that was given up.
        if !line.is_busy || line.correlation_id != message.correlation_id {
            return;
        }
        line.is_busy = false;
        let (errand, node) = key;
        context.cancel_timer(timer(errand, node));
        match errand {
            Errand::Markers => self.markers_answered(node, response, context),
            Errand::Partitions => self.partitions_answered(node, response, context),
        }
    }

    /// A connection is gone, and with it what was asked on it.
    pub(in crate::broker) fn peer_is_gone(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        // One that this side has closed.
        let Some((errand, node)) = self.transactions.peers.of_connection(connection) else { return };
        self.lose_line(errand, node, context);
    }

    fn lose_line(&mut self, errand: Errand, node: i32, context: &mut Context<'_>) {
        let line = self.transactions.peers.lines.get_mut(&(errand, node)).expect("a line that was made is kept");
        line.connection = None;
        line.backoff_until = context.after(BACKOFF_US);
        let was_busy = std::mem::take(&mut line.is_busy);
        context.set_timer(timer(errand, node), context.after(BACKOFF_US));
        if was_busy {
            match errand {
                Errand::Markers => self.markers_lost(node, context),
                Errand::Partitions => self.partitions_lost(node, context),
            }
        }
    }

    /// A broker has not answered for too long, or may be asked again.
    pub(in crate::broker) fn peer_timer(&mut self, number: u64, context: &mut Context<'_>) {
        let (errand, node) = (Errand::ALL[(number >> 32) as usize], number as u32 as i32);
        let line = *self.transactions.peers.lines.get(&(errand, node)).expect("a line that was made is kept");
        if line.is_busy {
            if let Some(connection) = line.connection.filter(|connection| Errand::of_own(*connection).is_none()) {
                context.close(connection);
            }
            self.lose_line(errand, node, context);
            return;
        }
        match errand {
            Errand::Markers => self.send_markers(node, context),
            Errand::Partitions => self.send_partitions(node, context),
        }
    }

    /// Says something to itself.
    pub(in crate::broker) fn tell_myself(
        &mut self,
        connection: ConnectionId,
        message: Message,
        context: &mut Context<'_>,
    ) {
        let own = &mut self.transactions.peers.own;
        let at = context.after(LOOPBACK_US);
        if own.is_empty() {
            context.set_timer(BrokerTimer::Own, at);
        }
        own.push_back((at, connection, Arc::new(message)));
    }

    /// What it said to itself arrives.
    pub(in crate::broker) fn hear_myself(&mut self, context: &mut Context<'_>) {
        while let Some((at, connection, message)) = self.transactions.peers.own.front().cloned() {
            if at > context.now() {
                return context.set_timer(BrokerTimer::Own, at);
            }
            self.transactions.peers.own.pop_front();
            match &message.body {
                Body::Request(_) => self.receive(connection, self.settings.id as u32, message, context),
                Body::Response(_) => self.peer_answers(connection, &message, context),
            }
        }
    }
}
