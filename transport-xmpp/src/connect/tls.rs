//! TLS, always with verification: the certificate must be for the account's domain, wherever the server was found
//! (RFC 6120, section 13.7.2).

use std::sync::Arc;

use o2tr::transport::OfflineReason;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::ClientConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ProtocolVersion, RootCertStore};

use super::end_point;
use crate::config::Roots;
use crate::error::{ConnectError, of_io};

/// What names the protocol inside TLS, so that it may share a port with others (XEP-0368, section 4).
const ALPN: &[u8] = b"xmpp-client";

/// The label of `tls-exporter` (RFC 9266, section 4.2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// The ability to make TLS connections with one domain.
#[derive(Clone)]
pub(super) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Loads the trusted authorities; `domain` is in ASCII.
    ///
    /// # Errors
    /// [`OfflineReason::Roots`], [`OfflineReason::Address`].
    pub(super) async fn new(roots: &Roots, domain: &str) -> Result<Self, ConnectError> {
        let name = ServerName::try_from(domain.to_owned()).map_err(|_| OfflineReason::Address)?;
        let roots = roots.clone();
        let roots = tokio::task::spawn_blocking(move || load(&roots)).await.map_err(|_| OfflineReason::Roots)??;
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| OfflineReason::TlsFailed)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), name })
    }

    /// Makes the handshake; `direct`: with the first byte.
    ///
    /// # Errors
    /// One of the reasons of certificates, or that no encryption could be agreed.
    pub(super) async fn handshake(&self, tcp: TcpStream, direct: bool) -> Result<TlsStream<TcpStream>, ConnectError> {
        let mut config = Arc::clone(&self.config);
        if direct {
            Arc::make_mut(&mut config).alpn_protocols = vec![ALPN.to_vec()];
        }
        let handshake = TlsConnector::from(config).connect(self.name.clone(), tcp);
        handshake.await.map_err(|error| match of_io(&error) {
            // A server that knows no TLS on this port answers with something else, or hangs up.
            failed if matches!(failed.reason(), OfflineReason::Protocol | OfflineReason::Lost) => {
                OfflineReason::TlsFailed.into()
            }
            failed => failed,
        })
    }
}

/// Data that only the two ends of one TLS connection have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    /// `tls-exporter` (RFC 9266), with TLS 1.3 only: below, it is unique under conditions that cannot be seen here.
    pub(super) exporter: Option<Vec<u8>>,
    /// `tls-server-end-point` (RFC 5929, section 4); none if the standard defines none for the certificate.
    pub(super) end_point: Option<Vec<u8>>,
}

impl Bindings {
    pub(super) fn of(stream: &TlsStream<TcpStream>) -> Self {
        let (_, connection) = stream.get_ref();
        let is_13 = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
        let exported = || connection.export_keying_material(vec![0; 32], EXPORTER_LABEL, None).ok();
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        Self {
            exporter: is_13.then(exported).flatten(),
            end_point: certificate.and_then(|certificate| end_point::hash(certificate)),
        }
    }
}

fn load(roots: &Roots) -> Result<RootCertStore, ConnectError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Roots::Pem(path) => {
            for certificate in CertificateDer::pem_file_iter(path).map_err(|_| OfflineReason::Roots)? {
                store.add(certificate.map_err(|_| OfflineReason::Roots)?).map_err(|_| OfflineReason::Roots)?;
            }
        }
    }
    if store.is_empty() { Err(OfflineReason::Roots.into()) } else { Ok(store) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_without_authorities_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        for content in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")] {
            if let Some(content) = content {
                std::fs::write(&file, content).unwrap();
            }
            let failed = Tls::new(&Roots::Pem(file.clone()), "example.org").await.err().unwrap();
            assert_eq!((failed.reason(), failed.permanent()), (OfflineReason::Roots, true), "{content:?}");
        }
    }
}
