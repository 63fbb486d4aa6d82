//! The fields of each message that is spoken, as Kafka's message definitions have them at the version of its API.

use std::sync::Arc;

use kafka_protocol::messages::{
    allocate_producer_ids_request, allocate_producer_ids_response, alter_partition_request, alter_partition_response,
    api_versions_request, api_versions_response, broker_heartbeat_request, broker_heartbeat_response,
    broker_registration_request, broker_registration_response, consumer_group_describe_request,
    consumer_group_describe_response, consumer_group_heartbeat_request, consumer_group_heartbeat_response,
    create_partitions_request, create_partitions_response, create_topics_request, create_topics_response,
    delete_groups_request, delete_groups_response, delete_records_request, delete_records_response,
    delete_topics_request, delete_topics_response, describe_cluster_request, describe_cluster_response,
    describe_groups_request, describe_groups_response, describe_producers_request, describe_producers_response,
    describe_topic_partitions_request, describe_topic_partitions_response, elect_leaders_request,
    elect_leaders_response, fetch_request, fetch_response, find_coordinator_request, find_coordinator_response,
    heartbeat_request, heartbeat_response, init_producer_id_request, init_producer_id_response, join_group_request,
    join_group_response, leave_group_request, leave_group_response, list_groups_request, list_groups_response,
    list_offsets_request, list_offsets_response, metadata_request, offset_commit_request, offset_commit_response,
    offset_delete_request, offset_delete_response, offset_fetch_request, offset_fetch_response,
    offset_for_leader_epoch_request, offset_for_leader_epoch_response, produce_request, produce_response,
    sync_group_request, sync_group_response, txn_offset_commit_request, txn_offset_commit_response,
};
// Of transactions.
use kafka_protocol::messages::{
    add_offsets_to_txn_request, add_offsets_to_txn_response, add_partitions_to_txn_request,
    add_partitions_to_txn_response, describe_transactions_request, describe_transactions_response, end_txn_request,
    end_txn_response, list_transactions_request, list_transactions_response, write_txn_markers_request,
    write_txn_markers_response,
};

#[cfg(not(target_family = "wasm"))]
use super::content::Encoded;
use super::content::{Content, Field, fields, fold_bytes, messages, tagged_size};
use super::image::{BrokerImage, ClusterImage};
use super::metadata_log::FetchMetadataRequest;
use super::topic_image::{PartitionImage, TopicImage};
use crate::sim::hash::RunHash;

