//! What a picture is drawn from.

use std::rc::Rc;

use super::hooks::use_theme::Theme;
use super::link::Link;
use super::state::State;
use crate::view::frame::Frame;

/// What a picture is drawn from.
pub struct Shown {
    pub state: Rc<State>,
    pub frame: Rc<Frame>,
    pub theme: Theme,
    pub link: Link,
}
