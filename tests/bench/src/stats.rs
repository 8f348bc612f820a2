//! Medians of many runs.

use std::time::{Duration, Instant};

/// Sorted times of one thing.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Runs something so often, after a tenth as many runs that do not count.
    pub(crate) fn of(runs: usize, mut run: impl FnMut()) -> Self {
        for _ in 0..runs / 10 {
            run();
        }
        Self::from(
            (0..runs)
                .map(|_| {
                    let start = Instant::now();
                    run();
                    start.elapsed()
                })
                .collect(),
        )
    }

    /// Runs two things in turn, so often each: what the machine does between them, such as falling asleep, is the same for
    /// both.
    pub(crate) fn in_turn<T>(runs: usize, with: &mut T, one: fn(&mut T), other: fn(&mut T)) -> (Self, Self) {
        let timed = |with: &mut T, run: fn(&mut T)| {
            let start = Instant::now();
            run(with);
            start.elapsed()
        };
        for _ in 0..runs / 10 {
            one(with);
            other(with);
        }
        let times: (Vec<_>, Vec<_>) = (0..runs).map(|_| (timed(with, one), timed(with, other))).unzip();
        (Self::from(times.0), Self::from(times.1))
    }

    pub(crate) fn from(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// What each of so many things took that were done in one run.
    pub(crate) fn over(self, count: u32) -> Self {
        Self(self.0.into_iter().map(|time| time / count).collect())
    }

    fn at(&self, share: f64) -> f64 {
        let index = (self.0.len() as f64 * share) as usize;
        self.0[index.min(self.0.len() - 1)].as_nanos() as f64 / 1_000.0
    }

    /// The median, in microseconds.
    pub(crate) fn p50(&self) -> f64 {
        self.at(0.5)
    }

    /// Prints a row, with the ratio to another.
    pub(crate) fn print(&self, name: &str, base: Option<&Self>) {
        let ratio = base.map_or_else(String::new, |base| format!("{:8.2} x", self.p50() / base.p50()));
        println!("{name:<58} p50 {:>9.1} us   p99 {:>9.1} us {ratio}", self.p50(), self.at(0.99));
    }
}
