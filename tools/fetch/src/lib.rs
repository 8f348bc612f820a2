//! The package `http`: requests over HTTP and HTTPS, to hosts that policy allows.

mod answer;
mod ask;

/// Sends requests over HTTP and HTTPS.
///
/// Policy decides on every request and on every redirect that is followed. A status such as 404 is a result, not a failure. No
/// secret can be put into these requests: a package that needs one names it in its manifest.
#[gloveport::tools(package = "gloveport:http", needs(http = ["*"]))]
pub mod http {
    use crate::ask::{self, Ask};

    /// One header.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Header {
        /// Its name. In a response it is in lower case.
        pub name: String,
        /// Its value.
        pub value: String,
    }

    /// What a request or a response carries.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Body {
        /// Text in UTF-8.
        Text(String),
        /// Any bytes.
        Bytes(Vec<u8>),
    }

    /// What a server answered.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Response {
        /// The status, such as 200.
        pub status: u16,
        /// Where it came from, after redirects.
        pub url: String,
        /// The headers in their order. Bytes that are not UTF-8 show as U+FFFD.
        pub headers: Vec<Header>,
        /// The body: `text` where it is UTF-8, otherwise `bytes`.
        pub body: Body,
        /// Whether the body goes on after `max_bytes`.
        pub truncated: bool,
    }

    /// Reads what a URL names, with `GET`.
    ///
    /// Fails where the request is refused, is malformed, or cannot be sent, and where the server does not answer.
    #[tool(idempotent)]
    pub fn get(
        /// An absolute URL of the scheme `https` or `http`, without a user or a password.
        url: String,
        /// Headers to send, such as `accept`. Default: none.
        headers: Option<Vec<Header>>,
        /// Read at most this many bytes of the body. Default: 1048576.
        max_bytes: Option<u32>,
        /// Follow at most this many redirects, up to 20; with 0 a redirect is the result. Default: 10.
        max_redirects: Option<u32>,
    ) -> Result<Response, String> {
        ask::send(Ask { method: "GET", url: &url, headers, body: None, max_bytes, max_redirects })
    }

    /// Sends a request with any method and body.
    ///
    /// Fails where the request is refused, is malformed, or cannot be sent, and where the server does not answer. It is sent
    /// once: after a failure it may still have had its effect.
    pub fn request(
        /// The method in upper case, such as `POST`.
        method: String,
        /// An absolute URL of the scheme `https` or `http`, without a user or a password.
        url: String,
        /// Headers to send, such as `content-type`. Default: none.
        headers: Option<Vec<Header>>,
        /// What the request carries. Default: nothing.
        body: Option<Body>,
        /// Read at most this many bytes of the response's body. Default: 1048576.
        max_bytes: Option<u32>,
        /// Follow at most this many redirects, up to 20; with 0 a redirect is the result. Default: 10 for `GET` and `HEAD`,
        /// otherwise 0, since following may send the body again.
        max_redirects: Option<u32>,
    ) -> Result<Response, String> {
        ask::send(Ask { method: &method, url: &url, headers, body, max_bytes, max_redirects })
    }
}
