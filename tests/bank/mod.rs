//! A bank on the bare kernel: accounts send each other money over connections and write down what they did. Whatever
//! happens to machines and links, no money is made or lost.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use loglab::sim::SECOND;
use loglab::sim::disk::{Disk, FileId};
use loglab::sim::fault::Fault;
use loglab::sim::hash::RunHash;
use loglab::sim::kernel::{Kernel, Status};
use loglab::sim::network::{ConnectionId, LinkSettings};
use loglab::sim::process::{Context, Input, Message, Process, ProcessId};
use loglab::sim::random::Random;

/// How many accounts there are, and what each begins with.
pub const ACCOUNTS: u32 = 4;
/// See [`ACCOUNTS`].
pub const BEGIN: u64 = 1_000;

const PAY: u64 = 1;
const REPEAT: u64 = 2;

#[derive(Debug)]
pub enum Slip {
    Transfer { number: u64, amount: u64 },
    Receipt { number: u64 },
}

impl Message for Slip {
    fn size_bytes(&self) -> u32 {
        20
    }
    fn fold(&self, hash: &mut RunHash) {
        match self {
            Self::Transfer { number, amount } => {
                hash.fold(*number);
                hash.fold(*amount);
            }
            Self::Receipt { number } => hash.fold(!*number),
        }
    }
}

/// An account: what it knows is what its ledger says.
#[derive(Clone, Debug, Default)]
pub struct Account {
    pub balance: u64,
    /// Transfers without a receipt, by number: to whom and how much.
    pub open: BTreeMap<u64, (ProcessId, u64)>,
    /// Transfers that were credited: from whom, and their numbers there.
    pub credited: BTreeSet<(ProcessId, u64)>,
    next: u64,
    connections: BTreeMap<ProcessId, ConnectionId>,
}

const SENT: u8 = 0;
const CREDITED: u8 = 1;
const RECEIPT: u8 = 2;

impl Account {
    /// Writes an entry, makes it durable, and acts on it.
    fn enter(&mut self, disk: &mut Disk, kind: u8, peer: ProcessId, number: u64, amount: u64) {
        let Some(ledger) = ledger(disk) else { return };
        let mut entry = vec![kind];
        entry.extend(peer.to_le_bytes());
        entry.extend(number.to_le_bytes());
        entry.extend(amount.to_le_bytes());
        if disk.append(ledger, Bytes::from(entry)).is_ok() {
            disk.flush(ledger);
            self.act(kind, peer, number, amount);
        }
    }

    fn act(&mut self, kind: u8, peer: ProcessId, number: u64, amount: u64) {
        match kind {
            SENT => {
                self.balance -= amount;
                self.open.insert(number, (peer, amount));
                self.next = number + 1;
            }
            CREDITED => {
                if self.credited.insert((peer, number)) {
                    self.balance += amount;
                }
            }
            _ => {
                self.open.remove(&number);
            }
        }
    }

    fn read_ledger(&mut self, disk: &mut Disk) {
        *self = Self { balance: BEGIN, ..Self::default() };
        let Some(ledger) = ledger(disk) else { return };
        let bytes = disk.read(ledger, 0, u32::MAX);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        // What a power loss tore off counts for nothing.
        disk.truncate(ledger, bytes.len() as u64 / 21 * 21);
        for entry in bytes.chunks_exact(21) {
            self.act(entry[0], number(&entry[1..5]) as ProcessId, number(&entry[5..13]), number(&entry[13..21]));
        }
    }

    fn connection(&mut self, peer: ProcessId, context: &mut Context<'_, Slip, ()>) -> ConnectionId {
        *self.connections.entry(peer).or_insert_with(|| context.connect(peer))
    }

    fn pay(&mut self, context: &mut Context<'_, Slip, ()>) {
        let peer = context.random().below(u64::from(ACCOUNTS)) as ProcessId;
        let amount = context.random().between(1, 50);
        if peer == context.process() || amount > self.balance {
            return;
        }
        let number = self.next;
        self.enter(context.disk(), SENT, peer, number, amount);
        let connection = self.connection(peer, context);
        context.send(connection, Slip::Transfer { number, amount });
    }

    fn repeat(&mut self, context: &mut Context<'_, Slip, ()>) {
        for (number, (peer, amount)) in self.open.clone() {
            let connection = self.connection(peer, context);
            context.send(connection, Slip::Transfer { number, amount });
        }
    }
}

