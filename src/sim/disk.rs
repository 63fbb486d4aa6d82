//! The disk of one machine: files whose page cache and durable part are kept apart.
//!
//! A file is a list of shared chunks, one per write, sealed into groups that are shared too, so that a clone of a disk
//! copies little whatever the files hold. What was written stays in the page cache until [`Disk::flush`]; a process
//! that is killed loses nothing of it, a machine that loses power does ([`Disk::lose_power`]).
//!
//! Creating, renaming, removing and resizing a file are durable at once. Real file systems give less; Kafka does not
//! count on more than its own fsyncs of directories, and a simulation of lost directory entries is not attempted here.
//!
//! A file may be longer than what was written: its end is then a hole, which reads as zeros and takes no room, as after
//! `setLength` on a file system with sparse files. Kafka preallocates its index files so.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::chunks::Chunks;

/// A file of one [`Disk`]. It stays valid when the file is renamed and is dead once the file is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// Why a disk refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No space is left.
    #[error("no space left on device")]
    Full,
    /// A file of that name exists.
    #[error("file exists")]
    Exists,
    /// There is no such file.
    #[error("no such file")]
    Missing,
}

/// The files of one machine.
#[derive(Clone, Debug)]
pub struct Disk {
    names: Arc<BTreeMap<String, FileId>>,
    /// By [`FileId`]; ids are not used again.
    files: Arc<Vec<Option<Arc<File>>>>,
    used: u64,
    capacity: u64,
    slowdown_us: u64,
    elapsed_us: u64,
    now_ms: i64,
    refused: bool,
}

impl Default for Disk {
    fn default() -> Self {
        Disk {
            names: Arc::default(),
            files: Arc::default(),
            used: 0,
            capacity: u64::MAX,
            slowdown_us: 0,
            elapsed_us: 0,
            now_ms: 0,
            refused: false,
        }
    }
}

impl Disk {
    /// Tells the machine's wall clock, in milliseconds: what is changed from now on has this modification time.
    pub fn set_now_ms(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// The machine's wall clock as last told.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Makes an empty file.
    pub fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        if self.names.contains_key(path) {
            return Err(DiskError::Exists);
        }
        Ok(self.add(path, File { modified_ms: self.now_ms, ..File::default() }))
    }

    fn add(&mut self, path: &str, file: File) -> FileId {
        let id = FileId(self.files.len() as u32);
        Arc::make_mut(&mut self.files).push(Some(Arc::new(file)));
        Arc::make_mut(&mut self.names).insert(path.to_owned(), id);
        id
    }

    /// The file of that name.
    pub fn open(&self, path: &str) -> Option<FileId> {
        self.names.get(path).copied()
    }

    /// Writes behind the end of a file, into the page cache. A full disk takes nothing of it.
    pub fn append(&mut self, id: FileId, bytes: Bytes) -> Result<(), DiskError> {
        self.write_at(id, self.len(id), bytes)
    }

    /// Writes at a place of a file, into the page cache: over what is there, into a hole or behind the end. A full disk
    /// takes nothing of it.
    pub fn write_at(&mut self, id: FileId, at: u64, bytes: Bytes) -> Result<(), DiskError> {
        let written = self.file(id).ok_or(DiskError::Missing)?.cache.written;
        let end = at + bytes.len() as u64;
        let growth = if bytes.is_empty() { 0 } else { end.saturating_sub(written) };
        self.find_room(growth)?;
        self.elapsed_us += self.slowdown_us;
        if let Some(file) = self.changed(id) {
            file.write_at(at, bytes);
        }
        self.used += growth;
        Ok(())
    }

    fn find_room(&mut self, bytes: u64) -> Result<(), DiskError> {
        let has_room = bytes <= self.capacity.saturating_sub(self.used);
        self.refused |= !has_room;
        if has_room { Ok(()) } else { Err(DiskError::Full) }
    }

    /// Whether it refused to take something since this was last asked, whoever heard of it.
    pub fn take_refused(&mut self) -> bool {
        std::mem::take(&mut self.refused)
    }

