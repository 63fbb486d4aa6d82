//! The entries of an index file, one after another.

use std::io;

use super::Report;
use crate::log::source::{Folder, Window};

/// An index file of entries of `N` bytes, read from its beginning.
pub(super) struct Entries<'a, const N: usize> {
    pub name: String,
    window: Window<'a>,
    /// Entries before the zeros at the end.
    used: u64,
    /// Entries of zeros behind them, in a segment that is full: a broker takes them for entries.
    pub zeros: u64,
    /// Whether there is room behind the entries. A truncation does not wipe what lay there: entries that lead nowhere
    /// may be older than it.
    has_room: bool,
    has_stale_entries: bool,
    /// Whether a broker that starts makes it anew, whatever stands in it (`LogSegment.recover`).
    is_made_anew: bool,
    next: u64,
}

impl<'a, const N: usize> Entries<'a, N> {
    /// Opens an index, if there is one. An active one has room behind its entries: zeros.
    pub(super) fn open(
        folder: &'a dyn Folder,
        name: String,
        is_active: bool,
        is_made_anew: bool,
        report: &mut Report,
    ) -> io::Result<Option<Self>> {
        let Some(source) = folder.open(&name)? else { return Ok(None) };
        report.files += 1;
        let mut window = Window::new(source);
        let (size, len) = (N as u64, window.len());
        let mut used = 0;
        for i in 0..len / size {
            if window.get(i * size, N)?.iter().any(|&byte| byte != 0) {
                used = i + 1;
            }
        }
        if len % size != 0 {
            // A broker maps whole entries (`AbstractIndex.createMappedBuffer`) and does not check more when it starts.
            report.note(
                &name,
                format!("{len} bytes are not a multiple of {size}: a broker reads {} entries", len / size),
            );
        }
        let unused = len / size - used;
        let zeros = if is_active { 0 } else { unused };
        let has_room = is_active && unused > 0;
        Ok(Some(Entries { name, window, used, zeros, has_room, has_stale_entries: false, is_made_anew, next: 0 }))
    }

    /// The next entry and where it stands.
    pub(super) fn peek(&mut self) -> io::Result<Option<(u64, [u8; N])>> {
        if self.next >= self.used {
            return Ok(None);
        }
        let at = self.next * N as u64;
        Ok(self.window.get(at, N)?.first_chunk().map(|entry| (at, *entry)))
    }

    /// The last entry.
    pub(super) fn last(&mut self) -> io::Result<Option<[u8; N]>> {
        // Empty, as an index of a small segment is.
        let Some(last) = self.used.checked_sub(1) else { return Ok(None) };
        Ok(self.window.get(last * N as u64, N)?.first_chunk().copied())
    }

    /// Tells of an entry that is wrong, or once that such entries do no harm.
    pub(super) fn wrong(&mut self, at: impl Into<Option<u64>>, about: String, report: &mut Report) {
        let at = at.into();
        if !self.has_room && !self.is_made_anew {
            report.find(&self.name, at, about);
        } else if !self.has_stale_entries {
            self.has_stale_entries = true;
            let about = match self.is_made_anew {
                true => format!("{about}; a broker that starts makes the index anew"),
                false => format!("from here on entries that a truncation left behind: {about}"),
            };
            report.note_at(&self.name, at, about);
        }
    }

    /// Goes to the entry behind.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }
}

/// Offset and position of an entry of an offset index.
pub(super) fn offset_entry(entry: [u8; 8], base_offset: i64) -> (i64, i64) {
    let [a, b, c, d, e, f, g, h] = entry;
    (base_offset.saturating_add(i32::from_be_bytes([a, b, c, d]).into()), i32::from_be_bytes([e, f, g, h]).into())
}

/// Timestamp and offset of an entry of a time index.
pub(super) fn time_entry(entry: [u8; 12], base_offset: i64) -> (i64, i64) {
    let [a, b, c, d, e, f, g, h, rest @ ..] = entry;
    let offset = base_offset.saturating_add(i32::from_be_bytes(rest).into());
    (i64::from_be_bytes([a, b, c, d, e, f, g, h]), offset)
}
