//! Temporary measurement.
#![allow(clippy::all, clippy::disallowed_methods, missing_docs)]
use journal::*;
use std::{sync::Arc, time::Instant};
fn body(i: u64) -> EventBody {
    serde_json::from_value(serde_json::json!({"event":"call","tool":"files.read","digest":policy::Digest([7;32]),
    "args":{"path":format!("/docs/file-{i}.txt"),"max":65536},
    "decision":{"verdict":"allow","grant":{"tool":"files.read","mounts":[{"name":"docs","access":"read"}],"limits":{"cpu":5000,"wall":30000,"memory":67108864},"policies":["base#1"]}},
    "outcome":{"end":{"result":{"text":"hello world, this is a file's content"}},"usage":{"cpu_us":123,"wall_us":456,"memory":1048576},"effects":{"done":[{"action":"read","path":"docs/file.txt"}],"refused":[]}}})).unwrap()
}
fn main() {
    let dir = std::path::PathBuf::from(std::env::args().nth(1).unwrap());
    for durability in [Durability::Process, Durability::Power] {
        let dir = dir.join(format!("{durability:?}"));
        let journal = Arc::new(Journal::open(&dir, durability).unwrap());
        let rt = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        println!("{durability:?}, body {} bytes", serde_json::to_string(&body(1)).unwrap().len());
        let n = if durability == Durability::Process { 200_000u64 } else { 20_000 };
        // single awaited
        rt.block_on(async {
            let task = TaskId::generate();
            let mut times: Vec<u128> = Vec::new();
            for i in 0..2000 { let b = body(i); let t = Instant::now(); journal.append(&task, b, i).await.unwrap(); times.push(t.elapsed().as_nanos()); }
            times.sort();
            println!("  awaited alone: median {} us, p99 {} us", times[1000] as f64/1e3, times[1980] as f64/1e3);
        });
        // 64 in flight
        let bodies: Vec<_> = (0..n/64).map(body).collect();
        let t = Instant::now();
        rt.block_on(async {
            let mut hs = vec![];
            for _ in 0..64 { let j = journal.clone(); let bodies = bodies.clone(); hs.push(tokio::spawn(async move { let task = TaskId::generate(); for b in bodies { j.append(&task, b, 1).await.unwrap(); } })); }
            for h in hs { h.await.unwrap(); }
        });
        println!("  64 in flight: {:.0} events/s", n as f64 / t.elapsed().as_secs_f64());
        // unwaited flood
        let bodies: Vec<_> = (0..n).map(body).collect();
        let task = TaskId::generate();
        let t = Instant::now();
        let caller = rt.block_on(async { for b in bodies { journal.append_unwaited(&task, b, 1).await.unwrap(); } let c = t.elapsed(); journal.flush().await.unwrap(); c });
        println!("  unwaited flood: {:.0} events/s, caller {:.2} us each", n as f64 / t.elapsed().as_secs_f64(), caller.as_secs_f64()*1e6/n as f64);
        // unwaited, spaced (queue never full; writer asleep)
        let bodies: Vec<_> = (0..5000).map(body).collect();
        let mut times: Vec<u128> = vec![];
        rt.block_on(async { for b in bodies { let t = Instant::now(); journal.append_unwaited(&task, b, 1).await.unwrap(); times.push(t.elapsed().as_nanos()); let u = Instant::now(); while u.elapsed().as_micros() < 100 { std::hint::spin_loop() } } });
        times.sort();
        println!("  unwaited every 100 us: caller median {:.2} us, p99 {:.2} us", times[2500] as f64/1e3, times[4950] as f64/1e3);
        let r = journal.reader().unwrap();
        journal_flush(&rt, &journal);
        let t = Instant::now(); let v = r.verify(&task, None).unwrap(); println!("  verify: {:.0} events/s", v.events as f64 / t.elapsed().as_secs_f64());
    }
}
fn journal_flush(rt: &tokio::runtime::Runtime, j: &Journal) { rt.block_on(j.flush()).unwrap() }
