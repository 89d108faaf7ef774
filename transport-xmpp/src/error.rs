//! What went wrong with a connection, and whether trying again can help.

use std::io;

use o2tr::transport::OfflineReason;
use tokio_rustls::rustls;
use tokio_xmpp::xmlstream::{ReadError, RecvFeaturesError};
use xmpp_parsers::sasl::DefinedCondition as LoginCondition;
use xmpp_parsers::stream_error::{DefinedCondition, StreamError};

use crate::connect::Unacceptable;

/// Why no stream came to stand, or why one ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConnectError(OfflineReason);

impl ConnectError {
    /// Whether trying again cannot help until the user or the server's operator has changed something.
    ///
    /// What the network or somebody in it can bring about on its own, without holding a certificate or the password, is
    /// never permanent with one exception: a wrong certificate, because going on silently would hide an attack.
    pub(crate) const fn permanent(self) -> bool {
        matches!(
            self.0,
            OfflineReason::Closed
                | OfflineReason::Address
                | OfflineReason::ProxyNeeded
                | OfflineReason::Certificate
                | OfflineReason::CertificateExpired
                | OfflineReason::CertificateUntrusted
                | OfflineReason::CertificateName
                | OfflineReason::Roots
                | OfflineReason::Credentials
                | OfflineReason::Account
                | OfflineReason::Mechanism
                | OfflineReason::Unproven
                | OfflineReason::Replaced
        )
    }

    /// The cause in the words of the transport's events.
    pub(crate) const fn reason(self) -> OfflineReason {
        self.0
    }
}

impl From<OfflineReason> for ConnectError {
    fn from(reason: OfflineReason) -> Self {
        Self(reason)
    }
}

/// What a stream error means (RFC 6120, section 4.9.3).
pub(crate) fn of_stream_error(error: &StreamError) -> ConnectError {
    ConnectError(match &error.condition {
        DefinedCondition::Conflict => OfflineReason::Replaced,
        DefinedCondition::HostGone | DefinedCondition::HostUnknown => OfflineReason::UnknownDomain,
        DefinedCondition::PolicyViolation => OfflineReason::Policy,
        DefinedCondition::ResourceConstraint => OfflineReason::Overloaded,
        DefinedCondition::SystemShutdown => OfflineReason::Shutdown,
        DefinedCondition::SeeOtherHost(_) => OfflineReason::Moved,
        DefinedCondition::ConnectionTimeout => OfflineReason::Lost,
        DefinedCondition::BadFormat
        | DefinedCondition::BadNamespacePrefix
        | DefinedCondition::ImproperAddressing
        | DefinedCondition::InternalServerError
        | DefinedCondition::InvalidFrom
        | DefinedCondition::InvalidNamespace
        | DefinedCondition::InvalidXml
        | DefinedCondition::NotAuthorized
        | DefinedCondition::NotWellFormed
        | DefinedCondition::RemoteConnectionFailed
        | DefinedCondition::Reset
        | DefinedCondition::RestrictedXml
        | DefinedCondition::UndefinedCondition
        | DefinedCondition::UnsupportedEncoding
        | DefinedCondition::UnsupportedFeature
        | DefinedCondition::UnsupportedStanzaType
        | DefinedCondition::UnsupportedVersion => OfflineReason::Server,
    })
}

/// What a failed read of a stream means.
pub(crate) fn of_read_error(error: &ReadError) -> ConnectError {
    match error {
        ReadError::HardError(error) => of_io(error),
        ReadError::SoftTimeout => OfflineReason::Timeout.into(),
        ReadError::ParseError(_) => OfflineReason::Protocol.into(),
        ReadError::StreamFooterReceived => OfflineReason::Server.into(),
    }
}

/// What a failed read or write of a connection that stood means.
pub(crate) fn of_io(error: &io::Error) -> ConnectError {
    if let Some(inner) = error.get_ref() {
        if let Some(Unacceptable::Oversized) = inner.downcast_ref() {
            return OfflineReason::Oversized.into();
        }
        if let Some(error) = inner.downcast_ref::<rustls::Error>() {
            return of_tls(error);
        }
    }
    ConnectError(match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => OfflineReason::Protocol,
        io::ErrorKind::TimedOut => OfflineReason::Timeout,
        _ => OfflineReason::Lost,
    })
}

/// What an end in the place of the stream's features means.
pub(super) fn of_features_error(error: &RecvFeaturesError) -> ConnectError {
    match error {
        RecvFeaturesError::Io(error) => of_io(error),
        RecvFeaturesError::StreamError(error) => of_stream_error(&error.0),
    }
}

