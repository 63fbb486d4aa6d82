//! Files whose run was right, and whose story or chain of causes said too little, or something else.

use loglab::lab::notable::{Notable, Occasion};
use loglab::lab::scenario::FindingKind;
use loglab::lab::session::Session;
use loglab::lab::story::tell;
use loglab::lab::trace::Kind;
use loglab::note::{Moved, Note};
use loglab::view::frame::{Event, Selection};
use loglab::view::picture::picture;
use loglab::view::protocol::Look;
use loglab::wire::Api;

use super::scenario;

/// A session of a file at its end.
fn session(name: &str) -> Session {
    let scenario = scenario(name);
    let (seed, end) = (scenario.seed, scenario.duration_us);
    let mut session = Session::from_scenario(scenario, seed);
    session.seek_time(end);
    session
}

/// The first turning point of which this holds.
fn told(session: &Session, holds: impl Fn(&Note) -> bool) -> Option<&Notable> {
    session.notables().iter().find(|notable| match &notable.occasion {
        Occasion::Note(note) | Occasion::Cut { note, .. } | Occasion::Weighed { note, .. } => holds(note),
        Occasion::Skip(_)
        | Occasion::Trouble(_)
        | Occasion::Stall(_)
        | Occasion::Rebalance(_)
        | Occasion::Intervention { .. }
        | Occasion::Finding(_) => false,
    })
}

/// What led to an event, newest first.
fn because(session: &Session, event: u64) -> Vec<Event> {
    picture(session, &Look { selection: Selection::Event(event), ..Look::default() }).because
}

#[test]
fn a_consumer_that_was_away_for_longer_than_retention_says_what_it_skips() {
    let session = session("r08b-slow-consumer-latest");
    let is_it = |note: &Note| matches!(note, Note::Positioned { moved: Moved::Reset { .. }, .. });
    let reset = told(&session, is_it).expect("the consumer resets its position");
    let Occasion::Note(Note::Positioned { offset, moved: Moved::Reset { before, policy, .. }, .. }) = &reset.occasion
    else {
        panic!("{reset:?}")
    };
    let skipped = offset - before;
    assert!((4_000..5_000).contains(&skipped), "90 s of 50 records a second: {skipped}");
    assert_eq!(*policy, "latest");
    let text = reset.text();
    assert!(text.contains(&format!("{skipped} in all")) && text.contains("auto.offset.reset=latest"), "{text}");
}

/// Asked of Kafka 4.3.1: where the former leader hosts the new partition, it answers OFFSET_OUT_OF_RANGE (nine times in nine).
#[test]
fn in_a_topic_that_was_created_again_the_position_is_out_of_range() {
    for seed in 1..=8 {
        let scenario = scenario("topic-created-again");
        let end = scenario.duration_us;
        let mut session = Session::from_scenario(scenario, seed);
        session.seek_time(end);
        let is_out = |note: &Note| matches!(note, Note::OutOfRange { .. });
        assert!(told(&session, is_out).is_some(), "seed {seed}");
        let was_moved = |note: &Note| matches!(note, Note::Positioned { moved, .. } if *moved != Moved::First);
        let moved = told(&session, was_moved).expect("the consumer's position moves");
        let Occasion::Note(Note::Positioned { offset, moved: Moved::Reset { before, in_former, .. }, .. }) =
            moved.occasion
        else {
            panic!("seed {seed}: {moved:?}")
        };
        assert!((offset, in_former) == (0, true) && before > 150, "seed {seed}: {moved:?}");
        assert!(moved.text().ends_with("nothing is skipped"), "seed {seed}: {}", moved.text());
    }
}

#[test]
fn a_follower_that_was_away_for_longer_than_retention_gives_up_its_log() {
    let session = session("r08-follower-older-than-retention");
    let is_it = |note: &Note| matches!(note, Note::TruncatedFully { broker: 3, .. });
    let dropped = told(&session, is_it).expect("broker 3 drops its log");
    let Some(Note::TruncatedFully { log_end_offset, to, .. }) = dropped.note() else { panic!("{dropped:?}") };
    assert!(*log_end_offset > 900 && *to > log_end_offset + 1_000, "from {log_end_offset} to {to}");
    assert!(dropped.text().contains(&log_end_offset.to_string()), "{}", dropped.text());
}

