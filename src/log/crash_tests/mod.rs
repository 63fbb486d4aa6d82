//! What survives kills, losses of power and clean stops at random moments of a log's life, against a small model of it.

mod kept;
mod workload;

use proptest::prelude::*;

use super::batch::BatchBuilder;
use super::cases::cases;
use super::*;
use workload::{Workload, config};

const START: i64 = 1_700_000_000_000;
const DIRECTORY: &str = "data/t-0";

#[derive(Clone, Debug)]
pub(super) enum Op {
    /// By no producer, or by one of two idempotent ones of which the second writes transactions.
    Append {
        records: usize,
        size: usize,
        producer: Option<bool>,
    },
    EndTransaction {
        commit: bool,
    },
    Roll,
    Flush,
    Checkpoint,
    Truncate(u64),
    DeleteRecords(u64),
    Retention,
    Tick(i64),
    Elect,
    Kill,
    LosePower(u64),
    CleanStop(Option<u64>),
}

fn op() -> impl Strategy<Value = Op> {
    let append = (1..4usize, 0..300usize, prop::option::of(any::<bool>()))
        .prop_map(|(records, size, producer)| Op::Append { records, size, producer });
    prop_oneof![
        24 => append,
        2 => any::<bool>().prop_map(|commit| Op::EndTransaction { commit }),
        2 => Just(Op::Roll),
        1 => Just(Op::Flush),
        1 => Just(Op::Checkpoint),
        1 => any::<u64>().prop_map(Op::Truncate),
        1 => any::<u64>().prop_map(Op::DeleteRecords),
        1 => Just(Op::Retention),
        1 => (0..4_000i64).prop_map(Op::Tick),
        1 => Just(Op::Elect),
        1 => Just(Op::Kill),
        2 => any::<u64>().prop_map(Op::LosePower),
        1 => prop::option::of(any::<u64>()).prop_map(Op::CleanStop),
    ]
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_survives_is_a_beginning_with_all_that_was_durable_and_consistent(
        ops in prop::collection::vec(op(), 1..90),
    ) {
        let mut workload = Workload::begin();
        for op in &ops {
            workload.live(op);
            workload.check();
        }
    }

    #[test]
    fn no_damage_makes_opening_or_what_follows_panic(
        ops in prop::collection::vec(op(), 1..40),
        damage in prop::collection::vec((any::<u64>(), any::<u64>(), 1..=255u8), 1..6),
        clean in any::<bool>(),
        recovery_point in 0..200i64,
        log_start_offset in 0..50i64,
    ) {
        let mut workload = Workload::begin();
        ops.iter().for_each(|op| workload.live(op));
        let files: Vec<String> = workload.disk.list("").map(str::to_owned).collect();
        for (file, at, mask) in damage {
            let path = &files[(file % files.len() as u64) as usize];
            let len = workload.disk.open(path).map_or(0, |id| workload.disk.len(id));
            match at % 5 {
                0 => drop(workload.disk.remove(path)),
                1 if len > 0 => workload.disk.truncate(workload.disk.open(path).unwrap(), at / 5 % len),
                _ if len > 0 => drop(workload.disk.flip_bit(path, at / 5 % len, mask)),
                _ => {}
            }
        }
        let producers = ProducerSettings { verification_enabled: false, ..ProducerSettings::default() };
        let opening = Opening { clean, recovery_point, log_start_offset, producers };
        if let Ok((mut log, _)) = ReplicaLog::open_with(&mut workload.disk, DIRECTORY, config(), opening) {
            let mut builder = BatchBuilder::new();
            builder.record(START, None, Some(b"v"));
            let _ = log.append_as_leader(&mut workload.disk, builder.build(), 7, START);
            let end = log.log_end_offset();
            log.update_high_watermark(&workload.disk, end);
            for offset in [0, 3, 40, end - 1, end] {
                let _ = log.read(&workload.disk, offset, 1_000, end, true);
            }
            let _ = log.offset_for_timestamp(&workload.disk, START);
            let _ = log.truncate_to(&mut workload.disk, end / 2);
            let _ = log.delete_old_segments(&mut workload.disk, START + 100_000);
            let _ = log.shut_down(&mut workload.disk);
        }
    }
}
