//! About what a run of a scenario takes, before it is run.
//!
//! Measured on runs of 3 and 30 brokers with 3 to 1,000 partitions and 10 to 10,000 records a second from each of up to 10
//! producers: the number of events came out within a third, the memory within a quarter. Time is that of one core that does
//! 1.3 million events a second in a small cluster; a browser takes two to three times as long.

use std::fmt;

use super::model::Scenario;

/// What a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Events.
    pub events: u64,
    /// Milliseconds of a core.
    pub ms: u64,
    /// Bytes of memory at its end.
    pub bytes: u64,
}

/// What every program takes.
const BASE_BYTES: u64 = 8 << 20;
/// A replica without records.
const REPLICA_BYTES: u64 = 6_800;
/// A record beside its value: the history of it, and its part of batches and indexes.
const RECORD_BYTES: u64 = 90;
/// A partition at a consumer of its topic, or at a producer, in its fetch session and in what the checkers know of it.
const PARTITION_OF_CLIENT_BYTES: u64 = 600;
/// Fetches of a consumer that find nothing, in a second and of each leader that it asks (`fetch.max.wait.ms`), and their answers.
const IDLE_FETCH_EVENTS_PER_S: u64 = 4;
/// Events of a broker in a second without traffic: heartbeats and fetches that find nothing.
const BROKER_EVENTS_PER_S: u64 = 25;
/// What an event takes in a small cluster, and what 1,000 replicas add to it.
const EVENT_NS: u64 = 770;
const REPLICAS_NS: u64 = 600;

/// Beyond this a run is worth a warning.
const WARN_MS: u64 = 20_000;
/// The same of memory.
const WARN_BYTES: u64 = 400 << 20;

impl Cost {
    /// That of a scenario.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let (mut records, mut events, mut stored) = (0, 0, 0);
        let seconds = |per_s: u64| (u128::from(per_s) * u128::from(scenario.duration_us) / 1_000_000) as u64;
        for producer in &scenario.producers {
            let sent = seconds(producer.rate_per_s.into());
            // Of several topics of one name, one after the other, that with the most copies.
            let topics = scenario.topics.iter().filter(|topic| topic.name == producer.topic);
            let copies = topics.map(|topic| u64::from(topic.replication_factor)).max().unwrap_or(1);
            let readers = scenario.consumers.iter().filter(|consumer| consumer.topics.contains(&producer.topic));
            // A request takes what came in while the batch lingered; it and each fetch of what it brought is two events.
            let requests = sent.min(seconds(1_000 / producer.config.linger_ms.max(1)));
            events += sent + requests * 2 * (copies + readers.count() as u64);
            records += sent;
            stored += sent * u64::from(producer.value_bytes) * (1 + copies.min(2)) * 2 / 3;
        }
        events += seconds(BROKER_EVENTS_PER_S * u64::from(scenario.cluster.brokers));
        let replicas: u64 =
            scenario.topics.iter().map(|topic| u64::from(topic.partitions) * u64::from(topic.replication_factor)).sum();
        let partitions = |name: &String| {
            let topics = scenario.topics.iter().filter(move |topic| topic.name == *name);
            topics.map(|topic| u64::from(topic.partitions)).sum::<u64>()
        };
        let read = scenario.consumers.iter().map(|consumer| consumer.topics.iter().map(partitions).sum::<u64>());
        let read: Vec<u64> = read.collect();
        let brokers = u64::from(scenario.cluster.brokers);
        events += seconds(read.iter().map(|partitions| partitions.min(&brokers) * IDLE_FETCH_EVENTS_PER_S).sum());
        let written = scenario.producers.iter().map(|producer| partitions(&producer.topic));
        let of_clients: u64 = read.iter().copied().chain(written).sum();
        let ms = events.saturating_mul(EVENT_NS + replicas * REPLICAS_NS / 1_000) / 1_000_000;
        let empty = BASE_BYTES + replicas * REPLICA_BYTES + of_clients * PARTITION_OF_CLIENT_BYTES;
        Self { events, ms, bytes: empty + records * RECORD_BYTES + stored }
    }

    /// Whether it is worth a warning.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.ms > WARN_MS || self.bytes > WARN_BYTES
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "about {} s and {} MB", self.ms.div_ceil(1_000).max(1), self.bytes.div_ceil(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::scenario::parse;

    #[test]
    fn of_topics_of_one_name_the_one_with_the_most_copies_counts() {
        let cost = |first: u32, second: u32| {
            let text = format!(
                "title = \"t\"\nduration = \"60s\"\n[cluster]\nbrokers = 3\n\
                 [[topic]]\nname = \"a\"\nreplication-factor = {first}\ndelete-at = \"10s\"\n\
                 [[topic]]\nname = \"a\"\nreplication-factor = {second}\nat = \"20s\"\n\
                 [[producer]]\nname = \"p\"\ntopic = \"a\"\nrate = \"100/s\"\n"
            );
            Cost::of(&parse(&text).expect("a scenario"))
        };
        assert_eq!(cost(1, 3), cost(3, 1));
        assert!(cost(1, 1).events < cost(1, 3).events);
    }
}
