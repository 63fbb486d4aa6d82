//! A program that does what somebody on call does with Kafka's command line (`kafka-consumer-groups.sh`,
//! `kafka-transactions.sh`, `kafka-delete-records.sh`, `kafka-topics.sh`): each command at its time, with one admin client.

mod command;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use command::{AdminCommand, WrongCommand};

use crate::client::{
    Admin, AdminCall, AdminEvent, AdminSettings, Ask, CallTimes, ClientTimer, CommittedOffset, GroupDescription, Key,
    NamedPartition, Slot, Told,
};
use crate::note::{Note, Order, OrderOutcome};
use crate::settings::AdminConfig;
use crate::sim::Time;
use crate::sim::process::{Context, Input, Purpose};
use crate::wire::{Message, error_name};

/// Its only client.
const ADMIN: Slot = Slot::new(1);

/// A command and when it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedCommand {
    /// When.
    pub at_us: Time,
    /// What.
    pub command: AdminCommand,
    /// With which settings of its client (`--command-config`).
    pub config: AdminConfig,
}

/// How far a command of several calls is.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Its place in the plan.
    place: usize,
    group: Option<GroupDescription>,
    offsets: Vec<CommittedOffset>,
    /// Transactions that are still to be aborted.
    aborts: Vec<Ask>,
    /// How many were.
    aborted: usize,
}

/// The program.
#[derive(Clone, Debug)]
pub struct Administrator {
    plan: Arc<[PlannedCommand]>,
    settings: Arc<AdminSettings>,
    admin: Admin,
    running: BTreeMap<AdminCall, Progress>,
}

impl Administrator {
    /// A program that has not begun.
    #[must_use]
    pub fn new(plan: Arc<[PlannedCommand]>, settings: Arc<AdminSettings>) -> Self {
        let admin = Admin::new(Arc::clone(&settings), ADMIN);
        Self { plan, settings, admin, running: BTreeMap::new() }
    }

    /// The program as it begins after a crash: what it was at is not done again.
    #[must_use]
    pub fn reborn(&self) -> Self {
        Self::new(Arc::clone(&self.plan), Arc::clone(&self.settings))
    }

    /// What a timer is for, in words that follow the program's name.
    #[must_use]
    pub fn timer_words(purpose: Purpose) -> String {
        ClientTimer::of_any_slot(purpose).map_or_else(|| "gives its next command".to_owned(), ClientTimer::words)
    }

    /// Commands that have no answer yet, each with Kafka's code of the last error that a broker has answered, 0 for none.
    #[must_use]
    pub fn unanswered(&self) -> Vec<(String, i16)> {
        let running = self.running.iter();
        running.map(|(call, it)| (self.plan[it.place].command.to_string(), self.admin.last_error(*call))).collect()
    }

