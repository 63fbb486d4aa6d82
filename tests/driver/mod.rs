//! The random driver: random scenarios, and each gone through on many ways that must be the same run, event by event.
//!
//! A case is a number. From it come a scenario ([`scenario`]), things that a person does ([`acts`]), and where snapshots are
//! taken, limits set and instants sought. Whatever differs from the straight run is told with the first event at which it
//! does ([`run`]); a panic or a failed assertion of the simulator ends the case as well.

// Each target uses the part of it that it shows.
#![allow(dead_code)]

pub mod acts;
mod run;
mod scenario;

use std::sync::Arc;

use loglab::lab::fork::BranchId;
use loglab::lab::scenario::{Scenario, parse};
use loglab::lab::session::Session;
use loglab::sim::random::Random;

use run::{Divergence, Instant, Plan, Straight, world_event};
use scenario::Draft;

/// The cases that every target goes through each time: from 1 to this one.
pub const SLICE: u64 = 16;

/// `case SEED DIGEST` lines of these cases, as every target must find them.
const DIGESTS: &str = include_str!("digests.txt");

/// Most events of a case. Every sixteenth case may be longer, so that snapshots of the timeline come into play.
const EVENTS: u64 = 2_000;
const EVENTS_OF_LONG: u64 = 15_000;

/// A line for a case that holds on all ways, with a digest of its runs; for another what is wrong and how to see it.
pub fn case(seed: u64) -> Result<String, String> {
    let mut random = Random::stream(seed, "driver", 0);
    let draft = scenario::draft(&mut random);
    let digest = ways(seed, &draft, &mut random).map_err(|divergences| {
        let by_hand: Vec<String> =
            draft.by_hand.iter().map(|act| format!("# {} us: {}\n", act.at_us, act.command())).collect();
        let told: Vec<String> = divergences.iter().map(|divergence| format!("{divergence}\n")).collect();
        format!("case {seed}: {}{}# by hand:\n{}", told.concat(), draft.file(), by_hand.concat())
    })?;
    Ok(format!("case {seed} {digest:016x}"))
}

/// The digests that so many first cases must have; not more than those of the slice.
pub fn digests_of(cases: usize) -> String {
    DIGESTS.lines().take(cases).map(|line| format!("{line}\n")).collect()
}

/// Goes through the cases from 1 on that the build asks for, where there is no environment to ask: answers the lines of the
/// slice, and tells each. Panics at the first that does not hold.
pub fn cases_of_the_build(tell: impl Fn(&str)) -> String {
    let asked = option_env!("LOGLAB_CASES").map(|cases| cases.parse().expect("LOGLAB_CASES is a number"));
    let mut lines = String::new();
    for seed in 1..=asked.unwrap_or(SLICE) {
        // Told before as well: where a panic ends everything, this line says of which case it was.
        tell(&format!("trying case {seed}"));
        let line = case(seed).unwrap_or_else(|why| panic!("{why}"));
        tell(&line);
        if seed <= SLICE {
            lines += &format!("{line}\n");
        }
    }
    lines
}

/// The file of a case, for whoever looks into it.
pub fn file(seed: u64) -> String {
    scenario::draft(&mut Random::stream(seed, "driver", 0)).file_with_all()
}

fn read(text: &str) -> Arc<Scenario> {
    Arc::new(parse(text).unwrap_or_else(|errors| panic!("a random scenario is refused: {errors:#?}\n{text}")))
}

/// Goes through a case on all ways; answers a digest of what they have in common, or the first divergence of each way.
fn ways(seed: u64, draft: &Draft, random: &mut Random) -> Result<u64, Vec<Divergence>> {
    let most = if seed.is_multiple_of(16) { EVENTS_OF_LONG } else { EVENTS };
    let scenario = read(&draft.file_with_all());
    let straight = Plan { scenario, seed, commands: Arc::new([]), most }.straight();
    let mut sought = Session::from_scenario(Arc::clone(&straight.plan.scenario), seed);
    let mut by_hand = Session::from_scenario(read(&draft.file()), seed);
    let mut wrong: Vec<Divergence> = Vec::new();
    wrong.extend(again_from_snapshots(&straight, random).err());
    wrong.extend(with_limits(&straight, random).err());
    wrong.extend(on_a_path("a session that seeks", &straight, &mut sought, random).err());
    let hand = give(draft, &mut by_hand, most);
    wrong.extend(straight.same("the same by hand", &hand).err());
    wrong.extend(on_a_path("a session with commands", &hand, &mut by_hand, random).err());
    let left = by_hand.branch().id();
    let branch = branch(&mut by_hand, draft, most, random).map_err(|divergence| wrong.push(divergence));
    if let Ok(branch) = &branch {
        wrong.extend(to_and_fro([(left, &hand), (by_hand.branch().id(), branch)], &mut by_hand, random).err());
    }
    match branch {
        Ok(branch) if wrong.is_empty() => Ok(digest(seed, [&straight, &branch])),
        Ok(_) | Err(()) => Err(wrong),
    }
}

