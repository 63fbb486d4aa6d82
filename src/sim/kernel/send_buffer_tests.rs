//! What a send buffer holds and lets go: a writer that sends whenever all is written, and a reader that counts.

use proptest::prelude::*;

use super::Kernel;
use super::state::Arrived;
use crate::sim::connection::{Carried, Connection};
use crate::sim::fates::{Held, MessageFault};
use crate::sim::fault::Fault;
use crate::sim::hash::RunHash;
use crate::sim::ids::{ConnectionId, MessageName, ProcessId};
use crate::sim::network::LinkSettings;
use crate::sim::process::{Context, Input, Message, Process};
use crate::sim::queue::{Event, EventKind};
use crate::sim::random::Random;
use crate::sim::{MILLISECOND, SECOND, Time};

#[derive(Debug)]
struct Number {
    number: u64,
    size: u32,
}

impl Message for Number {
    fn size_bytes(&self) -> u32 {
        self.size
    }
    fn fold(&self, hash: &mut RunHash) {
        hash.fold(self.number);
    }
}

const WRITER: ProcessId = 0;
const READER: ProcessId = 1;
const TICK: u64 = 1;
const TIMEOUT: u64 = 2;
const SIZE: u32 = 100;
const SEND_BUFFER: u64 = 1_000;
const RECEIVE_BUFFER: u64 = 300;
/// Messages of [`SIZE`] that fit.
const SENT: u64 = SEND_BUFFER / SIZE as u64;
const RECEIVED: u64 = RECEIVE_BUFFER / SIZE as u64;

/// Process 0 sends a number each millisecond to process 1, which keeps it. What is not written in full it waits for, at most for
/// `patience`; then it closes the connection and opens another.
#[derive(Clone, Debug)]
struct Player {
    writes: bool,
    size: u32,
    patience: Time,
    connection: Option<ConnectionId>,
    is_open: bool,
    /// The number of the next message.
    next: u64,
    /// Messages that were written in full.
    written: Vec<u64>,
    /// The last message, if it is not written in full.
    partial: Option<u64>,
    told: u64,
    heard: Vec<u64>,
    lost: u64,
}

impl Player {
    fn new(writes: bool) -> Self {
        Self {
            writes,
            size: SIZE,
            patience: Time::MAX,
            connection: None,
            is_open: false,
            next: 0,
            written: Vec::new(),
            partial: None,
            told: 0,
            heard: Vec::new(),
            lost: 0,
        }
    }

    fn connect(&mut self, context: &mut Context<'_, Number, ()>) {
        self.connection = Some(context.connect_buffered(READER, SEND_BUFFER));
        (self.is_open, self.partial) = (false, None);
    }

    fn send(&mut self, context: &mut Context<'_, Number, ()>) {
        let Some(connection) = self.connection.filter(|_| self.is_open) else { return };
        if self.partial.is_some() {
            return;
        }
        assert!(context.is_written(connection), "all was written, and nothing was sent since");
        context.send(connection, Number { number: self.next, size: self.size });
        if context.is_written(connection) {
            self.written.push(self.next);
        } else {
            self.partial = Some(self.next);
            if self.patience < Time::MAX {
                context.set_timer(TIMEOUT, context.now() + self.patience);
            }
        }
        self.next += 1;
    }
}

impl Process for Player {
    type Message = Number;
    type Note = ();

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, ()>) {
        match input {
            Input::Boot { .. } => {
                if self.writes {
                    self.connect(context);
                    context.set_timer(TICK, context.now() + MILLISECOND);
                }
            }
            Input::Timer(TICK) => {
                self.send(context);
                context.set_timer(TICK, context.now() + MILLISECOND);
            }
            Input::Timer(_) => {
                if self.partial.is_some() {
                    context.close(self.connection.expect("it wrote to one"));
                    self.connect(context);
                }
            }
            Input::Connected { .. } => self.is_open = true,
            Input::Written { connection, .. } => {
                assert!(self.connection == Some(connection) && context.is_written(connection));
                self.told += 1;
                self.written.push(self.partial.take().expect("it waited for that"));
                context.cancel_timer(TIMEOUT);
            }
            Input::Received { message, .. } => self.heard.push(message.number),
            Input::Disconnected { .. } => {
                self.lost += 1;
                if self.writes {
                    self.connect(context);
                }
            }
            Input::Terminate => context.exit(),
            Input::Told(_) => unreachable!("nobody tells it anything"),
            Input::Datagram { .. } => {}
        }
    }

    fn reborn(&self) -> Self {
        Self { size: self.size, patience: self.patience, next: self.next, ..Self::new(self.writes) }
    }

    fn receive_buffer_bytes(&self) -> u64 {
        RECEIVE_BUFFER
    }
}

