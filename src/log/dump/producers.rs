//! Producer `.snapshot` files and `.txnindex` files (`ProducerStateManager.readSnapshot`, `TransactionIndex`).

use super::cursor::{Cursor, Fault};
use super::java::{self, Thrown};
use super::line::{AbortedTransaction, Line, Producer, ProducerBatch};
use super::{Dump, DumpFile, Halt};
use crate::log::source::Window;
use crate::log::txn_index::ENTRY_SIZE;

/// The checksum of a snapshot covers what lies behind it.
const PRODUCERS_AT: usize = 6;

impl Dump<'_> {
    /// Dumps a producer snapshot. It is read as a whole: it has 46 bytes a producer.
    pub(super) fn producer_snapshot(&mut self, file: &DumpFile<'_>) -> Result<(), Halt> {
        let mut window = Window::new(file.source(file.name)?);
        let len = usize::try_from(window.len()).unwrap_or(usize::MAX);
        let bytes = window.get(0, len).map_err(Halt::Read)?;
        match read_snapshot(bytes) {
            Ok(producers) => producers.into_iter().try_for_each(|producer| self.tell(&Line::Producer(producer))),
            Err(message) => self.tell(&Line::CorruptSnapshot { message: &message }),
        }
    }

    /// Dumps a transaction index.
    pub(super) fn transaction_index(&mut self, file: &DumpFile<'_>) -> Result<(), Halt> {
        file.base_offset()?;
        let mut window = Window::new(file.source(file.name)?);
        let mut entries = Vec::new();
        for i in 0..window.len() / ENTRY_SIZE as u64 {
            let bytes = window.get(i * ENTRY_SIZE as u64, ENTRY_SIZE).map_err(Halt::Read)?;
            let aborted = read_aborted(bytes)?;
            if aborted.version > 0 {
                // All entries are read before the first is printed.
                return Err(Thrown::kafka(format!(
                    "Unexpected aborted transaction version {} in transaction index {}, current version is 0",
                    aborted.version,
                    file.absolute_path()
                ))
                .into());
            }
            entries.push(aborted);
        }
        entries.into_iter().try_for_each(|aborted| self.tell(&Line::AbortedTransaction(aborted)))
    }
}

/// An entry of a transaction index.
pub(in crate::log) fn read_aborted(bytes: &[u8]) -> Result<AbortedTransaction, Thrown> {
    let mut cursor = Cursor::new(bytes);
    // Kafka takes the first of the two bytes for the version.
    let [version, _] = cursor.array()?;
    Ok(AbortedTransaction {
        version: version as i8,
        producer_id: cursor.long()?,
        first_offset: cursor.long()?,
        last_offset: cursor.long()?,
        last_stable_offset: cursor.long()?,
    })
}

/// The producers of a snapshot, or what Kafka says of one that is damaged.
pub(in crate::log) fn read_snapshot(bytes: &[u8]) -> Result<Vec<Producer>, String> {
    let schema = |reason: &str| format!("Snapshot failed schema validation: {reason}");
    let fault = |fault: Fault| match fault {
        Fault::Underflow => schema("null"),
        Fault::Illegal(message) => schema(&message),
    };
    let mut cursor = Cursor::new(bytes);
    let version = cursor.short().map_err(fault)?;
    if version != 1 {
        return Err(schema(&format!("Snapshot contained an unknown file version {version}")));
    }
    let stored = u32::from_be_bytes(cursor.array().map_err(fault)?);
    let count = cursor.int().map_err(fault)?;
    let count =
        usize::try_from(count).map_err(|_| schema("non-nullable field producerEntries was serialized as null"))?;
    if count > cursor.remaining() {
        return Err(schema(&format!(
            "Tried to allocate a collection of size {count}, but there are only {} bytes remaining.",
            cursor.remaining()
        )));
    }
    let producers = (0..count).map(|_| read_producer(&mut cursor)).collect::<Result<_, _>>().map_err(fault)?;
    let computed = crc32c::crc32c(bytes.get(PRODUCERS_AT..).unwrap_or_default());
    if stored != computed {
        return Err(format!(
            "Snapshot is corrupt (CRC is no longer valid). Stored crc: {stored}. Computed crc: {computed}"
        ));
    }
    Ok(producers)
}

fn read_producer(cursor: &mut Cursor<'_>) -> Result<Producer, Fault> {
    let (producer_id, producer_epoch) = (cursor.long()?, cursor.short()?);
    let (last_sequence, last_offset, offset_delta) = (cursor.int()?, cursor.long()?, cursor.int()?);
    let (last_timestamp, coordinator_epoch, first_offset) = (cursor.long()?, cursor.int()?, cursor.long()?);
    Ok(Producer {
        producer_id,
        producer_epoch,
        coordinator_epoch,
        current_txn_first_offset: Some(first_offset).filter(|&first| first >= 0),
        last_timestamp,
        batch: (last_offset >= 0).then_some(ProducerBatch {
            first_sequence: java::decrement_sequence(last_sequence, offset_delta),
            last_sequence,
            last_offset,
            offset_delta,
        }),
    })
}
