//! Record batches as they are compared.

use loglab::log::batch::{self, BatchHeader};
use serde_json::{Value, json};

use super::tree::hex;

/// The batches of a partition: all their bytes, but of markers neither times nor the coordinator's epoch, which are the
/// broker's clock and history.
pub fn batches(bytes: &[u8]) -> Value {
    let mut found = Vec::new();
    let mut size = 0;
    for (header, batch) in batch::batches(bytes) {
        size += batch.len();
        found.push(if header.is_control() { marker(&header, batch) } else { data(&header, batch) });
    }
    if size < bytes.len() {
        found.push(json!({ "cut": hex(&bytes[size..]) }));
    }
    Value::Array(found)
}

fn data(header: &BatchHeader, batch: &[u8]) -> Value {
    json!({ "base_offset": header.base_offset, "bytes": hex(batch) })
}

fn marker(header: &BatchHeader, batch: &[u8]) -> Value {
    let records = batch::records(batch).map(|records| {
        let records = records.map(|record| record.map(|record| hex(record.key.unwrap_or_default())));
        records.collect::<Result<Vec<String>, _>>()
    });
    let keys = match records {
        Ok(Ok(keys)) => json!(keys),
        Ok(Err(error)) | Err(error) => json!(error.to_string()),
    };
    json!({
        "base_offset": header.base_offset,
        "last_offset_delta": header.last_offset_delta,
        "leader_epoch": header.partition_leader_epoch,
        "attributes": header.attributes,
        "producer_id": header.producer_id,
        "producer_epoch": header.producer_epoch,
        "base_sequence": header.base_sequence,
        "size": batch.len(),
        "keys": keys,
    })
}
