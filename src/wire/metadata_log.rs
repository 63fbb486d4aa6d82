//! How brokers read `__cluster_metadata`: the records themselves are not simulated, a broker is given the image that they
//! make (decision 0004).

/// A broker's Fetch of `__cluster_metadata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchMetadataRequest {
    /// The broker that reads.
    pub broker: i32,
    /// The offset of the image it has; -1 for none.
    pub offset: i64,
}
