//! A small set in one piece of memory, and what puts things in order with little code.
//!
//! Maps that are short, or whose keys come in their order, are `litemap::LiteMap`, a sorted list, or [`SortedMap`]: a `BTreeMap`
//! costs 7 KB of code for each type of entry in the page. What is long and changes in the middle is a `BTreeMap`.
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

/// A map as a sorted list of keys, with their values beside it. For what is looked up all the time and whose values are larger
/// than their keys: a search goes over the keys alone, which lie in a few lines of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortedMap<K, V> {
    keys: SortedSet<K>,
    values: Vec<V>,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self { keys: SortedSet::default(), values: Vec::new() }
    }
}

impl<K: Ord + Copy, V> SortedMap<K, V> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.keys.0.binary_search(key).ok().map(|place| &self.values[place])
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.keys.0.binary_search(key).ok().map(|place| &mut self.values[place])
    }

    /// The value of a key, made now if it has none.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = self.keys.0.binary_search(&key).unwrap_or_else(|place| {
            self.keys.0.insert(place, key);
            self.values.insert(place, make());
            place
        });
        &mut self.values[place]
    }

    /// Gives a key a value; the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.keys.0.binary_search(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.values[place], value)),
            Err(place) => {
                self.keys.0.insert(place, key);
                self.values.insert(place, value);
                None
            }
        }
    }

    /// Removes a key; the value that it had.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.keys.0.binary_search(key).ok()?;
        self.keys.0.remove(place);
        Some(self.values.remove(place))
    }

    /// Whether a key has a value.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.keys.contains(key)
    }

    /// The keys in their order.
    #[must_use]
    pub fn keys(&self) -> &SortedSet<K> {
        &self.keys
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> std::slice::Iter<'_, V> {
        self.values.iter()
    }

    /// The keys with their values, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.keys.iter().zip(&mut self.values)
    }

    /// The keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.keys.iter().zip(&self.values)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl<K: Ord + Copy, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.insert(key, value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

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

    #[test]
    fn it_is_the_map_that_a_tree_would_be() {
        let mut random = Random::stream(1, "test", 0);
        let (mut map, mut tree) = (SortedMap::default(), BTreeMap::new());
        for number in 0..2_000 {
            let key = random.below(50);
            match random.below(4) {
                0 => assert_eq!(map.remove(&key), tree.remove(&key)),
                1 => assert_eq!(map.insert(key, number), tree.insert(key, number)),
                2 => assert_eq!(map.get_or_insert_with(key, || number), tree.entry(key).or_insert(number)),
                _ => assert_eq!(map.get_mut(&key), tree.get_mut(&key)),
            }
            assert_eq!((map.get(&key), map.contains_key(&key)), (tree.get(&key), tree.contains_key(&key)));
            assert!(map.iter().eq(&tree) && map.keys().iter().eq(tree.keys()) && map.values().eq(tree.values()));
            assert_eq!((map.len(), map.is_empty()), (tree.len(), tree.is_empty()));
        }
        assert_eq!(tree.into_iter().collect::<SortedMap<_, _>>(), map);
    }
}
