//! The command line: the engine without a browser, for tests and for people who keep scenarios in their repositories.

/// Runs of many partitions are bound by memory: the system's allocator took a tenth of their time.
#[cfg(not(target_family = "wasm"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    command_line::main()
}

#[cfg(not(target_family = "wasm"))]
mod command_line {
    mod explore;
    mod export;
    mod files;
    mod history;
    mod log_dump;
    mod log_verify;

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
    use indicatif::{ProgressBar, ProgressStyle};
    use log_dump::DumpArguments;
    use log_verify::VerifyArguments;
    use loglab::lab::nemesis;
    use loglab::lab::notable::{Notable, NotableKind};
    use loglab::lab::scenario::error::nearest;
    use loglab::lab::scenario::keys::{FILE_MAX, TOP, Takes};
    use loglab::lab::scenario::units::{duration, duration_text, seconds};
    use loglab::lab::scenario::{
        self, BUILTINS, Builtin, Checked, Effective, EndReport, FailedSends, GroupReport, LagReport, OutageReport,
        ProducerReport, ReaderReport, RunReport, Scenario, TransactionCount,
    };
    use loglab::lab::units::shortened;
    use loglab::lab::world::World;
    use loglab::lab::{runner, story};
    use loglab::settings::Acks;
    use serde::Serialize;

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
                run(&scenario, seed, ending, &Told { story, json }, &Files { export, history })
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

    /// Where a run ends.
    enum Ending {
        /// At a time, or where the scenario does.
        At(Option<u64>),
        /// As long behind it as anything may take, with all that is broken mended.
        Healed,
    }

    /// What is printed.
    struct Told {
        story: bool,
        json: bool,
    }

    /// What is written beside that.
    struct Files {
        export: Option<PathBuf>,
        history: Option<PathBuf>,
    }

    impl Files {
        fn write(&self, world: &World) -> Result<(), BadInput> {
            let failed = |path: &Path, error: std::io::Error| {
                complain(&format!("{}: {error}", path.display()));
                BadInput
            };
            if let Some(directory) = &self.export {
                export::export(world, directory).map_err(|error| failed(directory, error))?;
            }
            if let Some(file) = &self.history {
                history::write(world, file).map_err(|error| failed(file, error))?;
            }
            Ok(())
        }
    }

    fn run(
        name: &str,
        seed: Option<u64>,
        ending: Ending,
        &Told { story, json }: &Told,
        files: &Files,
    ) -> Result<ExitCode, BadInput> {
        let scenario = Arc::new(load(name)?);
        let seed = seed.unwrap_or(scenario.seed);
        let scenario = nemesis::of_seed(&scenario, seed);
        let end = scenario.duration_us;
        let until = match ending {
            Ending::At(until) => until,
            Ending::Healed => None,
        };
        if until.is_some_and(|until| until > end) {
            complain(&format!("--until lies behind the end of the run: it stops at {}", duration_text(end)));
        }
        let until = until.unwrap_or(end).min(end);
        let progress = progress(until);
        if !json {
            say(&scenario.title);
        }
        let (mut shown, mut notables_so_far) = (0, Vec::new());
        let mut watch = |time, notables: &[Notable]| {
            if time >= shown + PROGRESS_US {
                shown = time;
                progress.set_position(time);
            }
            if story {
                notables_so_far.extend_from_slice(notables);
            }
        };
        let world = World::new(&scenario, seed, Arc::new([]));
        let world = if files.history.is_some() { world.recorded() } else { world };
        let (world, until) = match ending {
            Ending::At(_) => (runner::go_to(world, until, &mut watch), until),
            Ending::Healed => {
                let world = runner::go_healed(world, &mut watch);
                let until = world.scenario().duration_us;
                (world, until)
            }
        };
        progress.finish_and_clear();
        let report = runner::report(&world, until);
        let story = story.then(|| story::tell(notables_so_far.iter(), &world));
        if let Some(story) = story.as_ref().filter(|_| !json) {
            story.iter().for_each(|line| say(&format!("{}  {}", clock(line.at.time), line.text)));
        }
        files.write(&world)?;
        if json {
            let story = story.map(|lines| lines.into_iter().map(ToldLine::of).collect());
            say(&serde_json::to_string(&ReportAndStory { report: &report, story }).unwrap_or_default());
        } else {
            tell(&scenario, seed, &report);
        }
        Ok(if runner::passes(&scenario, &report) { ExitCode::SUCCESS } else { ExitCode::from(1) })
    }

