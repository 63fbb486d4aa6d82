//! A line of a story, as data.

use crate::lab::check::When;
use crate::lab::notable::{NotableKind, Subject};
use crate::sim::Time;

/// A line of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened, or began.
    pub at: When,
    /// When the last of several happened, or it was over.
    pub until_us: Time,
    /// What kind it is.
    pub kind: NotableKind,
    /// Whom it is about.
    pub about: Vec<Subject>,
    /// In words.
    pub text: String,
}
