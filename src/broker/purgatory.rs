//! Where requests wait for something to happen (Kafka: `DelayedOperationPurgatory`).
//!
//! A wait names the keys of what may end it, a deadline, and the work that is left when it ends. Who changes something wakes
//! its key; woken waits are looked at once more before the event ends, and each is ended exactly once, whether it is complete, has
//! expired or lost its connection. Kafka's own completes a wait on the thread that changed something; here that is the
//! end of the same event, which is as soon.

use crate::sim::Time;
use crate::sim::network::ConnectionId;
use crate::sim::sorted::SortedSet;
use crate::wire::Message;

/// A wait by its place: used again once the wait has ended, so that the timers of waits stay few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaitId(pub(super) u32);

/// Work that waits.
pub(super) trait Waiting<K> {
    /// Names what may end the wait: the same keys for as long as it lasts.
    fn each_key(&self, tell: &mut dyn FnMut(K));
}

/// Whoever is to be answered at the end of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) connection: ConnectionId,
    pub(super) correlation_id: i32,
    /// The version at which it asked.
    pub(super) version: i16,
}

impl Asker {
    /// Who sent a request.
    pub(super) fn of(connection: ConnectionId, message: &Message) -> Self {
        Self { connection, correlation_id: message.correlation_id, version: message.version }
    }
}

/// One wait.
#[derive(Clone, Debug)]
pub(super) struct Wait<W> {
    pub(super) asker: Asker,
    /// When it ends at the latest.
    pub(super) deadline: Time,
    /// The event in which it began: the arrival of the request. What is answered is caused by it, too.
    pub(super) began: u64,
    pub(super) work: W,
}

/// All waits, by what they wait for.
#[derive(Clone, Debug)]
pub(super) struct Purgatory<K, W> {
    waits: Vec<Option<Wait<W>>>,
    free: Vec<WaitId>,
    watchers: SortedSet<(K, WaitId)>,
    /// Waits to be looked at before the event ends.
    awake: SortedSet<WaitId>,
}

impl<K, W> Default for Purgatory<K, W> {
    fn default() -> Self {
        Self { waits: Vec::new(), free: Vec::new(), watchers: SortedSet::default(), awake: SortedSet::default() }
    }
}

