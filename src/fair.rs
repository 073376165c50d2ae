//! Queues that are fair to those who fill them: each has a line of its own, and the lines take turns.

use crate::sync::lock;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

/// Lines by key. Whoever takes, takes from one line after the other.
#[derive(Debug)]
struct Lines<K, T> {
    lines: HashMap<K, VecDeque<T>>,
    /// Those that are not empty, in the order of their turns.
    turns: VecDeque<K>,
    length: usize,
}

impl<K: Clone + Eq + Hash, T> Lines<K, T> {
    fn new() -> Lines<K, T> {
        Lines {
            lines: HashMap::new(),
            turns: VecDeque::new(),
            length: 0,
        }
    }

    /// How many wait in the line of `key`.
    fn waiting(&self, key: &K) -> usize {
        self.lines.get(key).map_or(0, VecDeque::len)
    }

    fn put(&mut self, key: &K, item: T) {
        if self.waiting(key) == 0 {
            self.turns.push_back(key.clone());
        }
        self.lines.entry(key.clone()).or_default().push_back(item);
        self.length += 1;
    }

    /// The first one of the line whose turn it is.
    fn take(&mut self) -> Option<T> {
        let key = self.turns.pop_front()?;
        let line = self.lines.get_mut(&key)?;
        let item = line.pop_front()?;
        if line.is_empty() {
            self.lines.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        self.length -= 1;
        Some(item)
    }
}

/// What comes by a channel, in turns: whoever has put in much waits behind himself alone. It holds no more than the channel did.
pub(crate) struct InTurns<K, T> {
    from: UnboundedReceiver<T>,
    key: fn(&T) -> K,
    lines: Lines<K, T>,
}

impl<K: Clone + Eq + Hash, T> InTurns<K, T> {
    /// `key` tells whose each is.
    pub(crate) fn new(from: UnboundedReceiver<T>, key: fn(&T) -> K) -> InTurns<K, T> {
        InTurns {
            from,
            key,
            lines: Lines::new(),
        }
    }

    /// The next one; none when the channel is closed and empty. It may be dropped while it waits.
    pub(crate) async fn recv(&mut self) -> Option<T> {
        while let Ok(item) = self.from.try_recv() {
            self.sort(item);
        }
        if self.lines.length == 0 {
            let item = self.from.recv().await?;
            self.sort(item);
        }
        self.lines.take()
    }

    fn sort(&mut self, item: T) {
        self.lines.put(&(self.key)(&item), item);
    }
}

/// The end that puts in and the one that takes out are the same; it is shared by cloning.
#[derive(Debug)]
pub(crate) struct FairQueue<K, T> {
    lines: Arc<Mutex<Lines<K, T>>>,
    /// What one line holds at most, and all together.
    most_each: usize,
    most: usize,
    /// How much was put in so far, and how much of it is done with.
    put: Arc<watch::Sender<u64>>,
    done: Arc<watch::Sender<u64>>,
}

impl<K, T> Clone for FairQueue<K, T> {
    fn clone(&self) -> Self {
        FairQueue {
            lines: self.lines.clone(),
            most_each: self.most_each,
            most: self.most,
            put: self.put.clone(),
            done: self.done.clone(),
        }
    }
}

impl<K: Clone + Eq + Hash, T> FairQueue<K, T> {
    /// An empty queue with these bounds: of one line, and of all together.
    pub(crate) fn new(most_each: usize, most: usize) -> FairQueue<K, T> {
        FairQueue {
            lines: Arc::new(Mutex::new(Lines::new())),
            most_each,
            most,
            put: Arc::new(watch::channel(0).0),
            done: Arc::new(watch::channel(0).0),
        }
    }

    /// Puts something into the line of `key`; false when that line or the whole queue is full.
    pub(crate) fn put(&self, key: &K, item: T) -> bool {
        let mut all = lock(&self.lines);
        if all.waiting(key) >= self.most_each || all.length >= self.most {
            return false;
        }
        all.put(key, item);
        drop(all);
        self.put.send_modify(|count| *count += 1);
        true
    }

    /// Takes at most `most`, one of each line in turn; waits until there is something.
    pub(crate) async fn take(&self, most: usize) -> Vec<T> {
        let mut news = self.put.subscribe();
        loop {
            news.mark_unchanged();
            let taken = self.take_now(most);
            if !taken.is_empty() {
                return taken;
            }
            // The sender lives as long as this queue.
            let _ = news.changed().await;
        }
    }

    fn take_now(&self, most: usize) -> Vec<T> {
        let mut all = lock(&self.lines);
        std::iter::from_fn(|| all.take()).take(most).collect()
    }

    /// So many of those that were taken are done with.
    pub(crate) fn done(&self, count: usize) {
        self.done.send_modify(|done| *done += count as u64);
    }

    /// Waits until all that was put in before is done with.
    pub(crate) async fn finished(&self) {
        let put = *self.put.borrow();
        let _ = self.done.subscribe().wait_for(|done| *done >= put).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_flood_in_one_line_does_not_hold_up_the_others() {
        let queue = FairQueue::new(100, 1000);
        for n in 0..200 {
            assert_eq!(queue.put(&"flood", n), n < 100, "{n}");
        }
        assert!(queue.put(&"quiet", 1000));
        assert_eq!(queue.take(3).await, [0, 1000, 1]);
        assert_eq!(queue.take(1000).await.len(), 98);
    }

    #[tokio::test]
    async fn the_whole_is_bounded_and_what_is_put_in_is_waited_for() {
        let queue = FairQueue::new(2, 3);
        assert!(queue.put(&1, 'a') && queue.put(&1, 'b') && queue.put(&2, 'c'));
        assert!(!queue.put(&3, 'd'));
        let other = queue.clone();
        let waits = tokio::spawn(async move { other.finished().await });
        assert_eq!(queue.take(9).await.len(), 3);
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        queue.done(3);
        waits.await.unwrap();
        let takes = queue.clone();
        let taken = tokio::spawn(async move { takes.take(1).await });
        tokio::task::yield_now().await;
        queue.put(&4, 'e');
        assert_eq!(taken.await.unwrap(), ['e']);
    }

    #[tokio::test]
    async fn what_comes_by_a_channel_is_taken_in_turns_until_it_is_closed_and_empty() {
        let (to, from) = tokio::sync::mpsc::unbounded_channel();
        let mut in_turns = InTurns::new(from, |(who, _): &(&str, u32)| *who);
        for n in 0..3 {
            to.send(("flood", n)).unwrap();
        }
        assert_eq!(in_turns.recv().await, Some(("flood", 0)));
        to.send(("quiet", 7)).unwrap();
        assert_eq!(in_turns.recv().await, Some(("flood", 1)));
        assert_eq!(in_turns.recv().await, Some(("quiet", 7)));
        drop(to);
        assert_eq!(in_turns.recv().await, Some(("flood", 2)));
        assert_eq!(in_turns.recv().await, None);
    }
}
