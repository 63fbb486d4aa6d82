//! Which partition of an internal topic, and so which broker, looks after a group or a transactional id:
//! `GroupCoordinator.partitionFor` and `TransactionStateManager.partitionFor` in Apache Kafka.

use crate::log::java_hash::string_hash;

/// The hash of an id, as Java has it of text.
pub fn hash_code(id: &str) -> i32 {
    string_hash(id)
}

/// The absolute value, 0 for the number that has none (`Utils.abs`).
pub fn absolute(number: i32) -> i32 {
    number.checked_abs().unwrap_or(0)
}

/// The partition of `__consumer_offsets` or `__transaction_state` that an id belongs to.
pub fn partition_of(id: &str, partitions: i32) -> i32 {
    absolute(hash_code(id)).checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hashed_as_java_hashes_text() {
        assert_eq!((hash_code(""), hash_code("a"), hash_code("my-group")), (0, 97, -1_906_497_762));
        assert_eq!(partition_of("my-group", 50), 12);
        assert_eq!((absolute(i32::MIN), absolute(-5)), (0, 5));
    }
}
