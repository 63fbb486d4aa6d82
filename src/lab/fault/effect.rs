//! What each fault does to whom it hits, or why it does nothing: what is down cannot be killed, and what is not stored does
//! not rot.

use std::ops::RangeInclusive;

use crate::log::{ReplicaLog, StoredBatch, segment};
use crate::sim::Time;
use crate::sim::clock::Clock;
use crate::sim::disk::Disk;
use crate::sim::fault::{Fault, Held, MessageFault, NextMessage};
use crate::sim::ids::MessageName;
use crate::sim::kernel::Status;
use crate::sim::network::LinkSettings;
use crate::sim::process::ProcessId;
use crate::wire::TopicPartition;

/// Whom an intervention hits, as the kernel knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A process, or its machine.
    Process(ProcessId),
    /// A link, in one direction.
    Link(ProcessId, ProcessId),
    /// What a broker has of a partition.
    Replica(ProcessId, TopicPartition),
    /// A message.
    Message(MessageHit),
}

/// Which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageHit {
    /// The one with this name.
    Named(MessageName),
    /// The next one of a kind, from somebody, to somebody.
    Next(u32, Option<ProcessId>, Option<ProcessId>),
}

/// What may be looked at before something is done.
pub trait Scene {
    /// Virtual time.
    fn now(&self) -> Time;
    /// Whether a process runs.
    fn status(&self, process: ProcessId) -> Status;
    /// Whether it was told to end and has not yet.
    fn is_ending(&self, process: ProcessId) -> bool;
    /// Its machine's disk.
    fn disk(&self, process: ProcessId) -> &Disk;
    /// Its machine's clock.
    fn clock(&self, process: ProcessId) -> Clock;
    /// What links are like unless something is done to them.
    fn plain_link(&self) -> LinkSettings;
    /// How much longer each write of a machine's disk takes, unless something is done to it.
    fn plain_slowdown_us(&self, process: ProcessId) -> u64;
    /// Whether a link is as it was at the start.
    fn is_whole(&self, from: ProcessId, to: ProcessId) -> bool;
    /// Whether a link is cut.
    fn is_cut(&self, from: ProcessId, to: ProcessId) -> bool;
    /// Whether a message is on its way.
    fn is_under_way(&self, message: MessageName) -> bool;
    /// Whether a message has been sent, whatever became of it.
    fn has_sent(&self, message: MessageName) -> bool;
    /// What a broker has of a partition, and on which disk.
    fn replica(&self, process: ProcessId, partition: TopicPartition) -> Option<(&ReplicaLog, &Disk)>;
    /// A process's name.
    fn process_name(&self, process: ProcessId) -> String;
    /// A partition's name.
    fn partition_name(&self, partition: TopicPartition) -> String;
    /// Its place among the programs of its `[[consumer]]`, from 1.
    fn member_number(&self, process: ProcessId) -> u32;
}

/// What is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// To the kernel, in this order.
    pub faults: Vec<Fault>,
    /// What the checkers are told: the offsets of a batch that rots, with where it lies.
    pub rotted: Option<(ProcessId, TopicPartition, RangeInclusive<i64>)>,
}

/// What is done, or why nothing is, in words that end a sentence.
pub type Outcome = Result<Effect, String>;

/// How an action is done to what it is done to. The number is its amount, or 0.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// To a process or its machine.
    Process(fn(i64, ProcessId, &dyn Scene) -> Outcome),
    /// To a link in one direction.
    Link(fn(i64, (ProcessId, ProcessId), &dyn Scene) -> Outcome),
    /// To a message.
    Message(fn(i64, MessageHit, &dyn Scene) -> Outcome),
    /// To a replica.
    Replica(fn(i64, (ProcessId, TopicPartition), &dyn Scene) -> Outcome),
}

impl Does {
    /// Does it.
    ///
    /// # Panics
    /// Where the hit is not what the action is done to: the reader lets no such target through.
    pub(super) fn to(self, amount: i64, hit: Hit, scene: &dyn Scene) -> Outcome {
        match (self, hit) {
            (Self::Process(does), Hit::Process(id)) => does(amount, id, scene),
            (Self::Link(does), Hit::Link(from, to)) => does(amount, (from, to), scene),
            (Self::Message(does), Hit::Message(message)) => does(amount, message, scene),
            (Self::Replica(does), Hit::Replica(id, partition)) => does(amount, (id, partition), scene),
            (does, hit) => panic!("{hit:?} is not what {does:?} is done to"),
        }
    }
}

fn one(fault: Fault) -> Outcome {
    Ok(Effect { faults: vec![fault], rotted: None })
}

