//! A tree of toys: every way to an instant of a branch leads to that of a straight run.

use proptest::prelude::*;

use super::*;
use crate::lab::timeline::Replay;

/// A run of numbers: each event draws the next and the time that passes before it, and what somebody does shifts all that
/// follow. Commands come after all other events of their time.
#[derive(Clone, Debug, PartialEq)]
struct Toy {
    event: u64,
    time: Time,
    sum: u64,
    commands: Arc<[(Time, u64)]>,
    done: usize,
    finished: bool,
}

const END: Time = 20_000;

impl Toy {
    fn new() -> Self {
        Self { event: 0, time: 0, sum: 7, commands: Arc::new([]), done: 0, finished: false }
    }

    fn next_time(&self) -> Time {
        self.time + self.sum % 4
    }

    fn straight(commands: &[(Time, u64)], event: u64) -> Self {
        let mut toy = Self { commands: commands.into(), ..Self::new() };
        while toy.event < event && toy.advance() {}
        toy
    }
}

impl Replay for Toy {
    fn event(&self) -> u64 {
        self.event
    }
    fn snapshot_bytes(&self) -> usize {
        1_000
    }
    fn advance(&mut self) -> bool {
        self.step_until(Time::MAX).is_some()
    }
}

impl Run for Toy {
    type Command = (Time, u64);
    type Occurrence = (Time, u64);
    type Past = Told;

    fn end_us(&self) -> Time {
        END
    }

    fn step_until(&mut self, limit: Time) -> Option<(Time, u64)> {
        let limit = limit.min(END);
        let command = self.commands.get(self.done).copied().filter(|(at, _)| *at < self.next_time());
        let (time, drawn) = match command {
            Some((at, by)) => (at, by),
            None => (self.next_time(), 1),
        };
        if time > limit {
            return None;
        }
        self.done += usize::from(command.is_some());
        (self.event, self.time) = (self.event + 1, time);
        self.sum = (self.sum ^ drawn).wrapping_mul(6_364_136_223_846_793_005).rotate_left(17);
        Some((time, self.sum))
    }

    fn commands_done(&self) -> usize {
        self.done
    }

    fn set_commands(&mut self, commands: Arc<[(Time, u64)]>) {
        assert!(self.commands[..self.done] == commands[..self.done], "what is done stays");
        self.commands = commands;
    }

