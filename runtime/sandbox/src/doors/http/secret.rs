//! Where secrets go in a request, as the tool names it and the host does it.
//!
//! A tool asks by a header `gloveport-secret` for each secret: `NAME; bearer`, `NAME; basic=USER`, `NAME; header=NAME` or
//! `NAME; query=KEY`. The header itself never leaves.

use crate::redact::Redactor;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use policy::SecretName;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error, WasiBody};

const HEADER: HeaderName = HeaderName::from_static("gloveport-secret");

/// A secret that a request is to hold.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: SecretName,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Bearer,
    Basic { user: String },
    Header(HeaderName),
    Query { key: String },
}

/// Takes what the tool asks for out of a request's headers.
pub(super) fn take(headers: &mut HeaderMap) -> Result<Vec<Wanted>, Error> {
    let asked: Vec<_> = headers.get_all(HEADER).iter().cloned().collect();
    headers.remove(HEADER);
    let bad = || Error::HttpRequestHeaderSize { field_name: Some(HEADER.to_string()), field_size: None };
    asked.iter().map(|value| value.to_str().ok().and_then(Wanted::parse).ok_or_else(bad)).collect()
}

impl Wanted {
    fn parse(text: &str) -> Option<Self> {
        let (name, place) = text.split_once(';')?;
        let place = place.trim();
        let (kind, value) = place.split_once('=').map_or((place, None), |(kind, value)| (kind, Some(value)));
        let place = match (kind, value) {
            ("bearer", None) => Place::Bearer,
            // The user's name ends at the first colon (RFC 7617, section 2).
            ("basic", Some(user)) if !user.contains(':') => Place::Basic { user: user.to_owned() },
            ("header", Some(name)) => {
                let name: HeaderName = name.parse().ok()?;
                let framing = DEFAULT_FORBIDDEN_HEADERS.contains(&name)
                    || super::FRAMING.contains(&name)
                    || name == header::CONTENT_LENGTH;
                if framing {
                    return None;
                }
                Place::Header(name)
            }
            ("query", Some(key)) if !key.is_empty() => Place::Query { key: key.to_owned() },
            _ => return None,
        };
        Some(Self { name: name.trim().parse().ok()?, place })
    }

    /// Puts the secret where it belongs.
    pub(super) fn put(&self, value: &SecretString, request: &mut Request<WasiBody>) -> Result<(), Error> {
        let value = value.expose_secret();
        let invalid = || Error::ConfigurationError;
        let (name, text) = match &self.place {
            Place::Bearer => (header::AUTHORIZATION, format!("Bearer {value}")),
            Place::Basic { user } => {
                (header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("{user}:{value}"))))
            }
            Place::Header(name) => (name.clone(), value.to_owned()),
            Place::Query { key } => {
                let mut url = Url::parse(&request.uri().to_string()).map_err(|_| invalid())?;
                url.query_pairs_mut().append_pair(key, value);
                *request.uri_mut() = url.as_str().parse::<Uri>().map_err(|_| invalid())?;
                return Ok(());
            }
        };
        let mut text = HeaderValue::from_str(&text).map_err(|_| invalid())?;
        // It is kept out of tables that HTTP/2 compresses with, and out of debug output.
        text.set_sensitive(true);
        request.headers_mut().insert(name, text);
        Ok(())
    }
}

/// Masks secrets in headers that came back.
pub(super) fn mask(headers: &mut HeaderMap, redactor: &Redactor) {
    if redactor.is_empty() {
        return;
    }
    for value in headers.values_mut() {
        let mut bytes = value.as_bytes().to_vec();
        if redactor.mask(&mut bytes) {
            *value = HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static("*"));
        }
    }
}
