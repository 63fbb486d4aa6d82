//! How a coordinator lets markers be written, and what it does once they are (Kafka: `TransactionMarkerChannelManager`,
//! `TransactionMarkerRequestCompletionHandler`).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;

use super::TransactionShard;
use super::clock::now_ms;
use super::markers::{Completing, Marker, NOBODY};
use super::metadata::{NamedPartition, TransactionMetadata};
use super::peers::Errand;
use crate::broker::coordinator::CoordinatorRuntime;
use crate::broker::{Broker, BrokerTimer, Context};
use crate::sim::{MILLISECOND, Time};
use crate::wire::{Request, Response, TopicPartition};

/// How long a broker is left alone that could not write markers, and a log that did not take the end of a transaction. Kafka's
/// sender asks again as soon as it has an answer; that would be an event every round trip for as long as replicas are missing.
const RETRY_US: Time = 20 * MILLISECOND;

/// What became of a marker in a partition.
enum Fate {
    Written,
    /// It is to be sent again, perhaps to another leader.
    Again,
    /// Another coordinator, or another epoch of the producer, was there: nobody goes on with it here.
    GivenUp,
}

impl Fate {
    fn of(code: i16) -> Self {
        match ResponseError::try_from_code(code) {
            None => Self::Written,
            Some(ResponseError::InvalidProducerEpoch | ResponseError::TransactionCoordinatorFenced) => Self::GivenUp,
            // On errors that are none of these, Kafka's sender ends with a fatal error.
            Some(_) => Self::Again,
        }
    }
}

impl Broker {
    /// Some of a coordinator's partition is committed: if it is of transactions, markers follow where something was decided.
    pub(in crate::broker) fn transactions_committed(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        let runtime = self.coordinators.typed::<CoordinatorRuntime<TransactionShard>>();
        // Another coordinator's, or one without transactions.
        let Some((_, runtime)) = runtime.filter(|(place, _)| self.coordinators.topic(*place) == Some(partition.topic))
        else {
            return;
        };
        // It is still read, or failed.
        let Ok((current, committed)) = runtime.shards(partition.partition) else { return };
        let is_new = |id: &str| !self.transactions.markers.knows(id);
        let decided = committed.prepared().filter(|(id, _)| is_new(id) && current.is_settled(committed, id));
        let decided = decided.filter_map(|(id, _)| Some((id, current.get(id)?)));
        let decided: Vec<(String, TransactionMetadata)> = decided.map(|(id, it)| (id.to_owned(), it.clone())).collect();
        for (id, prepared) in decided {
            self.begin_completion(partition, &id, &prepared, context);
        }
        self.sweep_transactions(context);
    }

    /// A partition is led on in another epoch: markers carry that from now on.
    pub(in crate::broker) fn transactions_led_anew(&mut self, partition: TopicPartition, context: &mut Context<'_>) {
        self.transactions_resigned(partition);
        self.transactions_committed(partition, context);
    }

    /// A partition is led by another broker, or deleted.
    pub(in crate::broker) fn transactions_resigned(&mut self, partition: TopicPartition) {
        self.transactions.markers.forget(partition);
    }

    fn begin_completion(
        &mut self,
        partition: TopicPartition,
        id: &str,
        prepared: &TransactionMetadata,
        context: &mut Context<'_>,
    ) {
        let coordinator_epoch = self.replicas.replica(partition).leader_epoch;
        let completing = Completing {
            partition,
            coordinator_epoch,
            remaining: prepared.partitions.clone(),
            completed: prepared.completed(now_ms(context)),
        };
        self.transactions.markers.begin(id, completing);
        self.route_marker(Marker::of(id, prepared, coordinator_epoch), context);
    }

    /// Puts a marker into the queues of those who lead its partitions, and sends what can be sent.
    fn route_marker(&mut self, marker: Marker, context: &mut Context<'_>) {
        let mut by_leader: BTreeMap<i32, BTreeSet<NamedPartition>> = BTreeMap::new();
        let mut deleted = Vec::new();
        for named in &marker.partitions {
            match self.leader_of(named) {
                Some(leader) => _ = by_leader.entry(leader).or_default().insert(named.clone()),
                None => deleted.push(named.clone()),
            }
        }
        if let Some(completing) = self.transactions.markers.get_mut(&marker.id, marker.coordinator_epoch) {
            deleted.iter().for_each(|named| _ = completing.remaining.remove(named));
        }
        let nodes: Vec<i32> = by_leader.keys().copied().collect();
        for (node, partitions) in by_leader {
            self.transactions.markers.enqueue(node, marker.within(partitions));
        }
        nodes.into_iter().for_each(|node| self.send_markers(node, context));
        self.complete_if_written(&marker.id, context);
    }

