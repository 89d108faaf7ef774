//! Both real servers, well and badly set up.

use core::time::Duration;

use o2tr::transport::OfflineReason;
use xtask::servers::{Certificate, Kind, Mechanisms, Setup};

use super::{alice, alice_direct, assert_ready, failure, server};
use crate::address;
use crate::config::{Password, Roots, Security};
use crate::connect::connect;

#[tokio::test]
async fn logs_in_by_both_kinds_of_tls() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup::default()) else { continue };
        for config in [alice(&server), alice_direct(&server)] {
            assert_ready(&connect(&config).await.unwrap());
        }
        // An own server's domain need not be in DNS.
        let mut config = alice(&server);
        config.security = Security::Any;
        assert_ready(&connect(&config).await.unwrap());
    }
}

#[tokio::test]
async fn logs_in_over_tls_1_2() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup { tls13: false, ..Setup::default() }) else { continue };
        assert_ready(&connect(&alice(&server)).await.unwrap());
    }
}

#[tokio::test]
async fn logs_in_by_each_mechanism() {
    for kind in Kind::ALL {
        for mechanisms in [Mechanisms::ScramSha1, Mechanisms::Plain] {
            let Some(server) = server(kind, Setup { mechanisms, ..Setup::default() }) else { continue };
            let mut config = alice(&server);
            assert_ready(&connect(&config).await.unwrap());
            config.allow_plain = false;
            if mechanisms == Mechanisms::Plain {
                assert_eq!(failure(&config).await.0, OfflineReason::Mechanism);
            } else {
                assert_ready(&connect(&config).await.unwrap());
            }
            config.allow_plain = true;
            config.password = Password::from("guessed");
            assert_eq!(failure(&config).await.0, OfflineReason::Credentials);
        }
    }
}

#[tokio::test]
async fn a_wrong_name_or_password_is_permanent() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup::default()) else { continue };
        let mut config = alice(&server);
        config.password = Password::from("guessed");
        let words = "the server did not accept the name or the password; check both".to_owned();
        assert_eq!(failure(&config).await, (OfflineReason::Credentials, true, words));
        let mut config = alice(&server);
        config.account = address("nobody@localhost").unwrap();
        assert_eq!(failure(&config).await.0, OfflineReason::Credentials);
    }
}

#[tokio::test]
async fn certificates_that_do_not_fit_are_permanent() {
    for kind in Kind::ALL {
        for (certificate, reason, part) in [
            (Certificate::Expired, OfflineReason::CertificateExpired, "has expired"),
            (Certificate::Foreign, OfflineReason::CertificateUntrusted, "nobody trusted here"),
            (Certificate::OtherName, OfflineReason::CertificateName, "for another name"),
        ] {
            let Some(server) = server(kind, Setup { certificate, ..Setup::default() }) else { continue };
            for config in [alice(&server), alice_direct(&server)] {
                let (seen, permanent, words) = failure(&config).await;
                assert_eq!((seen, permanent), (reason, true));
                assert!(words.contains(part), "{words}");
            }
        }
    }
}

#[tokio::test]
async fn the_authorities_of_the_system_do_not_know_the_test() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let mut config = alice(&server);
    config.roots = Roots::System;
    let reason = failure(&config).await.0;
    // A machine without any authorities cannot judge at all.
    assert!(matches!(reason, OfflineReason::CertificateUntrusted | OfflineReason::Roots), "{reason:?}");
}

#[tokio::test]
async fn no_way_of_logging_in_in_common_is_permanent() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup { mechanisms: Mechanisms::None, ..Setup::default() }) else { continue };
        let (reason, permanent, words) = failure(&alice(&server)).await;
        assert_eq!((reason, permanent), (OfflineReason::Mechanism, true));
        assert!(words.contains("no way of logging in"), "{words}");
    }
}

#[tokio::test]
async fn without_an_offer_of_tls_nothing_is_sent() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup { starttls: false, ..Setup::default() }) else { continue };
        let (reason, permanent, words) = failure(&alice(&server)).await;
        assert_eq!((reason, permanent), (OfflineReason::NoTls, false));
        assert!(words.contains("no encryption"), "{words}");
    }
}

#[tokio::test]
async fn a_domain_that_the_server_does_not_serve() {
    for kind in Kind::ALL {
        let Some(server) = server(kind, Setup::default()) else { continue };
        let mut config = alice(&server);
        config.account = address("alice@elsewhere.example").unwrap();
        let (reason, permanent, words) = failure(&config).await;
        assert_eq!((reason, permanent), (OfflineReason::UnknownDomain, false), "{kind:?}");
        assert!(words.contains("does not serve the domain"), "{words}");
    }
}

#[tokio::test]
async fn the_wrong_kind_of_tls_fails_for_now() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let mut config = alice(&server);
    config.security = Security::DirectTls;
    assert_eq!(failure(&config).await.0, OfflineReason::TlsFailed);
    let mut config = alice_direct(&server);
    config.security = Security::StartTls;
    config.timing.connect_patience = Duration::from_secs(5);
    let reason = failure(&config).await.0;
    let expected = [OfflineReason::Protocol, OfflineReason::Lost, OfflineReason::Timeout];
    assert!(expected.contains(&reason), "{reason:?}");
}

#[tokio::test]
async fn a_server_that_is_gone_is_there_again() {
    let Some(mut server) = server(Kind::Prosody, Setup::default()) else { return };
    let config = alice(&server);
    server.kill().unwrap();
    let (reason, permanent, words) = failure(&config).await;
    assert_eq!((reason, permanent), (OfflineReason::Unreachable, false));
    assert!(words.contains("cannot be reached"), "{words}");
    server.restart().unwrap();
    assert_ready(&connect(&config).await.unwrap());
}

#[tokio::test]
async fn an_address_of_nobody_is_permanent() {
    for text in ["example.org", "a b@example.org"] {
        let config = crate::Config::new(text.into(), Password::from("x"));
        let (reason, permanent, _) = failure(&config).await;
        assert_eq!((reason, permanent), (OfflineReason::Address, true));
    }
}
