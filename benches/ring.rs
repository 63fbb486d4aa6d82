//! The bare kernel under load: three processes in a ring, 64 messages in flight, each passed on as it arrives.

use loglab::sim::hash::RunHash;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::{Context, Input, Message, Process, ProcessId};

const IN_FLIGHT: u64 = 64;

#[derive(Debug)]
struct Ball(u64);

impl Message for Ball {
    fn size_bytes(&self) -> u32 {
        100
    }
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.0);
    }
}

#[derive(Clone)]
struct Player {
    next: ProcessId,
    connection: Option<ConnectionId>,
    serves: bool,
}

impl Process for Player {
    type Message = Ball;
    type Note = ();

    fn handle(&mut self, input: Input<Ball>, context: &mut Context<'_, Ball, ()>) {
        match (input, self.connection) {
            (Input::Boot { .. }, _) => self.connection = Some(context.connect(self.next)),
            (Input::Connected { connection, .. }, Some(mine)) if self.serves && connection == mine => {
                for ball in 0..IN_FLIGHT {
                    context.send(mine, Ball(ball));
                }
            }
            (Input::Received { message, .. }, Some(mine)) => context.send_shared(mine, message),
            _ => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { connection: None, ..self.clone() }
    }
}

/// Events a second, the median of five stretches after a warm-up, on the clock given in seconds.
pub fn events_per_second(events: u64, clock: impl Fn() -> f64) -> f64 {
    let players = [(1, true), (2, false), (0, false)].map(|(next, serves)| Player { next, connection: None, serves });
    let mut kernel = Kernel::new(1, LinkSettings::default(), players.to_vec());
    go(&mut kernel, 300_000);
    let mut rates = [0.0; 5].map(|_: f64| {
        let start = clock();
        go(&mut kernel, events);
        events as f64 / (clock() - start)
    });
    rates.sort_by(f64::total_cmp);
    rates[2]
}

fn go(kernel: &mut Kernel<Player>, events: u64) {
    for _ in 0..events {
        assert!(kernel.step().is_some(), "the ring has come to rest");
    }
}
