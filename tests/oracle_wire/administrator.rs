//! A program with the simulator's admin client, which does what a Java program did.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use loglab::client::{Admin, AdminEvent, AdminSettings, Ask, Slot};
use loglab::note::Note;
use loglab::sim::MILLISECOND;
use loglab::sim::process::{Context, Input};
use loglab::wire::Message;

/// How often it looks for something to do.
const LOOK: u64 = 1;
const ADMIN: Slot = Slot::new(1);

/// What passes between a test and the program.
#[derive(Debug, Default)]
pub struct Counter {
    /// The client is made.
    pub is_open: bool,
    pub calls: VecDeque<Ask>,
    /// What came of the calls, in their order.
    pub returned: Vec<AdminEvent>,
}

/// The program.
#[derive(Clone, Debug)]
pub struct Administrator {
    admin: Admin,
    counter: Arc<Mutex<Counter>>,
    /// The client has begun.
    has_begun: bool,
}

impl Administrator {
    pub fn new(settings: AdminSettings, counter: Arc<Mutex<Counter>>) -> Self {
        Self { admin: Admin::new(Arc::new(settings), ADMIN), counter, has_begun: false }
    }

    pub fn handle(&mut self, input: Input<Message>, context: &mut Context<'_, Message, Note>) {
        if let Input::Boot { .. } | Input::Timer(LOOK) = input {
            context.set_timer(LOOK, context.after(MILLISECOND));
            if !self.has_begun && self.counter().is_open {
                self.has_begun = true;
                self.admin.start(context);
            }
            let call = self.counter().calls.pop_front();
            if let Some(ask) = call {
                self.admin.call(ask, context);
            }
        } else if let Some(rest) = self.admin.handle(input, context) {
            unreachable!("{rest:?} is nobody's");
        }
        while let Some(event) = self.admin.next_event() {
            self.counter().returned.push(event);
        }
    }

    fn counter(&self) -> std::sync::MutexGuard<'_, Counter> {
        self.counter.lock().expect("nobody panics with it")
    }
}
