//! What can be done to machines and links from outside.

use super::network::LinkSettings;
use super::process::ProcessId;

/// One intervention, applied between two events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies (SIGKILL): its memory is gone, its page cache stays, its machine closes its connections.
    Kill(ProcessId),
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
    /// What was cut or clogged passes again.
    Heal(ProcessId, ProcessId),
    /// Other settings for a link from now on.
    SetLink(ProcessId, ProcessId, LinkSettings),
    /// The machine's clock from now on.
    SetClock(ProcessId, super::clock::Clock),
    /// Each disk operation takes so many microseconds more.
    SlowDisk(ProcessId, u64),
    /// The disk holds at most so many bytes.
    LimitDisk(ProcessId, u64),
}
