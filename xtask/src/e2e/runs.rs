//! Runs: what the page shows first, what happens to a run, and that it is the command line's.

use serde_json::{Value, json};

use super::{QUIET, act, expect, load};
use crate::Outcome;
use crate::run::top;
use crate::webdriver::{Window, text};

pub(super) fn first_load(window: &mut Window) -> Outcome {
    let state = window.script("return window.loglab.state();", &[])?;
    expect(state.get("panic").is_none_or(Value::is_null), || format!("the engine panicked: {state}"))?;
    let hash = window.script("return window.loglab.hash();", &[])?;
    let hash = hash.as_str().unwrap_or_default();
    expect(hash.len() == 16 && hash.chars().all(|digit| digit.is_ascii_hexdigit()), || format!("no hash: {hash:?}"))?;
    let start = window.wait("await window.loglab.seek(0); return window.loglab.frame();", &[])?;
    let later =
        window.wait("await window.loglab.seek(arguments[0]); return window.loglab.frame();", &[json!(2_000_000)])?;
    expect(text(&start, "/run/hash") != text(&later, "/run/hash"), || "nothing happened in two seconds".into())
}

/// Kills the leader, sees a new one, goes back before that, forward again, and reads the same hash.
pub(super) fn leader_killed(window: &mut Window) -> Outcome {
    let answer = window.wait(
        "const [toml] = given, lab = window.loglab;
         const leader = () => lab.frame().partitions.find(p => p.topic === 'orders' && p.index === 0);
         await lab.load(toml);
         await lab.seek(5_000_000);
         const before = { hash: lab.hash(), ...leader() };
         await lab.command('kill leader of orders-0');
         await lab.seek(30_000_000);
         const after = { hash: lab.hash(), ...leader() };
         await lab.seek(4_000_000);
         const back = { hash: lab.hash(), ...leader() };
         await lab.seek(30_000_000);
         const again = { hash: lab.hash(), ...leader() };
         return { before, after, back, again };",
        &[json!(QUIET)],
    )?;
    let leader = |when: &str| answer[when]["leader"].as_i64().unwrap_or(-1);
    let hash = |when: &str| answer[when]["hash"].as_str().unwrap_or_default();
    expect(leader("before") >= 0, || format!("no leader at the start: {answer}"))?;
    expect(leader("after") >= 0 && leader("after") != leader("before"), || format!("no new leader: {answer}"))?;
    expect(leader("back") == leader("before"), || format!("the past changed: {answer}"))?;
    expect(hash("back") != hash("after"), || format!("two instants with one hash: {answer}"))?;
    expect(hash("again") == hash("after"), || format!("the replay differs: {answer}"))
}

/// Two branches, from JavaScript and as a person: the old future is where it was, and each has its own commands.
pub(super) fn act_in_the_past(window: &mut Window) -> Outcome {
    let answer = act(
        window,
        "await lab.load(given[0]);
         await lab.seek(8_000_000);
         const first = await lab.command('kill broker 1');
         await lab.seek(12_000_000);
         const old = lab.hash();
         await lab.seek(4_000_000);
         const fork = frame().run.event;
         const second = await lab.command('kill broker 2');
         const notice = (await until('it is told', () => document.querySelector('.notice'))).innerText;
         const commands = lab.state().commands, present = lab.state().branch;
         await lab.seek(12_000_000);
         const other = lab.hash();
         await lab.switch(0);
         const back = { hash: lab.hash(), time: frame().run.time_us, commands: lab.state().commands };
         await lab.seek(12_000_000, second.id);
         const there = lab.hash();
         const chosen = await until('the branches are listed', () => document.querySelector('.branch select'));
         chosen.selectedIndex = 0;
         chosen.dispatchEvent(new Event('change', { bubbles: true }));
         await until('a person goes to the first', () => lab.state().branch === 0 && lab.hash() === old);
         await lab.rename(second.id, 'another');
         const names = lab.branches().map(it => it.name);
         const refused = await lab.switch(77).then(() => 'done', error => error.message);
         await lab.remove(second.id);
         return { first, second, fork, notice, commands, present, old, other, back, there, names, refused, left: lab.branches() };",
        &[json!(QUIET)],
    )?;
    let hash = |path: &str| answer.pointer(path).and_then(Value::as_str).unwrap_or_default();
    expect(answer["first"]["id"] == json!(0) && answer["first"]["parent"].is_null(), || {
        format!("acting where nothing is known begins nothing: {}", answer["first"])
    })?;
    let second = &answer["second"];
    expect(second["id"] == json!(1) && answer["present"] == json!(1), || format!("no branch: {answer}"))?;
    let parent = &second["parent"];
    let at_fork =
        parent["branch"] == json!(0) && parent["at_us"] == json!(4_000_000) && parent["event"] == answer["fork"];
    expect(at_fork, || format!("it begins elsewhere: {parent}, {}", answer["fork"]))?;
    let only = |commands: &Value, word: &str| {
        commands.as_array().is_some_and(|all| all.len() == 1 && all[0]["text"] == json!(word))
    };
    expect(only(&answer["commands"], "kill broker 2"), || format!("its commands: {}", answer["commands"]))?;
    expect(only(&answer["back"]["commands"], "kill broker 1"), || format!("the old ones: {}", answer["back"]))?;
    expect(text(&answer, "/notice").contains("main"), || format!("the old future is not named: {answer}"))?;
    expect(hash("/back/hash") == hash("/old") && answer["back"]["time"] == json!(12_000_000), || {
        format!("the old future is another: {answer}")
    })?;
    expect(hash("/there") == hash("/other") && hash("/other") != hash("/old"), || format!("the branches: {answer}"))?;
    expect(answer["names"][1] == "another", || format!("the name: {}", answer["names"]))?;
    expect(text(&answer, "/refused").contains("77"), || format!("an unknown branch: {}", answer["refused"]))?;
    expect(answer["left"].as_array().is_some_and(|left| left.len() == 1), || format!("it is there still: {answer}"))
}

