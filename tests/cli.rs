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
