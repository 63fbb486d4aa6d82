//! The figures that a whole run measures, what each should be, and the table that tells.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::Outcome;

/// What a figure should be.
enum Aim {
    AtLeast(f64),
    AtMost(f64),
    /// At least so many times another figure.
    Times(f64, &'static str),
    /// It is measured to be seen.
    None,
    /// The same, where the tool that measures it is there.
    IfPossible,
}

use Aim::{AtLeast, AtMost, Times};

const FIGURES: [(&str, Aim); 40] = [
    ("kernel_events_per_s_native", AtLeast(10e6)),
    ("kernel_events_per_s_node", Aim::None),
    ("kernel_events_per_s_chromium", Times(0.65, "kernel_events_per_s_native")),
    ("events_per_s_native", AtLeast(1.5e6)),
    ("events_per_s_node", Aim::None),
    ("events_per_s_chromium", Times(0.65, "events_per_s_native")),
    ("seek_p50_ms_native", Aim::None),
    ("seek_p95_ms_native", AtMost(15.0)),
    ("seek_p50_ms_chromium", Aim::None),
    ("seek_p95_ms_chromium", AtMost(50.0)),
    ("snapshot_us", Aim::None),
    ("run_memory_mb", AtMost(200.0)),
    ("explore_1000x10k_s", AtMost(8.0)),
    ("checkers_percent", AtMost(33.3)),
    ("checkers_nemesis_percent", AtMost(33.3)),
    ("transactions_and_groups_events_per_s", AtLeast(1e6)),
    ("join_100_members_ms", Aim::None),
    ("join_100_members_events", Aim::None),
    ("growth_3x6_events_per_s", Aim::None),
    ("growth_3x100_events_per_s", Aim::None),
    ("growth_3x1000_events_per_s", Aim::None),
    ("growth_30x100_events_per_s", Aim::None),
    ("growth_30x1000_events_per_s", Times(0.67, "growth_3x6_events_per_s")),
    ("allocations_per_event", Aim::None),
    ("instructions_per_event", Aim::IfPossible),
    ("first_frame_ms_chromium", Aim::None),
    ("app_gzip_kb", AtMost(400.0)),
    ("worker_gzip_kb", AtMost(1_700.0)),
    ("scan_mb_per_s", Times(1.0, "kafka_scan_mb_per_s")),
    ("scan_mb_per_s_single", Times(1.0, "kafka_scan_mb_per_s_single")),
    ("clean_mb_per_s", Times(1.0, "kafka_clean_mb_per_s")),
    ("clean_mb_per_s_single", Times(1.0, "kafka_clean_mb_per_s_single")),
    ("dump_mb_per_s", Times(1.0, "kafka_dump_mb_per_s")),
    ("dump_mb_per_s_single", Times(1.0, "kafka_dump_mb_per_s_single")),
    ("dump_json_mb_per_s", Times(0.5, "dump_mb_per_s")),
    ("dump_json_mb_per_s_single", Times(0.5, "dump_mb_per_s_single")),
    ("recovery_mb_per_s", Times(1.0, "kafka_recovery_mb_per_s")),
    ("recovery_mb_per_s_single", Times(1.0, "kafka_recovery_mb_per_s_single")),
    ("append_records_per_s", Times(1.0, "kafka_append_records_per_s")),
    ("append_records_per_s_single", Times(1.0, "kafka_append_records_per_s_single")),
];

/// An error where a whole run left a figure out.
pub fn check_whole(measured: &Map<String, Value>, with_kafka: bool) -> Outcome {
    let kafkas = FIGURES.iter().filter_map(|(_, aim)| match aim {
        Times(_, other) if with_kafka && other.starts_with("kafka_") => Some(*other),
        AtLeast(_) | AtMost(_) | Times(..) | Aim::None | Aim::IfPossible => None,
    });
    let needed = FIGURES.iter().filter(|(_, aim)| !matches!(aim, Aim::IfPossible));
    let missing: Vec<&str> =
        needed.map(|(name, _)| *name).chain(kafkas).filter(|name| !measured.contains_key(*name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not measured: {}", missing.join(", "))) }
}

/// A line for each figure that is known, with its aim and whether it is reached.
pub fn table(figures: &Map<String, Value>, measured: &Map<String, Value>) -> String {
    let value = |name: &str| figures.get(name)?.get("value")?.as_f64();
    let mut table = String::new();
    for (name, aim) in &FIGURES {
        let Some(reached) = value(name) else { continue };
        let unit = figures[*name]["unit"].as_str().unwrap_or_default();
        let age = if measured.contains_key(*name) { "" } else { "(of an earlier run)" };
        let said = match aim {
            AtLeast(aim) => format!("aim {aim} or more: {}", words(reached >= *aim)),
            AtMost(aim) => format!("aim {aim} or less: {}", words(reached <= *aim)),
            Times(times, other) => match value(other) {
                Some(other_value) => {
                    let ratio = reached / other_value;
                    format!("{ratio:.2} of {other}, aim {times}: {}", words(ratio >= *times))
                }
                None => String::new(),
            },
            Aim::None | Aim::IfPossible => String::new(),
        };
        let _ = writeln!(table, "{}", format!("{name:<30} {reached:>12} {unit:<9} {said} {age}").trim_end());
    }
    table
}

fn words(is_reached: bool) -> &'static str {
    if is_reached { "reached" } else { "NOT reached" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn figures(of: &[(&str, f64)]) -> Map<String, Value> {
        of.iter().map(|(name, value)| ((*name).to_owned(), json!({ "value": value, "unit": "ms" }))).collect()
    }

    #[test]
    fn a_table_says_which_aims_are_reached() {
        let known = figures(&[
            ("seek_p95_ms_native", 12.5),
            ("events_per_s_native", 1e6),
            ("events_per_s_chromium", 7e5),
            ("run_memory_mb", 201.0),
        ]);
        let table = table(&known, &figures(&[("seek_p95_ms_native", 12.5)]));
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].ends_with("aim 1500000 or more: NOT reached (of an earlier run)"), "{table}");
        assert!(lines[1].contains("0.70 of events_per_s_native, aim 0.65: reached"), "{table}");
        assert!(lines[2].ends_with("12.5 ms        aim 15 or less: reached"), "{table}");
        assert!(lines[3].contains("NOT reached"), "{table}");
    }

    #[test]
    fn a_run_that_leaves_a_figure_out_is_not_whole() {
        let mut measured = figures(&FIGURES.map(|(name, _)| (name, 1.0)));
        assert_eq!(check_whole(&measured, false), Ok(()));
        assert!(check_whole(&measured, true).is_err_and(|why| why.contains("kafka_scan_mb_per_s_single")));
        measured.remove("snapshot_us");
        assert_eq!(check_whole(&measured, false), Err("not measured: snapshot_us".to_owned()));
    }
}