    /// Who leads a partition, [`NOBODY`] where that is nobody who is alive; `None` where there is no such partition.
    fn leader_of(&self, (topic, partition): &NamedPartition) -> Option<i32> {
        let topic = self.image.topics.named(topic.as_str())?;
        let image = self.image.partition(TopicPartition { topic, partition: *partition })?;
        Some(if self.image.is_alive(image.leader) { image.leader } else { NOBODY })
    }

    /// Markers whose partitions nobody led find out whether somebody does now.
    pub(in crate::broker) fn route_markers_again(&mut self, context: &mut Context<'_>) {
        for marker in self.transactions.markers.take(NOBODY) {
            self.route_marker(marker, context);
        }
    }

    /// Sends what waits for a broker, if it may be asked.
    pub(super) fn send_markers(&mut self, node: i32, context: &mut Context<'_>) {
        if node == NOBODY || !self.transactions.peers.is_free(Errand::Markers, node, context.now()) {
            return;
        }
        if let Some(request) = self.transactions.markers.request(node) {
            self.ask_peer(Errand::Markers, node, Request::WriteTxnMarkers(request), context);
        }
    }

    /// Nobody knows what became of markers: they are sent again, perhaps elsewhere.
    pub(super) fn markers_lost(&mut self, node: i32, context: &mut Context<'_>) {
        for marker in self.transactions.markers.asked(node) {
            if self.transactions.markers.get_mut(&marker.id, marker.coordinator_epoch).is_some() {
                self.route_marker(marker, context);
            }
        }
    }

    /// A broker says what became of markers.
    pub(super) fn markers_answered(&mut self, node: i32, response: &Response, context: &mut Context<'_>) {
        let Response::WriteTxnMarkers(response) = response else { unreachable!("an answer is to its request") };
        for marker in self.transactions.markers.asked(node) {
            let of_producer = response.0.markers.iter().filter(|it| it.producer_id.0 == marker.producer_id);
            let topics = of_producer.flat_map(|it| &it.topics);
            let codes = topics.flat_map(|topic| {
                topic.partitions.iter().map(|it| ((topic.name.clone(), it.partition_index), it.error_code))
            });
            let codes = codes.collect();
            self.take_fates(node, marker, codes, context);
        }
        self.send_markers(node, context);
    }

    fn take_fates(
        &mut self,
        node: i32,
        marker: Marker,
        codes: BTreeMap<NamedPartition, i16>,
        context: &mut Context<'_>,
    ) {
        // The coordinator is another by now, or in another epoch.
        let Some(completing) = self.transactions.markers.get_mut(&marker.id, marker.coordinator_epoch) else { return };
        let mut again = BTreeSet::new();
        for named in &marker.partitions {
            let code = codes.get(named).copied().unwrap_or(ResponseError::UnknownServerError.code());
            match Fate::of(code) {
                Fate::Written => _ = completing.remaining.remove(named),
                Fate::Again => _ = again.insert(named.clone()),
                // It stays decided, and its producer is told to wait, until somebody else leads the coordinator's partition.
                Fate::GivenUp => return,
            }
        }
        if again.is_empty() {
            return self.complete_if_written(&marker.id, context);
        }
        self.leave_peer_alone(Errand::Markers, node, context.after(RETRY_US), context);
        self.route_marker(marker.within(again), context);
    }

    /// Puts the end of a transaction into the log, once all its markers are written.
    fn complete_if_written(&mut self, id: &str, context: &mut Context<'_>) {
        // Others are on their way.
        let Some(completing) = self.transactions.markers.complete(id) else { return };
        let (partition, completed) = (completing.partition, completing.completed.clone());
        let (place, _) = self
            .coordinators
            .typed::<CoordinatorRuntime<TransactionShard>>()
            .expect("who completes transactions coordinates them");
        match self.write_transaction(place, partition, id, &completed, context) {
            Err(ResponseError::CoordinatorNotAvailable) => {
                self.transactions.markers.unwritten.insert(id.to_owned());
                context.set_timer(BrokerTimer::Completion, context.after(RETRY_US));
            }
            // Of an error that stays, whoever leads next sends the markers again.
            Ok(_) | Err(_) => self.transactions.markers.end(id),
        }
    }

    /// What the log did not take is put there again.
    pub(in crate::broker) fn complete_again(&mut self, context: &mut Context<'_>) {
        for id in std::mem::take(&mut self.transactions.markers.unwritten) {
            self.complete_if_written(&id, context);
        }
    }
}
