//! What a broker asks the controller, each in its lane, and what becomes of it when the lane is gone
//! (Kafka: `NodeToControllerChannelManager`, `ForwardingManager`).

use kafka_protocol::messages::{AllocateProducerIdsRequest, BrokerId, CreateTopicsRequest};
use litemap::LiteMap;

use super::super::delayed::Work;
use super::super::purgatory::{Asker, WaitId};
use super::super::{Broker, BrokerTimer, Context};
use super::{Asked, Lane, RECONNECT_US, SOCKET_TIMEOUT_US};
use crate::sim::network::ConnectionId;
use crate::sim::{SECOND, Time};
use crate::wire::{Body, CONTROLLER_PROCESS, FetchMetadataRequest, Message, Request, Response, TopicPartition};

/// `controller.quorum.request.timeout.ms`: a fetch of metadata without an answer for so long is given up.
const METADATA_TIMEOUT_US: Time = 2 * SECOND;
/// How long a client's request waits for the controller (`BrokerServer`: the retry time-out of the forwarding channel).
const FORWARDING_US: Time = 60 * SECOND;

impl Broker {
    pub(in crate::broker) fn begin_registration(&mut self, incarnation: u32, context: &mut Context<'_>) {
        self.controller.incarnation = incarnation;
        Lane::ALL.into_iter().for_each(|lane| self.connect(lane, context));
    }

    /// A lane is to be opened again.
    pub(in crate::broker) fn connect_to_controller(&mut self, lane: u64, context: &mut Context<'_>) {
        self.connect(Lane::of(lane), context);
    }

    fn connect(&mut self, lane: Lane, context: &mut Context<'_>) {
        let connection = &mut self.controller.connections[lane as usize];
        assert!(connection.is_none(), "a lane is opened once");
        *connection = Some(context.connect(CONTROLLER_PROCESS));
        match lane {
            Lane::Lifecycle => self.communicate(context),
            Lane::Requests => self.ask_again(context),
            Lane::Metadata => self.ask_for_metadata(context),
        }
    }

    /// What could not be asked for without a connection is asked for now. ISR changes gather and go by themselves.
    fn ask_again(&mut self, context: &mut Context<'_>) {
        if self.producer_ids.asked {
            self.ask_for_producer_ids(context);
        }
        self.forward_again(context);
    }

    pub(in crate::broker) fn ask_for_producer_ids(&mut self, context: &mut Context<'_>) {
        let request = AllocateProducerIdsRequest::default()
            .with_broker_id(BrokerId(self.settings.id))
            .with_broker_epoch(self.controller.broker_epoch);
        self.ask(Asked::ProducerIds, Request::AllocateProducerIds(request), context);
    }

    pub(in crate::broker) fn alter_partitions(
        &mut self,
        partitions: Vec<TopicPartition>,
        request: Request,
        context: &mut Context<'_>,
    ) {
        self.ask(Asked::AlterPartition(partitions), request, context);
    }

    /// Lets the controller make topics that are not there.
    pub(in crate::broker) fn ask_for_topics(&mut self, request: CreateTopicsRequest, context: &mut Context<'_>) {
        let names = request.topics.iter().map(|topic| topic.name.to_string()).collect();
        self.ask(Asked::Topics(names), Request::CreateTopics(request), context);
    }

    /// Lets the controller serve a client's request (`ForwardingManager`; without the Envelope, which carries who asked).
    pub(in crate::broker) fn forward(&mut self, asker: Asker, request: Request, context: &mut Context<'_>) {
        let work = Work::Forwarded(Box::new(request));
        let wait = self.begin_wait(asker, context.after(FORWARDING_US), work, context);
        self.controller.unsent.push((wait, asker));
        self.forward_again(context);
    }

    fn forward_again(&mut self, context: &mut Context<'_>) {
        if self.controller.connections[Lane::Requests as usize].is_none() {
            return;
        }
        for (wait, asker) in std::mem::take(&mut self.controller.unsent) {
            // Whoever has hung up meanwhile is not asked for.
            if let Some(request) = self.forwarded(wait, asker).cloned() {
                self.ask(Asked::Forwarded(wait, asker), request, context);
            }
        }
    }

    /// The request of a client that still waits for the controller.
    fn forwarded(&self, wait: WaitId, asker: Asker) -> Option<&Request> {
        match self.purgatory.get(wait) {
            Some(wait) if wait.asker == asker => match &wait.work {
                Work::Forwarded(request) => Some(request),
                Work::Fetch { .. }
                | Work::Produce { .. }
                | Work::DeleteRecords(_)
                | Work::ProducerId(_)
                | Work::Coordinator(_)
                | Work::Verification(_)
                | Work::Offsets(_)
                | Work::Decision(_)
                | Work::AddPartitions(_)
                | Work::Markers(_)
                | Work::Never => None,
            },
            Some(_) | None => None,
        }
    }

    /// A client has waited too long for the controller: it is not answered, which it sees by its connection.
    pub(in crate::broker) fn continue_forwarded(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        assert!(overdue, "nothing but its deadline wakes a request that was forwarded");
        let wait = self.end_wait(id, context);
        self.hang_up(wait.asker.connection, context);
    }

