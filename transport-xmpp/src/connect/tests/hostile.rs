//! Servers, and those who pretend to be one, that break the rules; and the bindings no installed server has.

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use o2tr::transport::OfflineReason;
use ring::{digest, hmac, pbkdf2};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::fake::{BIND, Fake, HEADER, PASSWORD, PROCEED, Peer, STARTTLS, mechanisms};
use super::{assert_ready, failure};
use crate::config::Security;
use crate::connect::connect;

const SASL: &str = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'";

/// The server's side of SCRAM-SHA-256, written down from RFC 5802 alone. Checks the client's part and returns the proof.
async fn scram<Io: AsyncRead + AsyncWrite + Unpin>(
    peer: &mut Peer<Io>,
    mechanism: &str,
    gs2: &str,
    data: &[u8],
) -> String {
    let auth = peer.read_to("</auth>").await;
    assert!(auth.contains(&format!("mechanism='{mechanism}'")), "{auth}");
    let first = String::from_utf8(BASE64.decode(auth.rsplit('>').next().unwrap()).unwrap()).unwrap();
    let bare = first.strip_prefix(gs2).unwrap_or_else(|| panic!("{first} does not begin with {gs2}"));
    let nonce = bare.strip_prefix("n=al=3Dice,r=").unwrap();
    let challenge = format!("r={nonce}theirs,s={},i=4096", BASE64.encode("salt"));
    peer.send(&format!("<challenge {SASL}>{}</challenge>", BASE64.encode(&challenge))).await;
    let response = peer.read_to("</response>").await;
    let last = String::from_utf8(BASE64.decode(response.rsplit('>').next().unwrap()).unwrap()).unwrap();
    let (without_proof, proof) = last.split_once(",p=").unwrap();
    let binding = BASE64.encode([gs2.as_bytes(), data].concat());
    assert_eq!(without_proof, format!("c={binding},r={nonce}theirs"));

    let mut salted = [0; 32];
    let rounds = 4096.try_into().unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, b"salt", PASSWORD.as_bytes(), &mut salted);
    let mac = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec();
    let exchange = format!("{bare},{challenge},{without_proof}");
    let stored = digest::digest(&digest::SHA256, &mac(&salted, b"Client Key"));
    let mask = mac(stored.as_ref(), exchange.as_bytes());
    let key: Vec<u8> = BASE64.decode(proof).unwrap().iter().zip(&mask).map(|(a, b)| a ^ b).collect();
    assert_eq!(digest::digest(&digest::SHA256, &key).as_ref(), stored.as_ref());
    format!("v={}", BASE64.encode(mac(&mac(&salted, b"Server Key"), exchange.as_bytes())))
}

/// Lets the client in after its proof.
async fn let_in<Io: AsyncRead + AsyncWrite + Unpin>(peer: &mut Peer<Io>, proof: &str) {
    peer.send(&format!("<success {SASL}>{}</success>", BASE64.encode(proof))).await;
    peer.open(BIND).await;
}

fn exported(peer: &Peer<TlsStream<TcpStream>>) -> Vec<u8> {
    peer.io.get_ref().1.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b"")).unwrap()
}

