//! After which errors a request is sent again (Kafka: `RetriableException`).

use kafka_protocol::error::ResponseError;

/// Whether the error may pass. `kafka-protocol` takes CONCURRENT_TRANSACTIONS for one that stays, as it did before KIP-360.
pub(super) fn is_retriable(error: ResponseError) -> bool {
    error.is_retriable() || error == ResponseError::ConcurrentTransactions
}
