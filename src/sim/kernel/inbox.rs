//! What a process takes at once, and what waits for it: a process that stands still takes nothing, one whose threads the disk
//! keeps busy takes what another thread is for.

use std::sync::Arc;

use super::state::{Arrived, BUSY, Kernel, Reception, Slot, Status};
use crate::sim::Time;
use crate::sim::ids::{ConnectionId, ProcessId};
use crate::sim::process::Process;
use crate::sim::queue::EventKind;

impl<P: Process> Slot<P> {
    /// Whether a thread is free for this, and nothing that came before is to be taken first.
    fn has_thread_for(&self, arrived: &Arrived<P::Message>, now: Time) -> bool {
        if self.busy.is_empty() && self.inbox.is_empty() {
            return true;
        }
        // One that ends takes nothing more.
        if self.exits {
            return matches!(arrived.event.kind, EventKind::Exit);
        }
        let lane = self.process.lane(&arrived.event.kind);
        let busy = || self.busy.iter().filter(|busy| busy.until > now && busy.lane == lane.number);
        let is_taken =
            |connection: Option<ConnectionId>| connection.is_some() && busy().any(|busy| busy.connection == connection);
        let connection = arrived.event.connection();
        let comes_before = |waiting: &Arrived<P::Message>| {
            let other = waiting.event.connection();
            let is_same = other.is_some() && other == connection;
            self.process.lane(&waiting.event.kind).number == lane.number && (is_same || !is_taken(other))
        };
        busy().count() < usize::from(lane.threads) && !is_taken(connection) && !self.inbox.iter().any(comes_before)
    }

    /// When the first busy thread is free again.
    fn free_at(&self, now: Time) -> Option<Time> {
        self.busy.iter().map(|busy| busy.until).filter(|until| *until > now).min()
    }
}

impl<P: Process> Kernel<P> {
    /// The process takes it now, or it waits. `None` where that is no event: only messages are seen to wait, and what waited and
    /// waits on is where it was.
    pub(super) fn meets(
        &mut self,
        mut arrived: Arrived<P::Message>,
        has_just_come: bool,
    ) -> Option<Arrived<P::Message>> {
        let event = &arrived.event;
        let slot = &self.slots[event.target as usize];
        if slot.status == Status::Running && slot.has_thread_for(&arrived, self.agenda.now) {
            if let EventKind::Timer(purpose) = event.kind
                && !slot.timers.is_live(purpose, event.sequence)
            {
                // Cancelled, or set again, while it waited.
                return None;
            }
            self.count(&arrived);
            self.keep_account(&arrived.event, has_just_come, true);
            self.dispatch(&arrived);
            return Some(arrived);
        }
        self.wait_in_inbox(arrived.clone());
        if !has_just_come || !matches!(arrived.event.kind, EventKind::Delivery(..) | EventKind::Datagram(..)) {
            return None;
        }
        arrived.reception = Reception::Waits;
        self.count(&arrived);
        self.keep_account(&arrived.event, true, false);
        Some(arrived)
    }

    fn wait_in_inbox(&mut self, arrived: Arrived<P::Message>) {
        let (target, now) = (arrived.event.target, self.agenda.now);
        let slot = Arc::make_mut(&mut self.slots[target as usize]);
        if let EventKind::Timer(purpose) = arrived.event.kind {
            slot.timers.waits_in_inbox(purpose, (arrived.event.time, arrived.event.sequence));
        }
        if slot.status == Status::Running && !slot.exits && slot.inbox.is_empty() {
            let free_at = slot.free_at(now).expect("what waits for a process that runs waits for a busy thread");
            self.agenda.push(free_at, target, EventKind::Timer(BUSY));
        }
        slot.inbox.push_back(arrived);
    }

    /// Hands over what waited, in its order, before anything else happens. What is still to wait goes back.
    pub(super) fn wake(&mut self, id: ProcessId) {
        let slot = Arc::make_mut(&mut self.slots[id as usize]);
        if slot.status != Status::Running {
            // It stands still; what waits is handed over when it goes on.
            return;
        }
        let waited = std::mem::take(&mut slot.inbox);
        for arrived in waited.into_iter().rev() {
            self.ready.push_front(arrived);
        }
    }

    /// A paused process goes on: that, too, is why what waited is taken now.
    pub(super) fn resume(&mut self, id: ProcessId) {
        let Self { slots, agenda, .. } = self;
        let slot = Arc::make_mut(&mut slots[id as usize]);
        if slot.status != Status::Paused {
            return;
        }
        slot.status = Status::Running;
        for arrived in &mut slot.inbox {
            arrived.event.causes = agenda.join(arrived.event.causes, agenda.events);
        }
        self.wake(id);
    }
}
