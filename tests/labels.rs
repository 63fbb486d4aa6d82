//! Words on the page's timeline never lie over each other. The page itself is compiled for browsers alone; where words stand is
//! plain arithmetic.
#![cfg(not(target_family = "wasm"))]

#[path = "../src/ui/labels.rs"]
mod labels;

use labels::{Label, Place, places};
use loglab::sim::random::Random;

const LINES: usize = 2;

fn assert_readable(labels: &[Label], row: f64) -> usize {
    let placed = places(labels, row, LINES);
    assert_eq!(placed.len(), labels.len(), "each mark has an answer");
    let spans: Vec<(usize, f64, f64)> = placed
        .iter()
        .zip(labels)
        .filter_map(|(place, label)| place.map(|Place { line, left }| (line, left, left + label.width)))
        .collect();
    for (i, (line, from, to)) in spans.iter().enumerate() {
        assert!(*line < LINES && *from >= 0.0 && *to <= row, "{from}..{to} of {row}");
        for (other_line, other_from, other_to) in &spans[..i] {
            let apart = line != other_line || to < other_from || other_to < from;
            assert!(apart, "{from}..{to} lies over {other_from}..{other_to} on line {line}");
        }
    }
    spans.len()
}

#[test]
fn words_never_overlap_and_stay_on_the_row() {
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
    // Five links that are cut at one time, and one long before.
    let mut close = vec![Label { at: 100.0, width: 120.0 }; 5];
    close.push(Label { at: 600.0, width: 120.0 });
    assert_eq!(assert_readable(&close, 1_000.0), 3);
    let placed = places(&close, 1_000.0, LINES);
    assert_eq!(placed[0], Some(Place { line: 0, left: 104.0 }));
    assert_eq!(placed[1], Some(Place { line: 1, left: 104.0 }));
    assert_eq!(placed[5], Some(Place { line: 0, left: 604.0 }));
    assert!(placed[2..5].iter().all(Option::is_none));
}

#[test]
fn words_at_the_end_of_the_row_stand_before_their_mark() {
    let labels =
        [Label { at: 800.0, width: 150.0 }, Label { at: 990.0, width: 150.0 }, Label { at: 995.0, width: 150.0 }];
    let placed = places(&labels, 1_000.0, LINES);
    assert_eq!(assert_readable(&labels, 1_000.0), 2, "{placed:?}");
    assert_eq!(placed[1], Some(Place { line: 1, left: 836.0 }), "not over what stands behind the first");
    assert_eq!(assert_readable(&[Label { at: 5.0, width: 90.0 }], 80.0), 0, "a row that is too small has no words");
}
