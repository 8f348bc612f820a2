//! Where a request goes, in the one form that policy, the client and the server are told.

use crate::net::host::{self, Host};
use http::{HeaderValue, Method, Uri, header, request::Parts, uri::Scheme};
use policy::{Provenance, Sending};
use std::net::IpAddr;
use url::{Position, Url};
use wasmtime_wasi_http::Error;

/// The longest address of a request: what servers commonly take at most.
const MAX_URI: usize = 16 << 10;

/// An absolute address, with its path as servers understand it: without `.` and `..`, however they were spelled.
#[derive(Debug)]
pub(super) struct Target {
    url: Url,
    host: Host,
    name: String,
    authority: String,
    port: u16,
}

impl Target {
    pub(super) fn new(uri: &Uri) -> Result<Self, Error> {
        let invalid = || Error::HttpRequestUriInvalid;
        let authority = uri.authority().ok_or_else(invalid)?;
        // Names and passwords in an address are put into headers by some servers, and into logs by others.
        if authority.as_str().contains('@') {
            return Err(invalid());
        }
        let host = host::host(authority.host()).map_err(|_| invalid())?;
        let scheme = uri.scheme_str().ok_or_else(invalid)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let name = match &host {
            Host::Name(name) => name.clone(),
            Host::Address(ip) => ip.to_string(),
        };
        let shown = if name.contains(':') { format!("[{name}]") } else { name.clone() };
        let port = match authority.port_u16() {
            Some(port) => format!(":{port}"),
            None if authority.as_str() == authority.host() => String::new(),
            // What is left is no number, or too large a one.
            None => return Err(invalid()),
        };
        let text = format!("{scheme}://{shown}{port}{path}");
        if text.len() > MAX_URI {
            return Err(Error::HttpRequestUriTooLong);
        }
        let url = Url::parse(&text).map_err(|_| invalid())?;
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or_else(invalid)?;
        // As the header `host` says it: without the scheme's own port.
        let authority = match url.port() {
            Some(port) => format!("{shown}:{port}"),
            None => shown,
        };
        Ok(Self { url, host, name, authority, port })
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn scheme(&self) -> Scheme {
        if self.is_https() { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// The host's name, or its address without brackets.
    pub(super) fn host(&self) -> &str {
        &self.name
    }

    /// The address, where the guest gave one and no name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Name(_) => None,
            Host::Address(ip) => Some(ip),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn text(&self) -> &str {
        &self.url[..Position::AfterQuery]
    }

    /// For the record: what is asked for is often private.
    pub(super) fn without_query(&self) -> String {
        format!("{}://{}{}", self.url.scheme(), self.authority, self.url.path())
    }

    /// For policy.
    pub(super) fn sending<'a>(&'a self, method: &'a Method, read: &'a Provenance) -> Sending<'a> {
        Sending {
            scheme: self.url.scheme(),
            method: method.as_str(),
            host: &self.name,
            port: self.port,
            path: &self.url[Position::BeforePath..Position::AfterQuery],
            read,
        }
    }

    /// Puts it into a request, in place of what the guest wrote.
    pub(super) fn rewrite(&self, parts: &mut Parts) -> Result<(), Error> {
        let text = format!(
            "{}://{}{}",
            self.url.scheme(),
            self.authority,
            &self.url[Position::BeforePath..Position::AfterQuery]
        );
        parts.uri = text.parse().map_err(|_| Error::HttpRequestUriInvalid)?;
        let host = HeaderValue::from_str(&self.authority).map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.headers.insert(header::HOST, host);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_everybody() {
        let check = |text: &str, expected: &str| {
            let uri: Uri = text.parse().expect(text);
            let got = match Target::new(&uri) {
                Ok(target) => {
                    let read = Provenance::new();
                    let Sending { scheme, host, port, path, .. } = target.sending(&Method::GET, &read);
                    format!("{scheme} {host} {port} {path} as {}", target.authority())
                }
                Err(error) => error.to_string(),
            };
            assert_eq!(got, expected, "{text}");
        };
        let invalid = Error::HttpRequestUriInvalid.to_string();
        check("https://Example.COM", "https example.com 443 / as example.com");
        check("https://example.com.:443/a", "https example.com 443 /a as example.com");
        check("http://example.com:8080/a?b=c", "http example.com 8080 /a?b=c as example.com:8080");
        check("https://example.com/v1/../admin", "https example.com 443 /admin as example.com");
        check("https://example.com/v1/%2e%2E/admin", "https example.com 443 /admin as example.com");
        check("https://example.com/v1/.%2e/./x", "https example.com 443 /x as example.com");
        check("http://0x7f.1/", "http 127.0.0.1 80 / as 127.0.0.1");
        check("http://2130706433/", "http 127.0.0.1 80 / as 127.0.0.1");
        check("http://[::1]:81/", "http ::1 81 / as [::1]:81");
        check("http://user:word@example.com/", &invalid);
        check("http://example.com:0/", &invalid);
        check("http://example.com:99999/", &invalid);
        check("http://a..b/", &invalid);
    }
}
