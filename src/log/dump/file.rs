//! A file that is to be dumped, and those beside it.

use super::batches::LogFile;
use super::halt::Halt;
use super::java::{self, Thrown};
use crate::log::source::{Folder, Source};

/// A file to dump, and how it is called.
#[derive(Clone, Copy)]
pub struct DumpFile<'a> {
    /// Where the file and those beside it lie.
    pub folder: &'a dyn Folder,
    /// Its name there.
    pub name: &'a str,
    /// As the user named it.
    pub path: &'a str,
    /// The absolute path of the folder with a slash at its end; some lines tell it.
    pub directory: &'a str,
}

impl DumpFile<'_> {
    pub(super) fn absolute_path(&self) -> String {
        format!("{}{}", self.directory, self.name)
    }

    pub(super) fn stem(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    pub(super) fn base_offset(&self) -> Result<i64, Thrown> {
        java::parse_long(self.stem())
    }

    pub(super) fn source(&self, name: &str) -> Result<Box<dyn Source + '_>, Halt> {
        let source = self.folder.open(name).map_err(Halt::Read)?;
        source.ok_or_else(|| Thrown::no_such_file(&format!("{}{name}", self.directory)).into())
    }

    pub(super) fn sibling(&self, extension: &str) -> Result<Option<Box<dyn Source + '_>>, Halt> {
        self.folder.open(&format!("{}.{extension}", self.stem())).map_err(Halt::Read)
    }

    /// The `.log` file of an index.
    pub(super) fn log(&self) -> Result<LogFile<'_>, Halt> {
        let name = format!("{}.log", self.stem());
        Ok(LogFile::open(self.source(&name)?, format!("{}{name}", self.directory))?)
    }
}
