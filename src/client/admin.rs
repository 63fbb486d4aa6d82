//! An admin client (Kafka: `KafkaAdminClient`).
//!
//! A call goes to any broker, which asks the controller where that must decide. What fails on its way, or because there is
//! no controller or coordinator yet, is tried again after `retry.backoff.ms`, until `default.api.timeout.ms` is over.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, ElectLeadersRequest, ElectLeadersResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::network::{Happened, Network, NetworkSettings, network_settings, response};
use super::timer::{ClientTimer, Slot};
use super::{ClientContext, backoff};
use crate::settings::{ConsumerConfig, MetadataRecovery, milliseconds};
use crate::sim::process::Input;
use crate::sim::{SECOND, Time};
use crate::wire::{Message, Request, Response};

/// How an admin client works, by Kafka's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// `default.api.timeout.ms`
    pub default_api_timeout_us: Time,
    /// What it shares with all clients.
    pub network: NetworkSettings,
}

impl Default for AdminSettings {
    /// Kafka's defaults: of the network those of a consumer, but one request at a time on a connection.
    fn default() -> Self {
        let config = ConsumerConfig::default();
        Self { default_api_timeout_us: 60 * SECOND, network: network_settings!(config, 1) }
    }
}

/// Who a coordinator is for (Kafka: `CoordinatorType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoordinatorType {
    /// A group.
    Group,
    /// A transactional id.
    Transaction,
}

/// A call of an admin client: the first is 0, the next 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdminCall(pub u64);

/// What an admin client tells its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminEvent {
    /// Topics were created, deleted or given partitions, or leaders elected: of each what it is called, and Kafka's code
    /// of the error, 0 for none.
    Done {
        /// Which call.
        call: AdminCall,
        /// Topics by name, or partitions as `topic-partition`.
        results: Vec<(String, i16)>,
    },
    /// The coordinator was found.
    Coordinator {
        /// Which call.
        call: AdminCall,
        /// Its broker.
        node: i32,
    },
    /// The call has failed as a whole.
    Failed {
        /// Which call.
        call: AdminCall,
        /// Kafka's code of the error: REQUEST_TIMED_OUT where `default.api.timeout.ms` is over.
        error: i16,
    },
}

/// A call that is not done.
#[derive(Clone, Debug)]
struct Call {
    request: Request,
    deadline: Time,
    /// It is in flight.
    sent: bool,
    not_before: Time,
    failures: u32,
}

/// An admin client.
#[derive(Clone, Debug)]
pub struct Admin {
    settings: Arc<AdminSettings>,
    network: Network<AdminCall>,
    calls: BTreeMap<AdminCall, Call>,
    next_call: u64,
    events: VecDeque<AdminEvent>,
}

impl Admin {
    /// An admin client that has not begun, as one of a program's clients.
    #[must_use]
    pub fn new(settings: Arc<AdminSettings>, slot: Slot) -> Self {
        Self {
            network: Network::new(Arc::new(settings.network.clone()), slot),
            settings,
            calls: BTreeMap::new(),
            next_call: 0,
            events: VecDeque::new(),
        }
    }

    /// Creates topics.
    pub fn create_topics(&mut self, request: CreateTopicsRequest, context: &mut ClientContext<'_>) -> AdminCall {
        self.call(Request::CreateTopics(request), context)
    }

    /// Deletes topics.
    pub fn delete_topics(&mut self, request: DeleteTopicsRequest, context: &mut ClientContext<'_>) -> AdminCall {
        self.call(Request::DeleteTopics(request), context)
    }

    /// Gives topics more partitions.
    pub fn create_partitions(
        &mut self,
        request: CreatePartitionsRequest,
        context: &mut ClientContext<'_>,
    ) -> AdminCall {
        self.call(Request::CreatePartitions(request), context)
    }

    /// Elects leaders.
    pub fn elect_leaders(&mut self, request: ElectLeadersRequest, context: &mut ClientContext<'_>) -> AdminCall {
        self.call(Request::ElectLeaders(request), context)
    }

    /// Looks for the coordinator of a group or a transactional id.
    pub fn find_coordinator(&mut self, of: CoordinatorType, key: &str, context: &mut ClientContext<'_>) -> AdminCall {
        let key_type = match of {
            CoordinatorType::Group => 0,
            CoordinatorType::Transaction => 1,
        };
        let keys = vec![StrBytes::from_string(key.to_owned())];
        let request = FindCoordinatorRequest::default().with_key_type(key_type).with_coordinator_keys(keys);
        self.call(Request::FindCoordinator(request), context)
    }

    fn call(&mut self, request: Request, context: &mut ClientContext<'_>) -> AdminCall {
        let call = AdminCall(self.next_call);
        self.next_call += 1;
        let deadline = context.now() + self.settings.default_api_timeout_us;
        self.calls.insert(call, Call { request, deadline, sent: false, not_before: 0, failures: 0 });
        self.run(context);
        call
    }

    /// The next thing that the program is told.
    pub fn next_event(&mut self) -> Option<AdminEvent> {
        self.events.pop_front()
    }

