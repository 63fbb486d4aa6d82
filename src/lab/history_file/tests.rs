//! Histories as files: what each rule finds in one, and what is wrong with bad ones.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::check;
use crate::lab::runner;
use crate::lab::scenario::{Builtin, FindingKind};
use crate::lab::world::World;

/// Lines with short words for what most of them have: `at_us` and process.
fn found(lines: &[&str]) -> Vec<FindingKind> {
    let text: String = (1..).zip(lines).map(|(at, line)| format!("{{\"at_us\":{at},{line}}}\n")).collect();
    let report = check(&text).unwrap_or_else(|errors| panic!("{errors:#?}"));
    report.findings.iter().map(|finding| finding.kind).collect()
}

fn sent(value: u64) -> String {
    format!(r#""process":"p","type":"invoke","f":"send","topic":"t","partition":0,"value":"v{value}""#)
}

fn told(value: u64, offset: i64) -> String {
    format!(r#""process":"p","type":"ok","f":"send","topic":"t","partition":0,"value":"v{value}","offset":{offset}"#)
}

fn polled(consumer: &str, records: &[(i64, u64)]) -> String {
    let records: Vec<_> = records.iter().map(|(offset, value)| format!(r#"["t",0,{offset},"v{value}"]"#)).collect();
    format!(r#""process":"{consumer}","type":"ok","f":"poll","records":[{}]"#, records.join(","))
}

fn of(lines: &[String]) -> Vec<FindingKind> {
    found(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Three records that were sent and acknowledged at the offsets of their numbers.
fn three() -> Vec<String> {
    (0..3).map(sent).chain((0..3).map(|number| told(number, number as i64))).collect()
}

#[test]
fn a_good_history_has_no_finding() {
    let lines = [three(), vec![polled("c", &[(0, 0), (1, 1), (2, 2)])]].concat();
    assert_eq!(of(&lines), []);
    assert_eq!(check("").map(|report| report.findings.len()), Ok(0));
}

#[test]
fn what_a_reader_went_past_and_nobody_was_given_is_lost() {
    let lines = [three(), vec![polled("c", &[(0, 0), (2, 2)])]].concat();
    assert_eq!(of(&lines), [FindingKind::LostWrite]);
    // Nobody has looked there.
    let from_the_middle = [three(), vec![polled("c", &[(2, 2)])]].concat();
    assert_eq!(of(&from_the_middle), []);
    let unknown = r#""process":"p","type":"info","f":"send","value":"v1","error":"REQUEST_TIMED_OUT""#.to_owned();
    let lines = vec![sent(0), sent(1), sent(2), told(0, 0), unknown, told(2, 1), polled("c", &[(0, 0), (1, 2)])];
    assert_eq!(of(&lines), [], "nothing is promised of what is not known");
}

#[test]
fn what_another_reader_was_given_is_unseen() {
    let all = polled("d", &[(0, 0), (1, 1), (2, 2)]);
    let lines = [three(), vec![all, polled("c", &[(0, 0), (2, 2)])]].concat();
    assert_eq!(of(&lines), [FindingKind::Unseen]);
}

#[test]
fn records_that_are_there_twice_or_in_another_order_are_found() {
    let lines = vec![sent(0), sent(1), told(0, 0), told(1, 1), polled("c", &[(0, 0), (1, 1), (2, 0)])];
    assert_eq!(of(&lines), [FindingKind::Duplicate]);
    let lines = vec![sent(0), sent(1), told(1, 0), told(0, 1), polled("c", &[(0, 1), (1, 0)])];
    assert_eq!(of(&lines), [FindingKind::Reordered]);
}

#[test]
fn one_offset_holds_one_record() {
    let lines = [three(), vec![polled("c", &[(0, 0), (1, 1)]), polled("d", &[(0, 0), (1, 2)])]].concat();
    assert!(of(&lines).contains(&FindingKind::InconsistentOffsets));
    let unclean = r#""process":"cluster","type":"info","f":"unclean-election","topic":"t","partition":0,"offset":1"#;
    let excused = [lines, vec![unclean.to_owned()]].concat();
    assert!(!of(&excused).contains(&FindingKind::InconsistentOffsets));
}

#[test]
fn a_reader_that_is_given_an_offset_again_is_found_unless_it_was_moved() {
    let again = vec![polled("c", &[(0, 0), (1, 1)]), polled("c", &[(1, 1)])];
    assert_eq!(of(&[three(), again.clone()].concat()), [FindingKind::NonmonotonicPoll]);
    let seek = r#""process":"c","type":"ok","f":"position","topic":"t","partition":0,"offset":1,"why":"seek""#;
    let moved = vec![again[0].clone(), seek.to_owned(), again[1].clone()];
    assert_eq!(of(&[three(), moved].concat()), []);
}

const GROUP: &str = r#""process":"c","type":"ok","f":"start","group":"g""#;

fn committed(offset: i64) -> String {
    format!(r#""process":"c","type":"ok","f":"commit","offsets":[["t",0,{offset}]]"#)
}

#[test]
fn what_a_group_has_committed_and_nobody_has_worked_on_is_found() {
    let first =
        r#""process":"c","type":"ok","f":"position","topic":"t","partition":0,"offset":0,"why":"first""#.to_owned();
    let work = |from: i64, to: i64| {
        format!(r#""process":"c","type":"ok","f":"work","topic":"t","partition":0,"offset":{from},"to":{to}"#)
    };
    let end = r#""process":"c","type":"info","f":"end""#.to_owned();
    let begin = vec![GROUP.to_owned(), first, polled("c", &[(0, 0)]), work(0, 1), polled("c", &[(1, 1), (2, 2)])];
    let lost = [three(), begin.clone(), vec![committed(3), end.clone()]].concat();
    assert_eq!(of(&lost), [FindingKind::NeverDelivered]);
    assert_eq!(of(&[three(), begin.clone(), vec![committed(3)]].concat()), [], "it may still do its work");
    assert_eq!(of(&[three(), begin, vec![work(1, 3), committed(3), end]].concat()), []);
}

#[test]
fn what_a_group_has_committed_does_not_go_back() {
    let begin = |name: &str, offset: i64, why: &str| {
        let assigned = r#""type":"ok","f":"assign","generation":1,"partitions":[["t",0]]"#;
        let position =
            format!(r#""type":"ok","f":"position","topic":"t","partition":0,"offset":{offset},"why":"{why}""#);
        let start = r#""type":"ok","f":"start","group":"g""#;
        [start, assigned, &position].map(|line| format!(r#""process":"{name}",{line}"#)).to_vec()
    };
    let first = [three(), begin("c", 0, "first"), vec![polled("c", &[(0, 0), (1, 1)]), committed(2)]].concat();
    let end = r#""process":"c","type":"info","f":"end""#.to_owned();
    let next = |offset: i64, why: &str, given: &[(i64, u64)]| {
        [first.clone(), vec![end.clone()], begin("d", offset, why), vec![polled("d", given)]].concat()
    };
    assert_eq!(of(&next(2, "committed", &[(2, 2)])), []);
    let both = [FindingKind::OffsetWentBack, FindingKind::Redelivered];
    assert_eq!(of(&next(1, "committed", &[(1, 1), (2, 2)])), both);
    assert_eq!(of(&next(0, "first", &[(0, 0), (1, 1), (2, 2)])), both);
    assert_eq!(of(&next(0, "seek", &[(0, 0)])), [], "the program wants to be there");
    assert_eq!(of(&next(1, "truncated", &[(1, 1)])), [], "what was there is gone");
    // A member that had the partition before says nothing of it any more.
    let late = [first.clone(), begin("d", 2, "committed"), vec![committed(3), end.clone()], begin("e", 2, "committed")];
    assert_eq!(of(&[late.concat(), vec![polled("e", &[(2, 2)])]].concat()), []);
}

#[test]
fn what_was_refused_is_given_to_nobody() {
    let refused = r#""process":"p","type":"fail","f":"send","value":"v0","error":"NOT_ENOUGH_REPLICAS""#.to_owned();
    assert_eq!(of(&[sent(0), refused, polled("c", &[(0, 0)])]), [FindingKind::FailedWriteRead]);
}

fn transaction(f: &str, kind: &str) -> String {
    format!(r#""process":"p","type":"{kind}","f":"{f}""#)
}

#[test]
fn readers_of_committed_records_are_given_them_wholly_and_no_others() {
    let reader = r#""process":"c","type":"ok","f":"start","isolation.level":"read_committed""#.to_owned();
    let begun =
        || vec![reader.clone(), transaction("begin-transaction", "ok"), sent(0), sent(1), told(0, 0), told(1, 1)];
    let early = [begun(), vec![polled("c", &[(0, 0), (1, 1)])]].concat();
    assert_eq!(of(&early), [FindingKind::UncommittedRead]);
    let abort = vec![transaction("abort-transaction", "invoke"), transaction("abort-transaction", "ok")];
    let aborted = [begun(), abort, vec![polled("c", &[(0, 0), (1, 1)])]].concat();
    assert_eq!(of(&aborted), [FindingKind::AbortedRead]);
    let commit =
        |kind: &str| vec![transaction("commit-transaction", "invoke"), transaction("commit-transaction", kind)];
    let more = vec![transaction("begin-transaction", "ok"), sent(2), told(2, 3)];
    let torn = [begun(), commit("ok"), more.clone(), vec![polled("d", &[(0, 0), (1, 1), (3, 2)])]].concat();
    let torn = [torn, vec![polled("c", &[(0, 0)]), polled("c", &[(3, 2)])]].concat();
    assert!(of(&torn).contains(&FindingKind::TornTransaction), "{:?}", of(&torn));
    // Whether it is committed nobody knows: either is right.
    let unknown = [begun(), commit("info"), vec![polled("c", &[(0, 0), (1, 1)])]].concat();
    assert_eq!(of(&unknown), []);
    let refused = [begun(), commit("fail"), vec![polled("c", &[(0, 0)])]].concat();
    assert_eq!(of(&refused), [FindingKind::AbortedRead]);
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line_and_what_would_be_right() {
    let ok = r#"{"at_us":5,"process":"p","type":"invoke","f":"send","topic":"t","value":"v"}"#;
    for (line, told) in [
        ("nonsense", "expected ident, at column 2; a line is a JSON object such as {\"at_us\":5"),
        ("", "EOF while parsing a value, at column 0"),
        (r#"{"process":"p","type":"ok","f":"sent"}"#, "unknown variant `sent`, expected one of `start`, `end`, `send`"),
        (r#"{"process":"p","type":"ok","f":"send","offst":3}"#, "unknown field `offst`, expected one of"),
        (
            r#"{"at_us":4,"process":"p","type":"ok","f":"poll","records":[]}"#,
            "at_us 4 lies before that of the line before, 5",
        ),
        (
            r#"{"at_us":5,"process":"p","type":"fail","f":"poll","records":[]}"#,
            "a line of f \"poll\" has no type \"fail\", but \"ok\"",
        ),
        (
            r#"{"at_us":5,"process":"p","type":"ok","f":"send","topic":"t","value":"v"}"#,
            "needs the field \"partition\"",
        ),
        (ok, "the value \"v\" was sent in line 1 already"),
        (
            r#"{"at_us":5,"process":"p","type":"info","f":"send","value":"w"}"#,
            "nobody has sent \"w\": a line of type \"invoke\" comes first",
        ),
        (
            r#"{"at_us":5,"process":"c","type":"ok","f":"poll","records":[["t",0,-1,"v"]]}"#,
            "offset -1 is not one from 0 to 9999999",
        ),
        (
            r#"{"at_us":5,"process":"c","type":"ok","f":"poll","records":[["t",1000,1,"v"]]}"#,
            "partition 1000 is not one from 0 to 999",
        ),
        (
            r#"{"at_us":5,"process":"c","type":"ok","f":"poll","records":[["t",0]]}"#,
            "expected a list of topic, partition, offset and value",
        ),
    ] {
        let errors = check(&format!("{ok}\n{line}\n")).expect_err(line);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].line, 2, "{errors:?}");
        assert!(errors[0].message.contains(told), "{}\n{told}", errors[0].message);
    }
}

/// The kinds that a run and its file show, of those that a file can show.
fn both(name: &str) -> (BTreeSet<FindingKind>, BTreeSet<FindingKind>) {
    let scenario = Arc::new(Builtin::named(name).expect(name).scenario().expect(name));
    let world = World::new(&scenario, scenario.seed, Arc::new([])).recorded();
    let world = runner::go_to(world, u64::MAX, &mut |_, _| {});
    let text = world.record().expect("it was recorded").text().expect("all of it is text");
    let report = check(&text).unwrap_or_else(|errors| panic!("{name}: {errors:#?}"));
    let of_run = world.findings().list().iter().map(|finding| finding.kind).collect();
    (of_run, report.findings.iter().map(|finding| finding.kind).collect())
}

#[test]
fn the_file_of_a_run_shows_what_the_run_showed() {
    for name in [
        "steady-state",
        "acks-1-loses-acknowledged-record",
        "unclean-election-loses-records",
        "clean-election-waits",
        "retry-stored-twice",
        "in-flight-requests-reorder",
        "in-flight-requests-in-order",
        "commit-before-work-loses-records",
        "commit-behind-work-repeats-records",
        "auto-commit-repeats-records",
        "slow-member-leaves-its-group",
        "rebalance-cooperative",
        "aborted-transaction-skipped",
        "next-life-aborts-open-transaction",
        "zombie-fenced",
        "retention-against-slow-consumer",
        "compaction-step-by-step",
        "tombstone-two-passes",
    ] {
        let (of_run, of_file) = both(name);
        assert_eq!(of_file, of_run, "{name}");
    }
}

proptest! {
    /// Lines of a real history, mixed, cut and changed: an answer or an error, and nothing else.
    #[test]
    fn no_file_breaks_the_reader(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<char>()), 0..6),
                                 order in prop::collection::vec(any::<prop::sample::Index>(), 0..30)) {
        let good = [three(), vec![GROUP.to_owned(), polled("c", &[(0, 0), (1, 1)]), committed(2)],
                    vec![transaction("begin-transaction", "ok"), transaction("commit-transaction", "invoke")]].concat();
        let lines: Vec<String> = order.iter().map(|at| format!("{{{}}}", good[at.index(good.len())])).collect();
        let mut text: Vec<char> = lines.join("\n").chars().collect();
        for (at, from, letter) in edits {
            if !text.is_empty() {
                let (at, from) = (at.index(text.len()), from.index(text.len()));
                text[at] = if letter.is_ascii() { letter } else { text[from] };
            }
        }
        let _ = check(&text.into_iter().collect::<String>());
    }
}
