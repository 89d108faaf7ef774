//! Stream headers, features and StartTLS (RFC 6120, sections 4 and 5).

use futures::{SinkExt, StreamExt};
use o2tr::transport::OfflineReason;
use tokio::io::{AsyncBufRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio_xmpp::xmlstream::{
    FallibleStreamElement, InitiatingStream, PendingFeaturesRecv, ReadError, StreamElementError, StreamHeader,
    Timeouts, XmppStream, XmppStreamElement, initiate_stream,
};
use xmpp_parsers::stream_features::StreamFeatures;
use xmpp_parsers::{ns, starttls};

use super::metered::Metered;
use super::within;
use crate::config::Config;
use crate::error::{ConnectError, of_features_error, of_io, of_read_error, of_stream_error};

/// Opens a stream to a domain and reads what the server offers.
pub(super) async fn open<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    domain: &str,
    io: Metered<Io>,
) -> Result<(StreamFeatures, XmppStream<Metered<Io>>), ConnectError> {
    let timeouts = Timeouts { read_timeout: config.timing.ping_after, response_timeout: config.timing.ping_patience };
    let opened = within(config, initiate_stream(io, ns::JABBER_CLIENT, header(domain), timeouts)).await?;
    features(config, opened.map_err(|error| of_io(&error))?).await
}

/// Opens the stream again after the login.
pub(super) async fn reopen<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    domain: &str,
    stream: InitiatingStream<Metered<Io>>,
) -> Result<(StreamFeatures, XmppStream<Metered<Io>>), ConnectError> {
    let opened = within(config, stream.send_header(header(domain))).await?;
    features(config, opened.map_err(|error| of_io(&error))?).await
}

fn header(domain: &str) -> StreamHeader<'_> {
    StreamHeader { from: None, to: Some(domain.into()), id: None }
}

async fn features<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    opened: PendingFeaturesRecv<Metered<Io>>,
) -> Result<(StreamFeatures, XmppStream<Metered<Io>>), ConnectError> {
    let received = within(config, opened.recv_features()).await?;
    let (features, stream) = received.map_err(|error| of_features_error(&error))?;
    Ok((features, stream))
}

/// Asks for TLS and hands the connection back for its handshake.
///
/// # Errors
/// [`OfflineReason::NoTls`]: the server does not offer it. There is no going on in clear.
pub(super) async fn start_tls(config: &Config, domain: &str, tcp: TcpStream) -> Result<TcpStream, ConnectError> {
    let (features, mut stream) = open(config, domain, Metered::new(BufReader::new(tcp))).await?;
    if !features.can_starttls() {
        return Err(OfflineReason::NoTls.into());
    }
    let request = XmppStreamElement::Starttls(starttls::Nonza::Request(starttls::Request));
    within(config, stream.send(&request)).await?.map_err(|error| of_io(&error))?;
    match next(config, &mut stream).await? {
        XmppStreamElement::Starttls(starttls::Nonza::Proceed(_)) => {}
        XmppStreamElement::Starttls(_) => return Err(OfflineReason::TlsFailed.into()),
        _ => return Err(OfflineReason::Protocol.into()),
    }
    // Whatever follows in clear was put there to be taken for the server's encrypted words.
    let nothing_left = stream.into_inner().into_inner().filter(|tcp| tcp.buffer().is_empty());
    Ok(nothing_left.ok_or(OfflineReason::Protocol)?.into_inner())
}

/// The server's next element before the login is through.
pub(super) async fn next<Io: AsyncBufRead + Unpin>(
    config: &Config,
    stream: &mut XmppStream<Metered<Io>>,
) -> Result<XmppStreamElement, ConnectError> {
    let element = within(config, async {
        loop {
            match stream.next().await {
                Some(Err(ReadError::SoftTimeout)) => {}
                other => return other,
            }
        }
    });
    let element = element.await?.ok_or(OfflineReason::Lost)?.map_err(|error| of_read_error(&error))?;
    match element {
        FallibleStreamElement::Ok(XmppStreamElement::StreamError(error)) => Err(of_stream_error(&error.0)),
        FallibleStreamElement::Ok(element) => Ok(element),
        FallibleStreamElement::Err(StreamElementError::InvalidNonza { qname, .. })
            if qname.0 == ns::SASL && qname.1 == "failure" =>
        {
            // A refusal with a condition that no standard knows.
            Err(OfflineReason::LoginUnavailable.into())
        }
        FallibleStreamElement::Err(_) => Err(OfflineReason::Protocol.into()),
    }
}
