//! A run: the processes of a scenario on the kernel, what is done to them, and the checkers that watch.
//!
//! A world is a value. Its clone is a snapshot that goes on exactly as the original would.

mod mending;

use std::collections::BTreeSet;
use std::sync::Arc;

use litemap::LiteMap;

use super::check::{self, Availability, Evidence, Findings, History, Invariants, Quiet, When};
use super::coverage::{Coverage, Situation};
use super::errors_seen::ErrorsSeen;
use super::fault::effect::{Hit, MessageHit};
use super::history_file::Recorder;
use super::interventions::{Interventions, number};
use super::lag::Lags;
use super::ledger::Ledgers;
use super::names::{Names, Role};
use super::nemesis::{self, Nemesis};
use super::node::{self, Node};
use super::notable::{Known, Notable, Occasion};
use super::observer::Observer;
use super::patience::stuck_bound;
use super::rebalance::{Rebalance, Rebalances};
use super::scenario::{Command, Scenario, Warning};
use super::scene::Instant;
use super::since::Since;
use super::stall::Stalls;
use super::timeline::Replay;
use super::trace::{self, Entry};
use super::trouble::{Trouble, Troubles};
use super::unmet;
use crate::note::{Moved, Note, OrderOutcome};
use crate::settings::milliseconds;
use crate::sim::Time;
use crate::sim::fault::Fault;
use crate::sim::kernel::{Kernel, Status};
use crate::sim::network::LinkSettings;
use crate::sim::process::ProcessId;
use crate::sim::queue::EventKind;
use crate::wire::{CONTROLLER_PROCESS, ClusterImage, TopicPartition, error_name};

/// What checkers see of a world, where other parts of it are borrowed to be changed.
macro_rules! observer {
    ($world:ident) => {
        Observer {
            kernel: &$world.kernel,
            names: &$world.names,
            scenario: &$world.scenario,
            last_states: &$world.last_states,
        }
    };
}

/// What happened at one event.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// The number of the event, from 1.
    pub event: u64,
    /// Its line in the trace.
    pub entry: Entry,
    /// What caused it beside what its line says.
    pub more_causes: Vec<u64>,
    /// What is worth a line in a story of the run.
    pub notables: Vec<Notable>,
}

/// A run at an instant.
#[derive(Clone, Debug)]
pub struct World {
    kernel: Kernel<Node>,
    scenario: Arc<Scenario>,
    names: Arc<Names>,
    interventions: Interventions,
    nemesis: Option<Nemesis>,
    history: History,
    invariants: Invariants,
    availability: Availability,
    troubles: Troubles,
    ledgers: Ledgers,
    stalls: Stalls,
    /// Nobody listens to what is told: the checkers' cost is measured against such a run.
    unchecked: bool,
    /// Who writes down the history of clients, where anybody wants it.
    recorder: Option<Recorder>,
    coverage: Coverage,
    errors_seen: ErrorsSeen,
    findings: Findings,
    /// Interventions that did nothing to somebody that they were meant for, or met no message.
    warnings: Arc<Vec<Warning>>,
    /// What killed processes knew, until they begin again.
    last_states: LiteMap<ProcessId, Node>,
    /// Those of them that ended by themselves.
    halted: BTreeSet<ProcessId>,
    /// Who was told to end, and has not begun again.
    stopped: BTreeSet<ProcessId>,
    since: Since,
    lags: Lags,
    rebalances: Rebalances,
    /// When the scenario or a person last did something.
    disturbed_at: Time,
    /// Reused between events.
    notes: Vec<Note>,
    /// When all that was broken was mended last.
    mended_at: Option<Time>,
    finished: bool,
}

