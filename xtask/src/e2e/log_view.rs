//! The Log view.

use serde_json::json;

use super::{QUIET, act, expect};
use crate::Outcome;
use crate::run::top;
use crate::webdriver::{Window, text};

/// Opens the Log view at an instant at which there are records.
const OPEN: &str = "
    await lab.load(given[0]);
    await lab.seek(4_000_000);
    press('2');
    await until('the logs', () => frame().log && frame().log.replicas.length === 3 && frame().log.offsets > 5);
    await still();
";

pub(super) fn opens_a_batch(window: &mut Window) -> Outcome {
    let answer = act(
        window,
        &format!(
            "{OPEN}
         const log = frame().log;
         const files = document.querySelector('.files').innerText;
         const spoken = document.querySelector('.log table.hidden').innerText;
         press('b');
         const open = await until('a batch is open', () => frame().log.open);
         await until('its fields are listed', () => document.querySelectorAll('tr.field').length > 13);
         const hex = document.querySelector('.dump').innerText.match(/0000\\s+((?:[0-9a-f]{{2}}\\s+){{8}})/)[1];
         const base = Number('0x' + hex.replace(/\\s/g, ''));
         const lit = () => [...document.querySelectorAll('.run.lit')].map(it => it.innerText).join(' ');
         const field = name => [...document.querySelectorAll('tr.field')].find(it => it.innerText.startsWith(name));
         field('crc').dispatchEvent(new PointerEvent('pointerover', {{ bubbles: true }}));
         const crc = await until('the bytes of the CRC are lit', () => lit());
         document.querySelectorAll('.run')[0].dispatchEvent(new PointerEvent('pointerover', {{ bubbles: true }}));
         await until('their field is lit', () => document.querySelector('tr.field.lit').innerText.startsWith('baseOffset'));
         const covered = open.fields.reduce((at, it) => at === it.at ? at + it.len : -1, 0);
         press('Escape');
         await until('it is closed', () => !frame().log.open && document.querySelector('.files'));
         const selection = lab.state().selection;
         return {{ log, files, spoken, base, first: open.base, crc, told: field && open.fields[4].value, covered, size: open.size,
             valid: open.crc_valid, selection }};"
        ),
        &[json!(QUIET)],
    )?;
    let files = text(&answer, "/files");
    let active = files.lines().find(|line| line.starts_with("00000000000000000000"));
    let has_entries = active.is_some_and(|line| line.contains("active") && line.contains(" entries"));
    expect(files.contains(".timeindex") && has_entries, || format!("files: {files}"))?;
    expect(text(&answer, "/spoken").contains("broker 1 leads"), || format!("the table: {}", answer["spoken"]))?;
    expect(answer["base"] == answer["first"] && answer["valid"] == json!(true), || format!("the bytes: {answer}"))?;
    let crc = text(&answer, "/crc").replace(' ', "");
    expect(text(&answer, "/told").starts_with(&crc), || format!("the CRC: {answer}"))?;
    expect(answer["covered"] == answer["size"], || format!("bytes without a meaning: {answer}"))?;
    expect(answer["selection"]["partition"]["topic"] == "orders", || format!("the selection: {}", answer["selection"]))
}

