//! What the marks of the pictures mean: how each is drawn, and its words.

use crate::view::lens::View;

/// A mark: paths in a box of 18 by 12, each with its classes, and what it means.
pub type Mark = (&'static [(&'static str, &'static str)], &'static str);

const CELL: &str = "M4 1h9v10h-9z";
const SLANTS: &str = "M4 6l5-5M4 11L13 1.5M8 11l5-5";
const DIAMOND: &str = "M9 1l5 5-5 5-5-5z";
const SQUARE: &str = "M4 1h10v10h-10z";
const BAR: &str = "M1 2.5h16v7h-16z";

/// The marks of a view, and behind them those of the timeline.
pub fn legend(view: View) -> impl Iterator<Item = &'static Mark> {
    let own: &[Mark] = match view {
        View::Stage => STAGE,
        View::Log => LOG,
    };
    own.iter().chain(TIMELINE)
}

const STAGE: &[Mark] = &[
    (&[("fill", CELL)], "record at the leader; hue = key"),
    (&[("", CELL)], "at a follower in the ISR"),
    (&[("", CELL), ("", SLANTS)], "out of the ISR, or not committed"),
    (&[("bad", CELL)], "acknowledged and lost"),
    (&[("", "M7 12V1h5v3h-5")], "HW, high watermark"),
    (&[("dash", "M9 0v12")], "LSO, last stable offset"),
    (&[("", "M6 1.5h4v9")], "LEO, log end"),
    (&[("dash", "M2 2h14"), ("fill", "M4 5h4v6h-4zM10 5h4v6h-4z")], "open transaction"),
    (&[("fill", DIAMOND)], "commit marker"),
    (&[("", DIAMOND)], "abort marker"),
    (&[("", CELL), ("", "M4 11L13 1")], "aborted record"),
    (&[("tint", SQUARE)], "partition that a member has; tint and letter = member"),
    (&[("", SQUARE), ("", SLANTS)], "it gives it up"),
    (&[("waits dash", SQUARE)], "it is promised to it"),
    (&[("", SQUARE)], "it has it and stands still"),
    (&[("dash", SQUARE), ("", "M4 11L14 1")], "member that is gone, until its session ends"),
    (&[("", "M9 1a5 5 0 1 0 .01 0"), ("fill", "M9 4a2 2 0 1 0 .01 0")], "coordinator of groups or transactions"),
    (&[("dash", BAR)], "process that is down"),
    (&[("bad dash", "M0 6h18"), ("bad", "M6 3l6 6M12 3l-6 6")], "link that is cut"),
    (&[("fill", "M9 2a4 4 0 1 0 .01 0")], "records on their way"),
    (&[("", "M9 3a3 3 0 1 0 .01 0")], "another message; answers are smaller"),
];

const LOG: &[Mark] = &[
    (&[("fill", CELL)], "record at the leader; hue = key"),
    (&[("", CELL)], "at a follower"),
    (&[("", CELL), ("", SLANTS)], "out of the ISR, or not committed"),
    (&[("", "M2 2h14"), ("fill", "M4 5h4v6h-4zM10 5h4v6h-4z")], "committed transaction"),
    (&[("dash", "M2 2h14"), ("fill", "M4 5h4v6h-4zM10 5h4v6h-4z")], "aborted: dotted; open: dashed, amber"),
    (&[("fill", DIAMOND)], "marker: C commits, A aborts"),
    (&[("", CELL), ("", "M4 11L13 1")], "aborted record"),
    (&[("", "M7 12V1h5v3h-5")], "HW"),
    (&[("dash", "M9 0v12")], "LSO"),
    (&[("", "M6 1.5h4v9")], "LEO"),
    (&[("fill", "M5 3h8l-4 6z")], "where a consumer stands"),
    (&[("dash", "M0 6h18")], "removed by compaction"),
    (&[("fill", "M4 6h9v5h-9z")], "tombstone, over it what is left of its delete horizon"),
    (&[("", CELL), ("bad", "M4 1l9 10M13 1L4 11")], "batch with a wrong CRC"),
    (&[("bad", "M9 0l-3 3 5 3-5 3 3 3")], "where a torn batch begins"),
    (&[("", "M0 3h18M4 3v4M11 3v4")], "segment with entries of its offset index"),
    (&[("", BAR), ("", "M1 9l7-6M8 9l7-6")], "dirty for the cleaner; filled is clean, framed what it works on"),
];

const TIMELINE: &[Mark] = &[
    (&[("dash", "M9 0v12")], "timeline: fault or command"),
    (&[("focus", "M9 3v7")], "election"),
    (&[("bad", "M8 2v9M9.5 2v9")], "finding"),
    (&[("waits", BAR)], "rebalance: some read on"),
    (&[("waits fill", BAR)], "rebalance: nobody reads"),
];
