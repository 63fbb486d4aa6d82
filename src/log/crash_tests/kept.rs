//! Lives that failed once.

use super::Op::{self, CleanStop, DeleteRecords, EndTransaction, Kill, LosePower, Roll, Tick, Truncate};
use super::life::Life;

fn append(records: usize, size: usize, producer: Option<bool>) -> Op {
    Op::Append { records, size, producer }
}

fn live_through(ops: &[Op]) {
    let mut life = Life::begin();
    for op in ops {
        life.live(op);
        life.check();
    }
}

/// Recovery made the index of a segment anew. The log was cut to the recovery point and rolled: Kafka flushes nothing then,
/// and the next loss of power took the index, whatever shutdown was before it.
#[test]
fn an_index_that_recovery_made_and_a_roll_did_not_flush_may_be_lost() {
    live_through(&[
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, Some(true)),
        append(1, 199, None),
        append(1, 7, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 52, None),
        append(1, 240, None),
        append(1, 152, None),
        append(1, 63, None),
        LosePower(0),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(2, 252, None),
        append(2, 37, None),
        append(2, 107, None),
        append(3, 28, None),
        append(3, 127, None),
        append(1, 262, None),
        append(1, 18, None),
        append(3, 109, None),
        append(2, 222, None),
        append(2, 232, None),
        append(2, 18, None),
        append(2, 227, None),
        CleanStop(None),
        append(1, 0, None),
        append(1, 0, None),
        append(2, 55, None),
        append(2, 294, None),
        append(2, 275, None),
        append(1, 146, None),
        append(2, 77, None),
        LosePower(6715925119106696039),
        Truncate(2872424271437445722),
        append(2, 106, None),
        CleanStop(Some(2402917291381304534)),
    ]);
}

/// The same; such an index then misled a truncation: what it should have cut stays in the file.
#[test]
fn a_truncation_by_a_lost_index_may_leave_batches_in_the_file() {
    live_through(&[
        append(3, 4, None),
        append(1, 22, None),
        append(1, 58, None),
        LosePower(10439223773502644857),
        append(2, 0, None),
        append(3, 81, None),
        CleanStop(None),
        append(3, 294, None),
        append(1, 0, None),
        append(1, 0, None),
        DeleteRecords(8054215698325206885),
        append(2, 207, None),
        EndTransaction { commit: false },
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        Truncate(3460105015732130901),
        append(1, 0, None),
        append(1, 0, None),
        append(3, 248, None),
        append(2, 165, None),
        append(2, 71, None),
        LosePower(15840881080760618006),
        append(1, 208, None),
        append(1, 222, None),
        append(1, 139, None),
        append(2, 152, None),
        append(2, 73, None),
        append(1, 22, None),
        Truncate(2912969939607866470),
        Kill,
        append(3, 276, None),
        append(1, 0, None),
        append(1, 0, None),
        CleanStop(Some(14535528151156550878)),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        CleanStop(None),
        Truncate(1771252768110846217),
    ]);
}

/// The time index was cut to fewer entries, and the last entry, written when the log was closed, was lost with the power: an
/// old one with a larger offset stands in its place, and refuses the entry of the next roll.
#[test]
fn a_lost_last_time_may_bring_back_one_that_was_cut() {
    live_through(&[
        append(2, 204, None),
        append(3, 112, None),
        append(1, 195, None),
        append(2, 111, None),
        Truncate(1847968304136968207),
        append(2, 0, None),
        Tick(1),
        append(2, 0, None),
        Roll,
        Tick(1),
        append(3, 125, None),
        append(1, 245, None),
        append(3, 171, None),
        append(1, 30, None),
        append(1, 155, None),
        append(1, 190, None),
        LosePower(3453176073399685626),
        append(1, 0, None),
        append(1, 0, None),
        Truncate(4888096010202768319),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        append(1, 0, None),
        Truncate(4645565592748687099),
        append(1, 0, None),
        CleanStop(Some(0)),
        append(1, 0, None),
        append(1, 58, None),
        append(1, 0, None),
    ]);
}
