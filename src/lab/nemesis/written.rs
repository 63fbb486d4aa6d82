//! Faults as a file has them: what was drawn in one run can be read, changed and done again.

use std::fmt::Write;

use crate::lab::scenario::Fault;
use crate::lab::scenario::units::duration_text;

/// The `[[fault]]`s of a file that does the same.
#[must_use]
pub fn tables(faults: &[Fault]) -> String {
    faults.iter().map(table).collect()
}

fn table(fault: &Fault) -> String {
    let row = fault.action.row();
    let mut text =
        format!("\n[[fault]]\nat = \"{}\"\n{} = \"{}\"\n", duration_text(fault.at_us), row.word, fault.target);
    if let Some((parameter, amount)) = row.parameter.zip(fault.action.amount()) {
        let quote = if parameter.amount.is_number() { "" } else { "\"" };
        let _ = writeln!(text, "{} = {quote}{}{quote}", parameter.key, parameter.amount.write(amount));
    }
    if let Some((after, us)) = row.undo.and_then(|undo| undo.row().after).zip(fault.undo_after_us) {
        let _ = writeln!(text, "{after} = \"{}\"", duration_text(us));
    }
    text
}
