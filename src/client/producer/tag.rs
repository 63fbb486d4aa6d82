//! What a producer remembers of a request until it is answered.

use uuid::Uuid;

use super::destination::Destination;
use super::transactions::Ask;

/// What a request was for.
#[derive(Clone, Debug)]
pub(super) enum Tag {
    ProducerId,
    Transaction(Ask),
    Produce(Vec<Sent>),
}

/// A batch in a request: the topic had this id then.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) of: Destination,
    pub(super) topic_id: Uuid,
    pub(super) batch: u64,
}
