//! What a transport reports.

use core::fmt;
use core::time::Duration;

use o2tr_omd::Evidence;

use super::{Address, PeerId};

/// One thing that happened on the transport, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportEvent {
    /// The connection stands.
    Online {
        /// The former connection goes on: delivery ids stay valid and presence is as last told. Otherwise
        /// every id from before is void (what was not acknowledged comes again under a new one) and every peer
        /// counts as unavailable until told.
        resumed: bool,
    },
    /// The connection is gone. Every token sent on it has been settled, or will be settled after a resumption.
    Offline {
        /// Why.
        reason: OfflineReason,
        /// When the transport tries again by itself; `None`: not by itself.
        retry_in: Option<Duration>,
    },
    /// A line for us.
    Delivery(Delivery),
    /// What had been waiting at the server when we became available has been handed over completely.
    ///
    /// Comes once after each [`set_presence`](super::Transport::set_presence)`(true)` that took effect, and once after
    /// each `Online` that announced presence again without resuming.
    CaughtUp,
    /// A device of a peer came or went.
    Presence {
        /// Which device; without a resource, the account as a whole.
        from: Address,
        /// Whether it can be reached now.
        available: bool,
    },
    /// The standing of a peer as a contact changed.
    Subscription {
        /// The contact.
        peer: PeerId,
        /// Its standing now.
        subscription: Subscription,
    },
    /// The server has taken over a line. It is no proof that the server will still have it after a crash, let
    /// alone that the peer read it.
    Accepted {
        /// From the call of [`send`](super::Transport::send).
        token: SendToken,
    },
    /// A line was not taken over.
    Refused {
        /// From the call of [`send`](super::Transport::send).
        token: SendToken,
        /// Why, and whether it may have arrived nevertheless.
        reason: Refusal,
    },
    /// A line that the server had taken over came back: it was [accepted](Self::Accepted) and has not arrived.
    Bounced {
        /// For whom it was.
        to: Address,
        /// Why it came back.
        reason: Refusal,
    },
}

/// A received line with its circumstances.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To be given to [`acknowledge`](super::Transport::acknowledge) once the line is durable here.
    pub id: DeliveryId,
    /// Who sent it, as the server claims.
    pub from: Address,
    /// The bytes of the message body: OTR, or text in clear.
    pub line: Vec<u8>,
    /// What the transport knows about the way it took.
    pub evidence: Evidence,
}

/// Shows the length of the line only: it may be text in clear.
impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, from, line, evidence } = self;
        f.debug_struct("Delivery")
            .field("id", id)
            .field("from", from)
            .field("line", &format_args!("<{} bytes>", line.len()))
            .field("evidence", evidence)
            .finish()
    }
}

/// Names one delivery until it is acknowledged; chosen by the transport, meaningless beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// Names one call of [`send`](super::Transport::send); chosen by the caller, unique per transport object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendToken(pub u64);

/// Whether a peer is a contact of the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Subscription {
    /// A stranger, or a contact that was given up.
    #[default]
    None,
    /// The peer asks to become a contact; the user has not answered.
    Requested,
    /// The user lets the peer see when they are there.
    Granted,
}

/// Why a line was not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There was no connection; the line never left.
    #[error("not connected")]
    Offline,
    /// The connection broke before the server answered; the line may have arrived.
    #[error("the connection broke before the server answered")]
    Unconfirmed,
    /// Longer than [`Limits::max_message_len`](super::Limits::max_message_len).
    #[error("{len} bytes are more than the {max} that fit")]
    TooLong {
        /// Bytes of the line.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The server knows no such peer, or has no place to keep the line for it.
    #[error("the peer cannot be reached and the server does not store the message")]
    Undeliverable,
    /// Too much at once; the same line may be sent again later.
    #[error("the server asks to wait")]
    Busy,
    /// The server forbids it; sending the line again will not help.
    #[error("the server does not allow the message")]
    Forbidden,
    /// What waits for the peer at its server has no room for more.
    #[error("the peer's mailbox at the server is full")]
    MailboxFull,
    /// The peer's server cannot be reached at present.
    #[error("the peer's server cannot be reached now")]
    Unreachable,
    /// The line holds bytes that the network has no way to carry, such as control characters.
    #[error("the message holds characters that the network cannot carry")]
    Unsuitable,
}

