//! Parts of the page that need no browser: what a click does to its state, where things stand, what is hit.
//! They are here and not beside the parts: the library with all its unit tests would be built for wasm for these few.

use std::rc::Rc;

use loglab::ui::canvas::layout::{Card, Layout, Rect};
use loglab::ui::canvas::log_layout::LogLayout;
use loglab::ui::components::batch::{Run, rows};
use loglab::ui::interventions::choices;
use loglab::ui::state::{Action, Panel, State, ZOOMS};
use loglab::ui::views::{ALL, of_key, row};
use loglab::view::coordination::{Group, Member, Table};
use loglab::view::frame::{Broker, Frame, Node, Packet, Partition, Selection};
use loglab::view::lens::View;
use loglab::view::log::{Batch, Field, Log, LogReplica, OpenBatch};
use loglab::view::protocol::Complaint;
use loglab::view::state::Role;
use wasm_bindgen_test::wasm_bindgen_test;

fn after(state: State, action: Action) -> State {
    (*Rc::new(state).after(action)).clone()
}

#[wasm_bindgen_test]
fn a_file_with_errors_loses_nothing_that_is_on_screen() {
    let shown = after(State::default(), Action::Shown(1, Rc::default()));
    let refused = after(shown.clone(), Action::Refused(vec![Complaint { line: Some(3), message: "no".into() }]));
    assert_eq!(refused.frame, shown.frame);
    assert_eq!(refused.errors.len(), 1);
}

#[wasm_bindgen_test]
fn escape_closes_the_topmost_first_and_the_selection_last() {
    let selected = State { selection: Selection::Event(1), panel: Some(Panel::Help), ..State::default() };
    let closed = after(selected, Action::Close);
    assert_eq!((closed.panel, &closed.selection), (None, &Selection::Event(1)));
    assert_eq!(after(closed, Action::Close).selection, Selection::None);
}

#[wasm_bindgen_test]
fn the_log_view_turns_to_the_partition_that_is_selected_and_keeps_its_place_for_the_same() {
    let at = |index| Selection::Partition { topic: "orders".into(), index, number: 0 };
    let shown = State { view: View::Log, ..State::default() };
    let placed = after(after(shown, Action::Select(at(1))), Action::From(Some(40)));
    let batch = Selection::Batch { topic: "orders".into(), index: 1, number: 0, broker: 2, offset: 41 };
    let lens = after(placed.clone(), Action::Select(batch)).log_lens();
    let partition = |index| Some((0, index));
    assert_eq!((lens.partition, lens.first, lens.open), (partition(1), Some(40), Some((2, 41))));
    let lens = after(placed, Action::Select(at(2))).log_lens();
    assert_eq!((lens.partition, lens.first, lens.open), (partition(2), None, None));
}

#[wasm_bindgen_test]
fn a_batch_that_is_selected_leaves_the_window_where_it_is() {
    let partitions = vec![Partition { topic: "orders".into(), ..Default::default() }];
    let frame = Frame { partitions, ..Frame::default() };
    let shown = after(State { view: View::Log, ..State::default() }, Action::Shown(1, Rc::new(frame)));
    let moved = after(shown, Action::From(Some(40)));
    let batch = Selection::Batch { topic: "orders".into(), index: 0, number: 0, broker: 2, offset: 41 };
    let lens = after(moved, Action::Select(batch)).log_lens();
    assert_eq!((lens.first, lens.open), (Some(40), Some((2, 41))));
}

#[wasm_bindgen_test]
fn speed_stays_between_a_thousandth_and_a_thousand() {
    assert_eq!(after(State { speed: 1, ..State::default() }, Action::Faster(-1)).speed, 1);
    assert_eq!(after(State { speed: 1_000_000, ..State::default() }, Action::Faster(1)).speed, 1_000_000);
}

#[wasm_bindgen_test]
fn each_view_has_a_key_of_its_own_and_a_lens_that_is_its_own() {
    for view in ALL.iter().copied() {
        assert_eq!(of_key(row(view).key), Some(view));
        assert_eq!(State { view, ..State::default() }.look().lens.view(), view);
    }
}

#[wasm_bindgen_test]
fn nothing_is_done_to_the_successor_of_a_topic_that_is_selected_and_gone() {
    let partition = Partition { topic: "orders".into(), number: 1, leader: 1, ..Partition::default() };
    let broker = Broker { id: 1, ..Broker::default() };
    let frame = Frame { partitions: vec![partition.clone()], brokers: vec![broker], ..Frame::default() };
    assert!(choices(&partition.selection(), &frame).iter().any(|choice| choice.command == "kill broker 1"));
    let gone = Selection::Partition { topic: "orders".into(), index: 0, number: 0 };
    assert!(choices(&gone, &frame).is_empty());
}

#[wasm_bindgen_test]
fn a_message_on_its_way_is_lost_or_doubled_by_its_name() {
    let (from, to) = (Node::Broker(1), Node::Client("shop".into()));
    let packet = Packet { id: 7, from, to, api: "Produce".into(), response: true, ordinal: 3, ..Packet::default() };
    let frame = Frame { packets: vec![packet], ..Frame::default() };
    let commands: Vec<String> = choices(&Selection::Packet(7), &frame).into_iter().map(|it| it.command).collect();
    let message = "message Produce response 3 from broker 1 to shop";
    assert_eq!(commands, [format!("lose {message}"), format!("repeat {message}")]);
    assert!(choices(&Selection::Packet(8), &frame).is_empty());
}