    /// Makes a file as long as told, durably: cut, or with a hole of zeros at its end (`setLength`).
    pub fn set_len(&mut self, id: FileId, len: u64) {
        if self.len(id) == len {
            return;
        }
        let Some(file) = self.changed(id) else { return };
        let before = file.cache.written;
        file.set_len(len);
        let cut = before - file.cache.written;
        self.used -= cut;
    }

    /// A second file with the bytes of the first, which are shared. Nothing of it is durable yet.
    pub fn copy(&mut self, from: &str, to: &str) -> Result<FileId, DiskError> {
        let id = self.open(from).ok_or(DiskError::Missing)?;
        if self.names.contains_key(to) {
            return Err(DiskError::Exists);
        }
        let cache = self.file(id).ok_or(DiskError::Missing)?.cache.clone();
        self.find_room(cache.written)?;
        self.used += cache.written;
        Ok(self.add(to, File { cache, modified_ms: self.now_ms, ..File::default() }))
    }

    /// Up to `len` bytes from `offset`: fewer at the end of the file. Shares the written buffer when one write holds
    /// them all, else copies.
    pub fn read(&self, id: FileId, offset: u64, len: u32) -> Bytes {
        self.file(id).map_or_else(Bytes::new, |file| file.cache.read(offset, len.into()))
    }

    /// What one write holds from `offset` on, without taking a share of it; empty at the end of the file.
    pub fn peek(&self, id: FileId, offset: u64) -> &[u8] {
        self.file(id).map_or(&[], |file| file.cache.peek(offset))
    }

    /// The length of a file.
    pub fn len(&self, id: FileId) -> u64 {
        self.file(id).map_or(0, |file| file.cache.len)
    }

    /// Whether a file holds nothing.
    pub fn is_empty(&self, id: FileId) -> bool {
        self.len(id) == 0
    }

    /// When the file was last changed, by the clock that was told.
    pub fn modified_ms(&self, id: FileId) -> i64 {
        self.file(id).map_or(0, |file| file.modified_ms)
    }

    /// Dates the last change of a file (`utimes`).
    pub fn set_modified_ms(&mut self, id: FileId, modified_ms: i64) {
        if let Some(file) = self.file_mut(id) {
            file.modified_ms = modified_ms;
        }
    }

    /// Cuts a file to at most `len` bytes, durably.
    pub fn truncate(&mut self, id: FileId, len: u64) {
        self.set_len(id, len.min(self.len(id)));
    }

    /// Replaces bytes inside a file, in the page cache. Bytes that would lie behind its end are left out.
    pub fn overwrite(&mut self, id: FileId, at: u64, bytes: &[u8]) {
        let room = self.len(id).saturating_sub(at).min(bytes.len() as u64) as usize;
        if room > 0 {
            // Only a hole on a full disk has no room for it.
            let _ = self.write_at(id, at, Bytes::copy_from_slice(&bytes[..room]));
        }
    }

    /// Makes all of a file durable (fsync).
    pub fn flush(&mut self, id: FileId) {
        self.elapsed_us += self.slowdown_us;
        if self.file(id).is_some_and(|file| !file.is_durable())
            && let Some(file) = self.file_mut(id)
        {
            file.flush();
        }
    }

