//! A server that follows a script: it sends what the test says and waits for what the test expects.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, version};
use tokio_rustls::server::TlsStream;

use crate::address;
use crate::config::{Config, HostPort, Password, Roots, Security};

pub(super) const PASSWORD: &str = "correct horse";

/// How a stream begins.
pub(super) const HEADER: &str = "<?xml version='1.0'?><stream:stream from='localhost' id='1' version='1.0' \
                                 xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

pub(super) const STARTTLS: &str =
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";

pub(super) const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

pub(super) const BIND: &str = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

/// The offer of mechanisms, and of channel bindings if there are any.
pub(super) fn mechanisms(names: &[&str], bindings: &[&str]) -> String {
    let names: String = names.iter().map(|name| format!("<mechanism>{name}</mechanism>")).collect();
    let bindings: String = bindings.iter().map(|name| format!("<channel-binding type='{name}'/>")).collect();
    format!(
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{names}</mechanisms>\
         <sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>{bindings}</sasl-channel-binding></stream:features>"
    )
}

/// A listening server with a certificate for `localhost`.
pub(super) struct Fake {
    listener: TcpListener,
    folder: tempfile::TempDir,
    tls13: bool,
}

impl Fake {
    /// `None`, with a word on standard error, where there is no `openssl`.
    pub(super) async fn start() -> Option<Self> {
        if !xtask::peers::require_programs(&["openssl"]).unwrap() {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path());
        Some(Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap(), folder, tls13: true })
    }

    /// The same with TLS 1.2 at most.
    pub(super) fn tls12(mut self) -> Self {
        self.tls13 = false;
        self
    }

    /// The way here; `security` decides how TLS begins.
    pub(super) fn config(&self, security: Security) -> Config {
        let mut config = Config::new(address("al=ice@localhost").unwrap(), Password::from(PASSWORD));
        let port = self.listener.local_addr().unwrap().port();
        config.server = Some(HostPort::new("127.0.0.1", port).unwrap());
        config.security = security;
        config.roots = Roots::Pem(self.folder.path().join("cert.pem"));
        config.timing.connect_patience = core::time::Duration::from_secs(60);
        config
    }

    /// The next connection in clear.
    pub(super) async fn accept(&self) -> Peer<TcpStream> {
        let (io, _) = self.listener.accept().await.unwrap();
        Peer { io, read: String::new() }
    }

    /// The next connection under TLS.
    pub(super) async fn accept_tls(&self) -> Peer<TlsStream<TcpStream>> {
        self.encrypt(self.accept().await).await
    }

    /// The server's side of the handshake.
    pub(super) async fn encrypt(&self, peer: Peer<TcpStream>) -> Peer<TlsStream<TcpStream>> {
        let file = |name: &str| self.folder.path().join(name);
        let certificate = CertificateDer::from_pem_file(file("cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
        let versions: &[_] = if self.tls13 { &[&version::TLS13] } else { &[&version::TLS12] };
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec(), b"xmpp-client".to_vec()];
        let io = TlsAcceptor::from(Arc::new(config)).accept(peer.io).await.unwrap();
        Peer { io, read: String::new() }
    }

    /// The certificate in DER.
    pub(super) fn certificate(&self) -> Vec<u8> {
        CertificateDer::from_pem_file(self.folder.path().join("cert.pem")).unwrap().to_vec()
    }
}

/// One connection, from the server's side.
pub(super) struct Peer<Io> {
    pub(super) io: Io,
    read: String,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Peer<Io> {
    /// Sends; the other side may have hung up already.
    pub(super) async fn send(&mut self, text: &str) {
        if self.io.write_all(text.as_bytes()).await.is_ok() {
            let _ = self.io.flush().await;
        }
    }

    /// Reads up to the end of the first occurrence of `end`, and returns everything before it.
    pub(super) async fn read_to(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.read.find(end) {
                let before = self.read[..at].to_owned();
                self.read.drain(..at + end.len());
                return before;
            }
            let mut part = [0; 1024];
            let len = self.io.read(&mut part).await.unwrap();
            assert!(len > 0, "the client hung up before {end:?}; it had sent {:?}", self.read);
            self.read.push_str(core::str::from_utf8(&part[..len]).unwrap());
        }
    }

    /// Answers the client's header with ours and these features.
    pub(super) async fn open(&mut self, features: &str) {
        self.read_to("version='1.0'>").await;
        self.send(&format!("{HEADER}{features}")).await;
    }

    /// Waits until the client hangs up, and returns what it sent meanwhile.
    pub(super) async fn rest(&mut self) -> String {
        let mut rest = core::mem::take(&mut self.read).into_bytes();
        let _ = self.io.read_to_end(&mut rest).await;
        String::from_utf8(rest).unwrap()
    }
}

/// A certificate that vouches for itself, and its key.
fn certificate(folder: &Path) {
    let config = "[req]\ndistinguished_name = name\nprompt = no\nx509_extensions = ext\n[name]\nCN = localhost\n[ext]\n\
                  subjectAltName = DNS:localhost\nbasicConstraints = critical,CA:FALSE\n";
    std::fs::write(folder.join("openssl.cnf"), config).unwrap();
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-config", "openssl.cnf", "-x509", "-days", "3650", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
