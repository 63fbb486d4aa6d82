//! A list that grows at its end and whose copies share what they have in common.
//!
//! What is full is never written again and is shared by reference; only the last, unfinished part is a copy's own. So
//! branches of a run hold their common past once, and adding an entry costs what it costs in a plain list.

use std::sync::Arc;

/// A list in parts of `PART` entries.
#[derive(Clone, Debug)]
pub struct Shared<T, const PART: usize> {
    /// Each holds exactly `PART` entries.
    full: Vec<Arc<Vec<T>>>,
    /// Fewer than `PART` entries.
    last: Vec<T>,
}

impl<T, const PART: usize> Default for Shared<T, PART> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T: Clone, const PART: usize> Shared<T, PART> {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full.len() * PART + self.last.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at a place, from 0.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        match self.full.get(place / PART) {
            Some(part) => part.get(place % PART),
            None => self.last.get(place - self.full.len() * PART),
        }
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.get(self.len().checked_sub(1)?)
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: T) {
        if self.last.capacity() == 0 {
            self.last.reserve_exact(PART);
        }
        self.last.push(entry);
        if self.last.len() == PART {
            self.full.push(Arc::new(std::mem::take(&mut self.last)));
        }
    }

    /// Forgets all entries from this place on; copies keep them.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len() {
            return;
        }
        let whole = len / PART;
        if whole < self.full.len() {
            self.last = self.full[whole][..len % PART].to_vec();
            self.full.truncate(whole);
        } else {
            self.last.truncate(len % PART);
        }
        assert_eq!(self.len(), len, "what is left is as long as it was asked to be");
    }

    /// All entries, from the first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.from(0)
    }

    /// The entries from a place on.
    pub fn from(&self, place: usize) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        (place.min(self.len())..self.len()).map(|place| self.get(place).expect("it is below the length"))
    }

    /// The entries before a place.
    pub fn before(&self, place: usize) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        (0..place.min(self.len())).map(|place| self.get(place).expect("it is below the length"))
    }

    /// How many entries at the start of the list are such as `holds` says; none is behind one that is not.
    pub fn partition_point(&self, mut holds: impl FnMut(&T) -> bool) -> usize {
        let part = self.full.partition_point(|part| holds(&part[0]));
        let within = |part: &[T], holds: &mut dyn FnMut(&T) -> bool| part.partition_point(|entry| holds(entry));
        // The first entries of all full parts before this one are such; the last part follows only where all of them are.
        let Some(before) = part.checked_sub(1) else {
            return if self.full.is_empty() { within(&self.last, &mut holds) } else { 0 };
        };
        let found = before * PART + within(&self.full[before], &mut holds);
        if found == self.full.len() * PART { found + within(&self.last, &mut holds) } else { found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: u32) -> Shared<u32, 8> {
        let mut list = Shared::default();
        (0..count).for_each(|number| list.push(number));
        list
    }

    #[test]
    fn it_is_the_list_that_a_plain_one_would_be() {
        for count in [0, 1, 7, 8, 9, 16, 40, 61] {
            let (list, plain) = (numbers(count), (0..count).collect::<Vec<_>>());
            assert_eq!((list.len(), list.is_empty(), list.last()), (plain.len(), plain.is_empty(), plain.last()));
            assert!(list.iter().eq(&plain) && list.iter().rev().eq(plain.iter().rev()));
            for place in 0..=plain.len() + 1 {
                assert_eq!(list.get(place), plain.get(place));
                assert_eq!(list.partition_point(|number| (*number as usize) < place), place.min(plain.len()));
                assert!(list.from(place).eq(plain.iter().skip(place)));
                assert!(list.before(place).eq(plain.iter().take(place)));
                let mut cut = list.clone();
                cut.truncate(place);
                assert!(cut.iter().eq(plain.iter().take(place)), "{count} cut at {place}");
                cut.push(99);
                assert_eq!((cut.last(), cut.len()), (Some(&99), place.min(plain.len()) + 1));
            }
        }
    }

    #[test]
    fn copies_share_what_is_full_and_part_where_one_goes_on() {
        let list = numbers(20);
        let mut other = list.clone();
        assert!(list.full.iter().zip(&other.full).all(|(a, b)| Arc::ptr_eq(a, b)));
        other.truncate(9);
        (100..120).for_each(|number| other.push(number));
        assert!(Arc::ptr_eq(&list.full[0], &other.full[0]) && !Arc::ptr_eq(&list.full[1], &other.full[1]));
        assert!(list.iter().copied().eq(0..20));
        assert!(other.iter().copied().eq((0..9).chain(100..120)));
    }
}