impl World {
    /// The run of a scenario with this seed, in which a person gives these commands, in order of time.
    #[must_use]
    pub fn new(scenario: &Arc<Scenario>, seed: u64, commands: Arc<[Command]>) -> Self {
        let scenario = nemesis::of_seed(scenario, seed);
        let mut kernel = Kernel::new(seed, link_settings(&scenario), node::processes(&scenario));
        for (broker, us) in (1..).zip(&scenario.cluster.disks_us) {
            kernel.apply(Fault::SlowDisk(broker, *us));
        }
        let names = Names::of(&scenario);
        let stalls = Stalls::new(&scenario, &names);
        let rebalances = Rebalances::new(&names);
        let (mut stopped, mut since) = (BTreeSet::new(), Since::default());
        // Those that join later are not there yet.
        for (_, process) in scenario.consumers.iter().zip(names.consumers()).filter(|(it, _)| it.is_spare) {
            kernel.apply(Fault::Kill(process));
            stopped.insert(process);
            since.see(process, kernel.status(process), 0);
        }
        Self {
            kernel,
            names: Arc::new(names),
            interventions: Interventions::new(scenario.faults.clone(), &commands),
            nemesis: Nemesis::new(&scenario, seed),
            history: History::default(),
            invariants: Invariants::default(),
            availability: Availability::default(),
            troubles: Troubles::default(),
            ledgers: Ledgers::default(),
            stalls,
            unchecked: false,
            recorder: None,
            coverage: Coverage::default(),
            errors_seen: ErrorsSeen::of(&scenario),
            scenario,
            findings: Findings::default(),
            warnings: Arc::default(),
            last_states: LiteMap::new(),
            halted: BTreeSet::new(),
            stopped,
            since,
            lags: Lags::default(),
            rebalances,
            disturbed_at: 0,
            notes: Vec::new(),
            mended_at: None,
            finished: false,
        }
    }

    /// The same run, of which no checker takes notice: what checkers cost is measured against it.
    #[must_use]
    pub fn unchecked(self) -> Self {
        Self { unchecked: true, ..self }
    }

    /// The same run, whose clients' history is written down.
    #[must_use]
    pub fn recorded(self) -> Self {
        Self { recorder: Some(Recorder::default()), ..self }
    }

    /// The history of its clients; `None` where nobody has written it down.
    #[must_use]
    pub fn record(&self) -> Option<Recorder> {
        let mut recorder = self.recorder.clone()?;
        recorder.finish(|partition| self.invariants.lossy_from(partition), self.kernel.time(), &self.observer());
        Some(recorder)
    }

    /// Lets the next event happen; `None` at the end of the scenario's duration.
    pub fn step(&mut self) -> Option<Occurrence> {
        self.step_until(Time::MAX)
    }

    /// As [`step`](Self::step), but `None` too where nothing happens at or before `limit`.
    pub fn step_until(&mut self, limit: Time) -> Option<Occurrence> {
        let limit = limit.min(self.scenario.duration_us);
        // A decision that comes to nothing is no event, so nothing of it may be left where no event follows: whoever goes back
        // to the last event and acts there finds the world as it was.
        let mut decided: Option<Nemesis> = None;
        let arrived = loop {
            let nemesis = decided.as_ref().or(self.nemesis.as_ref());
            let drawn = nemesis.and_then(Nemesis::due).map(|(time, id)| (time, number(id, false)));
            let due = [self.interventions.next(), drawn].into_iter().flatten().min().filter(|(time, _)| *time <= limit);
            if let Some(arrived) = self.kernel.step_until(due.map_or(limit, |(time, _)| time)) {
                break arrived;
            }
            let (time, number) = due?;
            if due != drawn {
                self.nemesis = decided.or_else(|| self.nemesis.take());
                return self.intervene(time, number);
            }
            decided = decided.or_else(|| self.nemesis.clone()).map(|nemesis| self.decide(nemesis, time));
        };
        if decided.is_some() {
            self.nemesis = decided;
        }
        self.errors_seen.see(&arrived.event, self.kernel.time(), &self.scenario, &self.names);
        let entry = Entry::of(&arrived, self.kernel.time());
        let more_causes = self.kernel.causes(&arrived.event).skip(1).collect();
        let mut notables = self.watch();
        notables.extend(self.look_at_rebalances(&entry));
        Some(Occurrence { event: self.kernel.events(), entry, more_causes, notables })
    }

