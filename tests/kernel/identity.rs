//! The identity of a run: whatever differs in it, its hash differs.

use bytes::Bytes;
use loglab::sim::disk::{Disk, FileId};
use loglab::sim::fault::{Fault, Held, MessageFault, NextMessage};
use loglab::sim::ids::MessageName;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::{Context, Input, Process};
use loglab::sim::{MILLISECOND, SECOND};

use super::probe::{Number, run_until};

const LINES: u64 = 12;
const BYTES: usize = 40;

/// What a scribe does otherwise than usual, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    None,
    /// It turns over a bit of this byte.
    Byte(usize),
    /// It writes the last byte in a write of its own.
    Split,
    /// It writes one byte further on.
    Place,
    Flush,
    Create,
    Rename,
    Remove,
    Truncate,
    Date,
    Note,
    Draw,
    Message,
    Timer,
}

const SLIPS: [Slip; 12] = [
    Slip::Split,
    Slip::Place,
    Slip::Flush,
    Slip::Create,
    Slip::Rename,
    Slip::Remove,
    Slip::Truncate,
    Slip::Date,
    Slip::Note,
    Slip::Draw,
    Slip::Message,
    Slip::Timer,
];

/// Writes a line a millisecond, tells an observer and its peer, and draws a number of which it makes nothing.
#[derive(Clone, Debug)]
struct Scribe {
    slip: Slip,
    slips_at: u64,
    line: u64,
    connection: Option<ConnectionId>,
}

impl Scribe {
    fn write(disk: &mut Disk, line: u64, slip: Slip) {
        let book: FileId = disk.open("book").or_else(|| disk.create("book").ok()).expect("there is room");
        let mut bytes = vec![line as u8; BYTES];
        if let Slip::Byte(place) = slip {
            bytes[place] ^= 0x10;
        }
        let at = disk.len(book) + u64::from(slip == Slip::Place);
        let last = bytes.split_off(if slip == Slip::Split { BYTES - 1 } else { BYTES });
        disk.write_at(book, at, Bytes::from(bytes)).expect("there is room");
        disk.append(book, Bytes::from(last)).expect("there is room");
        if slip != Slip::Flush {
            disk.flush(book);
        }
        match slip {
            Slip::Create => _ = disk.create("other").expect("there is none"),
            Slip::Rename => disk.rename("book", "book of old").expect("it is there"),
            Slip::Remove => _ = disk.remove("book"),
            Slip::Truncate => disk.truncate(book, 1),
            Slip::Date => disk.set_modified_ms(book, 77),
            _ => {}
        }
    }
}

impl Process for Scribe {
    type Message = Number;
    type Note = u64;

    fn handle(&mut self, input: Input<Number>, context: &mut Context<'_, Number, u64>) {
        if context.process() == 1 {
            return;
        }
        if let Input::Boot { .. } | Input::Timer(_) = input
            && self.line < LINES
        {
            let slip = if self.line == self.slips_at { self.slip } else { Slip::None };
            let connection = *self.connection.get_or_insert_with(|| context.connect(1));
            Self::write(context.disk(), self.line, slip);
            context.note(self.line + 100 * u64::from(slip == Slip::Note));
            context.send(connection, Number(self.line + 100 * u64::from(slip == Slip::Message)));
            (0..1 + u32::from(slip == Slip::Draw)).for_each(|_| _ = context.random().next_u64());
            self.line += 1;
            context.set_timer(1, context.now() + MILLISECOND + u64::from(slip == Slip::Timer));
        }
    }

    fn reborn(&self) -> Self {
        Self { line: 0, connection: None, ..self.clone() }
    }
}

fn scribes(slip: Slip, slips_at: u64) -> Kernel<Scribe> {
    let scribe = Scribe { slip, slips_at, line: 0, connection: None };
    let links = LinkSettings { jitter_us: 300, ..LinkSettings::default() };
    Kernel::new(4, links, vec![scribe.clone(), scribe])
}

fn hash(slip: Slip, slips_at: u64) -> u64 {
    let mut kernel = scribes(slip, slips_at);
    run_until(&mut kernel, SECOND);
    kernel.hash()
}

fn assert_all_differ(hashes: &[u64]) {
    let mut sorted = hashes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), hashes.len());
}

#[test]
fn each_byte_written_each_change_of_a_disk_each_note_draw_and_message_is_part_of_a_run() {
    let plain = hash(Slip::None, 0);
    assert_eq!(plain, hash(Slip::None, 5));
    for line in 0..LINES {
        let bytes = (0..BYTES).map(Slip::Byte);
        let mut hashes: Vec<u64> = bytes.chain(SLIPS).map(|slip| hash(slip, line)).collect();
        hashes.push(plain);
        assert_all_differ(&hashes);
    }
}

#[test]
fn each_fault_is_part_of_a_run_by_what_it_does() {
    let next = |kind| NextMessage { from: Some(0), to: None, kind, fault: MessageFault::Lose };
    let name = |ordinal| MessageName { from: 0, to: 1, kind: 9, ordinal };
    let flip = |byte, mask| Fault::FlipBits { of: 1, path: "nothing".to_owned(), byte, mask };
    // None of them does anything that a process could see.
    let faults = [
        Fault::Skew(1, 0),
        Fault::Skew(1, 1),
        Fault::Drift(1, 0),
        Fault::SlowDisk(1, 0),
        Fault::LimitDisk(1, u64::MAX),
        Fault::LimitDisk(1, 1 << 40),
        Fault::Heal(0, 1),
        Fault::Heal(1, 0),
        Fault::Resume(0),
        Fault::Resume(1),
        Fault::Next(next(8)),
        Fault::Next(next(9)),
        Fault::Release(next(8).name()),
        Fault::Message(name(1), MessageFault::Lose),
        Fault::Message(name(1), MessageFault::Hold),
        Fault::Message(name(2), MessageFault::Hold),
        Fault::Release(Held::Message(name(1))),
        flip(1, 1),
        flip(1, 2),
        flip(2, 1),
        Fault::RemoveFile(1, "nothing".to_owned()),
        Fault::RemoveFile(1, "nobody".to_owned()),
    ];
    let mut hashes = vec![hash(Slip::None, 0)];
    for fault in faults {
        let mut kernel = scribes(Slip::None, 0);
        kernel.apply(fault);
        run_until(&mut kernel, SECOND);
        hashes.push(kernel.hash());
    }
    assert_all_differ(&hashes);
}

#[test]
fn who_asked_for_a_fault_is_no_part_of_a_run() {
    let run = |id| {
        let mut kernel = scribes(Slip::None, 0);
        run_until(&mut kernel, 5 * MILLISECOND);
        kernel.schedule_external(5 * MILLISECOND, id);
        kernel.step();
        kernel.apply(Fault::Kill(0));
        run_until(&mut kernel, SECOND);
        (kernel.hash(), kernel.events())
    };
    assert_eq!(run(0), run(1 << 24));
}
