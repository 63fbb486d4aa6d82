//! A message on its way, in a line.

use kafka_protocol::messages::{FetchRequest, FetchResponse, ProduceRequest, ProduceResponse};

use super::build::keys_of;
use crate::lab::names::Names;
use crate::lab::node::error_name;
use crate::wire::{Body, Request, Response, TopicPartition, topic_index};

/// What a message is about, and the keys of the records that it carries.
pub(super) fn describe(body: &Body, names: &Names) -> (String, Vec<Option<u32>>) {
    let mut lines = Lines { names, lines: Vec::new(), keys: Vec::new() };
    match body {
        Body::Request(Request::Produce(request)) => lines.produce(request),
        Body::Response(Response::Produce(response)) => lines.produced(response),
        Body::Request(Request::Fetch(request)) => lines.fetch(request),
        Body::Response(Response::Fetch(response)) => lines.fetched(response),
        Body::Request(Request::FetchMetadata { offset, .. }) => {
            lines.lines.push(format!("__cluster_metadata-0 from {}", offset + 1));
        }
        Body::Response(Response::FetchMetadata(image)) => {
            lines.lines.push(format!("__cluster_metadata-0 up to {}", image.offset));
        }
        _ => {}
    }
    (lines.lines.join("; "), lines.keys)
}

struct Lines<'a> {
    names: &'a Names,
    lines: Vec<String>,
    keys: Vec<Option<u32>>,
}

impl Lines<'_> {
    fn produce(&mut self, request: &ProduceRequest) {
        for topic in &request.topic_data {
            for data in &topic.partition_data {
                let name = self.name(topic.topic_id, data.index);
                let count = self.records(data.records.as_deref());
                self.lines.push(format!("{name}, {count}"));
            }
        }
    }

    fn produced(&mut self, response: &ProduceResponse) {
        for topic in &response.responses {
            for answer in &topic.partition_responses {
                let name = self.name(topic.topic_id, answer.index);
                self.lines.push(match answer.error_code {
                    0 => format!("{name} at offset {}", answer.base_offset),
                    code => format!("{name}: {}", error_name(code)),
                });
            }
        }
    }

    fn fetch(&mut self, request: &FetchRequest) {
        for topic in &request.topics {
            for wanted in &topic.partitions {
                let name = self.name(topic.topic_id, wanted.partition);
                self.lines.push(format!("{name} from {}", wanted.fetch_offset));
            }
        }
        if self.lines.is_empty() {
            self.lines.push("as before".to_owned());
        }
    }

    fn fetched(&mut self, response: &FetchResponse) {
        if response.error_code != 0 {
            self.lines.push(error_name(response.error_code));
        }
        for topic in &response.responses {
            for data in &topic.partitions {
                let name = self.name(topic.topic_id, data.partition_index);
                let count = self.records(data.records.as_deref());
                self.lines.push(match data.error_code {
                    0 => format!("{name}, {count}, high watermark {}", data.high_watermark),
                    code => format!("{name}: {}", error_name(code)),
                });
            }
        }
        if self.lines.is_empty() {
            self.lines.push("nothing new".to_owned());
        }
    }

    fn name(&self, topic: uuid::Uuid, partition: i32) -> String {
        topic_index(topic).map_or_else(String::new, |topic| self.names.partition(TopicPartition { topic, partition }))
    }

    fn records(&mut self, batches: Option<&[u8]>) -> String {
        let before = self.keys.len();
        for (_, bytes) in crate::log::batch::batches(batches.unwrap_or_default()) {
            keys_of(bytes, &mut self.keys);
        }
        match self.keys.len() - before {
            1 => "1 record".to_owned(),
            count => format!("{count} records"),
        }
    }
}