fn kernel(change: impl FnOnce(&mut Player)) -> Kernel<Player> {
    let mut writer = Player::new(true);
    change(&mut writer);
    let links = LinkSettings { latency_us: 500, jitter_us: 0, ..LinkSettings::default() };
    Kernel::new(3, links, vec![writer, Player::new(false)])
}

fn run_until(kernel: &mut Kernel<Player>, time: Time) {
    while kernel.step_until(time).is_some() {
        assert_counts(kernel);
    }
}

/// Where both ends are open, the counted bytes are those that are on their way, and those that wait to be read.
fn assert_counts(kernel: &Kernel<Player>) {
    for (id, connection) in kernel.network.connections.iter() {
        let is_open = connection.ends.iter().all(|end| end.open && !end.told);
        if let Some(buffer) = connection.buffer.filter(|_| is_open) {
            assert_eq!(buffer.counts(), counted(kernel, id, connection), "on its way, unread");
        }
    }
}

fn counted(kernel: &Kernel<Player>, id: ConnectionId, connection: &Connection<Number>) -> [u64; 2] {
    let size = |event: &Event<Number>| match &event.kind {
        EventKind::Delivery(on, message) if *on == id && event.target == READER => u64::from(message.size),
        _ => 0,
    };
    let waits = |arrived: &Arrived<Number>| size(&arrived.event);
    let waiting = connection.ends[1].waiting.iter().map(|sent| match &sent.what {
        Carried::Message(message) => u64::from(message.size),
        Carried::Open | Carried::Close => 0,
    });
    let on_its_way = kernel.agenda.queue.iter().map(size).chain(waiting).sum();
    let unread = kernel.slots[READER as usize].inbox.iter().chain(&kernel.ready).map(waits).sum();
    [on_its_way, unread]
}

/// What was read when this was done, and the writer some seconds later.
fn after(kernel: &mut Kernel<Player>, fault: Fault) -> (u64, Player) {
    run_until(kernel, SECOND);
    let heard = kernel.process(READER).heard.len() as u64;
    kernel.apply(fault);
    run_until(kernel, 3 * SECOND);
    (heard, kernel.process(WRITER).clone())
}

fn is_in_order(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|two| two[0] < two[1])
}

#[test]
fn as_long_as_all_is_read_nobody_waits() {
    let mut kernel = kernel(|_| ());
    run_until(&mut kernel, 5 * SECOND);
    let writer = kernel.process(WRITER);
    assert!(writer.told == 0 && writer.partial.is_none() && writer.next > 4_900, "{writer:?}");
}

/// Nothing comes back of what is sent to a machine without power, or behind a cut, a clog or a held message.
#[test]
fn what_does_not_arrive_fills_the_send_buffer() {
    let held = |kernel: &mut Kernel<Player>| {
        run_until(kernel, SECOND);
        let name = kernel.name_of(kernel.in_flight()[0]).expect("a message has a name");
        Fault::Message(name, MessageFault::Hold)
    };
    let faults = [Fault::LosePower(READER), Fault::Cut(WRITER, READER), Fault::Clog(WRITER, READER)].map(Some);
    for fault in faults.into_iter().chain([None]) {
        let mut kernel = kernel(|_| ());
        let fault = fault.unwrap_or_else(|| held(&mut kernel));
        let (heard, writer) = after(&mut kernel, fault.clone());
        // A clog and a cut stop what comes behind them, and what is in the air meets a cut only.
        let heard = heard.max(kernel.process(READER).heard.len() as u64);
        assert_eq!(writer.written.len() as u64 - heard, SENT, "{fault:?}");
        assert_eq!(writer.partial, Some(writer.next - 1), "{fault:?}");
        assert_eq!((writer.told, writer.lost), (0, 0), "{fault:?}");
    }
}

