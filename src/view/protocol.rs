//! What the page and the worker say to each other, and how it becomes bytes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::frame::{Frame, Selection};
use super::lens::Lens;

/// A point in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instant {
    /// After this many events.
    Event(u64),
    /// After the last event at or before this time in microseconds.
    Time(u64),
}

/// What the page looks at: it decides what a frame tells beside the state of everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// What is selected, for the chain of causes.
    pub selection: Selection,
    /// Through which view, and at what of it.
    pub lens: Lens,
}

/// A question of the page. Every one is answered, with the same id, by exactly one [`Answer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Counts up; the page drops answers that are older than the newest it has drawn.
    pub id: u32,
    /// What the page looks at.
    pub look: Look,
    /// What is asked.
    pub ask: Ask,
}

/// What the page may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ask {
    /// Start a run of this scenario file and show its first instant. A file with errors leaves the present run as it is.
    Load {
        /// The text of the file.
        toml: String,
        /// Another seed than the file's.
        seed: Option<u64>,
    },
    /// The same for a built-in scenario, by name.
    LoadBuiltin {
        /// Its file name without ending.
        name: String,
        /// Another seed than the file's.
        seed: Option<u64>,
    },
    /// Which built-in scenarios there are.
    List,
    /// Go to an instant, in either direction.
    Seek(Instant),
    /// Go one event, or to the next interesting event, in either direction.
    Step {
        /// Into the future.
        forward: bool,
        /// To the next interesting event.
        interesting: bool,
    },
    /// Play on to this time. Unlike a seek it may stop before, and the frame says where, so that the page keeps moving.
    Advance {
        /// The time to reach, in microseconds.
        to_us: u64,
    },
    /// Do this now, such as `kill broker 1`. In the past a branch begins with it, and the present one keeps its future.
    Command(String),
    /// Go to another branch, to this instant of it or to the present time.
    Switch {
        /// Its number.
        branch: u32,
        /// Where on it.
        to: Option<Instant>,
    },
    /// Call a branch so.
    Rename {
        /// Its number.
        branch: u32,
        /// What it is called from now on.
        name: String,
    },
    /// Forget a branch. Those that leave it stay.
    Remove {
        /// Its number.
        branch: u32,
    },
    /// Start over with the same scenario, seed and commands of one branch, and go to this instant; after a panic.
    Replay {
        /// The text of the file.
        toml: String,
        /// The seed.
        seed: u64,
        /// Commands with their times in microseconds, in time order.
        commands: Vec<(u64, String)>,
        /// Where to stop.
        to: Instant,
    },
    /// The present instant again, for another selection.
    Look,
}

/// The answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The id of the request.
    pub id: u32,
    /// What came of it.
    pub answer: Answer,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The instant that was asked for.
    Frame(Box<Frame>),
    /// The instant of a new run, and the file it came from.
    Loaded {
        /// Its first instant.
        frame: Box<Frame>,
        /// The text of its file.
        toml: String,
    },
    /// A command was done, on the branch of the frame.
    Commanded {
        /// The instant after the command.
        frame: Box<Frame>,
        /// That branch began with it.
        began: bool,
    },
    /// The built-in scenarios.
    Scenarios(Vec<Builtin>),
    /// It could not be done, and nothing changed.
    Refused(Vec<Complaint>),
    /// The engine panicked with these words and answers no more.
    Panicked(String),
}

/// A built-in scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Builtin {
    /// Its file name without ending.
    pub name: String,
    /// Its title.
    pub title: String,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Complaint {
    /// The line of the scenario file, from 1.
    pub line: Option<u32>,
    /// What is wrong, and the nearest right word where there is one.
    pub message: String,
}

/// Bytes of a message. Postcard is compact and, unlike a self-describing format, quick enough for sixty frames a second.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, postcard::Error> {
    postcard::to_allocvec(message)
}

/// A message of these bytes.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, postcard::Error> {
    postcard::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::log::LogLens;

    #[test]
    fn a_request_survives_the_way_to_the_worker() {
        let request = Request {
            id: 7,
            look: Look {
                selection: Selection::Partition { topic: "orders".into(), index: 2, number: 1 },
                lens: Lens::Log(LogLens { partition: Some((1, 2)), first: None, offsets: 30, open: Some((1, 41)) }),
            },
            ask: Ask::Seek(Instant::Time(2_000_000)),
        };
        let bytes = encode(&request).expect("encodes");
        assert_eq!(decode::<Request>(&bytes).expect("decodes"), request);
    }

    #[test]
    fn cut_bytes_are_an_error_and_not_a_panic() {
        let bytes = encode(&Response { id: 1, answer: Answer::Frame(Box::default()) }).expect("encodes");
        assert!(decode::<Response>(&bytes[..bytes.len() - 1]).is_err());
    }
}
