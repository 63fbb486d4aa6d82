//! Which versions of which API are spoken, and the answer to ApiVersions.

use std::ops::RangeInclusive;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::StrBytes;

use super::api::{Api, Listener};
use crate::sim::sorted::sort_by_key;

/// Features of a 4.3 cluster: the oldest and the newest level that nodes know, and the one that a new cluster is formatted with
/// (`Feature.java`); that of the quorum is its own affair.
const FEATURES: [(&str, i16, i16, Option<i16>); 7] = [
    ("eligible.leader.replicas.version", 0, 1, Some(1)),
    ("group.version", 0, 1, Some(1)),
    ("kraft.version", 0, 1, None),
    ("metadata.version", 7, 30, Some(30)),
    ("share.version", 0, 1, Some(1)),
    ("streams.version", 0, 1, Some(1)),
    ("transaction.version", 0, 2, Some(2)),
];
/// From this version of ApiVersions on a feature may have level 0; to older ones those that do are not shown
/// (`ApiVersionsResponse.Builder`).
const WITH_LEVEL_0: i16 = 4;
/// From this version of ApiVersions on a client says what it is.
const WITH_SOFTWARE: i16 = 3;
/// librdkafka takes a broker without the first version of Produce for a very old one (KAFKA-18659).
const OLDEST_NAMED_PRODUCE: i16 = 0;

impl Api {
    /// The versions that brokers of a 4.3 cluster read and answer: `validVersions` of Kafka's message definitions.
    #[must_use]
    pub fn versions(self) -> RangeInclusive<i16> {
        let known = ApiKey::try_from(self.key()).expect("what is in the table is an API of Kafka's");
        let range = known.valid_versions();
        range.min..=self.newest().unwrap_or(range.max)
    }

    /// The newest version, where `kafka-protocol` knows another: of ListOffsets the last one has one more special timestamp and
    /// the same fields as the one before, and that of InitProducerId is not stable (`latestVersionUnstable`).
    fn newest(self) -> Option<i16> {
        match self.key() {
            2 => Some(11),
            22 => Some(5),
            // It is read and written here.
            27 => Some(2),
            _ => None,
        }
    }
}

/// What is answered at such a listener: each API that is served there, by key, and the features of the cluster as of the
/// metadata's offset.
#[must_use]
pub fn api_versions(
    listener: Listener,
    request: &ApiVersionsRequest,
    version: i16,
    metadata_offset: i64,
) -> ApiVersionsResponse {
    if !Api::ApiVersions.versions().contains(&version) {
        let response = ApiVersionsResponse::default().with_error_code(ResponseError::UnsupportedVersion.code());
        return response.with_api_keys(vec![named(Api::ApiVersions)]);
    }
    if version >= WITH_SOFTWARE && !names_software(request) {
        return ApiVersionsResponse::default().with_error_code(ResponseError::InvalidRequest.code());
    }
    let served = Api::ALL.iter().filter(|api| api.is_served_by(listener));
    let mut keys: Vec<ApiVersion> = served.map(|api| named(*api)).collect();
    sort_by_key(&mut keys, |api| u64::from(api.api_key.cast_unsigned()).into());
    // A Fetch by name has the key of a Fetch.
    keys.dedup_by_key(|api| api.api_key);
    let supported = FEATURES.iter().filter(|(_, oldest, ..)| version >= WITH_LEVEL_0 || *oldest > 0);
    let supported = supported.map(|(name, oldest, newest, _)| {
        let feature = SupportedFeatureKey::default().with_name(StrBytes::from_static_str(name));
        feature.with_min_version(*oldest).with_max_version(*newest)
    });
    let finalized = FEATURES.iter().filter_map(|(name, _, _, level)| {
        let feature = FinalizedFeatureKey::default().with_name(StrBytes::from_static_str(name));
        Some(feature.with_min_version_level((*level)?).with_max_version_level((*level)?))
    });
    ApiVersionsResponse::default()
        .with_api_keys(keys)
        .with_supported_features(supported.collect())
        .with_finalized_features(finalized.collect())
        .with_finalized_features_epoch(metadata_offset)
}

fn named(api: Api) -> ApiVersion {
    let versions = api.versions();
    let oldest = if api == Api::Produce { OLDEST_NAMED_PRODUCE } else { *versions.start() };
    ApiVersion::default().with_api_key(api.key()).with_min_version(oldest).with_max_version(*versions.end())
}

/// Whether the client says what it is in letters that can be shown (`ApiVersionsRequest.isValid`).
fn names_software(request: &ApiVersionsRequest) -> bool {
    let is_word = |text: &str| {
        let bytes = text.as_bytes();
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        is_end(bytes.first()) && is_end(bytes.last()) && bytes.iter().all(is_inner)
    };
    is_word(&request.client_software_name) && is_word(&request.client_software_version)
}
