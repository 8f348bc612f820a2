//! Secrets by name: what the tool asks for, and where the host puts it.

use super::{Error, request::is_token};

/// The header that asks the host for a secret. It never leaves the host.
pub(super) const HEADER: &str = "gloveport-secret";

/// The longest name of a secret.
const MAX_NAME: usize = 64;

/// Where the host puts a secret into a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// `authorization: Bearer SECRET`.
    Bearer,
    /// The header of this name, with the secret as its value.
    Header(String),
    /// The parameter of this name at the end of the query. Servers log queries: use it only where nothing else works.
    Query(String),
    /// `authorization: Basic …` for this user, with the secret as the password.
    Basic(String),
}

impl Secret {
    /// The value of [`HEADER`] that asks for the secret `name`.
    pub(super) fn ask(&self, name: &str) -> Result<String, Error> {
        let refuse = |text: String| Err(Error::Invalid(text));
        if !is_name(name) {
            return refuse(format!(
                "`{name}` is not a secret's name; expected 1 to {MAX_NAME} letters, digits, `-` or `_`, starting with a letter"
            ));
        }
        match self {
            Self::Bearer => Ok(format!("{name}; bearer")),
            Self::Header(header) if is_token(header) && !header.eq_ignore_ascii_case(HEADER) => {
                Ok(format!("{name}; header={header}"))
            }
            Self::Header(header) => refuse(format!("`{header}` is no header that the secret `{name}` can stand in")),
            Self::Query(key) if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(format!("{name}; query={key}"))
            }
            Self::Query(key) => refuse(format!(
                "`{key}` is no key of a query for the secret `{name}`; expected printable ASCII without spaces"
            )),
            // The user's name ends at the first colon (RFC 7617, section 2), and the header's value at the last visible byte.
            Self::Basic(user) if user.bytes().all(is_of_user) && user.trim() == user => {
                Ok(format!("{name}; basic={user}"))
            }
            Self::Basic(user) => {
                refuse(format!("`{user}` is no user for the secret `{name}`; expected printable ASCII without `:`"))
            }
        }
    }
}

fn is_of_user(byte: u8) -> bool {
    (byte.is_ascii_graphic() || byte == b' ') && byte != b':'
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, place: Secret, expected: Result<&str, &str>) {
        match (place.ask(name), expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (got, expected) => panic!("{got:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_secret_is_asked_for_by_name_and_place() {
        check("github", Secret::Bearer, Ok("github; bearer"));
        check("k", Secret::Header("x-api-key".into()), Ok("k; header=x-api-key"));
        check("k", Secret::Query("api_key".into()), Ok("k; query=api_key"));
        check("k", Secret::Basic("joe = 1".into()), Ok("k; basic=joe = 1"));
        check("k", Secret::Basic(String::new()), Ok("k; basic="));
    }

    #[test]
    fn what_could_be_read_as_something_else_is_refused() {
        check("", Secret::Bearer, Err("`` is not a secret's name"));
        check("a; bearer", Secret::Bearer, Err("is not a secret's name"));
        check("a\r\nb", Secret::Bearer, Err("is not a secret's name"));
        check("k", Secret::Header("x y".into()), Err("`x y` is no header"));
        check("k", Secret::Header("Gloveport-Secret".into()), Err("is no header"));
        check("k", Secret::Query(String::new()), Err("is no key of a query"));
        check("k", Secret::Query("a\nb".into()), Err("is no key of a query"));
        check("k", Secret::Basic("a:b".into()), Err("is no user"));
        check("k", Secret::Basic(" a".into()), Err("is no user"));
    }
}
