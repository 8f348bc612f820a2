//! A guest that sends what it is told to, by the host's own interfaces: nothing is normalised on its side.
#![allow(clippy::disallowed_methods, reason = "in a guest, std is the sandbox's own door")]

/// Requests as they are asked for.
#[gloveport::tools(package = "guests:net@1.0.0", needs(http = ["*"], secrets = ["token", "other", "missing"]))]
pub mod net {
    use wasip2::{
        http::{
            outgoing_handler,
            types::{Fields, FutureIncomingResponse, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme},
        },
        io::streams::StreamError,
    };

    /// What to send.
    #[derive(Debug, Clone)]
    pub struct Ask {
        /// The method as it is written.
        pub method: String,
        /// `http`, `https`, another, or none.
        pub scheme: Option<String>,
        /// The host, and what else stands there.
        pub authority: String,
        /// The path and the query.
        pub path: Option<String>,
        /// Names and values.
        pub headers: Option<Vec<(String, String)>>,
        /// The body's text.
        pub body: Option<String>,
        /// How often the body's text is sent.
        pub times: Option<u32>,
    }

    /// What came back.
    #[derive(Debug, Clone)]
    pub struct Got {
        /// The status.
        pub status: u16,
        /// Names and values.
        pub headers: Vec<(String, String)>,
        /// The body as text; other bytes are replaced.
        pub body: String,
    }

    /// Sends one request.
    pub fn send(
        /// What to send.
        ask: Ask,
    ) -> Result<Got, String> {
        got(begin(&ask)?)
    }

    /// Sends the same request several times at once, and gives how many answers came.
    pub fn many(
        /// What to send.
        ask: Ask,
        /// How often.
        count: u32,
    ) -> Result<u32, String> {
        let begun: Vec<_> = (0..count).map(|_| begin(&ask)).collect::<Result<_, _>>()?;
        let answers = begun.into_iter().map(got).collect::<Result<Vec<_>, _>>()?;
        Ok(u32::try_from(answers.len()).unwrap_or(u32::MAX))
    }

    /// Sends one request after the other, and gives what became of each.
    pub fn each(
        /// What to send.
        asks: Vec<Ask>,
    ) -> Vec<String> {
        let one = |ask: &Ask| match begin(ask).and_then(got) {
            Ok(got) => got.body,
            Err(error) => error,
        };
        asks.iter().map(one).collect()
    }

    fn begin(ask: &Ask) -> Result<FutureIncomingResponse, String> {
        let fields = Fields::new();
        for (name, value) in ask.headers.iter().flatten() {
            fields.append(name, value.as_bytes()).map_err(|error| format!("header {name}: {error:?}"))?;
        }
        let request = OutgoingRequest::new(fields);
        let method = match ask.method.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "CONNECT" => Method::Connect,
            "TRACE" => Method::Trace,
            other => Method::Other(other.to_owned()),
        };
        request.set_method(&method).map_err(|()| "method")?;
        let scheme = ask.scheme.as_deref().map(|scheme| match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        });
        request.set_scheme(scheme.as_ref()).map_err(|()| "scheme")?;
        request.set_authority(Some(&ask.authority)).map_err(|()| "authority")?;
        request.set_path_with_query(ask.path.as_deref()).map_err(|()| "path")?;
        let body = request.body().map_err(|()| "body")?;
        let begun = outgoing_handler::handle(request, None).map_err(|error| format!("{error:?}"))?;
        if let Some(text) = &ask.body {
            let stream = body.write().map_err(|()| "body")?;
            for _ in 0..ask.times.unwrap_or(1) {
                for chunk in text.as_bytes().chunks(4096) {
                    match stream.blocking_write_and_flush(chunk) {
                        Ok(()) => {}
                        // The answer says why.
                        Err(StreamError::Closed) => return Ok(begun),
                        Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
                    }
                }
            }
            drop(stream);
        }
        OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))?;
        Ok(begun)
    }

    fn got(begun: FutureIncomingResponse) -> Result<Got, String> {
        begun.subscribe().block();
        let response = begun.get().ok_or("no answer")?.map_err(|()| "taken")?.map_err(|error| format!("{error:?}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = response.headers().entries().iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let incoming = response.consume().map_err(|()| "taken")?;
        let stream = incoming.stream().map_err(|()| "taken")?;
        let mut body = Vec::new();
        loop {
            match stream.blocking_read(1 << 16) {
                Ok(bytes) => body.extend(bytes),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
            }
        }
        drop(stream);
        IncomingBody::finish(incoming);
        Ok(Got { status: response.status(), headers, body: text(&body) })
    }
}
