//! What runs on the kernel: plain values that take an input and leave effects.

use std::hash::Hash;
use std::sync::Arc;

use super::clock::Clock;
use super::connection::Connections;
use super::disk::Disk;
use super::ids::ConnectionId;
use super::queue::EventKind;
use super::random::Random;
use super::{MILLISECOND, Time};

pub use super::ids::{ProcessId, Purpose};
pub use super::message::Message;

/// What a process sets timers for: usually an enum, of which each value has a number of its own. `timers!`
/// declares one.
pub trait Timer: Copy {
    /// The number under which the kernel keeps it.
    fn purpose(self) -> Purpose;
    /// The timer of this number; `None` where it has none.
    fn of(purpose: Purpose) -> Option<Self>;
}

/// A plain number is its own.
impl Timer for Purpose {
    fn purpose(self) -> Purpose {
        self
    }

    fn of(purpose: Purpose) -> Option<Self> {
        Some(purpose)
    }
}

/// Declares the timers of a process, or of a part of one that has timers of its own. A variant may carry a number below 2^56, such
/// as a connection's: there is one timer for each.
///
/// ```
/// use loglab::sim::process::{Timer, timers};
///
/// timers! {
///     /// What a client waits for.
///     pub enum ClientTimer {
///         /// The next record is due.
///         Tick = 1,
///         /// A connection has been silent for too long.
///         Silent(connection) = 2,
///     }
/// }
/// assert_eq!(ClientTimer::of(ClientTimer::Silent(7).purpose()), Some(ClientTimer::Silent(7)));
/// assert_eq!(ClientTimer::of(3), None);
/// ```
#[macro_export]
macro_rules! timers {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$doc:meta])* $variant:ident $(($payload:ident))? = $number:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name {
            $($(#[$doc])* $variant $(($crate::timers!(@number $payload)))?,)+
        }

        impl $crate::sim::process::Timer for $name {
            fn purpose(self) -> $crate::sim::process::Purpose {
                match self {
                    $(Self::$variant $(($payload))? => {
                        $(assert!($payload >> 56 == 0, "the number of a timer is below 2^56");)?
                        $number $(| $payload << 8)?
                    })+
                }
            }

            fn of(purpose: $crate::sim::process::Purpose) -> Option<Self> {
                let timer = match purpose & 0xff {
                    $($number => Self::$variant $(({ let $payload = purpose >> 8; $payload }))?,)+
                    // The number of no timer here.
                    _ => return None,
                };
                // A number where the variant has none is nobody's.
                (timer.purpose() == purpose).then_some(timer)
            }
        }
    };
    (@number $payload:ident) => { u64 };
}

pub use crate::timers;

/// Threads of a process that share their work: who of them is free takes what comes next. What one connection brings them is
/// taken one by one, whoever takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    pub(super) number: u8,
    pub(super) threads: u8,
}

impl Lane {
    /// The one thread of a process that says nothing of threads.
    pub const MAIN: Self = Self::of(0, 1);

    /// So many threads, under a number that is the process's own.
    ///
    /// # Panics
    /// Where there would be no thread: what comes would wait for ever.
    #[must_use]
    pub const fn of(number: u8, threads: u8) -> Self {
        assert!(threads > 0, "a lane has a thread");
        Self { number, threads }
    }
}

