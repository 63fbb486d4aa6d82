//! What a member waits for between its heartbeats (Kafka: `Heartbeat`).

use super::settings::GroupSettings;
use crate::sim::Time;

/// What is waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Beat {
    /// When the next heartbeat is due.
    pub(super) next: Time,
    /// Without an answer until then the coordinator is given up.
    pub(super) session_ends: Time,
    /// When the program was last in `poll()`.
    pub(super) polled: Time,
    pub(super) failures: u32,
    pub(super) armed: Option<Time>,
}

impl Beat {
    /// The member heartbeats from now on (`Heartbeat.resetTimeouts`).
    pub(super) fn begin(&mut self, now: Time, settings: &GroupSettings) {
        self.next = now + settings.heartbeat_interval_us;
        self.polled = now;
        self.new_session(now, settings);
    }

    pub(super) fn new_session(&mut self, now: Time, settings: &GroupSettings) {
        self.session_ends = now + settings.session_timeout_us;
    }

    pub(super) fn polled(&mut self, now: Time) {
        self.polled = now;
    }
}
