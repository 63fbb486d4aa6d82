//! Transactions that are being verified before their first append to a log: `VerificationStateEntry` and
//! `VerificationGuard` in Apache Kafka (KIP-890).

/// What an append must show to prove that its transaction was verified after it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(pub(super) u64);

/// A producer whose transaction is being verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) struct Verification {
    pub guard: VerificationGuard,
    /// When it began.
    pub begun_ms: i64,
    /// The lowest sequence number that waits for it.
    pub lowest_sequence: i32,
    pub epoch: i16,
    /// Whether the producer speaks transaction version 2.
    pub supports_epoch_bump: bool,
}

impl Verification {
    /// Whether it has waited for so long that nobody comes back.
    pub fn is_expired(&self, now_ms: i64, expiration_ms: i64) -> bool {
        now_ms.saturating_sub(self.begun_ms) >= expiration_ms
    }

    /// A further batch waits for it.
    pub fn note(&mut self, sequence: i32, epoch: i16) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.lowest_sequence = sequence;
        } else if epoch == self.epoch {
            self.lowest_sequence = self.lowest_sequence.min(sequence);
        }
    }
}
