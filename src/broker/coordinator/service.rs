//! How coordinators meet the broker: requests, appends, answers (Kafka: `GroupCoordinatorService` and its like,
//! `CoordinatorPartitionWriter`).

use std::sync::Arc;

use kafka_protocol::ResponseError;

use super::super::delayed::Work;
use super::super::purgatory::{Asker, WaitId};
use super::super::{Broker, Context, coordinators};
use super::effects::{Client, Effects, Moment, Ticket};
use super::partition::Entry;
use super::pending_write::{Part, PartState, PendingWrite};
use super::shard::Operation;
use crate::log::batch::BatchBuilder;
use crate::log::{AppendOptions, AppendOrigin};
use crate::sim::MILLISECOND;
use crate::wire::{Body, BrokerRequest, Message, Request, Response, TopicPartition};

impl Broker {
    /// Takes a request to the coordinator that it is for. Whether there is one.
    pub(in crate::broker) fn coordinate(
        &mut self,
        asker: Asker,
        message: &Arc<Message>,
        request: BrokerRequest<'_>,
        context: &mut Context<'_>,
    ) -> bool {
        // Most requests are for no coordinator.
        let Some(place) = self.coordinators.asked(request) else { return false };
        // What an older version says is understood as the newest says it.
        let newer = self.coordinators.get(place).modern(request, message.version);
        let newer = newer.map(|newer| Arc::new(Message { body: Body::Request(newer), ..(**message).clone() }));
        let message = newer.as_ref().unwrap_or(message);
        let Body::Request(request) = &message.body else { unreachable!("a request is asked") };
        let request = request.at_broker().expect("what a broker is asked it serves");
        let operation = self.coordinators.get(place).operation(request).expect("it is for this coordinator");
        let client = self.client(asker, message);
        match operation {
            Operation::Read(id) => {
                let response = self.look(&client, place, id, request, context);
                self.answer_dated(asker, place, response, context);
            }
            Operation::ReadAll => {
                let response = self.look_at_all(&client, place, request, context);
                self.answer_dated(asker, place, response, context);
            }
            Operation::Write(_) => self.begin_write(asker, &client, (place, message), vec![None], context),
            Operation::Split => {
                let parts = self.coordinators.get(place).split(request).into_iter().map(Some).collect();
                self.begin_write(asker, &client, (place, message), parts, context);
            }
        }
        true
    }

    /// Answers at the version of the request.
    fn answer_dated(&mut self, asker: Asker, place: usize, response: Response, context: &mut Context<'_>) {
        let response = self.coordinators.get(place).dated(response, asker.version);
        self.answer(asker, response, context);
    }

    /// The partition that an id belongs to; `None` without the topic.
    fn coordinator_partition(&self, place: usize, id: &str) -> Option<TopicPartition> {
        let topic = self.coordinators.topic(place)?;
        let partitions = self.image.topics.get(topic)?.partitions.len() as i32;
        Some(TopicPartition { topic, partition: coordinators::partition_of(id, partitions) })
    }

    fn look(
        &self,
        client: &Client,
        place: usize,
        id: &str,
        request: BrokerRequest<'_>,
        context: &mut Context<'_>,
    ) -> Response {
        let coordinator = self.coordinators.get(place);
        let look = |partition: TopicPartition| {
            let moment = self.moment(client.clone(), context);
            coordinator.look(partition.partition, request, &moment)
        };
        // Whoever leads no partition of a topic is not its coordinator, be there a topic or not.
        let partition = self.coordinator_partition(place, id).ok_or(ResponseError::NotCoordinator);
        partition.and_then(look).unwrap_or_else(|error| coordinator.refusal(request, error))
    }

    /// What all partitions that are led here say; an error where one of them is not loaded.
    fn look_at_all(
        &self,
        client: &Client,
        place: usize,
        request: BrokerRequest<'_>,
        context: &mut Context<'_>,
    ) -> Response {
        let coordinator = self.coordinators.get(place);
        let moment = self.moment(client.clone(), context);
        let mut parts = Vec::new();
        for partition in coordinator.partitions() {
            match coordinator.look(partition, request, &moment) {
                Ok(part) => parts.push(part),
                // It has just resigned, or never came to serve (`GroupCoordinatorService.listGroups`).
                Err(ResponseError::NotCoordinator) => {}
                Err(error) => return coordinator.refusal(request, error),
            }
        }
        coordinator.join(request, parts)
    }

