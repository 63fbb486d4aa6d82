//! Where words stand beside marks on a row, so that none lies over another one, and no mark's line through words. Plain
//! arithmetic: no browser is needed.

/// Pixels between a mark and its words.
const BESIDE: f64 = 4.0;
/// Pixels between words and what comes next.
const APART: f64 = 6.0;
/// Words that are cut shorter than this are not worth reading.
const LEAST: f64 = 48.0;

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
    /// On which line, from 0. The line of the mark begins there: what stands on lines above it may pass over it.
    pub line: usize,
    /// Where they begin, in pixels.
    pub left: f64,
    /// How much room they have: where it is less than their width, they are cut.
    pub width: f64,
}

/// Where the words of each mark stand on a row of so many pixels and lines: behind the mark, or before it where the row ends.
/// `None` where there is no room: the mark stays without words, and its line begins below all of them.
#[must_use]
pub fn places(labels: &[Label], row: f64, lines: usize) -> Vec<Option<Place>> {
    let mut places: Vec<Option<Place>> = vec![None; labels.len()];
    let mut order: Vec<usize> = (0..labels.len()).collect();
    // From the end of the row: what comes later stands on lower lines, so that words before it may pass over it.
    order.sort_by(|one, other| labels[*other].at.total_cmp(&labels[*one].at).then(one.cmp(other)));
    for (place, this) in order.iter().enumerate() {
        let (later, earlier) = (&order[..place], &order[place + 1..]);
        let behind = (0..lines).rev().map(|line| behind(labels, &places, later, *this, (row, line)));
        let best = behind.reduce(|best, next| if next.width > best.width { next } else { best });
        let least = LEAST.min(labels[*this].width);
        let fits = best.filter(|place| place.width >= least);
        // Before a mark words are taken for those of the mark before it, unless the row ends.
        let ends = labels[*this].at + BESIDE + labels[*this].width > row;
        let before = || before(labels, &places, later, earlier, *this, lines, least);
        places[*this] = fits.or_else(|| before().filter(|_| ends));
    }
    places
}

/// The room behind a mark on a line: as far as the next mark whose line passes through it, and the next words.
fn behind(
    labels: &[Label],
    places: &[Option<Place>],
    later: &[usize],
    this: usize,
    (row, line): (f64, usize),
) -> Place {
    let Label { at, width } = labels[this];
    let left = at + BESIDE;
    let passes = |other: &&usize| places[**other].is_some_and(|place| place.line <= line) && labels[**other].at > at;
    let marks = later.iter().filter(passes).map(|other| labels[*other].at);
    let words = later.iter().filter_map(|other| places[*other]).filter(|place| place.line == line);
    let end = marks.chain(words.map(|place| place.left)).map(|x| x - APART).fold(row, f64::min);
    Place { line, left, width: width.min(end - left) }
}

/// The room before a mark, behind the mark before it.
fn before(
    labels: &[Label],
    places: &[Option<Place>],
    later: &[usize],
    earlier: &[usize],
    this: usize,
    lines: usize,
    least: f64,
) -> Option<Place> {
    let Label { at, width } = labels[this];
    let from = earlier.first().map_or(0.0, |other| labels[*other].at + APART);
    let width = width.min(at - BESIDE - from);
    let left = at - BESIDE - width;
    let is_free = |line: &usize| {
        let words = later.iter().filter_map(|other| places[*other]);
        words.filter(|place| place.line == *line).all(|place| at - BESIDE + APART <= place.left)
    };
    let line = (0..lines).rev().find(is_free).filter(|_| width >= least)?;
    Some(Place { line, left, width })
}
