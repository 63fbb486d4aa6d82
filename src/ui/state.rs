//! What the page knows, and how each thing that happens changes it.

use std::rc::Rc;

use crate::view::frame::{Frame, Selection};
use crate::view::lens::{Lens, View};
use crate::view::log::LogLens;
use crate::view::protocol::{Builtin, Complaint, Look};

/// Speeds in thousandths: from 1/1000 of a virtual second per second to 1000.
pub const SPEEDS: [u32; 13] = [1, 2, 5, 10, 20, 50, 100, 250, 1_000, 5_000, 20_000, 100_000, 1_000_000];

/// Pixels of an offset in the Log view, from near to far.
pub const ZOOMS: [f64; 4] = [28.0, 18.0, 8.0, 3.0];

/// What of the logs is looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogPlace {
    /// The partition; `None` for the first of the run.
    pub partition: Option<(u32, i32)>,
    /// The first offset; `None` follows the end.
    pub first: Option<i64>,
    /// How many offsets fit.
    pub offsets: u32,
    /// An index into [`ZOOMS`].
    pub zoom: usize,
}

/// What is laid over the stage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Panel {
    /// The list of keys.
    Help,
    /// The built-in scenarios.
    Scenarios,
}

/// Which side is open as a sheet on a narrow screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sheet {
    /// The processes.
    Rail,
    /// The inspector.
    Inspector,
}

/// What the page knows.
#[derive(Clone, PartialEq)]
pub struct State {
    /// The instant on screen.
    pub frame: Option<Rc<Frame>>,
    /// The answer that brought it; counts up with every picture.
    pub answer: u32,
    /// The file of the run.
    pub toml: Rc<str>,
    /// The built-in scenarios.
    pub builtins: Vec<Builtin>,
    /// What is selected.
    pub selection: Selection,
    /// How the run is shown.
    pub view: View,
    /// What of the logs is looked at.
    pub log: LogPlace,
    /// Time goes on.
    pub playing: bool,
    /// Virtual seconds per second, in thousandths.
    pub speed: u32,
    /// Why something was not done.
    pub errors: Vec<Complaint>,
    /// The last command began a branch.
    pub began: bool,
    /// What the engine said when it panicked.
    pub panic: Option<String>,
    /// What is laid over the stage.
    pub panel: Option<Panel>,
    /// Which side is open on a narrow screen.
    pub sheet: Option<Sheet>,
    /// What the marks mean is shown.
    pub legend: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            frame: None,
            answer: 0,
            toml: "".into(),
            builtins: Vec::new(),
            selection: Selection::None,
            view: View::Stage,
            log: LogPlace::default(),
            playing: false,
            speed: 20,
            errors: Vec::new(),
            began: false,
            panic: None,
            panel: None,
            sheet: None,
            legend: false,
        }
    }
}

/// Something that happened.
pub enum Action {
    /// An instant came.
    Shown(u32, Rc<Frame>),
    /// A new run came.
    Loaded(u32, Rc<Frame>, Rc<str>),
    /// A command was done; whether a branch began with it.
    Commanded(u32, Rc<Frame>, bool),
    /// Something was not done.
    Refused(Vec<Complaint>),
    /// The built-in scenarios came.
    Listed(Vec<Builtin>),
    /// The engine panicked.
    Panicked(String),
    /// Select this.
    Select(Selection),
    /// Show the run so.
    Show(View),
    /// So many offsets fit into the Log view.
    Fit(u32),
    /// The Log view begins at this offset, or follows the end.
    From(Option<i64>),
    /// The Log view looks so many steps farther away, or nearer.
    Zoom(i32),
    /// Let time go on, or not.
    Play(bool),
    /// So many steps faster.
    Faster(i32),
    /// This speed.
    Speed(u32),
    /// Lay this over the stage, or take it away when it is there.
    Toggle(Panel),
    /// Open this side, or close it when it is open.
    Side(Sheet),
    /// Tell what the marks mean, or not.
    Legend,
    /// Close what is open, the topmost only.
    Close,
}