/// Messages of 300 bytes: three fit, and of the fourth the beginning.
#[test]
fn a_message_is_written_when_its_last_byte_is() {
    let mut kernel = kernel(|writer| writer.size = 300);
    let (heard, writer) = after(&mut kernel, Fault::LosePower(READER));
    assert_eq!(writer.written.len() as u64 - heard, 3);
}

#[test]
fn what_is_not_read_fills_the_receive_buffer_first() {
    let mut kernel = kernel(|_| ());
    let (heard, writer) = after(&mut kernel, Fault::Pause(READER));
    assert_eq!(writer.written.len() as u64 - heard, SENT + RECEIVED);
    kernel.apply(Fault::Resume(READER));
    run_until(&mut kernel, 4 * SECOND);
    let (writer, heard) = (kernel.process(WRITER), &kernel.process(READER).heard);
    assert!(writer.told == 1 && writer.partial.is_none(), "{writer:?}");
    assert!(is_in_order(heard) && heard.len() as u64 + 2 > writer.next, "{} of {}", heard.len(), writer.next);
}

/// What a machine has is not taken back when it loses its power, and makes no room either.
#[test]
fn a_machine_that_goes_makes_no_room() {
    let mut kernel = kernel(|_| ());
    let (heard, before) = after(&mut kernel, Fault::Pause(READER));
    kernel.apply(Fault::LosePower(READER));
    run_until(&mut kernel, 5 * SECOND);
    let writer = kernel.process(WRITER);
    assert_eq!((writer.written.len() as u64 - heard, writer.partial), (SENT + RECEIVED, before.partial));
}

#[test]
fn what_waited_goes_on_in_order_when_it_can() {
    let heal: [(Fault, Fault); 2] = [
        (Fault::Cut(WRITER, READER), Fault::Heal(WRITER, READER)),
        (Fault::Clog(WRITER, READER), Fault::Heal(WRITER, READER)),
    ];
    for (fault, end) in heal {
        let mut kernel = kernel(|_| ());
        after(&mut kernel, fault);
        kernel.apply(end);
        run_until(&mut kernel, 4 * SECOND);
        let (writer, heard) = (kernel.process(WRITER), &kernel.process(READER).heard);
        assert_eq!((writer.told, writer.partial), (1, None));
        assert!(heard.iter().copied().eq(0..heard.len() as u64) && heard.len() > 1_900, "{}", heard.len());
    }
}

#[test]
fn a_held_message_that_is_released_makes_room() {
    let mut kernel = kernel(|_| ());
    run_until(&mut kernel, SECOND);
    let name = kernel.name_of(kernel.in_flight()[0]).expect("a message has a name");
    after(&mut kernel, Fault::Message(name, MessageFault::Hold));
    kernel.apply(Fault::Release(Held::Message(name)));
    run_until(&mut kernel, 4 * SECOND);
    let (writer, heard) = (kernel.process(WRITER), &kernel.process(READER).heard);
    assert_eq!((writer.told, writer.partial), (1, None));
    assert!(heard.iter().copied().eq(0..heard.len() as u64) && heard.len() > 1_900, "{}", heard.len());
}

/// What arrives and is not acknowledged stays in the send buffer. The message behind it, of which only the beginning is written, is
/// not read, and goes on when the other direction heals.
#[test]
fn what_nobody_acknowledges_fills_the_send_buffer() {
    for fault in [Fault::Cut(READER, WRITER), Fault::Clog(READER, WRITER)] {
        let mut kernel = kernel(|_| ());
        let (_, writer) = after(&mut kernel, fault);
        let partial = writer.partial.expect("nothing is acknowledged");
        // What had been acknowledged before makes room for as much.
        let unacknowledged = writer.written.iter().rev().take(SENT as usize);
        let heard = &kernel.process(READER).heard;
        assert!(unacknowledged.clone().all(|number| heard.contains(number)) && !heard.contains(&partial));
        assert!((1_000 + SENT - 3..=1_000 + SENT).contains(&partial), "{partial}");
        kernel.apply(Fault::Heal(READER, WRITER));
        run_until(&mut kernel, 4 * SECOND);
        let (writer, heard) = (kernel.process(WRITER), &kernel.process(READER).heard);
        assert_eq!((writer.told, writer.partial), (1, None));
        assert!(heard.iter().copied().eq(0..heard.len() as u64) && heard.len() > 1_900, "{}", heard.len());
    }
}