    /// Holds the history against the logs from which the cluster serves now: the last word on a run.
    pub fn finish(&mut self) -> Vec<Notable> {
        if self.finished {
            return Vec::new();
        }
        self.finished = true;
        let known = self.findings.list().len();
        self.findings.set_instant(self.kernel.time(), self.kernel.events());
        self.find_kept_in_isrs(self.kernel.time());
        let observer = observer!(self);
        self.history.finish(&self.invariants, &observer, &mut self.findings);
        if let Some(mended_at) = self.mended_at {
            self.invariants.find_halted(mended_at, &observer, &mut self.findings);
        }
        if let Some(since) = self.quiet_since() {
            self.coverage.add(Situation::Settled, 1);
            let quiet = Quiet { since, now: self.kernel.time(), bound: stuck_bound(&self.scenario) };
            let checkers = (&self.history, &self.invariants, &self.availability);
            check::find_stuck(quiet, checkers, &observer, &mut self.findings);
        }
        unmet::all(&self.kernel, &self.names).into_iter().for_each(|about| self.warn(about));
        for (_, command, told) in self.unanswered() {
            self.warn(format!("{command}: {told}"));
        }
        self.new_findings(known)
    }

    /// Who is kept in an ISR though nothing was done to anybody for long, and its leader and the controller hear each other.
    fn find_kept_in_isrs(&mut self, now: Time) {
        let lag = milliseconds(self.scenario.cluster.config.replica_lag_time_max_ms);
        let quiet = Quiet { since: self.disturbed_at, now, bound: stuck_bound(&self.scenario) + lag };
        let mut findings = std::mem::take(&mut self.findings);
        let observer = observer!(self);
        let is_heard = |broker: i32| {
            let (leader, controller) = (self.names.broker(broker), CONTROLLER_PROCESS);
            leader.is_some_and(|leader| {
                let hear_each_other =
                    self.kernel.is_whole(leader, controller) && self.kernel.is_whole(controller, leader);
                self.is_well(leader) && self.is_well(controller) && hear_each_other
            })
        };
        self.invariants.find_kept(quiet, &is_heard, &observer, &mut findings);
        self.findings = findings;
    }

    /// True once the last word is said.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Other commands from now on; those that are done must be the same.
    pub fn set_commands(&mut self, commands: Arc<[Command]>) {
        self.interventions.set_commands(&commands);
    }

    /// The kernel with all processes.
    #[must_use]
    pub fn kernel(&self) -> &Kernel<Node> {
        &self.kernel
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The names of processes and partitions.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Faults and commands.
    #[must_use]
    pub fn interventions(&self) -> &Interventions {
        &self.interventions
    }

    /// Who draws faults, where the scenario has somebody.
    #[must_use]
    pub fn nemesis(&self) -> Option<&Nemesis> {
        self.nemesis.as_ref()
    }

    /// What clients sent, were told and read.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How long producers waited.
    #[must_use]
    pub fn availability(&self) -> &Availability {
        &self.availability
    }

    /// What readers suffered.
    #[must_use]
    pub fn stalls(&self) -> &Stalls {
        &self.stalls
    }

    /// Which situations were reached, and how often.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Errors that clients saw, of those that the scenario expects.
    #[must_use]
    pub fn errors_seen(&self) -> &ErrorsSeen {
        &self.errors_seen
    }

    /// What the checkers have found.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Faults and commands so far that did nothing to somebody that they were meant for; at the end also those that met no
    /// message.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether a process ended by itself and has not begun again.
    #[must_use]
    pub fn has_halted(&self, process: ProcessId) -> bool {
        self.halted.contains(&process)
    }

    /// Whether a process was told to end, and has not begun again.
    #[must_use]
    pub fn was_stopped(&self, process: ProcessId) -> bool {
        self.stopped.contains(&process)
    }

    /// Since when processes are in their state.
    #[must_use]
    pub fn since(&self) -> &Since {
        &self.since
    }

    /// Where groups stood over the run so far.
    #[must_use]
    pub fn lags(&self) -> &Lags {
        &self.lags
    }

    /// Rebalances that are not over.
    pub fn open_rebalances(&self) -> impl Iterator<Item = Rebalance> {
        self.rebalances.open(self.now())
    }

    /// What may be looked at: logs, metadata, names.
    #[must_use]
    pub fn observer(&self) -> Observer<'_> {
        observer!(self)
    }

    /// The cluster's metadata at the controller.
    #[must_use]
    pub fn image(&self) -> &ClusterImage {
        node::image(&self.kernel)
    }

