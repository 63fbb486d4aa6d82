//! What happens to single messages from outside: held and released, lost, delivered twice.

use std::collections::VecDeque;

use super::state::Kernel;
use crate::sim::connection::{Carried, Sent};
use crate::sim::fates::{Fate, MessageFault};
use crate::sim::ids::{ConnectionId, MessageName, ProcessId};
use crate::sim::network::{HeldDatagram, Network};
use crate::sim::process::Process;
use crate::sim::queue::{Event, EventKind};

impl<P: Process> Kernel<P> {
    /// Whether a message with this sequence number is on its way.
    #[must_use]
    pub fn is_on_its_way(&self, sequence: u64) -> bool {
        self.in_flight().iter().any(|event| event.sequence == sequence)
    }

    pub(super) fn release_clogged(&mut self, from: ProcessId, to: ProcessId) {
        for held in std::mem::take(&mut self.network.clogged) {
            if (held.name.from, held.name.to) == (from, to) {
                self.send_on(held);
            } else {
                self.network.clogged.push(held);
            }
        }
    }

    /// A raw message that waited goes on: because it was sent, and because of what released it.
    fn send_on(&mut self, held: HeldDatagram<P::Message>) {
        let Self { network, agenda, .. } = self;
        let causes = agenda.join(held.causes, agenda.events);
        let departure = held.departure.max(agenda.now);
        network.carry_datagram(HeldDatagram { causes, departure, ..held }, agenda);
    }

    /// Decides for the message that is on its way with this number; nothing where there is no such message.
    pub(super) fn meddle(&mut self, sequence: u64, fault: MessageFault) {
        let event = self.message_on_its_way(|_, event| event.sequence == sequence);
        let Some(name) = event.and_then(|event| self.name_of(&event)) else { return };
        let fate = self.network.links.fates.decided(name).with(fault, sequence);
        self.decide(name, fate);
    }

    /// Decides for a message by its name. One that is on its way, or waits, meets what is new in its fate at once; the delay of
    /// what is on its way stays.
    pub(super) fn decide(&mut self, name: MessageName, fate: Fate) {
        self.touched.also([name.from, name.to]);
        let before = self.network.links.fates.decided(name);
        self.network.links.fates.decide(name, fate);
        let is_named = |kernel: &Self, event: &Event<P::Message>| {
            event.target == name.to && event.ordinal == name.ordinal && kernel.name_of(event) == Some(name)
        };
        let Some(event) = self.message_on_its_way(is_named) else {
            return self.decide_for_waiting(name, before, fate);
        };
        if fate.is_repeated && !before.is_repeated {
            let Event { time, target, ordinal, causes, .. } = event;
            self.agenda.push_sent(event.sent, time, target, event.kind.clone(), ordinal, causes);
        }
        if fate.is_lost {
            self.agenda.queue.take_if(|other| other.sequence == event.sequence);
        } else if let Some(number) = fate.held_as
            && before.held_as != fate.held_as
        {
            self.hold(event, number);
        }
    }

    /// What neither is on its way nor waits has arrived, or is still to be sent and will meet its fate then.
    fn decide_for_waiting(&mut self, name: MessageName, before: Fate, fate: Fate) {
        let is_named = |sent: &Sent<P::Message>| {
            matches!(sent.what, Carried::Message(_)) && (sent.what.kind(), sent.ordinal) == (name.kind, name.ordinal)
        };
        let place = self.network.connections.iter().find_map(|(id, connection)| {
            let to_end = connection.ends.iter().position(|end| end.process == name.to)?;
            let is_between = connection.ends[1 - to_end].process == name.from;
            let place = connection.ends[to_end].waiting.iter().position(is_named)?;
            is_between.then_some((id, to_end, place))
        });
        match place {
            Some(place) => self.decide_in_stream(place, before, fate),
            None => self.decide_for_raw(name, before, fate),
        }
    }

    /// Decides for what waits on its way to an end of a connection, by its place there.
    fn decide_in_stream(&mut self, (id, to_end, place): (ConnectionId, usize, usize), before: Fate, fate: Fate) {
        let connection = self.network.connections.get_mut(id).expect("a connection on which something waits");
        let waiting = &mut connection.ends[to_end].waiting;
        if fate.is_lost {
            waiting.remove(place);
            if connection.is_over() {
                self.forget(id);
            }
            return;
        }
        let copy = (fate.is_repeated && !before.is_repeated).then(|| Sent { hold: None, ..waiting[place].clone() });
        if fate.held_as != before.held_as {
            waiting[place].hold = fate.held_as;
        }
        if let Some(copy) = copy {
            waiting.insert(place, copy);
        }
    }

