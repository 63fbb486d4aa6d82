//! Where words stand beside marks on a row, so that none lies over another one. Plain arithmetic: no browser is needed.

/// Pixels between a mark and its words.
const BESIDE: f64 = 4.0;
/// Pixels between the words of two marks.
const APART: f64 = 6.0;

/// A mark on the row and how wide its words are, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Where the mark is.
    pub at: f64,
    /// How wide its words are.
    pub width: f64,
}

/// Where words stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// On which line, from 0.
    pub line: usize,
    /// Where they begin, in pixels.
    pub left: f64,
}

/// Where the words of each mark stand on a row of so many pixels and lines: behind the mark, or before it where the row ends.
/// `None` where there is no room: the mark stays without words.
#[must_use]
pub fn places(labels: &[Label], row: f64, lines: usize) -> Vec<Option<Place>> {
    let mut taken: Vec<Vec<(f64, f64)>> = vec![Vec::new(); lines];
    let mut places = vec![None; labels.len()];
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|one, other| labels[*one].at.total_cmp(&labels[*other].at));
    for label in order {
        let Label { at, width } = labels[label];
        let sides = [at + BESIDE, at - BESIDE - width];
        let is_on_the_row = |left: &f64| *left >= 0.0 && left + width <= row;
        let is_free = |line: &[(f64, f64)], left: f64| {
            line.iter().all(|(from, to)| left >= to + APART || left + width + APART <= *from)
        };
        let free = sides.into_iter().filter(is_on_the_row).take(1).find_map(|left| {
            let line = taken.iter().position(|line| is_free(line, left))?;
            Some(Place { line, left })
        });
        if let Some(Place { line, left }) = free {
            taken[line].push((left, left + width));
        }
        places[label] = free;
    }
    places
}