fields! {
    produce_request::PartitionProduceData { index, records }
    produce_request::ProduceRequest { transactional_id, acks, timeout_ms, topic_data }
    produce_response::BatchIndexAndErrorMessage { batch_index, batch_index_error_message }
    produce_response::LeaderIdAndEpoch { leader_id, leader_epoch }
    produce_response::NodeEndpoint { node_id, host, port, rack }
    produce_response::PartitionProduceResponse {
        index, error_code, base_offset, log_append_time_ms, log_start_offset, record_errors, error_message; tagged
        current_leader
    }
    produce_response::ProduceResponse { responses, throttle_time_ms; tagged node_endpoints }
    fetch_request::FetchPartition {
        partition, current_leader_epoch, fetch_offset, last_fetched_epoch, log_start_offset, partition_max_bytes;
        tagged replica_directory_id, high_watermark
    }
    fetch_request::FetchRequest {
        max_wait_ms, min_bytes, max_bytes, isolation_level, session_id, session_epoch, topics,
        forgotten_topics_data, rack_id; tagged cluster_id, replica_state
    }
    fetch_request::FetchTopic { topic_id, partitions }
    fetch_request::ForgottenTopic { topic_id, partitions }
    fetch_request::ReplicaState { replica_id, replica_epoch }
    fetch_response::AbortedTransaction { producer_id, first_offset }
    fetch_response::EpochEndOffset { epoch, end_offset }
    fetch_response::FetchResponse { throttle_time_ms, error_code, session_id, responses; tagged node_endpoints }
    fetch_response::FetchableTopicResponse { topic_id, partitions }
    fetch_response::LeaderIdAndEpoch { leader_id, leader_epoch }
    fetch_response::NodeEndpoint { node_id, host, port, rack }
    fetch_response::PartitionData {
        partition_index, error_code, high_watermark, last_stable_offset, log_start_offset, aborted_transactions,
        preferred_read_replica, records; tagged diverging_epoch, current_leader, snapshot_id
    }
    fetch_response::SnapshotId { end_offset, epoch }
    list_offsets_request::ListOffsetsPartition { partition_index, current_leader_epoch, timestamp }
    list_offsets_request::ListOffsetsRequest { replica_id, isolation_level, topics, timeout_ms }
    list_offsets_request::ListOffsetsTopic { name, partitions }
    list_offsets_response::ListOffsetsPartitionResponse {
        partition_index, error_code, timestamp, offset, leader_epoch
    }
    list_offsets_response::ListOffsetsResponse { throttle_time_ms, topics }
    list_offsets_response::ListOffsetsTopicResponse { name, partitions }
    offset_for_leader_epoch_request::OffsetForLeaderEpochRequest { replica_id, topics }
    offset_for_leader_epoch_request::OffsetForLeaderPartition { partition, current_leader_epoch, leader_epoch }
    offset_for_leader_epoch_request::OffsetForLeaderTopic { topic, partitions }
    offset_for_leader_epoch_response::EpochEndOffset { error_code, partition, leader_epoch, end_offset }
    offset_for_leader_epoch_response::OffsetForLeaderEpochResponse { throttle_time_ms, topics }
    offset_for_leader_epoch_response::OffsetForLeaderTopicResult { topic, partitions }
    metadata_request::MetadataRequest { topics, allow_auto_topic_creation, include_topic_authorized_operations }
    metadata_request::MetadataRequestTopic { topic_id, name }
    init_producer_id_request::InitProducerIdRequest {
        transactional_id, transaction_timeout_ms, producer_id, producer_epoch
    }
    init_producer_id_response::InitProducerIdResponse { throttle_time_ms, error_code, producer_id, producer_epoch }
    allocate_producer_ids_request::AllocateProducerIdsRequest { broker_id, broker_epoch }
    allocate_producer_ids_response::AllocateProducerIdsResponse {
        throttle_time_ms, error_code, producer_id_start, producer_id_len
    }
    broker_registration_request::BrokerRegistrationRequest {
        broker_id, cluster_id, incarnation_id, listeners, features, rack, is_migrating_zk_broker, log_dirs,
        previous_broker_epoch
    }
    broker_registration_request::Feature { name, min_supported_version, max_supported_version }
    broker_registration_request::Listener { name, host, port, security_protocol }
    broker_registration_response::BrokerRegistrationResponse { throttle_time_ms, error_code, broker_epoch }
    broker_heartbeat_request::BrokerHeartbeatRequest {
        broker_id, broker_epoch, current_metadata_offset, want_fence, want_shut_down; tagged offline_log_dirs
    }
    broker_heartbeat_response::BrokerHeartbeatResponse {
        throttle_time_ms, error_code, is_caught_up, is_fenced, should_shut_down
    }
    alter_partition_request::AlterPartitionRequest { broker_id, broker_epoch, topics }
    alter_partition_request::BrokerState { broker_id, broker_epoch }
    alter_partition_request::PartitionData {
        partition_index, leader_epoch, new_isr_with_epochs, leader_recovery_state, partition_epoch
    }
    alter_partition_request::TopicData { topic_id, partitions }
    alter_partition_response::AlterPartitionResponse { throttle_time_ms, error_code, topics }
    alter_partition_response::PartitionData {
        partition_index, error_code, leader_id, leader_epoch, isr, leader_recovery_state, partition_epoch
    }
    alter_partition_response::TopicData { topic_id, partitions }
    api_versions_request::ApiVersionsRequest { client_software_name, client_software_version }
    api_versions_response::ApiVersion { api_key, min_version, max_version }
    api_versions_response::ApiVersionsResponse {
        error_code, api_keys, throttle_time_ms; tagged supported_features, finalized_features_epoch,
        finalized_features, zk_migration_ready
    }
    api_versions_response::FinalizedFeatureKey { name, max_version_level, min_version_level }
    api_versions_response::SupportedFeatureKey { name, min_version, max_version }
    find_coordinator_request::FindCoordinatorRequest { key_type, coordinator_keys }
    find_coordinator_response::Coordinator { key, node_id, host, port, error_code, error_message }
    find_coordinator_response::FindCoordinatorResponse { throttle_time_ms, coordinators }
    create_topics_request::CreatableReplicaAssignment { partition_index, broker_ids }
    create_topics_request::CreatableTopic { name, num_partitions, replication_factor, assignments, configs }
    create_topics_request::CreatableTopicConfig { name, value }
    create_topics_request::CreateTopicsRequest { topics, timeout_ms, validate_only }
    create_topics_response::CreatableTopicConfigs { name, value, read_only, config_source, is_sensitive }
    create_topics_response::CreatableTopicResult {
        name, topic_id, error_code, error_message, num_partitions, replication_factor, configs; tagged
        topic_config_error_code
    }
    create_topics_response::CreateTopicsResponse { throttle_time_ms, topics }
    delete_topics_request::DeleteTopicState { name, topic_id }
    delete_topics_request::DeleteTopicsRequest { topics, timeout_ms }
    delete_topics_response::DeletableTopicResult { name, topic_id, error_code, error_message }
    delete_topics_response::DeleteTopicsResponse { throttle_time_ms, responses }
    delete_records_request::DeleteRecordsPartition { partition_index, offset }
    delete_records_request::DeleteRecordsRequest { topics, timeout_ms }
    delete_records_request::DeleteRecordsTopic { name, partitions }
    delete_records_response::DeleteRecordsPartitionResult { partition_index, low_watermark, error_code }
    delete_records_response::DeleteRecordsResponse { throttle_time_ms, topics }
    delete_records_response::DeleteRecordsTopicResult { name, partitions }
    describe_cluster_request::DescribeClusterRequest {
        include_cluster_authorized_operations, endpoint_type, include_fenced_brokers
    }
    describe_cluster_response::DescribeClusterBroker { broker_id, host, port, rack, is_fenced }
    describe_cluster_response::DescribeClusterResponse {
        throttle_time_ms, error_code, error_message, endpoint_type, cluster_id, controller_id, brokers,
        cluster_authorized_operations
    }
    describe_producers_request::DescribeProducersRequest { topics }
    describe_producers_request::TopicRequest { name, partition_indexes }
    describe_producers_response::DescribeProducersResponse { throttle_time_ms, topics }
    describe_producers_response::PartitionResponse { partition_index, error_code, error_message, active_producers }
    describe_producers_response::ProducerState {
        producer_id, producer_epoch, last_sequence, last_timestamp, coordinator_epoch, current_txn_start_offset
    }
    describe_producers_response::TopicResponse { name, partitions }
    describe_topic_partitions_request::DescribeTopicPartitionsRequest { topics, response_partition_limit, cursor }
    describe_topic_partitions_request::TopicRequest { name }
    describe_topic_partitions_response::DescribeTopicPartitionsResponse { throttle_time_ms, topics, next_cursor }
    describe_topic_partitions_response::DescribeTopicPartitionsResponsePartition {
        error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes, eligible_leader_replicas,
        last_known_elr, offline_replicas
    }
    describe_topic_partitions_response::DescribeTopicPartitionsResponseTopic {
        error_code, name, topic_id, is_internal, partitions, topic_authorized_operations
    }
    create_partitions_request::CreatePartitionsAssignment { broker_ids }
    create_partitions_request::CreatePartitionsRequest { topics, timeout_ms, validate_only }
    create_partitions_request::CreatePartitionsTopic { name, count, assignments }
    create_partitions_response::CreatePartitionsResponse { throttle_time_ms, results }
    create_partitions_response::CreatePartitionsTopicResult { name, error_code, error_message }
    elect_leaders_request::ElectLeadersRequest { election_type, topic_partitions, timeout_ms }
    elect_leaders_request::TopicPartitions { topic, partitions }
    elect_leaders_response::ElectLeadersResponse { throttle_time_ms, error_code, replica_election_results }
    elect_leaders_response::PartitionResult { partition_id, error_code, error_message }
    elect_leaders_response::ReplicaElectionResult { topic, partition_result }
    offset_commit_request::OffsetCommitRequest {
        group_id, generation_id_or_member_epoch, member_id, group_instance_id, topics
    }
    offset_commit_request::OffsetCommitRequestPartition {
        partition_index, committed_offset, committed_leader_epoch, committed_metadata
    }
    offset_commit_request::OffsetCommitRequestTopic { name, partitions }
    offset_commit_response::OffsetCommitResponse { throttle_time_ms, topics }
    offset_commit_response::OffsetCommitResponsePartition { partition_index, error_code }
    offset_commit_response::OffsetCommitResponseTopic { name, partitions }
    offset_fetch_request::OffsetFetchRequest { groups, require_stable }
    offset_fetch_request::OffsetFetchRequestGroup { group_id, member_id, member_epoch, topics }
    offset_fetch_request::OffsetFetchRequestTopics { name, partition_indexes }
    offset_fetch_response::OffsetFetchResponse { throttle_time_ms, groups }
    offset_fetch_response::OffsetFetchResponseGroup { group_id, topics, error_code }
    offset_fetch_response::OffsetFetchResponsePartitions {
        partition_index, committed_offset, committed_leader_epoch, metadata, error_code
    }
    offset_fetch_response::OffsetFetchResponseTopics { name, partitions }
    join_group_request::JoinGroupRequest {
        group_id, session_timeout_ms, rebalance_timeout_ms, member_id, group_instance_id, protocol_type, protocols,
        reason
    }
    join_group_request::JoinGroupRequestProtocol { name, metadata }
    join_group_response::JoinGroupResponse {
        throttle_time_ms, error_code, generation_id, protocol_type, protocol_name, leader, skip_assignment, member_id,
        members
    }
    join_group_response::JoinGroupResponseMember { member_id, group_instance_id, metadata }
    heartbeat_request::HeartbeatRequest { group_id, generation_id, member_id, group_instance_id }
    heartbeat_response::HeartbeatResponse { throttle_time_ms, error_code }
    leave_group_request::LeaveGroupRequest { group_id, members }
    leave_group_request::MemberIdentity { member_id, group_instance_id, reason }
    leave_group_response::LeaveGroupResponse { throttle_time_ms, error_code, members }
    leave_group_response::MemberResponse { member_id, group_instance_id, error_code }
    sync_group_request::SyncGroupRequest {
        group_id, generation_id, member_id, group_instance_id, protocol_type, protocol_name, assignments
    }
    sync_group_request::SyncGroupRequestAssignment { member_id, assignment }
    sync_group_response::SyncGroupResponse { throttle_time_ms, error_code, protocol_type, protocol_name, assignment }
    describe_groups_request::DescribeGroupsRequest { groups, include_authorized_operations }
    describe_groups_response::DescribedGroup {
        error_code, error_message, group_id, group_state, protocol_type, protocol_data, members, authorized_operations
    }
    describe_groups_response::DescribedGroupMember {
        member_id, group_instance_id, client_id, client_host, member_metadata, member_assignment
    }
    describe_groups_response::DescribeGroupsResponse { throttle_time_ms, groups }
    list_groups_request::ListGroupsRequest { states_filter, types_filter }
    list_groups_response::ListedGroup { group_id, protocol_type, group_state, group_type }
    list_groups_response::ListGroupsResponse { throttle_time_ms, error_code, groups }
    txn_offset_commit_request::TxnOffsetCommitRequest {
        transactional_id, group_id, producer_id, producer_epoch, generation_id, member_id, group_instance_id, topics
    }
    txn_offset_commit_request::TxnOffsetCommitRequestPartition {
        partition_index, committed_offset, committed_leader_epoch, committed_metadata
    }
    txn_offset_commit_request::TxnOffsetCommitRequestTopic { name, partitions }
    txn_offset_commit_response::TxnOffsetCommitResponse { throttle_time_ms, topics }
    txn_offset_commit_response::TxnOffsetCommitResponsePartition { partition_index, error_code }
    txn_offset_commit_response::TxnOffsetCommitResponseTopic { name, partitions }
    delete_groups_request::DeleteGroupsRequest { groups_names }
    delete_groups_response::DeletableGroupResult { group_id, error_code }
    delete_groups_response::DeleteGroupsResponse { throttle_time_ms, results }
    consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest {
        group_id, member_id, member_epoch, instance_id, rack_id, rebalance_timeout_ms, subscribed_topic_names,
        subscribed_topic_regex, server_assignor, topic_partitions
    }
    consumer_group_heartbeat_request::TopicPartitions { topic_id, partitions }
    consumer_group_heartbeat_response::Assignment { topic_partitions }
    consumer_group_heartbeat_response::TopicPartitions { topic_id, partitions }
    consumer_group_describe_request::ConsumerGroupDescribeRequest { group_ids, include_authorized_operations }
    consumer_group_describe_response::Assignment { topic_partitions }
    consumer_group_describe_response::ConsumerGroupDescribeResponse { throttle_time_ms, groups }
    consumer_group_describe_response::DescribedGroup {
        error_code, error_message, group_id, group_state, group_epoch, assignment_epoch, assignor_name, members,
        authorized_operations
    }
    consumer_group_describe_response::Member {
        member_id, instance_id, rack_id, member_epoch, client_id, client_host, subscribed_topic_names,
        subscribed_topic_regex, assignment, target_assignment, member_type
    }
    consumer_group_describe_response::TopicPartitions { topic_id, topic_name, partitions }
    add_partitions_to_txn_request::AddPartitionsToTxnTopic { name, partitions }
    add_partitions_to_txn_request::AddPartitionsToTxnTransaction {
        transactional_id, producer_id, producer_epoch, verify_only, topics
    }
    add_partitions_to_txn_response::AddPartitionsToTxnPartitionResult { partition_index, partition_error_code }
    add_partitions_to_txn_response::AddPartitionsToTxnResult { transactional_id, topic_results }
    add_partitions_to_txn_response::AddPartitionsToTxnTopicResult { name, results_by_partition }
    add_offsets_to_txn_request::AddOffsetsToTxnRequest { transactional_id, producer_id, producer_epoch, group_id }
    add_offsets_to_txn_response::AddOffsetsToTxnResponse { throttle_time_ms, error_code }
    end_txn_request::EndTxnRequest { transactional_id, producer_id, producer_epoch, committed }
    end_txn_response::EndTxnResponse { throttle_time_ms, error_code, producer_id, producer_epoch }
    write_txn_markers_request::WritableTxnMarker {
        producer_id, producer_epoch, transaction_result, topics, coordinator_epoch
    }
    write_txn_markers_request::WritableTxnMarkerTopic { name, partition_indexes }
    write_txn_markers_request::WriteTxnMarkersRequest { markers }
    write_txn_markers_response::WritableTxnMarkerPartitionResult { partition_index, error_code }
    write_txn_markers_response::WritableTxnMarkerResult { producer_id, topics }
    write_txn_markers_response::WritableTxnMarkerTopicResult { name, partitions }
    write_txn_markers_response::WriteTxnMarkersResponse { markers }
    describe_transactions_request::DescribeTransactionsRequest { transactional_ids }
    describe_transactions_response::DescribeTransactionsResponse { throttle_time_ms, transaction_states }
    describe_transactions_response::TopicData { topic, partitions }
    describe_transactions_response::TransactionState {
        error_code, transactional_id, transaction_state, transaction_timeout_ms, transaction_start_time_ms,
        producer_id, producer_epoch, topics
    }
    list_transactions_request::ListTransactionsRequest {
        state_filters, producer_id_filters, duration_filter, transactional_id_pattern
    }
    list_transactions_response::ListTransactionsResponse {
        throttle_time_ms, error_code, unknown_state_filters, transaction_states
    }
    list_transactions_response::TransactionState { transactional_id, producer_id, transaction_state }
}