    /// Decides for a raw message that waits for its link, or is held.
    fn decide_for_raw(&mut self, name: MessageName, before: Fate, fate: Fate) {
        let Network { clogged, held, .. } = &mut self.network;
        let is_new = fate.held_as != before.held_as;
        if let Some(place) = clogged.iter().position(|waiting| waiting.name == name) {
            let waiting = clogged.remove(place);
            if fate.is_lost {
                return;
            }
            if fate.is_repeated && !before.is_repeated {
                clogged.insert(place, waiting.clone());
            }
            match fate.held_as.filter(|_| is_new) {
                Some(number) => _ = held.insert(number, waiting),
                None => clogged.insert(place, waiting),
            }
        } else if let Some(number) = held.iter().find(|(_, waiting)| waiting.name == name).map(|(number, _)| *number) {
            let waiting = held.remove(&number).expect("found above");
            if fate.is_lost {
                return;
            }
            held.insert(fate.held_as.filter(|_| is_new).unwrap_or(number), waiting.clone());
            if fate.is_repeated && !before.is_repeated {
                self.send_on(waiting);
            }
        }
    }

    fn message_on_its_way(&self, is_meant: impl Fn(&Self, &Event<P::Message>) -> bool) -> Option<Event<P::Message>> {
        let is_message =
            |event: &Event<P::Message>| matches!(event.kind, EventKind::Delivery(..) | EventKind::Datagram(..));
        self.agenda.queue.iter().find(|event| is_message(event) && is_meant(self, event)).cloned()
    }

    fn hold(&mut self, event: Event<P::Message>, number: u64) {
        let Event { time, sequence, causes, target, ordinal, kind, sent } = event;
        match kind {
            EventKind::Delivery(id, _) => {
                let held = self.take_stream(id, target, sequence);
                self.hold_end(id, target, number, held);
            }
            EventKind::Datagram(from, message) => {
                self.agenda.queue.take_if(|other| other.sequence == sequence);
                let name =
                    MessageName { from, to: target, kind: crate::sim::process::Message::kind(&*message), ordinal };
                let left = Some(time.saturating_sub(self.agenda.now));
                self.network.held.insert(number, HeldDatagram { name, message, causes, departure: sent, left });
            }
            EventKind::Boot
            | EventKind::Timer(_)
            | EventKind::Terminate
            | EventKind::Exit
            | EventKind::Connected(_)
            | EventKind::Disconnected(_)
            | EventKind::GaveUp(_)
            | EventKind::External(_) => unreachable!("only a message is held"),
        }
    }

    /// Takes off its way what a connection carries to `target`, from the message with this sequence number on.
    fn take_stream(&mut self, id: ConnectionId, target: ProcessId, from: u64) -> VecDeque<Sent<P::Message>> {
        let is_behind = |event: &Event<P::Message>| {
            let is_of_stream =
                matches!(event.kind, EventKind::Delivery(of, _) | EventKind::Disconnected(of) if of == id);
            is_of_stream && event.target == target && event.sequence >= from
        };
        let taken = self.agenda.queue.take_if(is_behind).into_iter();
        taken.filter_map(Sent::of).map(|(_, sent)| sent).collect()
    }

    /// From now on what is on its way to this end waits, `first` before what waits already.
    fn hold_end(&mut self, id: ConnectionId, target: ProcessId, number: u64, mut first: VecDeque<Sent<P::Message>>) {
        let connection = self.network.connections.get_mut(id).expect("the connection of a message that has a name");
        let end = connection.end_of(target);
        let end = &mut connection.ends[end];
        end.held.get_or_insert(number);
        first.append(&mut end.waiting);
        end.waiting = first;
    }

    /// What waits and would be held under this number when it goes on, is not.
    fn hold_no_more(&mut self, number: u64) {
        let would_be = |sent: &Sent<P::Message>| sent.hold == Some(number);
        let ends = self.network.connections.iter().flat_map(|(id, connection)| {
            let waits = |end: &usize| connection.ends[*end].waiting.iter().any(would_be);
            [0, 1].into_iter().filter(waits).map(move |end| (id, end))
        });
        for (id, end) in ends.collect::<Vec<_>>() {
            let connection = self.network.connections.get_mut(id).expect("listed above");
            connection.ends[end].waiting.iter_mut().filter(|sent| would_be(sent)).for_each(|sent| sent.hold = None);
        }
    }

    /// What is held under this number goes on, and what would have been held is not.
    pub(super) fn release_held(&mut self, number: u64) {
        self.network.links.fates.release(number);
        if let Some(held) = self.network.held.remove(&number) {
            let name = held.name;
            self.touched.also([name.from, name.to]);
            match held.left {
                Some(left) => {
                    let Self { agenda, .. } = self;
                    let causes = agenda.join(held.causes, agenda.events);
                    let kind = EventKind::Datagram(name.from, held.message);
                    agenda.push_sent(agenda.now, agenda.now + left, name.to, kind, name.ordinal, causes);
                }
                None => self.send_on(held),
            }
        }
        let held = self.network.connections.iter().filter_map(|(id, connection)| {
            Some((id, connection.ends.iter().position(|end| end.held == Some(number))?))
        });
        let held: Vec<_> = held.collect();
        self.hold_no_more(number);
        for (id, end) in held {
            let connection = self.network.connections.get_mut(id).expect("listed above");
            connection.ends[end].held = None;
            let processes = [0, 1].map(|end| connection.ends[end].process);
            self.touched.also(processes);
            self.release_end(id, end);
        }
    }
}