/// A deterministic state machine. Everything it may know reaches it through [`Input`] and [`Context`].
pub trait Process: Clone {
    /// What it sends and receives.
    type Message: Message;
    /// What it tells observers. Notes have no influence on what happens, but what is told is part of the run.
    type Note: Clone + std::fmt::Debug + Hash;
    /// Handles one input; effects go into the context and take place at its end.
    fn handle(&mut self, input: Input<Self::Message>, context: &mut Context<'_, Self::Message, Self::Note>);
    /// The process as it begins after a crash: its settings kept, its memory gone. What its disk holds it reads again
    /// when it is given [`Input::Boot`].
    #[must_use]
    fn reborn(&self) -> Self;
    /// Whether the process takes connections. One that does not looks to others as if nobody were there.
    fn listens(&self) -> bool {
        true
    }
    /// How many bytes of a connection its machine keeps that it has not read (SO_RCVBUF); any where it does not say.
    fn receive_buffer_bytes(&self) -> u64 {
        u64::MAX
    }
    /// Which of its threads take this. A thread is busy for as long as the disk needs for what it did.
    fn lane(&self, _what: &EventKind<Self::Message>) -> Lane {
        Lane::MAIN
    }
}

/// What happens to a process.
#[derive(Debug)]
pub enum Input<M> {
    /// The process begins: 1 for its first incarnation, one more after each restart.
    Boot {
        /// Which life this is, from 1.
        incarnation: u32,
    },
    /// A timer has come due.
    Timer(Purpose),
    /// A connection is open: to the one who asked for it and to the one asked.
    Connected {
        /// The connection.
        connection: ConnectionId,
        /// The process at its other end.
        peer: ProcessId,
    },
    /// A connection is gone: closed by the peer, refused, or timed out. Nothing more arrives on it.
    Disconnected {
        /// The connection.
        connection: ConnectionId,
        /// The process at its other end.
        peer: ProcessId,
    },
    /// All that was sent on a connection is [written](Context::is_written), after it was not.
    Written {
        /// The connection.
        connection: ConnectionId,
        /// The process at its other end.
        peer: ProcessId,
    },
    /// The next message on a connection.
    Received {
        /// The connection.
        connection: ConnectionId,
        /// The process at its other end.
        peer: ProcessId,
        /// What it sent.
        message: Arc<M>,
    },
    /// It shall end (SIGTERM): it may put things in order first, and ends by [`Context::exit`].
    Terminate,
    /// Whoever runs it tells it something ([`Fault::Tell`](super::fault::Fault::Tell)).
    Told(i64),
    /// A raw message, outside any connection: it may have been delayed, doubled or overtaken.
    Datagram {
        /// Who sent it.
        from: ProcessId,
        /// What it sent.
        message: Arc<M>,
    },
}

/// One thing that a process asks of the kernel.
#[derive(Debug)]
pub(super) enum Effect<M> {
    SetTimer { purpose: Purpose, at: Time },
    CancelTimer(Purpose),
    Because(u64),
    Connect { connection: ConnectionId, peer: ProcessId, buffer: Option<u64> },
    Send { connection: ConnectionId, message: Arc<M> },
    Close(ConnectionId),
    Datagram { to: ProcessId, message: Arc<M> },
    Exit,
    BeginAgain,
}

/// What a process may see and do while it handles an input.
pub struct Context<'a, M, N> {
    pub(super) process: ProcessId,
    pub(super) time: Time,
    pub(super) event: u64,
    pub(super) clock: Clock,
    pub(super) disk: &'a mut Disk,
    pub(super) random: &'a mut Random,
    pub(super) next_connection: &'a mut u64,
    pub(super) connections: &'a Connections<M>,
    pub(super) effects: &'a mut Vec<Effect<M>>,
    pub(super) notes: &'a mut Vec<N>,
}

