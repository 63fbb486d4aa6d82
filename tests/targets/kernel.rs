//! A ring of three processes on the bare kernel, over links that lose, delay and double.

use std::hash::{Hash, Hasher};

use loglab::sim::fault::Fault;
use loglab::sim::hash::RunHash;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::{Context, Input, Message, Process, ProcessId};
use loglab::sim::{MILLISECOND, SECOND};

#[derive(Debug)]
struct Token(u64);

impl Message for Token {
    fn size_bytes(&self) -> u32 {
        100
    }
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.0);
    }
}

/// Passes each token on to the next process after a random wait, and begins with one token of its own.
#[derive(Clone)]
struct Member {
    next: ProcessId,
    connection: Option<ConnectionId>,
    tokens: Vec<u64>,
}

const PASS_ON: u64 = 1;

impl Process for Member {
    type Message = Token;
    type Note = ();

    fn handle(&mut self, input: Input<Token>, context: &mut Context<'_, Token, ()>) {
        match input {
            Input::Boot { .. } => {
                self.connection = Some(context.connect(self.next));
                self.tokens.push(context.random().next_u64());
            }
            Input::Disconnected { .. } => self.connection = Some(context.connect(self.next)),
            Input::Received { message, .. } => self.tokens.push(message.0.rotate_left(1)),
            Input::Timer(_) => {
                for token in self.tokens.drain(..) {
                    if let Some(connection) = self.connection {
                        context.send(connection, Token(token));
                    }
                }
            }
            Input::Terminate => context.exit(),
            Input::Told(_) => unreachable!("nobody tells it anything"),
            Input::Connected { .. } | Input::Written { .. } | Input::Datagram { .. } => {}
        }
        let wait = context.random().between(MILLISECOND, 5 * MILLISECOND);
        context.set_timer(PASS_ON, context.now() + wait);
    }

    fn reborn(&self) -> Self {
        Self { next: self.next, connection: None, tokens: Vec::new() }
    }
}

/// The hash of such a run over ten seconds, with a kill and a cut on the way.
#[must_use]
pub fn hash(seed: u64) -> u64 {
    let links = LinkSettings { jitter_us: 2 * MILLISECOND, loss_ppm: 20_000, ..LinkSettings::default() };
    let members = [1, 2, 0].map(|next| Member { next, connection: None, tokens: Vec::new() });
    let mut kernel = Kernel::new(seed, links, members.to_vec());
    let faults = [(2, Fault::Kill(1)), (4, Fault::Restart(1)), (5, Fault::Cut(0, 1)), (7, Fault::Heal(0, 1))];
    for (at, fault) in faults {
        run_until(&mut kernel, at * SECOND);
        kernel.apply(fault);
    }
    run_until(&mut kernel, 10 * SECOND);
    kernel.hash()
}

fn run_until(kernel: &mut Kernel<Member>, time: u64) {
    while kernel.next_time().is_some_and(|next| next <= time) {
        kernel.step();
    }
}

/// The hashes for seeds 1, 2 and 3. They change with the kernel, never with the target.
pub const GOLDEN: [u64; 3] = [10_311_598_480_974_303_296, 10_843_321_402_274_385_277, 17_531_132_383_749_195_145];

/// One of everything that may differ between 32 and 64 bits when it is hashed: lengths, discriminants, signs, texts.
#[derive(Hash)]
enum Mixed {
    Nothing,
    Numbers(usize, isize, i8, i128),
    Lists(Vec<i32>, Vec<String>, &'static [u16], [Option<bool>; 3]),
}

/// What derives `Hash`, hashed as the notes of a run are.
#[must_use]
pub fn hash_of_derived() -> u64 {
    let words = vec!["orders".to_owned(), String::new()];
    let lists = Mixed::Lists(vec![-1, i32::MIN], words, &[7, 8], [None, Some(true), Some(false)]);
    let mut hash = RunHash::default();
    [Mixed::Nothing, Mixed::Numbers(40_000, -1, -2, -3), lists].hash(&mut hash);
    hash.finish()
}

/// The same on every target.
pub const DERIVED: u64 = 12_888_532_527_102_824_758;
