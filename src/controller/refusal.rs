//! What is said to whoever asked for something that cannot be (Kafka: `ApiError`).

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

/// An error with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) error: ResponseError,
    /// In Kafka's words; empty where the error says it all.
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self { error, message: message.into() }
    }

    /// The message as answers carry it.
    pub(super) fn text(&self) -> Option<StrBytes> {
        Some(&self.message).filter(|message| !message.is_empty()).map(|message| StrBytes::from_string(message.clone()))
    }
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self::new(error, String::new())
    }
}
