//! Connections, and which handler serves which request (Kafka: `SocketServer`, `KafkaRequestHandler`, `KafkaApis.handle`).

use std::sync::Arc;

use super::channel::Channel;
use super::purgatory::Asker;
use super::{Broker, BrokerTimer, Context, Message};
use crate::sim::network::ConnectionId;
use crate::sim::process::ProcessId;
use crate::wire::{Body, BrokerRequest, Listener, Request, Response, api_versions};

impl Broker {
    /// A connection is open. Those of its own to the controller and to leaders a broker does not count.
    pub(super) fn connected(&mut self, connection: ConnectionId, peer: ProcessId, context: &mut Context<'_>) {
        let leader = self.fetchers.get(&(peer as i32)).and_then(|fetcher| fetcher.connection);
        if leader != Some(connection) && !self.controller.owns(connection) && !self.transactions.owns(connection) {
            self.channel(connection, peer, context);
        }
    }

    /// The channel of a connection over which something goes now. A request may be taken before the connection is told of,
    /// which another thread does.
    fn channel(&mut self, connection: ConnectionId, peer: ProcessId, context: &mut Context<'_>) -> &mut Channel {
        if self.channels.is_empty() {
            let max_idle = self.settings.connections_max_idle_us;
            context.set_timer(BrokerTimer::IdleConnections, context.after(max_idle));
        }
        let channel = self.channels.get_or_insert_with(connection, Channel::default);
        channel.last_active = context.now();
        channel.peer = peer;
        channel
    }

    /// A message has arrived: an answer to what this broker asked, or a request, which waits while another of its
    /// connection is under way.
    pub(super) fn receive(
        &mut self,
        connection: ConnectionId,
        peer: ProcessId,
        message: Arc<Message>,
        context: &mut Context<'_>,
    ) {
        match &message.body {
            Body::Response(_) if self.controller.owns(connection) => self.controller_answers(&message, context),
            Body::Response(_) if self.transactions.owns(connection) => {
                self.peer_answers(connection, &message, context);
            }
            Body::Response(_) => self.leader_answers(peer as i32, connection, &message, context),
            Body::Request(request) => {
                let channel = self.channel(connection, peer, context);
                if channel.is_idle() {
                    return self.route(Asker::of(connection, &message), &message, request, context);
                }
                channel.queue.push_back(message);
            }
        }
    }

    /// Takes the next requests of a connection until one has to wait.
    pub(super) fn serve(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        while let Some(channel) = self.channels.get_mut(&connection)
            && channel.waits.is_none()
            && let Some(message) = channel.queue.pop_front()
        {
            let Body::Request(request) = &message.body else { unreachable!("only requests wait for their turn") };
            self.route(Asker::of(connection, &message), &message, request, context);
        }
    }

