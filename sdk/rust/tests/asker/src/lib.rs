//! A package that asks its host for everything: the SDK's tests run it under a host that writes down what arrives.

/// Asks.
#[gloveport::tools(package = "acme:asker", needs(http = ["*"], secrets = ["github", "key"], invoke = ["*"]))]
pub mod asker {
    use gloveport::{
        host::{self, Level},
        http::{Request, Secret},
    };
    use std::{
        io::{Cursor, Read},
        time::Duration,
    };

    /// How to send a request.
    pub enum How {
        /// With a header, two secrets and a timeout.
        Full,
        /// With so many bytes, in one piece.
        Bytes(u32),
        /// With so many bytes, while they are read.
        Stream(u32),
        /// Without anything.
        Bare,
    }

    /// Sends a request, and gives the status, where it came from, and at most 64 KiB of text.
    pub fn send(method: String, url: String, hops: u32, how: How) -> Result<String, String> {
        let request = Request::new(&method, &url).follow(hops);
        let request = match how {
            How::Full => request
                .header("Accept", "text/plain")
                .header("authorization", "own")
                .secret("github", Secret::Bearer)
                .secret("key", Secret::Query("api_key".into()))
                .timeout(Duration::from_secs(7)),
            How::Bytes(count) => request.body(vec![b'x'; count as usize]),
            How::Stream(count) => request.body_from(Cursor::new(vec![b'y'; count as usize])),
            How::Bare => request,
        };
        let response = request.send().map_err(|error| format!("{error:?}"))?;
        let head = format!("{} {} ", response.status, response.url);
        let text = response.text(64 << 10).map_err(|error| format!("{error:?}"))?;
        Ok(head + &text)
    }

    /// Reads a body in small pieces, and gives how many bytes there are and how it ended.
    pub fn count(url: String) -> Result<String, String> {
        let mut body = Request::get(&url).send().map_err(|error| error.to_string())?.body;
        let (mut buffer, mut total) = ([0; 1000], 0);
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return Ok(format!("{total}")),
                Ok(read) => total += read,
                Err(error) => return Ok(format!("{total}, then {:?}", gloveport::http::Error::from(error))),
            }
        }
    }

    /// Calls a tool as text, and as values.
    pub fn invoke(tool: String, arguments: String) -> String {
        host::log(Level::Warn, format_args!("calling {tool}"));
        host::progress(1, Some(2), "half");
        host::progress(2, None, "");
        let text = host::invoke(&tool, &arguments);
        let arguments: serde_json::Value = serde_json::from_str(&arguments).unwrap_or_default();
        let number = host::invoke_json::<_, u32>(&tool, &arguments);
        format!("{text:?} {number:?}")
    }
}
