//! Machines: what a power loss stops, what a closed connection takes with it, and which of a process's threads take what.

use bytes::Bytes;
use loglab::sim::fault::Fault;
use loglab::sim::ids::ConnectionId;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::LinkSettings;
use loglab::sim::process::{Context, Input, Lane, Process, ProcessId};
use loglab::sim::queue::EventKind;
use loglab::sim::{MILLISECOND, SECOND, Time};

use super::probe::{
    Number, Probe, arrivals, heard, hundred_datagrams, probes, reacting_probes, run_until, ten_on_a_connection,
};

/// Process 1 writes what it is told, makes it durable and says so; each takes its disk a second.
fn keeps_a_record() -> Kernel<Probe> {
    let begin = |context: &mut Context<'_, Number, ()>| {
        let connection = context.connect(1);
        context.send(connection, Number(7));
    };
    let mut kernel = reacting_probes(LinkSettings::default(), begin, |input, context| {
        if let (&Input::Received { connection, .. }, 1) = (input, context.process()) {
            let disk = context.disk();
            let file = disk.create("record").expect("there is room and no such file");
            disk.append(file, Bytes::from_static(&[7; 1_000])).expect("there is room");
            disk.flush(file);
            context.send(connection, Number(8));
        }
    });
    kernel.apply(Fault::SlowDisk(1, SECOND));
    kernel
}

fn durable_bytes(lost_at: Time) -> (u64, Vec<u64>) {
    let mut kernel = keeps_a_record();
    run_until(&mut kernel, lost_at - 1);
    kernel.schedule_external(lost_at, 0);
    kernel.step();
    kernel.apply(Fault::LosePower(1));
    run_until(&mut kernel, 10 * SECOND);
    let disk = kernel.disk(1);
    let bytes = disk.open("record").map_or(0, |file| disk.len(file));
    (bytes, kernel.process(0).heard.iter().map(|(_, number)| *number).collect())
}

#[test]
fn a_power_loss_stops_what_a_slow_disk_has_not_done_yet() {
    let (bytes, heard) = durable_bytes(3 * SECOND / 2);
    assert!(bytes < 1_000, "the flush was not done");
    assert!(heard.is_empty(), "what it was to be acknowledged by is not sent");
    assert_eq!(durable_bytes(3 * SECOND), (1_000, vec![8]));
}

#[test]
fn a_process_that_is_killed_before_its_disk_is_done_does_not_answer() {
    let mut kernel = keeps_a_record();
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Kill(1));
    run_until(&mut kernel, 10 * SECOND);
    assert!(kernel.process(0).heard.is_empty());
    assert_eq!(kernel.disk(1).used(), 1_000, "the page cache stays");
}

#[test]
fn what_is_on_its_way_meets_a_cut() {
    let links = LinkSettings { bandwidth_bytes_per_s: 500_000, ..LinkSettings::default() };
    let mut kernel = probes(links, ten_on_a_connection);
    run_until(&mut kernel, 3_600);
    let before = heard(&kernel);
    assert_eq!(before, [0, 1, 2]);
    kernel.apply(Fault::Cut(0, 1));
    assert!(kernel.in_flight().is_empty());
    run_until(&mut kernel, SECOND);
    assert_eq!(heard(&kernel), before);
    kernel.schedule_external(SECOND, 0);
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Heal(0, 1));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(heard(&kernel), (0..10).collect::<Vec<_>>());
    assert!(arrivals(&kernel)[3..].iter().all(|time| *time > SECOND));
    let mut raw = probes(LinkSettings::default(), hundred_datagrams);
    run_until(&mut raw, 100);
    raw.apply(Fault::Cut(0, 1));
    raw.apply(Fault::Heal(0, 1));
    run_until(&mut raw, SECOND);
    assert!(heard(&raw).is_empty(), "a raw message in the air is lost");
}

#[test]
fn a_side_whose_words_met_a_cut_on_their_way_gives_up_in_its_time() {
    let mut kernel = reacting_probes(LinkSettings::default(), ten_on_a_connection, |input, context| {
        if let Input::Disconnected { .. } = input {
            context.set_timer(1, context.now());
        }
    });
    run_until(&mut kernel, 100);
    kernel.apply(Fault::Cut(0, 1));
    run_until(&mut kernel, 2_000 * SECOND);
    let told: Vec<_> = kernel.process(0).fired.iter().map(|(at, _)| at / SECOND).collect();
    assert!(matches!(told[..], [924] | [127]), "{told:?}");
}

