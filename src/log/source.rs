//! Bytes to be examined, wherever they lie: a file of a simulated disk, of a real one, or in memory. They are read in
//! pieces, so that their number does not matter.

use std::collections::BTreeMap;
use std::io;

use crate::sim::disk::{Disk, FileId};

/// The bytes of one file.
pub trait Source {
    /// How many there are.
    fn len(&self) -> u64;

    /// Fills `into` with the bytes from `at` on and answers how many there were: fewer at the end only.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The files of one directory.
pub trait Folder {
    /// Opens a file of the directory, `None` if there is none of that name.
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Source + '_>>>;

    /// The names of all files, in order.
    fn names(&self) -> io::Result<Vec<String>>;
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// Files in memory, by name.
impl Folder for BTreeMap<String, Vec<u8>> {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Source + '_>>> {
        Ok(self.get(name).map(|bytes| Box::new(bytes.as_slice()) as Box<dyn Source>))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.keys().cloned().collect())
    }
}

/// A directory of a simulated disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskFolder<'a> {
    disk: &'a Disk,
    directory: &'a str,
}

impl<'a> DiskFolder<'a> {
    /// The files whose paths are `directory`, a slash and a name.
    pub fn new(disk: &'a Disk, directory: &'a str) -> Self {
        DiskFolder { disk, directory }
    }
}

impl Folder for DiskFolder<'_> {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Source + '_>>> {
        let id = self.disk.open(&format!("{}/{name}", self.directory));
        Ok(id.map(|id| Box::new(DiskFile { disk: self.disk, id }) as Box<dyn Source>))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let prefix = format!("{}/", self.directory);
        let names = self.disk.list(&prefix).filter_map(|path| path.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }
}

struct DiskFile<'a> {
    disk: &'a Disk,
    id: FileId,
}

impl Source for DiskFile<'_> {
    fn len(&self) -> u64 {
        self.disk.len(self.id)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.disk.read(self.id, at, u32::try_from(into.len()).unwrap_or(u32::MAX));
        into[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

/// A piece of a source that is held in memory and moves with what is asked for.
pub struct Window<'a> {
    source: Box<dyn Source + 'a>,
    len: u64,
    start: u64,
    held: Vec<u8>,
}

/// Read at once where less is asked for.
const PIECE: usize = 1 << 18;
/// Asked for in steps, so that a damaged length does not take memory for bytes that are not there.
const STEP: usize = 1 << 24;

impl<'a> Window<'a> {
    /// Over a source, with nothing read yet.
    pub fn new(source: Box<dyn Source + 'a>) -> Self {
        Window { len: source.len(), source, start: 0, held: Vec::new() }
    }

    /// The length of the source.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the source holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The `len` bytes from `at` on; fewer at the end of the source.
    pub fn get(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let wanted = u64::try_from(len).unwrap_or(u64::MAX).min(self.len.saturating_sub(at)) as usize;
        let held = at.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = match held.filter(|from| from.checked_add(wanted).is_some_and(|end| end <= self.held.len())) {
            Some(from) => from,
            None => {
                self.fill(at, wanted.max(PIECE))?;
                0
            }
        };
        let end = (from + wanted).min(self.held.len());
        Ok(self.held.get(from..end).unwrap_or_default())
    }

    fn fill(&mut self, at: u64, len: usize) -> io::Result<()> {
        self.start = at;
        self.held.clear();
        while self.held.len() < len {
            let filled = self.held.len();
            let step = STEP.min(len - filled);
            self.held.try_reserve(step).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
            self.held.resize(filled + step, 0);
            let count = self.source.read_at(at + filled as u64, &mut self.held[filled..])?;
            self.held.truncate(filled + count);
            if count < step {
                break;
            }
        }
        Ok(())
    }
}
