//! Rebalances of the built-in scenarios, as they are told.

use super::*;
use crate::lab::notable::{Notable, Occasion};
use crate::lab::scenario::Builtin;
use crate::lab::session::Session;
use crate::sim::SECOND;

/// What a run of a built-in scenario tells of rebalances up to a time, and the world there.
fn told(name: &str, until: Time) -> Vec<String> {
    let builtin = Builtin::named(name).expect("it is built in");
    let mut session = Session::load(builtin.toml, None).expect("it has no errors");
    session.seek_time(until);
    let of = |it: &Notable| matches!(it.occasion, Occasion::Rebalance(_)).then(|| it.text());
    let open = session.world().present();
    session.notables_so_far().chain(&open).filter_map(of).collect()
}

#[test]
fn who_stands_still_while_a_group_rebalances_is_told() {
    for (name, costs) in [
        ("rebalance-stops-the-world", "nobody read for 5."),
        ("rebalance-cooperative", "shipping-1 went on"),
        ("rebalance-without-barrier", "shipping-1 went on"),
    ] {
        let told = told(name, 30 * SECOND);
        let at_15_s: Vec<&String> = told.iter().filter(|text| text.contains("shipping-3 joined")).collect();
        let [text] = at_15_s[..] else { panic!("{name}: {told:#?}") };
        assert!(text.contains(costs), "{name}: {told:#?}");
    }
}

#[test]
fn a_static_member_that_is_back_makes_no_rebalance() {
    let (at_first, later) = (
        told("static-membership-through-a-restart", 14 * SECOND),
        told("static-membership-through-a-restart", 55 * SECOND),
    );
    assert!(!at_first.is_empty());
    assert_eq!(at_first, later);
}

#[test]
fn why_and_how_long_is_told_of_each() {
    let told = told("rolling-restart-rebalances", 55 * SECOND);
    for why in ["shipping-1 left", "shipping-1 joined", "shipping-3 joined"] {
        assert!(told.iter().any(|text| text.contains(why)), "{why}: {told:#?}");
    }
}