/// What a fault of TLS means.
pub(crate) fn of_tls(error: &rustls::Error) -> ConnectError {
    use rustls::CertificateError as Bad;
    ConnectError(match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                OfflineReason::CertificateExpired
            }
            // The signature is bad where somebody has taken the name of an authority that is trusted.
            Bad::UnknownIssuer | Bad::BadSignature => OfflineReason::CertificateUntrusted,
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => OfflineReason::CertificateName,
            _ => OfflineReason::Certificate,
        },
        rustls::Error::NoCertificatesPresented => OfflineReason::Certificate,
        _ => OfflineReason::TlsFailed,
    })
}

/// What a refused login means (RFC 6120, section 6.5). The two conditions that another mechanism may mend are
/// [`OfflineReason::Mechanism`].
pub(crate) fn of_sasl_failure(condition: &LoginCondition) -> ConnectError {
    ConnectError(match condition {
        LoginCondition::NotAuthorized | LoginCondition::InvalidAuthzid => OfflineReason::Credentials,
        LoginCondition::AccountDisabled | LoginCondition::CredentialsExpired => OfflineReason::Account,
        LoginCondition::InvalidMechanism | LoginCondition::MechanismTooWeak | LoginCondition::EncryptionRequired => {
            OfflineReason::Mechanism
        }
        LoginCondition::TemporaryAuthFailure => OfflineReason::LoginUnavailable,
        LoginCondition::Aborted | LoginCondition::IncorrectEncoding | LoginCondition::MalformedRequest => {
            OfflineReason::Protocol
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream_error(condition: DefinedCondition) -> StreamError {
        StreamError { condition, texts: Default::default(), application_specific: Vec::new() }
    }

    #[test]
    fn only_a_conflict_ends_a_stream_for_good() {
        assert_eq!(of_stream_error(&stream_error(DefinedCondition::Conflict)).reason(), OfflineReason::Replaced);
        assert!(of_stream_error(&stream_error(DefinedCondition::Conflict)).permanent());
        for (condition, reason) in [
            (DefinedCondition::HostUnknown, OfflineReason::UnknownDomain),
            (DefinedCondition::PolicyViolation, OfflineReason::Policy),
            (DefinedCondition::ResourceConstraint, OfflineReason::Overloaded),
            (DefinedCondition::SystemShutdown, OfflineReason::Shutdown),
            (DefinedCondition::SeeOtherHost("other.example".to_owned()), OfflineReason::Moved),
            (DefinedCondition::UndefinedCondition, OfflineReason::Server),
        ] {
            let error = of_stream_error(&stream_error(condition));
            assert_eq!((error.reason(), error.permanent()), (reason, false));
        }
    }

    #[test]
    fn certificates_fail_for_good_and_handshakes_for_now() {
        use rustls::{CertificateError, Error};
        for (bad, reason) in [
            (CertificateError::Expired, OfflineReason::CertificateExpired),
            (CertificateError::NotValidYet, OfflineReason::CertificateExpired),
            (CertificateError::UnknownIssuer, OfflineReason::CertificateUntrusted),
            (CertificateError::NotValidForName, OfflineReason::CertificateName),
            (CertificateError::BadSignature, OfflineReason::CertificateUntrusted),
            (CertificateError::BadEncoding, OfflineReason::Certificate),
        ] {
            let error = of_io(&io::Error::other(Error::InvalidCertificate(bad)));
            assert_eq!((error.reason(), error.permanent()), (reason, true));
        }
        let handshake = of_tls(&Error::HandshakeNotComplete);
        assert_eq!((handshake.reason(), handshake.permanent()), (OfflineReason::TlsFailed, false));
    }

    #[test]
    fn a_login_may_fail_for_good_or_for_now() {
        for (condition, reason, permanent) in [
            (LoginCondition::NotAuthorized, OfflineReason::Credentials, true),
            (LoginCondition::AccountDisabled, OfflineReason::Account, true),
            (LoginCondition::MechanismTooWeak, OfflineReason::Mechanism, true),
            (LoginCondition::TemporaryAuthFailure, OfflineReason::LoginUnavailable, false),
            (LoginCondition::Aborted, OfflineReason::Protocol, false),
        ] {
            let error = of_sasl_failure(&condition);
            assert_eq!((error.reason(), error.permanent()), (reason, permanent));
        }
    }
}
