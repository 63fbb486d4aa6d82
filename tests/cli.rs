//! The command line as scripts see it: output, exit codes, standard error.
#![cfg(not(target_family = "wasm"))]

use std::path::Path;
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
fn check_warns_of_what_is_right_but_hardly_meant_and_says_what_a_run_takes() {
    let restart = format!("{CALM}[[fault]]\nat = \"1s\"\nrestart = \"broker 1\"\n");
    let path = file("restarted.toml", &restart);
    let output = loglab(&["check", &path]);
    assert_eq!(code(&output), Some(0));
    assert!(stderr(&output).contains(&format!("{path}:")) && stderr(&output).contains("nothing to take back"));
    assert!(stdout(&output).starts_with(&format!("{path}: about 1 s and ")), "{}", stdout(&output));
}

#[test]
fn check_tells_which_settings_hold_and_why() {
    let text = "title = \"t\"\nduration = \"1s\"\n[cluster]\nbrokers = 3\nconfig = { \"min.insync.replicas\" = 2 }\n\
        [[topic]]\nname = \"orders\"\nreplication-factor = 3\n\
        [[producer]]\nname = \"shop\"\ntopic = \"orders\"\nconfig = { acks = 1, \"request.timeout.ms\" = 200000 }\n\
        [[producer]]\nname = \"till\"\ntopic = \"orders\"\nconfig = { \"transactional.id\" = \"t\" }\n\
        [[consumer]]\nname = \"worker\"\ntopics = [\"orders\"]\ngroup = \"g\"\ncommit = \"sync-after\"\n\
        config = { \"group.protocol\" = \"consumer\", \"reconnect.backoff.ms\" = 70 }\n\
        [[consumer]]\nname = \"audit\"\ntopics = [\"orders\"]\n";
    let path = file("settings.toml", text);
    let output = loglab(&["check", &path, "--settings"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let told = stdout(&output);
    for line in [
        "brokers\n  min.insync.replicas = 2 (as the file says; Kafka's default is 1)",
        "topic orders\n  min.insync.replicas = 2 (min.insync.replicas of the brokers; Kafka's default is 1)",
        "  acks = 1 (as the file says; Kafka's default is all)",
        "  enable.idempotence = false (acks = 1 switches it off; Kafka's default is true)",
        "  delivery.timeout.ms = 200005 (it is at least linger.ms + request.timeout.ms; Kafka's default is 120000)",
        "  client.id = producer-t (left out: made of transactional.id; Kafka's default is nothing)",
        "  enable.idempotence = true (transactional.id needs it; Kafka's default is true)",
        "  client.id = consumer-g-1 (left out: made of group.id and group.instance.id; Kafka's default is nothing)",
        "  enable.auto.commit = false (the program commits itself; Kafka's default is true)",
        "  session.timeout.ms = 45000 (group.consumer.session.timeout.ms of the coordinator; Kafka's default is 45000)",
        "  reconnect.backoff.max.ms = 70 (reconnect.backoff.ms is given, and this is not; Kafka's default is 1000)",
        "  enable.auto.commit = false (without group.id nothing is committed; Kafka's default is true)",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&loglab(&["check", &path, "--json"]))).expect("one JSON object");
    let settings = json["scenarios"][0]["settings"].as_array().expect("a list");
    let acks = settings.iter().find(|it| it["name"] == "acks").expect("acks");
    assert_eq!((&acks["of"], &acks["value"]), (&"producer shop".into(), &"1".into()));
}

#[test]
fn a_file_that_is_not_there_is_bad_input() {
    let output = loglab(&["check", "no-such.toml"]);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains("`loglab list` names the built-in scenarios"));
    assert!(stderr(&loglab(&["check", "stedy-state"])).contains("did you mean the built-in scenario steady-state?"));
    for nameless in ["", " "] {
        let output = loglab(&["run", nameless]);
        assert_eq!(code(&output), Some(2));
        let told = stderr(&output);
        assert!(told.contains("is empty; `loglab list` names the built-in scenarios"), "{told}");
    }
}