/// The same where the process is in a state that allows it, or else what it is.
fn unless(process: ProcessId, scene: &dyn Scene, reason: Option<&str>, fault: Fault) -> Outcome {
    match reason {
        Some(reason) => Err(format!("{} {reason}", scene.process_name(process))),
        None => one(fault),
    }
}

const DOWN: &str = "is down";

pub(super) fn kill(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    unless(id, scene, is_down(id, scene).then_some(DOWN), Fault::Kill(id))
}

pub(super) fn stop(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    unless(id, scene, is_down(id, scene).then_some(DOWN), Fault::Terminate(id))
}

pub(super) fn power_loss(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    let is_off = scene.status(id) == Status::PoweredOff;
    unless(id, scene, is_off.then_some("has no power already"), Fault::LosePower(id))
}

/// What was told to end begins again when it has ended, as a supervisor would have it.
pub(super) fn restart(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    let runs_on = !is_down(id, scene) && !scene.is_ending(id);
    unless(id, scene, runs_on.then_some("runs already"), Fault::Restart(id))
}

/// The first so many are there: who is there already, or need not be, is left alone.
pub(super) fn scale(to: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    let is_wanted = i64::from(scene.member_number(id)) <= to;
    match (is_wanted, is_down(id, scene)) {
        (true, true) => one(Fault::Restart(id)),
        (false, false) if !scene.is_ending(id) => one(Fault::Terminate(id)),
        (true, false) | (false, _) => Ok(Effect::default()),
    }
}

pub(super) fn seek(offset: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    unless(id, scene, is_down(id, scene).then_some(DOWN), Fault::Tell(id, offset))
}

pub(super) fn pause(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    let reason = match scene.status(id) {
        Status::Running => None,
        Status::Paused => Some("is paused already"),
        Status::Killed | Status::PoweredOff => Some(DOWN),
    };
    unless(id, scene, reason, Fault::Pause(id))
}

pub(super) fn resume(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    let reason = match scene.status(id) {
        Status::Paused => None,
        Status::Running => Some("is not paused"),
        Status::Killed | Status::PoweredOff => Some(DOWN),
    };
    unless(id, scene, reason, Fault::Resume(id))
}

fn is_down(id: ProcessId, scene: &dyn Scene) -> bool {
    match scene.status(id) {
        Status::Running | Status::Paused => false,
        Status::Killed | Status::PoweredOff => true,
    }
}

/// A wall clock that is `by` ahead of its machine's monotonic clock, which a step of NTP does not touch.
pub(super) fn skew(by_us: i64, id: ProcessId, _: &dyn Scene) -> Outcome {
    one(Fault::Skew(id, by_us))
}

pub(super) fn drift(by_ppm: i64, id: ProcessId, _: &dyn Scene) -> Outcome {
    one(Fault::Drift(id, i32::try_from(by_ppm).expect("bounded by the table")))
}

/// The clock runs at the right rate again, and a step brings the wall clock to the right time. The monotonic clock keeps
/// what it gained or lost: it never jumps.
pub(super) fn heal_clock(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    let (clock, now) = (scene.clock(id), scene.now());
    if clock.is_right(now) {
        return Err(format!("{} has a clock without a fault", scene.process_name(id)));
    }
    let gained = i64::try_from(i128::from(clock.monotonic(now)) - i128::from(now)).expect("a run lasts an hour");
    Ok(Effect { faults: vec![Fault::Drift(id, 0), Fault::Skew(id, -gained)], rotted: None })
}

pub(super) fn slow_disk(by_us: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    one(Fault::SlowDisk(id, scene.plain_slowdown_us(id).saturating_add(by_us.unsigned_abs())))
}

pub(super) fn fill_disk(_: i64, id: ProcessId, _: &dyn Scene) -> Outcome {
    one(Fault::FillDisk(id))
}

pub(super) fn heal_disk(_: i64, id: ProcessId, scene: &dyn Scene) -> Outcome {
    let (disk, plain_us) = (scene.disk(id), scene.plain_slowdown_us(id));
    if disk.slowdown_us() == plain_us && !disk.is_limited() {
        return Err(format!("{} has a disk without a fault", scene.process_name(id)));
    }
    Ok(Effect { faults: vec![Fault::SlowDisk(id, plain_us), Fault::LimitDisk(id, u64::MAX)], rotted: None })
}

pub(super) fn cut(_: i64, (from, to): (ProcessId, ProcessId), scene: &dyn Scene) -> Outcome {
    match scene.is_cut(from, to) {
        true => Err(format!("{} is cut already", link(from, to, scene))),
        false => one(Fault::Cut(from, to)),
    }
}

pub(super) fn clog(_: i64, (from, to): (ProcessId, ProcessId), _: &dyn Scene) -> Outcome {
    one(Fault::Clog(from, to))
}

