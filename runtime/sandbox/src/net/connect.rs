//! One connection to an address that was checked.

use super::client::{Endpoint, Sender};
use http::uri::Scheme;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::Error;

/// The most that a server may send as headers of one response, and how many of them. What a call may take of it is its
/// own limit; this bounds what the host reads before that limit is looked at.
pub(super) const MAX_HEADER_BYTES: usize = 256 << 10;
const MAX_HEADERS: usize = 512;

/// Dials, and speaks TLS and HTTP as the endpoint asks.
pub(super) async fn connect(
    endpoint: &Endpoint,
    tls: Option<Arc<ClientConfig>>,
    time: Duration,
) -> Result<Sender, Error> {
    let dial = async {
        let stream = TcpStream::connect(endpoint.address).await.map_err(Error::Connect)?;
        stream.set_nodelay(true).map_err(Error::Connect)?;
        match tls {
            None => handshake(stream, false).await,
            Some(config) if endpoint.scheme == Scheme::HTTPS => {
                let name = ServerName::try_from(endpoint.host.clone()).map_err(|_| Error::HttpRequestUriInvalid)?;
                let stream = TlsConnector::from(config).connect(name, stream).await.map_err(of_tls)?;
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                handshake(stream, http2).await
            }
            Some(_) => Err(Error::ConfigurationError),
        }
    };
    timeout(time, dial).await.unwrap_or(Err(Error::ConnectionTimeout))
}

/// The alert or the certificate at fault, which the guest may know.
fn of_tls(error: std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some((*alert).into()), alert_message: None }
        }
        _ => Error::TlsProtocolError,
    }
}

async fn handshake(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, http2: bool) -> Result<Sender, Error> {
    let io = TokioIo::new(stream);
    // A connection lives on its own, beyond the call that opened it, as long as the pool or a response holds it.
    if http2 {
        let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        builder.max_header_list_size(MAX_HEADER_BYTES as u32);
        let (sender, connection) = builder.handshake(io).await.map_err(Error::Hyper)?;
        tokio::spawn(connection);
        Ok(Sender::Http2(sender))
    } else {
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder.max_buf_size(MAX_HEADER_BYTES).max_headers(MAX_HEADERS);
        let (sender, connection) = builder.handshake(io).await.map_err(Error::Hyper)?;
        tokio::spawn(connection);
        Ok(Sender::Http1(sender))
    }
}
