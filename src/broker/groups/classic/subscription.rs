//! What members of consumers' groups say of themselves (`ConsumerProtocolSubscription` in Apache Kafka), as far as a
//! coordinator looks into it: the topics, which stand at the front in every version.

use std::collections::BTreeSet;

/// The topics that a member subscribes to; `None` where its words are not those of a consumer.
pub(super) fn topics(metadata: &[u8]) -> Option<BTreeSet<String>> {
    let (version, rest) = metadata.split_first_chunk::<2>()?;
    if i16::from_be_bytes(*version) < 0 {
        return None;
    }
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut topics = BTreeSet::new();
    for _ in 0..i32::from_be_bytes(*count) {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        let (name, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        topics.insert(String::from_utf8(name.to_vec()).ok()?);
        rest = behind;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a Java consumer of 4.3.1 says it.
    #[test]
    fn the_topics_of_a_subscription_are_read() {
        let said = [0, 3, 0, 0, 0, 1, 0, 2, b'a', b'g', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert_eq!(topics(&said), Some(BTreeSet::from(["ag".to_owned()])));
        assert_eq!(topics(&said[..7]), None);
        assert_eq!(topics(&[]), None);
    }
}
