//! Why there is no response, or no body.

use std::fmt;

/// Why there is no response, or no body.
///
/// A status such as 404 is not an error: it is a [`Response`](super::Response).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The host refused it; the text says what, and not why. Another try is refused as well.
    Denied(String),
    /// It is no request that could be sent; the text names the part.
    Invalid(String),
    /// It was sent, or was to be, and the network or the server failed.
    Failed(String),
    /// A redirect that was not followed: one too many, or to nowhere.
    Redirect(String),
    /// The body is larger than was asked for.
    TooLarge {
        /// How many bytes were asked for at most.
        max: usize,
    },
    /// The body is not text in UTF-8.
    NotText {
        /// How many bytes of it are.
        valid: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) => write!(f, "refused: {text}"),
            Self::Invalid(text) => write!(f, "no request that can be sent: {text}"),
            Self::Failed(text) => f.write_str(text),
            Self::Redirect(text) => write!(f, "redirect not followed: {text}"),
            Self::TooLarge { max } => write!(f, "the body has more than {max} bytes"),
            Self::NotText { valid } => write!(f, "the body is not UTF-8 from byte {valid} on"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

impl From<std::io::Error> for Error {
    /// What a body's reader says, with the reason that it wraps.
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}