messages! {
    consumer_group_describe_request::ConsumerGroupDescribeRequest,
    consumer_group_describe_response::ConsumerGroupDescribeResponse,
    consumer_group_heartbeat_request::ConsumerGroupHeartbeatRequest,
    consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse,
    delete_groups_request::DeleteGroupsRequest,
    delete_groups_response::DeleteGroupsResponse,
    describe_groups_request::DescribeGroupsRequest,
    describe_groups_response::DescribeGroupsResponse,
    heartbeat_request::HeartbeatRequest,
    heartbeat_response::HeartbeatResponse,
    join_group_request::JoinGroupRequest,
    join_group_response::JoinGroupResponse,
    leave_group_request::LeaveGroupRequest,
    leave_group_response::LeaveGroupResponse,
    list_groups_request::ListGroupsRequest,
    list_groups_response::ListGroupsResponse,
    offset_commit_request::OffsetCommitRequest,
    offset_commit_response::OffsetCommitResponse,
    offset_delete_request::OffsetDeleteRequest,
    offset_delete_response::OffsetDeleteResponse,
    offset_fetch_request::OffsetFetchRequest,
    offset_fetch_response::OffsetFetchResponse,
    sync_group_request::SyncGroupRequest,
    sync_group_response::SyncGroupResponse,
    txn_offset_commit_request::TxnOffsetCommitRequest,
    txn_offset_commit_response::TxnOffsetCommitResponse,
    allocate_producer_ids_request::AllocateProducerIdsRequest,
    allocate_producer_ids_response::AllocateProducerIdsResponse,
    alter_partition_request::AlterPartitionRequest,
    alter_partition_response::AlterPartitionResponse,
    api_versions_request::ApiVersionsRequest,
    api_versions_response::ApiVersionsResponse,
    broker_heartbeat_request::BrokerHeartbeatRequest,
    broker_heartbeat_response::BrokerHeartbeatResponse,
    broker_registration_request::BrokerRegistrationRequest,
    broker_registration_response::BrokerRegistrationResponse,
    create_partitions_request::CreatePartitionsRequest,
    create_partitions_response::CreatePartitionsResponse,
    create_topics_request::CreateTopicsRequest,
    create_topics_response::CreateTopicsResponse,
    delete_records_request::DeleteRecordsRequest,
    delete_records_response::DeleteRecordsResponse,
    delete_topics_request::DeleteTopicsRequest,
    delete_topics_response::DeleteTopicsResponse,
    describe_cluster_request::DescribeClusterRequest,
    describe_cluster_response::DescribeClusterResponse,
    describe_producers_request::DescribeProducersRequest,
    describe_producers_response::DescribeProducersResponse,
    describe_topic_partitions_request::DescribeTopicPartitionsRequest,
    describe_topic_partitions_response::DescribeTopicPartitionsResponse,
    elect_leaders_request::ElectLeadersRequest,
    elect_leaders_response::ElectLeadersResponse,
    fetch_request::FetchRequest,
    fetch_response::FetchResponse,
    find_coordinator_request::FindCoordinatorRequest,
    find_coordinator_response::FindCoordinatorResponse,
    init_producer_id_request::InitProducerIdRequest,
    init_producer_id_response::InitProducerIdResponse,
    list_offsets_request::ListOffsetsRequest,
    list_offsets_response::ListOffsetsResponse,
    metadata_request::MetadataRequest,
    offset_for_leader_epoch_request::OffsetForLeaderEpochRequest,
    offset_for_leader_epoch_response::OffsetForLeaderEpochResponse,
    produce_request::ProduceRequest,
    produce_response::ProduceResponse,
    add_partitions_to_txn_request::AddPartitionsToTxnRequest,
    add_partitions_to_txn_response::AddPartitionsToTxnResponse,
    add_offsets_to_txn_request::AddOffsetsToTxnRequest,
    add_offsets_to_txn_response::AddOffsetsToTxnResponse,
    end_txn_request::EndTxnRequest,
    end_txn_response::EndTxnResponse,
    describe_transactions_request::DescribeTransactionsRequest,
    describe_transactions_response::DescribeTransactionsResponse,
    list_transactions_request::ListTransactionsRequest,
    list_transactions_response::ListTransactionsResponse,
}