impl<K: Ord + Copy, W: Waiting<K>> Purgatory<K, W> {
    /// A wait begins.
    pub(super) fn begin(&mut self, wait: Wait<W>) -> WaitId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.waits.push(None);
            WaitId(u32::try_from(self.waits.len() - 1).expect("fewer waits than connections"))
        });
        wait.work.each_key(&mut |key| {
            self.watchers.insert((key, id));
        });
        let former = self.waits[id.0 as usize].replace(wait);
        assert!(former.is_none(), "a wait begins where none is");
        id
    }

    /// A wait ends: it is complete, has expired, or nobody is there any more to be answered.
    pub(super) fn end(&mut self, id: WaitId) -> Wait<W> {
        let wait = self.waits[id.0 as usize].take().expect("a wait ends once");
        wait.work.each_key(&mut |key| {
            self.watchers.remove(&(key, id));
        });
        self.awake.remove(&id);
        self.free.push(id);
        wait
    }

    /// Something happened to `key`: who waits for it is looked at before the event ends.
    pub(super) fn wake(&mut self, key: K) {
        let woken = self.watchers.as_slice();
        let first = woken.partition_point(|(watched, _)| *watched < key);
        let of_key = woken[first..].iter().take_while(|(watched, _)| *watched == key);
        self.awake.extend(of_key.map(|(_, id)| *id));
    }

    /// Whether anybody waits for `key`.
    pub(super) fn is_awaited(&self, key: K) -> bool {
        let first = self.watchers.as_slice().partition_point(|(watched, _)| *watched < key);
        self.watchers.as_slice().get(first).is_some_and(|(watched, _)| *watched == key)
    }

    /// A wait's deadline has come.
    pub(super) fn expire(&mut self, id: WaitId) {
        assert!(self.get(id).is_some(), "the timer of a wait ends with it");
        self.awake.insert(id);
    }

    /// Something happened to a wait that is nobody else's: it is looked at before the event ends.
    pub(super) fn look_at(&mut self, id: WaitId) {
        assert!(self.get(id).is_some(), "a wait that has ended is not looked at");
        self.awake.insert(id);
    }

    /// The next wait to be looked at.
    pub(super) fn next_awake(&mut self) -> Option<WaitId> {
        self.awake.pop_first()
    }

    /// A wait that has not ended.
    pub(super) fn get(&self, id: WaitId) -> Option<&Wait<W>> {
        self.waits.get(id.0 as usize)?.as_ref()
    }

    /// The same, to go on with its work: its keys stay the same.
    pub(super) fn get_mut(&mut self, id: WaitId) -> Option<&mut Wait<W>> {
        self.waits.get_mut(id.0 as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::random::Random;

    #[derive(Clone, Debug)]
    struct Keys(Vec<u32>);

    impl Waiting<u32> for Keys {
        fn each_key(&self, tell: &mut dyn FnMut(u32)) {
            self.0.iter().copied().for_each(tell);
        }
    }

    fn wait(keys: &[u32]) -> Wait<Keys> {
        let asker = Asker { connection: ConnectionId(1), correlation_id: 0, version: 0 };
        Wait { asker, deadline: 0, began: 0, work: Keys(keys.to_vec()) }
    }

    fn awake(purgatory: &mut Purgatory<u32, Keys>) -> Vec<WaitId> {
        std::iter::from_fn(|| purgatory.next_awake()).collect()
    }

    #[test]
    fn a_key_wakes_those_that_wait_for_it_and_no_other() {
        let mut purgatory: Purgatory<u32, Keys> = Purgatory::default();
        let (one, two) = (purgatory.begin(wait(&[1, 3])), purgatory.begin(wait(&[2, 3, 3])));
        purgatory.wake(2);
        assert_eq!(awake(&mut purgatory), [two]);
        purgatory.wake(3);
        assert_eq!(awake(&mut purgatory), [one, two]);
        purgatory.wake(3);
        purgatory.end(two);
        assert_eq!(awake(&mut purgatory), [one], "what has ended is not looked at");
        purgatory.wake(2);
        assert_eq!(awake(&mut purgatory), []);
    }

    #[test]
    #[should_panic(expected = "a wait ends once")]
    fn a_wait_that_ends_twice_is_a_mistake() {
        let mut purgatory: Purgatory<u32, Keys> = Purgatory::default();
        let id = purgatory.begin(wait(&[1]));
        purgatory.end(id);
        purgatory.end(id);
    }

    /// Whatever begins and ends: a key wakes exactly the waits that name it.
    #[test]
    fn it_is_the_list_of_waits_that_one_would_search() {
        let mut random = Random::stream(1, "test", 0);
        let mut purgatory: Purgatory<u32, Keys> = Purgatory::default();
        let mut all: Vec<(WaitId, Vec<u32>)> = Vec::new();
        for _ in 0..2_000 {
            match random.below(3) {
                0 if !all.is_empty() => {
                    let (id, keys) = all.swap_remove(random.below(all.len() as u64) as usize);
                    assert_eq!(purgatory.end(id).work.0, keys);
                }
                1 => {
                    let key = random.below(6) as u32;
                    purgatory.wake(key);
                    let mut named: Vec<WaitId> =
                        all.iter().filter(|(_, keys)| keys.contains(&key)).map(|(id, _)| *id).collect();
                    named.sort_unstable();
                    assert_eq!(awake(&mut purgatory), named);
                }
                _ => {
                    let keys: Vec<u32> = (0..random.below(4)).map(|_| random.below(6) as u32).collect();
                    all.push((purgatory.begin(wait(&keys)), keys));
                }
            }
        }
    }
}
