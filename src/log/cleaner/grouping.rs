//! Which segments become one: `Cleaner.groupSegmentsBySize` in Apache Kafka. It looks at sizes before cleaning.

/// A segment as the grouping sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSizes {
    /// Its first offset.
    pub base_offset: i64,
    /// Of its `.log` file.
    pub log_bytes: u64,
    /// Of the entries of its `.index` file.
    pub index_bytes: u64,
    /// Of the entries of its `.timeindex` file.
    pub time_index_bytes: u64,
}

/// The base offsets of the segments of each group, in order: consecutive segments that together have at most `max_bytes`
/// of log and `max_index_bytes` of each index, and whose offsets fit into 32 bits from the first one's base on.
/// `end_offset` is where the last segment ends at most.
pub fn group(segments: &[SegmentSizes], max_bytes: u64, max_index_bytes: u64, end_offset: i64) -> Vec<Vec<i64>> {
    let mut groups: Vec<Vec<i64>> = Vec::new();
    let mut sums = SegmentSizes { base_offset: 0, log_bytes: 0, index_bytes: 0, time_index_bytes: 0 };
    for (i, segment) in segments.iter().enumerate() {
        // The next segment's base stands for this one's end, which would have to be searched for.
        let last_offset = segments.get(i + 1).map_or(end_offset, |next| next.base_offset) - 1;
        let relative_fits = segment.log_bytes == 0 || last_offset - sums.base_offset <= i64::from(i32::MAX);
        let fits = sums.log_bytes + segment.log_bytes <= max_bytes
            && sums.index_bytes + segment.index_bytes <= max_index_bytes
            && sums.time_index_bytes + segment.time_index_bytes <= max_index_bytes
            && relative_fits;
        match groups.last_mut().filter(|_| fits) {
            Some(group) => {
                group.push(segment.base_offset);
                sums.log_bytes += segment.log_bytes;
                sums.index_bytes += segment.index_bytes;
                sums.time_index_bytes += segment.time_index_bytes;
            }
            None => {
                groups.push(vec![segment.base_offset]);
                sums = *segment;
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(base_offset: i64, log_bytes: u64) -> SegmentSizes {
        SegmentSizes { base_offset, log_bytes, index_bytes: log_bytes / 10, time_index_bytes: log_bytes / 5 }
    }

    #[test]
    fn every_limit_begins_a_new_group() {
        let segments = [segment(0, 100), segment(10, 100), segment(20, 100), segment(30, 50)];
        assert_eq!(group(&segments, 200, 1_000, 40), [vec![0, 10], vec![20, 30]]);
        assert_eq!(group(&segments, 99, 1_000, 40), [vec![0], vec![10], vec![20], vec![30]]);
        assert_eq!(group(&segments, 1_000, 1_000, 40), [vec![0, 10, 20, 30]]);
        assert_eq!(group(&segments, 1_000, 40, 40), [vec![0, 10], vec![20, 30]]);
        assert_eq!(group(&[], 1_000, 40, 40), Vec::<Vec<i64>>::new());
    }

    #[test]
    fn relative_offsets_stay_within_32_bits_but_an_empty_segment_may_be_taken_along() {
        let far = i64::from(i32::MAX);
        let segments = [segment(0, 10), segment(far - 10, 10), segment(far + 1, 0), segment(far + 2, 10)];
        // The second ends at the third's base: at the largest relative offset.
        assert_eq!(group(&segments, 1_000, 1_000, far + 5), [vec![0, far - 10, far + 1], vec![far + 2]]);
    }
}
