//! The kernel by itself: a player that opens a connection and counts what comes back.

use super::fault::Fault;
use super::hash::RunHash;
use super::kernel::Kernel;
use super::network::{ConnectionId, LinkSettings};
use super::process::{Context, Input, Message, Process, ProcessId};
use super::{MILLISECOND, SECOND, Time};

#[derive(Debug)]
struct Number(u64);

impl Message for Number {
    fn size_bytes(&self) -> u32 {
        8
    }
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.0);
    }
}

const TICK: u64 = 1;

/// Sends a number every ten milliseconds to its peer, or, without one, answers each with the same number.
#[derive(Clone, Debug, Default)]
struct Player {
    peer: Option<ProcessId>,
    connection: Option<ConnectionId>,
    sent: u64,
    heard: Vec<(Time, u64)>,
    lost: Vec<Time>,
}

impl Process for Player {
    type Message = Number;
    type Note = ();

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, ()>) {
        match input {
            Input::Boot { .. } => {
                self.connection = self.peer.map(|peer| context.connect(peer));
                if self.peer.is_some() {
                    context.set_timer(TICK, context.now() + 10 * MILLISECOND);
                }
            }
            Input::Timer(_) => {
                if let Some(connection) = self.connection {
                    context.send(connection, Number(self.sent));
                    self.sent += 1;
                }
                context.set_timer(TICK, context.now() + 10 * MILLISECOND);
            }
            Input::Received { connection, message, .. } => {
                self.heard.push((context.now(), message.0));
                if self.peer.is_none() {
                    context.send_shared(connection, message);
                }
            }
            Input::Disconnected { .. } => {
                self.lost.push(context.now());
                self.connection = self.peer.map(|peer| context.connect(peer));
            }
            Input::Terminate => context.exit(),
            Input::Told(_) => unreachable!("nobody tells it anything"),
            Input::Connected { .. } | Input::Written { .. } | Input::Datagram { .. } => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { peer: self.peer, ..Self::default() }
    }
}

fn match_of_two(links: LinkSettings) -> Kernel<Player> {
    let asker = Player { peer: Some(1), ..Player::default() };
    Kernel::new(7, links, vec![asker, Player::default()])
}

fn run_until(kernel: &mut Kernel<Player>, time: Time) {
    while kernel.next_time().is_some_and(|next| next <= time) {
        kernel.step();
    }
}

fn numbers(kernel: &Kernel<Player>, id: ProcessId) -> Vec<u64> {
    kernel.process(id).heard.iter().map(|(_, number)| *number).collect()
}

#[test]
fn a_connection_keeps_order_and_loses_nothing_under_loss_and_jitter() {
    let links = LinkSettings { jitter_us: 30 * MILLISECOND, loss_ppm: 200_000, ..LinkSettings::default() };
    let mut kernel = match_of_two(links);
    run_until(&mut kernel, 10 * SECOND);
    let heard = numbers(&kernel, 1);
    assert!(heard.len() > 900, "{}", heard.len());
    assert!(heard.iter().zip(0..).all(|(number, expected)| *number == expected));
}

#[test]
fn a_snapshot_goes_on_as_the_original() {
    let links = LinkSettings { jitter_us: 3 * MILLISECOND, loss_ppm: 50_000, ..LinkSettings::default() };
    let mut straight = match_of_two(links);
    run_until(&mut straight, SECOND);
    let mut snapshot = straight.clone();
    run_until(&mut straight, 5 * SECOND);
    run_until(&mut snapshot, 5 * SECOND);
    assert_eq!((straight.hash(), straight.events()), (snapshot.hash(), snapshot.events()));
}

#[test]
fn what_meets_a_cut_arrives_in_order_after_it_heals_and_nobody_is_disconnected() {
    let mut kernel = match_of_two(LinkSettings::default());
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Cut(0, 1));
    run_until(&mut kernel, 3 * SECOND);
    let before = numbers(&kernel, 1).len();
    assert!(before <= 100);
    kernel.apply(Fault::Heal(0, 1));
    run_until(&mut kernel, 2_000 * SECOND);
    let heard = numbers(&kernel, 1);
    assert!(heard.len() > 199_000);
    assert!(heard.iter().zip(0..).all(|(number, expected)| *number == expected));
    assert!(kernel.process(0).lost.is_empty() && kernel.process(1).lost.is_empty());
}

#[test]
fn a_cut_that_stays_is_noticed_by_the_side_that_sends_in_its_time() {
    let mut kernel = match_of_two(LinkSettings::default());
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Cut(0, 1));
    run_until(&mut kernel, 1_000 * SECOND);
    assert_eq!(kernel.process(0).lost.len(), 1);
    assert!(kernel.process(0).lost[0] > 900 * SECOND);
    assert!(kernel.process(1).lost.is_empty());
}

#[test]
fn a_killed_process_is_noticed_at_once_and_refuses_until_it_returns() {
    let mut kernel = match_of_two(LinkSettings::default());
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Kill(1));
    run_until(&mut kernel, SECOND + 10 * MILLISECOND);
    let lost = &kernel.process(0).lost;
    assert!(lost.len() > 2 && lost[0] <= SECOND + MILLISECOND, "{lost:?}");
    kernel.apply(Fault::Restart(1));
    run_until(&mut kernel, 2 * SECOND);
    assert!(numbers(&kernel, 1).len() > 90);
    assert_eq!(kernel.incarnation(1), 2);
}

#[test]
fn a_paused_process_is_handed_what_waited_in_order() {
    let mut kernel = match_of_two(LinkSettings::default());
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::Pause(1));
    run_until(&mut kernel, 2 * SECOND);
    let before = numbers(&kernel, 1).len();
    kernel.apply(Fault::Resume(1));
    run_until(&mut kernel, 2 * SECOND + MILLISECOND);
    let heard = numbers(&kernel, 1);
    assert!(heard.len() >= before + 98, "{} {before}", heard.len());
    assert!(heard.iter().zip(0..).all(|(number, expected)| *number == expected));
    assert!(kernel.process(0).lost.is_empty());
}

#[test]
fn a_paused_process_keeps_its_timers() {
    let mut kernel = match_of_two(LinkSettings::default());
    run_until(&mut kernel, SECOND);
    let sent = kernel.process(0).sent;
    kernel.apply(Fault::Pause(0));
    run_until(&mut kernel, 2 * SECOND);
    assert_eq!(kernel.process(0).sent, sent);
    kernel.apply(Fault::Resume(0));
    run_until(&mut kernel, 3 * SECOND);
    assert!(kernel.process(0).sent >= sent + 99);
}

#[test]
fn a_machine_without_power_says_nothing() {
    let mut kernel = match_of_two(LinkSettings::default());
    run_until(&mut kernel, SECOND);
    kernel.apply(Fault::LosePower(1));
    run_until(&mut kernel, 5 * SECOND);
    assert!(kernel.process(0).lost.is_empty());
    kernel.apply(Fault::Restart(1));
    run_until(&mut kernel, 6 * SECOND);
    assert_eq!(kernel.process(0).lost.len(), 1, "the machine is back and does not know the connection");
}
