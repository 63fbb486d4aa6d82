//! The latest batches of a segment and where they stand: readers are mostly at the end.

use crate::log::batch::BatchHeader;

/// So many are remembered.
const RECENT: usize = 16;

/// A ring of the latest batches.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    /// Their last offsets and positions.
    batches: [(i64, u32); RECENT],
    count: u32,
    /// Torn bytes stand between batches, which readers do not pass, or batches overlap, and which of them is found depends
    /// on the way to it. Nothing may be found by what is remembered then.
    is_irregular: bool,
}

impl Recent {
    /// Begins anew; with `is_irregular` nothing is remembered from now on.
    pub fn forget(&mut self, is_irregular: bool) {
        self.count = 0;
        self.is_irregular = is_irregular;
    }

    /// Whether nothing may be found by what is remembered.
    pub fn is_irregular(&self) -> bool {
        self.is_irregular
    }

    /// Remembers a batch that stands behind all others.
    pub fn push(&mut self, header: &BatchHeader, position: u32) {
        if self.last().is_some_and(|last_offset| header.base_offset <= last_offset) {
            self.forget(true);
        }
        if !self.is_irregular {
            self.batches[self.count as usize % RECENT] = (header.last_offset(), position);
            self.count += 1;
        }
    }

    fn last(&self) -> Option<i64> {
        self.count.checked_sub(1).map(|last| self.batches[last as usize % RECENT].0)
    }

    /// Where the first batch stands that ends at or behind `offset`, if that can be told: `Some(None)` says that all
    /// batches end before.
    pub fn position_of(&self, offset: i64) -> Option<Option<u32>> {
        let known = self.count.min(RECENT as u32);
        let mut found = None;
        for back in 1..=known {
            let (last_offset, position) = self.batches[(self.count - back) as usize % RECENT];
            if last_offset < offset {
                return Some(found);
            }
            found = Some(position);
        }
        // Batches before the remembered ones may hold it, unless the first of the segment is among these.
        (found == Some(0)).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::batch::BatchBuilder;

    fn batch(base_offset: i64, records: i32) -> BatchHeader {
        let mut builder = BatchBuilder::new();
        for _ in 0..records {
            builder.record(1, None, None);
        }
        BatchHeader { base_offset, ..BatchHeader::parse(&builder.build()).unwrap() }
    }

    #[test]
    fn only_what_is_certain_is_told() {
        let mut recent = Recent::default();
        (0..20).for_each(|i| recent.push(&batch(10 * i, 3), 100 * i as u32));
        assert_eq!(recent.position_of(193), Some(None));
        assert_eq!((recent.position_of(192), recent.position_of(183)), (Some(Some(1_900)), Some(Some(1_900))));
        assert_eq!(recent.position_of(40), None);
    }

    #[test]
    fn of_batches_that_overlap_nothing_is_told() {
        let mut recent = Recent::default();
        recent.push(&batch(30, 5), 0);
        recent.push(&batch(31, 5), 100);
        recent.push(&batch(40, 1), 200);
        assert_eq!((recent.position_of(33), recent.position_of(40)), (None, None));
    }
}
