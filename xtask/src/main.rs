//! The project's tasks: `cargo xtask serve`, `cargo xtask test` and what belongs to them.
//!
//! Only Rust is needed to start: `tools` finds the rest, or installs it and says so.

mod bench;
mod e2e;
mod kafka;
mod loglab;
mod mutants;
mod page;
mod page_speed;
mod run;
mod screenshot;
mod serve;
mod server;
mod soak;
mod test;
mod tools;
mod webdriver;

use std::process::ExitCode;

/// What a task ends in: nothing, or a sentence that says what went wrong and what to do.
type Outcome<T = ()> = Result<T, String>;

const HELP: &str = "\
cargo xtask TASK

  serve        build the page, serve it and print its address
  test         everything: format, lints, documentation, tests natively, in Node and in Chromium, the built page, its size
  e2e          build the page and test it in a real Chromium; --built takes dist/ as it is
  bench        speed natively, in Node and in Chromium, and the page's size, into target/bench.json; --page, --log: only
               the page or the log; --kafka: Kafka's own log beside ours, in the same run (needs Java 17 and Maven)
  kafka        the real kafka-dump-log reads what runs of the scenarios left on disk (needs Java 17 and Maven)
  soak         the large counts of seeds that the built-in scenarios are promised for, the property tests with many cases
               of a new seed, and the random driver on three targets, into target/soak.json; --driver: only that, and
               LOGLAB_CASES=N cases of it
  mutants      are small changes that break a promise found by the checkers? [NAME...] [--seeds A..B] [--jobs N]
               [--scenario NAME] [--built], into target/mutants.json
  screenshot   pictures of the page into target/screenshots: 1440x900 and 390x844, dark and light; --built as above;
               SCENARIO@SECONDS[:log|:ROW]...: only these, the Stage, the Log view, the Stage with a row of the rail selected
  tools        install what the tasks need and what is missing
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let task = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let outcome = match task.as_str() {
        "serve" => serve::serve(&rest),
        "test" => test::test(),
        "bench" => bench::task(&rest),
        "e2e" => e2e::task(&rest),
        "kafka" => kafka::task(),
        "soak" => soak::task(&rest),
        "mutants" => mutants::task(&rest),
        "screenshot" => screenshot::task(&rest),
        "tools" => tools::all(),
        "" | "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no task `{other}`\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("\nerror: {why}");
            ExitCode::FAILURE
        }
    }
}