/// Scenarios whose whole run is short enough for a slow machine.
const COMPARED: [&str; 3] =
    ["acks-1-loses-acknowledged-record", "leader-killed-acks-all", "slow-follower-leaves-and-rejoins-isr"];

/// The recorded hashes are those that the tests of the command line hold it to.
pub(super) fn same_hash_as_the_command_line(window: &mut Window) -> Outcome {
    let read = |path: &str| std::fs::read_to_string(top().join(path)).map_err(|e| format!("{path}: {e}"));
    let recorded = read("tests/golden/hashes.txt")?;
    for name in COMPARED {
        let toml = read(&format!("www/scenarios/{name}.toml"))?;
        let seeded = |seed: &str| {
            let lines = toml
                .lines()
                .map(|line| if line.starts_with("seed = ") { format!("seed = {seed}") } else { line.into() });
            lines.collect::<Vec<_>>().join("\n")
        };
        for seed in ["1", "13"] {
            let hash = recorded.lines().find_map(|line| line.strip_prefix(&format!("{name} {seed} ")));
            let hash = hash.ok_or_else(|| format!("no hash is recorded of {name} with seed {seed}"))?;
            let shown = act(
                window,
                "await lab.load(given[0]);
                 await lab.seek(frame().run.duration_us);
                 const chip = document.querySelector('[data-hash]');
                 return { hash: lab.hash(), screen: chip.dataset.hash, words: chip.innerText.replace(/[^0-9a-f]/g, '') };",
                &[json!(seeded(seed))],
            )?;
            expect(text(&shown, "/hash") == hash && text(&shown, "/screen") == hash, || {
                format!("{name} with seed {seed} is {hash} on the command line and {shown} in the page")
            })?;
            expect(text(&shown, "/words").ends_with(hash), || format!("the words on the screen differ: {shown}"))?;
        }
    }
    Ok(())
}

/// Bytes that are no request make the worker panic as a mistake in the engine would. The page learns of it, keeps the
/// commands and goes on from the event before.
pub(super) fn engine_panics(window: &mut Window) -> Outcome {
    const CATCH_WORKERS: &str = "
        const Real = window.Worker;
        window.workers = [];
        window.Worker = class extends Real { constructor(...it) { super(...it); window.workers.push(this); } };";
    window.chromium("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": CATCH_WORKERS }))?;
    let address = text(&window.script("return { here: location.href };", &[])?, "/here").to_owned();
    load(window, &address)?;
    let answer = act(
        window,
        "await lab.load(given[0]);
         await lab.seek(2_000_000);
         await lab.command('kill broker 2');
         await lab.seek(3_000_000);
         const before = { event: frame().run.event, hash: lab.hash() };
         window.workers.at(-1).postMessage(new Uint8Array([255, 255, 255, 255]));
         await until('the panic is told', () => lab.state().panic);
         const panel = await until('the panel is open', () => document.querySelector('[role=alertdialog]'));
         const words = panel.innerText;
         const refused = await lab.seek(0).then(() => 'done', () => 'refused');
         named('[role=alertdialog] button', 'Replay').click();
         await until('the run is back', () => lab.state().panic === null && !lab.state().busy && frame().run.event > 0);
         const after = { event: frame().run.event, commands: lab.state().commands };
         await lab.seek(3_000_000);
         return { before, words, refused, after, hash: lab.hash(), workers: window.workers.length };",
        &[json!(QUIET)],
    )?;
    expect(text(&answer, "/words").contains("kill broker 2"), || format!("the command is not kept: {answer}"))?;
    expect(text(&answer, "/refused") == "refused", || format!("a dead engine answers: {answer}"))?;
    let event = |when: &str| answer[when]["event"].as_i64().unwrap_or_default();
    expect(event("after") == event("before") - 1, || format!("not the event before: {answer}"))?;
    expect(answer["after"]["commands"][0]["text"] == "kill broker 2", || format!("the command is gone: {answer}"))?;
    expect(answer["hash"] == answer["before"]["hash"], || format!("another run: {answer}"))
}

pub(super) fn no_third_party(window: &mut Window) -> Outcome {
    let others = act(
        window,
        "await until('a run', frame);
         return performance.getEntriesByType('resource').map(it => it.name).filter(it => !it.startsWith(location.origin));",
        &[],
    )?;
    expect(others == json!([]), || format!("asked of other hosts: {others}"))?;
    let policy = window
        .script("return { text: document.querySelector('meta[http-equiv=Content-Security-Policy]').content };", &[])?;
    let policy = text(&policy, "/text");
    expect(
        policy.contains("default-src 'none'") && !policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"),
        || format!("the policy is not strict: {policy}"),
    )
}