#[tokio::test]
async fn the_login_is_bound_to_tls_1_3() {
    let Some(fake) = Fake::start().await else { return };
    let config = fake.config(Security::DirectTls);
    let server = async {
        let mut peer = fake.accept_tls().await;
        assert_eq!(peer.io.get_ref().1.alpn_protocol(), Some(&b"xmpp-client"[..]));
        assert_eq!(peer.io.get_ref().1.server_name(), Some("localhost"));
        let data = exported(&peer);
        let offer =
            mechanisms(&["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN"], &["tls-server-end-point", "tls-exporter"]);
        peer.open(&offer).await;
        let proof = scram(&mut peer, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", &data).await;
        let_in(&mut peer, &proof).await;
        peer
    };
    let (connected, _peer) = tokio::join!(connect(&config), server);
    assert_ready(&connected.unwrap());
}

#[tokio::test]
async fn the_login_is_bound_to_the_certificate_over_tls_1_2() {
    let Some(fake) = Fake::start().await.map(Fake::tls12) else { return };
    let config = fake.config(Security::StartTls);
    let server = async {
        let mut peer = fake.accept().await;
        peer.open(STARTTLS).await;
        peer.read_to("</starttls>").await;
        peer.send(PROCEED).await;
        let mut peer = fake.encrypt(peer).await;
        assert_eq!(peer.io.get_ref().1.alpn_protocol(), None);
        let data = digest::digest(&digest::SHA256, &fake.certificate());
        peer.open(&mechanisms(&["SCRAM-SHA-256-PLUS"], &["tls-exporter", "tls-server-end-point"])).await;
        let proof = scram(&mut peer, "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,", data.as_ref()).await;
        let_in(&mut peer, &proof).await;
        peer
    };
    let (connected, _peer) = tokio::join!(connect(&config), server);
    assert_ready(&connected.unwrap());
}

#[tokio::test]
async fn the_proof_may_come_before_the_success() {
    let Some(fake) = Fake::start().await else { return };
    let config = fake.config(Security::DirectTls);
    let server = async {
        let mut peer = fake.accept_tls().await;
        peer.open(&mechanisms(&["SCRAM-SHA-256"], &[])).await;
        let proof = scram(&mut peer, "SCRAM-SHA-256", "y,,", b"").await;
        peer.send(&format!("<challenge {SASL}>{}</challenge>", BASE64.encode(proof))).await;
        peer.read_to("<response").await;
        let_in(&mut peer, "").await;
        peer
    };
    let (connected, _peer) = tokio::join!(connect(&config), server);
    assert_ready(&connected.unwrap());
}

#[tokio::test]
async fn a_server_that_does_not_know_the_password_is_an_impostor() {
    let Some(fake) = Fake::start().await else { return };
    let config = fake.config(Security::DirectTls);
    for challenged in [true, false] {
        let server = async {
            let mut peer = fake.accept_tls().await;
            peer.open(&mechanisms(&["SCRAM-SHA-256"], &[])).await;
            if challenged {
                scram(&mut peer, "SCRAM-SHA-256", "y,,", b"").await;
            }
            peer.send(&format!("<success {SASL}>{}</success>", BASE64.encode("v=AAAA"))).await;
            peer.rest().await
        };
        let ((reason, permanent, words), rest) = tokio::join!(failure(&config), server);
        assert_eq!((reason, permanent), (OfflineReason::Unproven, true));
        assert!(words.contains("impostor"), "{words}");
        assert!(!rest.contains("<stream:stream"), "it went on: {rest}");
    }
}

/// What becomes of a connection under TLS on which the server sends this after the client's header.
async fn after_header(text: &str) -> Option<(OfflineReason, bool)> {
    let fake = Fake::start().await?;
    let mut config = fake.config(Security::DirectTls);
    config.timing.connect_patience = Duration::from_secs(20);
    let server = async {
        let mut peer = fake.accept_tls().await;
        peer.read_to("version='1.0'>").await;
        peer.send(text).await;
        peer.rest().await
    };
    let ((reason, permanent, _), _) = tokio::join!(failure(&config), server);
    Some((reason, permanent))
}

#[tokio::test]
async fn stream_errors_and_rubbish_instead_of_features() {
    let error = |condition| {
        format!("{HEADER}<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
    };
    let mut wrong = Vec::new();
    for (text, reason) in [
        (error("host-unknown"), OfflineReason::UnknownDomain),
        (error("system-shutdown"), OfflineReason::Shutdown),
        (error("resource-constraint"), OfflineReason::Overloaded),
        (error("policy-violation"), OfflineReason::Policy),
        ("HTTP/1.1 400 Bad Request\r\n\r\n<html>".to_owned(), OfflineReason::Protocol),
        ("<html></html>".to_owned(), OfflineReason::Protocol),
        (format!("{HEADER}</stream:stream>"), OfflineReason::Lost),
        (format!("{HEADER}<iq type='get' id='1'/>"), OfflineReason::Protocol),
        (format!("{HEADER}<stream:features><<"), OfflineReason::Protocol),
        (format!("{HEADER}<!DOCTYPE x [<!ENTITY a 'b'>]>"), OfflineReason::Protocol),
        (format!("{HEADER}{}", "<stream:features>".repeat(10_000)), OfflineReason::Oversized),
        (format!("{HEADER}<stream:features><a b='{}'/></stream:features>", "x".repeat(9000)), OfflineReason::Oversized),
    ] {
        let Some(seen) = after_header(&text).await else { return };
        if seen != (reason, false) {
            wrong.push(format!("{seen:?} instead of {reason:?} after {text:.200}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn refusals_of_the_login_are_told_apart() {
    let Some(fake) = Fake::start().await else { return };
    let config = fake.config(Security::DirectTls);
    for (condition, expected) in [
        ("not-authorized", (OfflineReason::Credentials, true)),
        ("account-disabled", (OfflineReason::Account, true)),
        ("credentials-expired", (OfflineReason::Account, true)),
        ("mechanism-too-weak", (OfflineReason::Mechanism, true)),
        ("temporary-auth-failure", (OfflineReason::LoginUnavailable, false)),
        ("never-heard-of", (OfflineReason::LoginUnavailable, false)),
    ] {
        let server = async {
            let mut peer = fake.accept_tls().await;
            peer.open(&mechanisms(&["PLAIN"], &[])).await;
            let auth = peer.read_to("</auth>").await;
            let sent = BASE64.decode(auth.rsplit('>').next().unwrap()).unwrap();
            assert_eq!(sent, format!("\0al=ice\0{PASSWORD}").into_bytes());
            peer.send(&format!("<failure {SASL}><{condition}/><text xml:lang='en'>No.</text></failure>")).await;
            peer.rest().await
        };
        let ((reason, permanent, _), _) = tokio::join!(failure(&config), server);
        assert_eq!((reason, permanent), expected, "{condition}");
    }
}

#[tokio::test]
async fn a_stripped_offer_of_tls_ends_it() {
    let Some(fake) = Fake::start().await else { return };
    let config = fake.config(Security::StartTls);
    let server = async {
        let mut peer = fake.accept().await;
        peer.open(&mechanisms(&["PLAIN", "SCRAM-SHA-1"], &[])).await;
        peer.rest().await
    };
    let ((reason, permanent, _), rest) = tokio::join!(failure(&config), server);
    assert_eq!((reason, permanent), (OfflineReason::NoTls, false));
    assert!(!rest.contains("auth"), "{rest}");
}

#[tokio::test]
async fn nothing_in_clear_is_taken_for_encrypted() {
    let Some(fake) = Fake::start().await else { return };
    let config = fake.config(Security::StartTls);
    let server = async {
        let mut peer = fake.accept().await;
        peer.open(STARTTLS).await;
        peer.read_to("</starttls>").await;
        peer.send(&format!("{PROCEED}{HEADER}{}", mechanisms(&["PLAIN"], &[]))).await;
        peer.rest().await
    };
    let ((reason, ..), rest) = tokio::join!(failure(&config), server);
    assert_eq!(reason, OfflineReason::Protocol);
    assert_eq!(rest, "");
}

#[tokio::test]
async fn a_silent_server_is_left_after_a_while() {
    let Some(fake) = Fake::start().await else { return };
    let mut config = fake.config(Security::StartTls);
    config.timing.connect_patience = Duration::from_secs(1);
    let server = async {
        let mut peer = fake.accept().await;
        peer.rest().await
    };
    let ((reason, permanent, words), _) = tokio::join!(failure(&config), server);
    assert_eq!((reason, permanent), (OfflineReason::Timeout, false));
    assert!(words.contains("in time"), "{words}");
}
