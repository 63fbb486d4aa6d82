//! `loglab log dump`: files of partitions as `kafka-dump-log` prints them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use loglab::log::dump::{Dump, DumpFile, Halt, Line, Options, json, text};
use loglab::log::source::Folder;

use super::BadInput;
use super::files::{RealFolder, find_below, is_partition};

/// Kafka's tool knows files by these endings.
const SUFFIXES: [&str; 6] = [".log", ".checkpoint", ".index", ".timeindex", ".txnindex", ".snapshot"];
/// So many directories down a partition is looked for, to name it: DIR/broker-1/data/orders-0.
const DEPTH: u32 = 3;
/// Standard output is written in pieces of at least so many bytes.
const PIECE: usize = 1 << 16;

#[derive(Args)]
pub struct DumpArguments {
    /// Files, or directories for all files in them that the tool knows.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Leave the records of .log files out.
    #[arg(long)]
    no_data: bool,
    /// With --no-data: the records, but not their keys and values.
    #[arg(long)]
    deep_iteration: bool,
    /// Only the check of an index that a broker makes on start.
    #[arg(long)]
    index_sanity_check: bool,
    /// Only what is wrong with an index.
    #[arg(long)]
    verify_index_only: bool,
    /// So many bytes are read for a batch that an index points at.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().max_message_size)]
    max_message_size: i32,
    /// Read so many bytes of a .log file only.
    #[arg(long, value_name = "BYTES", default_value_t = i32::MAX)]
    max_bytes: i32,
    /// Only keys and values of records.
    #[arg(long)]
    skip_record_metadata: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl DumpArguments {
    fn options(&self) -> Options {
        Options {
            print_data_log: !self.no_data,
            deep_iteration: self.deep_iteration,
            index_sanity_check: self.index_sanity_check,
            verify_index_only: self.verify_index_only,
            max_message_size: self.max_message_size,
            max_bytes: self.max_bytes,
            skip_record_metadata: self.skip_record_metadata,
        }
    }
}

/// Exit code 1 where Kafka's tool would end with an exception.
pub fn dump(arguments: &DumpArguments) -> Result<ExitCode, BadInput> {
    let files = files(&arguments.paths)?;
    let printer = std::cell::RefCell::new(Printer { json: arguments.json, out: Vec::with_capacity(2 * PIECE) });
    let mut listener = |line: &Line<'_>| printer.borrow_mut().line(line);
    let mut dump = Dump::new(arguments.options(), &mut listener);
    let mut code = ExitCode::SUCCESS;
    for path in files {
        match dump_file(&mut dump, &path) {
            // Its lines have been printed.
            Ok(()) => {}
            Err(Halt::Thrown(thrown)) => {
                code = ExitCode::from(1);
                let mut printer = printer.borrow_mut();
                if arguments.json {
                    json::write_thrown(&thrown, &mut printer.out);
                } else if printer.flush().is_ok() {
                    eprintln!("Exception in thread \"main\" {thrown}");
                }
            }
            Err(Halt::Read(error)) => {
                eprintln!("{}: {error}", path.display());
                return Err(BadInput);
            }
            Err(Halt::Write(error)) => return write_failed(&error, code),
        }
    }
    let done = dump.finish().and_then(|()| printer.borrow_mut().flush().map_err(Halt::Write));
    match done {
        Err(Halt::Write(error)) => write_failed(&error, code),
        Err(Halt::Thrown(_) | Halt::Read(_)) => unreachable!("the end of a dump reads nothing"),
        Ok(()) => Ok(code),
    }
}

/// Whoever reads may stop early, as `head` does; anything else that is not written is told.
fn write_failed(error: &io::Error, code: ExitCode) -> Result<ExitCode, BadInput> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(code);
    }
    eprintln!("standard output: {error}");
    Err(BadInput)
}

/// The files that the paths name.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, BadInput> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            if let Err(error) = path.metadata() {
                eprintln!("{}: {error}", path.display());
                return Err(BadInput);
            }
            files.push(path.clone());
            continue;
        }
        let names = RealFolder(path.clone()).names().map_err(|error| {
            eprintln!("{}: {error}", path.display());
            BadInput
        })?;
        let known = names.iter().filter(|name| SUFFIXES.iter().any(|suffix| name.ends_with(suffix)));
        let before = files.len();
        files.extend(known.map(|name| path.join(name)));
        if files.len() == before {
            let hint = match find_below(path, DEPTH, &is_partition) {
                Some(partition) => format!("; name a partition's directory in it, such as {}", partition.display()),
                None => String::new(),
            };
            eprintln!("{}: no files ending in {}{hint}", path.display(), SUFFIXES.join(", "));
            return Err(BadInput);
        }
    }
    Ok(files)
}

fn dump_file(dump: &mut Dump<'_>, path: &Path) -> Result<(), Halt> {
    let shown = path.to_string_lossy();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let directory = absolute_directory(&shown).map_err(Halt::Read)?;
    dump.file(&DumpFile { folder: &RealFolder(folder), name: &name, path: &shown, directory: &directory })
}

/// What stands before a file's name in its absolute path, which Java does not tidy up.
fn absolute_directory(path: &str) -> io::Result<String> {
    let directory = path.rsplit_once('/').map_or(String::new(), |(directory, _)| format!("{directory}/"));
    if directory.starts_with('/') {
        return Ok(directory);
    }
    Ok(format!("{}/{directory}", std::env::current_dir()?.to_string_lossy()))
}

struct Printer {
    json: bool,
    out: Vec<u8>,
}

impl Printer {
    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        if self.json {
            json::write(line, &mut self.out);
        } else if line.is_error() {
            self.flush()?;
            let mut told = Vec::new();
            text::write(line, &mut told);
            return io::stderr().write_all(&told);
        } else {
            text::write(line, &mut self.out);
        }
        if self.out.len() >= PIECE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.out)?;
        self.out.clear();
        stdout.flush()
    }
}