    /// Gives a file another name; a file that had it is gone (an atomic replacement).
    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let id = self.open(from).ok_or(DiskError::Missing)?;
        if from == to {
            return Ok(());
        }
        self.remove(to);
        let names = Arc::make_mut(&mut self.names);
        names.remove(from);
        names.insert(to.to_owned(), id);
        Ok(())
    }

    /// Removes a file; whether there was one.
    pub fn remove(&mut self, path: &str) -> bool {
        let Some(id) = self.open(path) else { return false };
        self.used -= self.file(id).map_or(0, |file| file.cache.written);
        Arc::make_mut(&mut self.names).remove(path);
        if let Some(slot) = Arc::make_mut(&mut self.files).get_mut(id.0 as usize) {
            *slot = None;
        }
        true
    }

    /// The names that begin with `prefix`, in order.
    pub fn list<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.names
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(prefix))
    }

    /// The files whose names begin with `prefix` and their lengths, in order of their names.
    pub fn files<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.list(prefix).filter_map(|name| Some((name, self.len(self.open(name)?))))
    }

    /// The machine loses power. Of what was written behind the flushed part of each file only a beginning survives;
    /// its length is `tear(bound)`, below `bound`, so the cut may lie inside a write. Overwritten bytes that were not
    /// flushed are what they were.
    pub fn lose_power(&mut self, mut tear: impl FnMut(u64) -> u64) {
        let mut lost = 0;
        for file in Arc::make_mut(&mut self.files).iter_mut().flatten().filter(|file| !file.is_durable()) {
            let before = file.cache.written;
            let unflushed = before - file.durable_written;
            let kept = if unflushed == 0 { 0 } else { tear(unflushed + 1).min(unflushed) };
            let file = Arc::make_mut(file);
            file.lose_power(kept);
            lost += before - file.cache.written;
        }
        self.used -= lost;
    }

    /// Bit rot: the medium turns over the bits of `mask` in one byte. Nobody is told. Whether the byte was there; a hole
    /// has none.
    pub fn flip_bit(&mut self, path: &str, byte: u64, mask: u8) -> bool {
        let Some(file) = self.open(path).and_then(|id| self.file_mut(id)) else { return false };
        let there = byte < file.cache.written;
        file.cache.flip(byte, mask);
        if let Some(image) = &mut file.durable_image {
            image.flip(byte, mask);
        }
        there
    }

    /// From now on the disk holds at most so many bytes.
    pub fn set_capacity(&mut self, bytes: u64) {
        self.capacity = bytes;
    }

    /// No byte more is taken.
    pub fn is_full(&self) -> bool {
        self.used >= self.capacity
    }

    /// By how much each write and each flush is slowed, in microseconds.
    pub fn slowdown_us(&self) -> u64 {
        self.slowdown_us
    }

    /// From now on each write and each flush takes so many microseconds.
    pub fn set_slowdown_us(&mut self, us: u64) {
        self.slowdown_us = us;
    }

    /// The bytes of all files.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The time that operations took since this was last asked.
    pub fn take_elapsed_us(&mut self) -> u64 {
        std::mem::take(&mut self.elapsed_us)
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize)?.as_deref()
    }

    fn file_mut(&mut self, id: FileId) -> Option<&mut File> {
        Arc::make_mut(&mut self.files).get_mut(id.0 as usize)?.as_mut().map(Arc::make_mut)
    }

    /// The same for a change that its modification time tells.
    fn changed(&mut self, id: FileId) -> Option<&mut File> {
        let now_ms = self.now_ms;
        let file = self.file_mut(id)?;
        file.modified_ms = now_ms;
        Some(file)
    }
}

/// One file: what its readers see, and what of it a loss of power leaves.
#[derive(Clone, Debug, Default)]
struct File {
    cache: Content,
    modified_ms: i64,
    /// So many written bytes from the start were flushed.
    durable_written: u64,
    /// What they were at the flush, if they were overwritten since.
    durable_image: Option<Content>,
    /// The file stays at least so long.
    durable_len: u64,
}

impl File {
    fn is_durable(&self) -> bool {
        self.durable_written == self.cache.written && self.durable_len == self.cache.len && self.durable_image.is_none()
    }

    fn flush(&mut self) {
        self.durable_written = self.cache.written;
        self.durable_len = self.cache.len;
        self.durable_image = None;
    }

    fn set_len(&mut self, len: u64) {
        self.cache.set_len(len);
        self.durable_len = len;
        self.durable_written = self.durable_written.min(len);
        if let Some(image) = &mut self.durable_image {
            image.set_len(image.len.min(len));
        }
    }

    fn write_at(&mut self, at: u64, bytes: Bytes) {
        if at < self.durable_written && !bytes.is_empty() && self.durable_image.is_none() {
            let mut image = self.cache.clone();
            image.set_len(self.durable_written);
            self.durable_image = Some(image);
        }
        self.cache.write_at(at, bytes);
    }

    fn lose_power(&mut self, kept: u64) {
        let end = self.durable_written + kept;
        match self.durable_image.take() {
            None => self.cache.set_len(end),
            Some(mut image) => {
                image.append(self.cache.read(self.durable_written, kept));
                self.cache = image;
            }
        }
        self.cache.set_len(end.max(self.durable_len));
        self.flush();
    }
}

