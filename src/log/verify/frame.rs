//! Batches of any format in a file whose bytes may be anything, and where they go on behind damage.

use std::io;

use crate::log::batch::{self, BatchHeader, HEADER_SIZE, LOG_OVERHEAD, SHORTEST_LENGTH};
use crate::log::dump::legacy;
use crate::log::source::Window;

/// So many bytes tell offset, size and magic of a batch.
const HEAD: usize = 17;
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
/// Looked through at once.
const PIECE: usize = 1 << 16;
/// So often may the bytes of a file be read for their checksum while the next batch is looked for, so that a crafted file
/// does not take forever.
const READ_AGAIN: u64 = 8;

/// The first bytes of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub at: u64,
    /// Of the last record in formats 0 and 1, of the first in format 2.
    pub offset: i64,
    pub magic: i8,
    /// All its bytes.
    pub size: u64,
}

/// Why no batch can be told from others at a place, and at which byte.
pub(super) struct NoFrame {
    pub at: u64,
    pub about: String,
}

/// The batch at a place, if a whole one can be there.
pub(super) fn frame(window: &mut Window<'_>, at: u64) -> io::Result<Result<Frame, NoFrame>> {
    let rest = window.len().saturating_sub(at);
    let Some(head) = window.get(at, HEAD)?.first_chunk::<HEAD>() else {
        return Ok(Err(NoFrame { at, about: format!("the last {rest} bytes are not a whole batch") }));
    };
    let (offset, length, magic) = fields(head);
    let size = u64::from(length.unsigned_abs()) + LOG_OVERHEAD as u64;
    Ok(if length < shortest(magic) {
        Err(NoFrame { at: at + LENGTH_AT as u64, about: format!("batch of length {length}") })
    } else if size > rest {
        Err(NoFrame { at, about: format!("of a batch of {size} bytes only {rest} are there") })
    } else {
        Ok(Frame { at, offset, magic, size })
    })
}

fn fields(head: &[u8; HEAD]) -> (i64, i32, i8) {
    let [o0, o1, o2, o3, o4, o5, o6, o7, l0, l1, l2, l3, _, _, _, _, magic] = *head;
    (i64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]), i32::from_be_bytes([l0, l1, l2, l3]), magic as i8)
}

/// A message of format 0 or 1 may be shorter than the header of a batch.
fn shortest(magic: i8) -> i32 {
    if magic < 2 { SHORTEST_LENGTH } else { (HEADER_SIZE - LOG_OVERHEAD) as i32 }
}

/// What is wrong with a batch whose bytes are all there, and at which of them.
pub(super) fn fault(bytes: &[u8], frame: &Frame) -> Option<(u64, String)> {
    if (0..2).contains(&frame.magic) {
        let about = format!("magic {} instead of 2, and it is no whole message of that version", frame.magic);
        return (!legacy::is_whole_message(bytes)).then_some((frame.at + MAGIC_AT as u64, about));
    }
    if frame.magic != 2 {
        return Some((frame.at + MAGIC_AT as u64, format!("magic {} instead of 2", frame.magic)));
    }
    let header = bytes.first_chunk().map(BatchHeader::read)?;
    let error = batch::check_crc(bytes, &header).err()?;
    Some((frame.at + batch::CRC_AT as u64, error.to_string()))
}

/// Whether a batch that can go on with these offsets can be at a place, by its first bytes.
pub(super) fn can_be(window: &mut Window<'_>, at: u64, least_offset: i64) -> io::Result<bool> {
    Ok(frame(window, at)?.is_ok_and(|frame| is_likely(frame.offset, frame.magic, least_offset)))
}

fn is_likely(offset: i64, magic: i8, least_offset: i64) -> bool {
    // A segment's index cannot hold a larger offset.
    let most = least_offset.saturating_add(i32::MAX.into());
    (0..=2).contains(&magic) && (least_offset..=most).contains(&offset)
}

/// The next place from `from` on where a whole batch lies that goes on with these offsets and has its checksum.
pub(super) fn find(window: &mut Window<'_>, from: u64, least_offset: i64) -> io::Result<Option<u64>> {
    let mut budget = window.len().saturating_mul(READ_AGAIN);
    let mut start = from;
    while start < window.len() {
        let bytes = window.get(start, PIECE + HEAD - 1)?;
        let heads = bytes.array_windows::<HEAD>().zip(start..);
        let likely = |(head, _): &(&[u8; HEAD], u64)| {
            let (offset, length, magic) = fields(head);
            is_likely(offset, magic, least_offset) && length >= shortest(magic)
        };
        let places: Vec<u64> = heads.filter(likely).map(|(_, at)| at).collect();
        for at in places {
            // It only looked like one.
            let Ok(frame) = frame(window, at)? else { continue };
            let Some(left) = budget.checked_sub(frame.size) else { return Ok(None) };
            budget = left;
            if fault(window.get(at, frame.size as usize)?, &frame).is_none() {
                return Ok(Some(at));
            }
        }
        start += PIECE as u64;
    }
    Ok(None)
}
