//! Waits for the end of time, for what is over, for nothing, and for thousands of moments at once.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::{
    clocks::monotonic_clock::{now, subscribe_duration, subscribe_instant},
    io::poll::poll,
};

fn main() {
    match std::env::args().nth(1).unwrap_or_default().as_str() {
        "ends" => {
            let before = now();
            subscribe_instant(0).block();
            println!("past: {}", now() - before < 1_000_000);
            subscribe_duration(0).block();
            println!("nothing: {}", now() - before < 1_000_000);
            subscribe_instant(before + 3_600_000_000_000).block();
            println!("hour: {}", now() - before >= 3_600_000_000_000);
            subscribe_duration(u64::MAX).block();
            // At the end of time it stays, and does not begin anew.
            println!("end: {}", now() == u64::MAX && now() == u64::MAX);
            subscribe_instant(u64::MAX).block();
            println!("still: {}", now() == u64::MAX);
        }
        "many" => {
            let count = std::env::args().nth(2).and_then(|count| count.parse().ok()).expect("a number");
            let all: Vec<_> = (0..100).map(|n| subscribe_duration(n * 1_000)).collect();
            // The same ones many times over.
            let list: Vec<_> = all.iter().cycle().take(count).collect();
            println!("{}", poll(&list).len());
        }
        "empty" => println!("{}", poll(&[]).len()),
        other => panic!("unknown means {other}"),
    }
}