/// So many chunks are sealed into one shared group (8 make the list of groups the cost of a snapshot, 64 the open tails).
const GROUP: usize = 32;

/// What a hole reads as, a piece at a time.
const ZEROS: [u8; 4096] = [0; 4096];

/// Bytes as a list of shared chunks, and perhaps a hole of zeros behind them.
#[derive(Clone, Debug, Default)]
struct Content {
    sealed: Chunks<Group>,
    /// Where the chunks of `tail` begin.
    tail_start: u64,
    tail: Vec<Bytes>,
    /// The bytes of all chunks.
    written: u64,
    len: u64,
}

#[derive(Clone, Debug)]
struct Group {
    start: u64,
    chunks: Arc<[Bytes]>,
}

impl Content {
    /// Writes behind what was written, into the hole if there is one.
    fn append(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        if self.tail.len() == GROUP {
            self.seal();
        }
        self.written += bytes.len() as u64;
        self.len = self.len.max(self.written);
        if self.tail.len() == self.tail.capacity() {
            // A copy begins without room: it gets no more than a group needs.
            self.tail.reserve_exact(self.tail.len().max(4).min(GROUP - self.tail.len()));
        }
        self.tail.push(bytes);
    }

    fn seal(&mut self) {
        let chunks: Arc<[Bytes]> = self.tail.drain(..).collect();
        self.sealed.push(Group { start: self.tail_start, chunks });
        self.tail_start = self.written;
    }

    fn write_at(&mut self, at: u64, mut bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        while self.written < at {
            let gap = (at - self.written).min(ZEROS.len() as u64) as usize;
            self.append(Bytes::from_static(&ZEROS[..gap]));
        }
        let over = (self.written - at).min(bytes.len() as u64) as usize;
        if over > 0 {
            self.overwrite(at, &bytes.split_to(over));
        }
        self.append(bytes);
    }

    /// The chunks from the group on that holds `offset`, each with where it begins.
    fn chunks_near(&self, offset: u64) -> impl Iterator<Item = (u64, &Bytes)> {
        let (first, start) = if offset >= self.tail_start {
            (self.sealed.len(), self.tail_start)
        } else {
            let first = self.sealed.partition_point(|group| group.start <= offset).saturating_sub(1);
            (first, self.sealed.get(first).map_or(0, |group| group.start))
        };
        let sealed = self.sealed.iter_from(first).flat_map(|group| group.chunks.iter());
        sealed.chain(&self.tail).scan(start, |at, chunk| {
            let start = *at;
            *at += chunk.len() as u64;
            Some((start, chunk))
        })
    }

    /// The chunk that holds `offset`, and the place inside it.
    fn locate(&self, offset: u64) -> Option<(&Bytes, usize)> {
        if offset >= self.written {
            return None;
        }
        if offset >= self.tail_start {
            return self.locate_in_tail(offset);
        }
        let (start, chunk) = self.chunks_near(offset).find(|(start, chunk)| offset < start + chunk.len() as u64)?;
        Some((chunk, (offset - start) as usize))
    }

    /// Readers are mostly at the end: look from there.
    fn locate_in_tail(&self, offset: u64) -> Option<(&Bytes, usize)> {
        let mut start = self.written;
        self.tail.iter().rev().find_map(|chunk| {
            start -= chunk.len() as u64;
            (start <= offset).then(|| (chunk, (offset - start) as usize))
        })
    }

    fn peek(&self, offset: u64) -> &[u8] {
        match self.locate(offset) {
            Some((chunk, at)) => &chunk[at..],
            None => &ZEROS[..self.len.saturating_sub(offset).min(ZEROS.len() as u64) as usize],
        }
    }

    fn read(&self, offset: u64, len: u64) -> Bytes {
        let end = offset.saturating_add(len).min(self.len);
        if end > self.written && offset < end {
            return self.read_with_hole(offset, end);
        }
        let Some((chunk, at)) = self.locate(offset) else { return Bytes::new() };
        let len = (end - offset) as usize;
        if len <= chunk.len() - at {
            return chunk.slice(at..at + len);
        }
        let mut joined = Vec::with_capacity(len);
        for (start, chunk) in self.chunks_near(offset) {
            if start >= end {
                break;
            }
            let from = offset.saturating_sub(start).min(chunk.len() as u64) as usize;
            let to = (end - start).min(chunk.len() as u64) as usize;
            joined.extend_from_slice(&chunk[from..to]);
        }
        joined.into()
    }

