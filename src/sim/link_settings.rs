//! What a link is like.

use super::Time;

/// One direction between two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkSettings {
    /// Least delay of a message, in microseconds.
    pub latency_us: Time,
    /// Most that is added to it, drawn evenly, in microseconds.
    pub jitter_us: Time,
    /// Bytes a second; 0 for no limit.
    pub bandwidth_bytes_per_s: u64,
    /// Chance of a loss, in parts per million.
    pub loss_ppm: u32,
    /// Chance that a raw message arrives twice, in parts per million.
    pub duplicate_ppm: u32,
    /// Chance that a raw message is held back so that later ones overtake it, in parts per million.
    pub reorder_ppm: u32,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self { latency_us: 500, jitter_us: 0, bandwidth_bytes_per_s: 0, loss_ppm: 0, duplicate_ppm: 0, reorder_ppm: 0 }
    }
}
