//! Prints what `kafka-dump-log` of Apache Kafka 4.3 prints (`DumpLogSegments`): the same fields in the same order and
//! the same words, from the same bytes, also where these are damaged and where the tool itself gives up.
//!
//! | module | what it knows |
//! |---|---|
//! | `file`, `halt` | which file; why its dump ends early |
//! | `log`, `index`, `producers` | the files the tool reads |
//! | `batches`, `record`, `legacy`, `control`, `codec` | batches, records, those of old formats, and markers, as Kafka's reader takes them |
//! | `line`, [`text`], [`json`], `json_fields` | what is told, and its two forms |
//! | `java`, `cursor` | what the tool owes to Java |

mod batches;
mod codec;
pub(super) mod control;
pub(super) mod cursor;
mod file;
mod halt;
mod index;
mod java;
pub mod json;
mod json_fields;
pub(super) mod legacy;
mod line;
mod log;
pub(super) mod producers;
mod record;
pub mod text;

use std::io;

pub use control::Control;
pub use file::DumpFile;
pub use halt::Halt;
pub use java::Thrown;
pub use line::{
    AbortedTransaction, Batch, BatchFields, Contents, LegacyFields, Line, Metadata, Producer, ProducerBatch, Record,
    RecordFields,
};
pub use record::Headers;

/// The options of `kafka-dump-log`, by their names.
#[derive(Clone, Debug)]
pub struct Options {
    /// Keys and values of records.
    pub print_data_log: bool,
    /// Records, also without their contents.
    pub deep_iteration: bool,
    /// Only the check of an index that a broker makes on start.
    pub index_sanity_check: bool,
    /// Only what is wrong with an index.
    pub verify_index_only: bool,
    /// So many bytes are read for a batch that an index points at.
    pub max_message_size: i32,
    /// So many bytes of a `.log` file are read.
    pub max_bytes: i32,
    /// Only keys and values.
    pub skip_record_metadata: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            print_data_log: false,
            deep_iteration: false,
            index_sanity_check: false,
            verify_index_only: false,
            max_message_size: 5 * 1024 * 1024,
            max_bytes: i32::MAX,
            skip_record_metadata: false,
        }
    }
}

impl Options {
    fn is_deep(&self) -> bool {
        self.deep_iteration || self.print_data_log
    }
}

type Pairs = Vec<(String, Vec<(i64, i64)>)>;

/// One run of the tool over some files.
pub struct Dump<'a> {
    options: Options,
    listener: &'a mut dyn FnMut(&Line<'_>) -> io::Result<()>,
    offset_mismatches: Pairs,
    time_mismatches: Pairs,
    times_out_of_order: Pairs,
    offsets_not_found: Pairs,
    non_consecutive: Pairs,
}

impl<'a> Dump<'a> {
    /// A run that tells its lines to `listener`.
    pub fn new(options: Options, listener: &'a mut dyn FnMut(&Line<'_>) -> io::Result<()>) -> Self {
        Dump {
            options,
            listener,
            offset_mismatches: Pairs::new(),
            time_mismatches: Pairs::new(),
            times_out_of_order: Pairs::new(),
            offsets_not_found: Pairs::new(),
            non_consecutive: Pairs::new(),
        }
    }

    fn tell(&mut self, line: &Line<'_>) -> Result<(), Halt> {
        (self.listener)(line).map_err(Halt::Write)
    }

    /// Dumps one file. Kafka's tool ends where an exception is thrown; others may follow here.
    pub fn file(&mut self, file: &DumpFile<'_>) -> Result<(), Halt> {
        self.tell(&Line::File { path: file.path })?;
        match file.name.rsplit_once('.').map(|(_, suffix)| suffix) {
            Some("log" | "checkpoint") => self.log(file),
            Some("index") => self.offset_index(file),
            Some("timeindex") => self.time_index(file),
            Some("snapshot") => self.producer_snapshot(file),
            Some("txnindex") => self.transaction_index(file),
            _ => self.tell(&Line::Ignored { path: file.path }),
        }
    }

    /// Tells what was found wrong in all files together, as Kafka's tool does at its end.
    pub fn finish(mut self) -> Result<(), Halt> {
        let mut findings = [
            std::mem::take(&mut self.offset_mismatches),
            std::mem::take(&mut self.time_mismatches),
            std::mem::take(&mut self.times_out_of_order),
            std::mem::take(&mut self.offsets_not_found),
            std::mem::take(&mut self.non_consecutive),
        ];
        findings.iter_mut().for_each(|pairs| java::hash_order(pairs, |(file, _)| file));
        let [offsets, times, order, not_found, jumps] = &findings;
        for (file, pairs) in offsets {
            self.tell(&Line::OffsetMismatches { file, pairs })?;
        }
        for (file, pairs) in times {
            self.tell(&Line::TimeMismatches { file, pairs })?;
        }
        for (file, pairs) in order {
            self.tell(&Line::TimesOutOfOrder { file, pairs })?;
        }
        for (file, pairs) in not_found {
            self.tell(&Line::OffsetsNotFound { file, pairs })?;
        }
        for (file, pairs) in jumps {
            self.tell(&Line::NonConsecutive { file, pairs })?;
        }
        Ok(())
    }
}

/// What the tool prints of one file, standard output and standard error in one, and the exception that ended it.
pub fn dump_text(file: &DumpFile<'_>, options: &Options) -> Result<(Vec<u8>, Option<Thrown>), Halt> {
    let mut out = Vec::new();
    let mut listener = |line: &Line<'_>| {
        text::write(line, &mut out);
        Ok(())
    };
    let mut dump = Dump::new(options.clone(), &mut listener);
    let thrown = match dump.file(file) {
        Ok(()) => {
            dump.finish()?;
            None
        }
        Err(Halt::Thrown(thrown)) => Some(thrown),
        Err(halt) => return Err(halt),
    };
    Ok((out, thrown))
}
