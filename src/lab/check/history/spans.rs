//! Offsets as ranges that stand in order and apart.

/// From and to of each range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(Vec<(i64, i64)>);

impl Spans {
    pub(super) fn add(&mut self, from: i64, to: i64) {
        let (mut from, mut to) = (from, to);
        // Mostly it goes on from the last.
        let first = self.0.partition_point(|(_, end)| *end < from);
        let behind = self.0.partition_point(|(start, _)| *start <= to);
        for (start, end) in self.0.drain(first..behind.max(first)) {
            (from, to) = (from.min(start), to.max(end));
        }
        self.0.insert(first, (from, to));
    }

    /// Nothing lies at or above `end` any more.
    pub(super) fn cut(&mut self, end: i64) {
        self.0.retain(|(from, _)| *from < end);
        if let Some((_, to)) = self.0.last_mut() {
            *to = end.min(*to);
        }
    }

    pub(super) fn holds(&self, offset: i64) -> bool {
        let place = self.0.partition_point(|(_, to)| *to <= offset);
        self.0.get(place).is_some_and(|(from, _)| *from <= offset)
    }

    /// From the first offset that is missing at or above `from` up to `to`; `None` where all of it is there.
    pub(super) fn first_gap(&self, from: i64, to: i64) -> Option<(i64, i64)> {
        let place = self.0.partition_point(|(_, end)| *end <= from);
        let missing = self.0.get(place).filter(|(start, _)| *start <= from).map_or(from, |(_, end)| *end);
        (missing < to).then_some((missing, to))
    }

    /// Where the first range ends, if it begins at 0; else 0.
    pub(super) fn first_end(&self) -> i64 {
        self.0.first().filter(|(from, _)| *from == 0).map_or(0, |(_, to)| *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_that_touch_are_one_range() {
        let mut spans = Spans::default();
        spans.add(0, 4);
        spans.add(8, 9);
        spans.add(4, 6);
        assert_eq!(spans.0, [(0, 6), (8, 9)]);
        spans.add(5, 8);
        assert_eq!(spans.0, [(0, 9)]);
        spans.add(20, 30);
        spans.add(12, 14);
        assert_eq!(spans.0, [(0, 9), (12, 14), (20, 30)]);
        assert!(spans.holds(8) && !spans.holds(9) && spans.holds(12) && !spans.holds(30));
        spans.cut(13);
        assert_eq!(spans.0, [(0, 9), (12, 13)]);
    }
}
