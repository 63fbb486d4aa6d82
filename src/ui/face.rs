//! `window.loglab`, for tests and for the curious; its types are in `www/loglab.d.ts`.

use js_sys::{Object, Promise, Reflect, TypeError};
use serde::Serialize;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};

use super::codec::to_js;
use super::hooks::use_theme;
use super::link::{self, Link};
use crate::view::frame::{Given, Selection};
use crate::view::protocol::{Ask, Complaint, Instant};

/// What `state()` answers.
#[derive(Serialize)]
struct PageState {
    playing: bool,
    speed: f64,
    time_us: u64,
    event: u64,
    busy: bool,
    theme: &'static str,
    selection: Selection,
    errors: Vec<Complaint>,
    panic: Option<String>,
    branch: u32,
    commands: Vec<Given>,
}

/// Puts `loglab` on the window. It stays as long as the page.
pub fn install(link: &Link) -> Result<(), JsValue> {
    let object = Object::new();
    let it = link.clone();
    put(&object, "load", promising(move |toml| it.ask_promised(Ask::Load { toml, seed: None })))?;
    let it = link.clone();
    put(&object, "command", promising(move |text| it.ask_promised(Ask::Command(text))))?;
    let it = link.clone();
    let seek = Closure::<dyn Fn(f64, JsValue) -> Promise>::new(move |time_us: f64, branch: JsValue| {
        it.act(super::state::Action::Play(false));
        let to = Instant::Time(time_us.max(0.0) as u64);
        if branch.is_undefined() {
            return it.ask_promised(Ask::Seek(to));
        }
        of_branch(&branch, |branch| it.ask_promised(Ask::Switch { branch, to: Some(to) }))
    });
    put(&object, "seek", seek.into_js_value())?;
    let it = link.clone();
    put(&object, "branches", telling(move || to_js(&it.state().frame.as_ref().map(|frame| &frame.branches))))?;
    let it = link.clone();
    let switch = move |branch: JsValue| {
        it.act(super::state::Action::Play(false));
        of_branch(&branch, |branch| it.ask_promised(Ask::Switch { branch, to: None }))
    };
    put(&object, "switch", Closure::<dyn Fn(JsValue) -> Promise>::new(switch).into_js_value())?;
    let it = link.clone();
    let rename = move |branch: JsValue, name: JsValue| match name.as_string() {
        Some(name) => of_branch(&branch, |branch| it.ask_promised(Ask::Rename { branch, name })),
        None => Promise::reject(&TypeError::new("takes a number and text")),
    };
    put(&object, "rename", Closure::<dyn Fn(JsValue, JsValue) -> Promise>::new(rename).into_js_value())?;
    let it = link.clone();
    let remove = move |branch: JsValue| of_branch(&branch, |branch| it.ask_promised(Ask::Remove { branch }));
    put(&object, "remove", Closure::<dyn Fn(JsValue) -> Promise>::new(remove).into_js_value())?;
    let it = link.clone();
    put(&object, "frame", telling(move || to_js(&it.state().frame.as_deref())))?;
    let it = link.clone();
    put(&object, "hash", telling(move || Ok(hash(&it).into())))?;
    let it = link.clone();
    put(&object, "state", telling(move || to_js(&page_state(&it))))?;
    Reflect::set(&gloo::utils::window(), &"loglab".into(), &object)?;
    Ok(())
}

fn hash(link: &Link) -> String {
    link.state().frame.as_ref().map_or_else(String::new, |frame| frame.run.hash.clone())
}

fn page_state(link: &Link) -> PageState {
    let state = link.state();
    let run = state.frame.as_ref().map(|frame| &frame.run);
    PageState {
        playing: state.playing,
        speed: f64::from(state.speed) / 1000.0,
        time_us: run.map_or(0, |run| run.time_us),
        event: run.map_or(0, |run| run.event),
        busy: link.busy(),
        theme: use_theme::present().name(),
        selection: state.selection.clone(),
        errors: state.errors.clone(),
        panic: state.panic.clone(),
        branch: run.map_or(0, |run| run.branch),
        commands: link::commands(&state).into_iter().map(|(at_us, text)| Given { at_us, text }).collect(),
    }
}

/// Asks something of the branch with this number; whatever else is given is refused as a script expects it.
fn of_branch(given: &JsValue, ask: impl FnOnce(u32) -> Promise) -> Promise {
    match given.as_f64() {
        Some(number) if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) => ask(number as u32),
        Some(_) | None => Promise::reject(&TypeError::new("takes the number of a branch")),
    }
}

/// A function that takes text; whatever else it is given is refused as a script expects it.
fn promising(ask: impl Fn(String) -> Promise + 'static) -> JsValue {
    let take = move |given: JsValue| match given.as_string() {
        Some(text) => ask(text),
        None => Promise::reject(&TypeError::new("takes text")),
    };
    Closure::<dyn Fn(JsValue) -> Promise>::new(take).into_js_value()
}

fn telling(tell: impl Fn() -> Result<JsValue, JsValue> + 'static) -> JsValue {
    Closure::<dyn Fn() -> Result<JsValue, JsValue>>::new(tell).into_js_value()
}

fn put(object: &Object, name: &str, value: JsValue) -> Result<(), JsValue> {
    Reflect::set(object, &name.into(), value.unchecked_ref()).map(|_| ())
}
