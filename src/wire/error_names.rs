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

/// The code of the error that Kafka calls so.
#[must_use]
pub fn error_named(name: &str) -> Option<i16> {
    error_codes().find(|code| error_name(*code) == name)
}

/// Kafka's codes of errors.
pub fn error_codes() -> impl Iterator<Item = i16> {
    // `Errors.UNKNOWN_SERVER_ERROR` is -1; none is above this.
    const MOST: i16 = 200;
    (-1..=MOST).filter(|code| ResponseError::try_from_code(*code).is_some_and(|error| error.code() == *code))
}

/// The exception that a commit of offsets throws for an error code (`ConsumerCoordinator.OffsetCommitResponseHandler`,
/// `CommitRequestManager`).
#[must_use]
pub fn commit_exception_of(code: i16) -> String {
    let has_lost_its_place =
        [ResponseError::UnknownMemberId, ResponseError::IllegalGeneration, ResponseError::StaleMemberEpoch];
    if has_lost_its_place.iter().any(|error| error.code() == code) {
        "CommitFailedException".to_owned()
    } else {
        exception_of(code)
    }
}

/// The exception of the Java client that goes with an error code (`Errors`): mostly its name in another spelling.
#[must_use]
pub fn exception_of(code: i16) -> String {
    let name = error_name(code);
    let irregular = match name.as_str() {
        "UNKNOWN_SERVER_ERROR" => "UnknownServerException",
        "CORRUPT_MESSAGE" => "CorruptRecordException",
        "REQUEST_TIMED_OUT" => "TimeoutException",
        "MESSAGE_TOO_LARGE" => "RecordTooLargeException",
        "NETWORK_EXCEPTION" => "NetworkException",
        "INVALID_TOPIC_EXCEPTION" => "InvalidTopicException",
        "RECORD_LIST_TOO_LARGE" => "RecordBatchTooLargeException",
        "OUT_OF_ORDER_SEQUENCE_NUMBER" => "OutOfOrderSequenceException",
        "DUPLICATE_SEQUENCE_NUMBER" => "DuplicateSequenceException",
        "INVALID_PRODUCER_ID_MAPPING" => "InvalidPidMappingException",
        "TOPIC_ALREADY_EXISTS" => "TopicExistsException",
        "KAFKA_STORAGE_ERROR" => "KafkaStorageException",
        // All others are spelt alike.
        _ => "",
    };
    if !irregular.is_empty() {
        return irregular.to_owned();
    }
    let capital = |word: &str| format!("{}{}", &word[..1], word[1..].to_ascii_lowercase());
    let words: String = name.split('_').filter(|word| !word.is_empty()).map(capital).collect();
    format!("{words}Exception")
}