    /// Handles an input that is this client's; any other is handed back.
    pub fn handle(&mut self, input: Input<Message>, context: &mut ClientContext<'_>) -> Option<Input<Message>> {
        match self.network.handle(input, context) {
            Err(input) => return Some(input),
            // The network has seen to it, and what metadata allow is sent below.
            Ok(Happened::Nothing | Happened::Updated) => {}
            Ok(Happened::Lost(lost)) => lost.requests.into_iter().for_each(|call| self.try_again(call, context)),
            Ok(Happened::Rebootstrapped(lost)) => {
                let calls = lost.into_iter().flat_map(|lost| lost.requests);
                calls.for_each(|call| self.try_again(call, context));
            }
            Ok(Happened::Answered { tag, response, .. }) => self.answered(tag, &response, context),
            Ok(Happened::Written { .. }) => panic!("an admin client is answered whatever it asks"),
            Ok(Happened::Timer(ClientTimer::Call)) => self.expire(context.now()),
            Ok(Happened::Timer(timer)) => panic!("{timer:?} is no timer of an admin client"),
        }
        self.run(context);
        None
    }

    /// Sends what can be sent, each call to the node with the fewest requests in flight.
    fn run(&mut self, context: &mut ClientContext<'_>) {
        self.network.maybe_update_metadata(context);
        let now = context.now();
        let Self { calls, network, .. } = self;
        let waiting = calls.iter_mut().filter(|(_, waiting)| !waiting.sent && waiting.not_before <= now);
        for (call, waiting) in waiting {
            // As long as no node is at hand all of them wait.
            let Some(node) = network.least_loaded(context) else { break };
            if network.is_ready(node, context) {
                waiting.sent = true;
                network.send(node, waiting.request.clone(), *call, context);
            }
        }
        // One that may be sent and is not waits for a connection.
        let backs_off = |call: &Call| !call.sent && call.not_before > now;
        let next = |call: &Call| if backs_off(call) { call.deadline.min(call.not_before) } else { call.deadline };
        if let Some(at) = calls.values().map(next).min() {
            network.set_timer(ClientTimer::Call, at, context);
        }
    }

    fn expire(&mut self, now: Time) {
        while let Some((call, _)) = self.calls.iter().find(|(_, call)| call.deadline <= now) {
            let call = *call;
            self.calls.remove(&call);
            self.events.push_back(AdminEvent::Failed { call, error: ResponseError::RequestTimedOut.code() });
        }
    }

    fn try_again(&mut self, call: AdminCall, context: &mut ClientContext<'_>) {
        // One that has timed out in the meantime has been told.
        let Some(waiting) = self.calls.get_mut(&call) else { return };
        waiting.sent = false;
        waiting.failures += 1;
        let network = &self.settings.network;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        waiting.not_before = context.now() + backoff::exponential(initial, max, waiting.failures, context.random());
    }

    fn answered(&mut self, call: AdminCall, message: &Message, context: &mut ClientContext<'_>) {
        // Such an error may pass: the program need not hear of it.
        let Some(told) = told(call, response(message)) else { return self.try_again(call, context) };
        // One that has timed out in the meantime has been told.
        if self.calls.remove(&call).is_some() {
            self.events.push_back(told);
        }
    }
}

/// What the program is told of this answer; `None` where the call is tried again.
fn told(call: AdminCall, response: &Response) -> Option<AdminEvent> {
    match response {
        Response::CreateTopics(response) => {
            let topics = response.topics.iter();
            done(call, topics.map(|topic| (topic.name.0.to_string(), topic.error_code)).collect())
        }
        Response::DeleteTopics(response) => {
            let name = |name: &Option<TopicName>| name.as_ref().map(|name| name.0.to_string()).unwrap_or_default();
            let topics = response.responses.iter();
            done(call, topics.map(|topic| (name(&topic.name), topic.error_code)).collect())
        }
        Response::CreatePartitions(response) => {
            let topics = response.results.iter();
            done(call, topics.map(|topic| (topic.name.0.to_string(), topic.error_code)).collect())
        }
        Response::ElectLeaders(response) => Some(elected(call, response)),
        Response::FindCoordinator(response) => found(call, response),
        other => panic!("an admin client was answered with {:?}", other.api()),
    }
}

/// Where the broker found no controller the whole call is tried again (`KafkaAdminClient.handleNotControllerError`). Any
/// other error is told of its topic, though it be one that may pass.
fn done(call: AdminCall, results: Vec<(String, i16)>) -> Option<AdminEvent> {
    let is_refused = results.iter().any(|(_, code)| *code == ResponseError::NotController.code());
    (!is_refused).then_some(AdminEvent::Done { call, results })
}

/// Every error is told (`KafkaAdminClient.electLeaders`).
fn elected(call: AdminCall, response: &ElectLeadersResponse) -> AdminEvent {
    if response.error_code != 0 {
        return AdminEvent::Failed { call, error: response.error_code };
    }
    let of_topics = response.replica_election_results.iter().flat_map(|topic| {
        let name = |partition: i32| format!("{}-{partition}", topic.topic.0);
        topic.partition_result.iter().map(move |result| (name(result.partition_id), result.error_code))
    });
    AdminEvent::Done { call, results: of_topics.collect() }
}

/// The coordinator is looked for again where there is none yet (`CoordinatorStrategy.handleError`).
fn found(call: AdminCall, response: &FindCoordinatorResponse) -> Option<AdminEvent> {
    let found = response.coordinators.first().expect("a broker answers for each key");
    match ResponseError::try_from_code(found.error_code) {
        None => Some(AdminEvent::Coordinator { call, node: found.node_id.0 }),
        Some(ResponseError::CoordinatorNotAvailable | ResponseError::CoordinatorLoadInProgress) => None,
        Some(error) => Some(AdminEvent::Failed { call, error: error.code() }),
    }
}
