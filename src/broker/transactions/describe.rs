//! What is told of transactions (Kafka: `TransactionCoordinator.handleDescribeTransactions`,
//! `TransactionStateManager.listTransactionStates`).

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState as Described};
use kafka_protocol::messages::list_transactions_response::TransactionState as Listed;
use kafka_protocol::messages::{ListTransactionsRequest, ListTransactionsResponse, TopicName, TransactionalId};
use kafka_protocol::protocol::StrBytes;

use super::metadata::TransactionMetadata;
use super::state::TransactionState;

/// What DescribeTransactions tells of an id; where there is nothing to tell, why.
pub(super) fn described(id: &TransactionalId, found: Result<Option<&TransactionMetadata>, ResponseError>) -> Described {
    // Beside an error the fields have what a message of Kafka's begins with.
    let told = Described::default().with_transactional_id(id.clone());
    let error = if id.is_empty() { Err(ResponseError::InvalidRequest) } else { found };
    match error.and_then(|known| known.ok_or(ResponseError::TransactionalIdNotFound)) {
        Err(error) => told.with_error_code(error.code()),
        Ok(known) => {
            let mut topics: BTreeMap<&TopicName, Vec<i32>> = BTreeMap::new();
            known.partitions.iter().for_each(|(topic, partition)| topics.entry(topic).or_default().push(*partition));
            let topic = |(topic, partitions): (&TopicName, Vec<i32>)| {
                TopicData::default().with_topic(topic.clone()).with_partitions(partitions)
            };
            told.with_transaction_state(StrBytes::from_static_str(known.state.name()))
                .with_transaction_timeout_ms(known.timeout_ms)
                .with_transaction_start_time_ms(known.start_ms)
                .with_producer_id(known.producer_id.into())
                .with_producer_epoch(known.producer_epoch)
                .with_topics(topics.into_iter().map(topic).collect())
        }
    }
}

/// What ListTransactions tells of the ids of a broker.
pub(super) fn listed<'a>(
    request: &ListTransactionsRequest,
    all: impl Iterator<Item = (&'a str, &'a TransactionMetadata)>,
    now_ms: i64,
) -> ListTransactionsResponse {
    let (known, unknown): (Vec<&StrBytes>, Vec<&StrBytes>) =
        request.state_filters.iter().partition(|name| TransactionState::named(name).is_some());
    let is_asked = |(id, it): &(&str, &TransactionMetadata)| {
        let ids = &request.producer_id_filters;
        let pattern = request.transactional_id_pattern.as_deref().filter(|pattern| !pattern.is_empty());
        (ids.is_empty() || ids.iter().any(|id| id.0 == it.producer_id))
            && (request.state_filters.is_empty() || known.iter().any(|name| name.as_str() == it.state.name()))
            && (request.duration_filter < 0 || now_ms - it.start_ms > request.duration_filter)
            && pattern.is_none_or(|pattern| matches(pattern, id))
    };
    let tell = |(id, it): (&str, &TransactionMetadata)| {
        Listed::default()
            .with_transactional_id(StrBytes::from_string(id.to_owned()).into())
            .with_producer_id(it.producer_id.into())
            .with_transaction_state(StrBytes::from_static_str(it.state.name()))
    };
    ListTransactionsResponse::default()
        .with_unknown_state_filters(unknown.into_iter().cloned().collect())
        .with_transaction_states(all.filter(is_asked).map(tell).collect())
}

/// Whether a text matches a pattern as a whole. Of the expressions of RE2, which Kafka takes, these are known: letters that
/// stand for themselves, `.` for any, and `*` behind either.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    matches_from(&pattern, &text)
}

fn matches_from(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [letter, '*', rest @ ..] => {
            let run = text.iter().take_while(|it| *letter == '.' || *it == letter).count();
            (0..=run).any(|taken| matches_from(rest, &text[taken..]))
        }
        [letter, rest @ ..] => {
            text.split_first().is_some_and(|(it, text)| (*letter == '.' || it == letter) && matches_from(rest, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<(&'static str, TransactionMetadata)> {
        let begun = |id| TransactionMetadata::new(id, 60_000, 1).with_next_epoch(60_000, None, 2).expect("an epoch");
        let orders = (TopicName(StrBytes::from_static_str("orders")), 3);
        vec![("a", begun(7)), ("b-1", begun(8).with_partitions(&[orders].into(), 2, 1_000))]
    }

    fn names(request: &ListTransactionsRequest) -> Vec<String> {
        let all = all();
        let answer = listed(request, all.iter().map(|(id, it)| (*id, it)), 5_000);
        answer.transaction_states.iter().map(|it| it.transactional_id.to_string()).collect()
    }

    #[test]
    fn a_list_has_what_all_filters_leave() {
        let none = ListTransactionsRequest::default().with_duration_filter(-1);
        assert_eq!(names(&none), ["a", "b-1"]);
        assert_eq!(names(&none.clone().with_producer_id_filters(vec![8.into()])), ["b-1"]);
        assert_eq!(names(&none.clone().with_duration_filter(4_000)), ["a"], "what has not begun began long ago");
        let states = |name| none.clone().with_state_filters(vec![StrBytes::from_static_str(name)]);
        assert_eq!(names(&states("Ongoing")), ["b-1"]);
        assert!(names(&states("Open")).is_empty());
        let pattern = |it| none.clone().with_transactional_id_pattern(Some(StrBytes::from_static_str(it)));
        assert_eq!(names(&pattern("b.*")), ["b-1"]);
        assert_eq!(names(&pattern("b")), Vec::<String>::new());
    }

    #[test]
    fn an_unknown_id_is_told_and_a_known_one_described() {
        let id = TransactionalId(StrBytes::from_static_str("b-1"));
        assert_eq!(described(&id, Ok(None)).error_code, ResponseError::TransactionalIdNotFound.code());
        let told = described(&id, Ok(Some(&all()[1].1)));
        assert_eq!((told.error_code, &*told.transaction_state, told.transaction_start_time_ms), (0, "Ongoing", 1_000));
        assert_eq!((told.topics[0].topic.as_str(), &told.topics[0].partitions[..]), ("orders", &[3][..]));
    }
}