/// KIP-966: without unclean election the last known leader is elected where ISR and ELR are empty.
#[test]
fn a_loss_by_power_loss_everywhere_is_told_from_the_power_loss_to_the_election() {
    for name in ["g-rack-power", "r10-power-loss-everywhere"] {
        let session = session(name);
        let story: Vec<String> = session.notables().iter().map(Notable::text).collect();
        assert!(!story.iter().any(|text| text.contains("unclean")), "{name}: {story:#?}");
        assert!(story.iter().any(|text| text.contains("last known leader: ")), "{name}: {story:#?}");
        assert!(story.iter().any(|text| text.contains("ELR [")), "{name}: {story:#?}");
        let is_lost = |notable: &&Notable| match &notable.occasion {
            Occasion::Finding(finding) => finding.kind == FindingKind::LostWrite,
            Occasion::Note(_)
            | Occasion::Cut { .. }
            | Occasion::Weighed { .. }
            | Occasion::Skip(_)
            | Occasion::Trouble(_)
            | Occasion::Stall(_)
            | Occasion::Rebalance(_)
            | Occasion::Intervention { .. } => false,
        };
        let lost: Vec<String> = session.notables().iter().filter(is_lost).map(Notable::text).collect();
        let of = |partition: &str| lost.iter().filter(|text| text.contains(&format!(" of {partition},"))).count();
        let partitions = ["orders-0", "t-0", "t-1", "t-2"];
        assert!(partitions.iter().all(|partition| of(partition) <= 1), "one cause, one finding, {name}: {lost:#?}");
        let lost = session.notables().iter().find(is_lost).expect("a lost write");
        let chain: Vec<String> = because(&session, lost.event).into_iter().map(|event| event.text).collect();
        let place = |words: &str| chain.iter().position(|text| text.contains(words));
        let order = [place("lost-write"), place(" leads "), place("power-loss broker")];
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{name}: {chain:#?}");
    }
}

/// An event with several causes shows all of them.
fn shows_all_causes(session: &Session, event: u64) {
    let chain = because(session, event);
    for cause in session.trace().causes(event) {
        assert!(chain.iter().any(|link| link.number == cause), "event {event}, cause {cause}: {chain:#?}");
    }
}

#[test]
fn an_answer_of_a_purgatory_shows_the_request_and_what_ended_the_wait() {
    let session = session("g-rack-power");
    let trace = session.trace();
    let arrives = |number: u64, api: Api| {
        trace.get(number).is_some_and(|entry| entry.kind == Kind::Request && entry.api == Some(api))
    };
    let is_answer = |number: &u64| {
        let entry = trace.get(*number).expect("it is there");
        entry.kind == Kind::Response
            && entry.api == Some(Api::Produce)
            && trace.causes(*number).any(|cause| arrives(cause, Api::Produce))
            && trace.causes(*number).any(|cause| arrives(cause, Api::Fetch))
    };
    let answer = (1..=trace.len()).find(is_answer).expect("acks=all waits for followers");
    shows_all_causes(&session, answer);
}

#[test]
fn a_message_that_waited_for_a_heal_shows_its_send_and_the_heal() {
    let session = session("r08b-slow-consumer-latest");
    let trace = session.trace();
    let heals = |number: u64| trace.get(number).is_some_and(|entry| entry.kind == Kind::Intervention);
    let waited = |number: &u64| {
        let causes: Vec<u64> = trace.causes(*number).collect();
        causes.len() > 1 && causes.iter().any(|cause| heals(*cause)) && !causes.iter().all(|cause| heals(*cause))
    };
    let message = (1..=trace.len()).find(waited).expect("a message waits for the heal");
    shows_all_causes(&session, message);
}

/// KAFKA-18929: one record from half an hour ahead in a segment, and neither it nor what is behind it goes.
#[test]
fn a_segment_from_the_future_is_told_once() {
    let session = session("records-from-the-future");
    let told: Vec<_> = session
        .notables()
        .iter()
        .filter(|notable| matches!(&notable.occasion, Occasion::Note(Note::RetentionHeldUp { .. })))
        .collect();
    let [one] = &told[..] else { panic!("{told:?}") };
    assert!((61_000_000..130_000_000).contains(&one.time), "{}", one.time);
    let words = "contains future timestamp(s), making it ineligible to be deleted";
    assert!(one.text().contains("events-0") && one.text().ends_with(words), "{}", one.text());
}

#[test]
fn a_send_that_waits_for_its_topic_is_told_but_for_the_first_of_a_producer() {
    let session = session("outage-of-a-topic-that-is-made-again");
    let story = tell(session.notables().iter(), session.world());
    let of_send: Vec<_> = story.iter().filter(|line| line.text.contains("in send(): blocked")).collect();
    let [one] = &of_send[..] else { panic!("{of_send:#?}") };
    assert!((10_000_000..11_000_000).contains(&one.at.time), "{one:?}");
    assert!(one.text.contains("its topic was not in the metadata"), "{}", one.text);
}

#[test]
fn nobody_lags_in_a_topic_that_is_deleted() {
    let scenario = scenario("topic-made-again-under-a-group");
    let report = loglab::lab::runner::run(&scenario, scenario.seed, None);
    let lags: Vec<_> = report.readers.iter().map(|reader| (reader.reader.as_str(), reader.lag)).collect();
    assert!(matches!(lags[..], [("group readers", Some(0..=2))]), "{lags:?}");
}
