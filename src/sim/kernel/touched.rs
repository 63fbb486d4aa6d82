//! Whom each event touched: a cause touches the process or the link of its effect, and lies before it. Held in debug builds, where
//! every test is a test of it.

use crate::sim::ids::ProcessId;

#[cfg(debug_assertions)]
use crate::sim::chunks::Chunks;

/// The processes that each event had to do with, from event 1 on.
#[derive(Clone, Debug, Default)]
pub(super) struct Touched {
    #[cfg(debug_assertions)]
    events: Chunks<Vec<ProcessId>>,
}

#[cfg(debug_assertions)]
impl Touched {
    /// The next event, what caused it, and the processes that it has to do with; `ProcessId::MAX` is nobody.
    pub(super) fn event(&mut self, causes: impl Iterator<Item = u64>, processes: [ProcessId; 2]) {
        let number = self.events.len() as u64 + 1;
        let processes = processes.into_iter().filter(|id| *id != ProcessId::MAX).collect::<Vec<_>>();
        for cause in causes {
            assert!(cause < number, "event {number} is caused by {cause}");
            let touched = self.events.get(cause as usize - 1).expect("each event is kept");
            let touches = processes.iter().any(|id| touched.contains(id));
            assert!(touches, "event {number} of {processes:?} is caused by {cause} of {touched:?}");
        }
        self.events.push(processes);
    }

    /// The last event had to do with these, too: it was an intervention.
    pub(super) fn also(&mut self, processes: impl IntoIterator<Item = ProcessId>) {
        if let Some(last) = self.events.len().checked_sub(1) {
            let touched = self.events.get_mut(last).expect("each event is kept");
            touched.extend(processes);
        }
    }
}

#[cfg(not(debug_assertions))]
impl Touched {
    pub(super) fn event(&mut self, _: impl Iterator<Item = u64>, _: [ProcessId; 2]) {}

    pub(super) fn also(&mut self, _: impl IntoIterator<Item = ProcessId>) {}
}
