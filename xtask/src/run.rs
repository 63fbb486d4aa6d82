//! Running other programs: where, with which surroundings, and what their output says about tests.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::iter::Sum;
use std::ops::Add;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::Outcome;

/// The checkout's top folder.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf()
}

/// The checkout's own `target/`, whatever CARGO_TARGET_DIR says: reports and pictures go there.
pub fn reports() -> Outcome<PathBuf> {
    let folder = top().join("target");
    std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    Ok(folder)
}

/// Where `cargo install` puts programs.
fn cargo_bin() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    Some(home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))?.join("bin"))
}

/// The search path, with the folder of `cargo install` in front: a machine may not have it there.
pub fn search_path() -> OsString {
    let present = std::env::var_os("PATH").unwrap_or_default();
    let folders = cargo_bin().into_iter().chain(std::env::split_paths(&present));
    std::env::join_paths(folders).unwrap_or(present)
}

/// The full path of a program, if it is there.
pub fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A program in the top folder, without input and with the surroundings that all of ours want.
pub fn command(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).current_dir(top()).env("PATH", search_path()).stdin(Stdio::null());
    // Trunk reads NO_COLOR as an option of its own and stops at the value 1.
    command.env_remove("NO_COLOR");
    command
}

/// Runs a command, its output going where ours goes.
pub fn run(mut command: Command) -> Outcome {
    let shown = show(&command);
    let status = command.status().map_err(|e| format!("`{shown}` does not start: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

/// Runs a command; what it prints is in the error, if it fails, and nowhere else.
pub fn run_silently(mut command: Command) -> Outcome {
    let shown = show(&command);
    let done = command.output().map_err(|e| format!("`{shown}` does not start: {e}"))?;
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match done.status.success() {
        true => Ok(()),
        false => Err(format!("{}{}`{shown}` failed ({})", printed(&done.stdout), printed(&done.stderr), done.status)),
    }
}

/// What a command prints, if it ends well.
pub fn output(mut command: Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Tests that ran, as their runners counted them.
#[derive(Clone, Copy, Default)]
pub struct Count {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
}

impl Count {
    /// Reads `test result: ok. 3 passed; 0 failed; ...` (libtest and wasm-bindgen-test) and `3 passed, 0 failed` (recordings).
    fn read(line: &str) -> Option<Self> {
        let line = line.trim();
        let counts = match line.split_once("test result: ") {
            Some((_, result)) => result.split_once(". ")?.1,
            None => line,
        };
        let mut words = counts.split([' ', ',', ';']).filter(|word| !word.is_empty());
        let passed = words.next()?.parse().ok()?;
        (words.next()? == "passed").then_some(())?;
        let failed = words.next()?.parse().ok()?;
        (words.next()? == "failed").then_some(Self { passed, failed })
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl Sum for Count {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), Self::add)
    }
}

/// Runs a command, shows its output, each line behind `label`, and counts the tests that it reports.
pub fn count(label: &str, command: Command) -> Outcome<Count> {
    let shown = show(&command);
    let mut total = Count::default();
    watch_as(label, command, |line| {
        if let Some(count) = Count::read(line) {
            total = total + count;
        }
    })?;
    match total {
        Count { passed: 0, failed: 0 } => Err(format!("`{shown}` ran no test at all")),
        Count { failed: 0, .. } => Ok(total),
        Count { passed, failed } => Err(format!("`{shown}`: {passed} passed, {failed} failed")),
    }
}

/// Runs a command, passes its output on and shows each line of it to `watcher`.
pub fn watch(command: Command, watcher: impl FnMut(&str) + Send) -> Outcome {
    watch_as("", command, watcher)
}

/// The same with a label before each line that is passed on: several commands may run beside each other.
fn watch_as(label: &str, mut command: Command, watcher: impl FnMut(&str) + Send) -> Outcome {
    let shown = show(&command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("`{shown}` does not start: {e}"))?;
    let watcher = Mutex::new(watcher);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| pass_on(label, out, &watcher));
        scope.spawn(|| pass_on(label, err, &watcher));
    });
    let status = child.wait().map_err(|e| format!("`{shown}`: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` failed ({status})")) }
}

fn pass_on(label: &str, stream: Option<impl Read>, watcher: &Mutex<impl FnMut(&str)>) {
    let Some(stream) = stream else { return };
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Some(Ok(line)) = lines.next() {
        let line = String::from_utf8_lossy(&line);
        if let Ok(mut watcher) = watcher.lock() {
            println!("{label}{line}");
            watcher(&line);
        }
    }
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn results_of_all_our_runners_are_counted() {
        let read = |line| Count::read(line).map(|count| (count.passed, count.failed));
        assert_eq!(
            read("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; finished in 0.1s"),
            Some((12, 0))
        );
        assert_eq!(read("    test result: FAILED. 1 passed; 2 failed; 0 ignored"), Some((1, 2)));
        assert_eq!(read("40 passed, 1 failed"), Some((40, 1)));
        assert_eq!(read("test a::b ... ok"), None);
        assert_eq!(read("running 3 tests"), None);
    }
}
