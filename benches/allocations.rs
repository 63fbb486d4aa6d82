//! How often a cluster allocates: `allocations_per_event` of the world that its speed is measured on. A program of its own,
//! because counting costs time.
#![allow(missing_docs)]

#[cfg(not(target_family = "wasm"))]
#[allow(dead_code, reason = "it is shared with benchmarks that measure time")]
mod cluster_rate;

#[cfg(target_family = "wasm")]
fn main() {}

#[cfg(not(target_family = "wasm"))]
fn main() {
    native::main();
}

#[cfg(not(target_family = "wasm"))]
mod native {
    use std::alloc::System;

    use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

    use super::cluster_rate;

    #[global_allocator]
    static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

    pub fn main() {
        let mut session = cluster_rate::warm_session();
        let region = Region::new(ALLOCATOR);
        let events = cluster_rate::go_on(&mut session);
        let counted = region.change();
        let allocations = (counted.allocations + counted.reallocations) as f64 / events as f64;
        println!("figure allocations_per_event {allocations:.3} allocations 1");
    }
}
