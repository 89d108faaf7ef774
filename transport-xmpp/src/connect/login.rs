//! The login: which SASL mechanism, and its exchange (RFC 6120, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::SinkExt;
use o2tr::transport::OfflineReason;
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio_xmpp::xmlstream::{XmppStream, XmppStreamElement};
use xmpp_parsers::sasl::{Auth, Mechanism, Nonza, Response};
use xmpp_parsers::sasl_cb::Type;
use xmpp_parsers::stream_features::StreamFeatures;
use zeroize::{Zeroize, Zeroizing};

use super::metered::Metered;
use super::negotiate::next;
use super::random;
use super::scram::{Expected, Gs2, Hash, Scram, ScramError};
use super::tls::Bindings;
use super::within;
use crate::config::Config;
use crate::error::{ConnectError, of_io, of_sasl_failure};

/// Random bytes in a nonce.
const NONCE_LEN: usize = 24;

/// How to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// By proof of the password.
    Scram(Hash, Gs2),
    /// By sending it, inside TLS.
    Plain,
}

impl Choice {
    /// The best of what the server offers. A mechanism bound to the TLS connection comes first: with it, somebody who
    /// holds a forged certificate cannot pass the login on.
    ///
    /// # Errors
    /// [`OfflineReason::Mechanism`].
    pub(super) fn new(features: &StreamFeatures, bindings: &Bindings, allow_plain: bool) -> Result<Self, ConnectError> {
        let offered = &features.sasl_mechanisms;
        let announced = features.sasl_cb.as_ref().map(|announced| announced.types.as_slice()).unwrap_or_default();
        let hashes = [Hash::Sha256, Hash::Sha1];
        if let Some(bound) = bound(announced, bindings)
            && let Some(hash) = hashes.into_iter().find(|hash| offered.contains(&name(*hash, true)))
        {
            return Ok(Self::Scram(hash, bound));
        }
        if let Some(hash) = hashes.into_iter().find(|hash| offered.contains(&name(*hash, false))) {
            let could = bindings.exporter.is_some() || bindings.end_point.is_some();
            let offers_some = !announced.is_empty() || offered.iter().any(|mechanism| mechanism.ends_with("-PLUS"));
            // RFC 5802, section 6; XEP-0440, section 3.
            let gs2 = if could && !offers_some { Gs2::NotOffered } else { Gs2::Cannot };
            return Ok(Self::Scram(hash, gs2));
        }
        let plain = allow_plain && offered.contains("PLAIN");
        if plain { Ok(Self::Plain) } else { Err(OfflineReason::Mechanism.into()) }
    }

    pub(super) fn mechanism(&self) -> Mechanism {
        match self {
            Self::Plain => Mechanism::Plain,
            Self::Scram(Hash::Sha1, Gs2::Bound { .. }) => Mechanism::ScramSha1Plus,
            Self::Scram(Hash::Sha1, _) => Mechanism::ScramSha1,
            Self::Scram(Hash::Sha256, Gs2::Bound { .. }) => Mechanism::ScramSha256Plus,
            Self::Scram(Hash::Sha256, _) => Mechanism::ScramSha256,
        }
    }
}

fn name(hash: Hash, plus: bool) -> String {
    let gs2 = if plus { Gs2::Bound { kind: "", data: Vec::new() } } else { Gs2::Cannot };
    Choice::Scram(hash, gs2).mechanism().to_string()
}

/// A binding that both sides have. The server must have announced it (XEP-0440): guessing wrong looks like a wrong
/// password.
fn bound(announced: &[Type], bindings: &Bindings) -> Option<Gs2> {
    let pick = |kind: &Type, name, data: &Option<Vec<u8>>| {
        let data = data.clone().filter(|_| announced.contains(kind))?;
        Some(Gs2::Bound { kind: name, data })
    };
    pick(&Type::TlsExporter, "tls-exporter", &bindings.exporter)
        .or_else(|| pick(&Type::TlsServerEndPoint, "tls-server-end-point", &bindings.end_point))
}

