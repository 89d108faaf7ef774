//! What goes wrong with a connection is told in one sentence, and tried again only where that can help.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the helpers of a test")]

#[path = "support/device.rs"]
mod device;

use core::time::Duration;

use device::{Device, PATIENCE, bare, config, server, texts};
use o2tr::transport::{OfflineReason, Refusal, Transport, TransportEvent};
use transport_xmpp::{Config, HostPort, Password, Security, address};
use xtask::raw::Raw;
use xtask::servers::{Certificate, Kind, Mechanisms, Server, Setup};

/// The next `Offline`.
async fn offline(device: &mut Device) -> (OfflineReason, Option<Duration>) {
    device
        .event(|event| match event {
            TransportEvent::Offline { reason, retry_in } => Some((*reason, *retry_in)),
            _ => None,
        })
        .await
}

async fn online(device: &mut Device) {
    device.event(|event| matches!(event, TransportEvent::Online { .. }).then_some(())).await;
}

/// A program that fails for good: why, in which words, and that nothing comes behind it.
async fn fails_for_good(config: Config) -> (OfflineReason, String) {
    let mut device = Device::start(config);
    device.transport.set_presence(true).await;
    let (reason, retry_in) = offline(&mut device).await;
    assert_eq!(retry_in, None, "{reason:?} is tried again");
    let end = tokio::time::timeout(PATIENCE, device.transport.next_event()).await;
    assert_eq!(end, Ok(None), "it goes on after {reason:?}");
    (reason, reason.to_string())
}

/// A program that fails for now: why; it tries again.
async fn fails_for_now(config: Config) -> (OfflineReason, String) {
    let mut device = Device::start(config);
    let (reason, retry_in) = offline(&mut device).await;
    assert!(retry_in.is_some(), "{reason:?} is not tried again");
    assert_eq!(offline(&mut device).await.0, reason);
    (reason, reason.to_string())
}

/// A device that is there; what it reported until then is forgotten.
async fn present(config: Config) -> Device {
    let mut device = Device::available(config).await;
    device.others.clear();
    device
}

fn alice(server: &Server) -> Config {
    config(server, "alice", "device", None)
}

#[tokio::test]
async fn a_wrong_password_ends_it() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup::default()) else { continue };
        let mut config = alice(&server);
        config.password = Password::from("guessed");
        let words = "the server did not accept the name or the password; check both".to_owned();
        assert_eq!(fails_for_good(config).await, (OfflineReason::Credentials, words));
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_ends_it() {
    for kind in Kind::ALL {
        for (certificate, expected, part) in [
            (Certificate::Expired, OfflineReason::CertificateExpired, "has expired or is not valid yet"),
            (Certificate::Foreign, OfflineReason::CertificateUntrusted, "issued by nobody trusted here"),
            (Certificate::OtherName, OfflineReason::CertificateName, "for another name than the domain"),
        ] {
            let Some(server) = server(kind, Setup { certificate, ..Setup::default() }) else { continue };
            let (reason, words) = fails_for_good(alice(&server)).await;
            assert_eq!(reason, expected);
            assert!(words.contains(part), "{words}");
        }
    }
}

#[tokio::test]
async fn no_mechanism_in_common_ends_it() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup { mechanisms: Mechanisms::None, ..Setup::default() }) else { continue };
        let (reason, words) = fails_for_good(alice(&server)).await;
        assert_eq!(reason, OfflineReason::Mechanism);
        assert!(words.contains("no way of logging in"), "{words}");
    }
}

#[tokio::test]
async fn missing_encryption_and_a_foreign_domain_are_tried_again() {
    for kind in Kind::ALL {
        let Some(plain) = server(kind, Setup { starttls: false, ..Setup::default() }) else { continue };
        let (reason, words) = fails_for_now(alice(&plain)).await;
        assert_eq!(reason, OfflineReason::NoTls);
        assert!(words.contains("nothing was sent"), "{words}");
        let Some(server) = server(kind, Setup::default()) else { continue };
        let mut config = alice(&server);
        config.account = address("alice@elsewhere.example").unwrap();
        let (reason, words) = fails_for_now(config).await;
        assert_eq!(reason, OfflineReason::UnknownDomain);
        assert!(words.contains("does not serve the domain"), "{words}");
    }
}

#[tokio::test]
async fn a_server_that_starts_later_is_found() {
    for kind in Kind::ALL {
        let Some(mut server) = server(kind, Setup::default()) else { continue };
        server.kill().unwrap();
        let mut device = Device::start(alice(&server));
        let (reason, retry_in) = offline(&mut device).await;
        assert_eq!(reason, OfflineReason::Unreachable);
        assert!(retry_in.is_some() && reason.to_string().contains("cannot be reached"), "{reason}");
        let server = tokio::task::spawn_blocking(move || server.restart().map(|()| server)).await.unwrap().unwrap();
        online(&mut device).await;
        drop(server);
    }
}

