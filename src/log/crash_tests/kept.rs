//! Lives that failed once.

use super::Op;
use super::workload::Workload;

/// An operation: `2x300` appends two records with values of 300 bytes, `i` behind it as an idempotent producer, `t` in a
/// transaction; the others are words, some with a number behind a colon.
fn op(word: &str) -> Op {
    let (name, number) = word.split_once(':').unwrap_or((word, "0"));
    let seed: u64 = number.parse().unwrap();
    match name {
        "stop" => Op::CleanStop(None),
        "stop+power" => Op::CleanStop(Some(seed)),
        "power" => Op::LosePower(seed),
        "kill" => Op::Kill,
        "roll" => Op::Roll,
        "truncate" => Op::Truncate(seed),
        "delete" => Op::DeleteRecords(seed),
        "tick" => Op::Tick(seed as i64),
        "abort" => Op::EndTransaction { commit: false },
        _ => {
            let producer = name.ends_with(['i', 't']).then(|| name.ends_with('t'));
            let (records, size) = name.trim_end_matches(['i', 't']).split_once('x').unwrap();
            Op::Append { records: records.parse().unwrap(), size: size.parse().unwrap(), producer }
        }
    }
}

fn live_through(ops: &str) {
    let mut workload = Workload::begin();
    for word in ops.split_whitespace() {
        workload.live(&op(word));
        workload.check();
    }
}

/// Recovery made the index of a segment anew. The log was cut to the recovery point and rolled: Kafka flushes nothing then,
/// and the next loss of power took the index, whatever shutdown was before it.
#[test]
fn an_index_that_recovery_made_and_a_roll_did_not_flush_may_be_lost() {
    live_through(
        "1x0 1x0 1x0t 1x199 1x7 1x0 1x0 1x52 1x240 1x152 1x63 power:0 1x0 1x0 1x0 1x0 2x252 2x37 2x107 3x28 3x127 1x262 \
         1x18 3x109 2x222 2x232 2x18 2x227 stop 1x0 1x0 2x55 2x294 2x275 1x146 2x77 power:6715925119106696039 \
         truncate:2872424271437445722 2x106 stop+power:2402917291381304534",
    );
}

/// The same; such an index then misled a truncation: what it should have cut stays in the file.
#[test]
fn a_truncation_by_a_lost_index_may_leave_batches_in_the_file() {
    live_through(
        "3x4 1x22 1x58 power:10439223773502644857 2x0 3x81 stop 3x294 1x0 1x0 delete:8054215698325206885 2x207 abort \
         1x0 1x0 1x0 1x0 1x0 1x0 truncate:3460105015732130901 1x0 1x0 3x248 2x165 2x71 power:15840881080760618006 \
         1x208 1x222 1x139 2x152 2x73 1x22 truncate:2912969939607866470 kill 3x276 1x0 1x0 \
         stop+power:14535528151156550878 1x0 1x0 1x0 stop truncate:1771252768110846217",
    );
}

/// The time index was cut to fewer entries, and the last entry, written when the log was closed, was lost with the power: an
/// old one with a larger offset stands in its place, and refuses the entry of the next roll.
#[test]
fn a_lost_last_time_may_bring_back_one_that_was_cut() {
    live_through(
        "2x204 3x112 1x195 2x111 truncate:1847968304136968207 2x0 tick:1 2x0 roll tick:1 3x125 1x245 3x171 1x30 1x155 \
         1x190 power:3453176073399685626 1x0 1x0 truncate:4888096010202768319 1x0 1x0 1x0 1x0 1x0 1x0 1x0 \
         truncate:4645565592748687099 1x0 stop+power:0 1x0 1x58 1x0",
    );
}