/// Logs in as the local part `user` of the account.
///
/// # Errors
/// The server refuses, or does not prove that it knows the password where the mechanism demands it.
pub(super) async fn log_in<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    stream: &mut XmppStream<Metered<Io>>,
    choice: Choice,
    user: &str,
) -> Result<(), ConnectError> {
    let mechanism = choice.mechanism();
    let user = prepared(user);
    let password = prepared(config.password.reveal());
    match choice {
        Choice::Plain => {
            let data = ["", &user, &password].join("\0").into_bytes();
            begin(config, stream, mechanism, data).await?;
            match answer(config, stream).await? {
                Answer::Success(_) => Ok(()),
                Answer::Challenge(_) => Err(OfflineReason::Protocol.into()),
            }
        }
        Choice::Scram(hash, gs2) => {
            let nonce = random::bytes::<NONCE_LEN>().ok_or(OfflineReason::Lost)?;
            let scram = Scram::new(hash, gs2, &user, BASE64.encode(nonce));
            begin(config, stream, mechanism, scram.first()).await?;
            let Answer::Challenge(challenge) = answer(config, stream).await? else {
                return Err(OfflineReason::Unproven.into());
            };
            let prove = tokio::task::spawn_blocking(move || scram.answer(&challenge, &password));
            let (proof, expected) = prove.await.map_err(|_| OfflineReason::Lost)?.map_err(of_scram)?;
            respond(config, stream, proof).await?;
            verify(config, stream, &expected).await
        }
    }
}

/// The server's proof comes with its success or, as RFC 6120, section 6.4.6 allows too, in a challenge before.
async fn verify<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    stream: &mut XmppStream<Metered<Io>>,
    expected: &Expected,
) -> Result<(), ConnectError> {
    match answer(config, stream).await? {
        Answer::Success(last) => expected.check(&last).map_err(of_scram),
        Answer::Challenge(last) => {
            expected.check(&last).map_err(of_scram)?;
            respond(config, stream, Vec::new()).await?;
            match answer(config, stream).await? {
                Answer::Success(_) => Ok(()),
                Answer::Challenge(_) => Err(OfflineReason::Protocol.into()),
            }
        }
    }
}

enum Answer {
    Challenge(Vec<u8>),
    Success(Vec<u8>),
}

async fn answer<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    stream: &mut XmppStream<Metered<Io>>,
) -> Result<Answer, ConnectError> {
    match next(config, stream).await? {
        XmppStreamElement::Sasl(Nonza::Challenge(challenge)) => Ok(Answer::Challenge(challenge.data)),
        XmppStreamElement::Sasl(Nonza::Success(success)) => Ok(Answer::Success(success.data)),
        XmppStreamElement::Sasl(Nonza::Failure(failure)) => Err(of_sasl_failure(&failure.defined_condition)),
        _ => Err(OfflineReason::Protocol.into()),
    }
}

async fn begin<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    stream: &mut XmppStream<Metered<Io>>,
    mechanism: Mechanism,
    data: Vec<u8>,
) -> Result<(), ConnectError> {
    let mut element = XmppStreamElement::Sasl(Nonza::Auth(Auth { mechanism, data }));
    let sent = send(config, stream, &element).await;
    if let XmppStreamElement::Sasl(Nonza::Auth(auth)) = &mut element {
        auth.data.zeroize();
    }
    sent
}

async fn respond<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    stream: &mut XmppStream<Metered<Io>>,
    data: Vec<u8>,
) -> Result<(), ConnectError> {
    send(config, stream, &XmppStreamElement::Sasl(Nonza::Response(Response { data }))).await
}

async fn send<Io: AsyncBufRead + AsyncWrite + Unpin>(
    config: &Config,
    stream: &mut XmppStream<Metered<Io>>,
    element: &XmppStreamElement,
) -> Result<(), ConnectError> {
    within(config, stream.send(element)).await?.map_err(|error| of_io(&error))
}

fn of_scram(error: ScramError) -> ConnectError {
    match error {
        ScramError::Malformed => OfflineReason::Protocol.into(),
        ScramError::Unproven => OfflineReason::Unproven.into(),
        ScramError::Refused => OfflineReason::Credentials.into(),
    }
}

/// SASLprep (RFC 4013); what it does not allow goes as it is, and the server decides.
fn prepared(text: &str) -> Zeroizing<String> {
    Zeroizing::new(stringprep::saslprep(text).map_or_else(|_| text.to_owned(), |prepared| prepared.into_owned()))
}

