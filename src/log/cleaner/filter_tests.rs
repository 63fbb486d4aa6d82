use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::log::batch::{self, BatchBuilder, records};
use crate::log::compression::Compression;

const DAY_MS: i64 = 86_400_000;

/// Filters one batch with a map of these latest offsets; every offset up to `map_end` was looked at.
fn filter(batch: &[u8], latest: &[(&str, i64)], map_end: i64, now_ms: i64) -> Filtered {
    let mut map = OffsetMap::with_slots(100);
    latest.iter().for_each(|(key, offset)| map.put(KeyHash::of(key.as_bytes()), *offset));
    map.update_latest_offset(map_end);
    let last_records = BTreeMap::new();
    let rules = RecordFilter {
        map: &map,
        now_ms,
        delete_retention_ms: DAY_MS,
        end_of_round: 1_000,
        last_records: &last_records,
        retains_deletes: None,
    };
    let mut out = Filtered::default();
    let header = BatchHeader::parse(batch).unwrap();
    let mut window = Window::default();
    rules.look(&header, batch, &mut CleanedTransactions::default(), &mut window, &mut out).unwrap();
    rules.settle(&mut window, &mut out).unwrap();
    out
}

fn batch(base_offset: i64, codec: Compression, of: &[(i64, &str, Option<&str>)]) -> Bytes {
    let mut builder = BatchBuilder::new().at(base_offset, 3).compression(codec);
    for (timestamp, key, value) in of {
        builder.record(*timestamp, Some(key.as_bytes()), value.map(str::as_bytes));
    }
    builder.build()
}

fn offsets(bytes: &[u8]) -> Vec<(i64, i64)> {
    let body = Body::of(bytes).unwrap();
    body.records().unwrap().map(|record| record.unwrap()).map(|record| (record.offset, record.timestamp)).collect()
}

#[test]
fn a_batch_that_stays_whole_keeps_its_bytes() {
    for codec in Compression::ALL {
        let input = batch(5, codec, &[(10, "a", Some("1")), (12, "b", Some("2"))]);
        assert_eq!(filter(&input, &[("a", 5), ("b", 6)], 6, 0).output, input);
        assert_eq!(filter(&input, &[], 4, 0).output, input, "behind the map nothing goes");
    }
}

#[test]
fn what_is_left_keeps_offsets_and_times_and_the_end_of_the_batch() {
    let all = [(10, "a", Some("1")), (40, "b", Some("2")), (30, "c", Some("3")), (20, "d", Some("4"))];
    for codec in Compression::ALL {
        let input = batch(5, codec, &all);
        // b (the largest time) and d go; then a.
        let first = filter(&input, &[("a", 5), ("b", 9), ("c", 7), ("d", 9)], 9, 0).output;
        assert_eq!(offsets(&first), [(5, 10), (7, 30)]);
        let header = batch::validate(&first).unwrap();
        assert_eq!((header.base_timestamp, header.max_timestamp, header.last_offset()), (10, 30, 8));
        assert_eq!((header.record_count, header.partition_leader_epoch), (2, 3));
        let second = filter(&first, &[("a", 9), ("c", 7)], 9, 0).output;
        assert_eq!(offsets(&second), [(7, 30)]);
        let header = batch::validate(&second).unwrap();
        assert_eq!((header.base_timestamp, header.max_timestamp, header.last_offset()), (30, 30, 8));
    }
}

#[test]
fn a_tombstone_takes_two_passes_and_the_time_between_them() {
    let input = batch(5, Compression::None, &[(10, "a", None), (12, "b", Some("2"))]);
    let latest = [("a", 5), ("b", 6)];
    let stamped = filter(&input, &latest, 6, 100).output;
    let header = batch::validate(&stamped).unwrap();
    assert_eq!(header.delete_horizon_ms(), Some(100 + DAY_MS));
    assert_eq!((offsets(&stamped), header.max_timestamp), (vec![(5, 10), (6, 12)], 12));
    assert!(stamped.len() > input.len(), "times are counted from the horizon");
    assert_eq!(filter(&stamped, &latest, 6, 99 + DAY_MS).output, stamped, "the horizon is not reached");
    let gone = filter(&stamped, &latest, 6, 100 + DAY_MS).output;
    assert_eq!(offsets(&gone), [(6, 12)]);
    assert_eq!(batch::validate(&gone).unwrap().delete_horizon_ms(), Some(100 + DAY_MS), "the stamp stays");
}

#[test]
fn a_tombstone_behind_the_map_is_stamped_all_the_same() {
    let input = batch(5, Compression::None, &[(10, "a", None)]);
    assert!(BatchHeader::parse(&filter(&input, &[], 4, 100).output).unwrap().delete_horizon_ms().is_some());
}

#[test]
fn a_batch_without_records_is_dropped_unless_its_place_counts() {
    let superseded = batch(5, Compression::Gzip, &[(10, "a", Some("1"))]);
    assert!(filter(&superseded, &[("a", 9)], 9, 0).output.is_empty());
    let last_of_round = batch(999, Compression::Gzip, &[(10, "a", Some("1"))]);
    let kept = filter(&last_of_round, &[("a", 1_000)], 1_000, 0).output;
    let header = batch::validate(&kept).unwrap();
    assert_eq!((kept.len(), header.record_count, header.last_offset()), (61, 0, 999));
    assert!(header.is_uncompressed() && header.base_timestamp == -1 && header.max_timestamp == 10);
    assert_eq!(filter(&kept, &[], 999, 0).output, kept, "an empty batch can be read again");
}

#[test]
fn the_empty_batch_has_kafkas_bytes() {
    let mut builder = BatchBuilder::new().at(100, 9).producer(4_000, 3, 17).transactional();
    for _ in 0..5 {
        builder.record(1_700_000_000_000, None, None);
    }
    let mut out = Vec::new();
    rewrite::empty(&BatchHeader::parse(&builder.build()).unwrap(), &mut out);
    let hex: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
    let kafkas = "0000000000000064000000310000000902f9e5d4f0001000000004ffffffffffffffff0000018bcfe568000000000000000fa0\
                  00030000001100000000";
    assert_eq!(hex, kafkas);
}

#[test]
fn records_without_a_key_go_and_are_counted() {
    let mut builder = BatchBuilder::new();
    builder.record(1, None, Some(b"v")).record(2, Some(b"k"), Some(b"v"));
    let out = filter(&builder.build(), &[("k", 1)], 1, 0);
    assert_eq!((out.invalid_messages, out.messages_read, out.messages_retained), (1, 2, 1));
    assert_eq!(records(&out.output).unwrap().count(), 1);
}

#[test]
fn the_end_of_a_chunk_may_lie_anywhere_in_a_batch() {
    let input = batch(0, Compression::None, &[(1, "a", Some("1"))]);
    for cut in 0..input.len() {
        assert_eq!(next_batch(&input[..cut]), Ok(None), "{cut}");
    }
    assert_eq!(next_batch(&input).unwrap().unwrap().1, input);
    let mut of_the_future = input.to_vec();
    of_the_future[16] = 3;
    assert_eq!(next_batch(&of_the_future), Err(NotABatch));
    assert_eq!(next_batch(&[0; 20]), Err(NotABatch));
}
