//! Buttons, keys, touch: a person's ways to act, and that everything can be reached and read.

use serde_json::{Value, json};

use super::{QUIET, act, expect};
use crate::Outcome;
use crate::webdriver::{Window, text};

pub(super) fn transport(window: &mut Window) -> Outcome {
    act(
        window,
        "await lab.load(given[0]);
         for (const wrong of [5, {}, null]) {
           const why = await lab.load(wrong).then(() => 'nothing', error => error);
           if (!(why instanceof TypeError)) throw new Error('load takes ' + wrong + ': ' + why);
         }
         const button = label => named('.transport button', label);
         button('Pause').click();
         await until('it stands', () => !lab.state().playing);
         await lab.seek(1_000_000);
         button('Play').click();
         await until('it plays', () => lab.state().playing && frame().run.time_us > 1_000_000);
         button('Pause').click();
         await until('it stands again', () => !lab.state().playing && !lab.state().busy);
         const speed = document.querySelector('.transport select');
         speed.value = '1000';
         speed.dispatchEvent(new Event('change', { bubbles: true }));
         await until('the speed is set', () => lab.state().speed === 1);

         await lab.seek(2_000_000);
         const from = { event: frame().run.event, hash: lab.hash() };
         button('One event on').click();
         await until('one event on', () => frame().run.event === from.event + 1);
         button('One event back').click();
         await until('one event back', () => frame().run.event === from.event);
         if (lab.hash() !== from.hash) throw new Error('one on and one back is another instant');

         await lab.command('kill leader of orders-0');
         await lab.seek(20_000_000);
         await lab.seek(2_100_000);
         button('Next interesting event').click();
         const next = await until('an interesting event', () => frame().run.time_us > 2_100_000 && frame().run);
         if (!frame().events.some(it => it.number === next.event)) throw new Error('nothing notable at ' + next.event);
         button('Previous interesting event').click();
         await until('the one before', () => frame().run.time_us <= 2_100_000);

         const track = document.querySelector('.track'), place = track.getBoundingClientRect();
         const point = (type, part) => track.dispatchEvent(new PointerEvent(type, {
             pointerId: 1, bubbles: true, clientX: place.left + place.width * part, clientY: place.top + 20 }));
         point('pointerdown', 0.5);
         await until('half the run', () => Math.abs(frame().run.time_us - 30_000_000) < 1_000_000);
         const half = lab.hash();
         point('pointermove', 0.1);
         await until('a tenth', () => Math.abs(frame().run.time_us - 6_000_000) < 1_000_000);
         point('pointermove', 0.5);
         await until('half again', () => lab.hash() === half);
         point('pointerup', 0.5);",
        &[json!(QUIET)],
    )
    .map(drop)
}

pub(super) fn keys(window: &mut Window) -> Outcome {
    let answer = act(
        window,
        "await lab.load(given[0]);
         document.querySelector('.view canvas').focus();
         press(' ');
         await until('space stops', () => !lab.state().playing);
         await lab.seek(2_000_000);
         const event = frame().run.event, hash = lab.hash();
         press('.'); await until('.', () => frame().run.event === event + 1);
         press(','); await until(',', () => lab.hash() === hash);
         press('ArrowRight'); await until('right', () => frame().run.time_us === 2_600_000);
         press('ArrowLeft'); await until('left', () => frame().run.time_us === 2_000_000);
         press('End'); await until('end', () => frame().run.time_us === frame().run.duration_us);
         press('Home'); await until('home', () => frame().run.time_us === 0);
         press('n'); await until('n', () => frame().run.time_us > 0);
         await lab.seek(5_000_000);
         press('N'); await until('N', () => frame().run.time_us < 5_000_000);
         const speed = lab.state().speed;
         press('+'); await until('+', () => lab.state().speed > speed);
         press('-'); await until('-', () => lab.state().speed === speed);
         press(']'); await until(']', () => lab.state().selection !== 'none');
         press('['); await until('[', () => lab.state().selection !== 'none');
         press('Escape'); await until('nothing selected', () => lab.state().selection === 'none');
         press('?'); await until('help', () => document.querySelector('[role=dialog] .keys'));
         const listed = document.querySelector('[role=dialog]').innerText;
         press('Escape'); await until('no help', () => !document.querySelector('[role=dialog]'));
         press('s'); await until('scenarios', () => document.querySelector('[role=dialog] .list'));
         press('Escape'); await until('no scenarios', () => !document.querySelector('[role=dialog]'));
         const theme = lab.state().theme;
         press('t'); await until('theme', () => document.documentElement.dataset.theme !== theme);
         press('t'); await until('theme back', () => document.documentElement.dataset.theme === theme);
         await lab.seek(5_000_000);
         if (frame().view !== 'stage' || !frame().brokers[0].replicas[0].tail.length) throw new Error('no tails on the stage');
         press('2'); await until('log', () => document.querySelector('.log canvas'));
         if (frame().view !== 'log' || frame().packets.length || frame().brokers[0].replicas[0].tail.length)
             throw new Error('the Log view is told what it does not show');
         press('1'); await until('stage', () => !document.querySelector('.log canvas'));
         return { listed };",
        &[json!(QUIET)],
    )?;
    let listed = text(&answer, "/listed");
    let missing: Vec<_> =
        ["Space", "Home", "Escape", "PageDown", "kill it, or restart it", "cut it, or heal it", "dark or light"]
            .into_iter()
            .filter(|key| !listed.contains(key))
            .collect();
    expect(missing.is_empty(), || format!("{missing:?} not listed in {listed}"))
}

