//! Which brokers have been heard of lately (Kafka: `BrokerHeartbeatManager`, `BrokerHeartbeatTracker`).

use litemap::LiteMap;
use uuid::Uuid;

use crate::sim::Time;

/// What the controller knows of a registered broker beside its registration record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) incarnation: Uuid,
    pub(super) last_contact: Time,
}

/// The sessions by broker id.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions(LiteMap<i32, Session>);

impl Sessions {
    pub(super) fn begin(&mut self, broker: i32, incarnation: Uuid, now: Time) {
        self.0.insert(broker, Session { incarnation, last_contact: now });
    }

    pub(super) fn touch(&mut self, broker: i32, now: Time) {
        if let Some(session) = self.0.get_mut(&broker) {
            session.last_contact = now;
        }
    }

    pub(super) fn touch_all(&mut self, now: Time) {
        self.0.iter_mut().for_each(|(_, session)| session.last_contact = now);
    }

    /// The incarnation whose session still lives.
    pub(super) fn living(&self, broker: i32, now: Time, timeout: Time) -> Option<Uuid> {
        let session = self.0.get(&broker)?;
        (session.last_contact + timeout > now).then_some(session.incarnation)
    }

    /// Brokers whose session is over, in the order of their ids.
    pub(super) fn expired(&self, now: Time, timeout: Time) -> Vec<i32> {
        self.0.iter().filter(|(_, session)| session.last_contact + timeout <= now).map(|(broker, _)| *broker).collect()
    }

    /// When the next of the sessions that are not over yet would end.
    pub(super) fn next_expiry(&self, now: Time, timeout: Time) -> Option<Time> {
        self.0.values().map(|session| session.last_contact + timeout).filter(|end| *end > now).min()
    }
}
