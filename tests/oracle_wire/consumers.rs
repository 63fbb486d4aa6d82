//! Simulated consumers make the calls of the recorded programs, and both what they send and what their calls result in is
//! compared.

use std::collections::BTreeSet;

use loglab::sim::{MILLISECOND, SECOND};

use super::admin::{self, Admins};
use super::broker::{BEGIN, World};
use super::case::{Case, Op, Spoken};
use super::compare::differences;
use super::ids::Ids;
use super::java::Java;
use super::play::{Outcome, begin_ms};
use super::readers::{KNOWN, PATIENCE, Readers, is_long, time_of};
use super::setup;
use super::traffic;

/// Whether a case is one of consumers, with an administrator or without.
pub fn is_meant(case: &Case) -> bool {
    let makes = |call: &str| case.story.iter().any(|it| it.call == call);
    makes("new_consumer") && !makes("new_producer")
}

/// Plays the programs of such a case.
pub fn play(case: &Case) -> Result<Outcome, String> {
    let calls = case.story.iter().map(|it| it.call.as_str());
    let unknown: BTreeSet<&str> =
        calls.filter(|call| !KNOWN.contains(call) && *call != "offsetsForTimes" && !admin::is_known(call)).collect();
    if !unknown.is_empty() {
        let pending = unknown.into_iter().map(str::to_owned).collect();
        return Ok(Outcome { pending, ..Outcome::default() });
    }
    let mut game = Game::new(case)?;
    game.play()?;
    Ok(Outcome { wrong: game.differences()?, ..Outcome::default() })
}

struct Game<'a> {
    case: &'a Case,
    world: World,
    ids: Ids,
    java: Java,
    readers: Readers<'a>,
    admins: Admins<'a>,
    /// Names of clients in the order of their processes.
    clients: Vec<String>,
}

impl<'a> Game<'a> {
    fn new(case: &'a Case) -> Result<Self, String> {
        let mut programs = Vec::new();
        let (mut readers, mut clients, mut admins) = (Readers::default(), Vec::new(), Admins::default());
        for made in case.story.iter().filter(|spoken| ["new_consumer", "new_admin"].contains(&spoken.call.as_str())) {
            clients.push(made.client.clone());
            programs.push(match made.call.as_str() {
                "new_admin" => admins.make(&made.client),
                _ => readers.make(made)?,
            });
        }
        let begin_ms = begin_ms(case);
        let node = (case.head.broker.node_id, 1);
        let mut world = World::with(&case.head.broker, node, BEGIN, begin_ms, (1, programs))?;
        let mut ids = Ids::default();
        setup::prepare(&case.head.broker, &mut world, &mut ids)?;
        Ok(Game { case, world, ids, java: Java::default(), readers, admins, clients })
    }

    fn play(&mut self) -> Result<(), String> {
        let case = self.case;
        let mut ops = case.head.setup.iter().peekable();
        for spoken in case.story.iter().filter(|it| it.call != "new_consumer") {
            // What has the same time was done by the thread that made the call, behind it.
            while let Some(op) = ops.next_if(|op| op.ms < spoken.ms) {
                self.set_up(op)?;
            }
            self.wait_until(spoken.ms);
            if self.admins.has(&spoken.client) {
                self.administer(spoken)?;
                continue;
            }
            self.wait_for(&spoken.client)?;
            self.readers.call(spoken)?;
            if !is_long(spoken) {
                self.wait_for(&spoken.client)?;
            }
        }
        for client in self.readers.names() {
            self.wait_for(&client)?;
        }
        Ok(())
    }

    /// A call of an admin client, whose program waits for what comes of it.
    fn administer(&mut self, spoken: &'a Spoken) -> Result<(), String> {
        // A call that is not waited for is over at once.
        let Some(returned) = self.admins.call(spoken)? else { return Ok(()) };
        let end = self.world.now() + PATIENCE;
        while !returned() {
            if self.world.now() >= end {
                return Err(format!("nothing becomes of {}", spoken.call));
            }
            self.world.run_for(MILLISECOND);
        }
        Ok(())
    }

    fn set_up(&mut self, op: &Op) -> Result<(), String> {
        self.wait_until(op.ms);
        match op.op.as_str() {
            "create_topic" => setup::create(&mut self.world, &mut self.ids, self.case, op),
            "fill" => setup::fill(&mut self.world, op),
            "delete_records" => setup::delete_records(&mut self.world, op),
            "client_call" => {
                let now_ms = begin_ms(self.case).unwrap_or(0) + op.ms;
                self.java.call(&mut self.world, self.case, op, now_ms)
            }
            "wait_transaction_complete" => {
                self.world.run_for(SECOND / 2);
                Ok(())
            }
            other => Err(format!("setup has no word {other} for consumers")),
        }
    }

    fn wait_until(&mut self, ms: i64) {
        let time = time_of(ms);
        if time > self.world.now() {
            self.world.run_until(time);
        }
    }

    fn wait_for(&mut self, client: &str) -> Result<(), String> {
        self.readers.wait_for(client, &mut self.world)
    }

    fn differences(&self) -> Result<Vec<String>, String> {
        let mut wrong = self.admins.differences(self.case);
        for (place, client) in self.clients.iter().enumerate() {
            if self.admins.has(client) {
                let recorded = admin::said(&traffic::recorded(self.case, client)?)?;
                let simulated = admin::said(&traffic::simulated(&self.world, &self.ids, place)?)?;
                let found = differences(&recorded, &simulated);
                wrong.extend(found.into_iter().map(|it| format!("{client} sends {it}")));
            } else {
                wrong.extend(self.readers.differences(self.case, &self.world, &self.ids, (place, client))?);
            }
        }
        Ok(wrong)
    }
}
