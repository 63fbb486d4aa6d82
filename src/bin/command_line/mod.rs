//! The commands, their arguments, and what all of them say and read.

mod explore;
mod export;
mod files;
mod history;
mod log_dump;
mod log_verify;
mod report;
mod run;

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use explore::ExploreArguments;
use history::HistoryArguments;
use log_dump::DumpArguments;
use log_verify::VerifyArguments;
use loglab::lab::runner;
use loglab::lab::scenario::error::nearest;
use loglab::lab::scenario::keys::{FILE_MAX, TOP, Takes};
use loglab::lab::scenario::units::{duration, duration_text};
use loglab::lab::scenario::{self, BUILTINS, Builtin, Checked, Effective, Scenario};
use run::{Ending, Files, Told};

/// Kafka's log, cluster and clients as one deterministic simulation.
///
/// Exit codes: 0 when all is well, 1 when a run did not meet an expectation or found what none names, 2 for bad input.
#[derive(Parser)]
#[command(name = "loglab", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario, and tell what the checkers found and which expectations were met.
    Run {
        /// A file, or the name of a built-in scenario.
        #[arg(value_name = "FILE|NAME")]
        scenario: String,
        /// Another seed than the scenario's.
        #[arg(long, allow_hyphen_values = true, value_parser = seed)]
        seed: Option<u64>,
        /// Stop after the last event at or before this virtual time, such as 1500ms or 2s.
        #[arg(long, value_name = "T", allow_hyphen_values = true, value_parser = time)]
        until: Option<u64>,
        /// Tell first what happened: faults, elections, changes of the ISR, what producers suffered and why, truncations,
        /// findings.
        #[arg(long)]
        story: bool,
        /// Go on behind the end with all that is broken mended, as `explore` does: what makes no progress then is stuck.
        #[arg(long, conflicts_with = "until")]
        heal: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        /// Write the brokers' disks at that instant to DIR/broker-N/data/TOPIC-P/ and so on.
        #[arg(long, value_name = "DIR")]
        export: Option<PathBuf>,
        /// Write what clients called and were told, a JSON object a line: `check-history` reads it.
        #[arg(long, value_name = "FILE")]
        history: Option<PathBuf>,
    },
    /// List the built-in scenarios.
    List {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Read scenario files and tell what is wrong with them, without running them.
    Check {
        /// Files, or names of built-in scenarios.
        #[arg(required = true, value_name = "FILE|NAME")]
        scenarios: Vec<String>,
        /// Tell also which settings of brokers, topics and clients are not Kafka's defaults, and why.
        #[arg(long)]
        settings: bool,
        /// Print one JSON object, with the settings.
        #[arg(long)]
        json: bool,
    },
    /// Print `NAME SEED HASH` for each scenario and seed: the same line means the same run, event by event.
    Hash {
        /// Files, or names of built-in scenarios.
        #[arg(required = true, value_name = "FILE|NAME")]
        scenarios: Vec<String>,
        /// From the first to the last seed, both included; the scenario's own seed unless said.
        #[arg(long, value_name = "A..B", allow_hyphen_values = true, value_parser = seeds)]
        seeds: Option<RangeInclusive<u64>>,
    },
    /// Run a scenario with many seeds on all cores, and tell what they reached and what was found.
    ///
    /// Each run goes on behind its end: everything that is broken is mended, and what makes no progress then is stuck. Exit
    /// codes: 0 when nothing was found that no expectation names, 1 when something was, 2 for bad input.
    Explore(ExploreArguments),
    /// Check a history of clients, of a run or of anything that talks to a real Kafka: what was lost, doubled, reordered and so on.
    ///
    /// docs/history-files.md describes the format. Exit codes: 0 when nothing was found, 1 when something was, 2 for bad input.
    CheckHistory(HistoryArguments),
    /// Read the files of a partition, of a simulated broker or a real one.
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
}

#[derive(Subcommand)]
enum LogCommand {
    /// Print what kafka-dump-log prints of them, with the data of the records.
    ///
    /// Handles .log, .index, .timeindex, .txnindex, .snapshot and .checkpoint files. Exit codes: 0 done, 1 where Kafka's
    /// tool would end with an exception (the other files follow all the same), 2 for bad input.
    Dump(DumpArguments),
    /// Check the files of a partition, or of all partitions of a log directory, against each other.
    ///
    /// Says what is wrong, in which file and at which byte. Exit codes: 0 without damage, 1 with damage, 2 for bad input.
    Verify(VerifyArguments),
}

