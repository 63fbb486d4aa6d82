//! What a program that reads is at, for those who ask why it does not read on.

use crate::note::PollError;

/// What the program's thread is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It has not begun.
    Begins,
    /// It is in `poll()`.
    Polls,
    /// It works on what it was given.
    Works,
    /// It is in `commitSync()`.
    Commits,
    /// It sends on what it has made, or waits for that to be stored.
    Sends,
    /// It is in `sendOffsetsToTransaction()`.
    SendsOffsets,
    /// It waits for the coordinator of its transactions.
    EndsTransaction,
    /// It is in `close()` of its clients, or has ended.
    Closes,
    /// Its `poll()` has thrown.
    Over(PollError),
}