impl Refusal {
    /// Whether the peer may have received the line in spite of the refusal.
    #[must_use]
    pub const fn may_have_arrived(self) -> bool {
        matches!(self, Self::Unconfirmed)
    }
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineReason {
    /// We closed it.
    #[error("closed")]
    Closed,
    /// The network or the server went away.
    #[error("the connection was lost")]
    Lost,
    /// The account's address names nobody.
    #[error("the account's address is not of the form name@domain")]
    Address,
    /// No service was found for the domain, or it says that it has none.
    #[error("no server was found for the domain of the address; check its spelling and the network")]
    NoServer,
    /// No connection with any of the server's addresses.
    #[error("the server cannot be reached; check the network, and the server's name and port if they were given")]
    Unreachable,
    /// A step of connecting took too long.
    #[error("the server did not answer in time")]
    Timeout,
    /// No connection with the proxy.
    #[error("the proxy cannot be reached; check whether it runs and where")]
    Proxy,
    /// The proxy did not let us through.
    #[error("the proxy refused the connection; check its user and password, if it has any")]
    ProxyRefused,
    /// A name that only a proxy can resolve.
    #[error("a server under .onion is reached through a proxy only; none was given")]
    ProxyNeeded,
    /// There is no encryption; somebody on the way may have struck out the offer of it.
    #[error("the server offered no encryption, or somebody on the way removed the offer; nothing was sent")]
    NoTls,
    /// No TLS connection came to stand, for a reason other than the certificate.
    #[error("no encrypted connection with the server could be agreed")]
    TlsFailed,
    /// The server could not prove who it is.
    #[error("the server's certificate is not valid")]
    Certificate,
    /// The certificate's time is over, or not come.
    #[error("the server's certificate has expired or is not valid yet; check the clock here, or tell the operator")]
    CertificateExpired,
    /// Nobody trusted vouches for the server.
    #[error("the server's certificate was issued by nobody trusted here; a file of trusted authorities can be given")]
    CertificateUntrusted,
    /// The certificate belongs to somebody else.
    #[error("the server's certificate is for another name than the domain of the address")]
    CertificateName,
    /// The trusted authorities could not be loaded.
    #[error("the trusted certification authorities cannot be read: those of the system, or the file that was given")]
    Roots,
    /// The server is not responsible for the domain.
    #[error("the server does not serve the domain of the address; check the address and the server")]
    UnknownDomain,
    /// The server did not accept the password.
    #[error("the server did not accept the name or the password; check both")]
    Credentials,
    /// The account may not be used.
    #[error("the account is disabled or its password has expired; ask the server's operator")]
    Account,
    /// No SASL mechanism in common.
    #[error("the server offers no way of logging in that is supported and allowed here")]
    Mechanism,
    /// The server did not prove that it knows the password.
    #[error("the server did not prove that it knows the password; it may be an impostor")]
    Unproven,
    /// The server cannot check passwords at present.
    #[error("the server cannot log anybody in at present")]
    LoginUnavailable,
    /// Another program has connected under the same device name.
    #[error("another program took the place of this one")]
    Replaced,
    /// The server is being stopped or restarted.
    #[error("the server is shutting down")]
    Shutdown,
    /// The server lacks the means to serve us.
    #[error("the server is overloaded")]
    Overloaded,
    /// We broke a rule of the server.
    #[error("the server ended the connection because one of its rules was broken, such as the size of a message")]
    Policy,
    /// The server wants us to go to another.
    #[error("the server sends its users to another server; it can be given by name and port")]
    Moved,
    /// What the server sent cannot be read.
    #[error("the server sent something that is not XMPP")]
    Protocol,
    /// The server sent an element larger or more nested than is taken.
    #[error("the server sent something larger or more nested than is accepted")]
    Oversized,
    /// The server ended the connection for a reason of its own.
    #[error("the server ended the connection")]
    Server,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_the_line() {
        let delivery = Delivery {
            id: DeliveryId(7),
            from: Address::full(PeerId::new("bob"), "phone"),
            line: b"meet me at nine".to_vec(),
            evidence: Evidence::LIVE,
        };
        assert_eq!(
            format!("{delivery:?}"),
            "Delivery { id: DeliveryId(7), from: Address(bob/phone), line: <15 bytes>, evidence: \
             Evidence { delayed: None, archived: false, carbon: None, offline: false, error: false } }"
        );
    }

    #[test]
    fn only_a_broken_connection_leaves_doubt() {
        assert!(Refusal::Unconfirmed.may_have_arrived());
        for certain in [Refusal::Offline, Refusal::TooLong { len: 2, max: 1 }, Refusal::Undeliverable, Refusal::Busy] {
            assert!(!certain.may_have_arrived());
        }
    }
}
