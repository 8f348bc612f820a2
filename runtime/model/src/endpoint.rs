//! Where a model is, and how patient one is with it.

use crate::{retry, send::Client, tls, wire::Wire};
use controller::{Heard, Model, Prompt, Speaking};
use secrecy::SecretString;
use std::{fmt, net::IpAddr, str::FromStr, time::Duration};
use url::{Host, Url};

/// How a model is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// The OpenAI Responses API: `POST …/responses`.
    OpenaiResponses,
    /// OpenAI's chat completions, which many servers speak: `POST …/chat/completions`.
    OpenaiChat,
    /// The Anthropic Messages API: `POST …/messages`.
    AnthropicMessages,
}

const APIS: [(Api, &str); 3] = [
    (Api::OpenaiResponses, "openai-responses"),
    (Api::OpenaiChat, "openai-chat"),
    (Api::AnthropicMessages, "anthropic-messages"),
];

/// A word for no API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no API `{given}`; APIs are: {}", APIS.map(|(_, name)| name).join(", "))]
pub struct NoApi {
    given: String,
}

impl FromStr for Api {
    type Err = NoApi;

    fn from_str(text: &str) -> Result<Self, NoApi> {
        let found = APIS.into_iter().find(|(_, name)| *name == text);
        found.map(|(api, _)| api).ok_or_else(|| NoApi { given: text.chars().take(60).collect() })
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = APIS.into_iter().find(|(api, _)| api == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often one turn is asked for at most.
    pub attempts: u32,
    /// The longest that is waited before the second attempt; before each further one it is twice as long.
    pub first: Duration,
    /// The longest wait of these.
    pub longest: Duration,
    /// The longest that an API may ask to wait; where it asks for more, it is given up.
    pub asked: Duration,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long nothing may come.
    pub silence: Duration,
    /// How long a whole turn may take.
    pub turn: Duration,
}

impl Default for Patience {
    /// Rate limits are commonly counted by the minute, and a model that thinks says nothing for a while.
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            asked: Duration::from_secs(120),
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(120),
            turn: Duration::from_secs(600),
        }
    }
}

/// A model, and where it is.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// How it is spoken to.
    pub api: Api,
    /// What the API's own path is added to, such as `https://api.openai.com/v1`.
    pub url: Url,
    /// Which model is asked for.
    pub model: String,
    /// What it is asked with.
    pub key: Option<SecretString>,
    /// Certificates (PEM) that are trusted beside the public ones.
    pub certificates: Vec<Vec<u8>>,
    /// How patient one is.
    pub patience: Patience,
}

/// An endpoint that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Neither `https`, nor `http` to this machine.
    #[error(
        "`{0}`: expected `https`; `http` goes to this machine only (`localhost`, `127.0.0.1`, `[::1]`), since what is sent could be read on the way"
    )]
    Scheme(Url),
    /// More in the address than an address.
    #[error("`{0}`: expected an address without a user, a query or a fragment; the key is a secret of its own")]
    Address(String),
    /// A certificate that cannot be read.
    #[error("certificates: {0}")]
    Certificate(String),
    /// The key cannot stand in a header.
    #[error("the key holds characters that no header can hold")]
    Key,
    /// The library refused its settings.
    #[error("the connection cannot be set up: {0}")]
    Settings(String),
}

/// A model behind an API.
pub struct RemoteModel {
    client: Client,
    wire: Wire,
    patience: Patience,
}

impl RemoteModel {
    /// Sets it up; nothing is sent.
    ///
    /// # Errors
    /// Where the address or the certificates cannot be used.
    pub fn new(endpoint: Endpoint) -> Result<Self, EndpointError> {
        let Endpoint { api, url, model, key, certificates, patience } = endpoint;
        let plain = url.scheme() == "http" && is_here(&url);
        if url.scheme() != "https" && !plain {
            return Err(EndpointError::Scheme(without_secrets(url)));
        }
        let more = !url.username().is_empty() || url.password().is_some();
        if more || url.query().is_some() || url.fragment().is_some() {
            return Err(EndpointError::Address(without_secrets(url).to_string()));
        }
        let wire = Wire { api, model };
        let client = Client::new(&wire, &url, key, tls::config(&certificates)?, &patience)?;
        Ok(Self { client, wire, patience })
    }
}

/// Whether an address is this machine's own.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// What of an address can be told.
fn without_secrets(mut url: Url) -> Url {
    // An address that cannot have them has none.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

impl Model for RemoteModel {
    fn speak<'a>(&'a self, prompt: &'a Prompt, heard: &'a Heard<'a>) -> Speaking<'a> {
        Box::pin(retry::speak(&self.client, &self.wire, &self.patience, prompt, heard))
    }
}

impl fmt::Debug for RemoteModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteModel").field("wire", &self.wire).finish_non_exhaustive()
    }
}
