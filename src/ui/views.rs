//! Every view of a run, in one row each: how it is called, its key, how it is drawn, what it offers.
//!
//! What a view looks at is known to the page's `state`; what it takes of a frame stands beside its lens, in `view::lens`. A
//! view without a row here does not compile.

use std::rc::Rc;

use yew::prelude::*;

use super::components::{log, log_tools, stage};
use super::link::Link;
use super::shown::Shown;
use super::state::State;
use super::text::TEXT;
use crate::view::frame::Frame;
use crate::view::lens::View;

/// A view as the page knows it.
pub struct Row {
    /// The name on its tab.
    pub name: &'static str,
    /// The key that shows it.
    pub key: &'static str,
    /// The picture.
    pub picture: fn(&Shown) -> Html,
    /// Controls of its own beside the tabs.
    pub tools: fn(&State, &Rc<Frame>, &Link) -> Html,
}

/// Makes the list of views, and the way from a view to its row, of the rows below.
macro_rules! views {
    ($($view:ident { $($field:tt)* })*) => {
        /// The views in the order of their tabs.
        pub const ALL: &[View] = &[$(View::$view),*];

        /// The row of a view.
        pub fn row(view: View) -> &'static Row {
            match view {
                $(View::$view => {
                    static ROW: Row = Row { $($field)* };
                    &ROW
                })*
            }
        }
    };
}

views! {
    Stage {
        name: TEXT.stage,
        key: "1",
        picture: stage::picture,
        tools: |_, _, _| Html::default(),
    }
    Log {
        name: TEXT.log,
        key: "2",
        picture: log::picture,
        tools: log_tools::tools,
    }
}

/// The view that a key shows.
pub fn of_key(key: &str) -> Option<View> {
    ALL.iter().copied().find(|view| row(*view).key == key)
}