    /// Lets a request wait, and the shards decide each part of it: some are answered in the same event.
    fn begin_write(
        &mut self,
        asker: Asker,
        client: &Client,
        (place, message): (usize, &Arc<Message>),
        requests: Vec<Option<Request>>,
        context: &mut Context<'_>,
    ) {
        let mut write = PendingWrite {
            message: Arc::clone(message),
            place,
            serial: self.coordinators.next_serial(),
            parts: requests
                .into_iter()
                .map(|request| Part { request, partition: None, state: PartState::Parked })
                .collect(),
        };
        for part in 0..write.parts.len() {
            let (partition, state) = self.locate(client, &write, part, context);
            write.parts[part].partition = partition;
            write.parts[part].state = state;
        }
        let parked = write.clone();
        let deadline = context.after(self.settings.offsets_commit_timeout_us);
        let id = self.begin_wait(asker, deadline, Work::Coordinator(Box::new(write)), context);
        for (number, part) in parked.parts.iter().enumerate() {
            if matches!(part.state, PartState::Parked) {
                let partition = part.partition.expect("what is parked is parked in a partition");
                let ticket = parked.ticket(id.0, number);
                self.operate(client, place, partition, parked.request_of(number), ticket, context);
            }
        }
        self.purgatory.look_at(id);
    }

    /// Where a part of a request belongs, and its answer where that is known.
    fn locate(
        &self,
        client: &Client,
        write: &PendingWrite,
        part: usize,
        context: &mut Context<'_>,
    ) -> (Option<TopicPartition>, PartState) {
        let (request, coordinator) = (write.request_of(part), self.coordinators.get(write.place));
        match coordinator.operation(request).expect("a part of a coordinator's request is one") {
            Operation::Read(id) => (None, PartState::Done(self.look(client, write.place, id, request, context))),
            Operation::Write(id) => match self.coordinator_partition(write.place, id) {
                Some(partition) => (Some(partition), PartState::Parked),
                None => (None, PartState::Done(coordinator.refusal(request, ResponseError::NotCoordinator))),
            },
            Operation::ReadAll | Operation::Split => unreachable!("a part is of one id"),
        }
    }

    /// Lets a shard decide, and does what it says.
    fn operate(
        &mut self,
        client: &Client,
        place: usize,
        partition: TopicPartition,
        request: BrokerRequest<'_>,
        ticket: Ticket,
        context: &mut Context<'_>,
    ) {
        let Self { coordinators, settings, image, .. } = self;
        let mut moment = moment(settings, image, client.clone(), context);
        match coordinators.get_mut(place).operate(partition.partition, request, ticket, &mut moment) {
            Ok(effects) => self.take_effects(place, partition, effects, context),
            Err(error) => {
                let response = self.coordinators.get(place).refusal(request, error);
                self.resolve(ticket, PartState::Done(response));
            }
        }
        self.coordinators.may_be_due(place, partition.partition);
    }

    /// Does what a shard says: some are answered now, a batch is written, others are answered once it is committed.
    pub(super) fn take_effects(
        &mut self,
        place: usize,
        partition: TopicPartition,
        effects: Effects,
        context: &mut Context<'_>,
    ) {
        let Effects { told, answers, then, .. } = &effects;
        for (ticket, response) in told {
            self.resolve(*ticket, PartState::Done(response.clone()));
        }
        // Without records it was a read after all, of what may not be committed yet.
        let written = if effects.records.is_empty() {
            self.coordinators.get(place).last_written(partition.partition)
        } else {
            self.write(place, partition, &effects, context)
        };
        match written {
            Ok(up_to) => {
                effects.notes.iter().for_each(|note| context.note(note.clone()));
                for (ticket, response) in answers {
                    self.resolve(*ticket, PartState::Until(up_to, response.clone()));
                }
            }
            Err(error) => {
                answers.iter().for_each(|(ticket, _)| self.refuse(*ticket, error));
                if let Some(then) = then {
                    let Self { coordinators, settings, image, .. } = self;
                    let mut moment = moment(settings, image, Client::default(), context);
                    let more = coordinators.get_mut(place).failed(partition.partition, *then, error, &mut moment);
                    self.take_effects(place, partition, more, context);
                }
            }
        }
    }