    fn read_with_hole(&self, offset: u64, end: u64) -> Bytes {
        let mut joined = Vec::with_capacity((end - offset) as usize);
        if offset < self.written {
            joined.extend_from_slice(&self.read(offset, self.written - offset));
        }
        joined.resize((end - offset) as usize, 0);
        joined.into()
    }

    fn set_len(&mut self, len: u64) {
        if len < self.written {
            self.cut(len);
        }
        self.len = len;
    }

    fn cut(&mut self, len: u64) {
        if len < self.tail_start {
            let sealed = &mut self.sealed;
            sealed.truncate(sealed.partition_point(|group| group.start <= len));
            self.tail.clear();
            self.tail_start = 0;
            if let Some(group) = sealed.pop() {
                self.tail_start = group.start;
                self.tail.extend(group.chunks.iter().cloned());
            }
        }
        self.written = self.tail_start;
        let mut kept = 0;
        for chunk in &mut self.tail {
            let room = len - self.written;
            if room == 0 {
                break;
            }
            chunk.truncate(room.min(chunk.len() as u64) as usize);
            self.written += chunk.len() as u64;
            kept += 1;
        }
        self.tail.truncate(kept);
    }

    /// Rare (bit rot, edits, an index behind a truncation): the chunks that are touched are written anew.
    fn overwrite(&mut self, at: u64, bytes: &[u8]) {
        let end = at + bytes.len() as u64;
        let patch = |start: u64, chunk: &mut Bytes| {
            let (from, to) = (at.max(start), end.min(start + chunk.len() as u64));
            if from < to {
                let mut copy = chunk.to_vec();
                copy[(from - start) as usize..(to - start) as usize]
                    .copy_from_slice(&bytes[(from - at) as usize..(to - at) as usize]);
                *chunk = copy.into();
            }
        };
        if at < self.tail_start {
            let first = self.sealed.partition_point(|group| group.start <= at).saturating_sub(1);
            let behind = self.sealed.partition_point(|group| group.start < end);
            for index in first..behind {
                let Some(group) = self.sealed.get_mut(index) else { continue };
                let mut chunks = group.chunks.to_vec();
                patch_all(&mut chunks, group.start, patch);
                group.chunks = chunks.into();
            }
        }
        patch_all(&mut self.tail, self.tail_start, patch);
    }

    fn flip(&mut self, byte: u64, mask: u8) {
        let flipped = self.locate(byte).map(|(chunk, at)| chunk[at] ^ mask);
        if let Some(flipped) = flipped {
            self.overwrite(byte, &[flipped]);
        }
    }
}

