//! The engine's end: a web worker that holds one session and answers requests one after the other.

use std::cell::RefCell;
use std::panic;

use gloo::worker::{HandlerId, Registrable, Worker, WorkerScope};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DedicatedWorkerGlobalScope;

use super::codec::Postcard;
use crate::lab::scenario::{BUILTINS, Builtin, ScenarioError, parse};
use crate::view::protocol::{self, Answer, Ask, Complaint, Request, Response};

/// Runs the worker.
pub fn start() {
    panic::set_hook(Box::new(|info| {
        // The page learns of a panic as of any other answer; the worker is of no use afterwards.
        LAST_WORDS.with_borrow(|last| {
            if let Some(say) = last {
                say(info.to_string());
            }
        });
        if let Ok(scope) = global() {
            scope.close();
        }
    }));
    Engine::registrar().encoding::<Postcard>().register();
}

/// Says to the page that the engine has panicked.
type LastWords = Box<dyn Fn(String)>;

thread_local! {
    static LAST_WORDS: RefCell<Option<LastWords>> = const { RefCell::new(None) };
}

fn global() -> Result<DedicatedWorkerGlobalScope, JsValue> {
    js_sys::global().dyn_into::<DedicatedWorkerGlobalScope>().map_err(Into::into)
}

/// Reads scenarios; the session comes with the engine.
pub struct Engine;

impl Worker for Engine {
    type Message = ();
    type Input = Request;
    type Output = Response;

    fn create(_: &WorkerScope<Self>) -> Self {
        Engine
    }

    fn update(&mut self, _: &WorkerScope<Self>, (): ()) {}

    fn received(&mut self, scope: &WorkerScope<Self>, request: Request, from: HandlerId) {
        let id = request.id;
        let mouth = scope.clone();
        LAST_WORDS.set(Some(Box::new(move |words| {
            mouth.respond(from, Response { id, answer: Answer::Panicked(words) });
        })));
        let answer = answer(request.ask).unwrap_or_else(Answer::Refused);
        scope.respond(from, Response { id, answer });
    }
}

fn answer(ask: Ask) -> Result<Answer, Vec<Complaint>> {
    match ask {
        Ask::List => Ok(Answer::Scenarios(BUILTINS.iter().map(listed).collect())),
        Ask::Load { toml, .. } => {
            parse(&toml).map_err(|errors| errors.iter().map(in_line).collect::<Vec<_>>())?;
            Err(complaint("this build has no engine".into()))
        }
        _ => Err(complaint("this build has no engine".into())),
    }
}

fn listed(builtin: &Builtin) -> protocol::Builtin {
    protocol::Builtin { name: builtin.name.to_owned(), title: builtin.title() }
}

fn in_line(error: &ScenarioError) -> Complaint {
    Complaint { line: Some(error.line), message: error.to_string() }
}

fn complaint(message: String) -> Vec<Complaint> {
    vec![Complaint { line: None, message }]
}
