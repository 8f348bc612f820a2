//! What goes over the line between a worker and its host: frames of a JSON message and raw bytes.

use super::walls::Walls;
use crate::{
    outcome::{Effects, End, Printed},
    stage::Progress,
    terms::Terms,
};
use bytes::Bytes;
use policy::{LimitKind, Limits, Provenance, ToolId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The largest message to a worker. Arguments are at most 64 MiB (`policy::limits`).
const MAX_TO_WORKER: usize = 512 << 20;
/// The largest piece of a body.
pub(super) const MAX_PIECE: usize = 1 << 20;
/// What a worker may say that no limit of its call bounds: effects, for the most part, which are counted anew here.
const MAX_ACCOUNT: u64 = 16 << 20;
/// What it may say when it begins, or beside what it asks for.
const MAX_BESIDE: u64 = 1 << 20;
/// A message that holds no more than numbers.
const MAX_SIGN: usize = 256;
/// How much longer a text can be as JSON: each byte as six.
const ESCAPED: u64 = 6;

/// What a message is about. It goes ahead of the message, and bounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// To a worker, whatever it is.
    ToWorker,
    /// How a worker begins.
    Begun,
    Ended,
    Asked,
    Body,
    /// Something about a body that is coming.
    Sign,
    Progress,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        let all = [Self::ToWorker, Self::Begun, Self::Ended, Self::Asked, Self::Body, Self::Sign, Self::Progress];
        all.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// The largest message of this kind that a worker has to send in a call with these limits; none that only it gets.
    pub(super) fn most_to_host(self, limits: &Limits) -> usize {
        let texts = |limit, beside: u64| {
            let bytes = limits.get(limit).saturating_mul(ESCAPED).saturating_add(beside);
            usize::try_from(bytes).unwrap_or(usize::MAX)
        };
        let result = usize::try_from(most_of_result(limits)).unwrap_or(usize::MAX);
        match self {
            Self::ToWorker => 0,
            Self::Begun => usize::try_from(MAX_BESIDE).unwrap_or(usize::MAX),
            Self::Ended => result.saturating_add(texts(LimitKind::Output, MAX_ACCOUNT)),
            // A request's headers, or another tool's arguments; with what was read before.
            Self::Asked => texts(LimitKind::Arguments, MAX_BESIDE).saturating_add(texts(LimitKind::Headers, 0)),
            Self::Body => texts(LimitKind::Headers, MAX_BESIDE),
            Self::Sign => MAX_SIGN,
            Self::Progress => texts(LimitKind::Output, MAX_BESIDE),
        }
    }

    /// The largest message of this kind to a worker.
    pub(super) fn most_to_worker(self) -> usize {
        if self == Self::ToWorker { MAX_TO_WORKER } else { 0 }
    }

    /// Whether raw bytes may follow.
    fn is_raw(self) -> bool {
        matches!(self, Self::ToWorker | Self::Body)
    }
}

/// What goes over the line.
pub(super) trait Message: Serialize + DeserializeOwned {
    fn kind(&self) -> Kind;
}

impl Message for ToWorker {
    fn kind(&self) -> Kind {
        Kind::ToWorker
    }
}

impl Message for ToHost {
    fn kind(&self) -> Kind {
        match self {
            Self::Ready { .. } | Self::Failed { .. } => Kind::Begun,
            Self::Ended { .. } => Kind::Ended,
            Self::Ask { .. } => Kind::Asked,
            Self::Body { .. } => Kind::Body,
            Self::More { .. } | Self::Dropped { .. } => Kind::Sign,
            Self::Progress(_) => Kind::Progress,
        }
    }
}

/// The largest result that a worker can have: a command's is what it printed.
pub(super) fn most_of_result(limits: &Limits) -> u64 {
    limits.get(LimitKind::Result).max(limits.get(LimitKind::Output).saturating_mul(ESCAPED).saturating_add(1_024))
}

/// From the host.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ToWorker {
    /// Makes a call.
    Call { function: String, arguments: Value, terms: Box<Terms> },
    /// Ends it, wherever it is.
    Stop,
    /// What became of what was asked.
    Answer { id: u64, answer: Answer },
    /// A piece of a response's body.
    Body { id: u64, part: Part },
    /// The next piece of a request's body is wanted.
    More { id: u64 },
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum ToHost {
    /// It stands behind its walls, and has loaded the package.
    Ready { walls: Walls, tried: BTreeMap<String, Option<String>> },
    /// It could not begin.
    Failed { why: String },
    /// The call ended.
    Ended { end: Result<End, String>, account: Account },
    /// Something outside is wanted; with what the call had read by then.
    Ask { id: u64, read: Provenance, what: Asked },
    /// A piece of a request's body.
    Body { id: u64, part: Part },
    /// The next piece of a response's body is wanted.
    More { id: u64 },
    /// Nobody wants the rest of a response.
    Dropped { id: u64 },
    /// How far the call has come.
    Progress(Told),
}

/// What a worker's call did and used.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) cpu_us: u64,
    pub(super) memory: u64,
    /// Bytes written, things created, bytes sent and received by itself: what the host did for it, it has counted.
    pub(super) counted: [u64; 4],
    pub(super) effects: Effects,
    pub(super) printed: Printed,
}

