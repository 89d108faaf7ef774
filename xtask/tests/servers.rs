//! The servers that tests start: they are what was ordered, die, and come back.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::TcpStream;

use xtask::raw::Raw;
use xtask::servers::{Certificate, Kind, Mechanisms, Server, Setup};

/// Runs a test on both servers, side by side.
fn on_both(setup: &Setup, test: impl Fn(Server) + Sync) {
    let (test, caller) = (&test, std::thread::current());
    // A scope panics when one of its threads has.
    std::thread::scope(|scope| {
        for kind in Kind::ALL {
            std::thread::Builder::new()
                .name(format!("{}, {kind:?}", caller.name().unwrap_or_default()))
                .spawn_scoped(scope, move || {
                    if let Some(server) = Server::require(kind, setup.clone()).unwrap() {
                        test(server);
                    }
                })
                .unwrap();
        }
    });
}

fn message(to: &str, text: &str) -> String {
    format!("<message to='{to}' type='chat' id='{text}'><body>{text}</body></message>")
}

fn is_up(server: &Server) -> bool {
    TcpStream::connect(server.host_port()).is_ok()
}

#[test]
fn contacts_see_and_hear_each_other() {
    on_both(&Setup::default(), |server| {
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        let mut bob = Raw::login(&server, "bob", "two").unwrap();
        assert_eq!(alice.jid(), "alice@localhost/one");
        alice.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").unwrap();
        let roster = alice.wait_for(|stanza| stanza.contains("jabber:iq:roster")).unwrap();
        for contact in ["bob@localhost", "carol@localhost"] {
            assert!(roster.contains(contact), "{roster}");
        }
        assert_eq!(roster.matches("both").count(), 2, "{roster}");
        alice.send("<presence/>").unwrap();
        bob.send("<presence/>").unwrap();
        alice.wait_for(|stanza| stanza.starts_with("<presence") && stanza.contains("bob@localhost/two")).unwrap();
        bob.send(&message("alice@localhost", "hello")).unwrap();
        alice.wait_for(|stanza| stanza.contains("<body>hello</body>")).unwrap();
    });
}

#[test]
fn what_was_sent_to_nobody_survives_an_orderly_restart() {
    on_both(&Setup::default(), |mut server| {
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        alice.send(&message("bob@localhost", "kept")).unwrap();
        alice.send("<iq type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap();
        alice.wait_for(|stanza| stanza.contains("ping")).unwrap();
        let port = server.host_port().1;
        server.stop().unwrap();
        assert!(!is_up(&server));
        server.restart().unwrap();
        assert_eq!(server.host_port().1, port);
        let mut bob = Raw::login(&server, "bob", "two").unwrap();
        bob.send("<presence/>").unwrap();
        let stored = bob.wait_for(|stanza| stanza.contains("<body>kept</body>")).unwrap();
        assert!(stored.contains("urn:xmpp:delay"), "{stored}");
    });
}

#[test]
fn a_killed_server_comes_back_with_its_accounts() {
    on_both(&Setup::default(), |mut server| {
        server.kill().unwrap();
        assert!(!is_up(&server));
        server.restart().unwrap();
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        alice.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").unwrap();
        let roster = alice.wait_for(|stanza| stanza.contains("jabber:iq:roster")).unwrap();
        assert_eq!(roster.matches("both").count(), 2, "{roster}");
    });
}

#[test]
fn streams_may_begin_with_tls() {
    on_both(&Setup::default(), |server| {
        let features = Raw::open(&server, true).unwrap().features().unwrap();
        assert!(features.contains("SCRAM-SHA-1"), "{features}");
    });
}

#[test]
fn the_mechanisms_are_those_ordered() {
    for (mechanisms, offered, not) in [
        (Mechanisms::All, "SCRAM-SHA-1<", "ANONYMOUS"),
        (Mechanisms::ScramSha1, "SCRAM-SHA-1<", "PLAIN"),
        (Mechanisms::Plain, "PLAIN", "SCRAM"),
        (Mechanisms::None, "ANONYMOUS", "PLAIN"),
    ] {
        on_both(&Setup { mechanisms, ..Setup::default() }, |server| {
            let features = Raw::open(&server, false).unwrap().features().unwrap();
            println!("{:?} {features}", server.kind());
            assert!(features.contains(offered) && !features.contains(not), "{features}");
        });
    }
}

#[test]
fn bad_certificates_are_bad() {
    for certificate in [Certificate::Expired, Certificate::Foreign, Certificate::OtherName] {
        on_both(&Setup { certificate, ..Setup::default() }, |server| {
            let features = Raw::open(&server, false).and_then(|mut raw| raw.features());
            assert!(features.is_err(), "{certificate:?}: {features:?}");
        });
    }
}
