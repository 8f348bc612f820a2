//! Who a server has to be.

use crate::EndpointError;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::sync::Arc;

/// The public certificates, and those that are given.
pub(crate) fn config(certificates: &[Vec<u8>]) -> Result<ClientConfig, EndpointError> {
    let refuse = |why: String| EndpointError::Certificate(why);
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    for text in certificates {
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(text) {
            let certificate = certificate.map_err(|error| refuse(error.to_string()))?;
            roots.add(certificate).map_err(|error| refuse(error.to_string()))?;
            found += 1;
        }
        if found == 0 {
            return Err(refuse("a file holds no certificate; expected PEM".into()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| EndpointError::Settings(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
