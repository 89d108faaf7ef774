//! From a configuration to a stream that is encrypted, authenticated and ready for a session.

mod backoff;
mod dial;
mod end_point;
mod link;
mod login;
mod meter;
mod metered;
mod negotiate;
mod random;
mod resolve;
mod scram;
mod tls;

#[cfg(test)]
mod tests;

use core::future::Future;

use o2tr::transport::OfflineReason;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ProtocolVersion;
use xmpp_parsers::jid::BareJid;
use xmpp_parsers::stream_features::StreamFeatures;

use crate::config::Config;
use crate::error::ConnectError;
use dial::Place;
use login::Choice;
use metered::Metered;
use tls::{Bindings, Tls};

pub(crate) use backoff::Backoff;
pub(crate) use link::Link;
pub(crate) use metered::Unacceptable;
pub(crate) use random::number as random_number;

/// A stream behind the login, before resource binding (RFC 6120, section 7) or resumption (XEP-0198).
#[derive(Debug)]
pub(crate) struct Connected {
    /// The stream: elements in, elements out.
    pub(crate) stream: Link,
    /// What the server offers on it; resource binding is among it.
    pub(crate) features: StreamFeatures,
    /// How safe it is.
    pub(crate) safety: Safety,
}

/// How safe a connection is, for people.
#[derive(Debug)]
pub(crate) struct Safety {
    /// The version of TLS.
    pub(crate) tls: String,
    /// The cipher suite.
    pub(crate) cipher: String,
    /// The SASL mechanism.
    pub(crate) mechanism: String,
    /// The login is bound to the TLS connection.
    pub(crate) bound: bool,
}

impl Safety {
    fn of(stream: &TlsStream<TcpStream>) -> Self {
        let (_, connection) = stream.get_ref();
        let tls = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3".to_owned(),
            Some(ProtocolVersion::TLSv1_2) => "1.2".to_owned(),
            other => format!("{other:?}"),
        };
        let cipher = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
        Self { tls, cipher: cipher.unwrap_or_default(), mechanism: String::new(), bound: false }
    }
}

/// Looks the server up, connects, encrypts and logs in. Each step has [`connect_patience`] to finish.
///
/// All places where the server may be are tried in turn until one speaks for the domain under TLS; there the login
/// decides.
///
/// [`connect_patience`]: crate::Timing::connect_patience
///
/// # Errors
/// What went wrong at the place where it mattered most.
pub(crate) async fn connect(config: &Config) -> Result<Connected, ConnectError> {
    let account = BareJid::new(config.account.as_str()).map_err(|_| OfflineReason::Address)?;
    let user = account.node().ok_or(OfflineReason::Address)?.as_str();
    let domain = account.domain().as_str();
    let tls = Tls::new(&config.roots, &resolve::ascii(domain)?).await?;
    let stream = encrypted(config, domain, &tls).await?;

    let bindings = Bindings::of(&stream);
    let mut safety = Safety::of(&stream);
    let io = Metered::new(BufReader::new(stream));
    let (features, mut stream) = negotiate::open(config, domain, io).await?;
    let choice = Choice::new(&features, &bindings, config.allow_plain)?;
    safety.mechanism = choice.mechanism().to_string();
    safety.bound = safety.mechanism.ends_with("-PLUS");
    login::log_in(config, &mut stream, choice, user).await?;
    stream.get_stream().restart();
    let (features, stream) = negotiate::reopen(config, domain, stream.initiate_reset()).await?;
    if !features.can_bind() {
        return Err(OfflineReason::Protocol.into());
    }
    Ok(Connected { stream: Link::new(stream), features, safety })
}

/// The first encrypted connection with a server that has a certificate for the domain.
async fn encrypted(config: &Config, domain: &str, tls: &Tls) -> Result<TlsStream<TcpStream>, ConnectError> {
    let mut failed: Option<ConnectError> = None;
    let mut note = |error: ConnectError| {
        // A server that answered and failed says more than one that was not there.
        let outweighs =
            |old: ConnectError| error.permanent() || (!old.permanent() && error.reason() != OfflineReason::Unreachable);
        if failed.is_none_or(outweighs) {
            failed = Some(error);
        }
    };
    for route in resolve::routes(config, domain).await? {
        let places = match dial::places(config, &route).await {
            Ok(places) => places,
            Err(error) => {
                note(error);
                continue;
            }
        };
        for place in places {
            match encrypt(config, domain, tls, &place, route.direct).await {
                Ok(stream) => return Ok(stream),
                Err(error) => note(error),
            }
        }
    }
    Err(failed.unwrap_or(OfflineReason::NoServer.into()))
}

async fn encrypt(
    config: &Config,
    domain: &str,
    tls: &Tls,
    place: &Place<'_>,
    direct: bool,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let mut tcp = place.dial(config).await?;
    if !direct {
        tcp = negotiate::start_tls(config, domain, tcp).await?;
    }
    within(config, tls.handshake(tcp, direct)).await?
}

/// Gives a step the time it may take.
async fn within<T>(config: &Config, step: impl Future<Output = T>) -> Result<T, ConnectError> {
    let limit = tokio::time::timeout(config.timing.connect_patience, step);
    limit.await.map_err(|_| OfflineReason::Timeout.into())
}
