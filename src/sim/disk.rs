//! The disk of one machine: files whose page cache and durable part are kept apart.
//!
//! A file is a list of shared chunks, one per write, sealed into groups that are shared too, so that a clone of a disk
//! copies little whatever the files hold. What was written stays in the page cache until [`Disk::flush`]; a process
//! that is killed loses nothing of it, a machine that loses power does ([`Disk::lose_power`]).
//!
//! Creating, renaming, removing and resizing a file are durable at once, but not before what was asked for ahead of them: who
//! renames a file behind its fsync, as Kafka replaces checkpoints, has not renamed it if a slow disk lost power during the fsync. Real
//! file systems give less; Kafka does not
//! count on more than its own fsyncs of directories, and a simulation of lost directory entries is not attempted here.
//!
//! A file may be longer than what was written: its end is then a hole, which reads as zeros and takes no room, as after
//! `setLength` on a file system with sparse files. Kafka preallocates its index files so.

mod content;
mod names;

use std::hash::Hasher;
use std::sync::Arc;

use bytes::Bytes;

use content::Content;
pub use names::FileId;
use names::Names;

use super::Time;
use super::chunks::Chunks;
use super::hash::RunHash;

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

/// The place of a file. It is free for another one when the file is removed, so that a disk does not grow with time.
#[derive(Clone, Debug)]
struct Slot {
    number: u32,
    file: Arc<File>,
}

/// A flush that a slow disk has not done yet: without power before it is done, nothing of it is durable.
#[derive(Clone, Debug)]
struct Flushing {
    id: FileId,
    done_at: Time,
    /// What will be durable then.
    content: Content,
    /// Bytes of it were overwritten since.
    is_overwritten: bool,
}

/// What was done to a name by somebody who waits for a slow disk first: without power before that is done, nor is this.
#[derive(Clone, Debug)]
struct Naming {
    id: FileId,
    done_at: Time,
    how: Named,
}

/// What was done to the name of a file.
#[derive(Clone, Debug)]
enum Named {
    Created {
        path: String,
    },
    Renamed {
        from: String,
        to: String,
    },
    /// Its place is kept until then.
    Removed {
        path: String,
    },
}

/// The files of one machine.
#[derive(Clone, Debug)]
pub struct Disk {
    names: Names,
    slots: Chunks<Option<Slot>>,
    /// What a slow disk has still to make durable, in the order in which it was asked.
    flushing: Vec<Flushing>,
    /// What was done to names and comes behind that, in the order in which it was asked.
    naming: Vec<Naming>,
    /// Virtual time: when what is asked of it is asked.
    time: Time,
    /// Files that were ever made.
    made: u32,
    used: u64,
    capacity: u64,
    slowdown_us: u64,
    elapsed_us: u64,
    now_ms: i64,
    refused: bool,
    /// Everything that was changed on it so far, in its order.
    changes: RunHash,
}

impl Default for Disk {
    fn default() -> Self {
        Disk {
            names: Names::default(),
            slots: Chunks::default(),
            flushing: Vec::new(),
            naming: Vec::new(),
            time: 0,
            made: 0,
            used: 0,
            capacity: u64::MAX,
            slowdown_us: 0,
            elapsed_us: 0,
            now_ms: 0,
            refused: false,
            changes: RunHash::default(),
        }
    }
}

/// What is done to a disk, as it goes into the hash of its changes.
#[derive(Clone, Copy)]
enum Change {
    Create,
    Write,
    SetLen,
    SetModified,
    Flush,
    Rename,
    Remove,
}

impl Disk {
    /// A hash over every change so far: which files, where, and the bytes.
    #[must_use]
    pub fn changes(&self) -> RunHash {
        self.changes
    }

    fn tell(&mut self, change: Change, id: FileId, number: u64) {
        self.changes.fold(change as u64 | u64::from(id.number) << 8);
        self.changes.fold(number);
    }