pub(super) fn moves(window: &mut Window) -> Outcome {
    let two = QUIET.replace("partitions = 1", "partitions = 2").replace("20/s", "50/s");
    act(
        window,
        &format!(
            "{OPEN}
         await lab.seek(20_000_000);
         const end = await until('the end is followed', () => frame().log.latest > 100 && frame().log);
         if (end.first + end.offsets < end.latest) throw new Error('the end is out of sight: ' + JSON.stringify(end));
         press('PageUp');
         await until('earlier offsets', () => frame().log.first < end.first);
         document.querySelector('.log canvas').focus();
         press('g');
         const input = document.activeElement;
         if (!input.matches('.offset')) throw new Error('no place to write an offset');
         input.value = '40';
         input.dispatchEvent(new Event('change', {{ bubbles: true }}));
         await until('offset 40', () => frame().log.first === 40);
         press('b');
         await until('a batch is open there', () => frame().log.open);
         if (frame().log.first !== 40) throw new Error('the window moved');
         press('Escape');
         press('f');
         await until('the end again', () => frame().log.first === end.first);
         press('{{');
         await until('more offsets', () => frame().log.offsets > end.offsets);
         press('}}');
         await until('fewer offsets', () => frame().log.offsets === end.offsets);
         document.querySelector('.log canvas').focus();
         press('b');
         const chosen = await until('a batch', () => lab.state().selection.batch);
         const row = broker => frame().log.replicas.findIndex(it => it.broker === broker);
         press(row(chosen.broker) === 0 ? 'ArrowDown' : 'ArrowUp');
         const other = await until('another replica', () =>
             lab.state().selection.batch.broker !== chosen.broker && lab.state().selection.batch);
         if (Math.abs(row(other.broker) - row(chosen.broker)) !== 1) throw new Error('not its neighbour');
         press('Escape');
         named('.rail button.row', 'orders-1').click();
         await until('the other partition', () => frame().log.index === 1);
         await lab.seek(10_000_000);
         const leader = frame().log.replicas.find(it => it.role === 'leader').broker;
         await lab.command('kill broker ' + leader);
         await until('its replica is offline', () => frame().log.replicas.find(it => it.broker === leader).role === 'offline');
         if (!frame().log.replicas.find(it => it.broker === leader).batches.length) throw new Error('its batches are gone');
         press('1');
         await until('the stage', () => !frame().log);
         if (lab.state().selection.partition.index !== 1) throw new Error('the selection is lost');"
        ),
        &[json!(two)],
    )
    .map(drop)
}

/// Each step of a pass over a compacted log, its files, and the log with its gaps afterwards.
pub(super) fn cleaner(window: &mut Window) -> Outcome {
    let path = top().join("www/scenarios/compaction-step-by-step.toml");
    let toml = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let answer = act(
        window,
        "await lab.load(given[0]);
         press('2');
         await until('the logs', () => frame().log && frame().log.offsets > 5);
         await lab.seek(14_990_000);
         for (let steps = 0; steps < 6; steps++) press('{');
         await until('the whole log', () => frame().log.first === 0 && frame().log.offsets > 150);
         const leader = () => frame().log.replicas.find(it => it.role === 'leader');
         const offsets = () => leader().batches.flatMap(it => it.records.map(record => record.offset));
         const canvas = () => document.querySelector('.log canvas').toDataURL();
         const before = { dirty: leader().cleaning, offsets: offsets(), picture: canvas() };
         const seen = {};
         for (let steps = 0; steps < 3000 && !(seen.replacing && !leader().cleaning.pass); steps++) {
             press('.');
             await still();
             const pass = leader().cleaning.pass;
             if (!pass) continue;
             const it = seen[pass.doing] ||= { copied: 0, endings: [], spoken: '', picture: '' };
             it.endings = [...new Set([...it.endings, pass.ending])];
             if (it.copied > pass.copied.length) continue;
             it.copied = pass.copied.length;
             it.picture = canvas();
             it.spoken = [...document.querySelectorAll('.log table.hidden tr')]
                 .find(row => row.innerText.startsWith('broker ' + leader().broker)).lastElementChild.innerText;
         }
         const listed = document.querySelector('.files').innerText;
         const pictures = new Set([before.picture, canvas(), ...Object.values(seen).map(it => it.picture)]).size;
         for (const it of [before, ...Object.values(seen)]) delete it.picture;
         return { before, seen, pictures, after: { dirty: leader().cleaning, offsets: offsets() }, listed };",
        &[json!(toml)],
    )?;
    for (step, words) in
        [("mapping", "building the offset map"), ("copying", "to .cleaned"), ("replacing", "replacing")]
    {
        let spoken = answer["seen"][step]["spoken"].as_str().unwrap_or_default();
        expect(spoken.contains(words), || format!("{step} is not told: {}", answer["seen"][step]))?;
    }
    let copying = &answer["seen"]["copying"];
    expect(copying["copied"].as_u64() > Some(0), || format!("the new segment is not shown: {copying}"))?;
    let has = |step: &str, ending: &str| {
        answer["seen"][step]["endings"].as_array().is_some_and(|endings| endings.contains(&json!(ending)))
    };
    expect(has("copying", ".cleaned") && has("replacing", ".swap"), || format!("files: {}", answer["seen"]))?;
    expect(answer["pictures"] == json!(5), || format!("{} pictures of 5 states", answer["pictures"]))?;
    let dirty = |when: &str| answer[when]["dirty"]["first_dirty"].as_i64();
    expect(dirty("before") == Some(0) && dirty("after") > Some(100), || format!("dirty: {:?}", dirty("after")))?;
    let records = |when: &str| answer[when]["offsets"].as_array().map_or(0, Vec::len);
    expect(records("after") < records("before") / 2, || format!("nothing is removed: {}", answer["after"]))?;
    expect(text(&answer, "/listed").contains(".deleted"), || format!("the old segments' files: {}", answer["listed"]))
}