    /// The one place that says who serves what.
    fn route(&mut self, asker: Asker, message: &Arc<Message>, request: &Request, context: &mut Context<'_>) {
        // SocketServer closes the connection where its listener does not serve the API.
        let Some(request) = request.at_broker() else { return self.hang_up(asker.connection, context) };
        if let BrokerRequest::TxnOffsetCommit(request) = request {
            return self.commit_offsets_in_transaction(asker, message, request, context);
        }
        if self.coordinate(asker, message, request, context) {
            return;
        }
        match request {
            BrokerRequest::Produce(request) => self.produce(asker, request, context),
            // Of transactions.
            BrokerRequest::InitProducerId(request) => self.init_producer_id(asker, message, request, context),
            BrokerRequest::AddPartitionsToTxn(request) => {
                self.add_partitions_to_txn(asker, message, request, context);
            }
            BrokerRequest::AddOffsetsToTxn(request) => self.add_offsets_to_txn(asker, message, request, context),
            BrokerRequest::EndTxn(request) => self.end_txn(asker, message, request, context),
            BrokerRequest::WriteTxnMarkers(request) => self.write_txn_markers(asker, request, context),
            BrokerRequest::DescribeProducers(request) => self.describe_producers(asker, request, context),
            BrokerRequest::DescribeTransactions(request) => self.describe_transactions(asker, request, context),
            BrokerRequest::ListTransactions(request) => self.list_transactions(asker, request, context),
            BrokerRequest::Fetch(request) => self.fetch(asker, request, context),
            BrokerRequest::FetchByName(request) => self.fetch(asker, &request.0, context),
            BrokerRequest::ListOffsets(request) => self.list_offsets(asker, request, context),
            BrokerRequest::OffsetForLeaderEpoch(request) => self.offset_for_leader_epoch(asker, request, context),
            BrokerRequest::Metadata(request) => {
                self.create_missing_topics(request, context);
                self.metadata(asker, context);
            }
            BrokerRequest::ApiVersions(request) => {
                let versions = api_versions(Listener::Broker, request, asker.version, self.image.offset);
                self.answer(asker, Response::ApiVersions(versions), context);
            }
            BrokerRequest::DeleteRecords(request) => self.delete_records(asker, request, context),
            BrokerRequest::DescribeCluster(request) => self.describe_cluster(asker, request, context),
            BrokerRequest::DescribeTopicPartitions(request) => {
                self.describe_topic_partitions(asker, request, context);
            }
            // What the controller serves (`ForwardingManager`).
            BrokerRequest::CreateTopics(it) => self.forward(asker, Request::CreateTopics(it.clone()), context),
            BrokerRequest::DeleteTopics(it) => self.forward(asker, Request::DeleteTopics(it.clone()), context),
            BrokerRequest::CreatePartitions(it) => self.forward(asker, Request::CreatePartitions(it.clone()), context),
            BrokerRequest::ElectLeaders(it) => self.forward(asker, Request::ElectLeaders(it.clone()), context),
            BrokerRequest::FindCoordinator(request) => self.find_coordinator(asker, request, context),
            // The coordinator of groups has taken these.
            BrokerRequest::OffsetCommit(_)
            | BrokerRequest::OffsetFetch(_)
            | BrokerRequest::JoinGroup(_)
            | BrokerRequest::Heartbeat(_)
            | BrokerRequest::LeaveGroup(_)
            | BrokerRequest::SyncGroup(_)
            | BrokerRequest::DescribeGroups(_)
            | BrokerRequest::ListGroups(_)
            | BrokerRequest::TxnOffsetCommit(_)
            | BrokerRequest::DeleteGroups(_)
            | BrokerRequest::OffsetDelete(_)
            | BrokerRequest::ConsumerGroupHeartbeat(_)
            | BrokerRequest::ConsumerGroupDescribe(_) => unreachable!("groups have their coordinator"),
        }
    }

    /// Closes a connection from this side: there is no answer, and nothing more is served on it.
    pub(super) fn hang_up(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        let channel = self.channels.remove(&connection).expect("a request came on an open connection");
        self.forget(&channel, context);
        context.close(connection);
    }

    /// Closes the connections over which nothing went for `connections.max.idle.ms`, whether or not a request waits on them
    /// (Kafka: `Selector.maybeCloseOldestConnection`). The timer is that of the oldest of them.
    pub(super) fn close_idle_connections(&mut self, context: &mut Context<'_>) {
        let (now, max_idle) = (context.now(), self.settings.connections_max_idle_us);
        let is_idle = |channel: &Channel| channel.last_active.saturating_add(max_idle) <= now;
        // What it says to itself needs no connection.
        let others = || self.channels.iter().filter(|(connection, _)| !self.transactions.owns(**connection));
        let idle: Vec<ConnectionId> =
            others().filter(|(_, channel)| is_idle(channel)).map(|(connection, _)| *connection).collect();
        let oldest = others().map(|(_, channel)| channel.last_active).filter(|at| at.saturating_add(max_idle) > now);
        let oldest = oldest.min();
        for connection in idle {
            self.hang_up(connection, context);
        }
        if let Some(oldest) = oldest {
            context.set_timer(BrokerTimer::IdleConnections, oldest.saturating_add(max_idle));
        }
    }

    /// A connection is gone from the other side.
    pub(super) fn disconnected(&mut self, connection: ConnectionId, peer: ProcessId, context: &mut Context<'_>) {
        if let Some(channel) = self.channels.remove(&connection) {
            self.forget(&channel, context);
        } else if self.controller.owns(connection) {
            self.controller_is_gone(connection, context);
        } else if self.transactions.owns(connection) {
            self.peer_is_gone(connection, context);
        } else {
            self.leader_is_gone(peer as i32, connection, context);
        }
    }
}
