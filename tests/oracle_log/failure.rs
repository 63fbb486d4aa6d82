//! How an operation fails: as Kafka does, or because the case asks for what it must not.

use kafka_protocol::ResponseError;
use loglab::log::partition_metadata::TopicIdError;
use loglab::log::{AppendError, LogError, OpenError, ReadError};
use loglab::sim::disk::DiskError;
use serde_json::{Value, json};

/// Why an operation gave no result.
pub enum Failure {
    /// An error of Kafka's, as facts hold it.
    Kafka(Value),
    /// The case asks for what it must not ask for.
    Wrong(String),
}

impl Failure {
    /// An exception of Kafka's and the code that the protocol gives it.
    pub fn kafka(exception: &str, code: i16) -> Failure {
        Failure::Kafka(fact_of(exception, code))
    }
}

fn fact_of(exception: &str, code: i16) -> Value {
    json!({ "class": exception, "code": code, "error": name_of(code) })
}

/// The protocol's name of an error code: `UNKNOWN_SERVER_ERROR` and so on.
fn name_of(code: i16) -> String {
    let Some(error) = ResponseError::try_from_code(code) else { return "NONE".to_owned() };
    let mut name = String::new();
    for letter in format!("{error:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        let mut fact = fact_of(error.exception(), error.code());
        if let Some(cause) = error.record_errors() {
            let records: Vec<_> = cause.batch_indexes.iter().map(|index| json!({ "batchIndex": index })).collect();
            fact["invalidException"] = json!(cause.exception);
            fact["recordErrors"] = json!(records);
        }
        Failure::Kafka(fact)
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Failure::kafka(error.exception(), error.code())
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Failure::kafka(error.exception(), error.code())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Failure::kafka(error.exception(), error.code())
    }
}

impl From<TopicIdError> for Failure {
    fn from(error: TopicIdError) -> Self {
        Failure::kafka(error.exception(), error.code())
    }
}

impl From<DiskError> for Failure {
    fn from(_: DiskError) -> Self {
        Failure::kafka("KafkaStorageException", 56)
    }
}