    /// Tells the machine's wall clock, in milliseconds: what is changed from now on has this modification time.
    pub fn set_now_ms(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// The machine's wall clock as last told.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Tells virtual time: what a slow disk was asked to make durable is so once its time has passed.
    pub fn set_time(&mut self, time: Time) {
        self.time = time;
        if !self.flushing.is_empty() {
            self.finish_flushes();
        }
        if !self.naming.is_empty() {
            self.finish_namings();
        }
    }

    fn finish_namings(&mut self) {
        let time = self.time;
        let done: Vec<_> = self.naming.extract_if(.., |naming| naming.done_at <= time).collect();
        for Naming { id, how, .. } in done {
            match how {
                // It has its name.
                Named::Created { .. } | Named::Renamed { .. } => {}
                Named::Removed { .. } => self.vacate(id),
            }
        }
    }

    /// Something is done to a name: at once, or when a slow disk has done what its author asked for before.
    fn named(&mut self, id: FileId, how: Named) {
        if self.elapsed_us > 0 {
            self.naming.push(Naming { id, done_at: self.time.saturating_add(self.elapsed_us), how });
        } else if let Named::Removed { .. } = how {
            self.vacate(id);
        }
    }

    /// A file that has no name any more is gone.
    fn vacate(&mut self, id: FileId) {
        let slot = self.slots.get_mut(id.slot as usize).expect("the place of a file is kept");
        if slot.as_ref().is_some_and(|slot| slot.number == id.number) {
            *slot = None;
        }
    }

    /// Takes back what was done to names and is not durable, the last first. What has another file's name by then, by somebody who
    /// did not wait, stays as it is.
    fn undo_namings(&mut self) {
        for Naming { id, how, .. } in std::mem::take(&mut self.naming).into_iter().rev() {
            let written = self.file(id).map_or(0, |file| file.cache.written);
            match how {
                Named::Created { path } if self.names.get(&path) == Some(id) => {
                    self.names.remove(&path);
                    self.used -= written;
                    self.vacate(id);
                }
                Named::Renamed { from, to } if self.names.get(&to) == Some(id) && self.names.get(&from).is_none() => {
                    self.names.remove(&to);
                    self.names.insert(&from, id);
                }
                Named::Removed { path } if self.names.get(&path).is_none() => {
                    self.names.insert(&path, id);
                    self.used += written;
                }
                // Somebody else has changed the name since.
                Named::Created { .. } | Named::Renamed { .. } => {}
                Named::Removed { .. } => self.vacate(id),
            }
        }
    }

    fn finish_flushes(&mut self) {
        let time = self.time;
        let done: Vec<_> = self.flushing.extract_if(.., |flushing| flushing.done_at <= time).collect();
        for Flushing { id, content, is_overwritten, .. } in done {
            // A file that was removed meanwhile has nothing to make durable.
            if let Some(file) = self.file_mut(id) {
                file.flushed(content, is_overwritten);
            }
        }
    }

    /// Makes an empty file.
    pub fn create(&mut self, path: &str) -> Result<FileId, DiskError> {
        if self.names.get(path).is_some() {
            return Err(DiskError::Exists);
        }
        Ok(self.add(path, File { modified_ms: self.now_ms, ..File::default() }))
    }

    fn add(&mut self, path: &str, file: File) -> FileId {
        let all_taken = self.names.len() == self.slots.len();
        let free = if all_taken { None } else { self.slots.iter().position(Option::is_none) };
        let id = FileId { slot: free.unwrap_or(self.slots.len()) as u32, number: self.made };
        let slot = Some(Slot { number: id.number, file: Arc::new(file) });
        match free {
            Some(place) => *self.slots.get_mut(place).expect("a place that was found") = slot,
            None => self.slots.push(slot),
        }
        self.made = self.made.wrapping_add(1);
        self.tell(Change::Create, id, self.len(id));
        self.changes.write(path.as_bytes());
        self.names.insert(path, id);
        self.named(id, Named::Created { path: path.to_owned() });
        id
    }

    /// The file of that name.
    pub fn open(&self, path: &str) -> Option<FileId> {
        self.names.get(path)
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
        self.tell(Change::Write, id, at);
        self.changes.write(&bytes);
        for flushing in self.flushing.iter_mut().filter(|flushing| flushing.id == id) {
            flushing.is_overwritten |= at < flushing.content.written && !bytes.is_empty();
        }
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
        self.tell(Change::SetLen, id, len);
        for flushing in self.flushing.iter_mut().filter(|flushing| flushing.id == id) {
            flushing.content.set_len(len.min(flushing.content.len));
        }
        // Whoever still has a removed file open changes what nobody finds any more.
        let Some(file) = self.changed(id) else { return };
        let before = file.cache.written;
        file.set_len(len);
        let cut = before - file.cache.written;
        self.used -= cut;
    }

    /// A second file with the bytes of the first, which are shared. Nothing of it is durable yet.
    pub fn copy(&mut self, from: &str, to: &str) -> Result<FileId, DiskError> {
        let id = self.open(from).ok_or(DiskError::Missing)?;
        if self.names.get(to).is_some() {
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
        self.tell(Change::SetModified, id, modified_ms.cast_unsigned());
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

    /// Makes all of a file durable (fsync): at once, or when a slow disk has done it.
    pub fn flush(&mut self, id: FileId) {
        self.elapsed_us += self.slowdown_us;
        self.tell(Change::Flush, id, self.len(id));
        let Some(content) = self.file(id).filter(|file| !file.is_durable()).map(|file| &file.cache) else {
            // Nothing of it is to be made durable.
            return;
        };
        if self.slowdown_us > 0 {
            let (content, done_at) = (content.clone(), self.time.saturating_add(self.elapsed_us));
            return self.flushing.push(Flushing { id, done_at, content, is_overwritten: false });
        }
        self.flushing.retain(|flushing| flushing.id != id);
        if let Some(file) = self.file_mut(id) {
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
        self.tell(Change::Rename, id, 0);
        self.changes.write(to.as_bytes());
        self.names.remove(from);
        self.names.insert(to, id);
        self.named(id, Named::Renamed { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    /// Removes a file; whether there was one.
    pub fn remove(&mut self, path: &str) -> bool {
        let Some(id) = self.open(path) else { return false };
        self.tell(Change::Remove, id, 0);
        self.used -= self.file(id).map_or(0, |file| file.cache.written);
        self.names.remove(path);
        self.named(id, Named::Removed { path: path.to_owned() });
        true
    }

    /// The names that begin with `prefix`, in order.
    pub fn list<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.names.iter_from(prefix).map(|(name, _)| name).take_while(move |name| name.starts_with(prefix))
    }

    /// The files whose names begin with `prefix` and their lengths, in order of their names.
    pub fn files<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.list(prefix).filter_map(|name| Some((name, self.len(self.open(name)?))))
    }

    /// The machine loses power. Of what was written behind the flushed part of each file only a beginning survives;
    /// its length is `tear(bound)`, below `bound`, so the cut may lie inside a write. Overwritten bytes that were not
    /// flushed are what they were.
    pub fn lose_power(&mut self, mut tear: impl FnMut(u64) -> u64) {
        // What a slow disk has not done yet is not done.
        self.flushing.clear();
        self.undo_namings();
        let mut lost = 0;
        let is_torn = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| !slot.file.is_durable());
        let torn: Vec<usize> = (0..).zip(self.slots.iter()).filter(|(_, slot)| is_torn(slot)).map(|it| it.0).collect();
        for place in torn {
            let Some(Some(Slot { file, .. })) = self.slots.get_mut(place) else { unreachable!("found above") };
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

    /// Whether the disk holds at most so many bytes.
    pub fn is_limited(&self) -> bool {
        self.capacity < u64::MAX
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

    /// The time that this event has needed the disk for so far.
    pub fn elapsed_us(&self) -> u64 {
        self.elapsed_us
    }

    /// Whoever is at work waits for another who is at the disk.
    pub fn wait(&mut self, us: u64) {
        self.elapsed_us += us;
    }

    /// The time that operations took since this was last asked.
    pub fn take_elapsed_us(&mut self) -> u64 {
        std::mem::take(&mut self.elapsed_us)
    }

    fn file(&self, id: FileId) -> Option<&File> {
        let slot = self.slots.get(id.slot as usize)?.as_ref()?;
        (slot.number == id.number).then_some(&*slot.file)
    }

    fn file_mut(&mut self, id: FileId) -> Option<&mut File> {
        let slot = self.slots.get_mut(id.slot as usize)?.as_mut()?;
        (slot.number == id.number).then(|| Arc::make_mut(&mut slot.file))
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

    /// A flush is done that began when the file held this.
    fn flushed(&mut self, content: Content, is_overwritten: bool) {
        self.durable_written = content.written;
        self.durable_len = content.len;
        self.durable_image = is_overwritten.then_some(content);
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

#[cfg(test)]
mod tests;
