//! What is to be sent.

use super::{Error, Response, Secret, redirect, secret, wire};
use std::{fmt, io::Read, time::Duration};
use url::Url;

/// A request that is being put together. What is wrong with a part of it is told by [`send`](Self::send).
#[must_use = "a request is sent by `send`"]
pub struct Request {
    head: Result<Head, Error>,
    body: Body,
    hops: u32,
}

/// All but the body.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    /// What the header for secrets will say, a value each.
    pub(super) secrets: Vec<String>,
    pub(super) timeout: Option<Duration>,
}

/// What a request carries.
pub(super) enum Body {
    Empty,
    Bytes(Vec<u8>),
    /// It can be sent once.
    Stream(Box<dyn Read>),
    /// It was one.
    Spent,
}

impl Request {
    /// A request with a method such as `GET`, which is sent as it stands.
    pub fn new(method: &str, url: &str) -> Self {
        Self { head: Head::new(method, url), body: Body::Empty, hops: 0 }
    }

    /// A request to read.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// A request that hands something in.
    pub fn post(url: &str) -> Self {
        Self::new("POST", url)
    }

    /// A request that puts something in a place.
    pub fn put(url: &str) -> Self {
        Self::new("PUT", url)
    }

    /// A request to change a part.
    pub fn patch(url: &str) -> Self {
        Self::new("PATCH", url)
    }

    /// A request to remove something.
    pub fn delete(url: &str) -> Self {
        Self::new("DELETE", url)
    }

    /// A request for the headers alone.
    pub fn head(url: &str) -> Self {
        Self::new("HEAD", url)
    }

    /// Adds a header. The same name may come more than once.
    ///
    /// `gloveport-secret` is refused, so that a tool can pass on headers of its caller: use [`secret`](Self::secret). So are
    /// `content-length`, which follows from the body, and what the host keeps for itself, such as `host`.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.change(|head| {
            let value = value.as_ref();
            check_header(name, value)?;
            head.headers.push((name.to_ascii_lowercase(), value.to_vec()));
            Ok(())
        });
        self
    }

    /// Has the host put a secret in. The package needs the secret by name (`needs(secrets = ["github"])`), policy decides on
    /// it, and it is sent over HTTPS only. A header of that name which the request has already is replaced.
    pub fn secret(mut self, name: &str, place: Secret) -> Self {
        self.change(|head| {
            head.secrets.push(place.ask(name)?);
            Ok(())
        });
        self
    }

    /// What the request carries.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// What the request carries, read while it is sent. A redirect that asks for it again is not followed.
    pub fn body_from(mut self, reader: impl Read + 'static) -> Self {
        self.body = Body::Stream(Box::new(reader));
        self
    }

    /// How long to wait, each time anew: for the connection, for the response, and for each next part of its body. Otherwise,
    /// and where it is shorter, the host's own bounds hold.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.change(|head| {
            head.timeout = Some(time);
            Ok(())
        });
        self
    }

    /// Follows up to `max` redirects. Without this, a redirect is the response.
    ///
    /// The host decides on each as on any request. Where the scheme, the host or the port changes, secrets and the headers
    /// `authorization` and `cookie` stay behind for good; other headers go along, and so does the body where the server asks
    /// for the same method again (307, 308). After 303, and after 301 and 302 to a `POST`, it is a `GET` without a body.
    pub fn follow(mut self, max: u32) -> Self {
        self.hops = max;
        self
    }

    /// Sends it and waits for the response's headers; the body is read from the [`Response`].
    ///
    /// # Errors
    /// Tells what was refused from what cannot be sent and what failed.
    pub fn send(self) -> Result<Response, Error> {
        redirect::send(self.head?, self.body, self.hops, wire::exchange)
    }

    /// The first thing that is wrong is the one that is told.
    fn change(&mut self, change: impl FnOnce(&mut Head) -> Result<(), Error>) {
        if let Ok(head) = &mut self.head
            && let Err(error) = change(head)
        {
            self.head = Err(error);
        }
    }
}

