//! Since when each process has been in its state, as data: no code reads it out of a story.

use litemap::LiteMap;

use crate::note::Note;
use crate::sim::Time;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;

/// When processes began, stopped, and were registered, fenced and unfenced.
#[derive(Clone, Debug, Default)]
pub struct Since {
    /// Only those whose status has changed since the run began.
    statuses: LiteMap<ProcessId, (Status, Time)>,
    /// When the controller last registered, fenced or unfenced a broker, by its id.
    registrations: LiteMap<i32, Time>,
}

impl Since {
    /// A process has this status now.
    pub fn see(&mut self, process: ProcessId, status: Status, now: Time) {
        let (known, _) = self.statuses.get(&process).copied().unwrap_or((Status::Running, 0));
        if known != status {
            self.statuses.insert(process, (status, now));
        }
    }

    /// A process has told this now.
    pub fn hear(&mut self, note: &Note, now: Time) {
        if let Note::Fenced { broker, .. } | Note::Registered { broker, .. } = note {
            self.registrations.insert(*broker, now);
        }
    }

    /// Since when a process has had its status.
    #[must_use]
    pub fn status(&self, process: ProcessId) -> Time {
        self.statuses.get(&process).map_or(0, |(_, since)| *since)
    }

    /// When the controller last registered, fenced or unfenced a broker; 0 for never.
    #[must_use]
    pub fn registration(&self, broker: i32) -> Time {
        self.registrations.get(&broker).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_begins_when_it_changes_and_not_when_it_is_seen_again() {
        let mut since = Since::default();
        since.see(1, Status::Running, 5);
        assert_eq!(since.status(1), 0);
        since.see(1, Status::Killed, 10);
        since.see(1, Status::Killed, 20);
        assert_eq!((since.status(1), since.status(2)), (10, 0));
        since.see(1, Status::Running, 30);
        since.hear(&Note::Fenced { broker: 1, fenced: false }, 40);
        assert_eq!((since.status(1), since.registration(1), since.registration(2)), (30, 40, 0));
    }
}
