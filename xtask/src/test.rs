//! `cargo xtask test`: everything that must hold before a change is in, in the order in which it is cheapest to learn of a mistake.

use std::process::Command;
use std::time::Instant;

use crate::run::{Count, command, count, find, run, top};
use crate::tools::Browser;
use crate::{Outcome, e2e, kafka, page, tools};

/// Runs all of it, stops at the first failure, and ends in a line that counts the tests.
pub fn test() -> Outcome {
    let mut steps = Steps { started: Instant::now(), number: 0, total: Count::default() };
    steps.check("tools", "", tools::all)?;
    steps.check("format", "`cargo fmt --all` puts it right", || run(command("cargo fmt --all --check")))?;
    // The release leaves one core idle for most of its time.
    let (page, jars) = (page::build_beside(), kafka::prepare_beside());
    steps.check("lints, native", "", || {
        run(command("cargo clippy --locked --workspace --all-targets --quiet -- -D warnings"))
    })?;
    steps.check("documentation", "", || {
        let mut doc = command("cargo doc --locked --workspace --no-deps --quiet");
        doc.env("RUSTDOCFLAGS", "-D warnings");
        run(doc)
    })?;
    steps.check("tests are built, native", "", || {
        native_tests().into_iter().try_for_each(|mut build| {
            build.args(["--no-run", "--quiet"]);
            run(build)
        })
    })?;
    let programs = WasmPrograms::list()?;
    steps.check("tests are built, wasm", "", || {
        let mut build = command("cargo build --locked --target wasm32-unknown-unknown --quiet");
        build.args(programs.all());
        run(slice(build))
    })?;
    let browser = tools::browser()?;
    // Each of them has one core at times, and waits at others.
    steps.beside([
        (
            "tests, native",
            Box::new(|| {
                let examples = command("cargo test --locked --workspace --doc");
                native_tests().into_iter().chain([examples]).map(|tests| count("", tests)).sum()
            }),
        ),
        ("tests, Node", Box::new(|| count("Node | ", slice(programs.run(wasm_tests("--node"), BROWSER))))),
        (
            "the real kafka-dump-log",
            Box::new(|| {
                // Where it failed, the step says why.
                let _ = jars.join();
                kafka::step()
            }),
        ),
    ])?;
    let dist = steps.check("page", "", || page.join().map_err(|_| "its thread panicked")?)?;
    steps.check("size of the page", "", || page::hold_sizes(&dist))?;
    // A renderer that gets no core for half a minute is given up by its driver: what runs beside it takes what it leaves.
    steps.beside([
        ("tests, Chromium", Box::new(|| count("Chromium | ", slice(programs.run(chromium_tests("", &browser), NODE))))),
        ("lints, wasm", Box::new(|| run(wasm_lints(&programs)).map(|()| Count::default()))),
    ])?;
    steps.count("page, end to end", || e2e::run(&dist))?;
    steps.end();
    Ok(())
}

/// What `cargo test --workspace` runs but examples in the documentation. The library's own tests take minutes longer to optimise than
/// they gain by it.
fn native_tests() -> [Command; 2] {
    let mut own = command("cargo test --locked --workspace --lib");
    own.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0");
    [command("cargo test --locked --workspace --bins --test *"), own]
}

/// In the release's folders, which nobody else locks by then.
fn wasm_lints(programs: &WasmPrograms) -> Command {
    let parts = "--package loglab --features page --lib --bin app --bin worker";
    let mut lints =
        patient(&format!("cargo clippy --locked --release --target wasm32-unknown-unknown {parts} --quiet"));
    lints.args(programs.all()).args(["--", "-D", "warnings"]);
    lints
}

/// A command that yields to whatever else runs, where the system can do that.
fn patient(line: &str) -> Command {
    match find("nice") {
        Some(_) => command(&format!("nice -n 19 {line}")),
        None => command(line),
    }
}

/// What ends the name of a test program that only Node, or only Chromium, can run.
const NODE: &str = "_node";
const BROWSER: &str = "_browser";

