//! `cargo xtask kafka`: the real kafka-dump-log reads what runs of the built-in scenarios left on their brokers' disks, and
//! prints the same as `loglab log dump`. What `loglab log verify` checks must hold of them too.
//!
//! Needs Java 17 and Maven, which brings Apache Kafka's own jars. One Java process reads all files.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use crate::Outcome;
use crate::loglab::{self, Build};
use crate::run::{Count, command, find, reports, run, top};

/// When the brokers' disks are looked at.
const INSTANTS: [&str; 3] = ["900ms", "4s", "15s"];
/// What both tools are asked of each file, in their words.
const QUESTIONS: [(&str, &str); 2] = [("--print-data-log", ""), ("--index-sanity-check", "--index-sanity-check")];
/// So many differences are shown.
const SHOWN: usize = 5;

/// The task by itself.
pub fn task() -> Outcome {
    let count = check(Instants::All)?;
    println!("\n{} passed, {} failed", count.passed, count.failed);
    all_passed(count).map(drop)
}

/// The check as a step of `cargo xtask test`: left out, and said so, where Java or Maven is missing.
pub fn step() -> Outcome<Count> {
    if let Err(missing) = java_and_maven() {
        println!("left out: {missing}");
        return Ok(Count::default());
    }
    all_passed(check(Instants::One)?)
}

/// Brings what the step needs beside other work; what fails is tried, and told, again by the step itself.
pub fn prepare_beside() -> JoinHandle<Outcome> {
    std::thread::spawn(|| java_and_maven().and_then(|()| jars(&reports()?.join("kafka"))).map(drop))
}

fn all_passed(count: Count) -> Outcome<Count> {
    if count.failed == 0 {
        return Ok(count);
    }
    Err(format!("{} of {} checks failed", count.failed, count.passed + count.failed))
}

/// Measures Kafka's own log, in the form of our benchmarks.
pub fn speed() -> Outcome<Command> {
    java_and_maven()?;
    let folder = reports()?.join("kafka");
    let mut java = command("java -Xmx1g -cp");
    java.arg(jars(&folder)?.join("*")).arg("xtask/kafka/LogSpeed.java").arg(folder.join("speed"));
    Ok(java)
}

/// What it takes to ask the real Kafka.
fn java_and_maven() -> Outcome {
    match ["java", "mvn"].into_iter().find(|program| find(program).is_none()) {
        Some(missing) => Err(format!("`{missing}` is not on this machine: install Java 17 (a JDK) and Maven")),
        None => Ok(()),
    }
}

/// At how many instants each scenario is looked at.
#[derive(Clone, Copy)]
enum Instants {
    All,
    /// Of every sixth scenario one, another one from scenario to scenario: a slice.
    One,
}

fn check(instants: Instants) -> Outcome<Count> {
    java_and_maven()?;
    let folder = reports()?.join("kafka");
    let jars = jars(&folder)?;
    let loglab = loglab::build(Build::Dev)?;
    let exports = folder.join("exports");
    let mut files = Vec::new();
    let mut count = Count::default();
    // Most partitions of Kafka's own topics are empty, and a file that says the same as another one is read once.
    let mut seen = HashSet::new();
    for (place, scenario) in loglab::scenarios(&loglab)?.into_iter().enumerate() {
        let looked_at = match instants {
            Instants::All => &INSTANTS[..],
            Instants::One if place % 6 == 0 => &INSTANTS[place / 6 % INSTANTS.len()..][..1],
            Instants::One => &[],
        };
        for instant in looked_at {
            let to = exports.join(&scenario).join(instant);
            export(&loglab, &scenario, instant, &to)?;
            verify(&loglab, &to, damages_disks(&scenario)?, &mut count)?;
            let before = files.len();
            let mut found = Vec::new();
            collect(&to, &mut found)?;
            for file in found {
                let bytes = std::fs::read(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
                if seen.insert((file.file_name().map(ToOwned::to_owned), bytes)) {
                    files.push(file);
                }
            }
            println!("{scenario} at {instant}: {} files", files.len() - before);
        }
    }
    files.sort();
    count = count + compare(&loglab, &jars, &files)?;
    Ok(count)
}

/// Whether a scenario's own faults leave torn or rotten batches, until recovery has cut them off.
fn damages_disks(scenario: &str) -> Outcome<bool> {
    let file = top().join("www/scenarios").join(format!("{scenario}.toml"));
    let text = std::fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    Ok(text.lines().any(|line| ["power-loss", "bit-rot"].iter().any(|fault| line.starts_with(fault))))
}

/// No broker leaves damage behind; where a fault damaged its disk, the damage is named.
fn verify(loglab: &Path, export: &Path, may_be_damaged: bool, count: &mut Count) -> Outcome {
    let entries = std::fs::read_dir(export).map_err(|e| format!("cannot read {}: {e}", export.display()))?;
    for broker in entries.flatten() {
        let mut program = Command::new(loglab);
        program.args(["log", "verify"]).arg(broker.path().join("data"));
        let printed = program.output().map_err(|e| format!("`loglab log verify` does not start: {e}"))?;
        let names_damage = || printed.status.code() == Some(1) && !printed.stdout.is_empty();
        if printed.status.success() || (may_be_damaged && names_damage()) {
            count.passed += 1;
        } else {
            count.failed += 1;
            println!("{}\n{}", broker.path().display(), String::from_utf8_lossy(&printed.stdout));
        }
    }
    Ok(())
}

/// The jars of kafka-dump-log.
fn jars(folder: &Path) -> Outcome<PathBuf> {
    let jars = folder.join("lib");
    // Maven writes elsewhere first: a run of it that broke half-way must not be taken for all of them.
    let coming = folder.join("lib-coming");
    if !jars.is_dir() {
        println!("bringing Apache Kafka's jars with Maven");
        let mut maven = command("mvn --quiet --batch-mode --file xtask/kafka/pom.xml dependency:copy-dependencies");
        maven.arg(format!("-DoutputDirectory={}", coming.display()));
        run(maven)?;
        std::fs::rename(&coming, &jars).map_err(|e| format!("cannot rename {}: {e}", coming.display()))?;
    }
    Ok(jars)
}

fn export(loglab: &Path, scenario: &str, instant: &str, to: &Path) -> Outcome {
    let mut program = Command::new(loglab);
    program.args(["run", scenario, "--until", instant, "--export"]).arg(to).stdout(Stdio::null());
    let status = program.status().map_err(|e| format!("`loglab run` does not start: {e}"))?;
    // Code 1 speaks of the scenario's expectations, which are met at its end only.
    if status.code().is_some_and(|code| code < 2) {
        Ok(())
    } else {
        Err(format!("`loglab run {scenario} --export` failed"))
    }
}

/// The files that kafka-dump-log knows.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files)?;
            continue;
        }
        let known = ["log", "index", "timeindex", "txnindex", "snapshot"];
        if path.extension().is_some_and(|extension| known.iter().any(|known| extension == *known)) {
            files.push(path);
        }
    }
    Ok(())
}

