//! Asks, and counts what it gets of the answer; the first argument is whom it asks.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::{
    http::{
        outgoing_handler::handle,
        types::{Fields, OutgoingRequest, RequestOptions, Scheme},
    },
    io::streams::StreamError,
};

fn main() {
    let args: Vec<_> = std::env::args().collect();
    let request = OutgoingRequest::new(Fields::new());
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(args.get(1).map(String::as_str)).expect("an authority");
    request.set_path_with_query(Some("/")).expect("a path");
    // It can wait less than the host lets it, and not longer.
    let options = RequestOptions::new();
    for set in [
        RequestOptions::set_connect_timeout,
        RequestOptions::set_first_byte_timeout,
        RequestOptions::set_between_bytes_timeout,
    ] {
        set(&options, Some(u64::MAX)).expect("taken");
    }
    let sent = handle(request, Some(options)).expect("valid");
    sent.subscribe().block();
    let response = match sent.get().expect("there").expect("once") {
        Ok(response) => response,
        Err(error) => return println!("{error:?}"),
    };
    let encoding =
        response.headers().get("content-encoding").first().map(|it| String::from_utf8_lossy(it).into_owned());
    let body = response.consume().expect("once");
    let stream = body.stream().expect("once");
    let mut all = 0;
    let end = loop {
        match stream.blocking_read(u64::MAX) {
            Ok(bytes) => all += bytes.len(),
            Err(StreamError::Closed) => break "end".to_owned(),
            Err(StreamError::LastOperationFailed(error)) => break error.to_debug_string(),
        }
    };
    println!("{} {encoding:?} {all} {end}", response.status());
}
