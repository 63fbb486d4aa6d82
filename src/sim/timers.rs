//! The timers of one process.
//!
//! A timer that is cancelled, or set again, leaves its event in the queue: what comes up there counts only where it is
//! the one that stands for a live timer.

use super::Time;
use super::ids::{ProcessId, Purpose};
use super::queue::{Agenda, Causes, Event, EventKind};

/// The place of a timer whose event waits in an inbox.
const GONE: (Time, u64) = (Time::MAX, 0);

/// A timer of one purpose.
#[derive(Clone, Copy, Debug)]
struct Timer {
    purpose: Purpose,
    /// When it fires; `None` once cancelled.
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
    fn replace<M>(&mut self, timer: Timer, owner: ProcessId, agenda: &mut Agenda<M>) {
        debug_assert_eq!(self.purpose, timer.purpose);
        let queued = self.queued;
        *self = timer;
        match timer.at {
            Some(at) if queued.0 > at => agenda.queue.push(timer.event(at, owner)),
            Some(_) | None => self.queued = queued,
        }
    }

    fn event<M>(&self, time: Time, target: ProcessId) -> Event<M> {
        let kind = EventKind::Timer(self.purpose);
        Event { time, sequence: self.sequence, sent: self.set, causes: self.causes, target, ordinal: 0, kind }
    }
}

/// At most one timer for each purpose, in the order of the purposes.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(Vec<Timer>);

impl Timers {
    /// Sets the timer for `purpose`, in place of the one that was set.
    pub(super) fn set<M>(&mut self, owner: ProcessId, purpose: Purpose, at: Time, agenda: &mut Agenda<M>) {
        let sequence = agenda.number();
        let (causes, set) = (agenda.causes, agenda.now);
        let timer = Timer { purpose, at: Some(at), sequence, causes, set, queued: (at, sequence) };
        match self.place_of(purpose) {
            Ok(place) => self.0[place].replace(timer, owner, agenda),
            Err(place) => {
                self.0.insert(place, timer);
                agenda.queue.push(timer.event(at, owner));
            }
        }
    }

    /// Every timer that is set to come fires at another time from now on: the clock that it is set on runs at another rate.
    pub(super) fn retime<M>(&mut self, owner: ProcessId, agenda: &mut Agenda<M>, other: impl Fn(Time) -> Time) {
        let now = agenda.now;
        for timer in &mut self.0 {
            // What is due already, perhaps in an inbox, stays so.
            let Some(at) = timer.at.filter(|at| *at > now).map(|at| other(at).max(now)) else { continue };
            let sequence = agenda.number();
            timer.replace(Timer { at: Some(at), sequence, queued: (at, sequence), ..*timer }, owner, agenda);
        }
    }

    /// Removes the timer for `purpose`, if one is set.
    pub(super) fn cancel(&mut self, purpose: Purpose) {
        if let Ok(place) = self.place_of(purpose) {
            self.0[place].at = None;
        }
    }

    /// True where an event of the queue, or one that waited in an inbox, is still the timer as it was set last.
    pub(super) fn is_live(&self, purpose: Purpose, sequence: u64) -> bool {
        let timer = self.place_of(purpose).map(|place| self.0[place]);
        timer.is_ok_and(|timer| timer.sequence == sequence && timer.at.is_some())
    }

    /// Takes the timer for `purpose` off the list: it has fired.
    pub(super) fn fired(&mut self, purpose: Purpose) {
        if let Ok(place) = self.place_of(purpose) {
            self.0.remove(place);
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
        let Some(index) = self.place_of(purpose).ok().filter(|index| self.0[*index].queued == place) else { return };
        let timer = &mut self.0[index];
        match timer.at {
            Some(at) => {
                timer.queued = (at, timer.sequence);
                agenda.queue.push(timer.event(at, owner));
            }
            None => {
                self.0.remove(index);
            }
        }
    }

    /// The event of a due timer waits in an inbox, not in the queue: setting the timer again must not count on it.
    pub(super) fn waits_in_inbox(&mut self, purpose: Purpose, place: (Time, u64)) {
        if let Ok(index) = self.place_of(purpose)
            && self.0[index].queued == place
        {
            self.0[index].queued = GONE;
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn place_of(&self, purpose: Purpose) -> Result<usize, usize> {
        self.0.binary_search_by_key(&purpose, |timer| timer.purpose)
    }
}