    /// Appends records to a partition and replays them. The offset behind them.
    pub(in crate::broker) fn write(
        &mut self,
        place: usize,
        partition: TopicPartition,
        effects: &Effects,
        context: &mut Context<'_>,
    ) -> Result<i64, ResponseError> {
        let now_ms = wall_ms(context);
        let mut batch = match effects.transaction {
            Some(it) => BatchBuilder::new().producer(it.producer_id, it.producer_epoch, -1).transactional(),
            None => BatchBuilder::new(),
        };
        for record in &effects.records {
            batch.record(now_ms, Some(&record.key), record.value.as_deref());
        }
        let guard = effects.transaction.and_then(|it| self.guard_of(partition, it.producer_id));
        let options = AppendOptions { origin: AppendOrigin::Coordinator, guard, ..AppendOptions::default() };
        let appended = self.replicas.append_as_leader(partition, batch.build(), -1, &options, context);
        let appended = appended.map_err(|refused| told(refused.error))?;
        let end = appended.info.last_offset + 1;
        let entry = Entry::Records {
            base_offset: appended.info.base_offset,
            producer_id: effects.transaction.map(|it| it.producer_id),
            records: effects.records.clone(),
        };
        let deadline = context.after(self.settings.offsets_commit_timeout_us);
        let then = effects.then.map(|then| (then, deadline));
        self.coordinators.get_mut(place).wrote(partition.partition, entry, end, then);
        self.appended(partition, &appended, context);
        Ok(end)
    }

    /// Says what a part of a waiting request is to be answered. Whoever has hung up is answered no more.
    fn resolve(&mut self, ticket: Ticket, state: PartState) {
        let id = WaitId(ticket.wait);
        if let Some(wait) = self.purgatory.get_mut(id)
            && let Work::Coordinator(write) = &mut wait.work
            && write.serial == ticket.serial
        {
            let part = &mut write.parts[ticket.part as usize];
            // The first answer counts, as that of a `CompletableFuture`.
            if matches!(part.state, PartState::Parked) {
                part.state = state;
                self.purgatory.look_at(id);
            }
        }
    }

    /// Says that a part of a waiting request is refused.
    fn refuse(&mut self, ticket: Ticket, error: ResponseError) {
        let refused = self.purgatory.get(WaitId(ticket.wait)).and_then(|wait| match &wait.work {
            Work::Coordinator(write) if write.serial == ticket.serial => {
                let request = write.request_of(ticket.part as usize);
                Some(self.coordinators.get(write.place).refusal(request, error))
            }
            // Whoever asked has hung up, and another request has the wait.
            Work::Coordinator(_)
            | Work::Fetch { .. }
            | Work::Produce(_)
            | Work::DeleteRecords(_)
            | Work::ProducerId(_)
            | Work::Verification(_)
            | Work::Offsets(_)
            | Work::Decision(_)
            | Work::AddPartitions(_)
            | Work::Markers(_)
            | Work::Forwarded(_)
            | Work::Never => None,
        });
        if let Some(response) = refused {
            self.resolve(ticket, PartState::Done(response));
        }
    }

    /// Answers a request once all that it caused is committed, or says why that is not known.
    pub(in crate::broker) fn continue_write(&mut self, id: WaitId, overdue: bool, context: &mut Context<'_>) {
        let wait = self.purgatory.get(id).expect("what is continued has not ended");
        let Work::Coordinator(write) = &wait.work else { unreachable!("a coordinator's write is continued as one") };
        let outcomes: Vec<Option<Response>> =
            (0..write.parts.len()).map(|part| self.outcome(write, part, overdue)).collect();
        let wait = self.purgatory.get_mut(id).expect("it has not ended");
        let Work::Coordinator(write) = &mut wait.work else {
            unreachable!("a coordinator's write is continued as one")
        };
        for (part, outcome) in write.parts.iter_mut().zip(outcomes) {
            if let Some(response) = outcome {
                part.state = PartState::Done(response);
            }
        }
        if write.parts.iter().any(|part| !matches!(part.state, PartState::Done(_))) {
            // It goes on waiting.
            return;
        }
        let wait = self.end_wait(id, context);
        let Work::Coordinator(write) = wait.work else { unreachable!("a coordinator's write ends as one") };
        let response = self.joined(&write);
        self.answer_dated(wait.asker, write.place, response, context);
    }

