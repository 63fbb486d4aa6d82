//! The bytes of one file.

use std::sync::Arc;

use bytes::Bytes;

use crate::sim::chunks::Chunks;

/// So many chunks are sealed into one shared group (8 make the list of groups the cost of a snapshot, 64 the open tails).
const GROUP: usize = 32;

/// What a hole reads as, a piece at a time.
const ZEROS: [u8; 4096] = [0; 4096];

/// Bytes as a list of shared chunks, and perhaps a hole of zeros behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    sealed: Chunks<Group>,
    /// Where the chunks of `tail` begin.
    tail_start: u64,
    tail: Vec<Bytes>,
    /// The bytes of all chunks.
    pub(super) written: u64,
    pub(super) len: u64,
}

#[derive(Clone, Debug)]
struct Group {
    start: u64,
    chunks: Arc<[Bytes]>,
}

impl Content {
    /// Writes behind what was written, into the hole if there is one.
    pub(super) fn append(&mut self, bytes: Bytes) {
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

    pub(super) fn write_at(&mut self, at: u64, mut bytes: Bytes) {
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

    pub(super) fn peek(&self, offset: u64) -> &[u8] {
        match self.locate(offset) {
            Some((chunk, at)) => &chunk[at..],
            None => &ZEROS[..self.len.saturating_sub(offset).min(ZEROS.len() as u64) as usize],
        }
    }

    pub(super) fn read(&self, offset: u64, len: u64) -> Bytes {
        let end = offset.saturating_add(len).min(self.len);
        if end > self.written && offset < end {
            return self.read_with_hole(offset, end);
        }
        // Behind the end there is nothing to read.
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

    pub(super) fn set_len(&mut self, len: u64) {
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
                let group = self.sealed.get_mut(index).expect("a group before the end of the sealed ones");
                let mut chunks = group.chunks.to_vec();
                patch_all(&mut chunks, group.start, patch);
                group.chunks = chunks.into();
            }
        }
        patch_all(&mut self.tail, self.tail_start, patch);
    }

    pub(super) fn flip(&mut self, byte: u64, mask: u8) {
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
