//! How well the batches of a topic are compressed, as far as is known (Kafka: `CompressionRatioEstimator`).

/// The size of compressed records as a part of their size before, in millionths. Kafka counts in floating point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CompressionRatio(u64);

impl CompressionRatio {
    /// Nothing is known: as if there were no codec.
    pub(super) const WHOLE: Self = Self(1_000_000);
    /// By so much at most the estimate falls at a time (`COMPRESSION_RATIO_IMPROVING_STEP`).
    const IMPROVING_STEP: u64 = 5_000;
    /// By so much at least it rises (`COMPRESSION_RATIO_DETERIORATE_STEP`).
    const DETERIORATE_STEP: u64 = 50_000;
    /// What is added to be on the safe side, in hundredths (`COMPRESSION_RATE_ESTIMATION_FACTOR`).
    const FACTOR: u64 = 105;

    /// So many bytes of so many.
    pub(super) fn of(compressed: usize, plain: usize) -> Self {
        Self((compressed as u64 * Self::WHOLE.0).checked_div(plain as u64).unwrap_or(Self::WHOLE.0))
    }

    /// What so many bytes will be, more or less.
    pub(super) fn estimate(self, plain: usize) -> usize {
        (plain as u64 * self.0 / Self::WHOLE.0 * Self::FACTOR / 100) as usize
    }

    /// The estimate after a batch: soon worse, slowly better.
    pub(super) fn after(self, observed: Self) -> Self {
        if observed > self {
            Self(observed.0.max(self.0 + Self::DETERIORATE_STEP))
        } else {
            Self(observed.0.max(self.0.saturating_sub(Self::IMPROVING_STEP)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_worsens_at_once_and_improves_in_small_steps() {
        let half = CompressionRatio::of(50, 100);
        assert_eq!(CompressionRatio::WHOLE.after(half), CompressionRatio(995_000));
        assert_eq!(CompressionRatio(502_000).after(half), half);
        assert_eq!(half.after(CompressionRatio(501_000)), CompressionRatio(550_000));
        assert_eq!(half.after(CompressionRatio::of(110, 100)), CompressionRatio(1_100_000));
        assert_eq!((half.estimate(1_000), CompressionRatio::of(7, 0)), (525, CompressionRatio::WHOLE));
    }
}
