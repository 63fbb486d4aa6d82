//! The keys of records as numbers, so that a key has one hue everywhere.

use crate::client;
use crate::log::batch::{Body as Batch, batches};
use crate::wire::{Body, FetchByNameResponse, Request, Response};

/// The keys of the records in a message, one for each record.
pub(super) fn of_message(body: &Body) -> Vec<Option<u32>> {
    let mut keys = Vec::new();
    let mut add = |records: Option<&bytes::Bytes>| {
        for (_, bytes) in batches(records.map(|records| &**records).unwrap_or_default()) {
            of_batch(bytes, &mut keys);
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

/// The keys of a batch's records, as numbers: that of the scenario's keys (`k12`), a hash of any other.
pub(super) fn of_batch(batch_bytes: &[u8], keys: &mut Vec<Option<u32>>) {
    // What rot or a torn write has made unreadable has no keys; the Log view says what is wrong with it.
    let Ok(body) = Batch::of(batch_bytes) else { return };
    let Ok(records) = body.records() else { return };
    keys.extend(records.flatten().map(|record| record.key.map(number)));
}

/// The number that gives a key its hue.
pub(super) fn number(key: &[u8]) -> u32 {
    let digits = std::str::from_utf8(key).ok().and_then(|text| text.strip_prefix('k'));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| client::murmur2(key).cast_unsigned())
}
