//! Random runs natively: `LOGLAB_CASES=N` for more of them, `LOGLAB_FIRST=SEED` to begin elsewhere, `LOGLAB_BLESS=1` to write
//! the digests of the slice anew after a change that is meant.
#![cfg(not(target_family = "wasm"))]

#[path = "driver/mod.rs"]
mod driver;

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

/// What the cases asked for say, in order.
static CASES: LazyLock<Vec<Result<String, String>>> = LazyLock::new(|| {
    let (first, cases) = (number("LOGLAB_FIRST", 1), number("LOGLAB_CASES", driver::SLICE));
    let (next, said) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || {
        while let seed = next.fetch_add(1, Ordering::Relaxed)
            && seed < first + cases
        {
            // Where the generator panics, there is no file.
            let file = || catch_unwind(|| driver::file(seed)).unwrap_or_default();
            let panicked = |_| Err(format!("case {seed}: panicked, see above\n{}", file()));
            let case = catch_unwind(|| driver::case(seed)).unwrap_or_else(panicked);
            match &case {
                Ok(line) => println!("{line}"),
                Err(why) => eprintln!("{why}"),
            }
            said.lock().expect("no one panics with it").push((seed, case));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    let mut said = said.into_inner().expect("no one panics with it");
    said.sort_by_key(|(seed, _)| *seed);
    said.into_iter().map(|(_, case)| case).collect()
});

fn number(name: &str, usual: u64) -> u64 {
    let told = std::env::var(name).ok();
    told.map_or(usual, |told| told.parse().unwrap_or_else(|_| panic!("{name} is {told}, which is no number")))
}

#[test]
fn a_random_run_is_the_same_on_every_way() {
    let wrong: Vec<&String> = CASES.iter().filter_map(|case| case.as_ref().err()).collect();
    let seeds: Vec<&str> = wrong.iter().filter_map(|why| why.split([' ', ':']).nth(1)).collect();
    assert!(wrong.is_empty(), "{} of {} cases: {}\n{}", wrong.len(), CASES.len(), seeds.join(", "), wrong[0]);
}

#[test]
fn the_cases_run_as_everywhere() {
    if std::env::var_os("LOGLAB_FIRST").is_some() {
        return;
    }
    let lines = CASES.iter().take(driver::SLICE as usize).map(|case| case.as_ref().map_or("", |line| line));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    if std::env::var_os("LOGLAB_BLESS").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/driver/digests.txt");
        std::fs::write(path, &lines).expect("the list can be written");
    } else {
        assert_eq!(lines, driver::digests_of(lines.lines().count()));
    }
}

/// A fault that scenarios can name and the driver does not try would go untested.
#[test]
fn the_driver_knows_every_word_of_the_faults() {
    use loglab::lab::scenario::keys::FAULT;
    let targets = |takes: &loglab::lab::scenario::keys::Takes| takes.text().starts_with("target");
    let words: Vec<&str> = FAULT.keys.iter().filter(|key| targets(&key.takes)).map(|key| key.name).collect();
    assert!(words.len() >= 18, "{words:?}");
    let missing: Vec<&&str> = words.iter().filter(|word| !driver::acts::knows(word)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
