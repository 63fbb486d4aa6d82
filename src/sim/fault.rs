//! What can be done to machines and links from outside.

use super::network::LinkSettings;
use super::process::ProcessId;

/// One intervention, applied between two events. It goes into the hash of the run as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The process dies (SIGKILL): its memory is gone, its page cache stays, its machine closes its connections.
    Kill(ProcessId),
    /// The process is told to end (SIGTERM): it does what it does on such a signal. One that is paused hears it when it goes on.
    Terminate(ProcessId),
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
    /// Something happens to the message that is on its way with this sequence number. Held, it has the same number.
    Message(u64, MessageFault),
    /// Something happens to the next message of a kind.
    Next(NextMessage),
    /// What was held under this number goes on, and those behind it; if it was not sent yet, it will not be held.
    Release(u64),
}

/// What can happen to one message beside the fate that was drawn for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageFault {
    /// It waits until it is released, and on a connection all that is sent after it does, too.
    Hold,
    /// It never arrives, and its connection goes on without it.
    Lose,
    /// It arrives twice.
    Repeat,
}

/// A fault for a message that is not sent yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NextMessage {
    /// Who sends it; anybody where this is `None`.
    pub from: Option<ProcessId>,
    /// Who is to receive it; anybody where this is `None`.
    pub to: Option<ProcessId>,
    /// As [`Message::kind`](super::process::Message::kind) says.
    pub kind: u32,
    /// What happens to it.
    pub fault: MessageFault,
    /// Under which number it is held.
    pub number: u64,
}
