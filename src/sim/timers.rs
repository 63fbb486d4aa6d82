//! The timers of one process.
//!
//! A timer that is cancelled, or set again, leaves its event in the queue: what comes up there counts only where it is
//! the one that stands for a live timer.

use super::Time;
use super::ids::{ProcessId, Purpose};
use super::queue::{Agenda, Causes, Event, EventKind};
use super::sorted::SortedMap;

/// The place of a timer without an event in the queue: it has fired, or its event waits in an inbox.
const GONE: (Time, u64) = (Time::MAX, 0);

/// A timer of one purpose.
#[derive(Clone, Copy, Debug)]
struct Timer {
    /// When it fires; `None` once it has, or is cancelled.
    at: Option<Time>,
    sequence: u64,
    causes: Causes,
    set: Time,
    /// The event that stands for it in the queue. Setting a timer later does not add another one: when this one comes
    /// up it is put back to the later time.
    queued: (Time, u64),
}

impl Timer {
    /// Another one of the same purpose. Where that fires later, the event in the queue stands for it, too.
    fn replace<M>(&mut self, timer: Timer, purpose: Purpose, owner: ProcessId, agenda: &mut Agenda<M>) {
        let queued = self.queued;
        *self = timer;
        match timer.at {
            Some(at) if queued.0 > at => agenda.queue.push(timer.event(at, purpose, owner)),
            Some(_) | None => self.queued = queued,
        }
    }

    fn event<M>(&self, time: Time, purpose: Purpose, target: ProcessId) -> Event<M> {
        let kind = EventKind::Timer(purpose);
        Event { time, sequence: self.sequence, sent: self.set, causes: self.causes, target, ordinal: 0, kind }
    }
}

/// At most one timer for each purpose. One that has fired keeps its place: most are set again, and to move all that stand behind
/// it would cost more than to keep it.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(SortedMap<Purpose, Timer>);

impl Timers {
    /// Sets the timer for `purpose`, in place of the one that was set.
    pub(super) fn set<M>(&mut self, owner: ProcessId, purpose: Purpose, at: Time, agenda: &mut Agenda<M>) {
        let sequence = agenda.number();
        let (causes, set) = (agenda.causes, agenda.now);
        let timer = Timer { at: Some(at), sequence, causes, set, queued: (at, sequence) };
        let known = self.0.get_or_insert_with(purpose, || Timer { queued: GONE, ..timer });
        known.replace(timer, purpose, owner, agenda);
    }

    /// Every timer that is set to come fires at another time from now on: the clock that it is set on runs at another rate.
    pub(super) fn retime<M>(&mut self, owner: ProcessId, agenda: &mut Agenda<M>, other: impl Fn(Time) -> Time) {
        let now = agenda.now;
        for (purpose, timer) in self.0.iter_mut() {
            // What is due already, perhaps in an inbox, stays so.
            let Some(at) = timer.at.filter(|at| *at > now).map(|at| other(at).max(now)) else { continue };
            let sequence = agenda.number();
            timer.replace(Timer { at: Some(at), sequence, queued: (at, sequence), ..*timer }, *purpose, owner, agenda);
        }
    }

    /// Removes the timer for `purpose`, if one is set.
    pub(super) fn cancel(&mut self, purpose: Purpose) {
        if let Some(timer) = self.0.get_mut(&purpose) {
            timer.at = None;
        }
    }

    /// True where an event of the queue, or one that waited in an inbox, is still the timer as it was set last.
    pub(super) fn is_live(&self, purpose: Purpose, sequence: u64) -> bool {
        self.0.get(&purpose).is_some_and(|timer| timer.sequence == sequence && timer.at.is_some())
    }

    /// The timer for `purpose` has fired.
    pub(super) fn fired(&mut self, purpose: Purpose) {
        if let Some(timer) = self.0.get_mut(&purpose) {
            (timer.at, timer.queued) = (None, GONE);
        }
    }

    /// What came up in the queue at `place` is not live: it is nothing, or stands for a timer that was set to a later
    /// time and goes back there.
    pub(super) fn put_back<M>(
        &mut self,
        owner: ProcessId,
        purpose: Purpose,
        place: (Time, u64),
        agenda: &mut Agenda<M>,
    ) {
        let Some(timer) = self.0.get_mut(&purpose).filter(|timer| timer.queued == place) else { return };
        match timer.at {
            Some(at) => {
                timer.queued = (at, timer.sequence);
                agenda.queue.push(timer.event(at, purpose, owner));
            }
            None => timer.queued = GONE,
        }
    }

    /// The event of a due timer waits in an inbox, not in the queue: setting the timer again must not count on it.
    pub(super) fn waits_in_inbox(&mut self, purpose: Purpose, place: (Time, u64)) {
        if let Some(timer) = self.0.get_mut(&purpose).filter(|timer| timer.queued == place) {
            timer.queued = GONE;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0 = SortedMap::default();
    }
}
