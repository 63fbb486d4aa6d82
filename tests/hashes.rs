//! The built-in scenarios run natively as everywhere. `LOGLAB_BLESS=1` writes the list anew after a change that is meant.
#![cfg(not(target_family = "wasm"))]

mod golden;

#[test]
fn the_built_in_scenarios_run_as_everywhere_and_twice_the_same() {
    let computed = golden::compute();
    if std::env::var_os("LOGLAB_BLESS").is_some() {
        // Otherwise the list is what another run had.
        assert_eq!(computed, golden::compute());
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/hashes.txt");
        std::fs::write(path, &computed).expect("the list can be written");
    } else {
        assert_eq!(computed, golden::expected());
    }
}
