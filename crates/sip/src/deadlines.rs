//! Many deadlines, of which the next is wanted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

/// When which thing is due. A thing whose time has changed is entered again; what its owner no longer means is passed over.
#[derive(Debug)]
pub(crate) struct Deadlines<T> {
    heap: BinaryHeap<Reverse<(Instant, T)>>,
}

impl<T> Default for Deadlines<T>
where
    T: Ord,
{
    fn default() -> Self {
        Deadlines {
            heap: BinaryHeap::new(),
        }
    }
}

impl<T: Ord + Copy> Deadlines<T> {
    /// Enters a thing.
    pub(crate) fn set(&mut self, thing: T, at: Option<Instant>) {
        if let Some(at) = at {
            self.heap.push(Reverse((at, thing)));
        }
    }

    /// The next deadline that is meant: `of` says what a thing's deadline is now, `None` when it is gone.
    pub(crate) fn next(&mut self, of: impl Fn(T) -> Option<Instant>) -> Option<Instant> {
        while let Some(Reverse((at, thing))) = self.heap.peek() {
            if of(*thing) == Some(*at) {
                return Some(*at);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes a thing whose deadline is not after `now`.
    pub(crate) fn due(&mut self, now: Instant, of: impl Fn(T) -> Option<Instant>) -> Option<T> {
        let at = self.next(of)?;
        if at > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, thing))| thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::time::Duration;

    #[test]
    fn what_has_moved_or_gone_is_passed_over() {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut deadlines = Deadlines::default();
        let mut owners = HashMap::from([(1, at(1)), (2, at(2)), (3, at(3))]);
        for (thing, at) in &owners {
            deadlines.set(*thing, Some(*at));
        }
        owners.remove(&1);
        owners.insert(2, at(5));
        deadlines.set(2, Some(at(5)));
        let of = |thing| owners.get(&thing).copied();
        assert_eq!(deadlines.next(of), Some(at(3)));
        assert_eq!(deadlines.due(at(2), of), None);
        assert_eq!(deadlines.due(at(9), of), Some(3));
        assert_eq!(deadlines.due(at(9), of), Some(2));
        assert_eq!(deadlines.due(at(9), of), None);
    }
}
