//! Places for tests with browsers: as many at a time as the machine carries. The browsers are started when they are
//! wanted, and kept for the next test.

use super::chromium::Chromium;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// Places at the most, on however many cores: beyond this the tests have others to wait for.
const MOST: usize = 4;
/// Places at the least: one test waits for events while the other one works.
const LEAST: usize = 2;

static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism();
    Pool::of(cores.map_or(LEAST, |cores| cores.get().clamp(LEAST, MOST)))
});

struct Pool {
    size: usize,
    places: Mutex<Places>,
    changed: Condvar,
}

#[derive(Default)]
struct Places {
    /// Browsers that no test has.
    idle: Vec<Chromium>,
    taken: usize,
    /// Tests that wait to be alone. Nobody takes a place before them: they would wait for ever.
    to_be_alone: usize,
}

impl Pool {
    fn of(size: usize) -> Pool {
        Pool {
            size,
            places: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, waits: impl Fn(&Places) -> bool) -> MutexGuard<'_, Places> {
        self.changed
            .wait_while(self.places(), |places| waits(places))
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn one(&'static self) -> Place {
        let mut places = self.wait_while(|places| places.to_be_alone > 0 || places.taken >= self.size);
        places.taken += 1;
        Place { pool: self, count: 1 }
    }

    fn all(&'static self) -> Place {
        self.places().to_be_alone += 1;
        let mut places = self.wait_while(|places| places.taken > 0);
        places.to_be_alone -= 1;
        places.taken = self.size;
        Place {
            pool: self,
            count: self.size,
        }
    }
}

/// A test's right to a browser, given back on drop.
pub struct Place {
    pool: &'static Pool,
    count: usize,
}

impl Place {
    /// One of them; waits until it is free.
    pub fn one() -> Place {
        POOL.one()
    }

    /// All of them; waits until no other test has one.
    pub fn all() -> Place {
        POOL.all()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pool.places().taken -= self.count;
        self.pool.changed.notify_all();
    }
}

/// A browser for whoever has a place.
pub fn browser() -> Chromium {
    let idle = POOL.places().idle.pop();
    idle.unwrap_or_else(|| Chromium::start(""))
}

/// Keeps it for the next one.
pub fn keep(browser: Chromium) {
    POOL.places().idle.push(browser);
}

#[test]
fn whoever_wants_to_be_alone_waits_for_the_others_and_goes_before_the_next() {
    let pool: &'static Pool = Box::leak(Box::new(Pool::of(2)));
    let order = Mutex::new(Vec::new());
    let first = pool.one();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _all = pool.all();
            assert_eq!(pool.places().taken, 2);
            order.lock().unwrap().push("alone");
        });
        while pool.places().to_be_alone == 0 {
            std::thread::yield_now();
        }
        let next = threads.spawn(|| {
            let _one = pool.one();
            order.lock().unwrap().push("next");
        });
        order.lock().unwrap().push("first");
        drop(first);
        next.join().unwrap();
    });
    assert_eq!(*order.lock().unwrap(), ["first", "alone", "next"]);
    assert_eq!(pool.places().taken, 0);
}
