//! How the waits of requests begin and end, and who is answered then.

use super::channel::Channel;
use super::delayed::Work;
use super::purgatory::{Asker, Wait, WaitId};
use super::transactions::Errand;
use super::{Broker, BrokerTimer, Context};
use crate::sim::Time;
use crate::wire::{Body, Message, Response};

impl Broker {
    /// Answers a request.
    pub(super) fn answer(&mut self, asker: Asker, response: Response, context: &mut Context<'_>) {
        let Asker { connection, correlation_id, version } = asker;
        let message = Message { correlation_id, version, client_id: None, body: Body::Response(response) };
        if Errand::of_own(connection).is_some() {
            return self.tell_myself(connection, message, context);
        }
        context.send(connection, message);
    }

    /// Lets a request wait until something it waits for happens, or `deadline`.
    pub(super) fn begin_wait(&mut self, asker: Asker, deadline: Time, work: Work, context: &mut Context<'_>) -> WaitId {
        let id = self.purgatory.begin(Wait { asker, deadline, began: context.event(), work });
        let channel = self.channels.get_mut(&asker.connection).expect("only a request on an open connection waits");
        let former = channel.waits.replace(id);
        assert!(former.is_none(), "a connection has one request under way");
        context.set_timer(BrokerTimer::Wait(u64::from(id.0)), deadline);
        id
    }

    /// A request is never answered, and nothing behind it on its connection is taken up.
    pub(super) fn never_answer(&mut self, asker: Asker, context: &mut Context<'_>) {
        self.begin_wait(asker, Time::MAX, Work::Never, context);
    }

    /// Ends a wait, to answer it: the connection's next request may begin.
    pub(super) fn end_wait(&mut self, id: WaitId, context: &mut Context<'_>) -> Wait<Work> {
        let wait = self.purgatory.end(id);
        let channel = self.channels.get_mut(&wait.asker.connection).expect("a closed connection ends its wait");
        let ended = channel.waits.take();
        channel.last_active = context.now();
        assert_eq!(ended, Some(id), "a connection waits for what it began to wait for");
        context.cancel_timer(BrokerTimer::Wait(u64::from(id.0)));
        if wait.began < context.event() {
            context.because(wait.began);
        }
        wait
    }

    /// Drops what a closed connection leaves behind. Its fetch session stays: the client may go on with it elsewhere.
    pub(super) fn forget(&mut self, channel: &Channel, context: &mut Context<'_>) {
        if let Some(session) = channel.one_time_session {
            self.close_session(session);
        }
        if let Some(id) = channel.waits {
            self.purgatory.end(id);
            context.cancel_timer(BrokerTimer::Wait(u64::from(id.0)));
        }
    }

    /// Looks once more at the requests that wait on what this event changed.
    pub(super) fn look_at_awake(&mut self, context: &mut Context<'_>) {
        loop {
            self.settle_coordinators(context);
            // Nobody is left to be looked at.
            let Some(id) = self.purgatory.next_awake() else { return };
            let wait = self.purgatory.get(id).expect("what is awake has not ended");
            let (connection, overdue) = (wait.asker.connection, wait.deadline <= context.now());
            match wait.work {
                Work::Fetch { session, min_bytes, max_bytes } => {
                    self.continue_fetch(id, session, (min_bytes, max_bytes), overdue, context);
                }
                Work::Produce(_) => self.continue_produce(id, overdue, context),
                Work::DeleteRecords(_) => self.continue_delete_records(id, overdue, context),
                Work::Never => unreachable!("nothing wakes it"),
                Work::ProducerId(_) => self.continue_init_producer_id(id, overdue, context),
                Work::Verification(_) => self.continue_verification(id, overdue, context),
                Work::Offsets(_) => self.continue_offsets(id, overdue, context),
                Work::Decision(_) => self.continue_decision(id, overdue, context),
                Work::AddPartitions(_) => self.continue_add_partitions(id, overdue, context),
                Work::Markers(_) => self.continue_markers(id, overdue, context),
                Work::Coordinator(_) => self.continue_write(id, overdue, context),
                Work::Forwarded(_) => self.continue_forwarded(id, overdue, context),
            }
            self.serve(connection, context);
        }
    }
}
