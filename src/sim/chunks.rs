//! A list that grows at its end and is cheap to copy: full chunks are shared between copies.

use std::sync::Arc;

/// Entries in a chunk, and chunks in a group. Of a copy only the last of each is copied when the list grows: the smaller
/// they are, the less, and the longer is the list of groups that each copy has for itself.
const CHUNK: usize = 32;
/// Entries in a group.
const GROUP: usize = CHUNK * CHUNK;

type Chunk<T> = Arc<Vec<T>>;

/// A growing list in shared groups of shared chunks.
#[derive(Clone, Debug)]
pub struct Chunks<T> {
    groups: Vec<Chunk<Chunk<T>>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Self { groups: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Chunks<T> {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry at this place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.groups.get(index / GROUP)?.get(index % GROUP / CHUNK)?.get(index % CHUNK)
    }

    /// The last entry.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// The entry at this place, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let group = own(self.groups.get_mut(index / GROUP)?);
        own(group.get_mut(index % GROUP / CHUNK)?).get_mut(index % CHUNK)
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, entry: T) {
        if self.len.is_multiple_of(GROUP) {
            self.groups.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let group = self.groups.last_mut().map(own).expect("a group with room");
        if self.len.is_multiple_of(CHUNK) {
            group.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        group.last_mut().map(own).expect("a chunk with room").push(entry);
        self.len += 1;
    }

    /// Takes the last entry.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.last().cloned();
        self.truncate(self.len.saturating_sub(1));
        last
    }

    /// How many entries at the beginning this is true of; it is true of none behind them.
    #[must_use]
    pub fn partition_point(&self, mut is_before: impl FnMut(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(&mut is_before) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Keeps the first `len` entries.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.len = len;
        self.groups.truncate(len.div_ceil(GROUP));
        // Only whole groups are left.
        let Some(group) = self.groups.last_mut().filter(|_| !len.is_multiple_of(GROUP)).map(own) else { return };
        group.truncate((len % GROUP).div_ceil(CHUNK));
        if let Some(chunk) = group.last_mut().filter(|_| !len.is_multiple_of(CHUNK)) {
            own(chunk).truncate(len % CHUNK);
        }
    }

    /// The entries from `start` on, in order.
    pub fn iter_from(&self, start: usize) -> impl Iterator<Item = &T> {
        (start..self.len).filter_map(|index| self.get(index))
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.groups.iter().flat_map(|group| group.iter().flat_map(|chunk| chunk.iter()))
    }
}

/// A list to be written: a copy where it is shared, with room for what will be added.
fn own<T: Clone>(list: &mut Chunk<T>) -> &mut Vec<T> {
    if Arc::get_mut(list).is_none() {
        let mut copy = Vec::with_capacity(CHUNK);
        copy.extend_from_slice(list);
        *list = Arc::new(copy);
    }
    Arc::make_mut(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Random;

    #[test]
    fn it_holds_what_was_pushed_and_cut() {
        let mut list = Chunks::default();
        (0..5_000).for_each(|n| list.push(n));
        let copy = list.clone();
        list.truncate(2_048);
        assert_eq!((list.len(), list.get(2_047), list.get(2_048)), (2_048, Some(&2_047), None));
        list.push(7);
        list.truncate(300);
        assert_eq!((list.len(), list.last()), (300, Some(&299)));
        assert_eq!((copy.len(), copy.iter_from(4_990).count()), (5_000, 10));
        assert_eq!(copy.partition_point(|n| *n < 3_210), 3_210);
        list.truncate(0);
        assert!(list.is_empty());
    }

    #[test]
    fn it_is_the_list_that_a_vec_would_be_and_so_are_its_copies() {
        let mut random = Random::stream(1, "test", 0);
        let (mut list, mut vec) = (Chunks::default(), Vec::new());
        let mut copies = Vec::new();
        for round in 0..20_000 {
            match random.below(4_000) {
                0 => copies.push((list.clone(), vec.clone())),
                1 => {
                    let len = vec.len() - random.below(vec.len() as u64 / 4 + 1) as usize;
                    list.truncate(len);
                    vec.truncate(len);
                }
                2..40 if !vec.is_empty() => {
                    let place = random.below(vec.len() as u64) as usize;
                    list.get_mut(place).into_iter().for_each(|entry| *entry = round);
                    vec[place] = round;
                }
                _ => {
                    list.push(round);
                    vec.push(round);
                }
            }
            assert_eq!((list.len(), list.last()), (vec.len(), vec.last()));
        }
        copies.push((list, vec));
        for (list, vec) in copies {
            assert!(list.iter().eq(&vec) && list.iter().rev().eq(vec.iter().rev()));
            let start = vec.len() / 3;
            assert!(list.iter_from(start).eq(&vec[start..]) && list.get(start) == vec.get(start));
            assert_eq!(list.clone().pop(), vec.last().copied());
        }
    }
}
