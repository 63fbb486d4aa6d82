//! The engine's end: a web worker that holds one session and answers requests one after the other.

use std::cell::RefCell;
use std::panic;
use std::sync::Arc;

use gloo::worker::{HandlerId, Registrable, Worker, WorkerScope};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::DedicatedWorkerGlobalScope;

use super::codec::Postcard;
use crate::lab::fork::BranchId;
use crate::lab::scenario::{BUILTINS, Builtin, Command, InterventionId, ScenarioError};
use crate::lab::session::Session;
use crate::view::picture::picture;
use crate::view::protocol::{self, Answer, Ask, Complaint, Instant, Look, Request, Response};

/// How long playing on may hold the worker before it shows what it has: half a picture at 60 a second.
const SLICE_MS: f64 = 8.0;
/// How many new events are computed between two looks at the clock.
const EVENTS: u64 = 1_000;

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

fn now_ms() -> f64 {
    global().ok().and_then(|scope| scope.performance()).map_or(0.0, |clock| clock.now())
}

/// One session and the file it came from.
pub struct Engine {
    session: Option<Session>,
}

impl Worker for Engine {
    type Message = ();
    type Input = Request;
    type Output = Response;

    fn create(_: &WorkerScope<Self>) -> Self {
        Engine { session: None }
    }

    fn update(&mut self, _: &WorkerScope<Self>, (): ()) {}

    fn received(&mut self, scope: &WorkerScope<Self>, request: Request, from: HandlerId) {
        let id = request.id;
        let mouth = scope.clone();
        LAST_WORDS.set(Some(Box::new(move |words| {
            mouth.respond(from, Response { id, answer: Answer::Panicked(words) });
        })));
        let answer = self.answer(request.ask, &request.look).unwrap_or_else(Answer::Refused);
        scope.respond(from, Response { id, answer });
    }
}

impl Engine {
    fn answer(&mut self, ask: Ask, look: &Look) -> Result<Answer, Vec<Complaint>> {
        match ask {
            Ask::List => Ok(Answer::Scenarios(BUILTINS.iter().map(listed).collect())),
            Ask::Load { toml, seed } => self.load(toml, seed, look),
            Ask::LoadBuiltin { name, seed } => {
                let builtin = Builtin::named(&name);
                let builtin = builtin.ok_or_else(|| complaint(format!("there is no scenario \"{name}\"")))?;
                self.load(builtin.toml.to_owned(), seed, look)
            }
            Ask::Replay { toml, seed, commands, to } => self.replay(toml, seed, &commands, to, look),
            Ask::Seek(instant) => self.then(look, |session| seek(session, instant)),
            Ask::Step { forward, interesting } => self.then(look, |session| session.step(forward, interesting)),
            Ask::Advance { to_us } => self.then(look, |session| advance(session, to_us)),
            Ask::Look => self.then(look, |_| ()),
            Ask::Command(text) => {
                let session = self.session()?;
                let began = session.command(&text).map_err(complaint)?.began;
                Ok(Answer::Commanded { frame: Box::new(picture(session, look)), began })
            }
            Ask::Switch { branch, to } => self.of_branch(look, |session| switch(session, BranchId(branch), to)),
            Ask::Rename { branch, name } => self.of_branch(look, |session| session.rename(BranchId(branch), &name)),
            Ask::Remove { branch } => {
                self.of_branch(look, |session| session.remove(BranchId(branch)).map_err(|wrong| wrong.to_string()))
            }
        }
    }

    fn session(&mut self) -> Result<&mut Session, Vec<Complaint>> {
        self.session.as_mut().ok_or_else(|| complaint("no scenario is loaded".into()))
    }

    fn load(&mut self, toml: String, seed: Option<u64>, look: &Look) -> Result<Answer, Vec<Complaint>> {
        let session = open(&toml, seed)?;
        let frame = Box::new(picture(&session, look));
        self.session = Some(session);
        Ok(Answer::Loaded { frame, toml })
    }

    fn replay(
        &mut self,
        toml: String,
        seed: u64,
        commands: &[(u64, String)],
        to: Instant,
        look: &Look,
    ) -> Result<Answer, Vec<Complaint>> {
        let scenario = Arc::clone(open(&toml, Some(seed))?.scenario());
        let mut known: Vec<Command> = Vec::new();
        for (at_us, text) in commands {
            let command = Command::read(*at_us, text, &scenario).map_err(|wrong| complaint(wrong.to_string()))?;
            known.push(Command { id: InterventionId::after(&known), ..command });
        }
        let commands: Arc<[Command]> = known.into();
        if !commands.is_sorted_by_key(|command| command.at_us) {
            return Err(complaint("commands are in order of time".to_owned()));
        }
        let mut session = Session::with_commands(scenario, seed, commands);
        seek(&mut session, to);
        let frame = Box::new(picture(&session, look));
        self.session = Some(session);
        Ok(Answer::Loaded { frame, toml })
    }

    /// Does something to a branch that may be refused.
    fn of_branch(
        &mut self,
        look: &Look,
        does: impl FnOnce(&mut Session) -> Result<(), String>,
    ) -> Result<Answer, Vec<Complaint>> {
        let session = self.session()?;
        does(session).map_err(complaint)?;
        Ok(Answer::Frame(Box::new(picture(session, look))))
    }

    fn then(&mut self, look: &Look, go: impl FnOnce(&mut Session)) -> Result<Answer, Vec<Complaint>> {
        let session = self.session()?;
        go(session);
        Ok(Answer::Frame(Box::new(picture(session, look))))
    }
}

fn open(toml: &str, seed: Option<u64>) -> Result<Session, Vec<Complaint>> {
    Session::load(toml, seed).map_err(|errors| errors.iter().map(in_line).collect())
}

fn switch(session: &mut Session, branch: BranchId, to: Option<Instant>) -> Result<(), String> {
    match to {
        None => session.switch(branch).map_err(|wrong| wrong.to_string()),
        Some(instant) => {
            session.switch_to_start(branch).map_err(|wrong| wrong.to_string())?;
            seek(session, instant);
            Ok(())
        }
    }
}

fn seek(session: &mut Session, instant: Instant) {
    match instant {
        Instant::Event(number) => session.seek_event(number),
        Instant::Time(time) => session.seek_time(time),
    }
}

/// Plays on towards a time, as far as its slice lasts.
fn advance(session: &mut Session, to_us: u64) {
    let until = now_ms() + SLICE_MS;
    while !session.advance(to_us, EVENTS) && now_ms() < until {}
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
