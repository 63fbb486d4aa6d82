//! A counter on a disk: it counts what it is told, makes it durable now and then, and says what is durable.

use bytes::Bytes;
use loglab::sim::disk::DiskError;
use loglab::sim::fault::Fault;
use loglab::sim::hash::RunHash;
use loglab::sim::kernel::{Kernel, Status};
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::{Context, Input, Lane, Message, Process};
use loglab::sim::queue::EventKind;
use loglab::sim::random::Random;
use loglab::sim::{MILLISECOND, SECOND, Time};
use proptest::prelude::*;

use super::cases::cases;

/// One more, or: so many are durable. A beat has nothing to do with the disk.
#[derive(Debug)]
enum Count {
    More,
    Beat,
    Durable(u64),
}

impl Message for Count {
    fn size_bytes(&self) -> u32 {
        9
    }
    fn fold(&self, hash: &mut RunHash) {
        if let Self::Durable(count) = self {
            hash.fold(*count);
        }
    }
}

/// Process 0 asks for one more every millisecond; process 1 counts.
#[derive(Clone, Debug, Default)]
struct Counter {
    counts: bool,
    connection: Option<ConnectionId>,
    count: u64,
    /// How many were asked for, or counted in this life.
    steps: u64,
    refused: u64,
    durable: u64,
    lives: Vec<u32>,
    /// What the disk held when each life began.
    found: Vec<u64>,
    /// It takes no connections.
    is_deaf: bool,
    /// It beats with each thing that it asks for.
    does_beat: bool,
    beats: u64,
}

const ENTRY: usize = 8;
/// How many are counted between two flushes.
const FLUSH: u64 = 10;

impl Counter {
    fn count(&mut self, connection: ConnectionId, context: &mut Context<'_, Count, ()>) {
        let disk = context.disk();
        let Some(file) = disk.open("count").or_else(|| disk.create("count").ok()) else { return };
        match disk.append(file, Bytes::from_static(&[1; ENTRY])) {
            Ok(()) => self.count += 1,
            Err(error) => {
                assert_eq!(error, DiskError::Full);
                self.refused += 1;
            }
        }
        self.steps += 1;
        if self.steps.is_multiple_of(FLUSH) {
            disk.flush(file);
            context.send(connection, Count::Durable(self.count));
        }
    }
}

impl Process for Counter {
    type Message = Count;
    type Note = ();

