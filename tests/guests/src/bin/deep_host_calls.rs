//! Calls itself until there is no stack, and calls the host from the deepest levels: to print, to wait, to open a file, to call a
//! tool, to send a request. The arguments say what, and from which depth on.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::{
    cli::stdout::get_stdout,
    clocks::monotonic_clock::subscribe_duration,
    filesystem::{
        preopens::get_directories,
        types::{DescriptorFlags, OpenFlags, PathFlags},
    },
    http::{
        outgoing_handler::handle,
        types::{Fields, OutgoingRequest, Scheme},
    },
};

fn main() {
    let args: Vec<_> = std::env::args().collect();
    let from = args.get(2).and_then(|from| from.parse().ok()).expect("a depth");
    let call: fn(u64) = match args[1].as_str() {
        "prints" => |depth| {
            get_stdout().blocking_write_and_flush(format!("{depth}\n").as_bytes()).expect("granted");
        },
        "waits" => |_| subscribe_duration(1).block(),
        "opens" => |_| {
            let (workspace, _) = get_directories().swap_remove(0);
            let flags = DescriptorFlags::READ;
            workspace.open_at(PathFlags::empty(), "file.txt", OpenFlags::empty(), flags).expect("granted");
        },
        "invokes" => |_| drop(gloveport::host::invoke("text.count", r#"{"text": "a"}"#).expect("granted")),
        "sends" => |_| {
            let request = OutgoingRequest::new(Fields::new());
            request.set_scheme(Some(&Scheme::Http)).expect("valid");
            request.set_authority(Some("127.0.0.1:1")).expect("valid");
            request.set_path_with_query(Some("/")).expect("valid");
            handle(request, None).expect("valid").subscribe().block();
        },
        other => panic!("unknown call {other}"),
    };
    println!("{}", deeper(call, from, 0));
}

#[inline(never)]
#[allow(unconditional_recursion, reason = "that is the attack")]
fn deeper(call: fn(u64), from: u64, depth: u64) -> u64 {
    if depth >= from {
        call(depth);
    }
    std::hint::black_box(deeper(call, from, depth + 1)) + depth
}
