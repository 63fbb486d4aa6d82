//! Changes of files by other hands than the log's.

use serde_json::json;

use super::case::{Action, Edit};
use super::failure::Failure;
use super::ops::Outcome;
use super::world::World;

/// Changes one file of a partition; answers all files with their sizes.
pub fn run(world: &mut World, partition: usize, edit: &Edit) -> Outcome {
    let directory = world.partitions[partition].directory();
    let path = format!("{directory}/{}", edit.file);
    let to = || Ok::<_, Failure>(format!("{directory}/{}", need(&edit.to, "to")?));
    match edit.action {
        Action::Delete if world.disk.remove(&path) => {}
        Action::Rename if exists(world, &path) && !exists(world, &to()?) => world.disk.rename(&path, &to()?)?,
        Action::Copy if exists(world, &path) && !exists(world, &to()?) => {
            let bytes = read(world, &path);
            write(world, &to()?, bytes)?;
        }
        Action::Rename | Action::Copy if exists(world, &path) => {
            return Err(Failure::kafka("FileAlreadyExistsException", -1));
        }
        Action::Delete | Action::Rename | Action::Copy => return Err(Failure::kafka("NoSuchFileException", -1)),
        action => {
            // `RandomAccessFile` makes the file that it opens, whatever is then asked of it.
            if world.disk.open(&path).is_none() && !matches!(action, Action::Append | Action::Write) {
                world.disk.create(&path)?;
            }
            let bytes = changed(read(world, &path), edit)?;
            write(world, &path, bytes)?;
        }
    }
    Ok(json!(world.files(partition)))
}

fn changed(mut bytes: Vec<u8>, edit: &Edit) -> Result<Vec<u8>, Failure> {
    let data = || need(&edit.data, "data").map(|data| data.0.unwrap_or_default());
    match edit.action {
        Action::Truncate => bytes.resize(need(&edit.size, "size")? as usize, 0),
        Action::Chop => {
            let kept = bytes.len().checked_sub(need(&edit.bytes, "bytes")? as usize).ok_or_else(outside)?;
            bytes.truncate(kept);
        }
        Action::Xor => {
            let at = need(&edit.at, "at")?;
            let at = if at < 0 { at + bytes.len() as i64 } else { at };
            let at = usize::try_from(at).map_err(|_| outside())?;
            // Behind the end of a file Java reads -1 and writes a byte there all the same.
            let byte = bytes.get(at).copied().unwrap_or(u8::MAX) ^ need(&edit.mask, "mask")?;
            bytes.resize(bytes.len().max(at + 1), 0);
            bytes[at] = byte;
        }
        Action::Append => bytes.extend(data()?),
        Action::Write => bytes = data()?,
        Action::Overwrite => {
            let (at, data) = (need(&edit.at, "at")? as usize, data()?);
            bytes.resize(bytes.len().max(at + data.len()), 0);
            bytes[at..at + data.len()].copy_from_slice(&data);
        }
        Action::Delete | Action::Rename | Action::Copy => {}
    }
    Ok(bytes)
}

/// What Java throws for a place before the beginning of a file.
fn outside() -> Failure {
    Failure::kafka("IOException", -1)
}

fn need<T: Clone>(field: &Option<T>, name: &str) -> Result<T, Failure> {
    field.clone().ok_or_else(|| Failure::Wrong(format!("an edit without `{name}`")))
}

fn exists(world: &World, path: &str) -> bool {
    world.disk.open(path).is_some()
}

fn read(world: &World, path: &str) -> Vec<u8> {
    world.disk.open(path).map(|file| world.disk.read(file, 0, u32::MAX).into()).unwrap_or_default()
}

/// The file stays the one that an open log holds.
fn write(world: &mut World, path: &str, bytes: Vec<u8>) -> Result<(), Failure> {
    let file = match world.disk.open(path) {
        Some(file) => file,
        None => world.disk.create(path)?,
    };
    world.disk.truncate(file, 0);
    world.disk.append(file, bytes.into())?;
    Ok(())
}