fn patch_all(chunks: &mut [Bytes], mut start: u64, patch: impl Fn(u64, &mut Bytes)) {
    for chunk in chunks {
        let size = chunk.len() as u64;
        patch(start, chunk);
        start += size;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_with(path: &str, writes: &[&'static str]) -> (Disk, FileId) {
        let mut disk = Disk::default();
        let id = disk.create(path).unwrap();
        for write in writes {
            disk.append(id, Bytes::from_static(write.as_bytes())).unwrap();
        }
        (disk, id)
    }

    #[test]
    fn a_read_inside_one_write_shares_it_and_a_wider_one_joins() {
        let (disk, id) = disk_with("a", &["hello ", "world"]);
        assert_eq!(disk.read(id, 1, 3), "ell");
        assert_eq!(disk.read(id, 1, 3).as_ptr(), disk.read(id, 0, 2).as_ptr().wrapping_add(1));
        assert_eq!(disk.read(id, 4, 100), "o world");
        assert_eq!(disk.read(id, 11, 1), "");
    }

    #[test]
    fn power_loss_keeps_what_was_flushed_and_a_beginning_of_the_rest() {
        let (mut disk, id) = disk_with("a", &["flushed"]);
        disk.flush(id);
        disk.append(id, Bytes::from_static(b"cached")).unwrap();
        let mut torn = disk.clone();
        torn.lose_power(|bound| {
            assert_eq!(bound, 7);
            3
        });
        assert_eq!(torn.read(id, 0, 99), "flushedcac");
        assert_eq!(torn.used(), 10);
        disk.lose_power(|_| 0);
        assert_eq!(disk.read(id, 0, 99), "flushed");
    }

    #[test]
    fn an_overwrite_that_was_not_flushed_is_undone_by_power_loss() {
        let (mut disk, id) = disk_with("a", &["flushed"]);
        disk.flush(id);
        disk.overwrite(id, 0, b"FL");
        disk.append(id, Bytes::from_static(b"tail")).unwrap();
        assert_eq!(disk.read(id, 0, 99), "FLushedtail");
        disk.lose_power(|_| 2);
        assert_eq!(disk.read(id, 0, 99), "flushedta");
    }

    #[test]
    fn a_full_disk_refuses_the_whole_write() {
        let (mut disk, id) = disk_with("a", &["1234"]);
        disk.set_capacity(6);
        assert_eq!(disk.append(id, Bytes::from_static(b"567")), Err(DiskError::Full));
        assert_eq!(disk.append(id, Bytes::from_static(b"56")), Ok(()));
        assert!(disk.remove("a"));
        assert_eq!(disk.used(), 0);
    }

    #[test]
    fn rename_replaces_and_keeps_the_handle() {
        let (mut disk, id) = disk_with("a.tmp", &["new"]);
        let old = disk.create("a").unwrap();
        disk.rename("a.tmp", "a").unwrap();
        assert_eq!(disk.open("a"), Some(id));
        assert_eq!(disk.len(old), 0);
        assert_eq!(disk.list("a").collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn a_hole_reads_as_zeros_takes_no_room_and_outlives_power() {
        let (mut disk, id) = disk_with("a", &[]);
        disk.set_len(id, 10 << 20);
        assert_eq!((disk.used(), disk.len(id), disk.read(id, 5, 3)), (0, 10 << 20, Bytes::from_static(&[0, 0, 0])));
        disk.write_at(id, 0, Bytes::from_static(b"entry one")).unwrap();
        disk.write_at(id, 9, Bytes::from_static(b"entry two")).unwrap();
        assert_eq!(disk.read(id, 6, 14), "oneentry two\0\0");
        assert_eq!((disk.used(), disk.peek(id, (10 << 20) - 2).len()), (18, 2));
        disk.lose_power(|_| 11);
        assert_eq!((disk.len(id), disk.read(id, 6, 8)), (10 << 20, Bytes::from_static(b"oneen\0\0\0")));
        disk.set_len(id, 9);
        assert_eq!((disk.used(), disk.read(id, 0, 99)), (9, Bytes::from_static(b"entry one")));
    }

    #[test]
    fn changes_have_the_time_that_was_told() {
        let (mut disk, id) = disk_with("a", &["1"]);
        disk.set_now_ms(7);
        disk.rename("a", "b").unwrap();
        assert_eq!(disk.modified_ms(id), 0);
        disk.append(id, Bytes::from_static(b"2")).unwrap();
        disk.set_now_ms(8);
        let copy = disk.copy("b", "c").unwrap();
        assert_eq!((disk.modified_ms(id), disk.modified_ms(copy), disk.read(copy, 0, 9)), (7, 8, "12".into()));
        assert_eq!(disk.files("").collect::<Vec<_>>(), [("b", 2), ("c", 2)]);
    }

    #[test]
    fn a_slow_disk_adds_up_its_time_until_asked() {
        let (mut disk, id) = disk_with("a", &[]);
        disk.set_slowdown_us(5);
        disk.append(id, Bytes::from_static(b"1")).unwrap();
        disk.flush(id);
        assert_eq!((disk.take_elapsed_us(), disk.take_elapsed_us()), (10, 0));
    }

    #[cfg(not(target_family = "wasm"))]
    mod properties {
        use super::*;
        use proptest::prelude::*;

        #[derive(Clone, Debug)]
        enum Op {
            Append(Vec<u8>),
            Truncate(u64),
            SetLen(u64),
            WriteAt(u64, Vec<u8>),
            Overwrite(u64, Vec<u8>),
            Flush,
            LosePower(u64),
            Flip(u64, u8),
        }

        fn op() -> impl Strategy<Value = Op> {
            let bytes = || prop::collection::vec(any::<u8>(), 0..9);
            prop_oneof![
                20 => bytes().prop_map(Op::Append),
                1 => (0..200u64).prop_map(Op::Truncate),
                1 => (0..300u64).prop_map(Op::SetLen),
                3 => (0..200u64, bytes()).prop_map(|(at, bytes)| Op::WriteAt(at, bytes)),
                2 => (0..200u64, bytes()).prop_map(|(at, bytes)| Op::Overwrite(at, bytes)),
                2 => Just(Op::Flush),
                1 => (0..20u64).prop_map(Op::LosePower),
                1 => (0..200u64, any::<u8>()).prop_map(|(at, mask)| Op::Flip(at, mask)),
            ]
        }

        proptest! {
            #[test]
            fn a_file_is_its_bytes_and_its_durable_bytes(ops in prop::collection::vec(op(), 0..300)) {
                let (mut disk, id) = disk_with("f", &[]);
                // The bytes, how many of them were written and not cut, and the same of what power leaves.
                let (mut cache, mut written) = (Vec::<u8>::new(), 0);
                let (mut durable, mut durable_len) = (Vec::<u8>::new(), 0);
                let mut snapshots = Vec::new();
                for op in ops {
                    match op {
                        Op::Append(bytes) => {
                            cache.extend(&bytes);
                            written = if bytes.is_empty() { written } else { cache.len() };
                            disk.append(id, bytes.into()).unwrap();
                        }
                        Op::Truncate(len) => {
                            let len = cache.len().min(len as usize);
                            durable_len = if len < cache.len() { len } else { durable_len };
                            cache.truncate(len);
                            durable.truncate(len);
                            written = written.min(len);
                            disk.truncate(id, len as u64);
                        }
                        Op::SetLen(len) => {
                            durable_len = if len as usize == cache.len() { durable_len } else { len as usize };
                            cache.resize(len as usize, 0);
                            durable.truncate(len as usize);
                            written = written.min(len as usize);
                            disk.set_len(id, len);
                        }
                        Op::WriteAt(at, bytes) => {
                            let end = at as usize + bytes.len();
                            if !bytes.is_empty() {
                                cache.resize(cache.len().max(end), 0);
                                cache[at as usize..end].copy_from_slice(&bytes);
                                written = written.max(end);
                            }
                            disk.write_at(id, at, bytes.into()).unwrap();
                        }
                        Op::Overwrite(at, bytes) => {
                            for (slot, byte) in cache.iter_mut().skip(at as usize).zip(&bytes) {
                                *slot = *byte;
                            }
                            let end = cache.len().min(at as usize + bytes.len());
                            written = if end > at as usize { written.max(end) } else { written };
                            disk.overwrite(id, at, &bytes);
                        }
                        Op::Flush => {
                            durable = cache[..written].to_vec();
                            durable_len = cache.len();
                            disk.flush(id);
                        }
                        Op::LosePower(kept) => {
                            let end = (durable.len() + kept as usize).min(written);
                            durable.extend(&cache[durable.len()..end]);
                            written = durable.len();
                            cache.clone_from(&durable);
                            cache.resize(written.max(durable_len), 0);
                            durable_len = cache.len();
                            disk.lose_power(|_| kept);
                        }
                        Op::Flip(at, mask) => {
                            let images = [cache[..written].get_mut(at as usize), durable.get_mut(at as usize)];
                            images.into_iter().flatten().for_each(|byte| *byte ^= mask);
                            disk.flip_bit("f", at, mask);
                        }
                    }
                    prop_assert_eq!(disk.read(id, 0, u32::MAX), cache.clone());
                    prop_assert_eq!(disk.used(), written as u64);
                    let middle = cache.len() / 2;
                    prop_assert_eq!(disk.read(id, middle as u64, 5), &cache[middle..cache.len().min(middle + 5)]);
                    if cache.len() % 7 == 0 {
                        snapshots.push((disk.clone(), cache.clone()));
                    }
                }
                for (disk, bytes) in snapshots {
                    prop_assert_eq!(disk.read(id, 0, u32::MAX), bytes);
                }
            }
        }
    }
}
