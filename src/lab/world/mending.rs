//! What is broken in a world, and how all of it is mended at once.

use std::sync::Arc;

use super::{World, link_settings};
use crate::lab::names::Role;
use crate::lab::patience::stuck_bound;
use crate::lab::scenario::Scenario;
use crate::sim::fault::Fault;
use crate::sim::kernel::Status;
use crate::sim::process::ProcessId;
use crate::sim::{SECOND, Time};

/// How much longer a run goes on after everything was mended than anything may stand still.
const AFTER_HEALING_US: Time = 10 * SECOND;

impl World {
    /// Mends everything that is broken, and lets the run go on behind its end for longer than anything may take: whatever makes
    /// no progress then is stuck.
    pub fn heal(&mut self) {
        assert!(!self.finished, "nothing happens after the end");
        let now = self.kernel.time();
        self.find_kept_in_isrs(now);
        self.mended_at = Some(now);
        let repairs = self.repairs();
        // Where nothing is broken, all has had time since it was mended.
        let quiet_since = self.quiet_since().filter(|_| repairs.is_empty());
        let since = quiet_since.unwrap_or(now);
        let duration_us = now.max(since + stuck_bound(&self.scenario) + AFTER_HEALING_US);
        self.scenario = Arc::new(Scenario { duration_us, ..Scenario::clone(&self.scenario) });
        self.disturbed_at = since;
        for fault in repairs {
            let touched = fault.processes();
            self.suffer(fault);
            touched.into_iter().for_each(|id| self.since.see(id, self.kernel.status(id), now));
        }
    }

    /// What would mend all that is broken now.
    fn repairs(&self) -> Vec<Fault> {
        let held = self.kernel.fates().filter_map(|(_, fate)| fate.held_as);
        let plain = link_settings(&self.scenario);
        let mended = |(from, to)| [Fault::SetLink(from, to, plain), Fault::Heal(from, to)];
        let links = self.broken_links().flat_map(mended).chain(held.map(Fault::Release));
        let machines = self.processes().flat_map(|id| {
            let disk = self.kernel.disk(id);
            let begin = match self.kernel.status(id) {
                // Whoever is ending begins again behind its end.
                Status::Running => self.kernel.is_ending(id).then_some(Fault::Restart(id)),
                Status::Paused => Some(Fault::Resume(id)),
                Status::Killed | Status::PoweredOff => Some(Fault::Restart(id)),
            };
            let size = disk.is_limited().then_some(Fault::LimitDisk(id, u64::MAX));
            let plain = self.plain_disk_us(id);
            let speed = (disk.slowdown_us() != plain).then_some(Fault::SlowDisk(id, plain));
            size.into_iter().chain(speed).chain(begin)
        });
        links.chain(machines).collect()
    }

    fn processes(&self) -> std::ops::Range<ProcessId> {
        0..self.kernel.len() as ProcessId
    }

    /// Directions between two processes in which something was done to the way.
    fn broken_links(&self) -> impl Iterator<Item = (ProcessId, ProcessId)> {
        let pairs = self.processes().flat_map(|from| self.processes().map(move |to| (from, to)));
        pairs.filter(|(from, to)| from != to && !self.kernel.is_whole(*from, *to))
    }

    /// How much longer a process's disk takes though nothing was done to it.
    fn plain_disk_us(&self, process: ProcessId) -> u64 {
        match self.names.role(process) {
            Some(Role::Broker(broker)) => self.scenario.cluster.disk_us(broker),
            Some(
                Role::Controller | Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator,
            )
            | None => 0,
        }
    }

    /// It runs, and its disk takes what it is given at once.
    pub(super) fn is_well(&self, id: ProcessId) -> bool {
        // Who has left its group in good order is missed by nobody.
        let is_member = matches!(self.names.role(id), Some(Role::Consumer(place)) if self.scenario.consumers[place].group.is_some());
        if is_member && self.kernel.status(id) == Status::Killed && self.stopped.contains(&id) {
            return true;
        }
        let disk = self.kernel.disk(id);
        self.kernel.status(id) == Status::Running && !disk.is_limited() && disk.slowdown_us() == self.plain_disk_us(id)
    }

    /// Since when nothing is broken: everybody runs, no link is cut, no disk is full or slow. Whatever the scenario or a person
    /// does ends it for a moment.
    pub(super) fn quiet_since(&self) -> Option<Time> {
        let is_whole = self.broken_links().next().is_none();
        let since = self.processes().map(|id| self.since.status(id)).max().unwrap_or(0);
        (is_whole && self.processes().all(|id| self.is_well(id))).then_some(since.max(self.disturbed_at))
    }
}
