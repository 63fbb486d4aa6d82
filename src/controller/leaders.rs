//! Leaders that are asked for, and preferred replicas that lead again (Kafka: `ReplicationControlManager.electLeaders`,
//! `maybeBalancePartitionLeaders`).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::election::Election;
use super::refusal::Refusal;
use super::timer::ControllerTimer;
use super::{Context, Controller};
use crate::wire::TopicPartition;

/// Elections at a time; what is left over waits for the next one (`MAX_ELECTIONS_PER_IMBALANCE`).
const ELECTIONS_MAX: usize = 1_000;

/// The election types of the protocol (`ElectionType`).
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

impl Controller {
    pub(super) fn elect_leaders(
        &mut self,
        request: &ElectLeadersRequest,
        context: &mut Context<'_>,
    ) -> ElectLeadersResponse {
        let election = match request.election_type {
            PREFERRED => Election::Preferred,
            UNCLEAN => Election::Unclean,
            _ => return ElectLeadersResponse::default().with_error_code(ResponseError::InvalidRequest.code()),
        };
        // Of all partitions only those are told of where there was something to elect.
        let all = request.topic_partitions.is_none();
        let wanted: Vec<(String, Vec<i32>)> = match &request.topic_partitions {
            Some(topics) => topics.iter().map(|topic| (topic.topic.to_string(), topic.partitions.clone())).collect(),
            None => {
                let topics = self.image.topics.iter();
                topics.map(|(_, topic)| (topic.name.clone(), (0..topic.partitions.len() as i32).collect())).collect()
            }
        };
        let mut results = Vec::with_capacity(wanted.len());
        for (topic, partitions) in wanted {
            let mut elected = Vec::with_capacity(partitions.len());
            for partition in partitions {
                let result = PartitionResult::default().with_partition_id(partition);
                match self.elect_leader(&topic, partition, election, context) {
                    Ok(()) => elected.push(result),
                    // There was nothing to elect.
                    Err(refusal) if all && refusal.error == ResponseError::ElectionNotNeeded => {}
                    Err(refusal) => {
                        let result = result.with_error_code(refusal.error.code());
                        elected.push(result.with_error_message(refusal.text()));
                    }
                }
            }
            let topic = TopicName(StrBytes::from_string(topic));
            results.push(ReplicaElectionResult::default().with_topic(topic).with_partition_result(elected));
        }
        ElectLeadersResponse::default().with_replica_election_results(results)
    }

    fn elect_leader(
        &mut self,
        topic: &str,
        partition: i32,
        election: Election,
        context: &mut Context<'_>,
    ) -> Result<(), Refusal> {
        let unknown = |what: String| Refusal::new(ResponseError::UnknownTopicOrPartition, what);
        let number = self.image.topics.named(topic).ok_or_else(|| unknown(format!("No such topic as {topic}")))?;
        let partition = TopicPartition { topic: number, partition };
        let image = self.image.partition(partition);
        let image = image.ok_or_else(|| unknown(format!("No such partition as {topic}-{}", partition.partition)))?;
        let is_needed = match election {
            Election::Preferred => image.leader != image.replicas[0],
            Election::Unclean | Election::Clean => image.leader < 0,
        };
        if !is_needed {
            return Err(ResponseError::ElectionNotNeeded.into());
        }
        if self.elect(partition, election, context) {
            return Ok(());
        }
        Err(match election {
            Election::Preferred => ResponseError::PreferredLeaderNotAvailable.into(),
            Election::Unclean | Election::Clean => ResponseError::EligibleLeadersNotAvailable.into(),
        })
    }

    /// Lets preferred replicas lead again that could; every `leader.imbalance.check.interval.seconds`.
    pub(super) fn balance_leaders(&mut self, context: &mut Context<'_>) {
        let imbalanced = self.image.partitions().filter(|(_, image)| image.leader != image.replicas[0]);
        let imbalanced: Vec<TopicPartition> = imbalanced.map(|(partition, _)| partition).collect();
        let mut elections = 0;
        for partition in imbalanced {
            if elections == ELECTIONS_MAX {
                break;
            }
            elections += usize::from(self.elect(partition, Election::Preferred, context));
        }
        self.balance_leaders_later(context);
    }

    /// `auto.leader.rebalance.enable`
    pub(super) fn balance_leaders_later(&self, context: &mut Context<'_>) {
        if self.settings.auto_leader_rebalance {
            let interval = self.settings.leader_imbalance_check_interval_us.max(1);
            context.set_timer(ControllerTimer::PreferredLeaders, context.after(interval));
        }
    }
}