    /// What is known by now beside the turning points so far: what was found, with how much there is of it, and what producers
    /// suffer that is not over.
    #[must_use]
    pub fn present(&self) -> Vec<Notable> {
        let now = self.now();
        let open = self.troubles.open(now).into_iter().map(|trouble| Notable::of_trouble(trouble, now, &self.names));
        let stalled = self.stalls.open(now).map(|stall| Notable::of_stall(stall, now, &self.names));
        let rebalances = self.open_rebalances().map(|it| Notable::of_rebalance(it, now, &self.names));
        let found = self.findings.by_date().into_iter().map(|finding| Notable::of_finding(finding, now, &self.names));
        let notes = self.unanswered().into_iter();
        let notes = notes.map(|(admin, command, told)| Note::Administered { admin, command, told, failed: false });
        let asked = notes.filter_map(|note| Notable::of_note(&note, now.event, now.time, &self.names));
        open.chain(stalled).chain(rebalances).chain(found).chain(asked).collect()
    }

    /// What an administrator has been told nothing of yet: the process, the command, and what is known of it.
    fn unanswered(&self) -> Vec<(ProcessId, String, String)> {
        let mut all = Vec::new();
        for process in 0..self.names.len() {
            // Nobody else is given commands.
            let Node::Administrator(administrator) = self.kernel.process(process) else { continue };
            let text = |error| match error {
                0 => "no answer yet".to_owned(),
                error => format!("no answer yet (last error {})", error_name(error)),
            };
            all.extend(administrator.unanswered().into_iter().map(|(command, error)| (process, command, text(error))));
        }
        all
    }

    /// What became of the transactions of producers.
    #[must_use]
    pub fn ledgers(&self) -> &Ledgers {
        &self.ledgers
    }

    /// The calls of transactions in which producers waited.
    #[must_use]
    pub fn calls(&self) -> Vec<Trouble> {
        self.troubles.calls(self.now())
    }

    fn now(&self) -> When {
        When { time: self.kernel.time(), event: self.kernel.events() }
    }

    /// The time of the last event.
    #[must_use]
    pub fn time(&self) -> Time {
        self.kernel.time()
    }

