//! Files over time, without and with loss of power.

use bytes::Bytes;

use super::{Disk, DiskError, FileId};

fn disk_with(path: &str, writes: &[&'static str]) -> (Disk, FileId) {
    let mut disk = Disk::default();
    let id = disk.create(path).unwrap();
    for write in writes {
        disk.append(id, Bytes::from_static(write.as_bytes())).unwrap();
    }
    (disk, id)
}

#[test]
fn a_flush_that_power_interrupted_is_never_done() {
    let (mut disk, id) = disk_with("a", &["kept"]);
    disk.flush(id);
    disk.set_slowdown_us(1_000);
    disk.append(id, Bytes::from_static(b"lost")).unwrap();
    disk.flush(id);
    disk.lose_power(|_| 0);
    disk.set_slowdown_us(0);
    disk.append(id, Bytes::from_static(b"cached")).unwrap();
    disk.set_time(1_000_000);
    disk.lose_power(|_| 0);
    assert_eq!(disk.read(id, 0, 99), "kept");
}

#[test]
fn a_read_inside_one_write_shares_it_and_a_wider_one_joins() {
    let (disk, id) = disk_with("a", &["hello ", "world"]);
    assert_eq!(disk.read(id, 1, 3), "ell");
    assert_eq!(disk.read(id, 1, 3).as_ptr(), disk.read(id, 0, 2).as_ptr().wrapping_add(1));
    assert_eq!(disk.read(id, 4, 100), "o world");
    assert_eq!(disk.read(id, 11, 1), "");
}

#[test]
fn power_loss_keeps_what_was_flushed_and_a_beginning_of_the_rest() {
    let (mut disk, id) = disk_with("a", &["flushed"]);
    disk.flush(id);
    disk.append(id, Bytes::from_static(b"cached")).unwrap();
    let mut torn = disk.clone();
    torn.lose_power(|bound| {
        assert_eq!(bound, 7);
        3
    });
    assert_eq!(torn.read(id, 0, 99), "flushedcac");
    assert_eq!(torn.used(), 10);
    disk.lose_power(|_| 0);
    assert_eq!(disk.read(id, 0, 99), "flushed");
}

#[test]
fn an_overwrite_that_was_not_flushed_is_undone_by_power_loss() {
    let (mut disk, id) = disk_with("a", &["flushed"]);
    disk.flush(id);
    disk.overwrite(id, 0, b"FL");
    disk.append(id, Bytes::from_static(b"tail")).unwrap();
    assert_eq!(disk.read(id, 0, 99), "FLushedtail");
    disk.lose_power(|_| 2);
    assert_eq!(disk.read(id, 0, 99), "flushedta");
}

#[test]
fn a_full_disk_refuses_the_whole_write() {
    let (mut disk, id) = disk_with("a", &["1234"]);
    disk.set_capacity(6);
    assert_eq!(disk.append(id, Bytes::from_static(b"567")), Err(DiskError::Full));
    assert_eq!(disk.append(id, Bytes::from_static(b"56")), Ok(()));
    assert!(disk.remove("a"));
    assert_eq!(disk.used(), 0);
}

#[test]
fn rename_replaces_and_keeps_the_handle() {
    let (mut disk, id) = disk_with("a.tmp", &["new"]);
    let old = disk.create("a").unwrap();
    disk.rename("a.tmp", "a").unwrap();
    assert_eq!(disk.open("a"), Some(id));
    assert_eq!(disk.len(old), 0);
    assert_eq!(disk.list("a").collect::<Vec<_>>(), ["a"]);
}

#[test]
fn the_place_of_a_removed_file_is_used_again_and_its_handle_stays_dead() {
    let (mut disk, first) = disk_with("0", &["old"]);
    for n in 0..100 {
        assert!(disk.remove(&n.to_string()));
        let file = disk.create(&(n + 1).to_string()).unwrap();
        disk.append(file, Bytes::from_static(b"new")).unwrap();
    }
    assert_eq!((disk.slots.len(), disk.used()), (1, 3));
    assert_eq!((disk.len(first), disk.read(first, 0, 9)), (0, Bytes::new()));
    assert_eq!(disk.append(first, Bytes::from_static(b"late")), Err(DiskError::Missing));
    disk.truncate(first, 0);
    assert_eq!(disk.files("").collect::<Vec<_>>(), [("100", 3)]);
}

#[test]
fn a_hole_reads_as_zeros_takes_no_room_and_outlives_power() {
    let (mut disk, id) = disk_with("a", &[]);
    disk.set_len(id, 10 << 20);
    assert_eq!((disk.used(), disk.len(id), disk.read(id, 5, 3)), (0, 10 << 20, Bytes::from_static(&[0, 0, 0])));
    disk.write_at(id, 0, Bytes::from_static(b"entry one")).unwrap();
    disk.write_at(id, 9, Bytes::from_static(b"entry two")).unwrap();
    assert_eq!(disk.read(id, 6, 14), "oneentry two\0\0");
    assert_eq!((disk.used(), disk.peek(id, (10 << 20) - 2).len()), (18, 2));
    disk.lose_power(|_| 11);
    assert_eq!((disk.len(id), disk.read(id, 6, 8)), (10 << 20, Bytes::from_static(b"oneen\0\0\0")));
    disk.set_len(id, 9);
    assert_eq!((disk.used(), disk.read(id, 0, 99)), (9, Bytes::from_static(b"entry one")));
}

#[test]
fn changes_have_the_time_that_was_told() {
    let (mut disk, id) = disk_with("a", &["1"]);
    disk.set_now_ms(7);
    disk.rename("a", "b").unwrap();
    assert_eq!(disk.modified_ms(id), 0);
    disk.append(id, Bytes::from_static(b"2")).unwrap();
    disk.set_now_ms(8);
    let copy = disk.copy("b", "c").unwrap();
    assert_eq!((disk.modified_ms(id), disk.modified_ms(copy), disk.read(copy, 0, 9)), (7, 8, "12".into()));
    assert_eq!(disk.files("").collect::<Vec<_>>(), [("b", 2), ("c", 2)]);
}

#[test]
fn a_slow_disk_adds_up_its_time_until_asked() {
    let (mut disk, id) = disk_with("a", &[]);
    disk.set_slowdown_us(5);
    disk.append(id, Bytes::from_static(b"1")).unwrap();
    disk.flush(id);
    assert_eq!((disk.take_elapsed_us(), disk.take_elapsed_us()), (10, 0));
}

#[cfg(not(target_family = "wasm"))]
mod properties {
    use super::disk_with;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Op {
        Append(Vec<u8>),
        Truncate(u64),
        SetLen(u64),
        WriteAt(u64, Vec<u8>),
        Overwrite(u64, Vec<u8>),
        Flush,
        LosePower(u64),
        Flip(u64, u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..9);
        prop_oneof![
            20 => bytes().prop_map(Op::Append),
            1 => (0..200u64).prop_map(Op::Truncate),
            1 => (0..300u64).prop_map(Op::SetLen),
            3 => (0..200u64, bytes()).prop_map(|(at, bytes)| Op::WriteAt(at, bytes)),
            2 => (0..200u64, bytes()).prop_map(|(at, bytes)| Op::Overwrite(at, bytes)),
            2 => Just(Op::Flush),
            1 => (0..20u64).prop_map(Op::LosePower),
            1 => (0..200u64, any::<u8>()).prop_map(|(at, mask)| Op::Flip(at, mask)),
        ]
    }

    proptest! {
        #[test]
        fn a_file_is_its_bytes_and_its_durable_bytes(ops in prop::collection::vec(op(), 0..300)) {
            let (mut disk, id) = disk_with("f", &[]);
            // The bytes, how many of them were written and not cut, and the same of what power leaves.
            let (mut cache, mut written) = (Vec::<u8>::new(), 0);
            let (mut durable, mut durable_len) = (Vec::<u8>::new(), 0);
            let mut snapshots = Vec::new();
            for op in ops {
                match op {
                    Op::Append(bytes) => {
                        cache.extend(&bytes);
                        written = if bytes.is_empty() { written } else { cache.len() };
                        disk.append(id, bytes.into()).unwrap();
                    }
                    Op::Truncate(len) => {
                        let len = cache.len().min(len as usize);
                        durable_len = if len < cache.len() { len } else { durable_len };
                        cache.truncate(len);
                        durable.truncate(len);
                        written = written.min(len);
                        disk.truncate(id, len as u64);
                    }
                    Op::SetLen(len) => {
                        durable_len = if len as usize == cache.len() { durable_len } else { len as usize };
                        cache.resize(len as usize, 0);
                        durable.truncate(len as usize);
                        written = written.min(len as usize);
                        disk.set_len(id, len);
                    }
                    Op::WriteAt(at, bytes) => {
                        let end = at as usize + bytes.len();
                        if !bytes.is_empty() {
                            cache.resize(cache.len().max(end), 0);
                            cache[at as usize..end].copy_from_slice(&bytes);
                            written = written.max(end);
                        }
                        disk.write_at(id, at, bytes.into()).unwrap();
                    }
                    Op::Overwrite(at, bytes) => {
                        for (slot, byte) in cache.iter_mut().skip(at as usize).zip(&bytes) {
                            *slot = *byte;
                        }
                        let end = cache.len().min(at as usize + bytes.len());
                        written = if end > at as usize { written.max(end) } else { written };
                        disk.overwrite(id, at, &bytes);
                    }
                    Op::Flush => {
                        durable = cache[..written].to_vec();
                        durable_len = cache.len();
                        disk.flush(id);
                    }
                    Op::LosePower(kept) => {
                        let end = (durable.len() + kept as usize).min(written);
                        durable.extend(&cache[durable.len()..end]);
                        written = durable.len();
                        cache.clone_from(&durable);
                        cache.resize(written.max(durable_len), 0);
                        durable_len = cache.len();
                        disk.lose_power(|_| kept);
                    }
                    Op::Flip(at, mask) => {
                        let images = [cache[..written].get_mut(at as usize), durable.get_mut(at as usize)];
                        images.into_iter().flatten().for_each(|byte| *byte ^= mask);
                        disk.flip_bit("f", at, mask);
                    }
                }
                prop_assert_eq!(disk.read(id, 0, u32::MAX), cache.clone());
                prop_assert_eq!(disk.used(), written as u64);
                let middle = cache.len() / 2;
                prop_assert_eq!(disk.read(id, middle as u64, 5), &cache[middle..cache.len().min(middle + 5)]);
                if cache.len() % 7 == 0 {
                    snapshots.push((disk.clone(), cache.clone()));
                }
            }
            for (disk, bytes) in snapshots {
                prop_assert_eq!(disk.read(id, 0, u32::MAX), bytes);
            }
        }
    }
}

/// A checkpoint is written beside the old one, flushed and renamed: whenever power is lost, the old one is there or the new one.
#[test]
fn a_rename_behind_a_flush_that_power_interrupted_is_not_done() {
    let replace = |disk: &mut Disk, text: &'static str| {
        let id = disk.create("a.tmp").unwrap();
        disk.append(id, Bytes::from_static(text.as_bytes())).unwrap();
        disk.flush(id);
        disk.rename("a.tmp", "a").unwrap();
    };
    let left = |at: u64| {
        let mut disk = Disk::default();
        replace(&mut disk, "first");
        disk.set_slowdown_us(1_000);
        replace(&mut disk, "second");
        disk.remove("a");
        replace(&mut disk, "third, a longer one");
        disk.take_elapsed_us();
        disk.set_time(at);
        disk.lose_power(|_| 1);
        let used: u64 = disk.files("").map(|(_, len)| len).sum();
        assert_eq!(disk.used(), used, "at {at}");
        disk.open("a").map(|id| disk.read(id, 0, 99))
    };
    // The second is there from 2 ms to its removal in the same instant, the third two operations later.
    assert_eq!([0, 1_999].map(left), [Some("first".into()), Some("first".into())]);
    assert_eq!([2_000, 3_999].map(left), [None, None]);
    assert_eq!(left(4_000), Some("third, a longer one".into()));
}
