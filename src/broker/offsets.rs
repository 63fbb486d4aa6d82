//! Metadata, ListOffsets and OffsetForLeaderEpoch.

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::purgatory::Asker;
use super::replicas::error_of;
use super::{Broker, Context};
use crate::sim::disk::Disk;
use crate::wire::{Response, TopicPartition};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
/// The isolation level of a reader that is given nothing of open transactions.
const READ_COMMITTED: i8 = 1;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
/// The first version of ListOffsets whose answer has a leader epoch.
const FIRST_WITH_EPOCH: i16 = 4;

impl Broker {
    pub(super) fn metadata(&mut self, asker: Asker, context: &mut Context<'_>) {
        self.answer(asker, Response::Metadata(Arc::clone(&self.image)), context);
    }

    pub(super) fn list_offsets(&mut self, asker: Asker, request: &ListOffsetsRequest, context: &mut Context<'_>) {
        let topics = request.topics.iter().map(|topic| {
            let index = self.image.topics.named(topic.name.as_str());
            let partitions = topic.partitions.iter().map(|asked| {
                let found = self.list_offset(index, asked, (request, asker.version), context.disk());
                let response = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
                match found {
                    Ok((offset, timestamp, epoch)) => {
                        let epoch = if asker.version >= FIRST_WITH_EPOCH { epoch } else { -1 };
                        response.with_offset(offset).with_timestamp(timestamp).with_leader_epoch(epoch)
                    }
                    Err(error) => response.with_error_code(error.code()).with_offset(-1).with_timestamp(-1),
                }
            });
            ListOffsetsTopicResponse::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        });
        let response = ListOffsetsResponse::default().with_topics(topics.collect());
        self.answer(asker, Response::ListOffsets(response), context);
    }

    fn list_offset(
        &self,
        topic: Option<u32>,
        asked: &ListOffsetsPartition,
        (request, version): (&ListOffsetsRequest, i16),
        disk: &Disk,
    ) -> Result<(i64, i64, i32), ResponseError> {
        if asked.timestamp < 0 && oldest_version_with(asked.timestamp).is_none_or(|oldest| version < oldest) {
            return Err(ResponseError::UnsupportedVersion);
        }
        let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partition = TopicPartition { topic, partition: asked.partition_index };
        let replica = self.replicas.replica_at_epoch(partition, asked.current_leader_epoch)?;
        let leadership = replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
        let log = &replica.log;
        let is_consumer = request.replica_id.0 == -1;
        let upper = match (is_consumer, request.isolation_level) {
            (false, _) => replica.end(),
            (true, READ_COMMITTED) => log.last_stable_offset(),
            (true, _) => log.high_watermark(),
        };
        // A new leader does not know yet how far the last one had told its readers (KIP-207).
        let is_unsure = is_consumer && log.high_watermark() < leadership.epoch_start;
        match asked.timestamp {
            LATEST if is_unsure => Err(ResponseError::OffsetNotAvailable),
            LATEST => Ok((upper, -1, replica.leader_epoch)),
            // All of a log is local: nothing is kept anywhere else.
            EARLIEST | EARLIEST_LOCAL => {
                let start = log.log_start_offset();
                Ok((start, -1, log.epochs().epoch_for_offset(start).unwrap_or(-1)))
            }
            LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok((-1, -1, -1)),
            timestamp => {
                let found = log.offset_for_timestamp(disk, timestamp).map_err(|error| error_of(error.code()))?;
                match found.filter(|found| found.offset < upper) {
                    Some(found) => Ok((found.offset, found.timestamp, found.leader_epoch.unwrap_or(-1))),
                    // What lies behind may be there all the same (`ReplicaManager.fetchOffset`).
                    None if is_unsure => Err(ResponseError::OffsetNotAvailable),
                    None => Ok((-1, -1, -1)),
                }
            }
        }
    }

    pub(super) fn offset_for_leader_epoch(
        &mut self,
        asker: Asker,
        request: &OffsetForLeaderEpochRequest,
        context: &mut Context<'_>,
    ) {
        let topics = request.topics.iter().map(|topic| {
            let index = self.image.topics.named(topic.topic.as_str());
            let partitions = topic.partitions.iter().map(|asked| {
                let response = EpochEndOffset::default().with_partition(asked.partition);
                match self.epoch_end(index, asked) {
                    Ok((epoch, end)) => response.with_leader_epoch(epoch).with_end_offset(end),
                    Err(error) => response.with_error_code(error.code()).with_leader_epoch(-1).with_end_offset(-1),
                }
            });
            OffsetForLeaderTopicResult::default().with_topic(topic.topic.clone()).with_partitions(partitions.collect())
        });
        let response = OffsetForLeaderEpochResponse::default().with_topics(topics.collect());
        self.answer(asker, Response::OffsetForLeaderEpoch(response), context);
    }

    fn epoch_end(&self, topic: Option<u32>, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ResponseError> {
        let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
        let partition = TopicPartition { topic, partition: asked.partition };
        let replica = self.replicas.replica_at_epoch(partition, asked.current_leader_epoch)?;
        replica.leadership().ok_or(ResponseError::NotLeaderOrFollower)?;
        Ok(replica.log.end_offset_for_epoch(asked.leader_epoch))
    }
}

/// The first version in which a special timestamp may be asked for (`KafkaApis.isListOffsetsTimestampUnsupported`).
fn oldest_version_with(timestamp: i64) -> Option<i16> {
    match timestamp {
        LATEST | EARLIEST => Some(0),
        MAX_TIMESTAMP => Some(7),
        EARLIEST_LOCAL => Some(8),
        LATEST_TIERED => Some(9),
        EARLIEST_PENDING_UPLOAD => Some(11),
        _ => None,
    }
}
