//! The number of an event is one instant, however a run was brought there.

use loglab::sim::fault::Fault;
use loglab::sim::kernel::Kernel;
use loglab::sim::network::LinkSettings;
use loglab::sim::process::ProcessId;
use loglab::sim::random::Random;
use loglab::sim::{MILLISECOND, SECOND, Time};
use proptest::prelude::*;

use super::bank;
use super::cases::cases;

const END: Time = 5 * SECOND;

/// What can be seen after an event: its number, its time, the hash, and what is on its way.
type Seen = (u64, Time, u64, Vec<u64>);

fn seen(kernel: &Kernel<bank::Account>) -> Seen {
    let on_the_way = kernel.in_flight().iter().map(|event| event.sequence).collect();
    (kernel.events(), kernel.time(), kernel.hash(), on_the_way)
}

fn draw_fault(kernel: &Kernel<bank::Account>, random: &mut Random) -> Fault {
    let id = random.below(bank::ACCOUNTS.into()) as ProcessId;
    match random.below(6) {
        0 => Fault::SlowDisk(id, random.below(3) * 7 * MILLISECOND),
        1 => Fault::Drift(id, random.below(400_000) as i32 - 200_000),
        _ => bank::draw_fault(kernel, random),
    }
}

/// A run of five seconds with a fault every quarter of a second, driven from limit to limit.
fn run(seed: u64, mut limit_after: impl FnMut(Time) -> Time) -> Vec<Seen> {
    let mut kernel = bank::open(seed);
    let mut random = Random::stream(seed, "faults", 0);
    let mut all = Vec::new();
    let (mut limit, mut fault_at) = (0, SECOND / 4);
    loop {
        if kernel.step_until(limit.min(fault_at)).is_some() {
            all.push(seen(&kernel));
        } else if fault_at <= limit {
            kernel.schedule_external(fault_at, 0);
            kernel.step().expect("the external event comes");
            let fault = draw_fault(&kernel, &mut random);
            kernel.apply(fault);
            all.push(seen(&kernel));
            fault_at += SECOND / 4;
        } else if limit == END {
            return all;
        } else {
            limit = limit_after(limit).min(END);
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn a_run_goes_through_the_same_instants_by_whatever_limits_it_is_stepped(seed: u64) {
        let straight = run(seed, |_| END);
        let mut random = Random::stream(seed, "limits", 0);
        let by_steps = run(seed, |limit| limit + random.below(4 * MILLISECOND));
        prop_assert!(straight.len() > 500);
        for (one, other) in straight.iter().zip(&by_steps) {
            prop_assert_eq!(one, other);
        }
        prop_assert_eq!(straight.len(), by_steps.len());
    }
}

#[test]
fn an_arrival_that_is_swallowed_does_not_move_time() {
    let mut kernel = super::probe::probes(LinkSettings::default(), |context| _ = context.connect(1));
    super::probe::run_until(&mut kernel, 0);
    kernel.apply(Fault::Kill(1));
    let events = kernel.events();
    super::probe::run_until(&mut kernel, 600);
    assert_eq!((kernel.events(), kernel.time()), (events, 0), "its machine refuses at 500 us, which is no event");
}