    /// The rolling hash after the last event.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.kernel.hash()
    }

    /// The nemesis decides what it does now: that is done next.
    fn decide(&mut self, mut nemesis: Nemesis, now: Time) -> Nemesis {
        let observer = observer!(self);
        let plain_link = link_settings(&self.scenario);
        let drawn = nemesis.decide(now, &Instant { observer, plain_link, cluster: &self.scenario.cluster });
        self.interventions.add(drawn);
        nemesis
    }

    fn intervene(&mut self, time: Time, number: u32) -> Option<Occurrence> {
        self.kernel.schedule_external(time, number);
        let arrived = self.kernel.step()?;
        assert!(matches!(arrived.event.kind, EventKind::External(_)), "all else of its time has happened");
        self.disturbed_at = time;
        let mut intervention = self.interventions.take(&self.names, node::image(&self.kernel))?;
        let plain_link = link_settings(&self.scenario);
        let cluster = &self.scenario.cluster;
        let done = intervention.carry_out(&Instant { observer: self.observer(), plain_link, cluster });
        self.interventions.keep_end(&intervention);
        done.faults.into_iter().for_each(|fault| self.suffer(fault));
        for hit in &intervention.hits {
            if let Hit::Process(id) = hit {
                self.since.see(*id, self.kernel.status(*id), self.kernel.time());
            }
        }
        for (id, partition, offsets) in done.rotted {
            if let Some(Role::Broker(broker)) = self.names.role(id) {
                let now = self.now();
                self.history.rotted(broker, partition, offsets.clone(), now);
                self.invariants.rotted(broker, partition, offsets);
            }
        }
        let entry = Entry { to: first_process(&intervention.hits), ..Entry::of(&arrived, self.kernel.time()) };
        if !done.idle.is_empty() {
            self.warn(intervention.text(&done.idle, &self.names));
        }
        let (event, time) = (self.kernel.events(), self.kernel.time());
        let names = Arc::clone(&self.names);
        let occasion = Occasion::Intervention { intervention, idle: done.idle };
        let mut notables = vec![Notable { event, time, occasion, names }];
        self.rebalances.disturb();
        notables.extend(self.look_at_rebalances(&entry));
        Some(Occurrence { event, entry, more_causes: Vec::new(), notables })
    }

    /// Something is done to the kernel, and the checkers hear of it.
    fn suffer(&mut self, fault: Fault) {
        self.keep_last_state(&fault);
        self.coverage.suffer(&fault);
        if let Fault::Release(name) = fault {
            unmet::held(&self.kernel, &self.names, name).into_iter().for_each(|about| self.warn(about));
        }
        let unpowered = if let Fault::LosePower(id) = fault { Some(id) } else { None };
        let killed = if let Fault::Kill(id) = fault { Some(id) } else { unpowered };
        let touched: Vec<ProcessId> = fault.processes().into_iter().collect();
        // Whoever is down has ended before.
        let is_up = |id: &ProcessId| matches!(self.kernel.status(*id), Status::Running | Status::Paused);
        killed.filter(is_up).into_iter().for_each(|id| self.tell_of_unclean_end(id));
        self.kernel.apply(fault);
        // Killed while it was ending, with somebody who waited to start it again.
        let runs = |id: &ProcessId| self.kernel.status(*id) == Status::Running;
        touched.iter().filter(|id| runs(id)).for_each(|id| _ = self.last_states.remove(id));
        unpowered.into_iter().for_each(|id| self.tell_of_power_loss(id));
        killed.into_iter().for_each(|id| self.tell_of_end(id));
    }

    fn warn(&mut self, about: String) {
        Arc::make_mut(&mut self.warnings).push(Warning { at_us: self.kernel.time(), about });
    }

    fn keep_last_state(&mut self, fault: &Fault) {
        match *fault {
            Fault::Kill(id) => {
                self.stopped.remove(&id);
                if matches!(self.kernel.status(id), Status::Running | Status::Paused) {
                    self.last_states.insert(id, self.kernel.process(id).clone());
                }
            }
            Fault::Terminate(id) => _ = self.stopped.insert(id),
            // It runs still, and begins again behind its end.
            Fault::Restart(id) if self.kernel.is_ending(id) => {}
            Fault::Restart(id) | Fault::LosePower(id) => {
                self.last_states.remove(&id);
                self.halted.remove(&id);
                self.stopped.remove(&id);
            }
            // These end no process and begin none.
            Fault::Pause(_)
            | Fault::Resume(_)
            | Fault::Tell(..)
            | Fault::Cut(..)
            | Fault::Clog(..)
            | Fault::Heal(..)
            | Fault::SetLink(..)
            | Fault::Skew(..)
            | Fault::Drift(..)
            | Fault::SlowDisk(..)
            | Fault::LimitDisk(..)
            | Fault::FillDisk(_)
            | Fault::FlipBits { .. }
            | Fault::RemoveFile(..)
            | Fault::Message(..)
            | Fault::Fate(..)
            | Fault::Next(_)
            | Fault::Release(_) => {}
        }
    }

    /// The life of a process ended without a controlled shutdown.
    fn tell_of_unclean_end(&mut self, process: ProcessId) {
        let observer = observer!(self);
        match self.names.role(process) {
            Some(Role::Broker(broker)) => self.invariants.killed(broker, &observer),
            Some(Role::Producer(_) | Role::Consumer(_) | Role::Pipeline(_) | Role::Administrator) => {
                self.coverage.add(Situation::ClientDeath, 1)
            }
            // No checker knows of its lives.
            Some(Role::Controller) | None => {}
        }
    }

    /// The life of a process ended: it waits for nothing any more.
    fn tell_of_end(&mut self, process: ProcessId) {
        let now = self.now();
        self.availability.ended(process, now.time);
        self.history.ended(process, now);
        if let Some(recorder) = &mut self.recorder {
            recorder.ended(process, now.time, &self.names);
        }
        self.troubles.ended(process, now);
    }

    /// The controller and clients keep nothing that the checkers know of.
    fn tell_of_power_loss(&mut self, process: ProcessId) {
        let observer = observer!(self);
        if let Some(Role::Broker(broker)) = self.names.role(process) {
            self.invariants.lost_power(broker, &observer);
        }
    }

    /// Shows the checkers what processes told during the last event.
    fn watch(&mut self) -> Vec<Notable> {
        let now = self.kernel.time();
        let exited: Vec<(ProcessId, Node)> = self.kernel.drain_exited().collect();
        let ended: Vec<ProcessId> = exited.iter().map(|(id, _)| *id).collect();
        for (id, process) in exited {
            let status = self.kernel.status(id);
            if status == Status::Killed {
                self.last_states.insert(id, process);
                if !self.stopped.contains(&id) {
                    self.halted.insert(id);
                }
            } else {
                // Somebody waited for its end to start it again.
                self.stopped.remove(&id);
            }
            self.since.see(id, status, now);
        }
        if self.lags.is_due(now) {
            self.lags.look(now, &observer!(self));
        }
        let mut notables = self.hear();
        let now_is = self.now();
        let over = self.troubles.look(now_is, &observer!(self));
        notables.extend(over.into_iter().map(|trouble| Notable::of_trouble(trouble, now_is, &self.names)));
        let over = self.stalls.look(now_is, &observer!(self));
        notables.extend(over.into_iter().map(|stall| Notable::of_stall(stall, now_is, &self.names)));
        // What they told at last comes first.
        for id in ended {
            self.tell_of_end(id);
            if self.halted.contains(&id) {
                self.tell_of_unclean_end(id);
            }
        }
        notables
    }

    /// Which rebalances are over with this event.
    fn look_at_rebalances(&mut self, entry: &Entry) -> Vec<Notable> {
        if self.unchecked {
            return Vec::new();
        }
        let sender = entry.api.map(|_| ProcessId::from(entry.from));
        if let (Some(api), Some(from)) = (entry.api, sender) {
            self.rebalances.delivered(api, from, entry.to.into());
        }
        let now = self.now();
        let over = self.rebalances.look(now, sender, &observer!(self));
        over.into_iter().map(|it| Notable::of_rebalance(it, now, &self.names)).collect()
    }

    fn hear(&mut self) -> Vec<Notable> {
        self.kernel.swap_notes(&mut self.notes);
        if self.notes.is_empty() {
            return Vec::new();
        }
        let known = self.findings.list().len();
        let (time, event) = (self.kernel.time(), self.kernel.events());
        self.findings.set_instant(time, event);
        for note in &self.notes {
            if let Note::TopicCreated { topic, id, name, partitions, .. } = note {
                let names = Arc::make_mut(&mut self.names);
                names.learn_topic(*topic, *id, name);
                names.learn_partitions(*topic, *partitions);
            }
        }
        let now = When { time, event };
        let observer = observer!(self);
        let mut notables = Vec::new();
        for note in &self.notes {
            let skip = if self.unchecked { None } else { self.stalls.skip(note, &observer) };
            notables.extend(match (cut_by(note), skip.filter(|_| !Notable::tells_of(note))) {
                (Some((partition, offsets)), _) => {
                    let acknowledged = self.history.doomed(partition, offsets);
                    Some(Notable::of_cut(note.clone(), acknowledged, event, time, &self.names))
                }
                (None, Some(skip)) => Some(Notable::of_skip(skip, event, time, &self.names)),
                (None, None) => match weighed(note, (&self.history, &self.invariants), &observer) {
                    Some(known) => Some(Notable::weighed(note.clone(), known, event, time, &self.names)),
                    None => Notable::of_note(note, event, time, &self.names),
                },
            });
            if let Some(recorder) = &mut self.recorder {
                recorder.hear(note, time, &self.names, &observer);
            }
            self.coverage.hear(note);
            self.errors_seen.hear(note, time, &self.scenario, &self.names);
            self.since.hear(note, time);
            if self.unchecked {
                continue;
            }
            self.history.observe(note, &observer, &mut self.findings);
            self.invariants.observe(note, &observer, &mut self.findings);
            self.availability.observe(note, time);
            self.troubles.observe(note, now);
            self.ledgers.observe(note, &observer);
            self.stalls.observe(note, now, skip);
            self.rebalances.hear(note);
        }
        self.notes.clear();
        notables.extend(self.new_findings(known));
        notables
    }

    fn new_findings(&self, known: usize) -> Vec<Notable> {
        let new = self.findings.list().get(known..).unwrap_or_default();
        new.iter().map(|finding| Notable::of_finding(finding, self.findings.now(), &self.names)).collect()
    }
}