    fn ask_for_metadata(&mut self, context: &mut Context<'_>) {
        let request =
            Request::FetchMetadata(FetchMetadataRequest { broker: self.settings.id, offset: self.controller.offset });
        self.ask(Asked::Metadata, request, context);
    }

    pub(super) fn ask(&mut self, asked: Asked, request: Request, context: &mut Context<'_>) {
        let lane = asked.lane();
        let link = &mut self.controller;
        // What cannot be asked now is asked for when the lane is open again.
        let Some(connection) = link.connections[lane as usize] else { return };
        link.correlation_id = link.correlation_id.checked_add(1).unwrap_or(0);
        link.asked.insert(link.correlation_id, (asked, context.now()));
        context.send(connection, Message::new(link.correlation_id, Body::Request(request)));
        self.watch_lane(lane, context);
    }

    /// Sets the timer at which the oldest request of a lane is given up.
    fn watch_lane(&self, lane: Lane, context: &mut Context<'_>) {
        let timeout = match lane {
            // The timer of the heartbeats does that.
            Lane::Lifecycle => return,
            Lane::Requests => SOCKET_TIMEOUT_US,
            Lane::Metadata => METADATA_TIMEOUT_US,
        };
        match self.controller.oldest(lane) {
            Some(since) => context.set_timer(BrokerTimer::ControllerSilent(lane as u64), since.saturating_add(timeout)),
            None => context.cancel_timer(BrokerTimer::ControllerSilent(lane as u64)),
        }
    }

    /// A request of a lane has had no answer for too long.
    pub(in crate::broker) fn controller_is_silent(&mut self, lane: u64, context: &mut Context<'_>) {
        self.lane_is_gone(Lane::of(lane), context);
    }

    pub(in crate::broker) fn controller_answers(&mut self, message: &Message, context: &mut Context<'_>) {
        // A request that arrived twice is answered twice; the second answer is to nothing.
        let Some((asked, _)) = self.controller.asked.remove(&message.correlation_id) else { return };
        let Body::Response(response) = &message.body else { unreachable!("the controller asks brokers nothing") };
        self.watch_lane(asked.lane(), context);
        match (asked, response) {
            (Asked::Registration, Response::BrokerRegistration(response)) => self.registered(response, context),
            (Asked::Heartbeat, Response::BrokerHeartbeat(response)) => self.heartbeat_answered(response, context),
            (Asked::ProducerIds, Response::AllocateProducerIds(response)) => {
                self.take_producer_ids(response, context);
            }
            (Asked::AlterPartition(asked), Response::AlterPartition(response)) => {
                self.isr_answer(&asked, response, context);
            }
            (Asked::Metadata, Response::FetchMetadata(image)) => {
                if image.offset > self.controller.offset {
                    self.controller.offset = image.offset;
                    self.apply_metadata(image, context);
                }
                self.ask_for_metadata(context);
            }
            // The metadata tells of the topic; whoever still needs it asks again.
            (Asked::Topics(_), Response::CreateTopics(_)) => {}
            (Asked::Forwarded(wait, asker), response) => {
                // A client that has hung up is answered no more.
                if self.forwarded(wait, asker).is_some() {
                    self.end_wait(wait, context);
                    self.answer(asker, response.clone(), context);
                    self.serve(asker.connection, context);
                }
            }
            (asked, response) => unreachable!("{:?} was answered with {:?}", asked, response.api()),
        }
    }

    /// A connection to the controller was closed from the other side, or never opened.
    pub(in crate::broker) fn controller_is_gone(&mut self, connection: ConnectionId, context: &mut Context<'_>) {
        let is_it = |lane: &Lane| self.controller.connections[*lane as usize] == Some(connection);
        let lane = Lane::ALL.into_iter().find(is_it).expect("who owns a connection knows what for");
        self.lane_is_gone(lane, context);
    }

    /// Everything on the way in this lane is lost; it is opened again after a while.
    pub(super) fn lane_is_gone(&mut self, lane: Lane, context: &mut Context<'_>) {
        let link = &mut self.controller;
        if let Some(connection) = link.connections[lane as usize].take() {
            context.close(connection);
        }
        let (lost, kept) =
            std::mem::take(&mut link.asked).into_iter().partition(|(_, (asked, _))| asked.lane() == lane);
        link.asked = kept;
        let lost: LiteMap<i32, (Asked, Time)> = lost;
        for (_, (asked, _)) in lost {
            match asked {
                // These begin again with the lane.
                Asked::Registration | Asked::Heartbeat | Asked::Metadata | Asked::ProducerIds => {}
                // Whoever needs it asks again.
                Asked::Topics(_) => {}
                Asked::AlterPartition(partitions) => self.replicas.isr_changes_lost(partitions),
                Asked::Forwarded(wait, asker) => self.controller.unsent.push((wait, asker)),
            }
        }
        if lane == Lane::Lifecycle {
            context.cancel_timer(BrokerTimer::Heartbeat);
        } else {
            context.cancel_timer(BrokerTimer::ControllerSilent(lane as u64));
        }
        context.set_timer(BrokerTimer::ControllerReconnect(lane as u64), context.after(RECONNECT_US));
    }
}
