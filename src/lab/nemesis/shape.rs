//! What a run is like that each seed draws anew: how long it is, how many brokers there are, and how quick their disks.

use std::sync::Arc;

use super::spread::{spread, whole_ms};
use crate::lab::scenario::{Cluster, Nemesis, Scenario};
use crate::sim::random::Random;

/// The scenario as it is with this seed: the same where it has no nemesis. Of one that is drawn already it is that one.
#[must_use]
pub fn of_seed(scenario: &Arc<Scenario>, seed: u64) -> Arc<Scenario> {
    // Nothing is drawn.
    let Some(nemesis) = &scenario.nemesis else { return Arc::clone(scenario) };
    let mut random = Random::stream(seed, "shape", 0);
    let duration_us = length(&mut random, nemesis, scenario.duration_us);
    let brokers = random.between(nemesis.least_brokers.into(), scenario.cluster.brokers.into()) as u32;
    let disks_us = match nemesis.slowest_disk_us {
        0 => scenario.cluster.disks_us.clone(),
        most => (0..brokers).map(|_| random.between(0, most)).collect(),
    };
    let drawn = Nemesis {
        least_duration_us: duration_us,
        least_brokers: brokers,
        // The disks are drawn.
        slowest_disk_us: 0,
        ..nemesis.clone()
    };
    let cluster = Cluster { brokers, disks_us, ..scenario.cluster.clone() };
    Arc::new(Scenario { duration_us, cluster, nemesis: Some(drawn), ..(**scenario).clone() })
}

/// How long a run is. The time in which faults are drawn is spread: short runs are common, for they cost less and what happens at
/// the start happens in each, and some are long, for some things take their time.
fn length(random: &mut Random, nemesis: &Nemesis, most_us: u64) -> u64 {
    let Nemesis { from_us, calm_us, least_duration_us, .. } = *nemesis;
    if least_duration_us == most_us {
        return most_us;
    }
    let quiet_us = from_us + calm_us;
    let us = spread(random, least_duration_us - quiet_us, most_us - quiet_us);
    whole_ms(quiet_us + us).max(least_duration_us)
}
