//! `.log` files and snapshots of the cluster metadata.

use std::collections::BTreeMap;

use super::batches::{self, Found, LogFile, Slice};
use super::java::{self, Thrown};
use super::legacy::{self, LegacyRecord};
use super::line::{Batch, Contents, LegacyFields, Line, Metadata, Record, RecordFields};
use super::record::RawRecord;
use super::{Dump, DumpFile, Halt, control};

/// What goes on from one record of a file to the next.
struct Progress {
    last_offset: i64,
    jumps: BTreeMap<i64, i64>,
}

impl Dump<'_> {
    /// Dumps a file of batches.
    pub(super) fn log(&mut self, file: &DumpFile<'_>) -> Result<(), Halt> {
        self.tell_start(file)?;
        let mut log = LogFile::open(file.source(file.name)?, file.path.to_owned())?;
        let whole = log.slice(0, self.options.max_bytes)?;
        let mut slice = whole;
        let mut progress = Progress { last_offset: -1, jumps: BTreeMap::new() };
        while let Some(found) = log.next(&mut slice)? {
            self.batch(&mut log, &found, whole, &mut progress)?;
        }
        if !progress.jumps.is_empty() {
            self.non_consecutive.push((file.absolute_path(), progress.jumps.into_iter().collect()));
        }
        let count = u64::try_from(whole.end - slice.start).unwrap_or(0);
        if count > 0 && self.options.max_bytes == i32::MAX {
            self.tell(&Line::TrailingBytes { count, file: file.name })?;
        }
        Ok(())
    }

    fn tell_start(&mut self, file: &DumpFile<'_>) -> Result<(), Halt> {
        if file.name.ends_with(".log") {
            return self.tell(&Line::Log { starting_offset: file.base_offset()? });
        }
        if file.name == "bootstrap.checkpoint" {
            return self.tell(&Line::Bootstrap);
        }
        let Some((end_offset, epoch)) = metadata_snapshot(file.name) else {
            return Err(Thrown::new("java.util.NoSuchElementException", "No value present").into());
        };
        self.tell(&Line::MetadataSnapshot { end_offset, epoch })
    }

    fn batch(
        &mut self,
        log: &mut LogFile<'_>,
        found: &Found,
        slice: Slice,
        progress: &mut Progress,
    ) -> Result<(), Halt> {
        let batch = log.describe(found, slice)?;
        self.tell(&Line::Batch(&batch))?;
        if let Some(thrown) = batch.cut {
            return Err(thrown.into());
        }
        if !self.options.is_deep() {
            return Ok(());
        }
        let bytes = log.bytes(found)?;
        if batch.v2.is_some() {
            return batches::each_record(bytes, |record| self.record(&batch, &record, progress));
        }
        legacy::each_record(bytes, found.offset, |record, offset| self.legacy_record(record, offset, &batch, progress))
    }

    fn record(&mut self, batch: &Batch, raw: &RawRecord<'_>, progress: &mut Progress) -> Result<(), Halt> {
        note_offset(progress, raw.offset);
        let is_control = batch.v2.as_ref().is_some_and(|fields| fields.is_control);
        let mut cut = None;
        let metadata = (!self.options.skip_record_metadata).then(|| {
            let control = match is_control.then(|| control::read(raw.key, raw.value)).transpose() {
                Ok(control) => control,
                Err(thrown) => {
                    cut = Some(thrown);
                    None
                }
            };
            Metadata {
                offset: raw.offset,
                timestamp_type: batch.timestamp_type,
                timestamp: raw.timestamp,
                key_size: size_of(raw.key),
                value_size: size_of(raw.value),
                v2: Some(RecordFields { sequence: raw.sequence, headers: raw.headers }),
                legacy: None,
                control,
            }
        });
        let contents =
            (self.options.print_data_log && !is_control).then_some(Contents { key: raw.key, payload: raw.value });
        self.tell(&Line::Record(&Record { metadata, contents, is_cut: cut.is_some() }))?;
        cut.map_or(Ok(()), |thrown| Err(thrown.into()))
    }

    fn legacy_record(
        &mut self,
        record: &LegacyRecord<'_>,
        offset: i64,
        batch: &Batch,
        progress: &mut Progress,
    ) -> Result<(), Halt> {
        note_offset(progress, offset);
        let metadata = match self.options.skip_record_metadata {
            true => None,
            false => Some(Metadata {
                offset,
                timestamp_type: batch.timestamp_type,
                timestamp: record.timestamp()?,
                key_size: record.key_size()?,
                value_size: record.value_size()?,
                v2: None,
                legacy: Some(LegacyFields { is_valid: record.is_valid()?, crc: record.crc()? }),
                control: None,
            }),
        };
        let contents = || Ok(Contents { key: record.key()?, payload: record.value()? });
        let contents: Result<_, Thrown> = self.options.print_data_log.then(contents).transpose();
        let is_cut = contents.is_err();
        self.tell(&Line::Record(&Record { metadata, contents: contents.as_ref().ok().copied().flatten(), is_cut }))?;
        contents.map(|_| ()).map_err(Halt::Thrown)
    }
}

fn note_offset(progress: &mut Progress, offset: i64) {
    let previous = std::mem::replace(&mut progress.last_offset, offset);
    if offset != previous.wrapping_add(1) {
        progress.jumps.insert(previous, offset);
    }
}

fn size_of(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX))
}

/// End offset and epoch in the name of a snapshot of the cluster metadata.
fn metadata_snapshot(name: &str) -> Option<(i64, i32)> {
    let (offset, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
    (offset.len() == 20 && epoch.len() == 10).then_some(())?;
    Some((java::parse_long(offset).ok()?, epoch.parse().ok()?))
}
