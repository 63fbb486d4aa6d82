//! A request that a coordinator works on, until it is answered.

use std::sync::Arc;

use super::effects::Ticket;
use crate::wire::{Body, BrokerRequest, Message, Request, Response, TopicPartition};

/// A request whose answer is not due yet: what it caused is to be committed, or others are to be heard first.
#[derive(Clone, Debug)]
pub(in crate::broker) struct PendingWrite {
    /// The request.
    pub(super) message: Arc<Message>,
    /// The coordinator, by its place.
    pub(super) place: usize,
    /// Tells this request from others that had the same wait.
    pub(super) serial: u32,
    pub(super) parts: Vec<Part>,
}

/// What the request asks of one partition.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Where it is one of several, itself.
    pub(super) request: Option<Request>,
    /// `None` where there is no such topic.
    pub(super) partition: Option<TopicPartition>,
    pub(super) state: PartState,
}

/// How far a part is.
#[derive(Clone, Debug)]
pub(super) enum PartState {
    /// The shard knows of it, and will say when it is answered.
    Parked,
    /// It is answered once all before this offset is committed.
    Until(i64, Response),
    /// Its answer is certain.
    Done(Response),
}

impl PendingWrite {
    pub(super) fn ticket(&self, wait: u32, part: usize) -> Ticket {
        Ticket { wait, serial: self.serial, part: part as u32 }
    }

    /// The partitions that it waits for.
    pub(in crate::broker) fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        self.parts.iter().filter_map(|part| part.partition)
    }

    /// The whole request.
    pub(super) fn request(&self) -> BrokerRequest<'_> {
        let Body::Request(request) = &self.message.body else { unreachable!("a request waits") };
        request.at_broker().expect("a broker's request waits at a broker")
    }

    /// What a part of it asks.
    pub(super) fn request_of(&self, part: usize) -> BrokerRequest<'_> {
        match &self.parts[part].request {
            Some(request) => request.at_broker().expect("a part of a broker's request is one"),
            None => self.request(),
        }
    }
}