impl Replay for World {
    fn event(&self) -> u64 {
        self.kernel.events()
    }

    /// An estimate, from the memory that runs of 3 and 30 brokers with 6 to 1,000 partitions took with snapshots and without
    /// (`cargo bench --bench cluster` with `LOGLAB_EVENTS`): by the next snapshot nearly all was written.
    fn snapshot_bytes(&self) -> usize {
        const PROCESS: usize = 16 << 10;
        /// Its log, the ends of its files, and what the checkers know of it.
        const REPLICA: usize = 6 << 10;
        /// A partition at a producer or consumer, and in the fetch session with its leader.
        const PARTITION_OF_CLIENT: usize = 256;
        let Scenario { topics, producers, consumers, .. } = &*self.scenario;
        let replicas: usize = topics.iter().map(|topic| (topic.partitions * topic.replication_factor) as usize).sum();
        let used = producers.iter().map(|producer| &producer.topic).chain(consumers.iter().flat_map(|it| &it.topics));
        let partitions = |name: &String| topics.iter().find(|topic| topic.name == *name).map(|topic| topic.partitions);
        let of_clients = used.filter_map(partitions).sum::<u32>() as usize;
        // One pointer for each 256 records of the history.
        let history = self.kernel.events() as usize / 256;
        self.kernel.len() * PROCESS + replicas * REPLICA + of_clients * PARTITION_OF_CLIENT + history
    }

