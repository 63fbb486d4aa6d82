//! What an admin client is asked about, and what it tells.

use std::fmt;

use kafka_protocol::messages::describe_producers_response::ProducerState;
use kafka_protocol::messages::describe_topic_partitions_response::DescribeTopicPartitionsResponseTopic;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{describe_transactions_response, list_transactions_response};

/// A partition by the name of its topic.
pub type NamedPartition = (String, i32);

/// What a group has committed, or shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Where.
    pub partition: NamedPartition,
    /// The next offset that it reads.
    pub offset: i64,
    /// The leader epoch of the record before; -1 where it is not known.
    pub leader_epoch: i32,
    /// What the program adds.
    pub metadata: String,
}

/// What a part of a call is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The cluster.
    Cluster,
    /// A broker.
    Broker(i32),
    /// A topic, a group or a transactional id.
    Name(String),
    /// A partition by the name of its topic.
    Partition(String, i32),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("the cluster"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::Name(name) => f.write_str(name),
            Self::Partition(topic, partition) => write!(f, "{topic}-{partition}"),
        }
    }
}

/// A member of a group as it is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    /// Its id.
    pub member_id: String,
    /// Its `group.instance.id`.
    pub instance_id: Option<String>,
    /// Its `client.id`.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// What it has.
    pub assignment: Vec<NamedPartition>,
}

/// A group as it is described (Kafka: `ConsumerGroupDescription`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Whether it is one of KIP-848.
    pub is_consumer: bool,
    /// Its state.
    pub state: String,
    /// Who assigns.
    pub assignor: String,
    /// Its members.
    pub members: Vec<MemberDescription>,
    /// Of a group of KIP-848 its epoch and that of its target assignment.
    pub epochs: Option<(i32, i32)>,
}

/// What came of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It is done.
    Done,
    /// A topic.
    Topic(DescribeTopicPartitionsResponseTopic),
    /// The brokers of the cluster.
    Nodes(Vec<i32>),
    /// Finalized features with their lowest and highest level.
    Features(Vec<(String, i16, i16)>),
    /// The groups that a broker coordinates.
    Groups(Vec<ListedGroup>),
    /// A group.
    Group(GroupDescription),
    /// What a group has committed.
    Offsets(Vec<CommittedOffset>),
    /// Of each partition Kafka's code of the error, 0 for none.
    Partitions(Vec<(NamedPartition, i16)>),
    /// Where a log ends to a reader: its high watermark.
    End(i64),
    /// Where a log starts now.
    LowWatermark(i64),
    /// Who writes to a partition.
    Producers(Vec<ProducerState>),
    /// The transactions that a broker coordinates.
    Transactions(Vec<list_transactions_response::TransactionState>),
    /// A transaction.
    Transaction(describe_transactions_response::TransactionState),
}