#[cfg(test)]
mod tests {
    use xmpp_parsers::sasl_cb::SaslChannelBinding;

    use super::*;

    const EXPORTER: &[u8] = &[1; 32];
    const END_POINT: &[u8] = &[2; 32];

    fn features(mechanisms: &[&str], announced: Option<&[Type]>) -> StreamFeatures {
        StreamFeatures {
            sasl_mechanisms: mechanisms.iter().map(|name| (*name).to_owned()).collect(),
            sasl_cb: announced.map(|types| SaslChannelBinding { types: types.to_vec() }),
            ..StreamFeatures::default()
        }
    }

    fn both() -> Bindings {
        Bindings { exporter: Some(EXPORTER.to_vec()), end_point: Some(END_POINT.to_vec()) }
    }

    fn choose(mechanisms: &[&str], announced: Option<&[Type]>, bindings: &Bindings) -> Choice {
        Choice::new(&features(mechanisms, announced), bindings, true).unwrap()
    }

    fn bound(kind: &'static str, data: &[u8]) -> Gs2 {
        Gs2::Bound { kind, data: data.to_vec() }
    }

    const ALL: &[&str] =
        &["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512"];

    #[test]
    fn the_best_announced_binding_is_used() {
        let announced = [Type::TlsServerEndPoint, Type::TlsExporter];
        let exporter = Choice::Scram(Hash::Sha256, bound("tls-exporter", EXPORTER));
        assert_eq!(choose(ALL, Some(&announced), &both()), exporter);
        assert_eq!(exporter.mechanism(), Mechanism::ScramSha256Plus);
        let tls12 = Bindings { exporter: None, ..both() };
        let end_point = Choice::Scram(Hash::Sha256, bound("tls-server-end-point", END_POINT));
        assert_eq!(choose(ALL, Some(&announced), &tls12), end_point);
        assert_eq!(choose(ALL, Some(&announced[..1]), &both()), end_point);
        let older = &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256"];
        let sha1 = Choice::Scram(Hash::Sha1, bound("tls-exporter", EXPORTER));
        assert_eq!(choose(older, Some(&announced), &both()), sha1);
    }

    #[test]
    fn a_binding_nobody_announced_is_not_guessed() {
        let unbound = Choice::Scram(Hash::Sha256, Gs2::Cannot);
        assert_eq!(choose(ALL, None, &both()), unbound);
        assert_eq!(choose(ALL, Some(&[Type::TlsUnique]), &both()), unbound);
        assert_eq!(unbound.mechanism(), Mechanism::ScramSha256);
    }

    #[test]
    fn a_server_without_binding_is_told_that_we_could() {
        let old = &["PLAIN", "SCRAM-SHA-1"];
        assert_eq!(choose(old, None, &both()), Choice::Scram(Hash::Sha1, Gs2::NotOffered));
        assert_eq!(choose(old, None, &Bindings::default()), Choice::Scram(Hash::Sha1, Gs2::Cannot));
        assert_eq!(choose(old, Some(&[Type::TlsUnique]), &both()), Choice::Scram(Hash::Sha1, Gs2::Cannot));
    }

    #[test]
    fn plain_is_the_last_resort_and_can_be_forbidden() {
        let only = features(&["PLAIN", "DIGEST-MD5"], None);
        assert_eq!(Choice::new(&only, &both(), true).unwrap(), Choice::Plain);
        for (features, allow_plain) in [(&only, false), (&features(&["EXTERNAL", "ANONYMOUS"], None), true)] {
            let refused = Choice::new(features, &both(), allow_plain).unwrap_err();
            assert_eq!((refused.reason(), refused.permanent()), (OfflineReason::Mechanism, true));
        }
        let better = features(&["PLAIN", "SCRAM-SHA-1"], None);
        assert!(matches!(Choice::new(&better, &both(), true).unwrap(), Choice::Scram(..)));
    }

    #[test]
    fn passwords_are_prepared() {
        assert_eq!(*prepared("I\u{ad}X"), "IX");
        assert_eq!(*prepared("\u{2168}"), "IX");
        assert_eq!(*prepared("bell\u{7}"), "bell\u{7}");
    }
}
