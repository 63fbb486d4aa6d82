//! Where recordings come from: archives of `tests/oracle`, or the folder that `LOGLAB_ORACLE` names.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// All files of an area, by their paths below it.
#[derive(Default)]
pub struct Recordings {
    files: BTreeMap<String, Vec<u8>>,
}

impl Recordings {
    /// Reads all files of an area, which these archives hold.
    pub fn load(archives: &[&str]) -> Result<Recordings, String> {
        match std::env::var_os("LOGLAB_ORACLE") {
            Some(folder) => Self::of_folder(Path::new(&folder)),
            None => Self::of_archives(Path::new(env!("CARGO_MANIFEST_DIR")), archives),
        }
    }

    fn of_folder(folder: &Path) -> Result<Recordings, String> {
        let mut recordings = Recordings::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            let entries = fs::read_dir(&next).map_err(|error| format!("{}: {error}", next.display()))?;
            for entry in entries {
                let path = entry.map_err(|error| error.to_string())?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                    recordings.files.insert(below(folder, &path), bytes);
                }
            }
        }
        Ok(recordings)
    }

    fn of_archives(root: &Path, archives: &[&str]) -> Result<Recordings, String> {
        let mut recordings = Recordings::default();
        for archive in archives {
            recordings.take_archive(&root.join(archive))?;
        }
        Ok(recordings)
    }

    fn take_archive(&mut self, path: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut archive = tar::Archive::new(GzDecoder::new(fs::File::open(path).map_err(failed)?));
        for entry in archive.entries().map_err(failed)? {
            let mut entry = entry.map_err(failed)?;
            if entry.header().entry_type().is_file() {
                let path = entry.path().map_err(failed)?.to_string_lossy().trim_start_matches("./").to_owned();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(failed)?;
                self.files.insert(path, bytes);
            }
        }
        Ok(())
    }

    /// A file by its path.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// The paths of all files whose name is `name`, without that name.
    pub fn folders_with(&self, name: &str) -> Vec<&str> {
        self.files.keys().filter_map(|path| path.strip_suffix(name)?.strip_suffix('/')).collect()
    }

    /// The files below a folder, by their paths below it.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let prefix = format!("{folder}/");
        let of_folder = self.files.range(prefix.clone()..);
        of_folder.map_while(move |(path, bytes)| Some((path.strip_prefix(&prefix)?, bytes.as_slice())))
    }
}

fn below(folder: &Path, path: &Path) -> String {
    let parts: PathBuf = path.strip_prefix(folder).unwrap_or(path).into();
    parts.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
