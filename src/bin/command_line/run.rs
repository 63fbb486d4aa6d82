//! `loglab run`: a scenario is run to its end, or healed, and told as report, story, files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use loglab::lab::nemesis;
use loglab::lab::notable::{Notable, NotableKind};
use loglab::lab::scenario::RunReport;
use loglab::lab::scenario::units::duration_text;
use loglab::lab::world::World;
use loglab::lab::{runner, story};
use serde::Serialize;

use super::report::tell;
use super::{BadInput, complain, export, history, load, say};

/// Where a run ends.
pub enum Ending {
    /// At a time, or where the scenario does.
    At(Option<u64>),
    /// As long behind it as anything may take, with all that is broken mended.
    Healed,
}

/// What is printed.
pub struct Told {
    pub story: bool,
    pub json: bool,
}

/// What is written beside that.
pub struct Files {
    pub export: Option<PathBuf>,
    pub history: Option<PathBuf>,
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

pub fn run(
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
