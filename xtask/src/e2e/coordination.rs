//! Groups and transactions on the page.

use serde_json::json;

use super::{act, expect};
use crate::Outcome;
use crate::webdriver::{Window, text};

/// A group of two and a transactional producer.
const GROUP: &str = r#"
title = "A group"
seed = 1
duration = "60s"

[cluster]
brokers = 3
config = { "group.initial.rebalance.delay.ms" = 200 }

[[topic]]
name = "orders"
partitions = 4
replication-factor = 3

[[producer]]
name = "shop"
topic = "orders"
rate = "40/s"
keys = 7
transaction-every = "500ms"
abort-ppm = 300000
config = { "transactional.id" = "till" }

[[consumer]]
name = "shipping"
topics = ["orders"]
group = "shipping"
members = 2
config = { "auto.offset.reset" = "earliest", "isolation.level" = "read_committed", "session.timeout.ms" = 6000, "auto.commit.interval.ms" = 1000 }
"#;

/// Opens the Stage once the group is stable and has committed.
const OPEN: &str = "
    await lab.load(given[0]);
    await lab.seek(5_000_000);
    await still();
    const group = () => frame().groups[0];
    const inspector = () => document.querySelector('.inspector').innerText;
    const select = async (words, shown) => {
        named('.rail button.row', words + ', ').click();
        return until(words + ' is shown', () => shown() && inspector().includes(words) && inspector());
    };
";

/// A member is killed on the page: it looks so, the group waits for its session, then others have what it had.
pub(super) fn rebalances(window: &mut Window) -> Outcome {
    let answer = act(
        window,
        &format!(
            "{OPEN}
         const before = group();
         const told = await select('shipping', () => 'group' in lab.state().selection && group().offsets.some(it => it.parts));
         named('.inspector .members .name', 'shipping-2').click();
         await until('the member is selected', () => lab.state().selection.node?.client === 'shipping-2');
         const member = await until('its facts', () => inspector().includes('STABLE') && inspector());
         press('k');
         await until('it is killed', () => frame().consumers.find(it => it.name === 'shipping-2').state === 'killed');
         await lab.seek(9_000_000);
         const dead = group();
         let waits = null;
         for (let at = 9_000_000; at < 25_000_000 && !waits; at += 100_000) {{
             await lab.seek(at);
             if (group().state !== 'Stable') waits = group();
         }}
         await lab.seek(26_000_000);
         return {{ before, told, member, dead, waits, after: group(), charts: document.querySelectorAll('.lag .chart').length }};"
        ),
        &[json!(GROUP)],
    )?;
    let has = |at: &str| answer.pointer(at).and_then(|has| has.as_array()).map_or(0, Vec::len);
    expect(answer["before"]["state"] == "Stable" && answer["before"]["epoch"].as_i64() >= Some(1), || {
        format!("the group: {}", answer["before"])
    })?;
    expect(has("/before/members/0/has") + has("/before/members/1/has") == 4, || {
        format!("the assignment: {}", answer["before"])
    })?;
    let told = text(&answer, "/told");
    for words in ["Stable", "classic", "range", "shipping-1", "orders-0", "committed", "lag"] {
        expect(told.contains(words), || format!("the inspector does not say {words}: {told}"))?;
    }
    let member = text(&answer, "/member");
    expect(member.contains("records-lag") && member.contains("generation"), || format!("the member: {member}"))?;
    // Its coordinator waits for it as long as its session lasts.
    expect(answer["dead"]["state"] == "Stable", || format!("while its session lasts: {}", answer["dead"]))?;
    expect(text(&answer, "/waits/state") == "PreparingRebalance", || format!("the rebalance: {}", answer["waits"]))?;
    expect(has("/after/members/0/has") == 4 && answer["after"]["state"] == "Stable", || {
        format!("behind the rebalance: {}", answer["after"])
    })
}

