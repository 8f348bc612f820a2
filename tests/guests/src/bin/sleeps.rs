//! Sleeps for an hour, and says how long that took by its own clock.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::time::{Duration, Instant};

fn main() {
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(3600));
    println!("{}", start.elapsed().as_secs());
}
