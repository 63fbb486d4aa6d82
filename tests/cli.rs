//! The command line as scripts see it: output, exit codes, standard error.
#![cfg(not(target_family = "wasm"))]

use std::process::{Command, Output};

fn loglab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loglab")).args(arguments).output().expect("loglab starts")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A file of this text in the test's own folder.
fn file(name: &str, text: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, text).expect("the file is written");
    path
}

#[test]
fn list_names_the_built_in_scenarios() {
    let output = loglab(&["list"]);
    assert_eq!(code(&output), Some(0));
    assert!(stdout(&output).starts_with("steady-state "));
    let json: serde_json::Value = serde_json::from_str(&stdout(&loglab(&["list", "--json"]))).expect("JSON");
    assert_eq!(json["scenarios"][0], serde_json::json!({ "name": "steady-state", "title": "Steady state" }));
}

#[test]
fn check_tells_every_error_with_file_and_line() {
    let path = file("broken.toml", "title = \"t\"\nduration = \"1s\"\n[cluster]\nbrokrs = 3\nbrokers = 31\n");
    let output = loglab(&["check", "steady-state", &path]);
    assert_eq!(code(&output), Some(2));
    let told = stderr(&output);
    assert!(
        told.contains(&format!("{path}:4: unknown key \"brokrs\" in [cluster]; did you mean \"brokers\"?")),
        "{told}"
    );
    assert!(told.contains(&format!("{path}:5: ")), "{told}");
    assert_eq!(code(&loglab(&["check", "steady-state"])), Some(0));
}

#[test]
fn a_file_that_is_not_there_is_bad_input() {
    let output = loglab(&["check", "no-such.toml"]);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains("`loglab list` names the built-in scenarios"));
    assert!(stderr(&loglab(&["check", "stedy-state"])).contains("did you mean the built-in scenario steady-state?"));
}

#[test]
fn unknown_commands_are_bad_input() {
    assert_eq!(code(&loglab(&["destroy"])), Some(2));
    assert_eq!(code(&loglab(&["check"])), Some(2));
}

/// A small world in which nothing goes wrong.
const CALM: &str = r#"title = "calm"
duration = "5s"
seed = 4
[cluster]
[[topic]]
name = "t"
replication-factor = 3
[[producer]]
name = "p"
topic = "t"
[[consumer]]
name = "c"
topics = ["t"]
"#;

#[test]
fn run_prints_one_json_object_with_the_relied_on_keys() {
    let path = file("calm.toml", CALM);
    let output = loglab(&["run", &path, "--json"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let keys: Vec<&str> = json.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut relied_on = ["trace_hash", "events", "virtual_time_us", "findings", "expectations"];
    relied_on.sort_unstable();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, relied_on);
    let hash = json["trace_hash"].as_str().expect("text");
    assert!(hash.len() == 16 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{hash}");
    assert_eq!(json["virtual_time_us"], 5_000_000);
    assert!(json["events"].as_u64() > Some(100));
}

#[test]
fn the_same_run_has_the_same_hash_and_another_seed_another_one() {
    let path = file("same.toml", CALM);
    let hashes = stdout(&loglab(&["hash", &path, "--seeds", "4..6"]));
    let lines: Vec<&str> = hashes.lines().collect();
    assert_eq!(lines.len(), 3, "both ends are included: {hashes}");
    assert!(lines[0].starts_with("same 4 ") && lines[2].starts_with("same 6 "));
    assert_ne!(lines[0].rsplit(' ').next(), lines[1].rsplit(' ').next());
    assert_eq!(stdout(&loglab(&["hash", &path])).trim(), lines[0], "the file's own seed");
    assert!(stdout(&loglab(&["run", &path])).contains(lines[0].rsplit(' ').next().expect("a hash")));
}

#[test]
fn until_stops_the_run() {
    let path = file("until.toml", CALM);
    let json = stdout(&loglab(&["run", &path, "--json", "--until", "1500ms"]));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["virtual_time_us"], 1_500_000);
    assert_eq!(code(&loglab(&["run", &path, "--until", "5"])), Some(2));
}

#[test]
fn an_expectation_that_is_not_met_ends_with_1() {
    let path = file("unmet.toml", &format!("{CALM}[[expect]]\nanomaly = \"lost-write\"\n"));
    let output = loglab(&["run", &path]);
    assert_eq!(code(&output), Some(1));
    assert!(stdout(&output).contains("expected anomaly lost-write: not met"));
}

#[test]
fn a_wrong_file_does_not_run() {
    let path = file("wrong.toml", &CALM.replace("duration", "durration"));
    let output = loglab(&["run", &path]);
    assert_eq!(code(&output), Some(2));
    assert!(stdout(&output).is_empty() && stderr(&output).contains("did you mean \"duration\"?"));
    assert_eq!(code(&loglab(&["hash", &path])), Some(2));
    assert_eq!(code(&loglab(&["hash", "steady-state", "--seeds", "2..1"])), Some(2));
}