pub(super) fn slow(by_us: i64, (from, to): (ProcessId, ProcessId), scene: &dyn Scene) -> Outcome {
    let plain = scene.plain_link();
    let latency_us = plain.latency_us.saturating_add(by_us.unsigned_abs());
    one(Fault::SetLink(from, to, LinkSettings { latency_us, ..plain }))
}

pub(super) fn heal(_: i64, (from, to): (ProcessId, ProcessId), scene: &dyn Scene) -> Outcome {
    if scene.is_whole(from, to) {
        return Err(format!("{} is whole", link(from, to, scene)));
    }
    Ok(Effect { faults: vec![Fault::SetLink(from, to, scene.plain_link()), Fault::Heal(from, to)], rotted: None })
}

fn link(from: ProcessId, to: ProcessId, scene: &dyn Scene) -> String {
    format!("{} -> {}", scene.process_name(from), scene.process_name(to))
}

pub(super) fn hold(_: i64, message: MessageHit, scene: &dyn Scene) -> Outcome {
    to_message(message, MessageFault::Hold, scene)
}

pub(super) fn lose(_: i64, message: MessageHit, scene: &dyn Scene) -> Outcome {
    to_message(message, MessageFault::Lose, scene)
}

pub(super) fn repeat(_: i64, message: MessageHit, scene: &dyn Scene) -> Outcome {
    to_message(message, MessageFault::Repeat, scene)
}

pub(super) fn release(_: i64, message: MessageHit, _: &dyn Scene) -> Outcome {
    one(Fault::Release(match message {
        MessageHit::Named(name) => Held::Message(name),
        MessageHit::Next(kind, from, to) => Held::Next { from, to, kind },
    }))
}

/// What is still to be sent meets it then.
fn to_message(message: MessageHit, fault: MessageFault, scene: &dyn Scene) -> Outcome {
    match message {
        MessageHit::Named(name) if scene.has_sent(name) && !scene.is_under_way(name) => {
            Err("it is not on its way any more".to_owned())
        }
        MessageHit::Named(name) => one(Fault::Message(name, fault)),
        MessageHit::Next(kind, from, to) => one(Fault::Next(NextMessage { from, to, kind, fault })),
    }
}

/// Turns over one bit of the last byte of the batch that holds the offset: it belongs to a record, so the checksum covers it.
pub(super) fn bit_rot(offset: i64, (id, partition): (ProcessId, TopicPartition), scene: &dyn Scene) -> Outcome {
    let (broker, name) = (scene.process_name(id), scene.partition_name(partition));
    let (log, disk) = replica(id, partition, scene)?;
    let batch =
        batch_at(offset, log, disk).ok_or_else(|| format!("no batch of {name} on {broker} holds offset {offset}"))?;
    let fault = Fault::FlipBits {
        of: id,
        path: segment::path(log.directory(), batch.segment_base_offset, "log"),
        byte: u64::from(batch.position) + u64::from(batch.header.size()) - 1,
        mask: 1,
    };
    let offsets = batch.header.base_offset..=batch.header.last_offset();
    Ok(Effect { faults: vec![fault], rotted: Some((id, partition, offsets)) })
}

fn batch_at(offset: i64, log: &ReplicaLog, disk: &Disk) -> Option<StoredBatch> {
    log.batches(disk, offset).next().filter(|batch| batch.header.base_offset <= offset)
}

/// A broker that runs has its index files open and would not miss them.
pub(super) fn lose_indexes(_: i64, (id, partition): (ProcessId, TopicPartition), scene: &dyn Scene) -> Outcome {
    let (broker, name) = (scene.process_name(id), scene.partition_name(partition));
    if !is_down(id, scene) {
        return Err(format!("{broker} runs and has the files of {name} open"));
    }
    let (log, disk) = replica(id, partition, scene)?;
    let directory = format!("{}/", log.directory());
    let is_index = |path: &&str| path.ends_with(".index") || path.ends_with(".timeindex");
    let faults: Vec<Fault> =
        disk.list(&directory).filter(is_index).map(|path| Fault::RemoveFile(id, path.to_owned())).collect();
    match faults.is_empty() {
        true => Err(format!("{broker} has no such files of {name}")),
        false => Ok(Effect { faults, rotted: None }),
    }
}

fn replica(id: ProcessId, partition: TopicPartition, scene: &dyn Scene) -> Result<(&ReplicaLog, &Disk), String> {
    let (broker, name) = (scene.process_name(id), scene.partition_name(partition));
    if scene.status(id) == Status::PoweredOff {
        return Err(format!("{broker} has no power: what of {name} is left on its disk shows when it is back"));
    }
    scene.replica(id, partition).ok_or_else(|| format!("{broker} has no replica of {name}"))
}