    fn advance(&mut self) -> bool {
        self.step().is_some()
    }
}

fn link_settings(scenario: &Scenario) -> LinkSettings {
    let network = scenario.network;
    LinkSettings {
        latency_us: network.latency_us,
        jitter_us: network.jitter_us,
        bandwidth_bytes_per_s: network.bandwidth_bytes_per_s,
        loss_ppm: network.loss_ppm,
        ..LinkSettings::default()
    }
}

/// What is known beside a note of what it moves, before it does.
fn weighed(note: &Note, (history, invariants): (&History, &Invariants), evidence: &dyn Evidence) -> Option<Known> {
    if let Note::Ordered { order, outcome: OrderOutcome::Done { .. }, .. } = note {
        let places =
            history.moved_by(order, evidence).into_iter().map(|(of, before)| (of, before, end_of(of, evidence)));
        // Where nothing was committed nothing is skipped or repeated.
        let places: Vec<_> = places.filter(|(_, before, _)| *before > 0).collect();
        return (!places.is_empty()).then_some(Known::Committed(places));
    }
    if let Note::Positioned { partition, moved: Moved::Reset { before, in_former: false, .. }, .. } = note {
        let end = end_of(*partition, evidence);
        return (*before > end).then_some(Known::LogEnd(end));
    }
    if let Note::SegmentsDeleted { broker, partition, from, to, .. } = note {
        let (segment, youngest_ms) = invariants.torn_time(*broker, *partition, &(*from..*to))?;
        return Some(Known::TornTime { base: segment.offsets.start, says_ms: segment.says_ms, youngest_ms });
    }
    None
}

/// Where the log of a partition's leader ends; the last offset there is where nobody leads.
fn end_of(partition: TopicPartition, evidence: &dyn Evidence) -> i64 {
    let leader = evidence.image().partition(partition).map_or(-1, |image| image.leader);
    evidence.log_ends(leader, partition).map_or(i64::MAX, |ends| ends.log_end)
}

/// The offsets that a replica cuts off its log, where a note tells of that.
fn cut_by(note: &Note) -> Option<(TopicPartition, std::ops::Range<i64>)> {
    if let Note::Truncated { partition, from, to, .. } = note {
        return Some((*partition, *to..*from));
    }
    if let Note::TruncatedFully { partition, log_start_offset, log_end_offset, .. } = note {
        return Some((*partition, *log_start_offset..*log_end_offset));
    }
    None
}

fn first_process(hits: &[Hit]) -> u16 {
    let first = match hits.first() {
        Some(Hit::Process(id) | Hit::Link(_, id) | Hit::Replica(id, _)) => *id,
        Some(Hit::Message(MessageHit::Next(_, from, to))) => from.or(*to).unwrap_or(CONTROLLER_PROCESS),
        Some(Hit::Message(MessageHit::Named(name))) => name.to,
        None => CONTROLLER_PROCESS,
    };
    trace::number(first)
}
