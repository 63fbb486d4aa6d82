//! What can be done to machines and links from outside.

use super::fates::Fate;
use super::ids::{MessageName, ProcessId};
use super::link_settings::LinkSettings;

pub use super::fates::{Held, MessageFault, NextMessage};

/// One intervention, applied between two events. It goes into the hash of the run as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The process dies (SIGKILL): its memory is gone, its page cache stays, its machine closes its connections.
    Kill(ProcessId),
    /// The process is told to end (SIGTERM): it does what it does on such a signal. One that is paused hears it when it goes on.
    Terminate(ProcessId),
    /// Whoever runs the process tells it something, whose meaning is the program's own.
    Tell(ProcessId, i64),
    /// The machine loses power: what was not flushed is gone, the last write may be torn, nobody says goodbye.
    LosePower(ProcessId),
    /// A process that is down begins again.
    Restart(ProcessId),
    /// The process stands still (SIGSTOP, a long GC): connections stay open, its input and its timers wait.
    Pause(ProcessId),
    /// A paused process goes on and is handed what waited.
    Resume(ProcessId),
    /// Nothing passes from the first to the second any more.
    Cut(ProcessId, ProcessId),
    /// What is sent from the first to the second waits, raw messages too; nothing is lost and nobody gives up.
    Clog(ProcessId, ProcessId),
    /// What was cut or clogged passes again.
    Heal(ProcessId, ProcessId),
    /// Other settings for a link from now on.
    SetLink(ProcessId, ProcessId, LinkSettings),
    /// The machine's wall clock is so many microseconds ahead of what it would show (negative: behind).
    Skew(ProcessId, i64),
    /// The machine's clock runs so many parts per million fast from now on (negative: slow, above -1,000,000). It goes on from what
    /// it shows, and timers that are set follow it.
    Drift(ProcessId, i32),
    /// Each disk operation takes so many microseconds more.
    SlowDisk(ProcessId, u64),
    /// The disk holds at most so many bytes.
    LimitDisk(ProcessId, u64),
    /// The disk holds no more than it holds now.
    FillDisk(ProcessId),
    /// Bit rot: the bits of a mask turn over in one byte of a file.
    FlipBits {
        /// Whose disk.
        of: ProcessId,
        /// The file's name.
        path: String,
        /// Where in it.
        byte: u64,
        /// Which bits.
        mask: u8,
    },
    /// A file is gone.
    RemoveFile(ProcessId, String),
    /// Something more happens to this message, which is on its way or is still to be sent. Held, it has this name.
    Message(MessageName, MessageFault),
    /// What happens to a message is decided, in place of what would be drawn; with the usual fate it is taken back.
    Fate(MessageName, Fate),
    /// Something happens to the next message of a kind.
    Next(NextMessage),
    /// What was held by this name goes on, and those behind it; if it was not sent yet, it will not be held.
    Release(Held),
}

impl Fault {
    /// Those whom it is done to. Of what is done to messages the kernel itself knows whose they are.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessId> {
        match self {
            Self::Kill(id)
            | Self::Terminate(id)
            | Self::Tell(id, _)
            | Self::LosePower(id)
            | Self::Restart(id)
            | Self::Pause(id)
            | Self::Resume(id)
            | Self::Skew(id, _)
            | Self::Drift(id, _)
            | Self::SlowDisk(id, _)
            | Self::LimitDisk(id, _)
            | Self::FillDisk(id)
            | Self::FlipBits { of: id, .. }
            | Self::RemoveFile(id, _) => vec![*id],
            Self::Cut(from, to) | Self::Clog(from, to) | Self::Heal(from, to) | Self::SetLink(from, to, _) => {
                vec![*from, *to]
            }
            Self::Message(name, _) | Self::Fate(name, _) | Self::Release(Held::Message(name)) => {
                vec![name.from, name.to]
            }
            Self::Next(NextMessage { from, to, .. }) | Self::Release(Held::Next { from, to, .. }) => {
                from.iter().chain(to).copied().collect()
            }
        }
    }
}