/// A virtual time in microseconds. No scenario lasts longer than `duration` may say.
fn time(text: &str) -> Result<u64, String> {
    let us = duration(text).ok_or_else(|| "a time is written as 500us, 20ms, 1.5s or 2m".to_owned())?;
    let Some(Takes::Duration(_, most)) = TOP.key("duration").map(|key| key.takes) else {
        unreachable!("the key `duration` takes a duration");
    };
    if us > most { Err(format!("no run lasts longer than {}", duration_text(most))) } else { Ok(us) }
}

/// A seed within the bounds of the key `seed`.
fn seed(text: &str) -> Result<u64, String> {
    let Some(Takes::Whole(least, most)) = TOP.key("seed").map(|key| key.takes) else {
        unreachable!("the key `seed` takes a whole number");
    };
    let seed = text.parse().ok().filter(|seed| (least..=most).contains(seed));
    seed.ok_or_else(|| format!("a seed is a whole number, {least} to {most}"))
}

/// The seeds of `A..B`.
fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let wrong = || "seeds are written as 1..20, the smaller one first".to_owned();
    let (first, last) = text.split_once("..").ok_or_else(wrong)?;
    Some(seed(first)?..=seed(last)?).filter(|seeds| !seeds.is_empty()).ok_or_else(wrong)
}

/// Bad input: its text is already on standard error.
pub struct BadInput;

pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(message) => return told(&message),
    };
    let done = match arguments.command {
        Command::Run { scenario, seed, until, story, heal, json, export, history } => {
            let ending = if heal { Ending::Healed } else { Ending::At(until) };
            run::run(&scenario, seed, ending, &Told { story, json }, &Files { export, history })
        }
        Command::List { json } => {
            list(json);
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { scenarios, settings, json } => check(&scenarios, settings, json),
        Command::Hash { scenarios, seeds } => hash(&scenarios, seeds.as_ref()),
        Command::Explore(arguments) => explore::run(&arguments),
        Command::CheckHistory(arguments) => history::check(&arguments),
        Command::Log { command: LogCommand::Dump(arguments) } => log_dump::dump(&arguments),
        Command::Log { command: LogCommand::Verify(arguments) } => log_verify::verify(&arguments),
    };
    done.unwrap_or_else(|BadInput| ExitCode::from(2))
}

/// The command that was probably meant, where the parser of arguments has no idea: it overlooks letters that changed places.
fn meant(message: &clap::Error) -> Option<String> {
    // Something else is wrong than a command.
    let Some(ContextValue::String(wrong)) = message.get(ContextKind::InvalidSubcommand) else { return None };
    if message.get(ContextKind::SuggestedSubcommand).is_some() {
        return None;
    }
    let commands = Arguments::command();
    let outer = std::env::args().nth(1).and_then(|first| commands.find_subcommand(first));
    let within = |name: &str| outer.is_none_or(|outer| outer.get_name() == name);
    // By its last word each command with all of its words.
    let mut words: Vec<(&str, String)> = Vec::new();
    for command in commands.get_subcommands().filter(|command| within(command.get_name())) {
        let name = command.get_name();
        words.extend(outer.is_none().then(|| (name, name.to_owned())));
        words.extend(command.get_subcommands().map(|it| (it.get_name(), format!("{name} {}", it.get_name()))));
    }
    let meant = nearest(wrong, words.iter().map(|(last, _)| *last))?;
    words.into_iter().find(|(last, _)| *last == meant).map(|(_, all)| all)
}

/// Help and version are what was asked for; everything else is bad input.
fn told(message: &clap::Error) -> ExitCode {
    let printed = message.print();
    if let Some(command) = meant(message) {
        complain(&format!("did you mean `{command}`?"));
    }
    match printed {
        Err(error) if error.kind() != ErrorKind::BrokenPipe && !message.use_stderr() => {
            complain(&format!("standard output: {error}"));
            ExitCode::from(2)
        }
        _ => ExitCode::from(if message.use_stderr() { 2 } else { 0 }),
    }
}

