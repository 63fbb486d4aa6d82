//! What the controller waits for (Kafka: `PeriodicTaskControlManager`).

crate::timers! {
    /// A timer of the controller.
    pub(super) enum ControllerTimer {
        /// Brokers whose session is over are looked for (`maybeFenceStaleBroker`).
        StaleBrokers = 1,
        /// Metadata fetches that have waited their time are answered.
        MetadataWaits = 2,
        /// Partitions that their preferred replica does not lead are looked for (`electPreferred`).
        PreferredLeaders = 3,
        /// A topic of the run is due to be created or deleted.
        Plan = 4,
    }
}

impl ControllerTimer {
    /// What it is for, in words that follow the controller's name.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::StaleBrokers => "looks for brokers whose session is over (broker.session.timeout.ms)",
            Self::MetadataWaits => "answers metadata fetches that have waited their time",
            Self::PreferredLeaders => {
                "looks for partitions that their preferred replica does not lead (leader.imbalance.check.interval.seconds)"
            }
            Self::Plan => "creates or deletes a topic of the scenario",
        }
    }
}