fn compare(loglab: &Path, jars: &Path, files: &[PathBuf]) -> Outcome<Count> {
    let mut questions = Vec::new();
    for file in files {
        let is_index = file.extension().is_some_and(|extension| extension == "index" || extension == "timeindex");
        let asked = if is_index { &QUESTIONS[..] } else { &QUESTIONS[..1] };
        questions.extend(asked.iter().map(|question| (file, *question)));
    }
    let mut kafka = Kafka::start(jars)?;
    let lines = questions.iter().map(|(file, (option, _))| format!("--files\t{}\t{option}\n", file.display()));
    let answers = kafka.ask(lines.collect())?;
    let mut count = Count::default();
    for ((file, (_, option)), answer) in questions.iter().zip(answers) {
        let own = dump(loglab, file, option)?;
        if own == answer {
            count.passed += 1;
            continue;
        }
        count.failed += 1;
        if count.failed as usize <= SHOWN {
            let [own, answer] = [own, answer].map(|text| String::from_utf8_lossy(&text).into_owned());
            println!("{} {option}\n--- Kafka\n{answer}--- loglab\n{own}", file.display());
        }
    }
    Ok(count)
}

/// What `loglab log dump` prints, standard output before standard error: of one file that is the order of both tools.
fn dump(loglab: &Path, file: &Path, option: &str) -> Outcome<Vec<u8>> {
    let mut program = Command::new(loglab);
    program.args(["log", "dump"]).arg(file).args(option.split_whitespace());
    let mut printed = program.output().map_err(|e| format!("`loglab log dump` does not start: {e}"))?;
    printed.stdout.append(&mut printed.stderr);
    Ok(printed.stdout)
}

/// The Java process with Kafka's tool in it.
struct Kafka {
    process: Child,
}

impl Kafka {
    fn start(jars: &Path) -> Outcome<Self> {
        let mut java = command("java -Xmx256m -XX:TieredStopAtLevel=1 -cp");
        java.arg(jars.join("*")).arg("xtask/kafka/Dumps.java").stdin(Stdio::piped()).stdout(Stdio::piped());
        let process = java.spawn().map_err(|e| format!("`java` does not start: {e}"))?;
        Ok(Kafka { process })
    }

    /// An answer for each question. Questions are written while answers are read, or both would wait.
    fn ask(&mut self, questions: Vec<String>) -> Outcome<Vec<Vec<u8>>> {
        let (Some(mut input), Some(mut out)) = (self.process.stdin.take(), self.process.stdout.take()) else {
            return Err("the Java process has no streams".into());
        };
        let count = questions.len();
        let writer = std::thread::spawn(move || questions.iter().try_for_each(|line| input.write_all(line.as_bytes())));
        let mut answers = Vec::with_capacity(count);
        for _ in 0..count {
            let mut length = [0; 4];
            let ended = |_| "the Java process ended early: is its Java a JDK of version 17 or later?".to_owned();
            out.read_exact(&mut length).map_err(ended)?;
            let mut answer = vec![0; u32::from_be_bytes(length) as usize];
            out.read_exact(&mut answer).map_err(ended)?;
            answers.push(answer);
        }
        let _ = writer.join();
        let _ = self.process.wait();
        Ok(answers)
    }
}
