//! One request and its answer.

use crate::{
    Api, EndpointError, Patience,
    names::Names,
    sse::{Broken, Events},
    wire::{Wire, Wrong, short, text},
};
use controller::{Heard, ModelFault, Prompt, Turn};
use reqwest::{
    Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use std::time::Duration;
use url::Url;

/// The longest answer, in bytes: far more than a model writes at once.
const MAX_ANSWER: usize = 16 << 20;
/// How much of what an API says of a failure is read, in bytes.
const MAX_ERROR: usize = 64 << 10;
/// The version of the Messages API that is spoken.
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// What speaks to one API.
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    /// Kept to be masked, should an API say it back.
    key: Option<SecretString>,
}

/// Why one attempt gave no turn.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) fault: ModelFault,
    pub(crate) message: String,
    /// Whether another attempt may do better.
    pub(crate) passes: bool,
}

impl Client {
    pub(crate) fn new(
        wire: &Wire,
        base: &Url,
        key: Option<SecretString>,
        tls: ClientConfig,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        let settings = |error: reqwest::Error| EndpointError::Settings(error.to_string());
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .default_headers(headers(wire, key.as_ref())?)
            .user_agent(concat!("gloveport/", env!("CARGO_PKG_VERSION")))
            // What an API answers is for the address that the operator named, and for no other.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(patience.connect)
            .read_timeout(patience.silence)
            .timeout(patience.turn)
            .build()
            .map_err(settings)?;
        let mut url = base.clone();
        url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), wire.path()));
        Ok(Self { http, url, key })
    }

    /// Has the model speak, once.
    pub(crate) async fn send(&self, wire: &Wire, prompt: &Prompt, heard: &Heard<'_>) -> Result<Turn, Failed> {
        let names = Names::new(&prompt.functions);
        let body = wire.body(prompt, &names).to_string();
        let sent = self.http.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(body).send().await;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let of_events = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let of_events = of_events.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream"));
        let turn = if of_events {
            self.streamed(wire, response, &names, heard).await
        } else {
            self.at_once(wire, response, &names, heard).await
        };
        turn.map_err(|failed| Failed { message: self.mask(&failed.message), ..failed })
    }

    async fn streamed(
        &self,
        wire: &Wire,
        mut response: Response,
        names: &Names,
        heard: &Heard<'_>,
    ) -> Result<Turn, Failed> {
        let (mut events, mut answer, mut length) = (Events::default(), wire.answer(), 0);
        let too_long =
            || self.failed(ModelFault::Malformed, format!("the answer is longer than {MAX_ANSWER} bytes"), false);
        loop {
            let piece = match response.chunk().await {
                Ok(Some(piece)) => piece,
                // Some end without their last word, and have said everything.
                Ok(None) if answer.is_whole() => break,
                Ok(None) => return Err(self.failed(ModelFault::Cut, "the answer broke off".into(), true)),
                Err(error) if error.is_timeout() => return Err(self.unreachable(&error)),
                Err(_) if answer.is_whole() => break,
                Err(error) => {
                    let why = format!("the answer broke off: {}", reason(&error));
                    return Err(self.failed(ModelFault::Cut, why, true));
                }
            };
            length += piece.len();
            if length > MAX_ANSWER {
                return Err(too_long());
            }
            let found = events.take(&piece).map_err(|broken| match broken {
                Broken::TooLong => too_long(),
                Broken::NotText => self.failed(ModelFault::Malformed, "the answer is no text".into(), false),
            })?;
            for event in found {
                if answer.take(&event, heard).map_err(|wrong| self.wrong(wrong))? {
                    return answer.turn(names).map_err(|wrong| self.wrong(wrong));
                }
            }
        }
        answer.turn(names).map_err(|wrong| self.wrong(wrong))
    }

    async fn at_once(&self, wire: &Wire, response: Response, names: &Names, heard: &Heard<'_>) -> Result<Turn, Failed> {
        let bytes = self.read(response, MAX_ANSWER).await?;
        let data: Value = serde_json::from_slice(&bytes).map_err(|_| {
            let shown = short(&String::from_utf8_lossy(&bytes[..bytes.len().min(400)]));
            self.failed(
                ModelFault::Malformed,
                format!("the answer is neither a stream of events nor JSON: {shown}"),
                false,
            )
        })?;
        let mut answer = wire.answer();
        answer.take_whole(&data, heard).map_err(|wrong| self.wrong(wrong))?;
        answer.turn(names).map_err(|wrong| self.wrong(wrong))
    }

    async fn read(&self, mut response: Response, most: usize) -> Result<Vec<u8>, Failed> {
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => bytes.extend_from_slice(&piece),
                Ok(None) => return Ok(bytes),
                Err(error) if error.is_timeout() => return Err(self.unreachable(&error)),
                Err(error) => {
                    let why = format!("the answer broke off: {}", reason(&error));
                    return Err(self.failed(ModelFault::Cut, why, true));
                }
            }
            if bytes.len() > most {
                return Err(self.failed(
                    ModelFault::Malformed,
                    format!("the answer is longer than {most} bytes"),
                    false,
                ));
            }
        }
    }

    /// What another status than success means.
    async fn refused(&self, response: Response) -> Failed {
        let status = response.status();
        let asked = wait(response.headers());
        let body = self.read(response, MAX_ERROR).await.unwrap_or_default();
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let error = if said["error"].is_object() { &said["error"] } else { &said };
        let words = match text(error, "message") {
            "" => String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned(),
            words => words.to_owned(),
        };
        let kind = format!("{} {}", text(error, "code"), text(error, "type"));
        let (fault, passes) = match status.as_u16() {
            401 | 403 => (ModelFault::Unauthorized, false),
            429 if kind.contains("insufficient_quota") => (ModelFault::Unauthorized, false),
            429 => (ModelFault::RateLimited(asked), true),
            408 | 409 | 500 | 502 | 503 | 504 | 529 => (ModelFault::Unavailable, true),
            413 => (ModelFault::TooLong, false),
            _ if is_too_long(&kind, &words) => (ModelFault::TooLong, false),
            400..=499 => (ModelFault::Rejected, false),
            _ => (ModelFault::Malformed, false),
        };
        let message = format!("{}: {}", named(status), short(&words));
        Failed { message: self.mask(&format!("{}: {message}", self.url)), fault, passes }
    }

    /// What an answer is that is none.
    fn wrong(&self, wrong: Wrong) -> Failed {
        match wrong {
            Wrong::Form(why) => self.failed(ModelFault::Malformed, format!("the answer cannot be read: {why}"), false),
            Wrong::Api { kind, message } => {
                let busy = ["overloaded", "server", "unavailable", "timeout"].iter().any(|word| kind.contains(word));
                let (fault, passes) = match kind.as_str() {
                    _ if kind.contains("rate_limit") => (ModelFault::RateLimited(None), true),
                    _ if busy || kind == "api_error" => (ModelFault::Unavailable, true),
                    _ if is_too_long(&kind, &message) => (ModelFault::TooLong, false),
                    _ => (ModelFault::Rejected, false),
                };
                self.failed(fault, format!("{}: {}", short(&kind), short(&message)), passes)
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failed {
        self.failed(ModelFault::Unreachable, reason(error), true)
    }

    fn failed(&self, fault: ModelFault, message: String, passes: bool) -> Failed {
        Failed { fault, message: self.mask(&format!("{}: {message}", self.url)), passes }
    }

    /// Whatever an API says back, the key is not told.
    fn mask(&self, message: &str) -> String {
        match &self.key {
            Some(key) if !key.expose_secret().is_empty() => message.replace(key.expose_secret(), "[key]"),
            _ => message.to_owned(),
        }
    }
}

fn headers(wire: &Wire, key: Option<&SecretString>) -> Result<HeaderMap, EndpointError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream, application/json"));
    let sensitive = |text: String| {
        let mut value = HeaderValue::from_str(&text).map_err(|_| EndpointError::Key)?;
        value.set_sensitive(true);
        Ok::<_, EndpointError>(value)
    };
    match wire.api {
        Api::OpenaiResponses | Api::OpenaiChat => {
            if let Some(key) = key {
                headers.insert(AUTHORIZATION, sensitive(format!("Bearer {}", key.expose_secret()))?);
            }
        }
        Api::AnthropicMessages => {
            headers.insert("anthropic-version", HeaderValue::from_static(ANTHROPIC_VERSION));
            if let Some(key) = key {
                headers.insert("x-api-key", sensitive(key.expose_secret().to_owned())?);
            }
        }
    }
    Ok(headers)
}

/// The innermost reason, which says most; addresses are told beside it.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "nothing came in time".into();
    }
    let mut source: &dyn std::error::Error = error;
    while let Some(inner) = source.source() {
        source = inner;
    }
    short(&source.to_string())
}

fn named(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned()
}

fn is_too_long(kind: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    kind.contains("context_length")
        || ["prompt is too long", "maximum context length", "context window", "input is too long"]
            .iter()
            .any(|words| message.contains(words))
}

/// How long an API asks to wait: `retry-after-ms`, or `retry-after` in seconds.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let number = |value: &HeaderValue| value.to_str().ok()?.trim().parse::<f64>().ok();
    let millis = headers.get("retry-after-ms").and_then(number).map(|millis| millis / 1_000.0);
    let seconds = millis.or_else(|| headers.get(RETRY_AFTER).and_then(number))?;
    Duration::try_from_secs_f64(seconds).ok()
}
