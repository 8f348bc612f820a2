//! Looks for anything that differs between two runs: clocks, random numbers, hashes, files, addresses, the environment.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    hash::{BuildHasher as _, RandomState},
    time::Instant,
};
use wasip2::{
    clocks::{monotonic_clock, wall_clock},
    random::{insecure, insecure_seed, random},
};

fn main() {
    let start = Instant::now();
    println!("monotonic {} {}", monotonic_clock::now(), monotonic_clock::resolution());
    println!("resolution {:?}", wall_clock::resolution());
    let (first, second) = (wall_clock::now(), wall_clock::now());
    println!("wall goes {} {}", second.seconds - first.seconds, second.nanoseconds.wrapping_sub(first.nanoseconds));
    println!("random {:?} {}", random::get_random_bytes(16), random::get_random_u64());
    println!("insecure {:?} {}", insecure::get_insecure_random_bytes(16), insecure::get_insecure_random_u64());
    println!("seed {:?}", insecure_seed::insecure_seed());
    println!("hash {}", RandomState::new().hash_one("same"));
    let order: HashSet<_> = (0..20).collect();
    println!("order {:?}", order.into_iter().collect::<Vec<_>>());
    println!("environment {:?}", env::vars().collect::<HashMap<_, _>>());
    println!("directory {:?}", env::current_dir().ok());
    println!("file {:?}", fs::read_to_string("/workspace/file.txt").ok());
    let list = fs::read_dir("/workspace").map(|list| list.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>());
    println!("names {:?}", list.ok());
    let local = Box::new(0u8);
    println!("address {:p}", &raw const *local);
    // Work takes no time that it can see.
    let work: u64 = (0..1_000_000u64).map(std::hint::black_box).sum();
    println!("work {work} {:?}", start.elapsed());
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(7));
        println!("slept {:?}", start.elapsed());
    }
}
