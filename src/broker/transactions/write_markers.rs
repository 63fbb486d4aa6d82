//! Markers are written into partitions (Kafka: `KafkaApis.handleWriteTxnMarkersRequest`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{TopicName, WriteTxnMarkersResponse};

use super::clock::now_ms;
use super::peers::REQUEST_TIMEOUT_US;
use super::pending::{MarkerWait, PendingMarkers};
use crate::broker::delayed::{Replication, Work};
use crate::broker::produce::outcome;
use crate::broker::purgatory::{Asker, WaitId};
use crate::broker::{Broker, Context};
use crate::log::marker::Marker;
use crate::log::{AppendOptions, AppendOrigin};
use crate::wire::{Response, TopicPartition, TxnMarker, TxnMarkersRequest, TxnMarkersResponse};

fn respond(response: WriteTxnMarkersResponse) -> Response {
    Response::WriteTxnMarkers(TxnMarkersResponse(response))
}

impl Broker {
    /// Writes markers into the partitions that are here.
    pub(in crate::broker) fn write_txn_markers(
        &mut self,
        asker: Asker,
        request: &TxnMarkersRequest,
        context: &mut Context<'_>,
    ) {
        let (mut results, mut waits) = (Vec::new(), Vec::new());
        for (marker_place, marker) in request.markers.iter().enumerate() {
            let mut topics = Vec::new();
            for (topic_place, topic) in marker.topics.iter().enumerate() {
                let mut partitions = Vec::new();
                for (place, index) in topic.partition_indexes.iter().enumerate() {
                    let result = WritableTxnMarkerPartitionResult::default().with_partition_index(*index);
                    let written = self.write_marker(marker, &topic.name, *index, context);
                    partitions.push(match written {
                        Ok((partition, up_to)) => {
                            let place = (marker_place, topic_place, place);
                            waits.push(MarkerWait { partition, up_to, place, is_settled: false });
                            result
                        }
                        Err(error) => result.with_error_code(error.code()),
                    });
                }
                let of_topic = WritableTxnMarkerTopicResult::default().with_name(topic.name.clone());
                topics.push(of_topic.with_partitions(partitions));
            }
            let of_marker = WritableTxnMarkerResult::default().with_producer_id(marker.producer_id);
            results.push(of_marker.with_topics(topics));
        }
        let response = WriteTxnMarkersResponse::default().with_markers(results);
        if waits.is_empty() {
            return self.answer(asker, respond(response), context);
        }
        let work = Work::Markers(Box::new(PendingMarkers { response, waits }));
        let wait = self.begin_wait(asker, context.after(REQUEST_TIMEOUT_US), work, context);
        self.continue_markers(wait, false, context);
    }

    /// Appends a marker to a partition that is here. The offset behind it.
    fn write_marker(
        &mut self,
        marker: &TxnMarker,
        topic: &TopicName,
        partition: i32,
        context: &mut Context<'_>,
    ) -> Result<(TopicPartition, i64), ResponseError> {
        let unknown = ResponseError::UnknownTopicOrPartition;
        let topic = self.image.topics.named(topic.as_str()).ok_or(unknown)?;
        let partition = TopicPartition { topic, partition };
        if self.replicas.get(&partition).is_none() {
            return Err(unknown);
        }
        let control = Marker {
            aborts: !marker.transaction_result,
            coordinator_epoch: marker.coordinator_epoch,
            timestamp: now_ms(context),
        };
        let batch = control.batch(marker.producer_id.0, marker.producer_epoch);
        let options = AppendOptions {
            origin: AppendOrigin::Coordinator,
            guard: None,
            transaction_version: Some(marker.transaction_version.into()),
        };
        let appended = self.replicas.append_as_leader(partition, batch, -1, &options, context);
        let appended = appended.map_err(|refused| refused.error)?;
        let end = appended.info.last_offset + 1;
        // Before the high watermark moves past it.
        self.complete_transaction(partition, marker.producer_id.0, marker.transaction_result, end);
        self.appended(partition, &appended, context);
        Ok((partition, end))
    }

    /// Answers once all markers are replicated, or known not to be.
    pub(in crate::broker) fn continue_markers(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get_mut(id).expect("what is continued has not ended");
        let Work::Markers(pending) = &mut wait.work else { unreachable!("it is continued as what it is") };
        let PendingMarkers { response, waits } = &mut **pending;
        for wait in waits.iter_mut().filter(|wait| !wait.is_settled) {
            let (partition, high_watermark) = (wait.partition, wait.up_to);
            let replication = Replication { partition, high_watermark, place: (0, 0), is_settled: false };
            // Neither committed nor given up: it waits on.
            let Some(code) = outcome(&self.replicas, &replication, overdue) else { continue };
            wait.is_settled = true;
            let (marker, topic, partition) = wait.place;
            response.markers[marker].topics[topic].partitions[partition].error_code = code;
        }
        if waits.iter().all(|wait| wait.is_settled) {
            let wait = self.end_wait(id, context);
            let Work::Markers(pending) = wait.work else { unreachable!("it ends as what it is") };
            self.answer(wait.asker, respond(pending.response), context);
        }
    }
}
