//! What the host's error codes mean to a tool.

use crate::http::{Error, request::Head};
use wasip2::http::types::ErrorCode;

/// Tells refusals from what is wrong with the request and from what failed on the way.
pub(super) fn error(head: &Head, code: ErrorCode) -> Error {
    let aim = head.aim();
    let invalid = |what: &str| Error::Invalid(format!("{aim}: {what}"));
    match code {
        ErrorCode::HttpRequestDenied => Error::Denied(aim),
        ErrorCode::DestinationIpProhibited => Error::Denied(format!("{aim}: its address")),
        ErrorCode::HttpRequestMethodInvalid => invalid("the host does not take the method"),
        ErrorCode::HttpRequestUriInvalid => invalid("the host does not take the URL"),
        ErrorCode::HttpRequestUriTooLong => invalid("the URL is too long"),
        ErrorCode::HttpRequestHeaderSectionSize(_) => invalid("the headers are too large"),
        ErrorCode::HttpRequestHeaderSize(field) => {
            let name = field.and_then(|field| field.field_name);
            invalid(
                &name.map_or("a header does not fit".to_owned(), |name| format!("the header `{name}` does not fit")),
            )
        }
        ErrorCode::HttpRequestBodySize(_) | ErrorCode::HttpRequestLengthRequired => {
            invalid("the body is not as long as it should be")
        }
        other => Error::Failed(format!("{aim}: {}", failure(other))),
    }
}

fn failure(code: ErrorCode) -> String {
    let text = match code {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => "the name could not be resolved",
        ErrorCode::DestinationNotFound => "there is no such host",
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => "the host cannot be reached",
        ErrorCode::ConnectionRefused => "the connection was refused by the server",
        ErrorCode::ConnectionTerminated => "the connection was broken off",
        ErrorCode::ConnectionTimeout => "the connection took too long",
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => "the response took too long",
        ErrorCode::ConnectionWriteTimeout => "the request took too long to send",
        ErrorCode::ConnectionLimitReached => "a limit of the call was reached",
        ErrorCode::TlsProtocolError => "TLS failed",
        ErrorCode::TlsCertificateError => "the server's certificate is not trusted",
        ErrorCode::TlsAlertReceived(_) => "the server broke TLS off",
        ErrorCode::HttpResponseIncomplete => "the response is incomplete",
        ErrorCode::HttpResponseHeaderSectionSize(_) | ErrorCode::HttpResponseHeaderSize(_) => {
            "the headers of the response are too large"
        }
        ErrorCode::HttpResponseBodySize(_) => "the body of the response is too large",
        ErrorCode::HttpProtocolError => "the server does not keep to HTTP",
        ErrorCode::LoopDetected => "the request came back to where it started",
        ErrorCode::InternalError(Some(text)) => return text,
        other => return format!("{other:?}").replace("ErrorCode::", ""),
    };
    text.to_owned()
}
