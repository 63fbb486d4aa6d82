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

pub(super) fn act_in_the_past(window: &mut Window) -> Outcome {
    let answer = window.wait(
        "const [toml] = given, lab = window.loglab;
         await lab.load(toml);
         await lab.seek(8_000_000);
         await lab.command('kill broker 1');
         await lab.seek(4_000_000);
         const dropped = await lab.command('kill broker 2');
         for (let tries = 0; tries < 200 && !document.querySelector('.notice'); tries++)
             await new Promise(done => setTimeout(done, 50));
         return { dropped, commands: lab.state().commands, notice: document.querySelector('.notice').innerText };",
        &[json!(QUIET)],
    )?;
    let dropped = answer["dropped"].to_string();
    expect(dropped.contains("kill broker 1"), || format!("the dropped command is not named: {answer}"))?;
    expect(text(&answer, "/notice").contains("kill broker 1"), || format!("not told on the screen: {answer}"))?;
    let commands = answer["commands"].to_string();
    expect(commands.contains("kill broker 2") && !commands.contains("kill broker 1"), || {
        format!("other commands than the one left: {commands}")
    })
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
