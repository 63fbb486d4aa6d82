//! What a message is to the kernel.

use super::hash::RunHash;

/// What processes send each other.
pub trait Message: std::fmt::Debug + Send + Sync + 'static {
    /// Bytes on the wire: what bandwidth is spent on.
    fn size_bytes(&self) -> u32;
    /// What kind of message it is, for faults that wait for one. The numbers are its own.
    fn kind(&self) -> u32 {
        0
    }
    /// Takes what identifies the message into the hash of the run.
    fn fold(&self, hash: &mut RunHash);
}