/// Faults of disks by a button and by keys, recorded, with what they do to the logs on the screen.
pub(super) fn damages_disks(window: &mut Window) -> Outcome {
    let answer = act(
        window,
        &format!(
            "{OPEN}
         const of = broker => frame().log.replicas.find(it => it.broker === broker);
         const broker = id => frame().brokers.find(it => it.id === id);
         const follower = frame().log.replicas.find(it => it.role === 'follower').broker;
         named('.rail button.row', 'broker ' + follower).click();
         await until('it is selected', () => lab.state().selection.node);
         named('.actions button', 'slow-disk broker ' + follower).click();
         await until('its disk is slow', () => broker(follower).disk_slowed_us === 50_000);
         press('d');
         await until('its disk is healed', () => broker(follower).disk_slowed_us === 0);
         await lab.seek(5_000_000);
         press('k');
         await until('it is down', () => broker(follower).state === 'killed');
         for (let tries = 0; tries < 3; tries++) {{ press('b'); await still(); }}
         await until('the selected batch is open', () =>
             frame().log.open && frame().log.open.base === lab.state().selection.batch.offset);
         if (frame().log.open.broker !== follower) throw new Error('the batch of another broker');
         const opened = frame().log.open.base;
         press('r');
         await until('the batch is rotten', () => of(follower).batches.some(it => it.base === opened && it.corrupt));
         await until('it is told', () => document.querySelector('.bytes header').innerText.includes('CRC-32C wrong'));
         press('l');
         await until('the indexes are gone', () => document.querySelector('.bytes') &&
             of(follower).segments.every(it => !it.files.some(file => file.name.endsWith('.index'))));
         await lab.seek(6_000_000);
         press('k');
         await until('it is up', () => ['running', 'fenced', 'starting'].includes(broker(follower).state));
         // A broker that begins again is refused until its old session has timed out, and asks ever more seldom.
         await lab.seek(28_000_000);
         const said = frame().events.map(it => it.text).join('; ');
         const leader = frame().log.replicas.find(it => it.role === 'leader').broker;
         // A key right after a click acts on what was clicked.
         named('.rail button.row', 'broker ' + leader).click();
         press('d');
         await until('its disk is full', () => broker(leader).disk_full);
         await lab.seek(29_000_000);
         const halted = broker(leader).state;
         named('.rail button.row', 'broker ' + follower).click();
         press('p');
         await until('it has lost power', () => broker(follower).state === 'power-lost');
         const torn = await until('what is on its medium', () => of(follower).torn);
         return {{ said, torn, halted, commands: lab.state().commands.map(it => it.text),
             follower, leader, opened }};"
        ),
        &[json!(QUIET)],
    )?;
    let said = text(&answer, "/said");
    expect(said.contains("index files rebuilt") && said.contains("CRC does not match"), || {
        format!("recovery: {said}")
    })?;
    expect(answer["halted"] == json!("halted"), || format!("a broker with a full disk: {}", answer["halted"]))?;
    let (follower, leader, opened) = (&answer["follower"], &answer["leader"], &answer["opened"]);
    let recorded = json!([
        format!("slow-disk broker {follower} by 50ms"),
        format!("heal-disk broker {follower}"),
        format!("kill broker {follower}"),
        format!("bit-rot replica of orders-0 on broker {follower} offset {opened}"),
        format!("lose-indexes replica of orders-0 on broker {follower}"),
        format!("restart broker {follower}"),
        format!("fill-disk broker {leader}"),
        format!("power-loss broker {follower}"),
    ]);
    expect(answer["commands"] == recorded, || format!("recorded: {}", answer["commands"]))
}
