//! The scenarios that come with loglab, compiled in.

use super::error::ScenarioError;
use super::model::Scenario;
use super::parse::parse;

/// A scenario file that is compiled in.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The file's name without ending.
    pub name: &'static str,
    /// The text of the file.
    pub toml: &'static str,
}

macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        /// All of them; the page shows the first one first.
        pub const BUILTINS: &[Builtin] = &[$(Builtin {
            name: $name,
            toml: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/www/scenarios/", $name, ".toml")),
        }),*];
    };
}

builtins![
    "steady-state",
    "leader-killed-acks-all",
    "acks-1-loses-acknowledged-record",
    "acks-all-keeps-acknowledged-record",
    "unclean-election-loses-records",
    "clean-election-waits",
    "truncation-not-noticed",
    "truncation-noticed",
    "retry-stored-twice",
    "retry-deduplicated",
    "in-flight-requests-reorder",
    "in-flight-requests-in-order",
    "network-partition-and-healing",
    "slow-follower-leaves-and-rejoins-isr",
    "segment-rolls",
    "retention-against-slow-consumer",
    "compaction-step-by-step",
    "tombstone-two-passes",
    "tombstone-missed",
    "tombstone-in-time",
    "deleted-key-comes-back",
    "deleted-key-stays-deleted",
    "power-loss-torn-batch",
    "bit-rot-found-by-crc",
    "index-rebuilt",
    "full-disk",
    "three-groups-one-log",
    "commit-before-work-loses-records",
    "commit-behind-work-repeats-records",
    "auto-commit-repeats-records",
    "work-handed-over-is-lost",
    "work-in-the-polling-thread-repeats",
    "slow-member-leaves-its-group",
    "slow-member-polls-in-time",
    "rebalance-stops-the-world",
    "rebalance-cooperative",
    "rebalance-without-barrier",
    "group-protocol-rolled",
    "rebalance-waits-for-who-does-not-poll",
    "rebalance-waits-for-nobody",
    "rolling-restart-rebalances",
    "static-membership-through-a-restart",
    "rolling-restart-that-kills",
    "rolling-restart-that-stops",
    "poison-pill",
    "poison-pill-passed",
    "aborted-transaction-read",
    "aborted-transaction-skipped",
    "open-transaction-blocks-readers",
    "next-life-aborts-open-transaction",
    "zombie-fenced",
    "late-end-of-transaction",
    "late-end-tears-transaction",
    "late-end-of-transaction-refused",
    "consume-transform-produce-loses",
    "consume-transform-produce-repeats",
    "consume-transform-produce-exactly-once",
    "environments-fence-each-other",
    "environments-with-ids-of-their-own",
    "committed-offsets-expire",
    "committed-offsets-kept",
    "offsets-on-one-replica",
    "offsets-on-three-replicas",
    "phantom-lag",
    "phantom-lag-committed",
    "nemesis",
    "pipeline-nemesis",
    "bench-3-brokers",
];

impl Builtin {
    /// The one of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        BUILTINS.iter().find(|builtin| builtin.name == name)
    }

    /// What its file says.
    pub fn scenario(&self) -> Result<Scenario, Vec<ScenarioError>> {
        parse(self.toml)
    }

    /// Its title.
    pub fn title(&self) -> String {
        self.scenario().map_or_else(|_| self.name.to_owned(), |scenario| scenario.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_scenario_is_right() {
        for builtin in BUILTINS {
            let scenario = builtin.scenario().unwrap_or_else(|errors| panic!("{}: {errors:#?}", builtin.name));
            assert!(!scenario.about.is_empty(), "{} says nothing about itself", builtin.name);
        }
    }
}
