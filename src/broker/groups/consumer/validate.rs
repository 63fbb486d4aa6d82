//! Heartbeats that cannot be right, whatever the group is (Kafka: `GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::ConsumerGroupHeartbeatRequest;

use super::answers::Refused;

/// The member leaves.
pub(super) const LEAVES: i32 = -1;
/// The static member leaves, and comes back.
pub(super) const LEAVES_FOR_A_WHILE: i32 = -2;

/// The version of ConsumerGroupHeartbeat in which members bring their own ids (KIP-1082).
const OWN_ID: i16 = 1;

/// The assignors of a coordinator, the default first (`group.consumer.assignors`).
pub const ASSIGNORS: [&str; 2] = ["uniform", "range"];

pub(super) fn validate(request: &ConsumerGroupHeartbeatRequest, version: i16) -> Result<(), Refused> {
    let invalid = |message: &str| Err(Refused::new(ResponseError::InvalidRequest, message));
    let is_empty = |it: &Option<kafka_protocol::protocol::StrBytes>| it.as_ref().is_some_and(|it| it.is_empty());
    // In its first version the coordinator gives a member its id.
    let joins_or_pauses = request.member_epoch == 0 || request.member_epoch == LEAVES_FOR_A_WHILE;
    if request.member_id.is_empty() && (version >= OWN_ID || !joins_or_pauses) {
        return invalid("MemberId can't be empty.");
    }
    if request.group_id.0.is_empty() {
        return invalid("GroupId can't be empty.");
    }
    if is_empty(&request.instance_id) {
        return invalid("InstanceId can't be empty.");
    }
    if is_empty(&request.rack_id) {
        return invalid("RackId can't be empty.");
    }
    if request.member_epoch == 0 {
        validate_join(request)?;
    } else if request.member_epoch == LEAVES_FOR_A_WHILE {
        if request.instance_id.is_none() {
            return invalid("InstanceId can't be null.");
        }
    } else if request.member_epoch < LEAVES_FOR_A_WHILE {
        return invalid("MemberEpoch is invalid.");
    }
    match request.server_assignor.as_deref() {
        Some(name) if !ASSIGNORS.contains(&name) => {
            let known = ASSIGNORS.join(", ");
            let message = format!("ServerAssignor {name} is not supported. Supported assignors: {known}.");
            Err(Refused::new(ResponseError::UnsupportedAssignor, message))
        }
        // It leaves it to the coordinator, or names one.
        Some(_) | None => Ok(()),
    }
}

fn validate_join(request: &ConsumerGroupHeartbeatRequest) -> Result<(), Refused> {
    let invalid = |message: &str| Err(Refused::new(ResponseError::InvalidRequest, message));
    if request.rebalance_timeout_ms == -1 {
        return invalid("RebalanceTimeoutMs must be provided in first request.");
    }
    if request.topic_partitions.as_ref().is_none_or(|owned| !owned.is_empty()) {
        return invalid("TopicPartitions must be empty when (re-)joining.");
    }
    if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
        return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    }
    Ok(())
}
