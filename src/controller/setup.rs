//! What a cluster has before a run begins, and which topics come and go while it lasts.
//!
//! A run does not show how a cluster is set up, and it must not depend on all brokers living through that: whoever is dead from
//! the start is a member of the cluster all the same, is fenced when its session ends, and leaves the ISRs then. The topics of
//! a scenario that have a time are created and deleted by the controller itself, as if somebody had asked it at that time.

use std::sync::Arc;

use super::placement::Placer;
use super::plan::Step;
use super::settings::NewTopic;
use super::timer::ControllerTimer;
use super::topics::Plan;
use super::{Context, Controller};
use crate::note::Note;
use crate::sim::{SECOND, Time};
use crate::wire::{BrokerImage, incarnation_id, random_uuid};

/// How long somebody waits who has to ask again for a topic.
const RETRY_US: Time = SECOND;

impl Controller {
    /// Sets the cluster up, unless that is done. Brokers are registered with their first life and unfenced; when they begin they
    /// register again, which an incarnation may, and keep their epochs.
    pub(super) fn set_up(&mut self, context: &mut Context<'_>) {
        if std::mem::replace(&mut self.is_set_up, true) {
            return;
        }
        let brokers: Vec<i32> = (1..=self.settings.brokers as i32).collect();
        let image = Arc::make_mut(&mut self.image);
        for &broker in &brokers {
            // A RegisterBrokerRecord, whose offset is the broker's epoch.
            image.offset += 1;
            let incarnation = incarnation_id(broker, 1);
            let rack = self.settings.racks.get(broker as usize - 1).cloned();
            let epoch = image.offset;
            let registered = BrokerImage { incarnation, epoch, fenced: false, in_controlled_shutdown: false, rack };
            image.brokers.insert(broker, registered);
            self.heartbeats.register(broker, false, context.now());
        }
        // A BrokerRegistrationChangeRecord each: unfenced.
        image.offset += brokers.len() as i64;
        self.follow_plan(context);
    }

    /// Does what is due with the topics of the run, and waits for what comes next. Whoever has to ask again for a topic holds up
    /// only who asks for one of the same name.
    pub(super) fn follow_plan(&mut self, context: &mut Context<'_>) {
        let now = context.now();
        let settings = Arc::clone(&self.settings);
        let mut left: Vec<Step> = Vec::new();
        for step in std::mem::take(&mut self.plan) {
            let topic = &settings.topics[step.topic];
            let is_held_up = left.iter().any(|other| settings.topics[other.topic].name == topic.name);
            if step.at > now || is_held_up || !self.take_step(step, topic, context) {
                left.push(step);
            }
        }
        self.plan = left;
        let next = self.plan.iter().map(|step| if step.at > now { step.at } else { context.after(RETRY_US) }).min();
        if let Some(next) = next {
            context.set_timer(ControllerTimer::Plan, next);
        }
    }

    /// Whether it is done.
    fn take_step(&mut self, step: Step, topic: &NewTopic, context: &mut Context<'_>) -> bool {
        if step.creates { self.create_planned(topic, context) } else { self.delete_planned(topic, context) }
    }

    /// Creates a topic of the run. Kafka draws where its first partition begins; a scenario's topics go on where the last one
    /// ended, so that a reader can tell who leads what.
    fn create_planned(&mut self, topic: &NewTopic, context: &mut Context<'_>) -> bool {
        let usable = self.usable_brokers();
        // As the documentation says: at most one replica a broker.
        let factor = topic.replication_factor.clamp(1, usable.len().max(1) as u32) as i16;
        let placed = Placer::beginning_at(usable.into_iter(), self.placed).place(topic.partitions as usize, factor);
        match placed.and_then(|replicas| self.new_partitions(0, replicas)) {
            Ok(partitions) => {
                self.placed += partitions.len();
                let (name, config) = (topic.name.clone(), topic.config.clone());
                let plan = Plan { name, partitions, config, config_records: topic.config_records };
                let id = random_uuid(context.random());
                self.create(id, plan, topic.at_us == 0, context);
                true
            }
            Err(refusal) => {
                // Whoever has to ask again, as while all brokers are fenced, has said so once.
                if context.now().saturating_sub(topic.at_us) < RETRY_US {
                    let error = refusal.error.code();
                    context.note(Note::TopicRefused { name: topic.name.clone(), error, why: refusal.message });
                }
                false
            }
        }
    }

    /// Deletes a topic of the run, unless somebody else did.
    fn delete_planned(&mut self, topic: &NewTopic, context: &mut Context<'_>) -> bool {
        if let Some(number) = self.image.topics.named(&topic.name) {
            self.delete(number, context);
        }
        true
    }
}