/// Kill and restart by a button and by a key, cut and heal by a key and by a button.
pub(super) fn commands(window: &mut Window) -> Outcome {
    let commands = act(
        window,
        "await lab.load(given[0]);
         const broker = id => frame().brokers.find(it => it.id === id);
         const row = label => named('.rail button.row', label);
         await lab.seek(3_000_000);
         row('broker 2').click();
         await until('broker 2 is selected', () => lab.state().selection.node && lab.state().selection.node.broker === 2);
         named('.actions button', 'kill broker 2').click();
         await until('it is killed', () => broker(2).state === 'killed');
         if (!broker(2).replicas.length) throw new Error('its replicas are gone from the picture');
         await lab.seek(4_000_000);
         press('k');
         await until('it is restarted', () => broker(2).state !== 'killed');
         await lab.seek(6_000_000);
         named('.inspector li button.button', 'cut link broker 2 - broker 3').click();
         await until('the link is cut', () => frame().cuts.length > 0);
         named('.inspector li button.name', 'broker 3').click();
         await until('the link is selected', () => lab.state().selection.link);
         await lab.seek(7_000_000);
         press('x');
         await until('the link is healed', () => frame().cuts.length === 0);
         return lab.state().commands;",
        &[json!(QUIET)],
    )?;
    let recorded = json!([
        { "at_us": 3_000_000, "text": "kill broker 2" },
        { "at_us": 4_000_000, "text": "restart broker 2" },
        { "at_us": 6_000_000, "text": "cut link broker 2 - broker 3" },
        { "at_us": 7_000_000, "text": "heal link broker 2 - broker 3" },
    ]);
    expect(commands == recorded, || format!("recorded: {commands}"))
}