/// What a call asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Asked {
    Request(Head),
    Invoke { tool: ToolId, arguments: Value, left: Box<Limits> },
    Allows { address: SocketAddr, why: Use },
    LookUp { name: String },
}

/// A request without its body.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Shape,
    /// In milliseconds.
    pub(super) connect: Option<u64>,
    pub(super) first_byte: Option<u64>,
    pub(super) between_bytes: Option<u64>,
}

/// What is known of a body beforehand.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shape {
    pub(super) empty: bool,
    pub(super) size: Option<u64>,
}

/// What is wanted of a socket: the engine's `SocketAddrUse`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Use {
    TcpBind,
    TcpListen,
    TcpAccept,
    TcpConnect,
    UdpBind,
    UdpSend,
    UdpReceive,
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Answer {
    Response {
        status: u16,
        headers: Vec<(String, String)>,
        body: Shape,
    },
    NoResponse(HttpError),
    /// The result of another tool, and what its call used.
    Invoked {
        result: Result<String, (NotInvoked, String)>,
        cpu_us: u64,
        /// Bytes written, things created, bytes sent and received.
        counted: [u64; 4],
    },
    Allowed(bool),
    Found(Result<IpAddr, NotFound>),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NotInvoked {
    Denied,
    Invalid,
    Failed,
    Stopped,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum NotFound {
    Denied,
    Invalid,
    Unresolvable,
}

/// A piece of a body; its bytes follow the message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Part {
    Data,
    Trailers(Vec<(String, String)>),
    End,
    Failed(HttpError),
}

/// Progress as a message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    pub(super) done: u64,
    pub(super) total: Option<u64>,
    pub(super) message: String,
}

impl Told {
    pub(super) fn of(progress: Progress) -> Self {
        Self { done: progress.done, total: progress.total, message: progress.message }
    }
}

/// An error of `wasi:http`, by its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HttpError {
    name: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    number: Option<u64>,
}

/// Errors without and with one field, both ways.
macro_rules! http_errors {
    (plain $($plain:ident)*; sized $($sized:ident: $size:ty)*; said $($said:ident)*; field $($field:ident)*;) => {
        impl HttpError {
            pub(super) fn of(error: &wasmtime_wasi_http::Error) -> Self {
                use wasmtime_wasi_http::Error as E;
                let name = |name: &str| Self { name: name.to_owned(), text: None, number: None };
                match error {
                    $(E::$plain => name(stringify!($plain)),)*
                    $(E::$sized(number) => Self { number: number.map(u64::from), ..name(stringify!($sized)) },)*
                    $(E::$said(text) => Self { text: text.clone(), ..name(stringify!($said)) },)*
                    $(E::$field { field_name, field_size } => Self {
                        text: field_name.clone(),
                        number: field_size.map(u64::from),
                        ..name(stringify!($field))
                    },)*
                    E::DnsError { rcode, info_code } => {
                        Self { text: rcode.clone(), number: info_code.map(u64::from), ..name("DnsError") }
                    }
                    E::TlsAlertReceived { alert_id, alert_message } => {
                        Self { text: alert_message.clone(), number: alert_id.map(u64::from), ..name("TlsAlertReceived") }
                    }
                    E::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => name("ConnectionRefused"),
                    E::Connect(error) if error.kind() == io::ErrorKind::TimedOut => name("ConnectionTimeout"),
                    E::Connect(_) => name("DestinationUnavailable"),
                    E::Tls(_) => name("TlsProtocolError"),
                    E::Hyper(error) if error.is_timeout() => name("HttpResponseTimeout"),
                    // Also what a later engine adds.
                    _ => name("HttpProtocolError"),
                }
            }

            pub(super) fn error(self) -> wasmtime_wasi_http::Error {
                use wasmtime_wasi_http::Error as E;
                let number = self.number;
                match self.name.as_str() {
                    $(stringify!($plain) => E::$plain,)*
                    $(stringify!($sized) => E::$sized(number.and_then(|n| <$size>::try_from(n).ok())),)*
                    $(stringify!($said) => E::$said(self.text),)*
                    $(stringify!($field) => E::$field {
                        field_name: self.text,
                        field_size: number.and_then(|n| u32::try_from(n).ok()),
                    },)*
                    "DnsError" => {
                        E::DnsError { rcode: self.text, info_code: number.and_then(|n| u16::try_from(n).ok()) }
                    }
                    "TlsAlertReceived" => E::TlsAlertReceived {
                        alert_id: number.and_then(|n| u8::try_from(n).ok()),
                        alert_message: self.text,
                    },
                    _ => E::InternalError(None),
                }
            }
        }
    };
}

