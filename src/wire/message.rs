//! What travels on a connection.

use std::sync::Arc;

use super::api::{Body, Request};
use super::content::fold_bytes;
use crate::sim::hash::RunHash;

/// Bytes of a header with its length before it: version 2 of a request's, without its client id.
const HEADER_BYTES: usize = 15;
/// Those of a client id that is not said here: that of a broker, or nothing in an answer. Ten letters are long.
const UNSAID_CLIENT_ID_BYTES: usize = 10;

/// One request or response with what matters of the header: its version and its correlation id.
#[derive(Clone, Debug)]
pub struct Message {
    /// Chosen by the client, repeated by the answer.
    pub correlation_id: i32,
    /// The version at which it is spoken; an answer is spoken at that of its request.
    pub version: i16,
    /// What the client calls itself; `None` in answers, and where brokers speak with each other.
    pub client_id: Option<Arc<str>>,
    /// What is asked or answered.
    pub body: Body,
}

impl Message {
    /// A message at the version that everybody here speaks.
    #[must_use]
    pub fn new(correlation_id: i32, body: Body) -> Self {
        Self { correlation_id, version: body.api().version(), client_id: None, body }
    }

    /// A request of a client that calls itself so.
    #[must_use]
    pub fn of_client(client_id: &Arc<str>, correlation_id: i32, request: Request) -> Self {
        Self { client_id: Some(Arc::clone(client_id)), ..Self::new(correlation_id, Body::Request(request)) }
    }

    /// The same at another version, which an older client speaks.
    #[must_use]
    pub fn at(self, version: i16) -> Self {
        Self { version, ..self }
    }
}

/// Its size is that at the version that everybody here speaks; an older one may lack a field of a few bytes.
impl crate::sim::process::Message for Message {
    fn size_bytes(&self) -> u32 {
        let client_id = self.client_id.as_ref().map_or(UNSAID_CLIENT_ID_BYTES, |id| id.len());
        u32::try_from(HEADER_BYTES + client_id + self.body.content().size()).unwrap_or(u32::MAX)
    }

    fn kind(&self) -> u32 {
        self.body.api().kind(self.body.is_request())
    }

    fn fold(&self, hash: &mut RunHash) {
        let version = u64::from(self.version.cast_unsigned());
        hash.fold(version << 48 | u64::from(self.kind()) << 32 | u64::from(self.correlation_id.cast_unsigned()));
        // What nobody says makes no hash another.
        if let Some(client_id) = &self.client_id {
            fold_bytes(client_id.as_bytes(), hash);
        }
        self.body.content().fold(hash);
    }
}
