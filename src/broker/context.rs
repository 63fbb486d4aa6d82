//! What a broker is handed with each event, to act by.

use crate::note::Note;
use crate::sim::process;
use crate::wire::Message;

/// The kernel as a broker sees it.
pub(super) type Context<'a> = process::Context<'a, Message, Note>;
