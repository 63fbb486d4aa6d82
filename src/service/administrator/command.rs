//! The commands of an administrator, as a file writes them.

use std::fmt;

use kafka_protocol::messages::describe_producers_response::ProducerState;

use crate::client::{Ask, CommittedOffset, NamedPartition};
use crate::note::Order;

/// What somebody on call does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminCommand {
    /// Which groups there are.
    ListGroups,
    /// A group: its members, what they have, how far it has committed and how far that is behind.
    DescribeGroup(String),
    /// A group without members goes on elsewhere.
    SetOffset {
        /// Which.
        group: String,
        /// Where.
        partition: NamedPartition,
        /// From where on.
        offset: i64,
    },
    /// What a group has committed in a partition goes.
    DeleteOffset {
        /// Which.
        group: String,
        /// Where.
        partition: NamedPartition,
    },
    /// A group without members goes.
    DeleteGroup(String),
    /// The records of a partition before an offset go.
    DeleteRecords {
        /// Where.
        partition: NamedPartition,
        /// Before which; -1 for the high watermark.
        before: i64,
    },
    /// A topic.
    DescribeTopic(String),
    /// The brokers.
    DescribeCluster,
    /// Which transactional ids there are.
    ListTransactions,
    /// A transaction.
    DescribeTransaction(String),
    /// Who writes to a partition.
    DescribeProducers(NamedPartition),
    /// Transactions that are open in a partition are aborted there, whatever their coordinator knows: for one that hangs.
    AbortTransaction(NamedPartition),
    /// The transaction of an id is aborted, and its producer fenced.
    Fence(String),
}

/// A command that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongCommand {
    /// What is wrong.
    pub message: String,
    /// The word that is, if it is the first.
    pub word: Option<String>,
}

impl AdminCommand {
    /// The first words of all, with what follows them.
    pub const WORDS: [(&'static str, &'static str); 13] = [
        ("list-groups", ""),
        ("describe-group", "GROUP"),
        ("set-offset", "GROUP TOPIC-PARTITION OFFSET"),
        ("delete-offset", "GROUP TOPIC-PARTITION"),
        ("delete-group", "GROUP"),
        ("delete-records", "TOPIC-PARTITION OFFSET"),
        ("describe-topic", "TOPIC"),
        ("describe-cluster", ""),
        ("list-transactions", ""),
        ("describe-transaction", "ID"),
        ("describe-producers", "TOPIC-PARTITION"),
        ("abort-transaction", "TOPIC-PARTITION"),
        ("fence", "ID"),
    ];

    /// Reads a command.
    ///
    /// # Errors
    /// Where it is none, with what is wrong.
    pub fn parse(text: &str) -> Result<Self, WrongCommand> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let Some((_, takes)) = Self::WORDS.into_iter().find(|(word, _)| *word == first) else {
            let message = format!("\"{first}\" is no command of an administrator");
            return Err(WrongCommand { message, word: Some(first.to_owned()) });
        };
        let given: Vec<&str> = words.collect();
        let wrong = || WrongCommand { message: format!("\"{first}\" takes {}", or_nothing(takes)), word: None };
        if given.len() != takes.split_whitespace().count() {
            return Err(wrong());
        }
        let name = |place: usize| given[place].to_owned();
        let partition = |place: usize| named_partition(given[place]).ok_or_else(wrong);
        let number = |place: usize| given[place].parse::<i64>().ok().filter(|it| *it >= -1).ok_or_else(wrong);
        Ok(match first {
            "list-groups" => Self::ListGroups,
            "describe-group" => Self::DescribeGroup(name(0)),
            "set-offset" => {
                let offset = Some(number(2)?).filter(|offset| *offset >= 0).ok_or_else(wrong)?;
                Self::SetOffset { group: name(0), partition: partition(1)?, offset }
            }
            "delete-offset" => Self::DeleteOffset { group: name(0), partition: partition(1)? },
            "delete-group" => Self::DeleteGroup(name(0)),
            "delete-records" => Self::DeleteRecords { partition: partition(0)?, before: number(1)? },
            "describe-topic" => Self::DescribeTopic(name(0)),
            "describe-cluster" => Self::DescribeCluster,
            "list-transactions" => Self::ListTransactions,
            "describe-transaction" => Self::DescribeTransaction(name(0)),
            "describe-producers" => Self::DescribeProducers(partition(0)?),
            "abort-transaction" => Self::AbortTransaction(partition(0)?),
            "fence" => Self::Fence(name(0)),
            other => unreachable!("{other} is one of the words"),
        })
    }

    /// What it orders that moves groups or logs; `None` where it only looks, or ends transactions.
    pub(super) fn order(&self) -> Option<Order> {
        Some(match self.clone() {
            Self::SetOffset { group, partition, offset } => Order::SetOffset { group, partition, offset },
            Self::DeleteOffset { group, partition } => Order::DeleteOffset { group, partition },
            Self::DeleteGroup(group) => Order::DeleteGroup { group },
            Self::DeleteRecords { partition, before } => Order::DeleteRecords { partition, before },
            Self::ListGroups
            | Self::DescribeGroup(_)
            | Self::DescribeTopic(_)
            | Self::DescribeCluster
            | Self::ListTransactions
            | Self::DescribeTransaction(_)
            | Self::DescribeProducers(_)
            | Self::AbortTransaction(_)
            | Self::Fence(_) => return None,
        })
    }

    /// The call that it begins with.
    pub(super) fn first_ask(&self) -> Ask {
        match self {
            Self::ListGroups => Ask::ListGroups,
            Self::DescribeGroup(group) => Ask::DescribeConsumerGroups(vec![group.clone()]),
            Self::SetOffset { group, partition, offset } => {
                let (partition, metadata) = (partition.clone(), String::new());
                let offset = CommittedOffset { partition, offset: *offset, leader_epoch: -1, metadata };
                Ask::AlterConsumerGroupOffsets(group.clone(), vec![offset])
            }
            Self::DeleteOffset { group, partition } => {
                Ask::DeleteConsumerGroupOffsets(group.clone(), vec![partition.clone()])
            }
            Self::DeleteGroup(group) => Ask::DeleteConsumerGroups(vec![group.clone()]),
            Self::DeleteRecords { partition, before } => Ask::DeleteRecords(vec![(partition.clone(), *before)]),
            Self::DescribeTopic(topic) => Ask::DescribeTopics(vec![topic.clone()]),
            Self::DescribeCluster => Ask::DescribeCluster,
            Self::ListTransactions => Ask::ListTransactions,
            Self::DescribeTransaction(id) => Ask::DescribeTransactions(vec![id.clone()]),
            // Who is to be aborted stands in the log (`kafka-transactions.sh abort --start-offset`).
            Self::DescribeProducers(partition) | Self::AbortTransaction(partition) => {
                Ask::DescribeProducers(vec![partition.clone()])
            }
            Self::Fence(id) => Ask::FenceProducers(vec![id.clone()]),
        }
    }
}

