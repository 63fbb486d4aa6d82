//! Draws in one place leave the draws in all others alone.

use loglab::sim::fault::Fault;
use loglab::sim::network::LinkSettings;
use loglab::sim::process::Input;
use loglab::sim::random::Random;
use loglab::sim::{MILLISECOND, SECOND};

use super::probe::{arrivals, probes, reacting_probes, run_until, ten_on_a_connection};

#[test]
fn draws_of_a_process_leave_the_networks_draws_alone() {
    let links = LinkSettings { jitter_us: 5_000, ..LinkSettings::default() };
    let mut plain = probes(links, ten_on_a_connection);
    let mut drawing = reacting_probes(links, ten_on_a_connection, |_, context| {
        (0..9).for_each(|_| _ = context.random().next_u64());
    });
    run_until(&mut plain, SECOND);
    run_until(&mut drawing, SECOND);
    assert_eq!(arrivals(&plain), arrivals(&drawing));
}

#[test]
fn draws_of_the_network_leave_those_of_processes_alone() {
    // What process 1 draws at each message is the purpose of a timer.
    let run = |links| {
        let mut kernel = reacting_probes(links, ten_on_a_connection, |input, context| {
            if let (Input::Received { .. }, 1) = (input, context.process()) {
                let drawn = context.random().below(1 << 40);
                context.set_timer(drawn, context.now());
            }
        });
        run_until(&mut kernel, 60 * SECOND);
        kernel.process(1).fired.iter().map(|(_, drawn)| *drawn).collect::<Vec<_>>()
    };
    let calm = run(LinkSettings::default());
    assert_eq!(calm.len(), 10);
    assert_eq!(calm, run(LinkSettings { jitter_us: 900, loss_ppm: 300_000, ..LinkSettings::default() }));
}

#[test]
fn the_tear_of_a_power_loss_leaves_the_networks_draws_alone() {
    let run = |begin| {
        let mut kernel = probes(LinkSettings { jitter_us: 5_000, ..LinkSettings::default() }, begin);
        run_until(&mut kernel, MILLISECOND);
        kernel.apply(Fault::LosePower(0));
        kernel.apply(Fault::Restart(0));
        run_until(&mut kernel, SECOND);
        (arrivals(&kernel), kernel.disk(0).used())
    };
    let (calm, empty) = run(ten_on_a_connection);
    let (torn, used) = run(|context| {
        if let Ok(file) = context.disk().create("file") {
            assert_eq!(context.disk().append(file, bytes::Bytes::from_static(&[0; 999])), Ok(()));
        }
        ten_on_a_connection(context);
    });
    assert_eq!((empty, calm.len()), (0, 20));
    assert!(used < 999, "nothing was torn off");
    assert_eq!(calm, torn);
}

#[test]
fn streams_of_purposes_do_not_touch() {
    let mut network = Random::stream(7, "network", 0);
    let undisturbed = Random::stream(7, "process", 3).next_u64();
    (0..1_000).for_each(|_| _ = network.next_u64());
    assert_eq!(Random::stream(7, "process", 3).next_u64(), undisturbed);
}
