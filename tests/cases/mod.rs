//! How many cases a property test tries.

use proptest::prelude::ProptestConfig;

/// `PROPTEST_CASES`, where that is set, else as many as an ordinary run has time for. What failed is not noted in a file:
/// the seed (`PROPTEST_RNG_SEED`) brings it back.
pub fn cases(usual: u32) -> ProptestConfig {
    let told = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: told.unwrap_or(usual), failure_persistence: None, ..ProptestConfig::default() }
}