    fn handle(&mut self, input: Input<Count>, context: &mut Context<'_, Count, ()>) {
        match input {
            Input::Boot { incarnation } => {
                self.lives.push(incarnation);
                let disk = context.disk();
                let bytes = disk.open("count").map_or(0, |file| disk.len(file));
                self.count = bytes / ENTRY as u64;
                self.found.push(bytes);
                if let Some(file) = disk.open("count") {
                    // The torn entry at the end counts for nothing.
                    disk.truncate(file, self.count * ENTRY as u64);
                }
                if !self.counts {
                    context.set_timer(1, context.now() + MILLISECOND);
                }
            }
            Input::Timer(_) => {
                let connection = *self.connection.get_or_insert_with(|| context.connect(1));
                context.send(connection, Count::More);
                if self.does_beat {
                    context.send(connection, Count::Beat);
                }
                self.steps += 1;
                context.set_timer(1, context.now() + MILLISECOND);
            }
            Input::Disconnected { .. } => {
                self.connection = None;
                self.refused += 1;
            }
            Input::Received { connection, message, .. } => match *message {
                Count::Beat => self.beats += 1,
                Count::More => self.count(connection, context),
                Count::Durable(count) => self.durable = self.durable.max(count),
            },
            Input::Told(_) => unreachable!("nobody tells it anything"),
            Input::Terminate => {
                let disk = context.disk();
                if let Some(file) = disk.open("count") {
                    disk.flush(file);
                }
                context.exit();
            }
            Input::Connected { .. } | Input::Written { .. } | Input::Datagram { .. } => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { counts: self.counts, lives: self.lives.clone(), found: self.found.clone(), ..Self::default() }
    }

    fn listens(&self) -> bool {
        !self.is_deaf
    }

    fn lane(&self, what: &EventKind<Count>) -> Lane {
        let is_beat = matches!(what, EventKind::Delivery(_, message) if matches!(**message, Count::Beat));
        if is_beat { Lane::of(1, 1) } else { Lane::MAIN }
    }
}

fn counters(seed: u64) -> Kernel<Counter> {
    let counter = Counter { counts: true, ..Counter::default() };
    Kernel::new(seed, LinkSettings::default(), vec![Counter::default(), counter])
}

fn run_until(kernel: &mut Kernel<Counter>, time: Time) {
    while kernel.step_until(time).is_some() {}
}

/// The counter's machine loses power and comes back with what is durable, and not with all that was counted.
fn loses_power(kernel: &mut Kernel<Counter>, counted: u64) {
    kernel.apply(Fault::LosePower(1));
    assert_eq!(kernel.status(1), Status::PoweredOff);
    kernel.apply(Fault::Restart(1));
    run_until(kernel, 96 * MILLISECOND);
    let found = kernel.process(1).count;
    assert!((kernel.process(0).durable..counted).contains(&found), "{found} of {counted}");
}

#[test]
fn a_killed_process_finds_what_it_wrote_and_a_machine_that_lost_power_what_it_flushed() {
    let mut kernel = counters(3);
    run_until(&mut kernel, 96 * MILLISECOND);
    let counted = kernel.process(1).count;
    assert!(!counted.is_multiple_of(FLUSH), "something is not flushed");
    kernel.apply(Fault::Kill(1));
    kernel.apply(Fault::Restart(1));
    run_until(&mut kernel, 96 * MILLISECOND);
    assert_eq!((kernel.process(1).count, kernel.process(1).lives.clone()), (counted, vec![1, 2]));
    loses_power(&mut kernel, counted);
    assert_eq!(kernel.process(1).lives, [1, 2, 3]);
}

#[test]
fn a_machine_whose_process_was_killed_before_it_lost_power_has_lost_what_was_not_flushed() {
    let mut kernel = counters(3);
    run_until(&mut kernel, 96 * MILLISECOND);
    let counted = kernel.process(1).count;
    kernel.apply(Fault::Kill(1));
    loses_power(&mut kernel, counted);
    assert_eq!(kernel.process(1).lives, [1, 2]);
}

#[test]
fn a_full_disk_refuses_and_takes_again_when_there_is_room() {
    let mut kernel = counters(3);
    kernel.apply(Fault::LimitDisk(1, 20 * ENTRY as u64));
    run_until(&mut kernel, 100 * MILLISECOND);
    assert_eq!(kernel.process(1).count, 20);
    assert!(kernel.process(1).refused > 50);
    kernel.apply(Fault::LimitDisk(1, u64::MAX));
    run_until(&mut kernel, 200 * MILLISECOND);
    assert!(kernel.process(1).count > 100);
}

#[test]
fn a_process_that_does_not_listen_is_refused_for() {
    let deaf = Counter { counts: true, is_deaf: true, ..Counter::default() };
    let mut kernel = Kernel::new(3, LinkSettings::default(), vec![Counter::default(), deaf]);
    run_until(&mut kernel, 50 * MILLISECOND);
    assert_eq!((kernel.process(1).count, kernel.status(1)), (0, Status::Running));
    assert!(kernel.process(0).refused > 10, "{}", kernel.process(0).refused);
}

#[test]
fn what_has_its_own_thread_does_not_wait_for_the_disk() {
    let asks = Counter { does_beat: true, ..Counter::default() };
    let counter = Counter { counts: true, ..Counter::default() };
    let mut kernel = Kernel::new(3, LinkSettings::default(), vec![asks, counter]);
    kernel.apply(Fault::SlowDisk(1, 10 * MILLISECOND));
    run_until(&mut kernel, SECOND);
    assert!(kernel.process(1).count < 100 && kernel.process(1).beats > 990, "{:?}", kernel.process(1));
    kernel.apply(Fault::Pause(1));
    let beats = kernel.process(1).beats;
    run_until(&mut kernel, SECOND + 20 * MILLISECOND);
    assert_eq!(kernel.process(1).beats, beats, "a paused process has no thread that runs");
}

/// The counter is told to end at 96 ms and makes durable what it has counted, which takes its disk a second.
fn counter_that_ends() -> Kernel<Counter> {
    let mut kernel = counters(3);
    run_until(&mut kernel, 96 * MILLISECOND);
    kernel.apply(Fault::SlowDisk(1, SECOND));
    kernel.apply(Fault::Terminate(1));
    run_until(&mut kernel, SECOND);
    kernel
}

#[test]
fn a_process_that_exits_is_there_until_its_disk_has_done_what_it_asked_for() {
    let mut kernel = counter_that_ends();
    let (counted, refused) = (kernel.process(1).count, kernel.process(0).refused);
    assert_eq!((kernel.status(1), kernel.is_ending(1)), (Status::Running, true));
    kernel.apply(Fault::Restart(1));
    run_until(&mut kernel, 1_095 * MILLISECOND);
    assert_eq!((kernel.incarnation(1), kernel.process(0).refused), (1, refused), "it still ends");
    assert_eq!(kernel.process(1).count, counted, "it takes nothing more");
    run_until(&mut kernel, 1_200 * MILLISECOND);
    assert_eq!((kernel.process(1).lives.clone(), kernel.is_ending(1)), (vec![1, 2], false));
    assert_eq!(kernel.process(0).refused, refused + 1, "its connection was closed");
    assert_eq!(kernel.drain_exited().map(|(id, counter)| (id, counter.count)).collect::<Vec<_>>(), [(1, counted)]);
}

#[test]
fn a_process_that_is_killed_or_stands_still_while_it_exits() {
    let mut killed = counter_that_ends();
    killed.apply(Fault::Kill(1));
    killed.apply(Fault::Restart(1));
    run_until(&mut killed, 3 * SECOND);
    assert_eq!((killed.status(1), killed.incarnation(1)), (Status::Running, 2), "its next life does not end");
    assert_eq!(killed.drain_exited().count(), 0);
    let mut paused = counter_that_ends();
    paused.apply(Fault::Pause(1));
    run_until(&mut paused, 3 * SECOND);
    assert_eq!(paused.status(1), Status::Paused);
    paused.apply(Fault::Resume(1));
    run_until(&mut paused, 3 * SECOND);
    assert_eq!(paused.status(1), Status::Killed);
}

#[test]
fn a_slow_disk_makes_its_process_fall_behind_and_catch_up() {
    let mut kernel = counters(3);
    kernel.apply(Fault::SlowDisk(1, 10 * MILLISECOND));
    run_until(&mut kernel, SECOND);
    assert!((80..100).contains(&kernel.process(1).count), "{}", kernel.process(1).count);
    kernel.apply(Fault::SlowDisk(1, 0));
    run_until(&mut kernel, SECOND + 20 * MILLISECOND);
    assert!(kernel.process(1).count > 990);
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn what_was_said_to_be_durable_is_never_lost(seed: u64) {
        let mut kernel = counters(seed);
        let mut random = Random::stream(seed, "faults of the counter", 0);
        let mut torn = false;
        for _ in 0..40 {
            let pause = random.between(1, 60) * MILLISECOND;
            let until = kernel.time() + pause;
            run_until(&mut kernel, until);
            kernel.apply(if random.below(2) == 0 { Fault::Kill(1) } else { Fault::LosePower(1) });
            kernel.apply(Fault::Restart(1));
            let now = kernel.time();
            run_until(&mut kernel, now);
            let counter = kernel.process(1);
            prop_assert!(counter.count >= kernel.process(0).durable);
            prop_assert!(counter.count <= kernel.process(0).steps);
            torn |= counter.found.last().is_some_and(|bytes| !bytes.is_multiple_of(ENTRY as u64));
        }
        prop_assert!(torn, "a write is torn now and then");
    }
}