http_errors! {
    plain DnsTimeout DestinationNotFound DestinationUnavailable DestinationIpProhibited DestinationIpUnroutable
        ConnectionRefused ConnectionTerminated ConnectionTimeout ConnectionReadTimeout ConnectionWriteTimeout
        ConnectionLimitReached TlsProtocolError TlsCertificateError HttpRequestDenied HttpRequestLengthRequired
        HttpRequestMethodInvalid HttpRequestUriInvalid HttpRequestUriTooLong HttpResponseIncomplete HttpResponseTimeout
        HttpUpgradeFailed HttpProtocolError LoopDetected ConfigurationError;
    sized HttpRequestBodySize: u64 HttpRequestHeaderSectionSize: u32 HttpRequestTrailerSectionSize: u32
        HttpResponseHeaderSectionSize: u32 HttpResponseBodySize: u64 HttpResponseTrailerSectionSize: u32;
    said HttpResponseTransferCoding HttpResponseContentCoding InternalError;
    field HttpRequestHeaderSize HttpRequestTrailerSize HttpResponseHeaderSize HttpResponseTrailerSize;
}

/// Headers as texts in which each character stands for a byte: values need not be UTF-8.
pub(super) fn texts(headers: &http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// And back; what is no header is an error of whoever sent it.
pub(super) fn headers(texts: Vec<(String, String)>) -> Result<http::HeaderMap, wasmtime_wasi_http::Error> {
    let bad = || wasmtime_wasi_http::Error::HttpProtocolError;
    let mut headers = http::HeaderMap::with_capacity(texts.len().min(1_000));
    for (name, text) in texts {
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
        let name: http::HeaderName = name.parse().map_err(|_| bad())?;
        let value = http::HeaderValue::from_bytes(&bytes.ok_or_else(bad)?).map_err(|_| bad())?;
        headers.try_append(name, value).map_err(|_| bad())?;
    }
    Ok(headers)
}

/// Writes a frame.
pub(super) async fn send<T: Message>(to: &mut (impl AsyncWrite + Unpin), message: &T, raw: &[u8]) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let lengths = [json.len(), raw.len()].map(|length| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    let mut head = Vec::with_capacity(HEAD + json.len());
    head.push(message.kind() as u8);
    head.extend_from_slice(&lengths.concat());
    head.extend_from_slice(&json);
    to.write_all(&head).await?;
    to.write_all(raw).await?;
    to.flush().await
}

/// A frame's head: what it is about, and how long the message and the raw bytes are.
const HEAD: usize = 9;

/// Reads a frame, no longer than `most` lets one of its kind be.
pub(super) async fn receive<T: Message>(
    from: &mut (impl AsyncRead + Unpin),
    most: impl Fn(Kind) -> usize,
) -> io::Result<(T, Bytes)> {
    let refuse = || io::Error::from(io::ErrorKind::InvalidData);
    let mut head = [0; HEAD];
    from.read_exact(&mut head).await?;
    let kind = Kind::of(head[0]).ok_or_else(refuse)?;
    let (json, raw) = head[1..].split_at(4);
    let length = |bytes: &[u8]| bytes.iter().rev().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
    let (json, raw) = (length(json), length(raw));
    if json > most(kind) || raw > if kind.is_raw() { MAX_PIECE } else { 0 } {
        return Err(refuse());
    }
    let mut bytes = read(from, json).await?;
    let message: T = serde_json::from_slice(&bytes)?;
    // Else one kind could take the room of another.
    if message.kind() != kind {
        return Err(refuse());
    }
    bytes = read(from, raw).await?;
    Ok((message, bytes.into()))
}

/// Room grows with what comes, not with what was announced.
async fn read(from: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(1 << 20));
    let got = from.take(length as u64).read_to_end(&mut bytes).await?;
    if got == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_kind_has_its_bounds() {
        let limits = Limits::default();
        let frame = |kind: Kind, json: &str, raw: usize| {
            let length = |length: usize| u32::try_from(length).expect("short").to_le_bytes();
            let mut bytes = vec![kind as u8];
            bytes.extend(length(json.len()).into_iter().chain(length(raw)));
            bytes.extend(json.bytes().chain(vec![0; raw]));
            bytes
        };
        let read = async |bytes: Vec<u8>| receive::<ToHost>(&mut &*bytes, |kind| kind.most_to_host(&limits)).await;
        let more = r#"{"more":{"id":1}}"#;
        read(frame(Kind::Sign, more, 0)).await.expect("as a worker sends it");
        read(frame(Kind::Body, r#"{"body":{"id":1,"part":"data"}}"#, MAX_PIECE)).await.expect("as a worker sends it");
        // More than it may be, in either part; in the place of another; of no kind; and what only a worker gets.
        read(frame(Kind::Sign, &format!("{}{more}", " ".repeat(MAX_SIGN)), 0)).await.expect_err("too long");
        read(frame(Kind::Sign, more, 1)).await.expect_err("no raw bytes");
        read(frame(Kind::Body, r#"{"body":{"id":1,"part":"data"}}"#, MAX_PIECE + 1)).await.expect_err("too long");
        read(frame(Kind::Ended, more, 0)).await.expect_err("another kind");
        read(frame(Kind::ToWorker, "\"stop\"", 0)).await.expect_err("not for the host");
        let mut unknown = frame(Kind::Sign, more, 0);
        unknown[0] = 200;
        read(unknown).await.expect_err("no kind");
    }
}