#[test]
fn unknown_commands_are_bad_input() {
    assert_eq!(code(&loglab(&["destroy"])), Some(2));
    for (wrong, right) in [("rum", "run"), ("lst", "list"), ("hahs", "hash")] {
        let told = stderr(&loglab(&[wrong]));
        assert!(told.contains(&format!("'{right}'")), "{told}");
    }
    assert!(stderr(&loglab(&["log", "verfy", "."])).contains("'verify'"));
    assert!(stderr(&loglab(&["rnu"])).contains("did you mean `run`?"));
    assert!(stderr(&loglab(&["verfiy"])).contains("did you mean `log verify`?"));
    assert!(stderr(&loglab(&["log", "verfiy"])).contains("verify"));
    assert!(!stderr(&loglab(&["log", "rnu"])).contains("did you mean"));
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
fn an_export_does_not_replace_the_disk_of_a_real_broker() {
    let path = file("calm-real.toml", CALM);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("real-broker");
    let data = target.join("broker-1/data");
    let _ = std::fs::remove_dir_all(&target);
    std::fs::create_dir_all(&data).expect("a directory");
    let meta = "version=1\nnode.id=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=AAAAAAAAABAAAAAAAAAAIA\n";
    std::fs::write(data.join("meta.properties"), meta).expect("a file");
    let export = ["run", path.as_str(), "--until", "1s", "--export", target.to_str().expect("text")];
    let output = loglab(&export);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains("is not an earlier export"), "{}", stderr(&output));
    assert_eq!(std::fs::read_to_string(data.join("meta.properties")).expect("still there"), meta);
    // Its own it does replace.
    std::fs::remove_dir_all(&target).expect("removed");
    assert_eq!((code(&loglab(&export)), code(&loglab(&export))), (Some(0), Some(0)));
    // A partition that has lost its segments is no healthy one.
    let partition =
        std::fs::read_dir(&data).expect("listed").flatten().find(|entry| entry.path().is_dir()).expect("one").path();
    for entry in std::fs::read_dir(&partition).expect("listed").flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "log") {
            std::fs::remove_file(entry.path()).expect("removed");
        }
    }
    let verified = loglab(&["log", "verify", data.to_str().expect("text")]);
    assert_eq!(code(&verified), Some(1));
    assert!(stdout(&verified).contains("no segment is there"), "{}", stdout(&verified));
}

