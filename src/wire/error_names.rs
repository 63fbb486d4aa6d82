//! Kafka's names of error codes.

use kafka_protocol::error::ResponseError;

/// Kafka's name of an error code, such as `NOT_LEADER_OR_FOLLOWER`; empty for none.
#[must_use]
pub fn error_name(code: i16) -> String {
    let Some(error) = ResponseError::try_from_code(code) else { return String::new() };
    let mut name = String::new();
    for letter in format!("{error:?}").chars().take_while(|letter| letter.is_ascii_alphanumeric()) {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