    /// What a run says of itself, and its story where it is asked for.
    #[derive(Serialize)]
    struct ReportAndStory<'r> {
        #[serde(flatten)]
        report: &'r RunReport,
        #[serde(skip_serializing_if = "Option::is_none")]
        story: Option<Vec<ToldLine>>,
    }

    /// A line of the story.
    #[derive(Serialize)]
    struct ToldLine {
        at_us: u64,
        until_us: u64,
        kind: NotableKind,
        text: String,
    }

    impl ToldLine {
        fn of(story::Line { at, until_us, kind, text, about: _ }: story::Line) -> Self {
            Self { at_us: at.time, until_us, kind, text }
        }
    }

    /// A time as it stands before the lines of a story, one below the other.
    fn clock(us: u64) -> String {
        format!("{:>4}.{:06} s", us / 1_000_000, us % 1_000_000)
    }

    /// Virtual time between two reports of progress.
    const PROGRESS_US: u64 = 100_000;

    /// Shown on standard error where that is a terminal.
    fn progress(until: u64) -> ProgressBar {
        let style = ProgressStyle::with_template("{bar:40} {percent}% of virtual time, {elapsed}");
        let bar = ProgressBar::new(until);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    fn tell(scenario: &Scenario, seed: u64, report: &RunReport) {
        let RunReport {
            events,
            virtual_time_us,
            findings,
            more_findings,
            expectations,
            warnings,
            failed_sends,
            producers,
            groups,
            outages,
            readers,
            stalls,
            lags,
            trace_hash: _,
        } = report;
        say(&format!("seed {seed}, {}, {events} events, hash {}", duration_text(*virtual_time_us), report.hash_text()));
        for outcome in expectations {
            match outcome.at_us {
                Some(at_us) => say(&format!("expected {}: met at {}", outcome.about, duration_text(at_us))),
                None => say(&format!("expected {}: {}", outcome.about, if outcome.met { "met" } else { "not met" })),
            }
        }
        for finding in findings {
            let allowed = finding.allowed.as_ref().map(|because| format!(" (allowed: {because})")).unwrap_or_default();
            say(&format!("found {} at {}: {}{allowed}", finding.kind, duration_text(finding.at_us), finding.text()));
        }
        match more_findings {
            0 if findings.is_empty() => say("found nothing"),
            // All of them stand above.
            0 => {}
            more => say(&format!("and {more} findings more of the same kinds and partitions")),
        }
        for FailedSends { producer, error, records } in failed_sends {
            say(&format!("{records} sends of {producer} failed with {error}"));
        }
        together(outages).iter().for_each(|outage| say(&outage_text(scenario, outage)));
        stalls.iter().for_each(|stall| say(&stall.about));
        producers.iter().for_each(|producer| say(&producer_text(producer)));
        readers.iter().for_each(|reader| say(&reader_text(reader)));
        groups.iter().for_each(|group| say(&group_text(group)));
        lags.iter().filter_map(lag_text).for_each(|text| say(&text));
        uncommitted(lags).iter().for_each(|text| say(text));
        for warning in warnings {
            say(&format!("warning at {}: {}", duration_text(warning.at_us), warning.about));
        }
    }

    /// Outages of one producer that begin and end at about the same time have one cause, and stand in one line.
    fn together(outages: &[OutageReport]) -> Vec<OutageReport> {
        const NEAR_US: u64 = 1_000_000;
        let near = |one: u64, other: u64| one.abs_diff(other) <= NEAR_US;
        let is_one = |one: &OutageReport, other: &OutageReport| {
            let same = (&one.producer, &one.topic_id) == (&other.producer, &other.topic_id);
            let ends = match (one.to_us, other.to_us) {
                (Some(one), Some(other)) => near(one, other),
                (one, other) => one == other,
            };
            same && one.partition.is_some() && other.partition.is_some() && near(one.from_us, other.from_us) && ends
        };
        let mut together: Vec<(OutageReport, Vec<String>)> = Vec::new();
        for outage in outages {
            let partition = outage.partition.clone();
            match together.iter_mut().find(|(known, _)| is_one(known, outage)) {
                Some((known, partitions)) => {
                    known.from_us = known.from_us.min(outage.from_us);
                    known.to_us = known.to_us.max(outage.to_us);
                    known.failed += outage.failed;
                    known.waiting += outage.waiting;
                    partitions.extend(partition);
                }
                None => together.push((outage.clone(), partition.into_iter().collect())),
            }
        }
        let joined = |(mut outage, partitions): (OutageReport, Vec<String>)| {
            outage.partition = outage.partition.map(|_| shortened(partitions));
            outage
        };
        together.into_iter().map(joined).collect()
    }

    fn outage_text(scenario: &Scenario, outage: &OutageReport) -> String {
        let OutageReport { producer, topic, partition, topic_id, from_us, to_us, failed, waiting, .. } = outage;
        let until = to_us.map_or_else(|| "and on".to_owned(), |to_us| format!("until {}", seconds(to_us)));
        let since = seconds(*from_us);
        if let Some(call) = &outage.call {
            let why = outage.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
            let thrown = match outage.timeouts {
                0 => String::new(),
                times => format!(", which threw TimeoutException (max.block.ms) {}", how_often(times)),
            };
            return format!("{producer} was in {call} from {since} {until}{why}{thrown}");
        }
        let has_successor = scenario.topics.iter().filter(|other| other.name == *topic).count() > 1;
        let which =
            topic_id.as_ref().filter(|_| has_successor).map(|id| format!(" (topic id {id})")).unwrap_or_default();
        let (place, how) = match partition {
            Some(partition) => (partition, ""),
            None => (topic, " in send()"),
        };
        let acks = scenario.producers.iter().find(|other| other.name == *producer).map(|other| other.config.acks);
        let what = if acks == Some(Acks::None) { "sent" } else { "acknowledged" };
        format!(
            "{producer} had nothing {what} in {place}{which} from {since} {until}: {waiting} records waited{how}, \
             {failed} failed"
        )
    }

    /// What groups have committed nothing of: `kafka-consumer-groups` prints `-` there.
    fn uncommitted(lags: &[LagReport]) -> Vec<String> {
        let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
        for lag in lags.iter().filter(|lag| lag.committed.is_none()) {
            match groups.iter_mut().find(|(group, _)| *group == lag.group) {
                Some((_, partitions)) => partitions.push(lag.partition.clone()),
                None => groups.push((&lag.group, vec![lag.partition.clone()])),
            }
        }
        let text = |(group, partitions)| format!("{group} has committed nothing in {}", shortened(partitions));
        groups.into_iter().map(text).collect()
    }

    /// `None` for one that is not behind, or has committed nothing.
    fn lag_text(report: &LagReport) -> Option<String> {
        let LagReport { group, partition, committed, end, lag, made_of } = report;
        let committed = (*committed)?;
        let lag = lag.filter(|lag| *lag > 0)?;
        let parts = made_of.words().into_iter().map(|(words, count)| format!("{count} {words}"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        let phantom = if made_of.real() + made_of.unknown == 0 { ", a phantom" } else { "" };
        Some(format!("{group} lags by {lag} in {partition} ({committed} of {end}){phantom}: {parts}"))
    }

    fn producer_text(report: &ProducerReport) -> String {
        let ProducerReport { producer, sent, acknowledged, unanswered, missing, .. } = report;
        let missing = match missing {
            0 => String::new(),
            records => format!(": {records} of them are in no log"),
        };
        let unanswered = match unanswered {
            0 => String::new(),
            records => format!(", {records} sent with acks=0, which nobody acknowledges{missing}"),
        };
        let told = format!("{producer}: {acknowledged} of {sent} records acknowledged{unanswered}");
        let told = format!("{told}{}", transactions_text(report));
        if *acknowledged == 0 {
            return told;
        }
        let ProducerReport { latency_p50_us, latency_p99_us, latency_max_us, .. } = report;
        let [p50, p99, most] = [latency_p50_us, latency_p99_us, latency_max_us].map(|us| milliseconds(*us));
        format!("{told}, latency p50 {p50}, p99 {p99}, max {most}")
    }

    fn how_often(times: u64) -> String {
        if times == 1 { "once".to_owned() } else { format!("{times} times") }
    }

    /// What became of a producer's transactions, in words that follow what became of its records.
    fn transactions_text(report: &ProducerReport) -> String {
        let of = report.transactions.map_or_else(String::new, |of| {
            let one = |(count, what): (TransactionCount, &str)| {
                let TransactionCount { transactions, records } = count;
                (transactions > 0).then(|| format!("{records} {what} in {transactions}"))
            };
            let all = [
                (of.committed, "committed"),
                (of.aborted, "aborted"),
                (of.timed_out, "timed out"),
                (of.unknown, "committed or not"),
                (of.open, "open"),
            ];
            let told: Vec<String> = all.into_iter().filter_map(one).collect();
            if told.is_empty() {
                ", no transaction".to_owned()
            } else {
                format!(", by transactions {}", told.join(", "))
            }
        });
        let failed = report.failed_with.as_ref().map_or_else(String::new, |error| format!(", it ended with {error}"));
        format!("{of}{failed}")
    }

    fn reader_text(report: &ReaderReport) -> String {
        let ReaderReport { reader, members, read, skipped, lag, ended } = report;
        let members = if *members > 1 { format!(" by {members} members") } else { String::new() };
        let lag = lag.map_or_else(|| "unknown".to_owned(), |lag| lag.to_string());
        let skipped = if *skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        let ended: Vec<String> = ended.iter().map(end_text).collect();
        format!("{reader}: {read} records read{members}{skipped}, lag {lag}{}", ended.concat())
    }

    fn end_text(report: &EndReport) -> String {
        let EndReport { program, at_us, exception } = report;
        format!("; {program} ended at {}, poll() threw {exception}", seconds(*at_us))
    }

    fn group_text(report: &GroupReport) -> String {
        let GroupReport { group, rebalances, worked_on, worked_on_again } = report;
        let rebalances = if *rebalances == 1 { "1 rebalance".to_owned() } else { format!("{rebalances} rebalances") };
        format!("group {group}: {rebalances}, {worked_on} records worked on, {worked_on_again} of them again")
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
                    Some(nearest) => {
                        complain(&format!("{name}: {error}; did you mean the built-in scenario {nearest}?"))
                    }
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
        String::from_utf8(bytes).map_err(|error| {
            format!("a scenario is text in UTF-8, and byte {} is none", error.utf8_error().valid_up_to())
        })
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

    /// A latency, all in one unit.
    fn milliseconds(us: u64) -> String {
        format!("{}.{} ms", us / 1_000, us / 100 % 10)
    }
}
