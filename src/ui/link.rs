//! The page's end of the worker: one request at a time, and of several ways to move only the newest.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use gloo::worker::{Spawnable, WorkerBridge};
use js_sys::Function;
use wasm_bindgen::JsValue;
use yew::{Callback, UseStateSetter};

use super::codec::{self, Postcard};
use super::state::{Action, State};
use super::text::TEXT;
use super::worker::Engine;
use crate::view::frame::Frame;
use crate::view::protocol::{Answer, Ask, Complaint, Instant, Look, Request, Response};

/// Trunk names the loader of the worker so.
const LOADER: &str = "./worker_loader.js";

/// The way to the engine, shared by everything on the page.
#[derive(Clone)]
pub struct Link(Rc<Inner>);

struct Inner {
    bridge: RefCell<Option<WorkerBridge<Engine>>>,
    shown: UseStateSetter<Rc<State>>,
    queue: RefCell<VecDeque<(u32, Ask)>>,
    waiting: Cell<Option<u32>>,
    last: Cell<u32>,
    look: RefCell<Look>,
    state: RefCell<Rc<State>>,
    promises: RefCell<Vec<Promised>>,
}

/// A promise that is kept when the picture of an answer has been drawn.
struct Promised {
    id: u32,
    value: JsValue,
    resolve: Function,
    reject: Function,
}

impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Link {
    /// Starts the engine.
    pub fn new(shown: UseStateSetter<Rc<State>>) -> Self {
        let link = Link(Rc::new(Inner {
            bridge: RefCell::new(None),
            shown,
            queue: RefCell::default(),
            waiting: Cell::new(None),
            last: Cell::new(0),
            look: RefCell::default(),
            state: RefCell::default(),
            promises: RefCell::default(),
        }));
        link.start();
        link
    }

    /// Starts the engine anew, as after a panic. What was asked and not answered is forgotten.
    pub fn start(&self) {
        let heard = Rc::downgrade(&self.0);
        let bridge = Engine::spawner()
            .encoding::<Postcard>()
            .callback(move |response| {
                if let Some(inner) = heard.upgrade() {
                    Link(inner).heard(response);
                }
            })
            .with_loader(true)
            .as_module(true)
            .spawn(LOADER);
        self.refuse(|_| true, &[Complaint { line: None, message: TEXT.restarted.into() }]);
        self.0.queue.borrow_mut().clear();
        self.0.waiting.set(None);
        self.0.bridge.replace(Some(bridge));
    }

    /// Asks, now or after the answer that is awaited.
    pub fn ask(&self, ask: Ask) -> u32 {
        let id = self.0.last.get() + 1;
        self.0.last.set(id);
        let mut queue = self.0.queue.borrow_mut();
        if moves(&ask) && queue.back().is_some_and(|(_, before)| moves(before) && replaces(&ask, before)) {
            queue.pop_back();
        }
        queue.push_back((id, ask));
        drop(queue);
        self.send();
        id
    }

    /// Asks for JavaScript: the promise is kept when the answer has been drawn.
    pub fn ask_promised(&self, ask: Ask) -> js_sys::Promise {
        let panic = self.state().panic.clone();
        js_sys::Promise::new(&mut |resolve, reject| {
            if let Some(words) = &panic {
                let _ = reject.call1(&JsValue::NULL, &js_sys::Error::new(words));
                return;
            }
            let id = self.ask(ask.clone());
            self.0.promises.borrow_mut().push(Promised { id, value: JsValue::UNDEFINED, resolve, reject });
        })
    }

    /// An answer is awaited.
    pub fn busy(&self) -> bool {
        self.0.waiting.get().is_some()
    }

    /// What the page knows, for those outside its components.
    pub fn state(&self) -> Rc<State> {
        self.0.state.borrow().clone()
    }

    /// Does an action. What the page knows changes at once, and not when Yew draws it: a key right after a click acts on
    /// what was clicked, however long the drawing takes.
    pub fn act(&self, action: Action) {
        let state = self.state().after(action);
        let look = state.look();
        let other = *self.0.look.borrow() != look;
        let shown = state.frame.is_some();
        if other {
            self.0.look.replace(look);
        }
        self.0.state.replace(state.clone());
        self.0.shown.set(state);
        // The same instant again, as it looks from there.
        if other && shown {
            self.ask(Ask::Look);
        }
    }

    /// The picture of an answer has been drawn.
    pub fn drawn(&self, answer: u32) {
        let (kept, open): (Vec<_>, Vec<_>) =
            self.0.promises.take().into_iter().partition(|promised| promised.id <= answer);
        self.0.promises.replace(open);
        for promised in kept {
            // A promise that throws when it is kept is not ours to mend.
            let _ = promised.resolve.call1(&JsValue::NULL, &promised.value);
        }
    }

    /// A callback that does an action.
    pub fn acting<E: 'static>(&self, action: impl Fn() -> Action + 'static) -> Callback<E> {
        let link = self.clone();
        Callback::from(move |_| link.act(action()))
    }

    /// A callback that stops and asks.
    pub fn asking<E: 'static>(&self, ask: Ask) -> Callback<E> {
        let link = self.clone();
        Callback::from(move |_| link.go(ask.clone()))
    }

    /// Stops playing and moves.
    pub fn go(&self, ask: Ask) {
        self.act(Action::Play(false));
        self.ask(ask);
    }

    /// Gives a command without stopping.
    pub fn command(&self, command: String) {
        self.ask(Ask::Command(command));
    }

    /// After a panic: the same branch again, up to the event before the last one shown.
    pub fn replay(&self, with_commands: bool) {
        let state = self.state();
        // Only a page with a picture offers it.
        let Some(frame) = &state.frame else { return };
        let commands = if with_commands { commands(&state) } else { Vec::new() };
        let to = if with_commands { Instant::Event(frame.run.event.saturating_sub(1)) } else { Instant::Event(0) };
        self.start();
        self.ask(Ask::Replay { toml: state.toml.to_string(), seed: frame.run.seed, commands, to });
    }

    fn send(&self) {
        if self.busy() {
            return;
        }
        // Nothing is left to be asked.
        let Some((id, ask)) = self.0.queue.borrow_mut().pop_front() else { return };
        self.0.waiting.set(Some(id));
        let look = self.0.look.borrow().clone();
        if let Some(bridge) = self.0.bridge.borrow().as_ref() {
            bridge.send(Request { id, look, ask });
        }
    }

    fn heard(&self, response: Response) {
        let id = response.id;
        self.0.waiting.set(None);
        match response.answer {
            Answer::Frame(frame) => self.act(Action::Shown(id, Rc::from(frame))),
            Answer::Loaded { frame, toml } => self.act(Action::Loaded(id, Rc::from(frame), toml.into())),
            Answer::Commanded { frame, began } => {
                self.promise_branch(id, &frame);
                self.act(Action::Commanded(id, Rc::from(frame), began));
            }
            Answer::Scenarios(builtins) => self.act(Action::Listed(builtins)),
            Answer::Refused(complaints) => {
                self.refuse(|promised| promised == id, &complaints);
                self.act(Action::Refused(complaints));
            }
            Answer::Panicked(words) => {
                self.refuse(|_| true, &[Complaint { line: None, message: words.clone() }]);
                self.0.queue.borrow_mut().clear();
                self.act(Action::Panicked(words));
                return;
            }
        }
        self.send();
    }

    /// A command's promise is kept with the branch on which it was done.
    fn promise_branch(&self, id: u32, frame: &Frame) {
        let branch = frame.branches.iter().find(|branch| branch.id == frame.run.branch);
        let value = codec::to_js(&branch).expect("a branch is plain data");
        for promised in self.0.promises.borrow_mut().iter_mut().filter(|promised| promised.id == id) {
            promised.value = value.clone();
        }
    }

    fn refuse(&self, which: impl Fn(u32) -> bool, complaints: &[Complaint]) {
        let words = complaints.iter().map(super::format::complaint).collect::<Vec<_>>().join("\n");
        let (broken, open): (Vec<_>, Vec<_>) =
            self.0.promises.take().into_iter().partition(|promised| which(promised.id));
        self.0.promises.replace(open);
        for promised in broken {
            let _ = promised.reject.call1(&JsValue::NULL, &js_sys::Error::new(&words));
        }
    }
}

/// Commands of the person on the present branch with their times; none before the first picture.
pub fn commands(state: &State) -> Vec<(u64, String)> {
    let Some(frame) = &state.frame else { return Vec::new() };
    let branch = frame.branches.iter().find(|branch| branch.id == frame.run.branch);
    let commands = branch.into_iter().flat_map(|branch| &branch.commands);
    commands.map(|given| (given.at_us, given.text.clone())).collect()
}

/// Does it only move in time, or show the same instant again?
fn moves(ask: &Ask) -> bool {
    matches!(ask, Ask::Seek(_) | Ask::Advance { .. } | Ask::Look)
}

/// A look must not replace a way that is still to go.
fn replaces(ask: &Ask, before: &Ask) -> bool {
    !matches!(ask, Ask::Look) || matches!(before, Ask::Look)
}