#[wasm_bindgen_test]
fn thirty_brokers_do_not_overlap() {
    let brokers = (1..=30).map(|id| Broker { id, ..Broker::default() }).collect();
    let frame = Frame { brokers, ..Frame::default() };
    let layout = Layout::new(&frame, 900.0, 690.0);
    for (i, a) in layout.boxes.iter().enumerate() {
        for b in &layout.boxes[i + 1..] {
            assert!(are_apart(&a.rect, &b.rect), "{:?} and {:?}", a.rect, b.rect);
        }
    }
}

/// Whether two rectangles have nothing in common.
fn are_apart(a: &Rect, b: &Rect) -> bool {
    a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
}

fn group(id: &str, members: u32) -> Group {
    let member = |number| Member { client: format!("{id}-{number}"), number, ..Member::default() };
    let table = Table { name: id.into(), programs: members, running: members };
    Group { id: id.into(), members: (0..members).map(member).collect(), tables: vec![table], ..Group::default() }
}

#[wasm_bindgen_test]
fn groups_and_their_members_do_not_overlap() {
    for (members, width, height) in [(3, 900.0, 690.0), (12, 900.0, 690.0), (12, 390.0, 600.0), (40, 1200.0, 500.0)] {
        let brokers = (1..=3).map(|id| Broker { id, ..Broker::default() }).collect();
        let frame = Frame { brokers, groups: vec![group("a", members), group("b", 2)], ..Frame::default() };
        let layout = Layout::new(&frame, width, height);
        let all: Vec<&Rect> = layout.boxes.iter().map(|place| &place.rect).collect();
        assert_eq!(all.len() as u32, 3 + 1 + members + 2);
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| are_apart(a, b)), "{members} in {width}x{height}: {a:?}");
            assert!(a.y + a.h <= layout.height && a.x + a.w <= width, "{members} in {width}x{height}: {a:?}");
        }
        let [one, other] = &layout.groups[..] else { panic!("there are two groups") };
        assert!(are_apart(&one.rect, &other.rect), "{members} in {width}x{height}");
        let is_inside = |card: &Card| card.members.iter().all(|row| row.y + row.h <= card.rect.y + card.rect.h);
        assert!(is_inside(one) && is_inside(other), "{members} in {width}x{height}");
    }
}

#[wasm_bindgen_test]
fn a_group_is_scaled_down_where_all_are_there_and_else_up() {
    let command = |running| {
        let mut group = group("shipping", 3);
        group.tables[0].running = running;
        let frame = Frame { groups: vec![group], ..Frame::default() };
        choices(&Selection::Group("shipping".into()), &frame).first().map(|choice| choice.command.clone())
    };
    assert_eq!(command(3).as_deref(), Some("scale consumer shipping to 2"));
    assert_eq!(command(1).as_deref(), Some("scale consumer shipping to 2"));
    assert_eq!(command(2).as_deref(), Some("scale consumer shipping to 3"));
}

fn log() -> Log {
    let batch = Batch { base: 41, last: 43, ..Batch::default() };
    let replica =
        |broker, role| LogReplica { broker, role, log_end: 50, batches: vec![batch.clone()], ..LogReplica::default() };
    Log {
        topic: "orders".into(),
        first: 40,
        offsets: 20,
        latest: 50,
        replicas: vec![replica(3, Role::Follower), replica(1, Role::Leader)],
        ..Log::default()
    }
}

#[wasm_bindgen_test]
fn a_batch_is_found_where_its_offsets_stand_in_every_row() {
    let log = log();
    let layout = LogLayout::new(&log, &Selection::None, 900.0, 28.0);
    assert_eq!(layout.reference, 1);
    for row in &layout.rows {
        let hit = layout.hit(&log, layout.scale.x(43) + 2.0, row.cells.y + 4.0);
        let broker = log.replicas[row.replica].broker;
        assert_eq!(hit, Some(Selection::Batch { topic: "orders".into(), index: 0, number: 0, broker, offset: 43 }));
    }
    let beside = layout.hit(&log, layout.scale.x(44) + 2.0, layout.rows[0].cells.y);
    assert_eq!(beside, Some(Selection::Partition { topic: "orders".into(), index: 0, number: 0 }));
}

#[wasm_bindgen_test]
fn the_window_fits_its_width() {
    for width in [390.0, 620.0, 900.0] {
        for cell in ZOOMS {
            let layout = LogLayout::new(&log(), &Selection::None, width, cell);
            assert!(layout.scale.right <= width, "{width} {cell}");
        }
    }
}

#[wasm_bindgen_test]
fn every_byte_stands_in_one_run_of_its_field() {
    let field = |at, len| Field { at, len, ..Field::default() };
    let fields = vec![field(0, 8), field(8, 4), field(12, 30)];
    let open = OpenBatch { bytes: vec![0; 50], size: 50, fields, ..OpenBatch::default() };
    let all: Vec<Run> = rows(&open).into_iter().flat_map(|(_, runs)| runs).collect();
    assert!(all.windows(2).all(|pair| pair[0].to == pair[1].from));
    assert_eq!((all[0].from, all[all.len() - 1].to), (0, 50));
    assert_eq!(all.iter().find(|run| run.from == 16).and_then(|run| run.field), Some(2));
    assert_eq!(all.iter().find(|run| run.from == 42).map(|run| run.field), Some(None));
}
