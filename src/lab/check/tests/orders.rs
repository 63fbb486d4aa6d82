//! What administrators order is a licence, for what they name and no more.

use super::*;
use crate::note::{Order, OrderOutcome};

const ADMIN: u32 = 9;
const DONE: OrderOutcome = OrderOutcome::Done { log_start: -1 };

fn orders_0() -> (String, i32) {
    ("orders".to_owned(), 0)
}

fn set(offset: i64) -> Order {
    Order::SetOffset { group: "g".to_owned(), partition: orders_0(), offset }
}

fn delete(before: i64) -> Order {
    Order::DeleteRecords { partition: orders_0(), before }
}

impl Scene {
    fn orders(&mut self, order: Order, outcome: OrderOutcome) {
        self.tell(Note::Ordered { admin: ADMIN, order, outcome });
    }

    /// A group whose member has worked on the first `done` of eight records, has committed that, and is gone.
    fn with_group(done: i64) -> Self {
        let mut scene = Self::new(&[0, 1, 2, 3, 4, 5, 6, 7]);
        (scene.has_reader, scene.is_member, scene.begins_earliest) = (true, true, true);
        (0..8).for_each(|n| scene.acknowledge(n, n as i64));
        scene.is_assigned(1);
        scene.begins(0, Moved::First);
        scene.reads_and_works(0, done);
        scene.tell(Note::Committed { consumer: CONSUMER, partition: ORDERS, offset: done });
        scene.show(|history, _, _, _| history.ended(CONSUMER, When::default()));
        scene
    }

    fn is_assigned(&mut self, generation: i32) {
        self.tell(Note::Assigned { consumer: CONSUMER, generation, partitions: vec![ORDERS] });
    }

    fn begins(&mut self, offset: i64, moved: Moved) {
        self.tell(Note::Positioned { consumer: CONSUMER, partition: ORDERS, offset, moved });
    }

    fn reads_and_works(&mut self, from: i64, to: i64) {
        (from..to).for_each(|n| self.read(n, n as u64));
        self.tell(Note::WorkedOn { consumer: CONSUMER, partition: ORDERS, from, to });
    }

    /// The member is back, and goes on up to the end.
    fn goes_on(&mut self, from: i64, moved: Moved) -> Vec<FindingKind> {
        self.is_assigned(2);
        self.begins(from, moved);
        self.reads_and_works(from, 8);
        self.tell(Note::Committed { consumer: CONSUMER, partition: ORDERS, offset: 8 });
        self.finish()
    }
}

#[test]
fn a_group_goes_on_where_an_administrator_has_put_it() {
    let both = [FindingKind::OffsetWentBack, FindingKind::Redelivered];
    assert_eq!(Scene::with_group(5).goes_on(5, Moved::Committed), []);
    assert_eq!(Scene::with_group(5).goes_on(3, Moved::Committed), both);
    for outcomes in [
        &[OrderOutcome::Given, DONE][..],
        &[OrderOutcome::Given, OrderOutcome::Unknown],
        &[OrderOutcome::Given],
        &[DONE],
    ] {
        let ordered = |order: &Order| {
            let mut scene = Scene::with_group(5);
            outcomes.iter().for_each(|outcome| scene.orders(order.clone(), *outcome));
            scene
        };
        assert_eq!(ordered(&set(3)).goes_on(3, Moved::Committed), [], "{outcomes:?}");
        assert_eq!(ordered(&set(3)).goes_on(2, Moved::Committed), both, "further back than that, {outcomes:?}");
        assert_eq!(ordered(&set(7)).goes_on(7, Moved::Committed), [], "5 and 6 are skipped, {outcomes:?}");
        for gone in [
            Order::DeleteOffset { group: "g".to_owned(), partition: orders_0() },
            Order::DeleteGroup { group: "g".to_owned() },
        ] {
            assert_eq!(ordered(&gone).goes_on(0, Moved::First), [], "{gone:?}, {outcomes:?}");
        }
    }
}

#[test]
fn an_order_holds_for_what_it_names_and_until_it_is_refused() {
    let both = [FindingKind::OffsetWentBack, FindingKind::Redelivered];
    let others = [
        Order::SetOffset { group: "h".to_owned(), partition: orders_0(), offset: 3 },
        Order::SetOffset { group: "g".to_owned(), partition: ("orders".to_owned(), 1), offset: 3 },
        Order::DeleteGroup { group: "h".to_owned() },
    ];
    for other in others {
        let mut scene = Scene::with_group(5);
        scene.orders(other.clone(), DONE);
        assert_eq!(scene.goes_on(3, Moved::Committed), both, "{other:?}");
    }
    let mut scene = Scene::with_group(5);
    scene.orders(set(3), OrderOutcome::Given);
    scene.orders(set(3), OrderOutcome::Refused);
    assert_eq!(scene.goes_on(3, Moved::Committed), both);
    let mut scene = Scene::with_group(5);
    scene.orders(set(6), DONE);
    assert_eq!(
        scene.goes_on(7, Moved::Committed),
        [FindingKind::NeverDelivered],
        "6 is skipped, and nobody has said so"
    );
    // Where the group stands since then is held against it.
    let mut scene = Scene::with_group(5);
    scene.orders(set(7), DONE);
    assert_eq!(scene.goes_on(5, Moved::Committed), both);
}

#[test]
fn a_log_begins_later_where_an_administrator_says() {
    let begins_at = |order: Option<(Order, OrderOutcome)>, log_start| {
        let mut scene = Scene::new(&[0, 1, 2]);
        scene.moves(1, 3);
        order.into_iter().for_each(|(order, outcome)| scene.orders(order, outcome));
        scene.log_start = log_start;
        (1..=3).for_each(|broker| scene.logs.entry(broker).or_default().push(record(3)));
        scene.moves(1, 4);
        scene.kinds()
    };
    let early = [FindingKind::RemovedTooEarly];
    assert_eq!(begins_at(None, 2), early);
    assert_eq!(begins_at(Some((delete(2), OrderOutcome::Given)), 2), []);
    assert_eq!(begins_at(Some((delete(2), OrderOutcome::Given)), 3), early);
    assert_eq!(begins_at(Some((delete(-1), OrderOutcome::Given)), 3), []);
    assert_eq!(begins_at(Some((delete(99), OrderOutcome::Given)), 4), early, "above the high watermark, 3");
    assert_eq!(begins_at(Some((delete(-1), OrderOutcome::Done { log_start: 2 })), 2), []);
    assert_eq!(begins_at(Some((delete(-1), OrderOutcome::Done { log_start: 2 })), 3), early);
    let other = Order::DeleteRecords { partition: ("orders".to_owned(), 1), before: 2 };
    assert_eq!(begins_at(Some((other, OrderOutcome::Given)), 2), early);
    // What was refused is no reason any more.
    let mut scene = Scene::new(&[0, 1, 2]);
    scene.moves(1, 3);
    scene.orders(delete(2), OrderOutcome::Given);
    scene.orders(delete(2), OrderOutcome::Refused);
    scene.log_start = 2;
    (1..=3).for_each(|broker| scene.logs.entry(broker).or_default().push(record(3)));
    scene.moves(1, 4);
    assert_eq!(scene.kinds(), early);
}
