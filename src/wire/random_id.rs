//! Ids that nobody gives: the controller makes those of topics, members of groups make their own.

use uuid::Uuid;

use crate::sim::random::Random;

/// An id that was never used (Kafka: `Uuid.randomUuid`, which avoids its reserved ids and those whose text begins with a
/// dash, because a command line takes that for an option).
pub(crate) fn random_uuid(random: &mut Random) -> Uuid {
    loop {
        let (high, low) = (random.next_u64(), random.next_u64());
        let id = uuid::Builder::from_u128(u128::from(high) << 64 | u128::from(low))
            .with_version(uuid::Version::Random)
            .with_variant(uuid::Variant::RFC4122)
            .into_uuid();
        // The first six bits are the first letter of the base64 text; 62 is the dash.
        if id.as_u128() >> 122 != 62 {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::partition_metadata::uuid_text;

    #[test]
    fn ids_are_random_ones_that_do_not_begin_with_a_dash() {
        let mut random = Random::stream(7, "test", 0);
        let ids: std::collections::BTreeSet<Uuid> = (0..1_000).map(|_| random_uuid(&mut random)).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 4 && !uuid_text(*id).starts_with('-')));
    }
}
