//! Tests on the machine itself: there is no host that would send anything.

use super::{
    Error, Response,
    request::{Body, Head},
};

/// Sends nothing.
pub(super) fn exchange(head: &Head, _body: &mut Body) -> Result<Response, Error> {
    Err(Error::Failed(format!("{}: requests are sent only inside the host", head.aim())))
}