/// A transaction in the rail, in the inspector, on the strips and in the Log view; what a lag is made of.
pub(super) fn transactions(window: &mut Window) -> Outcome {
    let answer = act(
        window,
        &format!(
            "{OPEN}
         const id = () => frame().transactional_ids[0];
         const kinds = new Set();
         for (let at = 5_000_000; at < 12_000_000; at += 500_000) {{
             await lab.seek(at);
             frame().brokers.flatMap(it => it.replicas).flatMap(it => it.tail).forEach(it => kinds.add(it.kind));
         }}
         for (let at = 12_000_000; at < 14_000_000 && !(id().open_ms > 0 && frame().partitions.some(it =>
             it.topic === 'orders' && it.first_unstable >= 0)); at += 20_000) await lab.seek(at);
         const told = await select('till', () => 'transactional-id' in lab.state().selection);
         const producer = await select('shop', () => inspector().includes('IN_TRANSACTION'));
         const open = frame().partitions.find(it => it.topic === 'orders' && it.first_unstable >= 0);
         named('.rail button.row', 'orders-' + open.index).click();
         await until('its lag is looked at', () => group().offsets.some(it => it.parts));
         const parts = group().offsets.find(it => it.parts);
         const bar = document.querySelectorAll('.lag .split rect').length;
         press('2');
         const log = await until('its log', () => frame().log?.index === open.index && frame().log.replicas.length === 3 && frame().log);
         const files = await until('the producer state', () => document.querySelector('.producers') && document.querySelector('.files').innerText);
         return {{ id: id(), told, producer, open, kinds: [...kinds], parts, bar, log, files }};"
        ),
        &[json!(GROUP)],
    )?;
    expect(answer["id"]["state"] == "Ongoing" && answer["id"]["coordinator"].as_i64() > Some(0), || {
        format!("the transactional id: {}", answer["id"])
    })?;
    let (told, producer) = (text(&answer, "/told"), text(&answer, "/producer"));
    expect(told.contains("Ongoing") && told.contains("open for") && told.contains("60.0 s"), || told.to_owned())?;
    expect(producer.contains("next seq") && producer.contains("till"), || producer.to_owned())?;
    for kind in ["committed", "commit", "abort", "aborted", "open"] {
        let kinds = answer["kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
        expect(kinds.contains(&json!(kind)), || format!("no batch on the Stage is {kind}: {}", answer["kinds"]))?;
    }
    let part = |name: &str| answer["parts"]["parts"][name].as_u64().unwrap_or_default();
    let sum: u64 = ["readable", "open", "held_back", "aborted", "markers", "compacted", "deleted", "unknown"]
        .map(part)
        .iter()
        .sum();
    expect(answer["parts"]["lag"].as_u64() == Some(sum), || format!("the lag: {}", answer["parts"]))?;
    expect(part("open") > 0 && answer["bar"].as_u64() > Some(0), || {
        format!("the open transaction: {}", answer["parts"])
    })?;
    let first = &answer["log"]["replicas"][0];
    expect(
        first["first_unstable"] == first["last_stable"]
            && first["producers"][0]["open_from"] == first["first_unstable"],
        || format!("the leader's log: {first}"),
    )?;
    expect(text(&answer, "/files").contains("Producer state"), || format!("the files: {}", answer["files"]))
}

/// The file of a built-in scenario.
fn builtin(name: &str) -> Outcome<String> {
    let path = crate::run::top().join(format!("www/scenarios/{name}.toml"));
    std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Where the world stands still a bar is filled, where some go on it is hollow; texts of scenarios show no marks of Markdown.
pub(super) fn rebalance_bars(window: &mut Window) -> Outcome {
    const LOOK: &str = "
        const look = async toml => {
            await lab.load(toml);
            await lab.seek(24_000_000);
            await still();
            const bars = [...document.querySelectorAll('.rebalance')].map(it => ({
                about: it.querySelector('title').textContent, words: it.querySelector('text')?.textContent,
                stops: it.querySelectorAll('.stop').length, wide: it.querySelector('rect').getBoundingClientRect().width }));
            return { bars, about: document.querySelector('.inspector header').innerHTML };
        };
        return { eager: await look(given[0]), cooperative: await look(given[1]) };";
    let files = [json!(builtin("rebalance-stops-the-world")?), json!(builtin("rebalance-cooperative")?)];
    let answer = act(window, LOOK, &files)?;
    let eager = &answer["eager"]["bars"][1];
    expect(
        text(eager, "/about").contains("shipping-3 joined") && text(eager, "/about").contains("nobody read for 5."),
        || format!("the eager rebalance: {answer}"),
    )?;
    expect(eager["stops"].as_u64() > Some(0) && text(eager, "/words").contains("generation 2: shipping-3"), || {
        eager.to_string()
    })?;
    // Six of forty seconds.
    expect(eager["wide"].as_f64() > Some(100.0), || eager.to_string())?;
    let cooperative = answer["cooperative"]["bars"].as_array().map(Vec::as_slice).unwrap_or_default();
    expect(cooperative.len() == 3 && cooperative.iter().all(|it| it["stops"] == 0), || format!("{cooperative:?}"))?;
    expect(text(&cooperative[1], "/about").contains("shipping-1 went on"), || format!("{cooperative:?}"))?;
    let about = text(&answer, "/eager/about");
    expect(
        about.contains("<em>all</em>") && about.contains("<code>loglab run</code>") && !about.contains(['*', '`']),
        || about.to_owned(),
    )
}

/// What a group, a member, a producer and a partition are at, in a sentence that the frame bears out; the legend by key and button.
pub(super) fn sentence_and_legend(window: &mut Window) -> Outcome {
    let answer = act(
        window,
        &format!(
            "{OPEN}
         const sentence = () => document.querySelector('.sentence')?.innerText;
         await select('shipping', () => 'group' in lab.state().selection && group().offsets.some(it => it.parts));
         const of_group = sentence(), lag = group().offsets.reduce((sum, it) => sum + it.lag, 0), charts = document.querySelectorAll('.lag .behind').length;
         await select('shop', () => inspector().includes('next seq'));
         const of_producer = sentence(), sending = frame().producers[0].sending;
         const before = document.querySelectorAll('.legend li').length;
         press('y');
         const stage = await until('the legend', () => document.querySelector('.legend')?.innerText);
         press('2');
         const log = await until('that of the Log view', () => document.querySelector('.legend')?.innerText.includes('C commits'));
         named('.views .button', 'Legend').click();
         await until('it is gone', () => !document.querySelector('.legend'));
         return {{ of_group, lag, charts, of_producer, sending, before, stage, log }};"
        ),
        &[json!(GROUP)],
    )?;
    let of_group = text(&answer, "/of_group");
    for words in ["generation 1, Stable, 2 members", "a shipping-1 owns orders-", &format!("lag {}", answer["lag"])] {
        expect(of_group.contains(words), || format!("not `{words}`: {of_group}"))?;
    }
    expect(answer["charts"] == 4, || format!("curves: {}", answer["charts"]))?;
    let (of_producer, sending) = (text(&answer, "/of_producer"), &answer["sending"]);
    let id = format!("PID {}, epoch {}", sending["producer_id"], sending["producer_epoch"]);
    expect(of_producer.contains(&id) && of_producer.contains("in flight"), || format!("{of_producer}: {sending}"))?;
    let stage = text(&answer, "/stage");
    expect(answer["before"] == 0 && stage.contains("LSO") && stage.contains("nobody reads"), || stage.to_owned())
}