    /// Handles an input.
    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        match self.admin.handle(input, context) {
            // Its client has taken it.
            None => {}
            Some(Input::Boot { .. }) => {
                let now = context.now();
                let is_to_come = |(_, planned): &(u64, &PlannedCommand)| planned.at_us >= now;
                for (place, planned) in (0..).zip(self.plan.iter()).filter(is_to_come) {
                    context.set_timer(place, planned.at_us);
                }
            }
            Some(Input::Timer(place)) => {
                let place = usize::try_from(place).expect("a place in the plan");
                let command = &self.plan[place].command;
                let (order, ask) = (command.order(), command.first_ask());
                Self::tell_order(order, OrderOutcome::Given, context);
                self.ask(Progress { place, ..Progress::default() }, ask, context);
            }
            // What it was at ends with it.
            Some(Input::Terminate) => context.exit(),
            Some(other) => unreachable!("{other:?} is nobody's"),
        }
        while let Some(event) = self.admin.next_event() {
            self.told(event, context);
        }
    }

    fn ask(&mut self, progress: Progress, ask: Ask, context: &mut Context<'_, Message, Note>) {
        let times = CallTimes::of(&self.plan[progress.place].config);
        let call = self.admin.call_within(ask, times, context);
        self.running.insert(call, progress);
    }

    fn told(&mut self, event: AdminEvent, context: &mut Context<'_, Message, Note>) {
        let (AdminEvent::Done { call, .. } | AdminEvent::Failed { call, .. }) = event;
        let progress = self.running.remove(&call).expect("a call of this program");
        let order = self.plan[progress.place].command.order();
        match event {
            AdminEvent::Failed { error, .. } => {
                self.finish(&progress, Err(error_name(error)), context);
                Self::tell_order(order, OrderOutcome::Unknown, context);
            }
            AdminEvent::Done { results, .. } => {
                self.go_on(progress, &results, context);
                Self::tell_order(order, words::outcome(&results), context);
            }
        }
    }

    /// What came of an order, for those who look at groups and logs.
    fn tell_order(order: Option<Order>, outcome: OrderOutcome, context: &mut Context<'_, Message, Note>) {
        // Other commands move nothing.
        let Some(order) = order else { return };
        context.note(Note::Ordered { admin: context.process(), order, outcome });
    }

    /// What follows the answers to a call: another call, or the end of the command.
    fn go_on(
        &mut self,
        mut progress: Progress,
        results: &[(Key, Result<Told, i16>)],
        context: &mut Context<'_, Message, Note>,
    ) {
        if let Some(error) = words::errors(results) {
            return self.finish(&progress, Err(error), context);
        }
        match self.plan[progress.place].command.clone() {
            AdminCommand::DescribeGroup(group) => match results.first() {
                Some((_, Ok(Told::Group(description)))) => {
                    progress.group = Some(description.clone());
                    self.ask(progress, Ask::ListConsumerGroupOffsets(vec![group]), context);
                }
                Some((_, Ok(Told::Offsets(offsets)))) => {
                    progress.offsets.clone_from(offsets);
                    self.describe(progress, context);
                }
                ends => {
                    assert!(ends.is_some(), "a group with partitions is described");
                    let told = words::group(progress.group.as_ref(), &progress.offsets, results);
                    self.finish(&progress, Ok(told), context);
                }
            },
            AdminCommand::AbortTransaction(partition) => {
                if let Some((_, Ok(Told::Producers(producers)))) = results.first() {
                    let open = producers.iter().filter(|producer| producer.current_txn_start_offset >= 0);
                    progress.aborts = open.map(|producer| command::abort(&partition, producer)).collect();
                } else {
                    progress.aborted += 1;
                }
                match progress.aborts.pop() {
                    Some(ask) => self.ask(progress, ask, context),
                    None => {
                        let told = words::aborted(progress.aborted);
                        self.finish(&progress, Ok(told), context);
                    }
                }
            }
            AdminCommand::ListGroups
            | AdminCommand::SetOffset { .. }
            | AdminCommand::DeleteOffset { .. }
            | AdminCommand::DeleteGroup(_)
            | AdminCommand::DeleteRecords { .. }
            | AdminCommand::DescribeTopic(_)
            | AdminCommand::DescribeCluster
            | AdminCommand::ListTransactions
            | AdminCommand::DescribeTransaction(_)
            | AdminCommand::DescribeProducers(_)
            | AdminCommand::Fence(_) => self.finish(&progress, Ok(words::all(results)), context),
        }
    }

    /// Where the partitions end that a group has, or has committed in: its lag follows from that.
    fn describe(&mut self, progress: Progress, context: &mut Context<'_, Message, Note>) {
        let assigned = progress.group.iter().flat_map(|group| &group.members).flat_map(|member| &member.assignment);
        let committed = progress.offsets.iter().map(|offset| &offset.partition);
        let partitions: BTreeSet<NamedPartition> = assigned.chain(committed).cloned().collect();
        if partitions.is_empty() {
            let told = words::group(progress.group.as_ref(), &[], &[]);
            return self.finish(&progress, Ok(told), context);
        }
        self.ask(progress, Ask::ListOffsets(partitions.into_iter().collect()), context);
    }

    fn finish(
        &mut self,
        progress: &Progress,
        outcome: Result<String, String>,
        context: &mut Context<'_, Message, Note>,
    ) {
        let command = self.plan[progress.place].command.to_string();
        let failed = outcome.is_err();
        let told = outcome.unwrap_or_else(|error| error);
        context.note(Note::Administered { admin: context.process(), command, told, failed });
    }
}
