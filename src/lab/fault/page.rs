//! What the page offers of a fault.

/// An entry of the page's menus.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The key that does it while the thing is selected.
    pub key: &'static str,
    /// What the button says.
    pub label: &'static str,
    /// What the key does, in the words of the page's help.
    pub help: &'static str,
    /// By how much, where it has to be said.
    pub usual: Option<i64>,
    /// Whether it does anything to a thing that looks so.
    pub when: fn(&Seen) -> bool,
}

/// How something looks, as far as faults ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The process is not down.
    pub up: bool,
    /// It stands still.
    pub paused: bool,
    /// It is down, and its machine has power.
    pub killed: bool,
    /// Its disk is slow or full.
    pub disk_faulty: bool,
    /// Its clock is wrong or runs at another rate.
    pub clock_wrong: bool,
    /// The link is cut in a direction.
    pub cut: bool,
    /// The batch does not match its CRC.
    pub corrupt: bool,
    /// It is a program that reads and sends nothing.
    pub consumer: bool,
    /// It belongs to a group, or is a group's programs.
    pub member: bool,
}
