//! Prints what its clocks and its hasher's random keys say.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{
    hash::{BuildHasher as _, RandomState},
    time::{Instant, SystemTime},
};

fn main() {
    let start = Instant::now();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    println!("{:?} {} {:?}", since.map(|time| time.as_nanos()), RandomState::new().hash_one(1), start.elapsed());
}