fn ledger(disk: &mut Disk) -> Option<FileId> {
    disk.open("ledger").or_else(|| disk.create("ledger").ok())
}

impl Process for Account {
    type Message = Slip;
    type Note = ();

    fn handle(&mut self, input: Input<Slip>, context: &mut Context<'_, Slip, ()>) {
        match input {
            Input::Boot { .. } => {
                self.read_ledger(context.disk());
                context.set_timer(PAY, context.now() + 10_000);
                context.set_timer(REPEAT, context.now() + 300_000);
            }
            Input::Timer(PAY) => {
                // The bank closes after ten seconds, so that what is open can settle.
                if context.now() < 10 * SECOND {
                    self.pay(context);
                    let wait = context.random().between(5_000, 20_000);
                    context.set_timer(PAY, context.now() + wait);
                }
            }
            Input::Timer(_) => {
                self.repeat(context);
                context.set_timer(REPEAT, context.now() + 300_000);
            }
            Input::Received { connection, peer, message } => match *message {
                Slip::Transfer { number, amount } => {
                    if !self.credited.contains(&(peer, number)) {
                        self.enter(context.disk(), CREDITED, peer, number, amount);
                    }
                    context.send(connection, Slip::Receipt { number });
                }
                Slip::Receipt { number } => {
                    if self.open.contains_key(&number) {
                        self.enter(context.disk(), RECEIPT, peer, number, 0);
                    }
                }
            },
            Input::Disconnected { connection, .. } => self.connections.retain(|_, ours| *ours != connection),
            Input::Terminate => context.exit(),
            Input::Told(_) => unreachable!("nobody tells it anything"),
            Input::Connected { .. } | Input::Written { .. } | Input::Datagram { .. } => {}
        }
    }

    fn reborn(&self) -> Self {
        // A crash takes no money: until the ledger is read again, what it says is what is there.
        Self { connections: BTreeMap::new(), ..self.clone() }
    }
}

/// All money: what accounts hold, and what was sent and not credited yet.
pub fn total(kernel: &Kernel<Account>) -> u64 {
    let accounts = || (0..ACCOUNTS).map(|id| (id, kernel.process(id)));
    let held: u64 = accounts().map(|(_, account)| account.balance).sum();
    let on_its_way = accounts().flat_map(|(from, account)| {
        account.open.iter().filter_map(move |(number, (to, amount))| {
            (!kernel.process(*to).credited.contains(&(from, *number))).then_some(*amount)
        })
    });
    held + on_its_way.sum::<u64>()
}

/// A bank over links that lose and delay.
pub fn open(seed: u64) -> Kernel<Account> {
    let links = LinkSettings { jitter_us: 2_000, loss_ppm: 20_000, ..LinkSettings::default() };
    let account = Account { balance: BEGIN, ..Account::default() };
    Kernel::new(seed, links, vec![account; ACCOUNTS as usize])
}

/// A fault that fits what runs and what is cut, or its end.
pub fn draw_fault(kernel: &Kernel<Account>, random: &mut Random) -> Fault {
    let id = random.below(u64::from(ACCOUNTS)) as ProcessId;
    let other = (id + 1 + random.below(u64::from(ACCOUNTS) - 1) as ProcessId) % ACCOUNTS;
    match (kernel.status(id), random.below(5)) {
        (Status::Killed | Status::PoweredOff, _) => Fault::Restart(id),
        (Status::Paused, _) => Fault::Resume(id),
        (Status::Running, 0) => Fault::Kill(id),
        (Status::Running, 1) => Fault::LosePower(id),
        (Status::Running, 2) => Fault::Pause(id),
        (Status::Running, _) if kernel.cuts().any(|cut| cut == (id, other)) => Fault::Heal(id, other),
        (Status::Running, _) => Fault::Cut(id, other),
    }
}

/// Ends every fault.
pub fn recover(kernel: &mut Kernel<Account>) {
    for id in 0..ACCOUNTS {
        kernel.apply(Fault::Resume(id));
        kernel.apply(Fault::Restart(id));
    }
    let cuts: Vec<_> = kernel.cuts().collect();
    for (from, to) in cuts {
        kernel.apply(Fault::Heal(from, to));
    }
}
