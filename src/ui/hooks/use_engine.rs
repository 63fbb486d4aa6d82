//! The engine and what the page knows.

use std::rc::Rc;

use yew::prelude::*;

use crate::ui::face;
use crate::ui::link::Link;
use crate::ui::state::State;
use crate::view::protocol::Ask;

/// The scenario that is running when the page opens.
const FIRST: &str = "acks-1-loses-acknowledged-record";

/// Starts the engine with a running scenario, and puts `loglab` on the window.
#[hook]
pub fn use_engine() -> (Rc<State>, Link) {
    let state = use_state(Rc::<State>::default);
    let shown = state.setter();
    let link = use_memo((), move |()| Link::new(shown));
    let link = (*link).clone();

    let it = link.clone();
    use_effect_with((), move |()| {
        if let Err(error) = face::install(&it) {
            gloo::console::error!(error);
        }
        it.ask(Ask::LoadBuiltin { name: FIRST.into(), seed: None });
        it.ask(Ask::List);
    });
    ((*state).clone(), link)
}