/// Its assignment may be null, which a byte says.
impl Field for consumer_group_heartbeat_response::ConsumerGroupHeartbeatResponse {
    fn fold(&self, hash: &mut RunHash) {
        self.throttle_time_ms.fold(hash);
        self.error_code.fold(hash);
        self.error_message.fold(hash);
        self.member_id.fold(hash);
        self.member_epoch.fold(hash);
        self.heartbeat_interval_ms.fold(hash);
        self.assignment.fold(hash);
    }

    fn size(&self) -> usize {
        let assignment = 1 + self.assignment.as_ref().map_or(0, Field::size);
        let words = self.error_message.size() + self.member_id.size();
        let numbers = self.throttle_time_ms.size() + self.error_code.size() + self.member_epoch.size();
        // One byte counts the tagged fields.
        numbers + self.heartbeat_interval_ms.size() + words + assignment + 1
    }

    fn errors(&self, _name: &str, found: &mut Vec<i16>) {
        self.error_code.errors("error_code", found);
    }
}

/// OffsetDelete is of before the flexible encoding: four bytes count a list, two stand before a string, and nothing is tagged.
const LIST: usize = 4;

fn plain(name: &str) -> usize {
    2 + name.len()
}

impl Field for offset_delete_request::OffsetDeleteRequest {
    fn fold(&self, hash: &mut RunHash) {
        self.group_id.fold(hash);
        hash.fold(self.topics.len() as u64);
        for topic in &self.topics {
            topic.name.fold(hash);
            hash.fold(topic.partitions.len() as u64);
            topic.partitions.iter().for_each(|partition| partition.partition_index.fold(hash));
        }
    }

