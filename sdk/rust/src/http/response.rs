//! What came back.

use super::Error;
use std::{
    fmt,
    io::{self, Read},
};

/// What a server answered. Nothing of it is trusted.
#[derive(Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status, such as 200.
    pub status: u16,
    /// Where it came from, after redirects.
    pub url: String,
    /// The headers in their order, with names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, as the server sends it: it is not decompressed, and nothing was asked to be compressed.
    pub body: ResponseBody,
}

/// A body that is read while it arrives. Errors wrap [`Error`].
pub struct ResponseBody(Box<dyn Read>);

impl Response {
    /// The first value of a header, where it is UTF-8. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// Whether the status is one of success, 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The whole body, of at most `max` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], and what goes wrong on the way.
    pub fn bytes(self, max: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        // One more, to tell what fits from what was cut off.
        self.body.take((max as u64).saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() > max { Err(Error::TooLarge { max }) } else { Ok(bytes) }
    }

    /// The whole body, of at most `max` bytes, as text in UTF-8.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes), and [`Error::NotText`].
    pub fn text(self, max: usize) -> Result<String, Error> {
        let text = String::from_utf8(self.bytes(max)?);
        text.map_err(|error| Error::NotText { valid: error.utf8_error().valid_up_to() })
    }
}

impl ResponseBody {
    pub(super) fn new(reader: impl Read + 'static) -> Self {
        Self(Box::new(reader))
    }
}

impl Read for ResponseBody {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseBody")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &'static [u8]) -> Response {
        let headers = vec![("a".to_owned(), b"1".to_vec()), ("a".to_owned(), b"2".to_vec())];
        Response { status: 200, url: String::new(), headers, body: ResponseBody::new(body) }
    }

    #[test]
    fn bodies_are_bounded() {
        assert_eq!(response(b"abc").bytes(3), Ok(b"abc".to_vec()));
        assert_eq!(response(b"abc").bytes(2), Err(Error::TooLarge { max: 2 }));
        assert_eq!(response(b"").bytes(0), Ok(Vec::new()));
        assert_eq!(response(b"abc").bytes(usize::MAX), Ok(b"abc".to_vec()));
        assert_eq!(response("é".as_bytes()).text(2).as_deref(), Ok("é"));
        assert_eq!(response(b"ab\xff").text(9), Err(Error::NotText { valid: 2 }));
    }

    #[test]
    fn errors_of_a_body_keep_their_reason() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(Error::Failed("cut off".into()).into())
            }
        }
        let broken = Response { body: ResponseBody::new(Broken), ..response(b"") };
        assert_eq!(broken.bytes(9), Err(Error::Failed("cut off".into())));
    }

    #[test]
    fn a_header_is_the_first_of_its_name() {
        assert_eq!(response(b"").header("a"), Some("1"));
        assert_eq!(response(b"").header("b"), None);
    }
}
