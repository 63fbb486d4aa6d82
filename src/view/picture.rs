//! A session at its instant, seen through a lens.

use std::sync::Arc;

use super::build;
use super::frame::Frame;
use super::log;
use super::protocol::Look;
use crate::lab::session::Session;

/// What is shown of a session at its instant to whoever looks so.
#[must_use]
pub fn picture(session: &Session, look: &Look) -> Frame {
    let needs = look.lens.needs();
    let log = needs.log.and_then(|lens| log::build::log(session, lens)).map(Arc::new);
    Frame { view: look.lens.view(), log, ..build::frame(session, &look.selection, needs) }
}
