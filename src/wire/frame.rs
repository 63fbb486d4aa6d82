//! Frames: messages as bytes, each behind a header, at any version (Kafka: `RequestHeader.parse`, `Processor.parseRequestHeader`,
//! `RequestContext.parseRequest` and `buildResponseEnvelope`).
//!
//! Simulated processes hand each other messages; what comes from outside comes through here. A frame has no length before it.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, MetadataResponse, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::api::{Api, Body, Request, Response, decode, encode};
use super::message::Message;
use super::{by_id, metadata_answer};

/// The last version of a Fetch that names topics.
const LAST_FETCH_BY_NAME: i16 = 12;
/// The newest version of a message that `kafka-protocol` does not know is written as the one before, which has the same fields.
const SAME_LIST_OFFSETS: i16 = 10;

/// A request with who sent it.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The request.
    pub message: Message,
    /// What the client calls itself.
    pub client_id: Option<String>,
}

/// Why bytes are no request: the broker closes the connection (`InvalidRequestException`, `SocketServer.processException`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoRequest(pub String);

/// Reads a request.
///
/// # Errors
///
/// What is wrong with the bytes; whoever sent them is not answered.
pub fn read_request(frame: &[u8]) -> Result<Incoming, NoRequest> {
    let (key, version) = head(frame)?;
    let api = api_of(key, version).ok_or_else(|| NoRequest(format!("API key {key} is not served here")))?;
    let is_readable = api.versions().contains(&version);
    // Whoever asks for versions of which none is known is told them all the same.
    if !is_readable && api != Api::ApiVersions {
        return Err(NoRequest(format!("{api} has no version {version}")));
    }
    let mut rest = Bytes::copy_from_slice(frame);
    let header = RequestHeader::decode(&mut rest, request_header(api, version))
        .map_err(|error| NoRequest(format!("the header of {api}: {error}")))?;
    let body = if is_readable { body_of(api, version, &rest)? } else { Body::Request(versions_request()) };
    let client_id = header.client_id.map(|id| id.to_string());
    let called = client_id.as_deref().map(Arc::from);
    let message = Message { correlation_id: header.correlation_id, version, client_id: called, body };
    Ok(Incoming { message, client_id })
}

fn versions_request() -> Request {
    Request::ApiVersions(ApiVersionsRequest::default())
}

fn head(frame: &[u8]) -> Result<(i16, i16), NoRequest> {
    let mut head = frame.get(..4).ok_or_else(|| NoRequest("shorter than a header".to_owned()))?;
    Ok((head.get_i16(), head.get_i16()))
}

/// The API of a key, as it is told from others of the same key.
fn api_of(key: i16, version: i16) -> Option<Api> {
    match Api::numbered(u16::try_from(key).ok()?)? {
        Api::Fetch if version <= LAST_FETCH_BY_NAME => Some(Api::FetchByName),
        api => Some(api),
    }
}

fn body_of(api: Api, version: i16, bytes: &[u8]) -> Result<Body, NoRequest> {
    let wrong = |error: String| NoRequest(format!("{api} {version}: {error}"));
    if (api, version) == (Api::OffsetFetch, by_id::VERSION) {
        return by_id::offset_fetch(bytes).map(|it| Body::Request(Request::OffsetFetch(it))).map_err(wrong);
    }
    if (api, version) == (Api::OffsetCommit, by_id::VERSION) {
        return by_id::offset_commit(bytes).map(|it| Body::Request(Request::OffsetCommit(it))).map_err(wrong);
    }
    let (body, _) = decode(api, true, bytes, written_as(api, version))
        .ok_or_else(|| wrong("has no bytes".to_owned()))?
        .map_err(wrong)?;
    Ok(body)
}

/// The version at which the bytes of one are written.
fn written_as(api: Api, version: i16) -> i16 {
    if api == Api::ListOffsets { version.min(SAME_LIST_OFFSETS) } else { version }
}

fn request_header(api: Api, version: i16) -> i16 {
    key_of(api).request_header_version(written_as(api, version))
}

fn response_header(api: Api, version: i16) -> i16 {
    key_of(api).response_header_version(written_as(api, version))
}

fn key_of(api: Api) -> ApiKey {
    ApiKey::try_from(api.key()).expect("what is in the table is an API of Kafka's")
}

/// The bytes of the answer to a request, at the version of that.
///
/// # Errors
///
/// Where the answer says what the version has no room for, which is a mistake of the one who answers.
pub fn write_response(request: &Message, response: &Message) -> Result<Vec<u8>, String> {
    let (api, version) = (request.body.api(), answered_in(request));
    let mut bytes = Vec::new();
    let header = ResponseHeader::default().with_correlation_id(response.correlation_id);
    header.encode(&mut bytes, response_header(api, version)).map_err(|error| error.to_string())?;
    let body = match (&request.body, &response.body) {
        (Body::Request(Request::Metadata(asked)), Body::Response(Response::Metadata(image))) => {
            metadata_bytes(&metadata_answer::metadata(image, asked, version), version)?
        }
        (_, body) => encode(body, written_as(api, version)).ok_or("this answer has no bytes")??,
    };
    bytes.extend(body);
    Ok(bytes)
}