    fn size(&self) -> usize {
        let partitions = |topic: &offset_delete_request::OffsetDeleteRequestTopic| LIST + 4 * topic.partitions.len();
        let topics = self.topics.iter().map(|topic| plain(&topic.name.0) + partitions(topic));
        plain(&self.group_id.0) + LIST + topics.sum::<usize>()
    }

    /// A request tells none.
    fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
}

impl Field for offset_delete_response::OffsetDeleteResponse {
    fn fold(&self, hash: &mut RunHash) {
        self.error_code.fold(hash);
        self.throttle_time_ms.fold(hash);
        hash.fold(self.topics.len() as u64);
        for topic in &self.topics {
            topic.name.fold(hash);
            hash.fold(topic.partitions.len() as u64);
            for partition in &topic.partitions {
                partition.partition_index.fold(hash);
                partition.error_code.fold(hash);
            }
        }
    }

    fn size(&self) -> usize {
        let partitions = |topic: &offset_delete_response::OffsetDeleteResponseTopic| LIST + 6 * topic.partitions.len();
        let topics = self.topics.iter().map(|topic| plain(&topic.name.0) + partitions(topic));
        self.error_code.size() + self.throttle_time_ms.size() + LIST + topics.sum::<usize>()
    }

    fn errors(&self, _name: &str, found: &mut Vec<i16>) {
        self.error_code.errors("error_code", found);
        let partitions = self.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.for_each(|partition| partition.error_code.errors("error_code", found));
    }
}

