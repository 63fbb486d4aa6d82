//! A program with one of the simulator's producers, which does what a Java program did.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use loglab::client::{
    BatchOutcome, GroupOffsets, Header, Producer, ProducerEvent, ProducerRecord, ProducerSettings, Slot,
};
use loglab::note::{Note, SendError, TransactionError};
use loglab::sim::MILLISECOND;
use loglab::sim::process::{Context, Input};
use loglab::wire::{Body, Message, Response};

/// How often it looks for something to do.
const LOOK: u64 = 1;
const PRODUCER: Slot = Slot::new(1);

/// What passes between a test and the program.
#[derive(Debug, Default)]
pub struct Desk {
    pub calls: VecDeque<Call>,
    /// What became of each record, by the number of its `send()`.
    pub results: Vec<Option<Result<Placed, SendError>>>,
    /// How the calls of transactions have returned, in their order.
    pub returned: Vec<Result<(), TransactionError>>,
    /// So many answers to Produce are kept from it, with their connections.
    pub drops: u64,
}

/// Where a record went: partition and offset.
pub type Placed = (i32, i64);

/// A call.
#[derive(Clone, Debug)]
pub enum Call {
    New,
    Send(Record),
    Init,
    Begin,
    Commit,
    Abort,
    SendOffsets(GroupOffsets),
    Close,
}

/// A record to send.
#[derive(Clone, Debug)]
pub struct Record {
    pub topic: String,
    pub partition: Option<i32>,
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// The program.
#[derive(Clone, Debug)]
pub struct Program {
    producer: Producer,
    desk: Arc<Mutex<Desk>>,
}

impl Program {
    pub fn new(settings: ProducerSettings, desk: Arc<Mutex<Desk>>) -> Self {
        Self { producer: Producer::new(Arc::new(settings), PRODUCER), desk }
    }

    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        if let Input::Boot { .. } | Input::Timer(LOOK) = input {
            context.set_timer(LOOK, context.after(MILLISECOND));
            while let Some(call) = self.next_call() {
                self.call(&call, context);
            }
        } else if let Some(rest) = self.producer.handle(self.dropped(input, context), context) {
            unreachable!("{rest:?} is nobody's");
        }
        self.take_events();
    }

    /// The next call, unless the program's thread is in one.
    fn next_call(&self) -> Option<Call> {
        if self.producer.is_blocked() || self.producer.in_call().is_some() {
            None
        } else {
            self.desk().calls.pop_front()
        }
    }

    fn desk(&self) -> std::sync::MutexGuard<'_, Desk> {
        self.desk.lock().expect("nobody panics with it")
    }

    /// What the producer sees of an answer that a proxy keeps: that its connection is closed.
    fn dropped(&self, input: Input<Message>, context: &mut Context<'_, Message, Note>) -> Input<Message> {
        match input {
            Input::Received { connection, peer, message }
                if matches!(message.body, Body::Response(Response::Produce(_))) && self.desk().drops > 0 =>
            {
                self.desk().drops -= 1;
                context.close(connection);
                Input::Disconnected { connection, peer }
            }
            other => other,
        }
    }

    fn call(&mut self, call: &Call, context: &mut Context<'_, Message, Note>) {
        match call {
            Call::New => self.producer.start(context),
            Call::Close => self.producer.close(context),
            Call::Init => self.producer.init_transactions(context),
            Call::Begin => {
                let begun = self.producer.begin_transaction();
                self.desk().returned.push(begun);
            }
            Call::Commit => self.producer.commit_transaction(context),
            Call::Abort => self.producer.abort_transaction(context),
            Call::SendOffsets(offsets) => self.producer.send_offsets_to_transaction(offsets.clone(), context),
            Call::Send(record) => {
                let headers: Vec<Header<'_>> =
                    record.headers.iter().map(|(key, value)| (key.as_slice(), value.as_deref())).collect();
                let record = ProducerRecord {
                    topic: &record.topic,
                    partition: record.partition,
                    timestamp: record.timestamp,
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    headers: &headers,
                };
                self.desk().results.push(None);
                self.producer.send(&record, context);
            }
        }
    }

    fn take_events(&mut self) {
        while let Some(event) = self.producer.next_event() {
            let mut desk = self.desk.lock().expect("nobody panics with it");
            match event {
                ProducerEvent::Failed { record, error } => desk.results[record.0 as usize] = Some(Err(error)),
                ProducerEvent::Completed { records, partition, outcome } => {
                    for (place, record) in (0..).zip(records) {
                        desk.results[record.0 as usize] = Some(match outcome {
                            BatchOutcome::Acknowledged { base_offset } => {
                                Ok((partition.partition, base_offset + place))
                            }
                            BatchOutcome::Unanswered => Ok((partition.partition, -1)),
                            BatchOutcome::Refused(error) | BatchOutcome::Unknown(error) => Err(error),
                        });
                    }
                }
                // The program is told nothing of these.
                ProducerEvent::Appended { .. } | ProducerEvent::Retried { .. } | ProducerEvent::EpochBumped { .. } => {}
                ProducerEvent::Returned { result, .. } => desk.returned.push(result),
            }
        }
    }
}