impl<M, N> Context<'_, M, N> {
    /// The process that runs.
    #[must_use]
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// The number of the event being handled, from 1: its identity in the trace.
    #[must_use]
    pub fn event(&self) -> u64 {
        self.event
    }

    /// The machine's monotonic clock in microseconds. Timers are set on it.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.monotonic(self.time)
    }

    /// The time that the monotonic clock shows after so many microseconds; the last one where there is none so late.
    #[must_use]
    pub fn after(&self, us: Time) -> Time {
        self.now().saturating_add(us)
    }

    /// The machine's wall clock in microseconds: skewed and drifted. Timestamps are made of it.
    #[must_use]
    pub fn wall_clock(&self) -> Time {
        self.clock.wall(self.time)
    }

    /// Tells observers something: what a client was promised, that a leader changed.
    pub fn note(&mut self, note: N) {
        self.notes.push(note);
    }

    /// The machine's disk. What is changed on it now is dated by the process's wall clock.
    pub fn disk(&mut self) -> &mut Disk {
        self.disk_and_clock().0
    }

    /// The machine's disk beside the process's wall clock, for those that need both at once.
    pub fn disk_and_clock(&mut self) -> (&mut Disk, Time) {
        let clock = self.clock.wall(self.time);
        self.disk.set_time(self.time);
        self.disk.set_now_ms(i64::try_from(clock / MILLISECOND).unwrap_or(i64::MAX));
        (self.disk, clock)
    }

    /// The process's own stream of randomness.
    pub fn random(&mut self) -> &mut Random {
        self.random
    }

    /// Sets a timer to fire when [`now`](Self::now) reaches `at`, in place of the one that was set.
    pub fn set_timer(&mut self, timer: impl Timer, at: Time) {
        let purpose = timer.purpose();
        let at = self.clock.virtual_time(at).max(self.time);
        self.effects.push(Effect::SetTimer { purpose, at });
    }

    /// Removes a timer, if it is set.
    pub fn cancel_timer(&mut self, timer: impl Timer) {
        self.effects.push(Effect::CancelTimer(timer.purpose()));
    }

    /// An event that is a cause, too, of what is sent, set or asked for next: the arrival of a request that is answered only now.
    /// The present event is a cause of all that is done in it.
    ///
    /// # Panics
    /// Where that event is still to come.
    pub fn because(&mut self, event: u64) {
        assert!(event <= self.event, "a cause lies before its effect: {event} at event {}", self.event);
        self.effects.push(Effect::Because(event));
    }

    /// Begins to connect to `peer`; [`Input::Connected`] or [`Input::Disconnected`] tells how it went. What is sent
    /// before that waits for the connection.
    pub fn connect(&mut self, peer: ProcessId) -> ConnectionId {
        self.connect_with(peer, None)
    }

    /// As [`connect`](Self::connect), over a socket whose send buffer holds so many bytes: what is on its way there, or waits to
    /// be read and does not fit into the peer's receive buffer.
    pub fn connect_buffered(&mut self, peer: ProcessId, bytes: u64) -> ConnectionId {
        self.connect_with(peer, Some(bytes))
    }

    fn connect_with(&mut self, peer: ProcessId, buffer: Option<u64>) -> ConnectionId {
        let connection = ConnectionId(*self.next_connection);
        *self.next_connection += 1;
        self.effects.push(Effect::Connect { connection, peer, buffer });
        connection
    }

    /// Whether all that was sent on a connection is written in full, as far as its send buffer is counted. Where it is not,
    /// [`Input::Written`] tells when it is, and nothing more may be sent until then; if the process closes the connection before, or
    /// ends, the message is cut short and never arrives.
    #[must_use]
    pub fn is_written(&self, connection: ConnectionId) -> bool
    where
        M: Message,
    {
        let Some(buffer) = self.connections.get(connection).and_then(|connection| connection.buffer) else {
            return true;
        };
        let of_this_event = self.effects.iter().map(|effect| match effect {
            Effect::Send { connection: on, message } if *on == connection => u64::from(message.size_bytes()),
            Effect::Send { .. }
            | Effect::SetTimer { .. }
            | Effect::CancelTimer(_)
            | Effect::Because(_)
            | Effect::Connect { .. }
            | Effect::Close(_)
            | Effect::Datagram { .. }
            | Effect::Exit
            | Effect::BeginAgain => 0,
        });
        buffer.takes(of_this_event.sum())
    }

    /// Sends a message on a connection. On one that is closed it is dropped: [`Input::Disconnected`] has told, or will.
    pub fn send(&mut self, connection: ConnectionId, message: M) {
        self.send_shared(connection, Arc::new(message));
    }

    /// As [`send`](Self::send), for a message that is already shared.
    pub fn send_shared(&mut self, connection: ConnectionId, message: Arc<M>) {
        self.effects.push(Effect::Send { connection, message });
    }

    /// Closes a connection from this side: nothing more arrives here, and the peer is told after what was sent before.
    pub fn close(&mut self, connection: ConnectionId) {
        self.effects.push(Effect::Close(connection));
    }

    /// Ends the process as a kill would, behind what it sent during this event: as soon as the disk has done what it was asked for.
    pub fn exit(&mut self) {
        self.effects.push(Effect::Exit);
    }

    /// Ends the process as [`exit`](Self::exit) does, and whatever runs it starts it again at once.
    pub fn begin_again(&mut self) {
        self.effects.push(Effect::BeginAgain);
    }

    /// Sends a raw message: it may be lost, doubled or overtaken.
    pub fn send_datagram(&mut self, to: ProcessId, message: M) {
        self.effects.push(Effect::Datagram { to, message: Arc::new(message) });
    }
}
