//! Runs one case and collects every difference from its recorded facts.

use serde_json::{Map, Value, json};

use super::case::{self, Case, Operation};
use super::compare::differences;
use super::failure::Failure;
use super::normalise::{self, Layout, Layouts};
use super::source::Recordings;
use super::world::{World, state};
use super::{ops, saved};

/// After these the recorded facts hold no state.
const WITHOUT_STATE: [&str; 10] = [
    "save",
    "tick",
    "offsetsForTimes",
    "read",
    "abortedTxns",
    "endOffsetForEpoch",
    "producers",
    "segments",
    "edit",
    "epochs",
];

/// Where the case at `path` differs from its recording; `Err` if it cannot be run.
pub fn run(recordings: &Recordings, path: &str) -> Result<Vec<String>, String> {
    let text = recordings.get(&format!("{path}/case.json")).unwrap_or_default();
    let mut case: Case = serde_json::from_slice(text).map_err(|error| format!("case.json: {error}"))?;
    let steps = case.ops.iter().map(case::step).collect::<Result<Vec<_>, _>>()?;
    let facts = recordings.get(&format!("{path}/facts.json")).ok_or("facts.json is missing")?;
    let facts: Vec<Value> = serde_json::from_slice(facts).map_err(|error| format!("facts.json: {error}"))?;
    if facts.len() != steps.len() {
        return Err(format!("{} facts for {} operations", facts.len(), steps.len()));
    }
    let mut world = World::new(&mut case, only_partition(&facts))?;
    let mut wrong = Vec::new();
    if !case.start_closed {
        for partition in 0..world.partitions.len() {
            let opened = world.open(partition, true, case.log_start_offset, 0);
            opened.map_err(|failure| format!("the first open: {}", text_of(&failure)))?;
        }
    }
    for (number, (step, mut recorded)) in steps.iter().zip(facts).enumerate() {
        let partition = world.index_of(step.partition.as_deref())?;
        let mut fact = Map::from_iter([("op".to_owned(), json!(number)), ("name".to_owned(), json!(step.name))]);
        let outcome = match &step.operation {
            Operation::Save { folder, deleted } => {
                let (fact, differences) = saved::save(&mut world, recordings, path, folder, *deleted);
                wrong.extend(differences.into_iter().map(|difference| format!("op {number} save: {difference}")));
                Ok(fact)
            }
            operation => ops::run(&mut world, partition, operation),
        };
        match outcome {
            Ok(Value::Null) => {}
            Ok(result) => drop(fact.insert("result".to_owned(), result)),
            Err(Failure::Kafka(error)) => drop(fact.insert("error".to_owned(), error)),
            Err(failure) => {
                wrong.push(format!("op {number} {}: {}", step.name, text_of(&failure)));
                continue;
            }
        }
        world.look_at_first_unstable_offsets();
        if !WITHOUT_STATE.contains(&step.name.as_str())
            && let Some(log) = &world.partitions[partition].log
        {
            fact.insert("state".to_owned(), state(log));
        }
        let layouts = layouts(&world);
        let mut here = Value::Object(fact);
        normalise::without_messages(&mut recorded);
        for side in [&mut recorded, &mut here] {
            normalise::without_sizes(&step.name, side, &layouts, partition);
        }
        let found = differences(&recorded, &here);
        wrong.extend(found.into_iter().map(|difference| format!("op {number} {}: {difference}", step.name)));
    }
    Ok(wrong)
}

fn text_of(failure: &Failure) -> String {
    match failure {
        Failure::Kafka(fact) => fact.to_string(),
        Failure::Wrong(what) => what.clone(),
    }
}

/// What the recording calls the partition of a case that names none: the cleaner's facts tell it.
fn only_partition(facts: &[Value]) -> &str {
    let told = facts.iter().find_map(|fact| {
        let result = fact.get("result")?;
        match fact.get("name")?.as_str()? {
            "candidates" | "deleteByCleaner" => result.as_object()?.keys().next().map(String::as_str),
            "clean" => result.get("selected")?.as_str(),
            _ => None,
        }
    });
    told.unwrap_or("partition-0")
}

/// Which batches of the present segments of each partition are compressed.
fn layouts(world: &World) -> Layouts {
    let mut layouts = Layouts::default();
    for (partition, place) in world.partitions.iter().enumerate() {
        let mut layout = Layout::default();
        for name in world.files(partition).keys() {
            let base = name.strip_suffix(".log").and_then(|base| base.parse().ok());
            if let (Some(base), Some(bytes)) = (base, world.bytes(&format!("{}/{name}", place.name))) {
                layout.add(base, &bytes);
            }
        }
        layouts.add(&place.name, layout);
    }
    layouts
}
