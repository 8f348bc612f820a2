//! One request and its response, over `wasi:http/outgoing-handler`.

mod body;
mod code;

use super::{
    Error, Response, ResponseBody,
    request::{Body, Head},
    secret,
};
use body::Incoming;
use wasip2::http::{
    outgoing_handler,
    types::{
        ErrorCode, Fields, FutureIncomingResponse, HeaderError, IncomingResponse, Method, OutgoingRequest,
        RequestOptions, Scheme,
    },
};

/// Sends one request and waits for the response's headers. A body of bytes stays, for another time.
pub(super) fn exchange(head: &Head, body: &mut Body) -> Result<Response, Error> {
    let request = request(head, body)?;
    let options = head.timeout.map(|time| options(head, time)).transpose()?;
    let outgoing = request.body().map_err(|()| own_fault(head, "the body"))?;
    let failed = |code| code::error(head, code);
    let waiting = outgoing_handler::handle(request, options).map_err(failed)?;
    let unfinished = body::send(head, body, outgoing, &waiting)?;
    let response = wait(&waiting).map_err(failed)?;
    let headers = response.headers().entries();
    let incoming = Incoming::new(head, response.consume(), unfinished)?;
    Ok(Response {
        status: response.status(),
        url: head.url.to_string(),
        headers: headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        body: ResponseBody::new(incoming),
    })
}

fn request(head: &Head, body: &Body) -> Result<OutgoingRequest, Error> {
    let request = OutgoingRequest::new(fields(head, body)?);
    let url = &head.url;
    let scheme = if url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    request.set_method(&method(&head.method)).map_err(|()| own_fault(head, "the method"))?;
    request.set_scheme(Some(&scheme)).map_err(|()| own_fault(head, "the scheme"))?;
    request.set_authority(Some(&authority)).map_err(|()| own_fault(head, "the host"))?;
    request.set_path_with_query(Some(&path)).map_err(|()| own_fault(head, "the path"))?;
    Ok(request)
}

fn fields(head: &Head, body: &Body) -> Result<Fields, Error> {
    let fields = Fields::new();
    for (name, value) in &head.headers {
        append(head, &fields, name, value)?;
    }
    for value in &head.secrets {
        append(head, &fields, secret::HEADER, value.as_bytes())?;
    }
    let length = match body {
        Body::Bytes(bytes) => Some(bytes.len()),
        // Servers ask for a length where a body is usual (RFC 9110, section 8.6).
        Body::Empty if matches!(head.method.as_str(), "POST" | "PUT" | "PATCH") => Some(0),
        Body::Empty | Body::Stream(_) | Body::Spent => None,
    };
    if let Some(length) = length {
        append(head, &fields, "content-length", length.to_string().as_bytes())?;
    }
    Ok(fields)
}

fn append(head: &Head, fields: &Fields, name: &str, value: &[u8]) -> Result<(), Error> {
    fields.append(name, value).map_err(|error| {
        let why = match error {
            HeaderError::InvalidSyntax => "is malformed",
            HeaderError::Forbidden => "is for the host alone",
            HeaderError::Immutable => "cannot be set",
        };
        Error::Invalid(format!("{}: the header `{name}` {why}", head.aim()))
    })
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(head: &Head, time: std::time::Duration) -> Result<RequestOptions, Error> {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let options = RequestOptions::new();
    let set = options
        .set_connect_timeout(Some(nanoseconds))
        .and_then(|()| options.set_first_byte_timeout(Some(nanoseconds)))
        .and_then(|()| options.set_between_bytes_timeout(Some(nanoseconds)));
    set.map_err(|()| own_fault(head, "the timeout"))?;
    Ok(options)
}

fn wait(waiting: &FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    waiting.subscribe().block();
    match waiting.get() {
        Some(Ok(response)) => response,
        // It is ready, and nobody else took it.
        Some(Err(())) | None => Err(ErrorCode::InternalError(None)),
    }
}

/// A part that the host does not take.
fn own_fault(head: &Head, part: &str) -> Error {
    Error::Invalid(format!("{}: the host does not take {part}", head.aim()))
}
