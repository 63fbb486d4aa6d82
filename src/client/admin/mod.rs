//! An admin client (Kafka: `KafkaAdminClient`, `AdminApiDriver`).
//!
//! A call is about keys: topics, partitions, groups, transactional ids. Who serves a key is found first, where not any broker
//! does: the coordinator of a group, the leader of a partition, all brokers. Then each of them is asked for its keys, one
//! request at a time. What fails on its way, or because a coordinator has moved, is tried again after `retry.backoff.ms`,
//! until `default.api.timeout.ms` is over.

mod answer;
mod ask;
mod look_up;
#[cfg(test)]
mod tests;
mod told;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use kafka_protocol::error::ResponseError;

use super::network::{Happened, Network, NetworkSettings, network_settings, response};
use super::timer::{ClientTimer, Slot};
use super::{ClientContext, backoff};
use crate::settings::{AdminConfig, ConsumerConfig, MetadataRecovery, milliseconds};
use crate::sim::process::Input;
use crate::sim::{SECOND, Time};
use crate::wire::{Message, Response};

pub use ask::Ask;
use look_up::Strategy;
pub use told::{CommittedOffset, GroupDescription, Key, MemberDescription, NamedPartition, Told};
use verdict::{Scope, Verdict};

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

/// What the first of a program calls itself (`AdminClientConfig`, `KafkaAdminClient.generateClientId`).
const CLIENT_ID: &str = "adminclient-1";

/// How long a call may take (`AbstractOptions.timeoutMs`), and each of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallTimes {
    /// `default.api.timeout.ms`
    pub api_us: Time,
    /// `request.timeout.ms`
    pub request_us: Time,
}

impl CallTimes {
    /// Those of a command with these settings.
    #[must_use]
    pub fn of(config: &AdminConfig) -> Self {
        Self {
            api_us: milliseconds(config.default_api_timeout_ms),
            request_us: milliseconds(config.request_timeout_ms),
        }
    }
}

/// A call of an admin client: the first is 0, the next 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdminCall(pub u64);

/// What an admin client tells its program.
#[derive(Clone, Debug, PartialEq)]
pub enum AdminEvent {
    /// The call is over: of each key what came of it, or Kafka's code of the error.
    Done {
        /// Which call.
        call: AdminCall,
        /// The keys in their order.
        results: Vec<(Key, Result<Told, i16>)>,
    },
    /// The call has failed as a whole.
    Failed {
        /// Which call.
        call: AdminCall,
        /// Kafka's code of the error: REQUEST_TIMED_OUT where `default.api.timeout.ms` is over.
        error: i16,
    },
}

/// How it goes with one that is asked (Kafka: `AdminApiDriver.RequestState`).
#[derive(Clone, Debug, Default)]
struct Attempt {
    /// The keys that the request in flight is about.
    in_flight: Option<BTreeSet<Key>>,
    tries: u32,
    not_before: Time,
}

/// A call that is not done.
#[derive(Clone, Debug)]
struct Call {
    ask: Ask,
    times: CallTimes,
    deadline: Time,
    /// Keys of which is not known who serves them.
    unmapped: BTreeSet<Key>,
    mapped: BTreeMap<Scope, BTreeSet<Key>>,
    attempts: BTreeMap<Scope, Attempt>,
    /// Groups that are no consumer groups of KIP-848: they are described as classic ones.
    classic: BTreeSet<Key>,
    results: BTreeMap<Key, Result<Told, i16>>,
    /// Kafka's code of the last error that was answered; 0 for none.
    last_error: i16,
}

impl Call {
    /// Those that are to be asked about some keys, with these keys.
    fn waiting(&self) -> impl Iterator<Item = (Scope, &BTreeSet<Key>)> {
        let unmapped = (Scope::LookUp, &self.unmapped);
        let mapped = self.mapped.iter().map(|(scope, keys)| (*scope, keys));
        let has_some = |(scope, keys): &(Scope, &BTreeSet<Key>)| {
            !keys.is_empty() && self.attempts.get(scope).is_none_or(|attempt| attempt.in_flight.is_none())
        };
        std::iter::once(unmapped).chain(mapped).filter(has_some)
    }

    fn not_before(&self, scope: Scope) -> Time {
        self.attempts.get(&scope).map_or(0, |attempt| attempt.not_before)
    }

    fn is_done(&self) -> bool {
        self.unmapped.is_empty() && self.mapped.values().all(BTreeSet::is_empty)
    }

    /// It is known who serves a key.
    fn map(&mut self, key: Key, scope: Scope) {
        self.mapped.entry(scope).or_default().insert(key);
    }

    /// Somebody else serves it now.
    fn unmap(&mut self, key: &Key) {
        self.mapped.values_mut().for_each(|keys| _ = keys.remove(key));
        self.unmapped.insert(key.clone());
    }

