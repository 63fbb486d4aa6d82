//! `loglab run --export`: the disks of a run's brokers as real directories.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use loglab::lab::world::World;
use loglab::log::checkpoints::{META_PROPERTIES, MetaProperties};
use loglab::sim::disk::Disk;
use loglab::wire::CLUSTER_ID;

/// Copied at once.
const PIECE: u32 = 1 << 20;

/// Writes `broker-N/` into a directory for each broker, with the files that a kill at this instant would leave. What was
/// there of these brokers before goes.
pub fn export(world: &World, directory: &Path) -> io::Result<()> {
    for id in world.names().brokers() {
        let process = world.names().broker(id).expect("a broker has a process");
        let folder = directory.join(format!("broker-{id}"));
        remove_older(&folder, id)?;
        fs::create_dir_all(&folder)?;
        let disk = world.kernel().disk(process);
        for path in disk.list("") {
            copy(disk, path, &folder.join(path))?;
        }
    }
    Ok(())
}

/// Removes what an earlier export wrote, and refuses to touch anything else: the disks of a real broker look the same but
/// for the cluster's id.
fn remove_older(folder: &Path, broker: i32) -> io::Result<()> {
    let names: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?,
        // There was no earlier export.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let meta = fs::read_to_string(folder.join("data").join(META_PROPERTIES)).ok();
    let is_ours = meta
        .and_then(|text| MetaProperties::decode(&text))
        .is_some_and(|meta| meta.cluster_id == CLUSTER_ID && meta.node_id == broker);
    let is_export = is_ours && names.iter().all(|name| name == "data");
    if folder.is_symlink() || !(is_export || names.is_empty()) {
        let about = format!("{} is not an earlier export; move it away or name another directory", folder.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, about));
    }
    fs::remove_dir_all(folder)
}

fn copy(disk: &Disk, path: &str, to: &Path) -> io::Result<()> {
    let id = disk.open(path).expect("a file that is listed is there");
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create(to)?;
    let mut at = 0;
    while at < disk.len(id) {
        let bytes = disk.read(id, at, PIECE);
        if bytes.is_empty() {
            break;
        }
        at += bytes.len() as u64;
        if bytes.iter().any(|&byte| byte != 0) {
            file.write_all(&bytes)?;
        } else {
            // Preallocated indexes are mostly zeros: the file gets holes as Kafka's have.
            file.seek(SeekFrom::Start(at))?;
        }
    }
    file.set_len(at)
}
