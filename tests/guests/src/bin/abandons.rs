//! Begins requests and leaves them in the middle, by the means of its second argument; the first is whom it asks.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::{
    http::{
        outgoing_handler::handle,
        types::{
            Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
            Scheme,
        },
    },
    io::streams::StreamError,
};

fn request(authority: &str, method: &Method) -> OutgoingRequest {
    let request = OutgoingRequest::new(Fields::new());
    request.set_method(method).expect("a method");
    request.set_scheme(Some(&Scheme::Http)).expect("a scheme");
    request.set_authority(Some(authority)).expect("an authority");
    request.set_path_with_query(Some("/")).expect("a path");
    request
}

fn wait(sent: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    sent.subscribe().block();
    sent.get().expect("it is there").expect("once").map_err(|error| format!("{error:?}"))
}

fn read(body: &IncomingBody) -> Result<usize, String> {
    let stream = body.stream().map_err(|()| "taken")?;
    let mut all = 0;
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(bytes) => all += bytes.len(),
            Err(StreamError::Closed) => return Ok(all),
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
}

fn main() {
    let args: Vec<_> = std::env::args().collect();
    let [_, to, means] = args.as_slice() else { panic!("expected an address and a means") };
    let get = || handle(request(to, &Method::Get), None).expect("valid");
    match means.as_str() {
        // Waits for an answer to a question that it never finishes.
        "unfinished" => {
            let asked = request(to, &Method::Post);
            let body = asked.body().expect("once");
            let sent = handle(asked, None).expect("valid");
            body.write().expect("once").blocking_write_and_flush(b"the beginning").expect("it is sent");
            println!("{:?}", wait(&sent).map(|response| response.status()));
        }
        // Lets go of the body, which is then no whole one.
        "broken" => {
            let asked = request(to, &Method::Post);
            let body = asked.body().expect("once");
            let sent = handle(asked, None).expect("valid");
            body.write().expect("once").blocking_write_and_flush(b"the beginning").expect("it is sent");
            drop(body);
            println!("{}", wait(&sent).is_ok());
        }
        "late" => {
            let response = wait(&get()).expect("an answer");
            let body = response.consume().expect("once");
            drop(response);
            println!("{:?}", read(&body));
        }
        "twice" => {
            let sent = get();
            let response = wait(&sent).expect("an answer");
            println!("answer again: {:?}", sent.get().map(|again| again.is_err()));
            let body = response.consume().expect("once");
            println!("body again: {}", response.consume().is_err());
            println!("{:?}", read(&body));
            println!("stream again: {}", body.stream().is_err());
        }
        "unread" => {
            for _ in 0..5 {
                drop(wait(&get()).expect("an answer"));
            }
            println!("done");
        }
        "unawaited" => {
            for _ in 0..8 {
                drop(get());
            }
            println!("done");
        }
        "kept" => {
            let kept: Vec<_> = (0..8).map(|_| get()).collect();
            println!("{}", kept.iter().filter(|sent| wait(sent).is_ok()).count());
        }
        // Sends what it has begun to send, again.
        "resent" => {
            let asked = request(to, &Method::Post);
            let body = asked.body().expect("once");
            println!("{}", asked.body().is_err());
            OutgoingBody::finish(body, None).expect("whole");
            println!("{:?}", wait(&handle(asked, None).expect("valid")).map(|response| response.status()));
        }
        other => panic!("unknown means {other}"),
    }
}
