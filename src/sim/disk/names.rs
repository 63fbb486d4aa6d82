//! The names of a disk's files in their order, in shared chunks: when a file is made or removed after a snapshot, the chunk that
//! holds its name is copied, not all names.

use std::sync::Arc;

/// A file of one [`Disk`](super::Disk). It stays valid when the file is renamed and is dead once the file is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    pub(super) slot: u32,
    /// How many files the disk had made before it: a slot that is used again makes no old handle live.
    pub(super) number: u32,
}

/// Names in a chunk, at most. A copy of the list copies a pointer for each chunk, a change one chunk.
const CHUNK: usize = 64;

type Entry = (Arc<str>, FileId);

/// Names in chunks, none of which is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    chunks: Vec<Arc<Vec<Entry>>>,
    len: usize,
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, name: &str) -> Option<FileId> {
        let chunk = self.chunks.get(self.chunk_of(name))?;
        place_in(chunk, name).ok().map(|place| chunk[place].1)
    }

    /// Gives a name that no file has.
    pub(super) fn insert(&mut self, name: &str, id: FileId) {
        self.len += 1;
        let at = self.chunk_of(name);
        let Some(chunk) = self.chunks.get_mut(at).map(Arc::make_mut) else {
            // The first of all.
            return self.chunks.push(Arc::new(vec![(name.into(), id)]));
        };
        let place = place_in(chunk, name).expect_err("a name is given once");
        chunk.insert(place, (name.into(), id));
        if chunk.len() > CHUNK {
            let behind = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, Arc::new(behind));
        }
    }

    /// Takes a name away that a file has.
    pub(super) fn remove(&mut self, name: &str) {
        let at = self.chunk_of(name);
        let chunk = Arc::make_mut(self.chunks.get_mut(at).expect("a name that is there"));
        let place = place_in(chunk, name).expect("a name that is there");
        chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.len -= 1;
    }

    /// The names from `first` on, in their order.
    pub(super) fn iter_from<'a>(&'a self, first: &str) -> impl Iterator<Item = (&'a str, FileId)> + use<'a> {
        let chunks = &self.chunks[self.chunk_of(first).min(self.chunks.len())..];
        let before = chunks.first().map_or(0, |chunk| place_in(chunk, first).unwrap_or_else(|place| place));
        chunks.iter().flat_map(|chunk| chunk.iter()).skip(before).map(|(name, id)| (&**name, *id))
    }

    /// The chunk that holds a name, if one does.
    fn chunk_of(&self, name: &str) -> usize {
        self.chunks.partition_point(|chunk| &*chunk[0].0 <= name).saturating_sub(1)
    }
}

fn place_in(chunk: &[Entry], name: &str) -> Result<usize, usize> {
    chunk.binary_search_by(|(other, _)| (**other).cmp(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sim::random::Random;

    #[test]
    fn it_is_the_map_that_a_tree_would_be_and_so_are_its_copies() {
        let mut random = Random::stream(1, "test", 0);
        let (mut names, mut tree) = (Names::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for number in 0..20_000 {
            // It grows, and shrinks to nothing.
            let grows = number / 4_000 % 2 == 0;
            let name = random.below(1_500).to_string();
            if tree.contains_key(&name) {
                if !grows || random.below(4) == 0 {
                    names.remove(&name);
                    tree.remove(&name);
                }
            } else if grows {
                let id = FileId { slot: number, number };
                names.insert(&name, id);
                tree.insert(name.clone(), id);
            }
            if random.below(500) == 0 {
                copies.push((names.clone(), tree.clone()));
            }
            assert_eq!((names.len(), names.get(&name)), (tree.len(), tree.get(&name).copied()));
        }
        copies.push((names, tree));
        assert!(copies.iter().any(|(names, _)| names.len() > 1_000));
        for (names, tree) in copies {
            assert!(names.chunks.iter().all(|chunk| (1..=CHUNK).contains(&chunk.len())));
            for first in ["", "7", "77", "zz"] {
                let expected = tree.range(first.to_owned()..).map(|(name, id)| (name.as_str(), *id));
                assert!(names.iter_from(first).eq(expected), "from {first}");
            }
        }
    }

    #[test]
    fn a_change_after_a_copy_copies_one_chunk() {
        let mut names = Names::default();
        (0..1_000).for_each(|number| names.insert(&format!("{number:04}"), FileId { slot: number, number }));
        let copy = names.clone();
        names.remove("0500");
        let shared = names.chunks.iter().filter(|chunk| copy.chunks.iter().any(|other| Arc::ptr_eq(chunk, other)));
        assert_eq!(shared.count(), names.chunks.len() - 1);
    }
}
