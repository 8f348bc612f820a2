//! Sleeps for an hour, then asks again and again whether another one is over, and says how long that took by its own clock.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::time::{Duration, Instant};
use wasip2::clocks::monotonic_clock::subscribe_duration;

fn main() {
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(3600));
    println!("{}", start.elapsed().as_secs());
    let hour = subscribe_duration(3_600_000_000_000);
    while !hour.ready() {}
    println!("{}", start.elapsed().as_secs());
}
