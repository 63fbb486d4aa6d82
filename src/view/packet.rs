//! A message on its way: the keys of the records that it carries. What it says is told by its own row of the table of APIs.

use super::build::keys_of;
use crate::wire::{Body, FetchByNameResponse, Request, Response};

/// The keys of the records in a message, one for each record.
pub(super) fn keys(body: &Body) -> Vec<Option<u32>> {
    let mut keys = Vec::new();
    let mut add = |records: Option<&bytes::Bytes>| {
        for (_, bytes) in crate::log::batch::batches(records.map(|records| &**records).unwrap_or_default()) {
            keys_of(bytes, &mut keys);
        }
    };
    match body {
        Body::Request(Request::Produce(request)) => {
            let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
            partitions.for_each(|partition| add(partition.records.as_ref()));
        }
        Body::Response(Response::Fetch(response) | Response::FetchByName(FetchByNameResponse(response))) => {
            let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
            partitions.for_each(|partition| add(partition.records.as_ref()));
        }
        // No other message carries records.
        Body::Request(_) | Body::Response(_) => {}
    }
    keys
}
