//! Requests over HTTP and HTTPS, with secrets that the tool names and never sees.
//!
//! The host sends every request; the package needs the hosts (`needs(http = ["api.example.com"])`), and policy decides on each
//! request and on each secret in it. Nothing is retried, cached or decompressed, and no request follows another that the
//! tool did not ask for: redirects are followed only after [`Request::follow`], and decided on like any request.
//!
//! ```no_run
//! use gloveport::http::{Request, Secret};
//!
//! # fn issues() -> Result<String, gloveport::http::Error> {
//! let response = Request::get("https://api.github.com/repos/acme/gloves/issues")
//!     .header("accept", "application/vnd.github+json")
//!     .secret("github", Secret::Bearer)
//!     .follow(3)
//!     .send()?;
//! response.text(1 << 20)
//! # }
//! ```
//!
//! In tests on the machine itself there is no host, and every request ends in [`Error::Failed`].
#![cfg_attr(not(any(test, target_os = "wasi")), allow(dead_code, reason = "what only a host makes use of"))]

mod error;
mod redirect;
mod request;
mod response;
mod secret;
#[cfg_attr(not(target_os = "wasi"), path = "http/nowhere.rs")]
mod wire;

pub use error::Error;
pub use request::Request;
pub use response::{Response, ResponseBody};
pub use secret::Secret;