/// The test programs that are wasm's. All others are empty there, and the library's own tests would be built for nothing.
struct WasmPrograms(Vec<String>);

impl WasmPrograms {
    /// Every file in `tests/` that begins with being wasm's.
    fn list() -> Outcome<Self> {
        let folder = top().join("tests");
        let wrong = |e: std::io::Error| format!("{}: {e}", folder.display());
        let mut programs = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(wrong)? {
            let path = entry.map_err(wrong)?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".rs")) else { continue };
            let text = std::fs::read_to_string(&path).map_err(wrong)?;
            if text.contains("#![cfg(target_family = \"wasm\")]") {
                programs.push(name.to_owned());
            }
        }
        programs.sort();
        Ok(Self(programs))
    }

    /// The arguments that name them all.
    fn all(&self) -> Vec<&str> {
        self.0.iter().flat_map(|name| ["--test", name]).collect()
    }

    /// Adds those that are not of the kind to a command of `wasm-pack`.
    fn run(&self, mut tests: Command, but: &str) -> Command {
        tests.arg("--").args(self.0.iter().filter(|name| !name.ends_with(but)).flat_map(|name| ["--test", name]));
        tests
    }
}

/// `wasm-pack test` with the tools that are there: `tools` has put the right ones.
pub fn wasm_tests(flags: &str) -> Command {
    let mut tests = command(&format!("wasm-pack test --mode no-install {flags}"));
    // Some tests run whole scenarios; the runner's own patience is 20 seconds.
    tests.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    tests
}

/// The same in Chromium.
pub fn chromium_tests(flags: &str, browser: &Browser) -> Command {
    let mut tests = wasm_tests(&format!("{flags} --headless --chrome --chromedriver"));
    tests.arg(&browser.driver).env("CHROMEDRIVER", &browser.driver);
    tests
}

/// A slice of them, built in a third of the time: `cargo xtask soak` has the rest.
fn slice(mut tests: Command) -> Command {
    tests.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("LOGLAB_SEEDS", "1").env("LOGLAB_CASES", "8");
    tests
}

/// A step that may run beside others.
type Step<'a> = Box<dyn FnOnce() -> Outcome<Count> + Send + 'a>;

struct Steps {
    started: Instant,
    number: u32,
    total: Count,
}

impl Steps {
    fn check<T>(&mut self, name: &str, advice: &str, step: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        self.number += 1;
        println!("\n== {}. {name}", self.number);
        let started = Instant::now();
        let result = step().map_err(|why| match advice {
            "" => format!("step `{name}`: {why}"),
            advice => format!("step `{name}`: {why}\n{advice}"),
        })?;
        println!("== {name}: ok, {:.1} s", started.elapsed().as_secs_f64());
        Ok(result)
    }

    fn count(&mut self, name: &str, step: impl FnOnce() -> Outcome<Count>) -> Outcome {
        let count = self.check(name, "", step)?;
        println!("== {name}: {} tests", count.passed);
        self.total = self.total + count;
        Ok(())
    }

    /// Steps that run beside each other. All of them end, and the first that failed, as listed, is what is answered.
    fn beside<const N: usize>(&mut self, steps: [(&str, Step<'_>); N]) -> Outcome {
        let names = steps.each_ref().map(|(name, _)| *name);
        let counts = self.check(&names.join(" | "), "", || {
            std::thread::scope(|scope| {
                let running = steps.map(|(name, step)| (name, scope.spawn(step)));
                let ended = running.map(|(name, step)| {
                    let count = step.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()));
                    count.map_err(|why| format!("{name}: {why}"))
                });
                ended.into_iter().collect::<Outcome<Vec<Count>>>()
            })
        })?;
        for (name, count) in names.into_iter().zip(counts) {
            println!("== {name}: {} tests", count.passed);
            self.total = self.total + count;
        }
        Ok(())
    }

    fn end(&self) {
        println!("\nall steps passed in {:.0} s\n", self.started.elapsed().as_secs_f64());
        println!("{} passed, {} failed", self.total.passed, self.total.failed);
    }
}