pub(super) fn telephone(window: &mut Window) -> Outcome {
    let screen = json!({ "width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true });
    window.chromium("Emulation.setDeviceMetricsOverride", &screen)?;
    window.chromium("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true }))?;
    act(
        window,
        "await until('the narrow page', () => innerWidth === 390); await lab.load(given[0]); await lab.seek(2_000_000);",
        &[json!(QUIET)],
    )?;
    tap(window, "header button[aria-label=Processes]")?;
    act(window, "await until('the cast is open', () => document.querySelector('.rail').offsetHeight > 100);", &[])?;
    tap(window, ".rail button.row[aria-label^='broker 1']")?;
    act(window, "await until('broker 1 is selected', () => lab.state().selection.node);", &[])?;
    tap(window, "header button[aria-label=Inspector]")?;
    act(
        window,
        "await until('the inspector is open', () => document.querySelector('.inspector').offsetHeight > 100);",
        &[],
    )?;
    tap(window, ".actions button")?;
    act(window, "await until('it is killed', () => frame().brokers[0].state === 'killed');", &[])?;
    tap(window, "header button[aria-label=Inspector]")?;
    tap(window, ".views .tab:nth-of-type(2)")?;
    let wide = act(
        window,
        "await until('the log', () => document.querySelector('.log canvas') && frame().log);
         await still();
         return { page: document.documentElement.scrollWidth, canvas: document.querySelector('.log canvas').offsetWidth,
             small: [...document.querySelectorAll('.transport button, .app > header button, .views button')]
                 .filter(it => it.offsetWidth && (it.offsetHeight < 36 || it.offsetWidth < 32))
                 .map(it => it.outerHTML) };",
        &[],
    )?;
    expect(wide["page"] == 390 && wide["canvas"] == 390, || format!("wider than the screen: {wide}"))?;
    expect(wide["small"] == json!([]), || format!("too small for a finger: {wide}"))
}

/// A finger on the middle of an element.
fn tap(window: &mut Window, selector: &str) -> Outcome {
    let place = act(
        window,
        "const it = await until(given[0], () => document.querySelector(given[0]));
         it.scrollIntoView({ block: 'nearest' });
         const { left, top, width, height } = it.getBoundingClientRect();
         return { x: left + width / 2, y: top + height / 2 };",
        &[json!(selector)],
    )?;
    window.chromium("Input.dispatchTouchEvent", &json!({ "type": "touchStart", "touchPoints": [place] }))?;
    window.chromium("Input.dispatchTouchEvent", &json!({ "type": "touchEnd", "touchPoints": [] })).map(drop)
}

pub(super) fn accessible(window: &mut Window) -> Outcome {
    act(
        window,
        "await lab.load(given[0]); await lab.seek(2_000_000); document.querySelector('.brand').scrollTop;",
        &[json!(QUIET)],
    )?;
    let mut unseen: Vec<Value> = Vec::new();
    for _ in 0..12 {
        for kind in ["rawKeyDown", "keyUp"] {
            let tab = json!({ "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
            window.chromium("Input.dispatchKeyEvent", &tab)?;
        }
        let focus = act(
            window,
            "const it = document.activeElement, style = getComputedStyle(it);
             return { seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1, what: it.outerHTML.slice(0, 120) };",
            &[],
        )?;
        if focus["seen"] != json!(true) {
            unseen.push(focus);
        }
    }
    expect(unseen.is_empty(), || format!("focus is not seen: {unseen:?}"))?;
    let stage = act(
        window,
        "for (let time = 2_000_000; frame().packets.length === 0; time += 300) await lab.seek(time);
         const canvas = document.querySelector('.view canvas');
         await until('packets are listed', () => document.querySelectorAll('.view ul.hidden li').length > 0);
         return { label: canvas.getAttribute('aria-label'), about: canvas.getAttribute('aria-description') };",
        &[],
    )?;
    expect(!text(&stage, "/label").is_empty() && !text(&stage, "/about").is_empty(), || format!("{stage}"))
}

/// Between two instants of one message's way nothing happens but travel: the picture changes, unless the person wants
/// less motion.
pub(super) fn less_motion(window: &mut Window) -> Outcome {
    const CHANGES: &str = "
        await lab.load(given[0]);
        const picture = async time => { await lab.seek(time); await still(); return document.querySelector('.view canvas').toDataURL(); };
        for (let time = 2_000_000; time < 3_000_000; time += 250) {
            await lab.seek(time);
            const [only, other] = frame().packets;
            if (!only || other || only.arrives_us - only.sent_us < 400) continue;
            // A third and a bit more of the way: the same quarter.
            const [early, late] = [0.30, 0.36].map(part => only.sent_us + (only.arrives_us - only.sent_us) * part);
            const one = await picture(early), event = frame().run.event;
            const two = await picture(late);
            if (frame().run.event === event && frame().packets.length === 1) return one !== two;
        }
        throw new Error('no message travels alone');";
    for (motion, changes) in [("no-preference", true), ("reduce", false)] {
        let media = json!({ "features": [{ "name": "prefers-reduced-motion", "value": motion }] });
        window.chromium("Emulation.setEmulatedMedia", &media)?;
        let changed = act(window, CHANGES, &[json!(QUIET)])?;
        expect(changed == json!(changes), || {
            format!("prefers-reduced-motion {motion}: the picture changes: {changed}")
        })?;
    }
    Ok(())
}

/// Many faults, wide and narrow: each word is on the row, over no other, and no mark's line goes through it.
pub(super) fn timeline_words(window: &mut Window) -> Outcome {
    let faults: String = [9, 10, 11, 20, 21, 40, 58]
        .map(|at| format!("[[fault]]\nat = \"{at}s\"\nslow = \"link broker 1 - broker 2\"\nby = \"30ms\"\n"))
        .concat();
    for (width, mobile) in [(1280, false), (390, true)] {
        let screen = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": mobile });
        window.chromium("Emulation.setDeviceMetricsOverride", &screen)?;
        let answer = act(
            window,
            "await lab.load(given[0]);
             await still();
             await until('the words', () => document.querySelectorAll('.track text').length > 8);
             const box = it => it.getBoundingClientRect(), track = box(document.querySelector('.track'));
             const marks = [...document.querySelectorAll('.track .mark')];
             const words = marks.map(it => it.nextElementSibling).filter(it => it?.tagName === 'text');
             const crossed = words.filter(it => marks.some(mark => {
                 const a = box(it), b = box(mark);
                 return b.left > a.left + 1 && b.left < a.right - 1 && b.top < a.bottom - 3 && b.bottom > a.top;
             })).map(it => it.textContent);
             const outside = words.filter(it => box(it).left < track.left - 1 || box(it).right > track.right + 1);
             return { words: words.length, crossed, outside: outside.map(it => it.textContent) };",
            &[json!(format!("{QUIET}{faults}"))],
        )?;
        let few = answer["words"].as_u64() < Some(4);
        expect(!few && answer["crossed"] == json!([]) && answer["outside"] == json!([]), || {
            format!("{width}: {answer}")
        })?;
    }
    Ok(())
}
