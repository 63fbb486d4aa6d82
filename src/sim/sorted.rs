//! A small set in one piece of memory, and what puts things in order with little code.
//!
//! Maps that are short, or whose keys come in their order, are `litemap::LiteMap`, a sorted list: a `BTreeMap` costs 7 KB of
//! code for each type of entry in the page. What is long and changes in the middle is a `BTreeMap`.
//!
//! `slice::sort` and the `collect` of a `BTreeMap`, which sorts first, are compiled anew for each type of entry: several
//! kilobytes each time in the page. [`sort_by_key`] and [`tree`] are for lists that are short or rare.

use std::collections::BTreeMap;

/// Puts a list in the order of its keys; entries of one key stay as they are.
pub fn sort_by_key<T>(list: &mut Vec<T>, key: impl Fn(&T) -> u128) {
    let mut order: Vec<(u128, usize)> = list.iter().map(key).zip(0..).collect();
    order.sort_unstable();
    let mut entries: Vec<Option<T>> = list.drain(..).map(Some).collect();
    list.extend(order.into_iter().filter_map(|(_, place)| entries[place].take()));
}

/// A signed number as a key in its order.
pub fn signed(number: i64) -> u128 {
    u128::from(number.cast_unsigned() ^ 1 << 63)
}

/// A map of these entries; of one key the last counts.
pub fn tree<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}

/// A set as a sorted list. For what fills and empties all the time: a `BTreeSet` allocates and frees each time, this
/// keeps its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedSet<T>(Vec<T>);

impl<T> Default for SortedSet<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord + Copy> SortedSet<T> {
    /// Adds a member; whether it is new.
    pub fn insert(&mut self, member: T) -> bool {
        // Most often it is the only one, or comes last.
        let place = match self.0.last() {
            Some(last) if *last >= member => self.0.binary_search(&member),
            _ => Err(self.0.len()),
        };
        place.map_err(|place| self.0.insert(place, member)).is_err()
    }

    /// Removes a member; whether there was one.
    pub fn remove(&mut self, member: &T) -> bool {
        self.0.binary_search(member).map(|place| self.0.remove(place)).is_ok()
    }

    /// Whether it is a member.
    #[must_use]
    pub fn contains(&self, member: &T) -> bool {
        self.0.binary_search(member).is_ok()
    }

    /// The smallest.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.0.first()
    }

    /// Takes the smallest.
    pub fn pop_first(&mut self) -> Option<T> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }

    /// Members from `start` on, then those before it.
    pub fn iter_from(&self, start: T) -> impl Iterator<Item = &T> {
        let (before, from) = self.0.split_at(self.0.partition_point(|member| *member < start));
        from.iter().chain(before)
    }

    /// All of them in their order.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }

    /// All of them, the smallest first.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Keeps those of which this is true.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Ord + Copy> Extend<T> for SortedSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, members: I) {
        members.into_iter().for_each(|member| {
            self.insert(member);
        });
    }
}

impl<T: Ord + Copy> FromIterator<T> for SortedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(members: I) -> Self {
        let mut set = Self::default();
        set.extend(members);
        set
    }
}

impl<T: Ord + Copy, const N: usize> From<[T; N]> for SortedSet<T> {
    fn from(members: [T; N]) -> Self {
        members.into_iter().collect()
    }
}

impl<'a, T> IntoIterator for &'a SortedSet<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> IntoIterator for SortedSet<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sim::random::Random;

    #[test]
    fn a_list_is_sorted_as_the_standard_library_does_it() {
        let mut random = Random::stream(1, "test", 0);
        for len in 0..60 {
            let mut list: Vec<(u64, u64)> = (0..len).map(|n| (random.below(20), n)).collect();
            let mut expected = list.clone();
            expected.sort_by_key(|(key, _)| *key);
            sort_by_key(&mut list, |(key, _)| u128::from(*key));
            assert_eq!(list, expected);
            assert_eq!(tree(list.iter().copied()), list.into_iter().collect());
        }
    }

    #[test]
    fn it_is_the_set_that_a_tree_would_be() {
        let mut random = Random::stream(1, "test", 0);
        let (mut set, mut tree) = (SortedSet::default(), BTreeSet::new());
        for _ in 0..2_000 {
            let member = random.below(50);
            match random.below(4) {
                0 => assert_eq!(set.remove(&member), tree.remove(&member)),
                1 => assert_eq!(set.pop_first(), tree.pop_first()),
                _ => assert_eq!(set.insert(member), tree.insert(member)),
            }
            assert_eq!(set.contains(&member), tree.contains(&member));
            assert!(set.iter().eq(&tree));
            assert!(set.iter_from(member).eq(tree.range(member..).chain(tree.range(..member))));
        }
    }
}
