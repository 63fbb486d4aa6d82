//! The Log view.

use serde_json::json;

use super::{QUIET, act, expect};
use crate::Outcome;
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
    expect(text(&answer, "/files").contains("00000000000000000000.log"), || format!("files: {}", answer["files"]))?;
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
         press('f');
         await until('the end again', () => frame().log.first === end.first);
         press('{{');
         await until('more offsets', () => frame().log.offsets > end.offsets);
         press('}}');
         await until('fewer offsets', () => frame().log.offsets === end.offsets);
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
