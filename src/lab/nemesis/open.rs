//! What the nemesis has done and not taken back.

use crate::lab::fault::effect::Hit;
use crate::lab::fault::{FaultAction, Object};
use crate::sim::Time;
use crate::sim::process::ProcessId;

/// A fault that is not over.
#[derive(Clone, Debug)]
pub struct Open {
    /// Its end, which is done by now where it is now.
    pub until: Time,
    pub action: FaultAction,
    pub hits: Vec<Hit>,
    /// Whose failure it is; nobody's where it keeps nobody from being heard.
    pub charged: Option<ProcessId>,
}

impl Open {
    /// Whether it is of one of these sorts, and done to this process.
    pub fn is_of(&self, process: ProcessId, objects: &[Object]) -> bool {
        objects.contains(&self.action.object()) && self.hits.contains(&Hit::Process(process))
    }
}