    fn finish(&mut self) -> u64 {
        assert!(!std::mem::replace(&mut self.finished, true), "there is one last word");
        self.sum
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

/// Every seventh number is a turning point.
#[derive(Clone, Debug, Default)]
struct Told {
    events: Vec<(Time, u64)>,
    end: Option<u64>,
}

impl Told {
    fn is_turning_point(&self, event: u64) -> bool {
        self.events[event as usize - 1].1.is_multiple_of(7)
    }
}

impl Past for Told {
    type Occurrence = (Time, u64);
    type LastWords = u64;

    fn events(&self) -> u64 {
        self.events.len() as u64
    }
    fn time_of(&self, event: u64) -> Time {
        event.checked_sub(1).map_or(0, |place| self.events[place as usize].0)
    }
    fn last_at(&self, time: Time) -> u64 {
        self.events.partition_point(|(at, _)| *at <= time) as u64
    }
    fn is_same(&self, other: &Self, event: u64) -> bool {
        self.events[event as usize - 1] == other.events[event as usize - 1]
    }
    fn push(&mut self, occurrence: (Time, u64)) -> bool {
        self.events.push(occurrence);
        self.is_turning_point(self.events())
    }
    fn end(&mut self, words: u64) {
        assert!(self.end.is_none_or(|before| before == words), "the end is the same each time");
        self.end = Some(words);
    }
    fn has_ended(&self) -> bool {
        self.end.is_some()
    }
    fn cut(&mut self, event: u64) {
        self.events.truncate(event as usize);
        self.end = None;
    }
    fn turning_point_after(&self, event: u64) -> Option<u64> {
        (event + 1..=self.events()).find(|event| self.is_turning_point(*event))
    }
    fn turning_point_before(&self, event: u64) -> Option<u64> {
        (1..event).rev().find(|event| self.is_turning_point(*event))
    }
}

fn tree() -> Tree<Toy> {
    // So small a budget that snapshots come and go all the time.
    Tree::with_timeline(Toy::new(), "main", Arc::new([]), Timeline::with_budget(BranchId(0), Toy::new(), 3_000))
}

fn act(tree: &mut Tree<Toy>, by: u64) -> Acted {
    tree.act((tree.now_us(), by), |id| format!("branch {}", id.0)).expect("there is room")
}

/// The present instant is that of a straight run with the branch's commands, and so is everything told of it.
fn holds(tree: &Tree<Toy>) {
    let branch = tree.branch();
    let straight = Toy::straight(branch.commands(), tree.state().event());
    let state = tree.state();
    assert_eq!(
        (state.event, state.time, state.sum, state.done),
        (straight.event, straight.time, straight.sum, straight.done)
    );
    assert!(state.time <= tree.now_us() && tree.now_us() <= branch.computed_us());
    assert!(tree.snapshot_bytes() <= 3_000);
    for branch in tree.branches() {
        let mut straight = Toy::straight(branch.commands(), 0);
        for told in &branch.past().events {
            assert_eq!(straight.step_until(Time::MAX), Some(*told), "{:?}", branch.id());
        }
        let Some(fork) = branch.fork() else { continue };
        let parent = tree.branches().iter().find(|it| it.id() == fork.parent).expect("its parent is there");
        let both = fork.event as usize;
        assert_eq!(branch.past().events[..both], parent.past().events[..both]);
        // Of the very time at which somebody acted the parent may have been computed in part.
        let next = branch.past().events.get(both);
        assert!(next != parent.past().events.get(both) || next.is_some_and(|(time, _)| *time == fork.time_us));
        assert!(parent.fork().is_none_or(|left| left.event < fork.event), "a branch is left after it begins");
    }
    assert_eq!(tree.branches().iter().filter(|branch| branch.fork().is_none()).count(), 1, "one leaves no other");
}

#[derive(Clone, Debug)]
enum Way {
    Event(u64),
    Time(Time),
    Advance(Time, u64),
    TurningPoint(bool),
    Act(u64),
    Switch(usize),
    Remove(usize),
}

fn ways() -> impl Strategy<Value = Vec<Way>> {
    let way = prop_oneof![
        (0..16_000_u64).prop_map(Way::Event),
        (0..END + 10).prop_map(Way::Time),
        (0..END, 0..5_000_u64).prop_map(|(time, events)| Way::Advance(time, events)),
        any::<bool>().prop_map(Way::TurningPoint),
        any::<u64>().prop_map(Way::Act),
        (0..9_usize).prop_map(Way::Switch),
        (0..9_usize).prop_map(Way::Remove),
    ];
    proptest::collection::vec(way, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_way_leads_to_the_instant_of_a_straight_run(ways in ways()) {
        let mut tree = tree();
        for way in ways {
            let id = |tree: &Tree<Toy>, place: usize| tree.branches()[place % tree.branches().len()].id();
            match way {
                Way::Event(event) => {
                    tree.seek_event(event);
                    let reached = tree.state().event();
                    prop_assert!(reached == event || tree.now_us() == END);
                }
                Way::Time(time) => {
                    tree.seek_time(time);
                    prop_assert_eq!(tree.now_us(), time.min(END));
                    prop_assert_eq!(tree.state().event(), tree.branch().past().last_at(time));
                }
                Way::Advance(time, events) => drop(tree.advance(time, events)),
                Way::TurningPoint(true) => tree.seek_turning_point(),
                Way::TurningPoint(false) => tree.seek_turning_point_before(),
                Way::Act(by) => {
                    let (parent, before) = (tree.branch().clone(), tree.branches().len());
                    let acted = act(&mut tree, by);
                    prop_assert_eq!(acted.branch, tree.branch().id());
                    prop_assert_eq!(tree.branches().len(), before + usize::from(acted.began));
                    if acted.began {
                        let kept = tree.branches().iter().find(|it| it.id() == parent.id()).expect("it is kept");
                        prop_assert_eq!(&kept.past().events, &parent.past().events);
                        prop_assert_eq!(kept.commands(), parent.commands());
                    }
                }
                Way::Switch(place) => {
                    let (id, now_us) = (id(&tree, place), tree.now_us());
                    prop_assert_eq!(tree.switch(id), Ok(()));
                    prop_assert_eq!((tree.branch().id(), tree.now_us()), (id, now_us));
                }
                Way::Remove(place) => {
                    let (id, before) = (id(&tree, place), tree.branches().len());
                    let removed = tree.remove(id);
                    prop_assert_eq!(removed, if before == 1 { Err(BranchError::Only) } else { Ok(()) });
                    prop_assert!(before == 1 || tree.branches().iter().all(|branch| branch.id() != id));
                }
            }
            holds(&tree);
        }
    }
}

#[test]
fn who_acts_where_nothing_later_is_known_goes_on_with_the_run() {
    let mut tree = tree();
    tree.seek_time(500);
    assert_eq!(act(&mut tree, 3), Acted { branch: BranchId(0), began: false });
    tree.seek_time(900);
    assert_eq!(act(&mut tree, 4).branch, BranchId(0));
    assert_eq!(tree.branch().commands().len(), 2);
    holds(&tree);
}

#[test]
fn who_acts_in_the_past_or_at_the_end_begins_a_branch() {
    let mut tree = tree();
    tree.seek_time(END);
    assert_eq!(act(&mut tree, 3), Acted { branch: BranchId(1), began: true });
    holds(&tree);
    tree.seek_time(700);
    assert_eq!(act(&mut tree, 4), Acted { branch: BranchId(2), began: true });
    let fork = tree.branch().fork().expect("it leaves the one before");
    // At that time there was the first branch only.
    assert_eq!((fork.parent, fork.time_us, tree.branch().commands().len()), (BranchId(0), 700, 1));
    assert_eq!(fork.event, tree.branches()[0].past().last_at(700));
    tree.switch(BranchId(1)).expect("it is there");
    assert_eq!((tree.branch().commands().len(), tree.now_us()), (1, 700));
    holds(&tree);
}

#[test]
fn a_branch_that_goes_leaves_its_place_to_the_one_that_goes_the_farthest_along_it() {
    let mut tree = tree();
    for (branch, time) in [(0, 300), (0, 900), (2, 1_500)] {
        tree.switch(BranchId(branch)).expect("it is there");
        tree.seek_time(2_000);
        tree.seek_time(time);
        act(&mut tree, 5 + time);
    }
    let forks = |tree: &Tree<Toy>| {
        let fork = |branch: &Branch<Toy>| (branch.id().0, branch.fork().map(|fork| (fork.parent.0, fork.time_us)));
        tree.branches().iter().map(fork).collect::<Vec<_>>()
    };
    assert_eq!(forks(&tree), [(0, None), (1, Some((0, 300))), (2, Some((0, 900))), (3, Some((2, 1_500)))]);
    tree.remove(BranchId(0)).expect("there are others");
    assert_eq!(forks(&tree), [(1, Some((2, 300))), (2, None), (3, Some((2, 1_500)))]);
    holds(&tree);
    // The one that somebody stands on.
    assert_eq!(tree.branch().id(), BranchId(3));
    tree.remove(BranchId(3)).expect("there are others");
    assert_eq!((tree.branch().id(), tree.now_us()), (BranchId(2), 1_500));
    holds(&tree);
    tree.remove(BranchId(1)).expect("there are others");
    assert_eq!(tree.remove(BranchId(2)), Err(BranchError::Only));
    assert_eq!(tree.switch(BranchId(1)), Err(BranchError::Unknown(1)));
}

#[test]
fn there_are_so_many_branches_and_no_more() {
    let mut tree = tree();
    tree.seek_time(50);
    for branch in 1..BRANCHES {
        tree.seek_time(50);
        tree.seek_time(5);
        assert_eq!(act(&mut tree, branch as u64).branch, BranchId(branch as u32));
    }
    tree.seek_time(50);
    tree.seek_time(5);
    let name = |_| String::new();
    assert_eq!(tree.act((5, 0), name), Err(BranchError::TooMany));
    holds(&tree);
    tree.remove(BranchId(1)).expect("there are others");
    assert!(tree.act((5, 0), name).is_ok());
}