impl State {
    /// What the page knows after an action.
    pub fn after(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = (*self).clone();
        match action {
            Action::Shown(answer, frame) => next.show(answer, frame),
            Action::Loaded(answer, frame, toml) => {
                let log = LogPlace { offsets: next.log.offsets, zoom: next.log.zoom, ..LogPlace::default() };
                let (builtins, speed, view, legend) = (next.builtins, next.speed, next.view, next.legend);
                next = State { toml, playing: true, builtins, speed, view, log, legend, ..State::default() };
                next.show(answer, frame);
            }
            Action::Commanded(answer, frame, began) => {
                next.show(answer, frame);
                next.errors.clear();
                next.began = began;
            }
            Action::Refused(errors) => {
                next.errors = errors;
                next.playing = false;
            }
            Action::Listed(builtins) => next.builtins = builtins,
            Action::Panicked(words) => {
                next.panic = Some(words);
                next.playing = false;
            }
            Action::Select(selection) => next.select(selection),
            Action::Show(view) => next.view = view,
            Action::Fit(offsets) => next.log.offsets = offsets,
            Action::From(first) => next.log.first = first,
            Action::Zoom(steps) => {
                next.log.zoom = next.log.zoom.saturating_add_signed(steps as isize).min(ZOOMS.len() - 1);
            }
            Action::Play(playing) => next.playing = playing && next.panic.is_none(),
            Action::Faster(steps) => next.speed = faster(next.speed, steps),
            Action::Speed(speed) => next.speed = speed,
            Action::Toggle(panel) => next.panel = toggled(next.panel, panel),
            Action::Side(sheet) => next.sheet = toggled(next.sheet, sheet),
            Action::Legend => next.legend = !next.legend,
            Action::Close => next.close(),
        }
        next.into()
    }

    fn show(&mut self, answer: u32, frame: Rc<Frame>) {
        if frame.run.time_us >= frame.run.duration_us {
            self.playing = false;
        }
        let branch = |frame: &Frame| frame.run.branch;
        if self.frame.as_deref().map(branch) != Some(branch(&frame)) {
            self.began = false;
        }
        self.answer = answer;
        self.frame = Some(frame);
        self.panic = None;
    }

    /// What the page looks at, in the words of the engine.
    pub fn look(&self) -> Look {
        let lens = match self.view {
            View::Stage => Lens::Stage,
            View::Log => Lens::Log(self.log_lens()),
        };
        Look { selection: self.selection.clone(), lens }
    }

    /// What of the logs is looked at, in the words of the engine.
    pub fn log_lens(&self) -> LogLens {
        let open = match &self.selection {
            Selection::Batch { broker, offset, .. } => Some((*broker, *offset)),
            Selection::None
            | Selection::Node(_)
            | Selection::Partition { .. }
            | Selection::Link(..)
            | Selection::Packet(_)
            | Selection::Event(_)
            | Selection::Group(_)
            | Selection::TransactionalId(_) => None,
        };
        let LogPlace { partition, first, offsets, .. } = &self.log;
        LogLens { partition: *partition, first: *first, offsets: *offsets, open }
    }

    /// The partition of the Log view: the one that was chosen, or the first of the run.
    fn shown_partition(&self) -> Option<(u32, i32)> {
        self.log.partition.or_else(|| {
            let partition = self.frame.as_ref()?.partitions.first()?;
            Some((partition.number, partition.index))
        })
    }

    /// Selects; the Log view turns to the partition that is selected.
    fn select(&mut self, selection: Selection) {
        if let Some(partition) = selection.partition() {
            let first = self.log.first.filter(|_| self.shown_partition() == Some(partition));
            self.log = LogPlace { partition: Some(partition), first, ..self.log };
        }
        self.selection = selection;
    }

    fn close(&mut self) {
        if self.panel.take().is_some() || self.sheet.take().is_some() {
            return;
        }
        if !self.errors.is_empty() || self.began {
            self.errors.clear();
            self.began = false;
            return;
        }
        self.selection = match std::mem::take(&mut self.selection) {
            Selection::Batch { topic, index, number, .. } => Selection::Partition { topic, index, number },
            Selection::None
            | Selection::Node(_)
            | Selection::Partition { .. }
            | Selection::Link(..)
            | Selection::Packet(_)
            | Selection::Event(_)
            | Selection::Group(_)
            | Selection::TransactionalId(_) => Selection::None,
        };
    }
}

fn toggled<T: PartialEq>(open: Option<T>, it: T) -> Option<T> {
    if open.as_ref() == Some(&it) { None } else { Some(it) }
}

fn faster(speed: u32, steps: i32) -> u32 {
    let at = SPEEDS.iter().position(|&it| it >= speed).unwrap_or(SPEEDS.len() - 1);
    let last = SPEEDS.len() - 1;
    SPEEDS[at.saturating_add_signed(steps as isize).min(last)]
}
