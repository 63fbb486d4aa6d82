//! The timers of the clients that a program embeds.
//!
//! A program may own several clients. Each has a slot of its own, given by the program, so that the purposes of their
//! timers never meet; slot 0 is the program's.

use super::node::{broker_of, is_coordinator};
use crate::sim::process::Purpose;

/// Where the slot stands in a purpose.
const SLOT: u32 = 56;
/// Where the kind of a client's timer stands in a purpose; below it is a broker's node id.
const KIND: u32 = 32;

/// The place of a client among those that a program embeds, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u8);

impl Slot {
    /// The slot of this number.
    ///
    /// # Panics
    /// If the number is 0: those purposes are the program's own.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        assert!(number > 0, "slot 0 is the program's own");
        Self(number)
    }

    /// The purpose of a timer of this slot.
    pub(super) fn purpose(self, timer: ClientTimer) -> Purpose {
        let (kind, node) = timer.parts();
        u64::from(self.0) << SLOT | kind << KIND | u64::from(node.cast_unsigned())
    }

    /// The timer of this slot that a purpose stands for; `None` where it is another's.
    pub(super) fn timer(self, purpose: Purpose) -> Option<ClientTimer> {
        (purpose >> SLOT == u64::from(self.0)).then(|| ClientTimer::of(purpose))
    }
}

/// What a timer of a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientTimer {
    /// A connection took too long to be set up, a request to be answered, its back-off is over, or it was idle.
    Connection(i32),
    /// Metadata are asked for: they are old, or a back-off is over.
    Metadata,
    /// A coordinator is asked, or looked for, or its group joined, again.
    Coordinator,
    /// A group's coordinator is told that the member lives, or is given up.
    Heartbeat,
    /// Offsets are committed: it is time, or they are tried again.
    Commit,
    /// A batch has lingered, or may be sent again.
    Sender,
    /// The oldest batch has reached `delivery.timeout.ms`.
    Delivery,
    /// A producer id is asked for again.
    ProducerId,
    /// A call of a producer, such as `send()`, has blocked for `max.block.ms`.
    Block,
    /// A consumer tries again what failed.
    Retry,
    /// The oldest call of an admin client has reached `default.api.timeout.ms`, or is tried again.
    Call,
}

impl ClientTimer {
    fn parts(self) -> (u64, i32) {
        match self {
            Self::Connection(node) => (1, node),
            Self::Metadata => (2, 0),
            Self::Coordinator => (3, 0),
            Self::Sender => (4, 0),
            Self::Delivery => (5, 0),
            Self::ProducerId => (6, 0),
            Self::Block => (7, 0),
            Self::Retry => (8, 0),
            Self::Call => (9, 0),
            Self::Heartbeat => (10, 0),
            Self::Commit => (11, 0),
        }
    }

    fn of(purpose: Purpose) -> Self {
        let node = (purpose as u32).cast_signed();
        match purpose << (u64::BITS - SLOT) >> (u64::BITS - SLOT) >> KIND {
            1 => Self::Connection(node),
            2 => Self::Metadata,
            3 => Self::Coordinator,
            4 => Self::Sender,
            5 => Self::Delivery,
            6 => Self::ProducerId,
            7 => Self::Block,
            8 => Self::Retry,
            9 => Self::Call,
            10 => Self::Heartbeat,
            11 => Self::Commit,
            kind => panic!("{kind} is no timer of a client: nobody set it"),
        }
    }

    /// The timer that a purpose stands for, whatever its slot; `None` where it is the program's own.
    #[must_use]
    pub fn of_any_slot(purpose: Purpose) -> Option<Self> {
        (purpose >> SLOT != 0).then(|| Self::of(purpose))
    }

    /// What it is for, in words that follow the program's name.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Connection(node) => {
                let broker = broker_of(node).unsigned_abs();
                let which = match node {
                    node if node < 0 => "bootstrap connection",
                    node if is_coordinator(node) => "connection as a member of a group",
                    _ => "connection",
                };
                format!(
                    "looks at its {which} to broker {broker}: a time-out, reconnect.backoff.ms or connections.max.idle.ms is over"
                )
            }
            Self::Metadata => "asks for metadata (metadata.max.age.ms or back-off)".to_owned(),
            Self::Coordinator => {
                "asks its coordinator, or who that is, or joins its group, again (retry.backoff.ms)".to_owned()
            }
            Self::Heartbeat => {
                "tells its group that it lives (heartbeat.interval.ms), or looks for session.timeout.ms and \
                 max.poll.interval.ms"
                    .to_owned()
            }
            Self::Commit => "commits offsets (auto.commit.interval.ms, retry.backoff.ms)".to_owned(),
            Self::Sender => {
                "sends a batch that lingered or waited for its retry (linger.ms, retry.backoff.ms)".to_owned()
            }
            Self::Delivery => "looks for records that are older than delivery.timeout.ms".to_owned(),
            Self::ProducerId => "asks for a producer id again (retry.backoff.ms)".to_owned(),
            Self::Block => "gives up a call that blocked for max.block.ms".to_owned(),
            Self::Retry => "tries again what failed (retry.backoff.ms)".to_owned(),
            Self::Call => "looks at its oldest call (default.api.timeout.ms, retry.backoff.ms)".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ClientTimer; 12] = [
        ClientTimer::Connection(-3),
        ClientTimer::Connection(30),
        ClientTimer::Metadata,
        ClientTimer::Coordinator,
        ClientTimer::Heartbeat,
        ClientTimer::Commit,
        ClientTimer::Sender,
        ClientTimer::Delivery,
        ClientTimer::ProducerId,
        ClientTimer::Block,
        ClientTimer::Retry,
        ClientTimer::Call,
    ];

    #[test]
    fn a_purpose_is_one_timer_of_one_slot() {
        let mut purposes = std::collections::BTreeSet::new();
        for slot in [Slot::new(1), Slot::new(2), Slot::new(255)] {
            for timer in ALL {
                let purpose = slot.purpose(timer);
                assert!(purposes.insert(purpose));
                assert_eq!(slot.timer(purpose), Some(timer));
                assert_eq!(ClientTimer::of_any_slot(purpose), Some(timer));
                assert_eq!(Slot::new(9).timer(purpose), None);
            }
        }
        assert_eq!(ClientTimer::of_any_slot(7), None);
    }
}