/// Cursors are the only structs that may be missing: a byte before them says whether they are there.
macro_rules! cursors {
    ($($cursor:ty),*) => {
        $(impl Field for $cursor {
            fn fold(&self, hash: &mut RunHash) {
                self.topic_name.fold(hash);
                self.partition_index.fold(hash);
            }

            fn size(&self) -> usize {
                const PRESENT: usize = 1;
                const TAGGED_FIELDS: usize = 1;
                PRESENT + self.topic_name.size() + self.partition_index.size() + TAGGED_FIELDS
            }

            /// It tells none.
            fn errors(&self, _name: &str, _found: &mut Vec<i16>) {}
        })*
    };
}

cursors!(describe_topic_partitions_request::Cursor, describe_topic_partitions_response::Cursor);

/// What one partition takes of a Fetch without records, header and fields around it included: about a hundred bytes.
const FETCH_OF_ONE_PARTITION: usize = 100;

impl Content for FetchMetadataRequest {
    fn fold(&self, hash: &mut RunHash) {
        self.broker.fold(hash);
        self.offset.fold(hash);
    }

    fn size(&self) -> usize {
        FETCH_OF_ONE_PARTITION
    }

    /// It tells none.
    fn errors(&self) -> Vec<i16> {
        Vec::new()
    }
}

