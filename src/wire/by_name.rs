//! A Fetch that names topics instead of telling their ids: version 12, which Kafka's consumer falls back to as long as it does
//! not know the id of a topic that it reads (`FetchRequest.Builder.build`, `FetchSessionHandler`: `canUseTopicIds`).

use kafka_protocol::messages::{FetchRequest, FetchResponse};

#[cfg(not(target_family = "wasm"))]
use super::content::Encoded;
use super::content::{Content, Field};
use crate::sim::hash::RunHash;

/// A Fetch by name; ids of topics are nil in it.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchByNameRequest(pub FetchRequest);

/// Its answer; ids of topics are nil in it.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchByNameResponse(pub FetchResponse);

/// A nil id, which the list of fields of the newer version has where this one has a name.
const ID: usize = 16;

/// What it has and the newer version has not: `replica_id`, which is a tagged field there, and names.
impl Content for FetchByNameRequest {
    fn fold(&self, hash: &mut RunHash) {
        Field::fold(&self.0, hash);
        self.0.replica_id.fold(hash);
        self.0.topics.iter().for_each(|topic| topic.topic.fold(hash));
        self.0.forgotten_topics_data.iter().for_each(|topic| topic.topic.fold(hash));
    }

    fn size(&self) -> usize {
        let named: usize = self.0.topics.iter().map(|topic| topic.topic.size()).sum();
        let forgotten: usize = self.0.forgotten_topics_data.iter().map(|topic| topic.topic.size()).sum();
        let ids = ID * (self.0.topics.len() + self.0.forgotten_topics_data.len());
        Field::size(&self.0) + self.0.replica_id.size() + named + forgotten - ids
    }

    fn errors(&self) -> Vec<i16> {
        Vec::new()
    }
}

impl Content for FetchByNameResponse {
    fn fold(&self, hash: &mut RunHash) {
        Field::fold(&self.0, hash);
        self.0.responses.iter().for_each(|topic| topic.topic.fold(hash));
    }

    fn size(&self) -> usize {
        let named: usize = self.0.responses.iter().map(|topic| topic.topic.size()).sum();
        Field::size(&self.0) + named - ID * self.0.responses.len()
    }

    fn errors(&self) -> Vec<i16> {
        super::content::errors_of(&self.0)
    }
}

#[cfg(not(target_family = "wasm"))]
impl Encoded for FetchByNameRequest {
    fn encoded(&self, version: i16) -> Option<Result<Vec<u8>, String>> {
        self.0.encoded(version)
    }

    fn decoded(bytes: &[u8], version: i16) -> Option<Result<(Self, usize), String>> {
        FetchRequest::decoded(bytes, version).map(|read| read.map(|(it, size)| (Self(it), size)))
    }
}

#[cfg(not(target_family = "wasm"))]
impl Encoded for FetchByNameResponse {
    fn encoded(&self, version: i16) -> Option<Result<Vec<u8>, String>> {
        self.0.encoded(version)
    }

    fn decoded(bytes: &[u8], version: i16) -> Option<Result<(Self, usize), String>> {
        FetchResponse::decoded(bytes, version).map(|read| read.map(|(it, size)| (Self(it), size)))
    }
}