impl Body {
    /// Has it read, where there is one. Bytes stay for another time.
    pub(super) fn carry<T>(&mut self, read: impl FnOnce(&mut dyn Read) -> T) -> Option<T> {
        match self {
            Self::Empty | Self::Spent => None,
            Self::Bytes(bytes) => Some(read(&mut &bytes[..])),
            Self::Stream(reader) => {
                let carried = read(reader);
                *self = Self::Spent;
                Some(carried)
            }
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("head", &self.head).field("hops", &self.hops).finish_non_exhaustive()
    }
}

impl Head {
    fn new(method: &str, url: &str) -> Result<Self, Error> {
        if !is_token(method) {
            return Err(Error::Invalid(format!("`{method}` is no method; expected one such as `GET`")));
        }
        let invalid = |error| Error::Invalid(format!("`{url}` is no URL: {error}"));
        let url = Url::parse(url).map_err(invalid)?;
        check_url(&url).map_err(Error::Invalid)?;
        Ok(Self { method: method.to_owned(), url, headers: Vec::new(), secrets: Vec::new(), timeout: None })
    }

    /// `GET https://example.com`: what an error names. Paths and queries may hold what is nobody else's business.
    pub(super) fn aim(&self) -> String {
        format!("{} {}", self.method, self.url.origin().ascii_serialization())
    }
}

/// What is wrong with a URL, whether the author or a server names it.
pub(super) fn check_url(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}:` is not spoken here; expected `https:` or `http:`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds a user or a password; name a secret of the host's instead".to_owned());
    }
    Ok(())
}

fn check_header(name: &str, value: &[u8]) -> Result<(), Error> {
    let refuse = |text: String| Err(Error::Invalid(text));
    if !is_token(name) {
        return refuse(format!("`{name}` is no name of a header"));
    }
    if name.eq_ignore_ascii_case(secret::HEADER) {
        return refuse(format!("the header `{name}` is for the host: use `Request::secret`"));
    }
    if name.eq_ignore_ascii_case("content-length") {
        return refuse(format!("the header `{name}` follows from the body"));
    }
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return refuse(format!("the value of the header `{name}` holds a control character"));
    }
    Ok(())
}

/// A method or the name of a header (RFC 9110, section 5.6.2).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: Request, expected: &str) {
        let error = request.send().expect_err("nothing is sent outside of a host");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let invalid = |text: &str| format!("no request that can be sent: {text}");
        let url = "https://example.com/a";
        check(Request::get(url), "GET https://example.com: requests are sent only inside the host");
        check(Request::get("example.com"), &invalid("`example.com` is no URL: relative URL without a base"));
        check(Request::get("file:///a"), &invalid("`file:` is not spoken here; expected `https:` or `http:`"));
        check(
            Request::get("https://joe:pw@example.com"),
            &invalid("the URL holds a user or a password; name a secret of the host's instead"),
        );
        check(Request::new("GET /", url), &invalid("`GET /` is no method; expected one such as `GET`"));
        check(Request::get(url).header("a b", "c"), &invalid("`a b` is no name of a header"));
        check(
            Request::get(url).header("Gloveport-Secret", "github; bearer"),
            &invalid("the header `Gloveport-Secret` is for the host: use `Request::secret`"),
        );
        check(
            Request::post(url).header("Content-Length", "1"),
            &invalid("the header `Content-Length` follows from the body"),
        );
        check(
            Request::get(url).header("a", "b\r\ngloveport-secret: github; bearer"),
            &invalid("the value of the header `a` holds a control character"),
        );
    }

    #[test]
    fn the_first_thing_that_is_wrong_is_told() {
        let request = Request::get("nowhere").header("a b", "").secret("", Secret::Bearer).timeout(Duration::ZERO);
        check(request, "no request that can be sent: `nowhere` is no URL: relative URL without a base");
    }

    #[test]
    fn hosts_are_spelled_as_policy_spells_them() {
        let check = |url: &str, expected: &str| {
            assert_eq!(Head::new("GET", url).expect(url).aim(), format!("GET {expected}"));
        };
        check("HTTPS://Example.COM:443/x?key=1", "https://example.com");
        check("http://[::1]:8080", "http://[::1]:8080");
        check("https://bücher.example/ü", "https://xn--bcher-kva.example");
    }
}
