//! Words on the page's timeline never lie over each other, and no mark's line through them. The page itself is compiled for
//! browsers alone; where words stand is plain arithmetic.
#![cfg(not(target_family = "wasm"))]

#[path = "../src/ui/labels.rs"]
mod labels;

use labels::{Label, Place, places};
use loglab::sim::random::Random;

const LINES: usize = 2;

fn assert_readable(labels: &[Label], row: f64) -> usize {
    let placed = places(labels, row, LINES);
    assert_eq!(placed.len(), labels.len(), "each mark has an answer");
    let words: Vec<Place> = placed.iter().flatten().copied().collect();
    for (i, Place { line, left, width }) in words.iter().enumerate() {
        let (from, to) = (*left, left + width);
        assert!(*line < LINES && from >= 0.0 && to <= row + 0.001, "{from}..{to} of {row}");
        for other in &words[..i] {
            let apart = *line != other.line || to < other.left || other.left + other.width < from;
            assert!(apart, "{from}..{to} lies over {other:?} on line {line}");
        }
        for (mark, place) in labels.iter().zip(&placed) {
            let begins = place.map_or(LINES, |place| place.line);
            let passes = begins <= *line && mark.at > from && mark.at < to;
            assert!(!passes, "the line of {mark:?} from {begins} on passes through {from}..{to} on line {line}");
        }
    }
    words.len()
}

#[test]
fn words_are_never_crossed_and_stay_on_the_row() {
    let mut random = Random::stream(7, "labels", 0);
    for _ in 0..2_000 {
        let row = 200.0 + random.below(1_800) as f64;
        let count = random.below(60);
        let mut label = || Label { at: random.below(row as u64 + 1) as f64, width: 20.0 + random.below(300) as f64 };
        let labels: Vec<Label> = (0..count).map(|_| label()).collect();
        assert_readable(&labels, row);
    }
}

#[test]
fn words_of_close_faults_are_stacked_and_then_dropped() {
    // Five links that are cut at one time, and one long after.
    let mut close = vec![Label { at: 100.0, width: 120.0 }; 5];
    close.push(Label { at: 600.0, width: 120.0 });
    assert_eq!(assert_readable(&close, 1_000.0), 3);
    let placed = places(&close, 1_000.0, LINES);
    assert_eq!(placed[0], Some(Place { line: 1, left: 104.0, width: 120.0 }));
    assert_eq!(placed[1], Some(Place { line: 0, left: 104.0, width: 120.0 }));
    assert_eq!(placed[5], Some(Place { line: 1, left: 604.0, width: 120.0 }));
    assert!(placed[2..5].iter().all(Option::is_none));
}

#[test]
fn words_pass_over_what_begins_below_them_or_are_cut_before_it() {
    let steps = [100.0, 150.0, 200.0].map(|at| Label { at, width: 200.0 });
    let placed = places(&steps, 1_000.0, LINES);
    assert_eq!(placed[2], Some(Place { line: 1, left: 204.0, width: 200.0 }));
    assert_eq!(placed[1], Some(Place { line: 0, left: 154.0, width: 200.0 }), "over the line of the third");
    assert_eq!(placed[0], None, "there are two lines only, and 40 pixels before the second");
    let apart = [100.0, 200.0, 260.0].map(|at| Label { at, width: 200.0 });
    assert_eq!(places(&apart, 1_000.0, LINES)[0], Some(Place { line: 1, left: 104.0, width: 90.0 }), "cut");
    assert_readable(&apart, 1_000.0);
}

#[test]
fn words_at_the_end_of_the_row_stand_before_their_mark() {
    let labels =
        [Label { at: 800.0, width: 150.0 }, Label { at: 990.0, width: 150.0 }, Label { at: 995.0, width: 150.0 }];
    let placed = places(&labels, 1_000.0, LINES);
    assert_eq!(assert_readable(&labels, 1_000.0), 2, "{placed:?}");
    assert_eq!(placed[1], Some(Place { line: 1, left: 836.0, width: 150.0 }));
    assert_eq!(assert_readable(&[Label { at: 5.0, width: 90.0 }], 40.0), 0, "a row that is too small has no words");
}
