//! From what a member has to what it shall have: what was read is committed, what is another's is given up, what is new is
//! taken over, and then the coordinator is told (Kafka: `AbstractMembershipManager.maybeReconcile`, `revokeAndAssign`).
//!
//! The program listens to its rebalances, so that each step is done in its `poll()`.

use std::collections::BTreeSet;

use super::member::{Committed, Heard, Kind, Place, Preparing};
use super::membership::{Partitions, Standing, Step};
use super::{Coordinator, Turn};
use crate::log::partition_metadata::uuid_text;
use crate::wire::random_uuid;

impl Coordinator {
    /// The program's thread in `poll()`.
    pub(super) fn poll_member(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) {
        match self.membership().standing {
            Standing::Outside => {
                // It makes its own id, and keeps it for life (KIP-1082).
                self.member.id = uuid_text(random_uuid(turn.context.random()));
                self.next_auto_commit = turn.now() + self.settings.auto_commit_interval_us.unwrap_or(0);
                self.join_anew();
            }
            Standing::Fenced | Standing::Stale => {
                self.give_up(Heard::Lost);
                self.join_anew();
            }
            // It is a member.
            Standing::Joining | Standing::Reconciling | Standing::Acknowledging | Standing::Stable => {}
        }
        self.maybe_commit(consumed, turn);
        self.reconcile(consumed, turn);
        self.report_if_due(turn);
    }

    fn join_anew(&mut self) {
        self.member.generation = 0;
        self.preparing = Preparing::NotBegun;
        self.membership().join();
    }

    fn reconcile(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) {
        if self.membership().standing != Standing::Reconciling {
            self.preparing = Preparing::NotBegun;
            self.membership().step = None;
            return;
        }
        if self.membership().step.is_none() && !self.begin_step(consumed, turn) {
            return;
        }
        if let Preparing::Committing { deadline } = self.preparing
            && turn.now() < deadline
        {
            return;
        }
        self.preparing = Preparing::NotBegun;
        if let Some(step) = self.membership().step.take() {
            self.take_over(step, turn);
        }
    }

    /// True where there is a step to take.
    fn begin_step(&mut self, consumed: &dyn Fn() -> Vec<Committed>, turn: &mut Turn<'_, '_>) -> bool {
        let target = self.membership().target().cloned().expect("who reconciles was told what it shall have");
        let (partitions, places) = self.resolve(&target.partitions, turn);
        let resolved = target.with(partitions);
        let is_known = self.membership().current().is_some_and(|it| it.partitions == resolved.partitions);
        if is_known {
            // The topics of all others are not known yet: the coordinator hears that all is well.
            self.membership().took_over(resolved);
            return false;
        }
        let revoked: Vec<Place> = self.assigned.difference(&places).cloned().collect();
        if !revoked.is_empty() {
            self.heard.push_back(Heard::Revoking(revoked));
        }
        self.membership().step = Some(Step { resolved, places });
        self.preparing = Preparing::Committed;
        if self.settings.auto_commit_interval_us.is_some() {
            let deadline = turn.now() + self.settings.max_poll_interval_us;
            self.preparing = Preparing::Committing { deadline };
            self.commit(Kind::BeforeJoin, consumed(), turn);
        }
        true
    }

    /// The partitions whose topics are known by name; of the others metadata are asked for
    /// (`findResolvableAssignmentAndTriggerMetadataUpdate`).
    fn resolve(&self, target: &Partitions, turn: &mut Turn<'_, '_>) -> (Partitions, BTreeSet<Place>) {
        let (mut partitions, mut places) = (Partitions::new(), BTreeSet::new());
        let metadata = turn.network.metadata();
        for (topic, of_topic) in target {
            let number = metadata.topic_with_id(*topic);
            let name = number.zip(metadata.image()).map(|(number, image)| image.topics.name_of(number).to_owned());
            let is_told = |name: &String| {
                metadata.topic_named(name) == number || self.assigned.iter().any(|(owned, _)| owned == name)
            };
            // It is known once the next metadata are there.
            let Some(name) = name.filter(is_told) else { continue };
            places.extend(of_topic.iter().map(|partition| (name.clone(), *partition)));
            partitions.insert(*topic, of_topic.clone());
        }
        if partitions.len() < target.len() {
            turn.network.metadata_mut().request_update();
        }
        (partitions, places)
    }

    fn take_over(&mut self, Step { resolved, places }: Step, turn: &Turn<'_, '_>) {
        let revoked: Vec<Place> = self.assigned.difference(&places).cloned().collect();
        if !revoked.is_empty() {
            self.heard.push_back(Heard::Revoked(revoked));
        }
        let added = places.difference(&self.assigned).cloned().collect();
        self.assigned = places;
        self.heard.push_back(Heard::Assigned { generation: self.member.generation, places: added });
        self.membership().took_over(resolved);
        if let Some(interval) = self.settings.auto_commit_interval_us {
            self.next_auto_commit = turn.now() + interval;
        }
    }
}
