//! The views of a run, and what each of them looks at.
//!
//! A view is a variant of [`View`] and of [`Lens`]; what its picture takes of a frame stands in [`Lens::needs`], and how
//! the page draws it in one row of `ui::views`. Whatever is forgotten does not compile.

use serde::{Deserialize, Serialize};

use super::log::LogLens;

/// A view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Brokers, clients and what travels between them.
    #[default]
    Stage,
    /// The replicas of one partition, aligned by offset.
    Log,
}

/// What a view looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lens {
    /// Everything.
    #[default]
    Stage,
    /// Some offsets of a partition.
    Log(LogLens),
}

/// What a picture takes of a frame, beside the state of everything, which all views share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs<'a> {
    /// What is on its way. What is selected is told in any case.
    pub packets: bool,
    /// The last batches of each replica.
    pub tails: bool,
    /// The logs of one partition.
    pub log: Option<&'a LogLens>,
}

impl Lens {
    /// Whose lens it is.
    #[must_use]
    pub fn view(&self) -> View {
        match self {
            Self::Stage => View::Stage,
            Self::Log(_) => View::Log,
        }
    }

    /// What the picture takes.
    #[must_use]
    pub fn needs(&self) -> Needs<'_> {
        match self {
            Self::Stage => Needs { packets: true, tails: true, log: None },
            Self::Log(lens) => Needs { packets: false, tails: false, log: Some(lens) },
        }
    }
}
