//! Files that are dropped onto the page.

use serde_json::{Value, json};

use super::{QUIET, act, expect};
use crate::Outcome;
use crate::webdriver::{Window, text};

pub(super) fn broken_file(window: &mut Window) -> Outcome {
    let broken = QUIET.replace("partitions", "partitons");
    let line = broken.lines().zip(1..).find_map(|(line, number)| line.contains("partitons").then_some(number));
    let answer = window.wait(
        "const [toml] = given, lab = window.loglab, before = lab.frame().run.title;
         const dataTransfer = new DataTransfer();
         dataTransfer.items.add(new File([toml], 'broken.toml'));
         const target = document.elementFromPoint(innerWidth / 2, innerHeight / 2) || document.body;
         for (const type of ['dragenter', 'dragover', 'drop'])
             target.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
         for (let tries = 0; tries < 100 && lab.state().errors.length === 0; tries++)
             await new Promise(done => setTimeout(done, 100));
         await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
         return { errors: lab.state().errors, text: document.body.innerText, before, after: lab.frame().run.title };",
        &[json!(broken)],
    )?;
    let error = &answer["errors"][0];
    let message = text(error, "/message");
    expect(message.contains("partitons") && message.contains("partitions"), || {
        format!("the error does not help: {answer}")
    })?;
    expect(error["line"].as_u64() == line, || format!("not line {line:?}: {error}"))?;
    expect(text(&answer, "/text").contains(message), || format!("the error is not on the screen: {answer}"))?;
    expect(answer["before"] == answer["after"], || format!("the broken file replaced the run: {answer}"))
}

/// Nothing, noise, fifty megabytes, a picture, a list of keys that mean nothing: each is refused with words that help.
pub(super) fn absurd_files(window: &mut Window) -> Outcome {
    let answers = act(
        window,
        "await lab.load(given[0]);
         await lab.seek(1_000_000);
         const hash = lab.hash(), told = {};
         const noise = crypto.getRandomValues(new Uint8Array(4096));
         const files = {
             empty: [''],
             binary: [noise],
             zeros: [new Uint8Array(4096)],
             huge: [new Uint8Array(50_000_000).fill(97)],
             huge_text: ['a = 1\\n'.repeat(150_000)],
             nothing: ['hello = \\'world\\'\\n'],
             deep: ['['.repeat(20_000)],
         };
         for (const [name, parts] of Object.entries(files)) {
             press('Escape');
             await until('the errors are gone', () => lab.state().errors.length === 0);
             drop(new File(parts, name + '.toml'));
             told[name] = (await until(name + ' is refused', () => lab.state().errors[0])).message;
             if (lab.hash() !== hash) throw new Error(name + ' changed the run');
         }
         await lab.seek(2_000_000);
         return told;",
        &[json!(QUIET)],
    )?;
    let told = |name: &str| answers[name].as_str().unwrap_or_default().to_owned();
    expect(answers.as_object().is_some_and(|all| all.values().all(Value::is_string)), || format!("{answers}"))?;
    expect(told("empty").contains("title"), || format!("an empty file: {answers}"))?;
    expect(told("binary").contains("UTF-8") && told("zeros").contains("UTF-8"), || format!("noise: {answers}"))?;
    expect(told("huge").contains("at most"), || format!("fifty megabytes: {answers}"))
}
