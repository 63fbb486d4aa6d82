//! Real directories and files for the log's tools: read in pieces, never written.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use loglab::log::source::{Folder, Source};
use loglab::log::verify;

/// A directory.
pub struct RealFolder(pub PathBuf);

impl Folder for RealFolder {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn Source + '_>>> {
        match RealFile::open(&self.0.join(name)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if !entry.path().is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Whether a directory is that of a partition.
pub fn is_partition(directory: &Path) -> bool {
    verify::is_partition(&RealFolder(directory.to_owned()))
}

/// The directories in a directory, in the order of their names.
pub fn folders(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The nearest directory below this one, at most `depth` steps down, of which something holds.
pub fn find_below(directory: &Path, depth: u32, holds: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let folders = folders(directory);
    if let Some(found) = folders.iter().find(|path| holds(path)) {
        return Some(found.clone());
    }
    let next = depth.checked_sub(1).filter(|left| *left > 0)?;
    folders.iter().find_map(|path| find_below(path, next, holds))
}

struct RealFile {
    file: File,
    len: u64,
}

impl RealFile {
    fn open(path: &Path) -> io::Result<Self> {
        // Opening a pipe would wait for who writes into it.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no ordinary file", path.display())));
        }
        let file = File::open(path)?;
        // Of a broker that runs the file may grow meanwhile: what is there now is what is looked at.
        let len = file.metadata()?.len();
        Ok(RealFile { file, len })
    }
}

impl Source for RealFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        let mut filled = 0;
        while let Some(rest) = into.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match file.read(rest) {
                // The file ends here.
                Ok(0) => break,
                Ok(count) => filled += count,
                // A signal came in between: it is read again.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}
