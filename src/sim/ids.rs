//! What is called what: processes, the purposes of timers, connections, messages.

/// A process by its place in the kernel, from 0.
pub type ProcessId = u32;

/// What a timer is for. A process has at most one live timer for each purpose; the numbers are its own but for the largest,
/// which is the kernel's.
pub type Purpose = u64;

/// A connection, in the order in which they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// One message by its name: the how manieth of its kind it is on its link. Whatever happens on other links or to other kinds of
/// messages leaves it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageName {
    /// Who sends it.
    pub from: ProcessId,
    /// Who is to receive it.
    pub to: ProcessId,
    /// As the message itself says, or one of the kinds below.
    pub kind: u32,
    /// Its place among those of its kind on this link, from 1.
    pub ordinal: u32,
}

impl MessageName {
    /// The kind of what opens a connection, and of what answers that.
    pub const OPEN: u32 = u32::MAX;
    /// The kind of what closes a connection.
    pub const CLOSE: u32 = u32::MAX - 1;
}