    fn complete(&mut self, key: &Key, result: Result<Told, i16>) {
        self.unmapped.remove(key);
        self.mapped.values_mut().for_each(|keys| _ = keys.remove(key));
        self.results.insert(key.clone(), result);
    }
}

/// An admin client.
#[derive(Clone, Debug)]
pub struct Admin {
    settings: Arc<AdminSettings>,
    network: Network<(AdminCall, Scope)>,
    calls: BTreeMap<AdminCall, Call>,
    next_call: u64,
    /// Who leads the partitions that it was asked about (Kafka: `partitionLeaderCache`).
    leaders: BTreeMap<Key, i32>,
    /// Since when requests wait for a node's connection: the time goes off their own.
    waits_since: BTreeMap<i32, Time>,
    events: VecDeque<AdminEvent>,
}

impl Admin {
    /// An admin client that has not begun, as one of a program's clients.
    #[must_use]
    pub fn new(settings: Arc<AdminSettings>, slot: Slot) -> Self {
        Self {
            network: Network::new(Arc::new(settings.network.clone()), slot, CLIENT_ID),
            settings,
            calls: BTreeMap::new(),
            next_call: 0,
            leaders: BTreeMap::new(),
            waits_since: BTreeMap::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins: it asks which brokers there are.
    pub fn start(&mut self, context: &mut ClientContext<'_>) {
        self.run(context);
    }

    /// Makes a call with the client's own time-outs.
    pub fn call(&mut self, ask: Ask, context: &mut ClientContext<'_>) -> AdminCall {
        let times = CallTimes {
            api_us: self.settings.default_api_timeout_us,
            request_us: self.settings.network.request_timeout_us,
        };
        self.call_within(ask, times, context)
    }

    /// Makes a call. An event tells what comes of it.
    pub fn call_within(&mut self, ask: Ask, times: CallTimes, context: &mut ClientContext<'_>) -> AdminCall {
        let number = AdminCall(self.next_call);
        self.next_call += 1;
        let mut call = Call {
            times,
            deadline: context.now() + times.api_us,
            unmapped: BTreeSet::new(),
            mapped: BTreeMap::new(),
            attempts: BTreeMap::new(),
            classic: BTreeSet::new(),
            results: BTreeMap::new(),
            last_error: 0,
            ask,
        };
        for key in call.ask.keys() {
            if let Some(error) = call.ask.refuses(&key) {
                call.results.insert(key, Err(error.code()));
            } else if call.ask.strategy() == Strategy::Any {
                call.map(key, Scope::Any);
            } else if let Some(leader) = self.leaders.get(&key)
                && call.ask.strategy() == Strategy::Leader
            {
                call.map(key, Scope::Node(*leader));
            } else {
                call.unmapped.insert(key);
            }
        }
        self.calls.insert(number, call);
        self.finish(number);
        self.run(context);
        number
    }

    /// How many calls are not over.
    #[must_use]
    pub fn open_calls(&self) -> usize {
        self.calls.len()
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
            Ok(Happened::Lost(lost)) => self.lost(lost.node, lost.requests, context),
            Ok(Happened::Rebootstrapped(all)) => {
                all.into_iter().for_each(|lost| self.lost(lost.node, lost.requests, context));
            }
            Ok(Happened::Answered { tag: (call, scope), response: message, .. }) => {
                self.answered(call, scope, response(&message), context);
            }
            Ok(Happened::Written { .. }) => panic!("an admin client is answered whatever it asks"),
            Ok(Happened::Timer(ClientTimer::Call)) => self.expire(context.now()),
            Ok(Happened::Timer(timer)) => panic!("{timer:?} is no timer of an admin client"),
        }
        self.run(context);
        None
    }

    /// Sends what can be sent.
    fn run(&mut self, context: &mut ClientContext<'_>) {
        self.network.maybe_update_metadata(context);
        let now = context.now();
        // Before it knows the brokers, its calls wait (`LeastLoadedNodeProvider`).
        if self.network.metadata().image().is_some() {
            let waiting: Vec<(AdminCall, Scope)> = self
                .calls
                .iter()
                .flat_map(|(number, call)| {
                    let due = call.waiting().filter(|(scope, _)| call.not_before(*scope) <= now);
                    due.map(|(scope, _)| (*number, scope)).collect::<Vec<_>>()
                })
                .collect();
            waiting.into_iter().for_each(|(call, scope)| self.ask(call, scope, context));
        }
        let next = |call: &Call| {
            let retries = call.waiting().map(|(scope, _)| call.not_before(scope)).filter(|at| *at > now);
            retries.chain([call.deadline]).min().unwrap_or(call.deadline)
        };
        if let Some(at) = self.calls.values().map(next).min() {
            self.network.set_timer(ClientTimer::Call, at, context);
        }
    }

    /// Asks somebody for some of the keys of a call, if the connection takes it.
    fn ask(&mut self, number: AdminCall, scope: Scope, context: &mut ClientContext<'_>) {
        let now = context.now();
        let node = match scope {
            Scope::Node(node) => Some(node),
            Scope::LookUp | Scope::Any => self.network.least_loaded(context),
        };
        // As long as no node is at hand it waits.
        let Some(node) = node else { return };
        if !self.network.is_ready(node, context) {
            self.waits_since.entry(node).or_insert(now);
            return;
        }
        let waited = self.waits_since.remove(&node).map_or(0, |since| now - since);
        let call = self.calls.get_mut(&number).expect("a call that waits");
        let timeout = call.times.request_us.saturating_sub(waited).min(call.deadline - now);
        let (request, keys) = match scope {
            Scope::LookUp => (call.ask.strategy().look_up(&call.unmapped), call.unmapped.clone()),
            Scope::Any | Scope::Node(_) => {
                let times = ask::Times { request: timeout, call: call.times.api_us };
                call.ask.request(&call.mapped[&scope], &call.classic, times)
            }
        };
        let attempt = call.attempts.entry(scope).or_default();
        attempt.tries += 1;
        attempt.in_flight = Some(keys);
        let within = call.times.request_us;
        self.network.send_within(node, request, (number, scope), within, context);
    }

    /// Kafka's code of the last error that was answered to a call that is not over; 0 for none.
    #[must_use]
    pub fn last_error(&self, call: AdminCall) -> i16 {
        self.calls.get(&call).map_or(0, |call| call.last_error)
    }

    fn expire(&mut self, now: Time) {
        while let Some((call, _)) = self.calls.iter().find(|(_, call)| call.deadline <= now) {
            let call = *call;
            self.calls.remove(&call);
            self.events.push_back(AdminEvent::Failed { call, error: ResponseError::RequestTimedOut.code() });
        }
    }

    /// A connection is gone with its requests: who serves their keys is looked up again (`AdminApiDriver.onFailure`).
    fn lost(&mut self, node: i32, requests: Vec<(AdminCall, Scope)>, context: &mut ClientContext<'_>) {
        self.leaders.retain(|_, leader| *leader != node);
        for (number, scope) in requests {
            // One that has timed out in the meantime has been told.
            let Some(keys) = self.end_attempt(number, scope, context) else { continue };
            let call = self.calls.get_mut(&number).expect("a call with a request");
            if let Scope::Node(_) = scope
                && call.ask.strategy().is_by_key()
            {
                keys.iter().for_each(|key| call.unmap(key));
            }
        }
    }

    /// A request is over. Says what it was about; `None` where its call is over, too.
    fn end_attempt(
        &mut self,
        number: AdminCall,
        scope: Scope,
        context: &mut ClientContext<'_>,
    ) -> Option<BTreeSet<Key>> {
        let (now, network) = (context.now(), &self.settings.network);
        let attempt = self.calls.get_mut(&number)?.attempts.get_mut(&scope)?;
        let (initial, max) = (network.retry_backoff_us, network.retry_backoff_max_us);
        attempt.not_before = now + backoff::exponential(initial, max, attempt.tries, context.random());
        attempt.in_flight.take()
    }

    fn answered(&mut self, number: AdminCall, scope: Scope, answer: &Response, context: &mut ClientContext<'_>) {
        // One that has timed out in the meantime has been told.
        let Some(keys) = self.end_attempt(number, scope, context) else { return };
        let call = self.calls.get_mut(&number).expect("a call with a request");
        call.last_error = answer.content().errors().first().copied().unwrap_or(call.last_error);
        let verdicts = match scope {
            Scope::LookUp => call.ask.strategy().found(&keys, answer),
            Scope::Any | Scope::Node(_) => call.ask.verdicts(&keys, &call.classic, answer),
        };
        for (key, verdict) in verdicts {
            match verdict {
                Verdict::Done(told) => call.complete(&key, Ok(told)),
                Verdict::Failed(error) => {
                    // Its leader is not believed any more (`PartitionLeaderStrategy.PartitionLeaderFuture`).
                    self.leaders.remove(&key);
                    call.complete(&key, Err(error.code()));
                }
                // It is asked again where it was asked.
                Verdict::Retry => {}
                Verdict::Unmap => {
                    self.leaders.remove(&key);
                    call.unmap(&key);
                }
                Verdict::IsClassic => _ = call.classic.insert(key),
                Verdict::ServedBy(scope) => {
                    call.unmapped.remove(&key);
                    if let (Strategy::Leader, Scope::Node(leader)) = (call.ask.strategy(), scope) {
                        self.leaders.insert(key.clone(), leader);
                    }
                    call.map(key, scope);
                }
                Verdict::IsAll => _ = call.unmapped.remove(&key),
            }
        }
        self.finish(number);
    }

    /// Tells of a call whose keys are all done.
    fn finish(&mut self, number: AdminCall) {
        if self.calls.get(&number).is_some_and(Call::is_done) {
            let call = self.calls.remove(&number).expect("it was just looked at");
            self.events.push_back(AdminEvent::Done { call: number, results: call.results.into_iter().collect() });
        }
    }
}