fn hash(names: &[String], seeds: Option<&RangeInclusive<u64>>) -> Result<ExitCode, BadInput> {
    let scenarios = names.iter().map(|name| Ok((name, Arc::new(load(name)?)))).collect::<Result<Vec<_>, _>>()?;
    for (name, scenario) in scenarios {
        let file = Path::new(name).file_name().map_or_else(|| name.into(), |file| file.to_string_lossy());
        let stem = file.strip_suffix(".toml").unwrap_or(&file);
        for seed in seeds.cloned().unwrap_or(scenario.seed..=scenario.seed) {
            let report = runner::run(&scenario, seed, None);
            say(&format!("{stem} {seed} {}", report.hash_text()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool) {
    if json {
        let scenarios: Vec<_> = BUILTINS
            .iter()
            .map(|builtin| serde_json::json!({ "name": builtin.name, "title": builtin.title() }))
            .collect();
        say(&serde_json::json!({ "scenarios": scenarios }).to_string());
        return;
    }
    let width = BUILTINS.iter().map(|builtin| builtin.name.len()).max().unwrap_or_default();
    for builtin in BUILTINS {
        say(&format!("{:width$}  {}", builtin.name, builtin.title()));
    }
}

fn check(scenarios: &[String], settings: bool, json: bool) -> Result<ExitCode, BadInput> {
    let mut all_right = true;
    let mut read = Vec::new();
    for name in scenarios {
        let Ok(checked) = read_and_check(name) else {
            all_right = false;
            continue;
        };
        if !json {
            say(&format!("{name}: {}", checked.cost));
        }
        if settings && !json {
            tell_settings(&checked.settings);
        }
        checked.warnings.iter().for_each(|warning| complain(&format!("{} (a warning)", warning.in_file(name))));
        read.push(serde_json::json!({
            "scenario": name,
            "takes": checked.cost.to_string(),
            "settings": checked.settings,
        }));
    }
    if json {
        say(&serde_json::json!({ "scenarios": read }).to_string());
    }
    if all_right { Ok(ExitCode::SUCCESS) } else { Err(BadInput) }
}

fn tell_settings(settings: &[Effective]) {
    let mut of = "";
    for setting in settings {
        if setting.of != of {
            of = &setting.of;
            say(of);
        }
        let Effective { name, value, default, because, .. } = setting;
        let default = if default.is_empty() { "nothing" } else { default };
        say(&format!("  {name} = {value} ({because}; Kafka's default is {default})"));
    }
}

/// The scenario of a file, or the built-in one of this name where there is no such file.
fn load(name: &str) -> Result<Scenario, BadInput> {
    read_and_check(name).map(|checked| checked.scenario)
}

fn read_and_check(name: &str) -> Result<Checked, BadInput> {
    scenario::check(&text_of(name)?).map_err(|errors| {
        for error in errors {
            complain(&error.in_file(name));
        }
        BadInput
    })
}

/// The text of a scenario.
fn text_of(name: &str) -> Result<String, BadInput> {
    match (read(name), Builtin::named(name)) {
        (Ok(text), _) => Ok(text),
        (Err(_), Some(builtin)) => Ok(builtin.toml.to_owned()),
        (Err(_), None) if name.trim().is_empty() => {
            complain("the name of the scenario is empty; `loglab list` names the built-in scenarios");
            Err(BadInput)
        }
        (Err(error), None) => {
            let names = BUILTINS.iter().map(|builtin| builtin.name);
            match nearest(name, names) {
                Some(nearest) => complain(&format!("{name}: {error}; did you mean the built-in scenario {nearest}?")),
                None => complain(&format!("{name}: {error}; `loglab list` names the built-in scenarios")),
            }
            Err(BadInput)
        }
    }
}

/// The text of a file, as far as a scenario may go and one byte more: what is longer is refused when it is parsed.
fn read(path: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() > FILE_MAX {
        return Err(format!("the file is larger than the {FILE_MAX} bytes that a scenario may have"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("a scenario is text in UTF-8, and byte {} is none", error.utf8_error().valid_up_to()))
}

/// A line on standard output. Whoever reads may stop early, as `head` does; that is no reason to panic.
fn say(line: &str) {
    if let Err(error) = writeln!(std::io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        complain(&format!("standard output: {error}"));
        std::process::exit(2);
    }
}

/// A line on standard error, if anybody reads it.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