#[test]
fn nobody_knows_a_connection_between_two_machines_without_power() {
    let mut kernel = probes(LinkSettings::default(), ten_on_a_connection);
    run_until(&mut kernel, SECOND);
    assert_eq!(kernel.connections(), 1);
    kernel.apply(Fault::LosePower(0));
    kernel.apply(Fault::LosePower(1));
    assert_eq!(kernel.connections(), 0);
    let mut kernel = probes(LinkSettings::default(), ten_on_a_connection);
    run_until(&mut kernel, 100);
    kernel.apply(Fault::LosePower(1));
    kernel.apply(Fault::LosePower(0));
    run_until(&mut kernel, 2_000 * SECOND);
    assert_eq!(kernel.connections(), 0, "what was on its way reaches nobody");
}

/// Process 0 sends three numbers and closes the connection while process 1 stands still. Who reads a number from 100 on answers it.
fn three_and_an_end(first: u64) -> Kernel<Probe> {
    let begin: fn(&mut Context<'_, Number, ()>) =
        if first < 100 { |context| three(0, context) } else { |context| three(100, context) };
    let mut kernel = reacting_probes(LinkSettings::default(), begin, |input, context| match input {
        Input::Received { connection, message, .. } if message.0 >= 100 => context.send(*connection, Number(1)),
        Input::Disconnected { .. } => context.set_timer(1, context.now()),
        _ => {}
    });
    run_until(&mut kernel, 0);
    kernel.apply(Fault::Pause(1));
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Resume(1));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(kernel.process(1).fired.len(), 1, "it learns of the end");
    kernel
}

fn three(first: u64, context: &mut Context<'_, Number, ()>) {
    let connection = context.connect(1);
    (first..first + 3).for_each(|number| context.send(connection, Number(number)));
    context.close(connection);
}

#[test]
fn who_answers_on_a_connection_that_was_closed_meanwhile_reads_no_more_of_it() {
    assert_eq!(heard(&three_and_an_end(0)), [0, 1, 2], "who only reads, reads all");
    assert_eq!(heard(&three_and_an_end(100)), [100]);
}

/// Process 0 is served by a process with two threads, on as many connections as it is told; each request takes ten milliseconds.
#[derive(Clone, Debug, Default)]
struct Office {
    /// To whom each connection sends so many requests at once.
    asks: Vec<u64>,
    served: Vec<(u64, Time)>,
    answers: Vec<Time>,
}

impl Process for Office {
    type Message = Number;
    type Note = ();

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, ()>) {
        match input {
            Input::Boot { .. } => {
                for requests in &self.asks {
                    let connection = context.connect(1);
                    (0..*requests).for_each(|_| context.send(connection, Number(0)));
                }
            }
            Input::Received { connection, .. } if context.process() == 1 => {
                self.served.push((connection.0, context.now()));
                let disk = context.disk();
                if let Some(file) = disk.open("book").or_else(|| disk.create("book").ok()) {
                    disk.append(file, Bytes::from_static(b"x")).expect("there is room");
                }
                context.send(connection, Number(1));
            }
            Input::Received { .. } => self.answers.push(context.now()),
            Input::Timer(_)
            | Input::Terminate
            | Input::Told(_)
            | Input::Connected { .. }
            | Input::Disconnected { .. }
            | Input::Written { .. }
            | Input::Datagram { .. } => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { asks: self.asks.clone(), ..Self::default() }
    }

    fn lane(&self, what: &EventKind<Number>) -> Lane {
        if matches!(what, EventKind::Delivery(..)) { Lane::of(1, 2) } else { Lane::MAIN }
    }
}

fn served(asks: &[u64]) -> Vec<(u64, Time)> {
    let client = Office { asks: asks.to_vec(), ..Office::default() };
    let mut kernel = Kernel::new(1, LinkSettings::default(), vec![client, Office::default()]);
    kernel.apply(Fault::SlowDisk(1, 10 * MILLISECOND));
    run_until(&mut kernel, SECOND);
    let server = kernel.process(1 as ProcessId);
    assert_eq!(kernel.process(0).answers.len(), server.served.len());
    server.served.iter().map(|(connection, at)| (*connection, (at - 500) / MILLISECOND)).collect()
}

#[test]
fn threads_that_share_a_lane_take_what_comes_as_they_are_free() {
    assert_eq!(served(&[1, 1, 1, 1]), [(1, 0), (2, 0), (3, 10), (4, 10)]);
}

#[test]
fn what_one_connection_brings_is_taken_one_by_one_and_keeps_nobody_else_waiting() {
    assert_eq!(served(&[3, 1, 1]), [(1, 0), (2, 0), (1, 10), (3, 10), (1, 20)]);
    let first: ConnectionId = ConnectionId(1);
    assert!(served(&[5]).iter().all(|(connection, _)| *connection == first.0));
    assert_eq!(served(&[3]).iter().map(|(_, at)| *at).collect::<Vec<_>>(), [0, 10, 20]);
}
