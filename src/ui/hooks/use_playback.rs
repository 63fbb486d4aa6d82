//! Time goes on while the page plays.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::render::{AnimationFrame, request_animation_frame};
use yew::prelude::*;

use crate::ui::link::Link;
use crate::view::protocol::Ask;

/// The longest step of a picture in milliseconds: a page that was hidden goes on where it stood.
const LONGEST_MS: f64 = 100.0;

/// Asks for the next instant before each picture, as soon as the last one has come.
#[hook]
pub fn use_playback(playing: bool, speed: u32, link: &Link) {
    let link = link.clone();
    use_effect_with((playing, speed), move |&(playing, speed)| {
        let pending: Rc<RefCell<Option<AnimationFrame>>> = Rc::default();
        if playing {
            let clock = Clock { link, speed, last: Cell::new(None), owed_us: Cell::new(0.0) };
            tick(Rc::new(clock), &pending);
        }
        move || drop(pending.take())
    });
}

/// What has passed and has not been asked for.
struct Clock {
    link: Link,
    speed: u32,
    last: Cell<Option<f64>>,
    owed_us: Cell<f64>,
}

fn tick(clock: Rc<Clock>, pending: &Rc<RefCell<Option<AnimationFrame>>>) {
    let again = pending.clone();
    let next = request_animation_frame(move |now| {
        clock.pass(now);
        if Rc::strong_count(&again) > 1 {
            tick(clock, &again);
        }
    });
    pending.replace(Some(next));
}

impl Clock {
    fn pass(&self, now: f64) {
        let passed = (now - self.last.replace(Some(now)).unwrap_or(now)).clamp(0.0, LONGEST_MS);
        self.owed_us.set(self.owed_us.get() + passed * f64::from(self.speed));
        let state = self.link.state();
        // Nothing plays before the first picture.
        let Some(frame) = &state.frame else { return };
        let step = self.owed_us.get().floor();
        if self.link.busy() || step < 1.0 || !state.playing {
            return;
        }
        self.owed_us.set(self.owed_us.get() - step);
        let to_us = (frame.run.time_us + step as u64).min(frame.run.duration_us);
        self.link.ask(Ask::Advance { to_us });
    }
}
