//! Makes requests that no honest client makes: without a host, with odd schemes, methods, paths and headers; the first argument
//! is whom it asks.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

use wasip2::http::{
    outgoing_handler::handle,
    types::{Fields, Method, OutgoingBody, OutgoingRequest, Scheme},
};

/// What is odd about a request.
struct Odd {
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<String>,
    path: Option<String>,
    headers: Vec<(&'static str, Vec<u8>)>,
}

fn send(odd: Odd) -> Result<u16, String> {
    let fields = Fields::new();
    for (name, value) in &odd.headers {
        fields.append(name, value).map_err(|error| format!("header: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    request.set_method(&odd.method).map_err(|()| "method")?;
    request.set_scheme(odd.scheme.as_ref()).map_err(|()| "scheme")?;
    request.set_authority(odd.authority.as_deref()).map_err(|()| "authority")?;
    request.set_path_with_query(odd.path.as_deref()).map_err(|()| "path")?;
    let body = request.body().map_err(|()| "body")?;
    let sent = handle(request, None).map_err(|error| format!("{error:?}"))?;
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))?;
    sent.subscribe().block();
    let response = sent.get().ok_or("no answer")?.map_err(|()| "taken")?.map_err(|error| format!("{error:?}"))?;
    Ok(response.status())
}

fn main() {
    let to = std::env::args().nth(1).expect("an address");
    let plain = || Odd {
        method: Method::Get,
        scheme: Some(Scheme::Http),
        authority: Some(to.clone()),
        path: Some("/".to_owned()),
        headers: Vec::new(),
    };
    let said = |what: &str, odd: Odd| match send(odd) {
        Ok(status) => println!("{what}: {status}"),
        Err(error) => println!("{what}: {}", error.split(['(', ' ']).next().unwrap_or_default()),
    };
    said("plain", plain());
    said("no authority", Odd { authority: None, ..plain() });
    said("no scheme", Odd { scheme: None, ..plain() });
    for authority in ["", "/", "a b", "a\r\nb", "%31%32%37.0.0.1", "host:port", ":80", "[::1", "a,b", "\u{ff0e}"] {
        said(&format!("authority {authority:?}"), Odd { authority: Some(authority.to_owned()), ..plain() });
    }
    for scheme in ["file", "data", "ws", "HTTP", "http:", "unix", "javascript"] {
        said(&format!("scheme {scheme}"), Odd { scheme: Some(Scheme::Other(scheme.to_owned())), ..plain() });
    }
    for method in ["", " ", "GET /x HTTP/1.1\r\nA: b\r\n\r\nGET", "G\0T", "GÉT", "get", "PRI", "CONNECT", "TRACE"] {
        said(&format!("method {method:?}"), Odd { method: Method::Other(method.to_owned()), ..plain() });
    }
    for path in ["no-slash", "/a b", "/a\r\nX: y", "/a\0", "//other.test/", "/\u{e9}", "*", "/#part", "/?a=\u{1b}"] {
        said(&format!("path {path:?}"), Odd { path: Some(path.to_owned()), ..plain() });
    }
    let header = |name: &'static str, value: &[u8]| Odd { headers: vec![(name, value.to_vec())], ..plain() };
    for (name, value) in [
        ("x-a", b"b\r\nx-injected: yes".to_vec()),
        ("x-a", b"b\nx-injected: yes".to_vec()),
        ("x-a", b"b\0".to_vec()),
        ("x-a\r\nx-injected", b"yes".to_vec()),
        ("x-a:", b"b".to_vec()),
        ("", b"b".to_vec()),
        (":authority", b"other.test".to_vec()),
        ("Host", b"other.test".to_vec()),
        ("Transfer-Encoding", b"chunked".to_vec()),
        ("Connection", b"x-a".to_vec()),
        ("Proxy-Connection", b"keep-alive".to_vec()),
        ("Upgrade", b"h2c".to_vec()),
    ] {
        said(&format!("header {name:?} {:?}", String::from_utf8_lossy(&value)), header(name, &value));
    }
    let lengths = ["content-length", "content-length"].map(|name| (name, b"0".to_vec()));
    said("two lengths", Odd { headers: lengths.to_vec(), ..plain() });
    said("a length that is none", header("content-length", b"-1"));
    said("more headers than fit", Odd { headers: vec![("x-a", vec![b'v'; 100]); 700], ..plain() });
}
