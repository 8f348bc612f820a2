//! From a response to the tool's result.

use crate::http::{Body, Header, Response};
use std::io::Read;

/// Reads a response, and at most `max` bytes of its body.
pub(crate) fn read(response: gloveport::http::Response, max: u32) -> Result<Response, String> {
    let gloveport::http::Response { status, url, headers, body, .. } = response;
    let (body, truncated) = carried(body, max).map_err(|error| error.to_string())?;
    let header =
        |(name, value): (String, Vec<u8>)| Header { name, value: String::from_utf8_lossy(&value).into_owned() };
    Ok(Response { status, url, headers: headers.into_iter().map(header).collect(), body, truncated })
}

/// At most `max` bytes, and whether there are more.
fn carried(reader: impl Read, max: u32) -> std::io::Result<(Body, bool)> {
    let max = max as usize;
    let mut bytes = Vec::new();
    // One more, to tell what fits from what goes on.
    reader.take(max as u64 + 1).read_to_end(&mut bytes)?;
    let truncated = bytes.len() > max;
    bytes.truncate(max);
    Ok((text_or_bytes(bytes, truncated), truncated))
}

fn text_or_bytes(bytes: Vec<u8>, truncated: bool) -> Body {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return Body::Text(text),
        Err(error) => error,
    };
    let wrong = error.utf8_error();
    let mut bytes = error.into_bytes();
    // The cut may have gone through the last character, which is then left out.
    if truncated && wrong.error_len().is_none() {
        bytes.truncate(wrong.valid_up_to());
    }
    String::from_utf8(bytes).map_or_else(|error| Body::Bytes(error.into_bytes()), Body::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], max: u32, expected: Body, truncated: bool) {
        assert_eq!(carried(bytes, max).expect("readable"), (expected, truncated));
    }

    #[test]
    fn bodies_are_text_where_they_can_be_and_never_too_long() {
        let text = |text: &str| Body::Text(text.into());
        check(b"", 0, text(""), false);
        check(b"abc", 3, text("abc"), false);
        check(b"abc", 2, text("ab"), true);
        check(b"abc", 0, text(""), true);
        check("aé".as_bytes(), 3, text("aé"), false);
        check("aé".as_bytes(), 2, text("a"), true);
        check(b"a\xff", 9, Body::Bytes(b"a\xff".to_vec()), false);
        check(b"a\xffb", 2, Body::Bytes(b"a\xff".to_vec()), true);
        // Not cut, so the last character is broken by the server.
        check(b"a\xc3", 2, Body::Bytes(b"a\xc3".to_vec()), false);
    }
}
