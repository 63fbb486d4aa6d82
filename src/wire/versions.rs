//! The answer to ApiVersions, from the table.

use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::api_versions_response::ApiVersion;

use super::api::{Api, Listener};
use crate::sim::sorted::sort_by_key;

/// What is answered at such a listener: each API that is served there, by key. Kafka tells a range of versions; here
/// everybody speaks one, but for a Fetch by name, which is an older one.
#[must_use]
pub fn api_versions(listener: Listener) -> ApiVersionsResponse {
    let served = Api::ALL.iter().filter(|api| api.is_served_by(listener));
    let mut keys: Vec<ApiVersion> = served
        .map(|api| {
            let version = api.version();
            ApiVersion::default().with_api_key(api.key()).with_min_version(version).with_max_version(version)
        })
        .collect();
    sort_by_key(&mut keys, |api| u64::from(api.api_key.cast_unsigned()).into());
    keys.dedup_by(|other, api| {
        let is_same = api.api_key == other.api_key;
        if is_same {
            api.min_version = api.min_version.min(other.min_version);
            api.max_version = api.max_version.max(other.max_version);
        }
        is_same
    });
    ApiVersionsResponse::default().with_api_keys(keys)
}
