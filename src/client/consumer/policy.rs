//! What a consumer does that has no position (Kafka: `AutoOffsetResetStrategy`).

/// `auto.offset.reset`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetReset {
    /// To the end.
    Latest,
    /// To the beginning.
    Earliest,
    /// Not at all.
    None,
    /// To the first record that is no older than so many milliseconds (KIP-1106).
    ByDuration(u64),
}

impl OffsetReset {
    /// Kafka's word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Earliest => "earliest",
            Self::None => "none",
            Self::ByDuration(_) => "by_duration",
        }
    }

    /// The timestamp that stands for it in ListOffsets when the wall clock shows so many milliseconds.
    pub(super) fn timestamp(self, now_ms: i64) -> i64 {
        match self {
            Self::Latest | Self::None => -1,
            Self::Earliest => -2,
            Self::ByDuration(ms) => now_ms.saturating_sub_unsigned(ms),
        }
    }
}