/// Whatever keeps it: what was written arrives when it can, and the message that was not written in full never does.
#[test]
fn a_message_that_is_cut_short_never_arrives() {
    let pairs = [
        (Fault::Cut(WRITER, READER), Fault::Heal(WRITER, READER)),
        (Fault::Clog(WRITER, READER), Fault::Heal(WRITER, READER)),
        (Fault::Cut(READER, WRITER), Fault::Heal(READER, WRITER)),
        (Fault::Pause(READER), Fault::Resume(READER)),
    ];
    let ends: [Option<Fault>; 3] = [None, Some(Fault::Kill(WRITER)), Some(Fault::Terminate(WRITER))];
    for (fault, heal) in pairs {
        for end in &ends {
            let mut kernel = kernel(|writer| writer.patience = if end.is_none() { SECOND } else { Time::MAX });
            run_until(&mut kernel, SECOND);
            kernel.apply(fault.clone());
            run_until(&mut kernel, SECOND + SECOND / 2);
            let writer = kernel.process(WRITER).clone();
            let partial = writer.partial.expect("the buffer is full");
            if let Some(end) = end {
                kernel.apply(end.clone());
            }
            run_until(&mut kernel, 2 * SECOND + SECOND / 4);
            kernel.apply(heal.clone());
            run_until(&mut kernel, 5 * SECOND);
            let heard = &kernel.process(READER).heard;
            assert!(!heard.contains(&partial), "{fault:?} {end:?}");
            assert!(writer.written.iter().all(|number| heard.contains(number)), "{fault:?} {end:?}");
            if end.is_none() {
                assert!(is_in_order(heard) && heard.len() > 3_500, "{fault:?} {}", heard.len());
            }
        }
    }
}

#[test]
fn another_connection_begins_with_an_empty_buffer() {
    let mut kernel = kernel(|_| ());
    after(&mut kernel, Fault::LosePower(READER));
    kernel.apply(Fault::Restart(READER));
    run_until(&mut kernel, 4 * SECOND);
    let (writer, reader) = (kernel.process(WRITER), kernel.process(READER));
    assert_eq!((writer.lost, writer.partial), (1, None), "the machine is back and does not know the connection");
    assert!(reader.heard.len() > 900 && is_in_order(&reader.heard), "{}", reader.heard.len());
    kernel.apply(Fault::LosePower(READER));
    let (before, heard) = (kernel.process(WRITER).written.len(), kernel.process(READER).heard.len());
    assert_eq!(heard, 0, "it begins anew");
    run_until(&mut kernel, 6 * SECOND);
    let more = (kernel.process(WRITER).written.len() - before) as u64;
    assert!((SENT - 2..=SENT).contains(&more), "{more}");
}

/// The connection goes on without it, so nothing is left of it to be acknowledged; two of it are twice as much.
#[test]
fn a_message_that_is_lost_makes_room_and_one_that_is_doubled_takes_it() {
    for (fault, change) in [(MessageFault::Lose, 1), (MessageFault::Repeat, -1)] {
        for waits in [false, true] {
            let mut kernel = kernel(|_| ());
            run_until(&mut kernel, SECOND);
            let heard = kernel.process(READER).heard.len() as i64;
            let name = kernel.name_of(kernel.in_flight()[0]).expect("a message has a name");
            let faults = [Fault::Cut(WRITER, READER), Fault::Message(name, fault)];
            let mut faults = if waits { faults.to_vec() } else { faults.into_iter().rev().collect::<Vec<_>>() };
            faults.drain(..).for_each(|fault| kernel.apply(fault));
            run_until(&mut kernel, 3 * SECOND);
            let writer = kernel.process(WRITER);
            assert_eq!(writer.written.len() as i64 - heard, SENT as i64 + change, "{fault:?} {waits}");
        }
    }
}

#[test]
fn a_message_that_is_lost_while_its_rest_is_to_be_written_is_written() {
    let mut kernel = kernel(|_| ());
    let (_, writer) = after(&mut kernel, Fault::Cut(WRITER, READER));
    let ordinal = writer.next as u32;
    kernel.apply(Fault::Message(MessageName { from: WRITER, to: READER, kind: 0, ordinal }, MessageFault::Lose));
    run_until(&mut kernel, 4 * SECOND);
    let after = kernel.process(WRITER);
    assert_eq!((after.told, after.partial), (1, writer.partial.map(|partial| partial + 1)));
}