#[tokio::test]
async fn direct_tls_works_as_well() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup::default()) else { continue };
        let mut config = alice(&server);
        config.server = Some(HostPort::new("127.0.0.1", server.direct_tls_port()).unwrap());
        config.security = Security::DirectTls;
        let mut device = present(config).await;
        device.send_accepted(&bare(&server, "bob"), "over direct TLS").await;
    }
}

#[tokio::test]
async fn a_program_with_the_same_device_name_takes_the_place() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup::default()) else { continue };
        let mut first = present(alice(&server)).await;
        let _second = present(alice(&server)).await;
        let (reason, retry_in) = offline(&mut first).await;
        assert_eq!((reason, retry_in), (OfflineReason::Replaced, None));
        assert!(reason.to_string().contains("another program"), "{reason}");
        assert_eq!(tokio::time::timeout(PATIENCE, first.transport.next_event()).await, Ok(None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_is_awaited() {
    for kind in Kind::ALL {
        let Some(mut server) = server(kind, Setup::default()) else { continue };
        let mut device = present(alice(&server)).await;
        let restart = tokio::task::spawn_blocking(move || {
            server.stop()?;
            server.restart().map(|()| server)
        });
        let (reason, retry_in) = offline(&mut device).await;
        // A server in a hurry closes the connection before its good-bye has left.
        assert!(matches!(reason, OfflineReason::Shutdown | OfflineReason::Server | OfflineReason::Lost), "{reason:?}");
        assert!(retry_in.is_some());
        let server = restart.await.unwrap().unwrap();
        online(&mut device).await;
        drop(server);
    }
}

#[tokio::test]
async fn a_stanza_over_the_servers_limit_ends_the_stream_and_not_the_program() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup { max_stanza: Some(10_000), ..Setup::default() }) else { continue };
        let mut device = present(alice(&server)).await;
        let long = "x".repeat(20_000);
        let token = device.send(&bare(&server, "bob"), &long).await;
        if device.transport.limits().max_message_len < long.len() {
            // The server had announced its limit.
            continue;
        }
        let (reason, retry_in) = offline(&mut device).await;
        assert_eq!(reason, OfflineReason::Policy, "{kind:?}");
        assert!(retry_in.is_some() && reason.to_string().contains("size of a message"), "{reason}");
        online(&mut device).await;
        let refused = device.event(|event| match event {
            TransportEvent::Refused { token: refused, reason } if *refused == token => Some(*reason),
            _ => None,
        });
        assert!(matches!(refused.await, Refusal::Unconfirmed | Refusal::TooLong { .. }));
        device.send_accepted(&bare(&server, "bob"), "short").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_of_a_stranger_keeps_an_account_away() {
    for kind in Kind::ALL {
        let setup = Setup { strangers: vec!["mallory".to_owned()], ..Setup::default() };
        let Some(server) = server(kind, setup) else { continue };
        let to = server.jid("alice");
        let hostile = [
            format!("<message type='chat' to='{to}'><body>a</body><x xmlns='{}'/></message>", "y".repeat(9000)),
            format!("<message type='chat' to='{to}'><body>b</body><x xmlns='y' z='{}'/></message>", "z".repeat(9000)),
            format!(
                "<message type='chat' to='{to}'><body>c</body><x xmlns='y'>{}{}</x></message>",
                "<x>".repeat(200),
                "</x>".repeat(200)
            ),
        ];
        // Once while she is away, once while she is there.
        for away in [true, false] {
            let mut device = if away { None } else { Some(present(alice(&server)).await) };
            let lines = hostile.clone();
            let last = format!("<message type='chat' to='{to}'><body>last</body></message>");
            let mut mallory = Raw::login(&server, "mallory", "evil").unwrap();
            for line in lines.iter().chain([&last]) {
                mallory.send(line).unwrap();
            }
            // An answer behind them: the server has dealt with all.
            mallory.send("<iq type='get' id='ping' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap();
            mallory.wait_for(|stanza| stanza.contains("ping")).unwrap();
            let device = match &mut device {
                Some(device) => device,
                None => &mut present(alice(&server)).await,
            };
            let received = device.receive(1).await;
            assert_eq!(texts(&received), ["last"], "{kind:?}, away: {away}");
            device.transport.acknowledge(received[0].id).await;
            assert!(!device.others.iter().any(|event| matches!(event, TransportEvent::Offline { .. })));
            device.transport.close().await;
        }
    }
}