fn digest(seed: u64, runs: [&Straight; 2]) -> u64 {
    runs.iter().fold(seed, |digest, run| {
        let last = run.instants.last().map_or(0, |last| last.hash);
        (digest.rotate_left(7) ^ last).wrapping_add(run.len())
    })
}

/// A clone that is taken at a random event goes on as the original does.
fn again_from_snapshots(straight: &Straight, random: &mut Random) -> Result<(), Divergence> {
    let mut at: Vec<u64> = (0..3).map(|_| random.below(straight.len() + 1)).collect();
    at.sort_unstable();
    let mut world = straight.plan.world();
    let mut clones = Vec::new();
    for event in at {
        while world_event(&world) < event {
            world.step();
        }
        clones.push((event, world.clone()));
    }
    // The original goes on first: nothing that it does may reach its clones.
    straight.follow("the original that was cloned", &mut world, |world| world.step())?;
    clones.into_iter().try_for_each(|(event, mut clone)| {
        straight.follow(&format!("a clone taken at event {event}"), &mut clone, |world| world.step())
    })
}

/// Limits at which nothing happens leave no trace.
fn with_limits(straight: &Straight, random: &mut Random) -> Result<(), Divergence> {
    let mut limit = 0;
    let end = straight.plan.scenario.duration_us;
    straight.follow("a run with limits", &mut straight.plan.world(), |world| {
        loop {
            match world.step_until(limit) {
                None if limit < end => limit = (limit + random.below(30_000)).min(end),
                occurrence => return occurrence,
            }
        }
    })
}

/// Seeks by event and by time, forward and backward.
fn on_a_path(way: &str, straight: &Straight, session: &mut Session, random: &mut Random) -> Result<(), Divergence> {
    let mut path = String::new();
    let known_us = straight.instants.last().map_or(0, |last| last.time_us);
    for _ in 0..8 {
        let by_time = random.below(2) == 0;
        let (event, time_us) = if by_time {
            // Behind the last event that was followed others may come.
            let time_us = random.below(known_us.max(1));
            session.seek_time(time_us);
            path += &format!(", {time_us} us");
            (straight.last_at(time_us), time_us)
        } else {
            let event = random.below(straight.len() + 1);
            session.seek_event(event);
            path += &format!(", event {event}");
            (event, straight.after(event).map_or(0, |instant| instant.time_us))
        };
        let reached = world_event(session.world());
        let words = || format!("event {reached} at {} us", session.time_us());
        let way = format!("{way}: {}", path.trim_start_matches(", "));
        if session.time_us() != time_us || reached != event {
            let straight = format!("event {event} at {time_us} us");
            return Err(Divergence { way, event, straight, other: words() });
        }
        let there = Instant { time_us: session.world().time(), hash: session.hash() };
        straight.compare(&way, event, Some(there).filter(|_| event > 0), words)?;
    }
    Ok(())
}

/// Gives by hand what stands in the file of the straight run; answers the run of a world that knows the commands from its
/// start.
fn give(draft: &Draft, session: &mut Session, most: u64) -> Straight {
    for act in &draft.by_hand {
        session.seek_time(act.at_us);
        session.command(&act.command()).unwrap_or_else(|why| panic!("`{}` is refused: {why}", act.command()));
    }
    plan_of(session, most).straight()
}

/// The plan of the run that a session shows.
fn plan_of(session: &Session, most: u64) -> Plan {
    let (scenario, commands) = (Arc::clone(session.scenario()), session.commands().into());
    Plan { scenario, seed: session.seed(), commands, most }
}

/// Goes back to the branch that was left, and forward again: each is the run that it was.
fn to_and_fro(
    branches: [(BranchId, &Straight); 2],
    session: &mut Session,
    random: &mut Random,
) -> Result<(), Divergence> {
    let [(left, _), (here, _)] = branches;
    // What was done behind all else goes on with the same branch.
    if left == here {
        return Ok(());
    }
    for (id, straight) in branches.into_iter().cycle().take(3) {
        session.switch(id).unwrap_or_else(|why| panic!("branch {id:?} cannot be shown: {why}"));
        on_a_path(&format!("branch {} of {}", id.0, session.branches().len()), straight, session, random)?;
    }
    Ok(())
}

/// Acts in the past of a session: a branch that is the straight run with the commands that it has then.
fn branch(session: &mut Session, draft: &Draft, most: u64, random: &mut Random) -> Result<Straight, Divergence> {
    let possible = |act: &acts::Act| parse(&(draft.world.clone() + &act.section())).is_ok();
    let act = (0..100).map(|_| acts::act(random, &draft.cast, draft.duration_us, false)).find(possible);
    let act = act.expect("something can be done in any scenario");
    session.seek_time(act.at_us);
    session.command(&act.command()).unwrap_or_else(|why| panic!("`{}` is refused: {why}", act.command()));
    let straight = plan_of(session, most).straight();
    on_a_path(&format!("a branch by `{}` at {} us", act.command(), act.at_us), &straight, session, random)?;
    Ok(straight)
}