#[test]
fn a_story_tells_the_turning_points_in_their_order_before_the_report() {
    let output = loglab(&["run", "leader-killed-acks-all", "--story"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let told = stdout(&output);
    let line = |words: &str| told.lines().position(|line| line.contains(words));
    let (killed, led, title) = (line("kill"), line(" leads orders-0 in epoch 1"), line("found nothing"));
    assert!(killed.is_some() && killed < led && led < title, "{told}");
    let times: Vec<f64> = told.lines().filter_map(|line| line.split_once(" s  ")?.0.trim().parse().ok()).collect();
    assert!(times.len() > 5 && times.is_sorted(), "{told}");
    assert!(!stdout(&loglab(&["run", "leader-killed-acks-all"])).contains(" leads "));
    let both = stdout(&loglab(&["run", "leader-killed-acks-all", "--story", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&both).expect("JSON");
    let lines = json["story"].as_array().expect("a story");
    assert_eq!(lines.len(), times.len(), "the same lines in both");
    let stall = lines.iter().find(|line| line["text"].as_str().is_some_and(|text| text.contains("no acknowledgement")));
    let stall = stall.expect("a stall");
    assert!(stall["kind"] == "error" && stall["at_us"].as_u64() < stall["until_us"].as_u64(), "{stall}");
}

#[test]
fn run_prints_one_json_object_with_the_relied_on_keys() {
    let path = file("calm.toml", CALM);
    let output = loglab(&["run", &path, "--json"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let keys: Vec<&str> = json.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut relied_on = [
        "trace_hash",
        "events",
        "virtual_time_us",
        "findings",
        "more_findings",
        "expectations",
        "warnings",
        "failed_sends",
        "producers",
        "readers",
        "stalls",
        "outages",
        "lags",
        "groups",
    ];
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
    let late = loglab(&["run", &path, "--json", "--until", "7s"]);
    assert_eq!(code(&late), Some(0));
    assert!(stdout(&late).contains("\"virtual_time_us\":5000000"));
    assert!(stderr(&late).contains("it stops at 5s"), "{}", stderr(&late));
    let never = loglab(&["run", &path, "--until", "61m"]);
    assert!(code(&never) == Some(2) && stderr(&never).contains("no run lasts longer than 60m"), "{}", stderr(&never));
}

#[test]
fn a_seed_has_bounds() {
    let path = file("seed.toml", CALM);
    for arguments in [
        ["run", "--seed", "9223372036854775808"],
        ["run", "--seed", "-1"],
        ["hash", "--seeds", "1..9223372036854775808"],
    ] {
        let [command, option, value] = arguments;
        let output = loglab(&[command, &path, &format!("{option}={value}")]);
        assert_eq!(code(&output), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("whole number, 0 to 9223372036854775807"), "{}", stderr(&output));
    }
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

#[test]
fn what_is_no_scenario_at_all_is_bad_input_and_says_why() {
    let binary = format!("{}/binary.toml", env!("CARGO_TARGET_TMPDIR"));
    let bytes: Vec<u8> = (0..4_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&binary, bytes).expect("the file is written");
    let latin = format!("{}/latin.toml", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&latin, b"title = \"caf\xe9\"\n").expect("the file is written");
    let large = file("large.toml", &format!("{CALM}#{}", "x".repeat(2 << 20)));
    let empty = file("empty.toml", "");
    let folder = env!("CARGO_TARGET_TMPDIR");
    for (path, part) in [
        (binary.as_str(), "a scenario is text in UTF-8"),
        (&latin, "byte 12 is none"),
        (&large, "larger than the 1048576 bytes"),
        (&empty, "lacks the key \"title\""),
        (folder, "directory"),
    ] {
        for command in ["run", "check", "hash"] {
            let output = loglab(&[command, path]);
            assert_eq!(code(&output), Some(2), "{command} {path}");
            let told = stderr(&output);
            assert!(told.contains(part) && told.contains(path), "{command} {path}: {told}");
            assert!(stdout(&output).is_empty() && !told.contains("panicked"), "{told}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let output = loglab(&["check", "/dev/zero"]);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains("larger than"));
}

#[test]
fn nobody_listening_is_no_reason_to_panic() {
    let path = file("listening.toml", &format!("{CALM}nonsense = 1\n"));
    for arguments in [&["hash", "steady-state", "--seeds", "1..3"][..], &["check", &path], &["list"], &["--help"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_loglab"))
            .args(arguments)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("loglab starts");
        drop(child.stdout.take());
        drop(child.stderr.take());
        let code = child.wait().expect("loglab ends").code();
        // 101 is the code of a panic, none that of a signal.
        assert!(matches!(code, Some(0..=2)), "{arguments:?}: {code:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_told() {
    for argument in ["list", "--help", "--version"] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
        let output = Command::new(env!("CARGO_BIN_EXE_loglab"))
            .arg(argument)
            .stdout(full)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .and_then(std::process::Child::wait_with_output)
            .expect("loglab ends");
        assert_eq!(code(&output), Some(2), "{argument}");
        assert!(stderr(&output).contains("standard output"), "{argument}");
    }
    assert_eq!(code(&loglab(&["--help"])), Some(0));
}

#[test]
fn findings_and_expectations_have_the_relied_on_keys() {
    let output = loglab(&["run", "acks-1-loses-acknowledged-record", "--json"]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let keys = |value: &serde_json::Value| {
        let mut keys: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        keys
    };
    let finding = &json["findings"][0];
    assert_eq!(keys(finding), ["about", "alike", "at_us", "count", "kind"]);
    assert_eq!(finding["kind"], "lost-write");
    assert!(finding["at_us"].as_u64().is_some_and(|at| at > 0));
    let expectation = &json["expectations"][0];
    assert_eq!(keys(expectation), ["about", "at_us", "met"]);
    assert_eq!((&expectation["met"], &expectation["at_us"]), (&serde_json::json!(true), &finding["at_us"]));
}

#[test]
fn what_nobody_expects_ends_with_1() {
    let fault = "[[fault]]\nat = \"2s\"\nlose = \"next Produce response to p\"\n";
    let config = "config = { \"enable.idempotence\" = false, \"request.timeout.ms\" = 500, \"max.in.flight.requests.per.connection\" = 1 }\n";
    let text = CALM.replace("topic = \"t\"\n", &format!("topic = \"t\"\n{config}")) + fault;
    let output = loglab(&["run", &file("unexpected.toml", &text)]);
    assert_eq!(code(&output), Some(1), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("found duplicate at "));
    let expected = format!("{text}[[expect]]\nanomaly = \"duplicate\"\n");
    assert_eq!(code(&loglab(&["run", &file("expected.toml", &expected)])), Some(0));
}

#[test]
fn switching_a_fix_off_is_refused_and_not_ignored() {
    let path = file("without.toml", &CALM.replace("[cluster]\n", "[cluster]\nwithout = [\"KIP-279\"]\n"));
    let output = loglab(&["run", &path]);
    assert_eq!(code(&output), Some(2));
    assert!(stderr(&output).contains(":5: switching off KIP-279 is not built yet"), "{}", stderr(&output));
}

/// The disks of a short run, and the directory of the first partition of broker 1.
fn exported(name: &str) -> (String, String) {
    exported_at(name, "3s")
}

fn exported_at(name: &str, until: &str) -> (String, String) {
    let folder = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    let output = loglab(&["run", "steady-state", "--until", until, "--export", &folder]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let partition = format!("{folder}/broker-1/data/orders-0");
    (folder, partition)
}

#[test]
fn an_export_holds_every_brokers_partitions_and_checkpoints() {
    let (folder, _) = exported("export");
    for broker in 1..=3 {
        let data = format!("{folder}/broker-{broker}/data");
        let meta = std::fs::read_to_string(format!("{data}/meta.properties")).expect("meta.properties");
        assert!(meta.contains(&format!("node.id={broker}\n")), "{meta}");
        let segment = std::fs::read(format!("{data}/orders-0/00000000000000000000.log")).expect("a segment");
        assert!(segment.len() > 61);
        let output = loglab(&["log", "verify", &data]);
        assert_eq!(code(&output), Some(0), "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).trim_end().ends_with(" files: no damage"), "{}", stdout(&output));
    }
    let again = loglab(&["run", "steady-state", "--until", "3s", "--export", "Cargo.toml/x"]);
    assert_eq!(code(&again), Some(2));
    assert!(stderr(&again).contains("Cargo.toml/x: "), "{}", stderr(&again));
}

#[test]
fn a_dump_prints_files_and_directories_as_text_and_as_json() {
    let (_, partition) = exported("dump");
    let segment = format!("{partition}/00000000000000000000.log");
    let text = stdout(&loglab(&["log", "dump", &segment]));
    assert!(
        text.starts_with(&format!("Dumping {segment}\nLog starting offset: 0\nbaseOffset: 0 lastOffset: ")),
        "{text}"
    );
    assert!(text.contains("\n| offset: 0 CreateTime: "), "{text}");
    let bare = stdout(&loglab(&["log", "dump", "--no-data", &segment]));
    assert_eq!(bare.lines().count(), text.lines().filter(|line| !line.starts_with('|')).count());
    let all = stdout(&loglab(&["log", "dump", &partition]));
    let dumped: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("Dumping ")).collect();
    assert!(dumped.contains(&segment.as_str()) && dumped.len() > 1, "{dumped:?}");
    let records = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["kind"] == "record";
    let json = stdout(&loglab(&["log", "dump", "--json", &segment]));
    assert_eq!(json.lines().filter(|line| records(line)).count(), text.matches("\n| offset: ").count());
}

#[test]
fn a_dump_goes_on_behind_an_exception_and_says_what_cannot_be_read() {
    let (_, partition) = exported("damaged-dump");
    let segment = format!("{partition}/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).expect("a segment");
    bytes[11] = 3;
    bytes[8..11].fill(0);
    std::fs::write(&segment, &bytes).expect("the segment is damaged");
    let index = format!("{partition}/00000000000000000000.timeindex");
    let output = loglab(&["log", "dump", &segment, "--index-sanity-check", &index]);
    assert_eq!(code(&output), Some(1));
    let told = "Exception in thread \"main\" org.apache.kafka.common.errors.CorruptRecordException: Found record size 3 \
                smaller than minimum record overhead (14) in file ";
    assert!(stderr(&output).starts_with(told), "{}", stderr(&output));
    assert!(stdout(&output).contains(&format!("Dumping {index}\n")), "{}", stdout(&output));
    let missing = loglab(&["log", "dump", "no-such.log"]);
    assert_eq!(code(&missing), Some(2));
    assert!(stderr(&missing).starts_with("no-such.log: "), "{}", stderr(&missing));
}

#[test]
fn verify_names_file_and_byte_of_a_flipped_bit() {
    let (folder, partition) = exported("damaged-verify");
    let segment = format!("{partition}/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).expect("a segment");
    bytes[70] ^= 1;
    std::fs::write(&segment, &bytes).expect("the segment is damaged");
    let data = format!("{folder}/broker-1/data");
    let output = loglab(&["log", "verify", &data]);
    assert_eq!(code(&output), Some(1));
    let told = stdout(&output);
    assert!(told.starts_with("orders-0/00000000000000000000.log: byte 17: record is corrupt (stored crc = "), "{told}");
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&loglab(&["log", "verify", "--json", &data]))).expect("JSON");
    assert_eq!(json["findings"][0]["file"], "orders-0/00000000000000000000.log");
    assert_eq!(json["findings"][0]["at"], 17);
    let empty = format!("{}/nothing-here", env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&empty).expect("a directory");
    assert_eq!(code(&loglab(&["log", "verify", &empty])), Some(2));
    assert_eq!(code(&loglab(&["log", "verify", "no-such-directory"])), Some(2));
}

#[test]
fn a_directory_above_the_one_that_is_meant_is_refused_with_its_name() {
    let (folder, partition) = exported("above");
    let data = format!("{folder}/broker-1/data");
    for above in [&data, &format!("{folder}/broker-1"), &folder] {
        let output = loglab(&["log", "dump", above]);
        assert_eq!(code(&output), Some(2));
        let told = stderr(&output);
        assert!(told.contains(&format!("name a partition's directory in it, such as {partition}")), "{told}");
    }
    for above in [&format!("{folder}/broker-1"), &folder] {
        let output = loglab(&["log", "verify", above]);
        assert_eq!(code(&output), Some(2));
        let told = stderr(&output);
        assert!(told.contains(&format!("the log directory in it is {data}")), "{told}");
    }
}

#[test]
fn verify_lists_no_more_than_a_person_reads_and_counts_the_rest() {
    let (folder, partition) = exported_at("much-damage", "9s");
    for base in 100..130 {
        std::fs::write(format!("{partition}/{base:020}.log.deleted"), b"").expect("a file is left");
    }
    let data = format!("{folder}/broker-1/data");
    std::fs::write(format!("{data}/recovery-point-offset-checkpoint"), b"").expect("a checkpoint is emptied");
    let told = stdout(&loglab(&["log", "verify", &data]));
    assert_eq!(told.matches(".deleted: ").count(), 1, "{told}");
    assert!(told.contains("and 29 more ending in .deleted"), "{told}");
    assert!(told.contains("note: recovery-point-offset-checkpoint: empty: "), "{told}");
    // Each batch is rotten.
    let segment = format!("{partition}/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).expect("a segment");
    let mut at = 0;
    let mut batches = 0;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        let size = 12 + u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        bytes[at + size - 1] ^= 1;
        at += size;
        batches += 1;
    }
    std::fs::write(&segment, &bytes).expect("the segment is damaged");
    let output = loglab(&["log", "verify", "--json", &partition]);
    assert_eq!(code(&output), Some(1));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let (listed, more) = (json["findings"].as_array().expect("a list").len(), &json["more_findings"]);
    assert!(batches > 20 && listed == 20, "{listed} of {batches}");
    assert_eq!(more.as_u64(), Some(batches - 20));
    let told = stdout(&loglab(&["log", "verify", &partition]));
    assert!(told.contains(&format!("and {} findings more that are not listed", batches - 20)), "{told}");
    assert!(told.trim_end().ends_with(&format!(" files: {batches} findings of damage")), "{told}");
}

#[test]
fn verify_tells_of_a_lost_segment_and_of_what_does_not_belong_there() {
    let folder = format!("{}/foreign", env!("CARGO_TARGET_TMPDIR"));
    let output = loglab(&["run", "segment-rolls", "--export", &folder]);
    assert_eq!(code(&output), Some(0), "{}", stderr(&output));
    let data = format!("{folder}/broker-1/data");
    let partition = std::fs::read_dir(&data).expect("a log directory").flatten().map(|entry| entry.path());
    let partition = partition.into_iter().find(|path| path.is_dir()).expect("a partition");
    let mut segments: Vec<_> = std::fs::read_dir(&partition).expect("a partition").flatten().collect();
    segments.retain(|entry| entry.path().extension().is_some_and(|ending| ending == "log"));
    segments.sort_by_key(std::fs::DirEntry::file_name);
    assert!(segments.len() > 2, "{segments:?}");
    let lost = segments[segments.len() / 2].path();
    for ending in ["log", "index", "timeindex", "txnindex"] {
        let _ = std::fs::remove_file(lost.with_extension(ending));
    }
    std::fs::write(partition.join("notes.txt"), b"mine").expect("a file of somebody else");
    let output = loglab(&["log", "verify", &data]);
    assert_eq!(code(&output), Some(0), "{}", stdout(&output));
    let whole = std::fs::read(segments[0].path()).expect("a segment");
    std::fs::write(segments[0].path().with_extension("log.swap"), &whole).expect("a cleaned segment");
    assert_eq!(code(&loglab(&["log", "verify", &data])), Some(0));
    std::fs::write(segments[0].path().with_extension("log.swap"), &whole[..whole.len() - 1]).expect("a torn one");
    let torn = stdout(&loglab(&["log", "verify", &data]));
    assert!(torn.contains(".log.swap: byte ") && torn.contains("though it is to become a segment"), "{torn}");
    std::fs::remove_file(segments[0].path().with_extension("log.swap")).expect("it is there");
    let told = stdout(&output);
    assert!(told.contains("are in no segment, and nothing is missing before"), "{told}");
    assert!(told.contains("/notes.txt: no name that a broker gives"), "{told}");
    for foreign in ["lost+found", "orders-0.1-delete-x", "remote-log-index-cache", "empty-7", "gone-1.b0-delete"] {
        std::fs::create_dir_all(format!("{data}/{foreign}")).expect("a directory of somebody else");
    }
    for file in ["remote-log-index-cache/45_c3.index", "gone-1.b0-delete/00000000000000000000.timeindex"] {
        std::fs::write(format!("{data}/{file}"), b"x").expect("a file of the broker");
    }
    let output = loglab(&["log", "verify", &data]);
    assert_eq!(code(&output), Some(1), "{}", stdout(&output));
    let told = stdout(&output);
    for refused in ["lost+found", "orders-0.1-delete-x"] {
        assert!(told.contains(&format!("{refused}: not in the form of topic-partition")), "{told}");
    }
    assert!(told.contains("note: empty-7/.log: the directory is empty"), "{told}");
    assert!(told.contains("note: gone-1.b0-delete: being deleted"), "{told}");
    assert!(!told.contains("remote-log-index-cache") && told.trim_end().ends_with("2 findings of damage"), "{told}");
}

#[cfg(unix)]
#[test]
fn verify_tells_of_a_link_that_leads_nowhere_of_epochs_out_of_order_and_shows_names_as_they_are() {
    // What an earlier test left is no export any more.
    let _ = std::fs::remove_dir_all(format!("{}/links", env!("CARGO_TARGET_TMPDIR")));
    let (folder, partition) = exported("links");
    let segment = format!("{partition}/00000000000000000000.log");
    std::fs::remove_file(&segment).expect("a segment");
    std::os::unix::fs::symlink("no-such-file", &segment).expect("a link");
    std::fs::write(format!("{partition}/leader-epoch-checkpoint"), "0\n2\n5 0\n4 100\n").expect("epochs");
    std::fs::write(format!("{partition}/x\nnote: all good"), b"").expect("a file of somebody else");
    std::fs::remove_file(format!("{folder}/broker-1/data/meta.properties")).expect("properties");
    let output = loglab(&["log", "verify", &format!("{folder}/broker-1/data")]);
    assert_eq!(code(&output), Some(1));
    let told = stdout(&output);
    for words in [
        "orders-0/00000000000000000000.log: is named in the directory and cannot be opened",
        "orders-0/leader-epoch-checkpoint: line 4: epoch 4 at 100 follows epoch 5 at 0",
        "note: meta.properties: missing",
        "x\\nnote: all good: no name that a broker gives",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_negative_seed_or_time_is_told_what_would_be_right() {
    for (arguments, words) in
        [(["--seed", "-1"], "a seed is a whole number"), (["--until", "-1s"], "a time is written as")]
    {
        let output = loglab(&["run", "steady-state", arguments[0], arguments[1]]);
        assert_eq!(code(&output), Some(2));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

/// A search is the same whatever the order of its seeds: over shards that are merged, over threads, and taken up again.
#[test]
fn shards_and_parts_of_a_search_are_the_whole() {
    let scenario = file("searched.toml", &format!("{CALM}[[fault]]\nat = \"1s\"\nkill = \"broker 1\"\n"));
    let path = |name: &str| file(name, "");
    let search = |more: &[&str]| {
        let mut words = vec!["explore", scenario.as_str(), "--json"];
        words.extend(more);
        let output = loglab(&words);
        assert_eq!(code(&output), Some(0), "{more:?}: {}{}", stdout(&output), stderr(&output));
        stdout(&output)
    };
    let whole = search(&["--seeds", "1..4", "--jobs", "1"]);
    assert!(whole.contains("\"runs\":4") && whole.contains("\"settled-runs\":4"), "{whole}");
    assert_eq!(search(&["--seeds", "1..4", "--jobs", "3"]), whole);
    let shards = ["1/2", "2/2"].map(|shard| {
        let out = path(&format!("shard-{}.json", &shard[..1]));
        std::fs::write(&out, search(&["--seeds", "1..4", "--shard", shard])).expect("it can be written");
        out
    });
    let merged = loglab(&["explore", "--json", "--merge", &shards[0], &shards[1]]);
    assert_eq!(stdout(&merged), whole);
    let twice = loglab(&["explore", "--merge", &shards[0], &shards[0]]);
    assert_eq!(code(&twice), Some(2), "{}", stdout(&twice));
    let out = path("search.json");
    std::fs::remove_file(&out).expect("it was made");
    search(&["--seeds", "1..3", "--out", &out]);
    assert_eq!(search(&["--seeds", "1..4", "--out", &out]), whole);
    let other = loglab(&["explore", "steady-state", "--seeds", "1..1", "--out", &out]);
    assert_eq!(code(&other), Some(2), "{}", stdout(&other));
    assert!(stderr(&other).contains("another scenario"), "{}", stderr(&other));
}
