//! What is known of a branch: its trace, and its turning points.

use super::branch::Past;
use super::notable::Notable;
use super::shared::Shared;
use super::trace::Trace;
use super::world::Occurrence;
use crate::sim::Time;

/// Turning points in a part that copies share.
const PART: usize = 64;

/// Turning points, oldest first.
pub type Notables = Shared<Notable, PART>;

/// The events of a run as far as it has been computed, and what is notable of them.
#[derive(Clone, Debug, Default)]
pub struct Chronicle {
    trace: Trace,
    notables: Notables,
    /// How many turning points there are before those that are told at the end; `None` before the end is known.
    before_end: Option<usize>,
}

impl Chronicle {
    /// Every event.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Every turning point, and at the end of the run what was found then.
    #[must_use]
    pub fn notables(&self) -> &Notables {
        &self.notables
    }

    /// How many turning points there are up to an event; those of the end belong to the end alone.
    #[must_use]
    pub fn notables_until(&self, event: u64, is_finished: bool) -> usize {
        let until = self.notables.partition_point(|notable| notable.event <= event);
        self.before_end.filter(|_| !is_finished).map_or(until, |before| until.min(before))
    }
}

impl Past for Chronicle {
    type Occurrence = Occurrence;
    type LastWords = Vec<Notable>;

    fn events(&self) -> u64 {
        self.trace.len()
    }

    fn time_of(&self, event: u64) -> Time {
        match event {
            0 => 0,
            event => self.trace.get(event).expect("the event is known").time,
        }
    }

    fn last_at(&self, time: Time) -> u64 {
        self.trace.last_at(time)
    }

    fn is_same(&self, other: &Self, event: u64) -> bool {
        self.trace.get(event) == other.trace.get(event)
    }

    fn push(&mut self, occurrence: Occurrence) -> bool {
        assert_eq!(self.before_end, None, "nothing happens after the end");
        self.trace.push_with(occurrence.entry, &occurrence.more_causes);
        let is_turning_point = !occurrence.notables.is_empty();
        occurrence.notables.into_iter().for_each(|notable| self.notables.push(notable));
        is_turning_point
    }

    fn end(&mut self, words: Vec<Notable>) {
        match self.before_end {
            Some(before) => assert!(self.notables.from(before).eq(&words), "the end is the same each time"),
            None => {
                self.before_end = Some(self.notables.len());
                words.into_iter().for_each(|notable| self.notables.push(notable));
            }
        }
    }

    fn has_ended(&self) -> bool {
        self.before_end.is_some()
    }

    fn cut(&mut self, event: u64) {
        let kept = self.notables_until(event, false);
        self.trace.cut(event);
        self.notables.truncate(kept);
        self.before_end = None;
    }

    fn turning_point_after(&self, event: u64) -> Option<u64> {
        let next = self.notables.partition_point(|notable| notable.event <= event);
        self.notables.get(next).map(|notable| notable.event)
    }

    fn turning_point_before(&self, event: u64) -> Option<u64> {
        let before = self.notables.partition_point(|notable| notable.event < event);
        Some(self.notables.get(before.checked_sub(1)?)?.event)
    }
}
