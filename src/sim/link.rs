//! Links between machines, one direction each: what something that is sent over one needs for its way.

use litemap::LiteMap;

use super::fates::Fates;
use super::ids::{MessageName, ProcessId};
use super::link_settings::LinkSettings;
use super::random::Named;
use super::{MILLISECOND, SECOND, Time};

/// The first retransmission timeout of a lost segment (Linux: TCP_RTO_MIN).
const RETRANSMISSION_US: Time = 200 * MILLISECOND;
/// Losses of one message that are counted before it gets through: the timeout doubles with each.
const RETRANSMISSIONS_MAX: u32 = 8;

/// Whether anything passes over a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Passage {
    /// It does.
    #[default]
    Open,
    /// It waits.
    Clogged,
    /// It is lost; what a connection sends is sent again until the sender gives up.
    Cut,
}

/// What is particular about one link.
#[derive(Clone, Debug, Default)]
struct Link {
    settings: Option<LinkSettings>,
    passage: Passage,
    /// When the last bytes put on it will have left.
    free_at: Time,
}

/// All links, and what becomes of what is sent over them.
#[derive(Clone, Debug)]
pub(super) struct Links {
    settings: LinkSettings,
    /// Those of which there is anything particular to say.
    special: LiteMap<(ProcessId, ProcessId), Link>,
    pub(super) fates: Fates,
}

impl Links {
    pub(super) fn new(seed: u64, settings: LinkSettings) -> Self {
        Self { settings, special: LiteMap::new(), fates: Fates::new(seed) }
    }

    pub(super) fn set_link(&mut self, from: ProcessId, to: ProcessId, settings: LinkSettings) {
        self.special.entry((from, to)).or_default().settings = Some(settings);
    }

    /// Returns how it was before.
    pub(super) fn set_passage(&mut self, from: ProcessId, to: ProcessId, passage: Passage) -> Passage {
        std::mem::replace(&mut self.special.entry((from, to)).or_default().passage, passage)
    }

    pub(super) fn passage(&self, from: ProcessId, to: ProcessId) -> Passage {
        if self.special.is_empty() {
            return Passage::Open;
        }
        self.special.get(&(from, to)).map_or(Passage::Open, |link| link.passage)
    }

    /// Whether a direction is as all links are from the start.
    pub(super) fn is_whole(&self, from: ProcessId, to: ProcessId) -> bool {
        self.passage(from, to) == Passage::Open && self.settings_of(from, to) == self.settings
    }

    /// The directions in which nothing passes.
    pub(super) fn closed(&self) -> impl Iterator<Item = (ProcessId, ProcessId)> {
        self.special.iter().filter(|(_, link)| link.passage != Passage::Open).map(|(pair, _)| *pair)
    }

    /// How long something small needs at least.
    pub(super) fn latency(&self, from: ProcessId, to: ProcessId) -> Time {
        self.settings_of(from, to).latency_us
    }

    fn settings_of(&self, from: ProcessId, to: ProcessId) -> LinkSettings {
        if self.special.is_empty() {
            return self.settings;
        }
        self.special.get(&(from, to)).and_then(|link| link.settings).unwrap_or(self.settings)
    }

    /// When something of so many bytes that a connection sends now arrives, losses repaired.
    pub(super) fn arrival(&mut self, now: Time, name: MessageName, size: impl FnOnce() -> u32) -> Time {
        let settings = self.settings_of(name.from, name.to);
        let departed = self.departure(now, name, size, settings);
        if let Some(delay_us) = self.fates.decided(name).delay_us {
            return departed.saturating_add(settings.latency_us).saturating_add(delay_us);
        }
        let mut draws = self.fates.draws(name);
        let mut arrival = departed + flight(settings, &mut draws);
        let mut timeout = RETRANSMISSION_US;
        for _ in 0..RETRANSMISSIONS_MAX {
            if !draws.chance(settings.loss_ppm) {
                break;
            }
            arrival += timeout;
            timeout *= 2;
        }
        arrival
    }

    /// When each copy of a raw message arrives: none, one or two.
    pub(super) fn datagram_arrivals(
        &mut self,
        now: Time,
        name: MessageName,
        size: impl FnOnce() -> u32,
    ) -> [Option<Time>; 2] {
        if self.passage(name.from, name.to) == Passage::Cut {
            return [None, None];
        }
        let settings = self.settings_of(name.from, name.to);
        let departed = self.departure(now, name, size, settings);
        if let Some(delay_us) = self.fates.decided(name).delay_us {
            return [Some(departed.saturating_add(settings.latency_us).saturating_add(delay_us)), None];
        }
        let mut draws = self.fates.draws(name);
        let lost = draws.chance(settings.loss_ppm);
        let doubled = draws.chance(settings.duplicate_ppm);
        let mut copy = || {
            let on_time = departed + flight(settings, &mut draws);
            // Held back by up to four latencies: enough for those behind it to pass.
            let back = draws.chance(settings.reorder_ppm);
            on_time + if back { draws.between(1, 4 * settings.latency_us.max(1)) } else { 0 }
        };
        let first = (!lost).then(&mut copy);
        let second = doubled.then(&mut copy);
        [first, second]
    }

    /// When the last byte has left: behind what is on the link already.
    fn departure(&mut self, now: Time, name: MessageName, size: impl FnOnce() -> u32, settings: LinkSettings) -> Time {
        // A link without a limit to its bandwidth has no queue: nobody goes over a message to know its size.
        if settings.bandwidth_bytes_per_s == 0 {
            return now;
        }
        let spent = u64::from(size()) * SECOND / settings.bandwidth_bytes_per_s;
        let link = self.special.entry((name.from, name.to)).or_default();
        link.free_at = link.free_at.max(now).saturating_add(spent);
        link.free_at
    }
}

/// From the last byte's departure to its arrival.
fn flight(settings: LinkSettings, draws: &mut Named<'_>) -> Time {
    settings.latency_us + if settings.jitter_us == 0 { 0 } else { draws.between(0, settings.jitter_us) }
}