    /// Refuses a request that is for a coordinator.
    pub(in crate::broker) fn refuse_coordinated(
        &mut self,
        asker: Asker,
        request: BrokerRequest<'_>,
        error: ResponseError,
        context: &mut Context<'_>,
    ) {
        let place = self.coordinators.asked(request).expect("it is for a coordinator");
        let response = self.coordinators.get(place).refusal(request, error);
        self.answer_dated(asker, place, response, context);
    }

    /// The answer to a part of a request, where it can be given now.
    fn outcome(&self, write: &PendingWrite, part: usize, overdue: bool) -> Option<Response> {
        let coordinator = self.coordinators.get(write.place);
        let refuse = |error| Some(coordinator.refusal(write.request_of(part), error));
        let Part { partition, state, .. } = &write.parts[part];
        let committed = || coordinator.last_committed(partition.expect("what waits does so at a partition").partition);
        match state {
            PartState::Done(_) => None,
            // Who leads the partition now decides what becomes of it.
            PartState::Parked | PartState::Until(..) if committed().is_err() => refuse(ResponseError::NotCoordinator),
            PartState::Parked => None,
            PartState::Until(up_to, response) if committed().is_ok_and(|offset| offset >= *up_to) => {
                Some(response.clone())
            }
            // The record stays, and may be committed later.
            PartState::Until(..) if overdue => refuse(told(ResponseError::RequestTimedOut)),
            PartState::Until(..) => None,
        }
    }

    /// The answer of all parts.
    fn joined(&self, write: &PendingWrite) -> Response {
        let is_whole = matches!(&write.parts[..], [Part { request: None, .. }]);
        let mut parts = write.parts.iter().map(|part| match &part.state {
            PartState::Done(response) => response.clone(),
            PartState::Parked | PartState::Until(..) => unreachable!("what is answered is done in all parts"),
        });
        if is_whole {
            return parts.next().expect("a whole request is one part");
        }
        self.coordinators.get(write.place).join(write.request(), parts.collect())
    }

    /// The moment as a shard sees it that only looks.
    fn moment<'a>(&'a self, client: Client, context: &'a mut Context<'_>) -> Moment<'a> {
        moment(&self.settings, &self.image, client, context)
    }

    /// Who asks. Whoever does not say what it calls itself is called by its process.
    fn client(&self, asker: Asker, message: &Message) -> Client {
        let peer = self.channels.get(&asker.connection).map_or(0, |channel| channel.peer);
        let id = message.client_id.as_deref().map_or_else(|| format!("client-{peer}"), str::to_owned);
        Client { id, host: format!("/client-{peer}"), version: message.version }
    }
}

/// The moment as a shard sees it.
pub(super) fn moment<'a>(
    settings: &'a crate::broker::BrokerSettings,
    image: &'a crate::wire::ClusterImage,
    client: Client,
    context: &'a mut Context<'_>,
) -> Moment<'a> {
    let (now, wall_ms) = (context.now(), wall_ms(context));
    Moment { now, wall_ms, settings, image, client, random: context.random() }
}

fn wall_ms(context: &Context<'_>) -> i64 {
    i64::try_from(context.wall_clock() / MILLISECOND).unwrap_or(i64::MAX)
}

/// What a client is told where an append has failed (`CoordinatorOperationExceptionHelper.handleOperationException`).
fn told(error: ResponseError) -> ResponseError {
    match error {
        ResponseError::UnknownTopicOrPartition
        | ResponseError::UnknownTopicId
        | ResponseError::NotEnoughReplicas
        | ResponseError::NotEnoughReplicasAfterAppend
        | ResponseError::RequestTimedOut => ResponseError::CoordinatorNotAvailable,
        ResponseError::NotLeaderOrFollower | ResponseError::KafkaStorageError => ResponseError::NotCoordinator,
        ResponseError::MessageTooLarge | ResponseError::RecordListTooLarge | ResponseError::InvalidFetchSize => {
            ResponseError::UnknownServerError
        }
        other => other,
    }
}