/// One that is larger than the buffer is written as the other side takes it.
#[test]
fn a_message_that_is_larger_than_the_buffer_is_written_when_it_has_arrived() {
    let mut kernel = kernel(|writer| writer.size = 5_000);
    run_until(&mut kernel, SECOND);
    let writer = kernel.process(WRITER);
    assert!(writer.told > 300 && writer.told + 1 >= writer.next, "{writer:?}");
    assert!(kernel.process(READER).heard.len() as u64 + 2 > writer.next);
}

#[derive(Clone, Debug)]
enum Act {
    Fault(Fault),
    /// What is done to the message on its way that comes up next.
    Message(MessageFault),
    Release,
}

fn act(random: &mut Random) -> Act {
    let whole = [
        Fault::Cut(WRITER, READER),
        Fault::Cut(READER, WRITER),
        Fault::Clog(WRITER, READER),
        Fault::Clog(READER, WRITER),
        Fault::Pause(READER),
        Fault::Pause(WRITER),
        Fault::Kill(READER),
        Fault::LosePower(READER),
        Fault::Kill(WRITER),
    ];
    let mend = [
        Fault::Heal(WRITER, READER),
        Fault::Heal(READER, WRITER),
        Fault::Resume(READER),
        Fault::Resume(WRITER),
        Fault::Restart(READER),
        Fault::Restart(WRITER),
    ];
    let mut pick = |count: usize| random.below(count as u64) as usize;
    match pick(6) {
        0 | 1 => Act::Fault(whole[pick(whole.len())].clone()),
        2 | 3 => Act::Fault(mend[pick(mend.len())].clone()),
        4 => Act::Message([MessageFault::Hold, MessageFault::Lose, MessageFault::Repeat][pick(3)]),
        _ => Act::Release,
    }
}

fn do_next(kernel: &mut Kernel<Player>, act: &Act) {
    match act {
        Act::Fault(fault) => kernel.apply(fault.clone()),
        Act::Message(fault) => {
            let first = kernel.in_flight().first().and_then(|event| kernel.name_of(event));
            first.into_iter().for_each(|name| kernel.apply(Fault::Message(name, *fault)));
        }
        Act::Release => {
            let held: Vec<_> = kernel.fates().filter_map(|(_, fate)| fate.held_as).collect();
            held.into_iter().for_each(|held| kernel.apply(Fault::Release(held)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn the_count_is_right_whatever_happens_and_a_snapshot_keeps_it(seed: u64, at in 0_usize..60) {
        let mut random = Random::stream(seed, "acts", 0);
        let acts: Vec<Act> = (0..60).map(|_| act(&mut random)).collect();
        let mut straight = kernel(|writer| {
            writer.patience = 200 * MILLISECOND;
            writer.size = 40 + (seed % 400) as u32;
        });
        let mut snapshot = None;
        for (number, act) in acts.iter().enumerate() {
            if number == at {
                snapshot = Some(straight.clone());
            }
            run_until(&mut straight, (number as Time + 1) * 37 * MILLISECOND);
            do_next(&mut straight, act);
            assert_counts(&straight);
        }
        let mut snapshot = snapshot.expect("one was taken");
        for (number, act) in acts.iter().enumerate().skip(at) {
            run_until(&mut snapshot, (number as Time + 1) * 37 * MILLISECOND);
            do_next(&mut snapshot, act);
        }
        let mend = [Fault::Heal(WRITER, READER), Fault::Heal(READER, WRITER), Fault::Resume(READER), Fault::Resume(WRITER)];
        let starts = [Fault::Restart(READER), Fault::Restart(WRITER)];
        for kernel in [&mut straight, &mut snapshot] {
            mend.iter().chain(&starts).for_each(|fault| kernel.apply(fault.clone()));
            do_next(kernel, &Act::Release);
            run_until(kernel, 4 * SECOND);
        }
        prop_assert_eq!((straight.hash(), straight.events()), (snapshot.hash(), snapshot.events()));
        // All is whole again: the writer does not stand still.
        let next = straight.process(WRITER).next;
        run_until(&mut straight, 5 * SECOND);
        prop_assert!(straight.process(WRITER).next > next + 300, "{:?} {acts:?}", straight.process(WRITER));
    }
}
