//! Patterns by which needs and callers bound what a call can ask for while it runs.

use crate::{ProgramName, ToolId};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The longest name of a host, without the final dot (RFC 1035, section 2.3.4).
const MAX_HOST: usize = 253;

/// Hosts, and one of their ports: `api.example.com`, `*.example.com`, `*`, `[::1]:8080`.
///
/// `*.` stands for one or more labels. Without a port every port is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    host: Hosts,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Hosts {
    Any,
    /// What a name ends with, the dot before it included.
    Below(String),
    Only(String),
}

/// Tools: `files.read`, `files.*`, `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolPattern(Tools);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Tools {
    Any,
    In(String),
    Only(ToolId),
}

/// Programs: `grep`, `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgramPattern(Option<ProgramName>);

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Not a pattern of hosts.
    #[error(
        "`{0}` is not a host pattern: expected `*`, `*.example.com`, `api.example.com` or an address, in lower case and punycode, and `:PORT` where only one is meant"
    )]
    Host(String),
    /// Not a pattern of tools.
    #[error("`{0}` is not a tool pattern: expected `*`, `package.*` or `package.function`")]
    Tool(String),
    /// Not a pattern of programs.
    #[error("`{0}` is not a program pattern: expected `*` or a program's name, in lower case")]
    Program(String),
}

impl HostPattern {
    /// Every host, and every port.
    pub fn any() -> Self {
        Self { host: Hosts::Any, port: None }
    }

    /// The only port; `None` for all.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it covers a port of a host, whose name is in lower case and without a final dot; an IPv6 address has no
    /// brackets.
    pub fn covers(&self, host: &str, port: u16) -> bool {
        self.covers_host(host) && self.port.is_none_or(|only| only == port)
    }

    /// Whether it covers any port of a host.
    pub fn covers_host(&self, host: &str) -> bool {
        match &self.host {
            Hosts::Any => true,
            Hosts::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            Hosts::Only(only) => only == host,
        }
    }
}

impl FromStr for HostPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || PatternError::Host(text.chars().take(300).collect());
        let (host, port) = match text.rsplit_once(':') {
            // The colons of an address stand in brackets.
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|number: &u16| *number > 0 && number.to_string() == port);
                (host, Some(port.ok_or_else(refuse)?))
            }
            _ => (text, None),
        };
        let host = match host.strip_prefix("*.") {
            _ if host == "*" => Hosts::Any,
            Some(name) if is_name(name) => Hosts::Below(format!(".{name}")),
            Some(_) => return Err(refuse()),
            None => match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
                Some(address) => Hosts::Only(address.parse::<std::net::Ipv6Addr>().map_err(|_| refuse())?.to_string()),
                None if is_name(host) => Hosts::Only(host.to_owned()),
                None => return Err(refuse()),
            },
        };
        Ok(Self { host, port })
    }
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= MAX_HOST && text.split('.').all(label)
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Hosts::Any => f.write_str("*")?,
            Hosts::Below(suffix) => write!(f, "*{suffix}")?,
            Hosts::Only(host) if host.contains(':') => write!(f, "[{host}]")?,
            Hosts::Only(host) => f.write_str(host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl ToolPattern {
    /// Every tool.
    pub fn any() -> Self {
        Self(Tools::Any)
    }

    /// The only package that it covers, and the only tool of it; `None` where it covers every one.
    pub fn package(&self) -> Option<(&str, Option<&ToolId>)> {
        match &self.0 {
            Tools::Any => None,
            Tools::In(package) => Some((package, None)),
            Tools::Only(id) => Some((id.package(), Some(id))),
        }
    }

    /// Whether it covers a tool.
    pub fn covers(&self, tool: &ToolId) -> bool {
        match &self.0 {
            Tools::Any => true,
            Tools::In(package) => package == tool.package(),
            Tools::Only(only) => only == tool,
        }
    }
}

impl FromStr for ToolPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || PatternError::Tool(text.chars().take(200).collect());
        if text == "*" {
            return Ok(Self::any());
        }
        match text.strip_suffix(".*") {
            // Whatever can stand before a function's name.
            Some(package) => match format!("{package}.f").parse::<ToolId>() {
                Ok(id) if id.package() == package => Ok(Self(Tools::In(package.to_owned()))),
                _ => Err(refuse()),
            },
            None => text.parse().map(|id| Self(Tools::Only(id))).map_err(|_| refuse()),
        }
    }
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Tools::Any => f.write_str("*"),
            Tools::In(package) => write!(f, "{package}.*"),
            Tools::Only(id) => id.fmt(f),
        }
    }
}

impl ProgramPattern {
    /// Every program.
    pub fn any() -> Self {
        Self(None)
    }

    /// Whether it covers a program.
    pub fn covers(&self, program: &str) -> bool {
        self.0.as_ref().is_none_or(|only| only.as_str() == program)
    }
}

impl FromStr for ProgramPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self::any());
        }
        text.parse().map(|name| Self(Some(name))).map_err(|_| PatternError::Program(text.chars().take(200).collect()))
    }
}

impl fmt::Display for ProgramPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref().map_or("*", ProgramName::as_str))
    }
}

macro_rules! text_conversions {
    ($($name:ident),*) => { $(
        impl TryFrom<String> for $name {
            type Error = PatternError;
            fn try_from(text: String) -> Result<Self, PatternError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(pattern: $name) -> Self {
                pattern.to_string()
            }
        }
    )* };
}
text_conversions!(HostPattern, ToolPattern, ProgramPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_covered_or_not() {
        let check = |pattern: &str, host: &str, port: u16, expected: bool| {
            let parsed: HostPattern = pattern.parse().expect(pattern);
            assert_eq!(parsed.to_string(), pattern);
            assert_eq!(parsed.covers(host, port), expected, "{pattern} {host}:{port}");
        };
        check("*", "example.com", 443, true);
        check("*:443", "example.com", 80, false);
        check("example.com", "example.com", 1, true);
        check("example.com", "an.example.com", 1, false);
        check("*.example.com", "an.example.com", 1, true);
        check("*.example.com", "a.b.example.com", 1, true);
        check("*.example.com", "example.com", 1, false);
        check("*.example.com", "badexample.com", 1, false);
        check("*.example.com", ".example.com", 1, false);
        check("127.0.0.1:8080", "127.0.0.1", 8080, true);
        check("[::1]:8080", "::1", 8080, true);
        check("[::1]", "::2", 8080, false);
        for text in
            ["", "Example.com", "a..b", "*.*", "a*", "*.", "a:0", "a:08", "a:99999", "::1", "[::1", "é.com", "a/b"]
        {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn tools_are_covered_or_not() {
        let check = |pattern: &str, tool: &str, expected: bool| {
            let parsed: ToolPattern = pattern.parse().expect(pattern);
            assert_eq!(parsed.to_string(), pattern);
            assert_eq!(parsed.covers(&tool.parse().expect(tool)), expected, "{pattern} {tool}");
        };
        check("*", "files.read", true);
        check("files.*", "files.read", true);
        check("files.*", "files.a.read", true);
        check("files.*", "files2.read", false);
        check("files.read", "files.read", true);
        check("files.read", "files.write", false);
        for text in ["", "files", ".*", "*.read", "files.*.*", "a.b.*"] {
            assert!(text.parse::<ToolPattern>().is_err(), "{text}");
        }
    }
}
