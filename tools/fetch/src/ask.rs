//! From the tool's arguments to a request.

use crate::{
    answer,
    http::{Body, Header, Response},
};
use gloveport::http::Request;

/// Redirects that are followed where nobody says how many.
const REDIRECTS: u32 = 10;

/// The most redirects that are followed, as in the Fetch standard.
const MAX_REDIRECTS: u32 = 20;

/// What is read of a body where nobody says how much, in bytes.
const MAX_BYTES: u32 = 1 << 20;

/// What the tool was asked.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: Option<Vec<Header>>,
    pub(crate) body: Option<Body>,
    pub(crate) max_bytes: Option<u32>,
    pub(crate) max_redirects: Option<u32>,
}

pub(crate) fn send(ask: Ask<'_>) -> Result<Response, String> {
    let redirects = redirects(ask.method, ask.max_redirects)?;
    let mut request = Request::new(ask.method, ask.url).follow(redirects);
    for Header { name, value } in ask.headers.into_iter().flatten() {
        request = request.header(&name, value);
    }
    request = match ask.body {
        None => request,
        Some(Body::Text(text)) => request.body(text),
        Some(Body::Bytes(bytes)) => request.body(bytes),
    };
    let response = request.send().map_err(|error| error.to_string())?;
    answer::read(response, ask.max_bytes.unwrap_or(MAX_BYTES))
}

fn redirects(method: &str, asked: Option<u32>) -> Result<u32, String> {
    match asked {
        Some(asked) if asked > MAX_REDIRECTS => {
            Err(format!("`max_redirects` is {asked}; expected at most {MAX_REDIRECTS}"))
        }
        Some(asked) => Ok(asked),
        None if matches!(method, "GET" | "HEAD") => Ok(REDIRECTS),
        None => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    #[test]
    fn redirects_are_followed_unasked_only_where_nothing_is_sent_again() {
        assert_eq!(redirects("GET", None), Ok(10));
        assert_eq!(redirects("HEAD", None), Ok(10));
        assert_eq!(redirects("POST", None), Ok(0));
        assert_eq!(redirects("POST", Some(20)), Ok(20));
        assert_eq!(redirects("GET", Some(0)), Ok(0));
        assert_eq!(redirects("GET", Some(21)), Err("`max_redirects` is 21; expected at most 20".to_owned()));
    }

    #[track_caller]
    fn check(method: &str, url: &str, header: (&str, &str), expected: &str) {
        let headers = vec![Header { name: header.0.into(), value: header.1.into() }];
        let body = Some(Body::Text("x".into()));
        let error =
            http::request(method.into(), url.into(), Some(headers), body, None, None).expect_err("there is no host");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_caller_cannot_ask_for_a_secret_or_more_than_one_request() {
        let url = "https://example.com/";
        check("POST", url, ("accept", "x"), "POST https://example.com: requests are sent only inside the host");
        check("POST", url, ("gloveport-secret", "github; bearer"), "the header `gloveport-secret` is for the host");
        check("POST", url, ("Gloveport-Secret", "github; bearer"), "the header `Gloveport-Secret` is for the host");
        check("POST", url, ("a", "b\r\ngloveport-secret: github; bearer"), "holds a control character");
        check("POST", url, ("content-length", "0"), "follows from the body");
        check("POST / HTTP/1.1", url, ("a", "b"), "is no method");
        check("POST", "file:///etc/passwd", ("a", "b"), "`file:` is not spoken here");
        check("POST", "https://joe:pw@example.com", ("a", "b"), "a user or a password");
    }
}