/// The version of the answer to a request: that of the request, but whoever speaks an unknown version of ApiVersions is answered
/// in the first one.
fn answered_in(request: &Message) -> i16 {
    let versions = request.body.api().versions();
    if versions.contains(&request.version) { request.version } else { *versions.start() }
}

fn metadata_bytes(response: &MetadataResponse, version: i16) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    response.encode(&mut bytes, version).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What an answer says, to whoever is not simulated.
#[derive(Clone, Debug)]
pub enum Said {
    /// The cluster, as far as it was asked for.
    Metadata(Box<MetadataResponse>),
    /// Anything else.
    Other(Box<Response>),
}

/// Reads the answer to a request; its correlation id, and what it says.
///
/// # Errors
///
/// What is wrong with the bytes.
pub fn read_response(request: &Message, frame: &[u8]) -> Result<(i32, Said), String> {
    let (api, version) = (request.body.api(), answered_in(request));
    let mut rest = Bytes::copy_from_slice(frame);
    let header = ResponseHeader::decode(&mut rest, response_header(api, version)).map_err(|error| error.to_string())?;
    let (said, size) = if api == Api::Metadata {
        let before = rest.len();
        let response = MetadataResponse::decode(&mut rest, version).map_err(|error| error.to_string())?;
        (Said::Metadata(Box::new(response)), before - rest.len())
    } else {
        let (body, size) = decode(api, false, &rest, written_as(api, version)).ok_or("this answer has no bytes")??;
        let Body::Response(response) = body else { unreachable!("an answer was read") };
        rest.advance(size);
        (Said::Other(Box::new(response)), size)
    };
    match rest.len() {
        0 => Ok((header.correlation_id, said)),
        more => Err(format!("{more} bytes behind an answer of {size}")),
    }
}

/// The bytes of a request of a client.
///
/// # Errors
///
/// Where the request says what its version has no room for.
pub fn write_request(request: &Message, client_id: Option<&str>) -> Result<Vec<u8>, String> {
    let (api, version) = (request.body.api(), request.version);
    let header = RequestHeader::default()
        .with_request_api_key(api.key())
        .with_request_api_version(version)
        .with_correlation_id(request.correlation_id)
        .with_client_id(client_id.map(|id| id.to_owned().into()));
    let mut bytes = Vec::new();
    header.encode(&mut bytes, request_header(api, version)).map_err(|error| error.to_string())?;
    bytes.extend(encode(&request.body, written_as(api, version)).ok_or("this request has no bytes")??);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::MetadataRequest;

    use super::*;

    fn incoming(body: Request, version: i16) -> Result<Incoming, NoRequest> {
        let message = Message { version, ..Message::new(7, Body::Request(body)) };
        read_request(&write_request(&message, Some("me")).expect("the version has all of it"))
    }

    #[test]
    fn a_request_is_read_at_each_of_its_versions() {
        for version in Api::Metadata.versions() {
            let read = incoming(Request::Metadata(MetadataRequest::default()), version).expect("it is whole");
            assert_eq!((read.message.correlation_id, read.message.version), (7, version));
            assert_eq!(read.client_id.as_deref(), Some("me"));
            assert!(matches!(read.message.body, Body::Request(Request::Metadata(_))));
        }
    }

    #[test]
    fn what_is_cut_or_unknown_is_no_request() {
        let request = Message::new(1, Body::Request(Request::Metadata(MetadataRequest::default())));
        let frame = write_request(&request, None).expect("the version has all of it");
        assert!((0..frame.len()).all(|end| read_request(&frame[..end]).is_err()));
        assert!(read_request(&[0, 99, 0, 0, 0, 0, 0, 1, 0xff, 0xff]).is_err(), "no such API");
        assert!(read_request(&[0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff]).is_err(), "a version of Produce from before 4.0");
    }

    #[test]
    fn an_unknown_version_of_api_versions_is_answered_in_the_first_one() {
        let read = read_request(&[0, 18, 0, 99, 0, 0, 0, 1, 0xff, 0xff, 0]).expect("it is read all the same");
        assert_eq!(read.message.version, 99);
        let Body::Request(Request::ApiVersions(asked)) = &read.message.body else { panic!("it is one") };
        let answer = super::super::api_versions(super::super::Listener::Broker, asked, 99, 0);
        let answer = Message { body: Body::Response(Response::ApiVersions(answer)), ..read.message.clone() };
        let bytes = write_response(&read.message, &answer).expect("the version has all of it");
        assert_eq!(bytes, [0, 0, 0, 1, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    }
}