impl fmt::Display for AdminCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |(topic, number): &NamedPartition| format!("{topic}-{number}");
        match self {
            Self::ListGroups => f.write_str("list-groups"),
            Self::DescribeGroup(group) => write!(f, "describe-group {group}"),
            Self::SetOffset { group, partition, offset } => {
                write!(f, "set-offset {group} {} {offset}", text(partition))
            }
            Self::DeleteOffset { group, partition } => write!(f, "delete-offset {group} {}", text(partition)),
            Self::DeleteGroup(group) => write!(f, "delete-group {group}"),
            Self::DeleteRecords { partition, before } => write!(f, "delete-records {} {before}", text(partition)),
            Self::DescribeTopic(topic) => write!(f, "describe-topic {topic}"),
            Self::DescribeCluster => f.write_str("describe-cluster"),
            Self::ListTransactions => f.write_str("list-transactions"),
            Self::DescribeTransaction(id) => write!(f, "describe-transaction {id}"),
            Self::DescribeProducers(partition) => write!(f, "describe-producers {}", text(partition)),
            Self::AbortTransaction(partition) => write!(f, "abort-transaction {}", text(partition)),
            Self::Fence(id) => write!(f, "fence {id}"),
        }
    }
}

fn or_nothing(takes: &str) -> &str {
    if takes.is_empty() { "nothing more" } else { takes }
}

fn named_partition(text: &str) -> Option<NamedPartition> {
    let (topic, number) = text.rsplit_once('-')?;
    let number = number.parse::<i32>().ok().filter(|number| *number >= 0)?;
    (!topic.is_empty()).then(|| (topic.to_owned(), number))
}

/// A marker that ends a producer's transaction in a partition, with its own epoch and that of the last coordinator
/// (`TransactionsCommand.buildAbortSpec`).
pub(super) fn abort(partition: &NamedPartition, producer: &ProducerState) -> Ask {
    Ask::AbortTransaction {
        partition: partition.clone(),
        producer_id: producer.producer_id.0,
        producer_epoch: i16::try_from(producer.producer_epoch).expect("an epoch"),
        coordinator_epoch: producer.coordinator_epoch.max(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_read_as_it_is_written() {
        for (word, takes) in AdminCommand::WORDS {
            let given = takes.replace("TOPIC-PARTITION", "orders-2").replace("OFFSET", "7");
            let text = format!("{word} {given}");
            let command = AdminCommand::parse(&text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
            assert_eq!(command.to_string(), text.trim());
        }
    }

    #[test]
    fn what_is_no_command_is_told_what_is_wrong() {
        let wrong = |text: &str| AdminCommand::parse(text).expect_err("no command");
        assert_eq!(wrong("drop-group g").word.as_deref(), Some("drop-group"));
        assert_eq!(wrong("delete-group").message, "\"delete-group\" takes GROUP");
        assert_eq!(wrong("list-groups all").message, "\"list-groups\" takes nothing more");
        for text in ["set-offset g orders-0 -1", "delete-records orders 5", "delete-records orders-0 -2", ""] {
            assert!(AdminCommand::parse(text).is_err(), "{text}");
        }
    }
}