/// All of it: who takes the image takes it as it is, whatever led to it. Each part names its fields, so that a new one is not
/// forgotten.
impl Content for Arc<ClusterImage> {
    fn fold(&self, hash: &mut RunHash) {
        let ClusterImage { offset, brokers, topics } = &**self;
        offset.fold(hash);
        hash.fold(brokers.len() as u64);
        for (id, BrokerImage { incarnation, epoch, fenced, in_controlled_shutdown, rack }) in brokers {
            id.fold(hash);
            incarnation.fold(hash);
            epoch.fold(hash);
            hash.fold(u64::from(*fenced) << 1 | u64::from(*in_controlled_shutdown));
            if let Some(rack) = rack {
                fold_bytes(rack.as_bytes(), hash);
            }
        }
        hash.fold(topics.len() as u64);
        for (number, topic) in topics.iter() {
            hash.fold(number.into());
            fold_topic(topic, hash);
        }
    }

    fn size(&self) -> usize {
        FETCH_OF_ONE_PARTITION
    }

    /// It tells none.
    fn errors(&self) -> Vec<i16> {
        Vec::new()
    }
}

fn fold_topic(topic: &TopicImage, hash: &mut RunHash) {
    let TopicImage { id, name, partitions, config } = topic;
    id.fold(hash);
    fold_bytes(name.as_bytes(), hash);
    hash.fold(config.len() as u64);
    for (name, value) in config {
        fold_bytes(name.as_bytes(), hash);
        fold_bytes(value.as_bytes(), hash);
    }
    hash.fold(partitions.len() as u64);
    partitions.iter().for_each(|partition| fold_partition(partition, hash));
}

fn fold_partition(partition: &PartitionImage, hash: &mut RunHash) {
    let PartitionImage { replicas, isr, elr, last_known_elr, leader, leader_epoch, partition_epoch, recovering } =
        partition;
    [replicas, isr, elr, last_known_elr].into_iter().for_each(|brokers| brokers.fold(hash));
    [leader, leader_epoch, partition_epoch].into_iter().for_each(|number| number.fold(hash));
    recovering.fold(hash);
}

#[cfg(not(target_family = "wasm"))]
impl Encoded for FetchMetadataRequest {
    fn encoded(&self, _: i16) -> Option<Result<Vec<u8>, String>> {
        None
    }

    fn decoded(_: &[u8], _: i16) -> Option<Result<(Self, usize), String>> {
        None
    }
}

#[cfg(not(target_family = "wasm"))]
impl Encoded for Arc<ClusterImage> {
    fn encoded(&self, _: i16) -> Option<Result<Vec<u8>, String>> {
        None
    }

    fn decoded(_: &[u8], _: i16) -> Option<Result<(Self, usize), String>> {
        None
    }
}
