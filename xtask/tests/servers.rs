//! The servers that tests start: they are what was ordered, die, and come back.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

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

/// What a server agrees to when everything is offered.
fn tls_version(server: &Server) -> String {
    let at = format!("127.0.0.1:{}", server.direct_tls_port());
    let output = Command::new("openssl").args(["s_client", "-brief", "-connect", &at]).stdin(Stdio::null()).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    let version = said.lines().find_map(|line| line.strip_prefix("Protocol version: "));
    version.unwrap_or_else(|| panic!("{said}")).to_owned()
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
fn the_mechanisms_are_those_ordered() {
    for (mechanisms, offered, not) in [
        (Mechanisms::ScramSha1, "SCRAM-SHA-1<", "PLAIN"),
        (Mechanisms::Plain, "PLAIN", "SCRAM"),
        (Mechanisms::None, "ANONYMOUS", "PLAIN"),
    ] {
        on_both(&Setup { mechanisms, ..Setup::default() }, |server| {
            let features = Raw::open(&server, false).unwrap().features().unwrap();
            assert!(features.contains(offered) && !features.contains(not), "{features}");
        });
    }
}

#[test]
fn a_lost_stream_is_resumed_with_what_came_meanwhile() {
    on_both(&Setup::default(), |server| {
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        alice.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/>").unwrap();
        let enabled = alice.wait_for(|stanza| stanza.starts_with("<enabled")).unwrap();
        let id = enabled.split(['\'', '"']).skip_while(|part| !part.ends_with(" id=")).nth(1).unwrap();
        // Its presence comes back: from now on it is there.
        alice.wait_for(|stanza| stanza.starts_with("<presence")).unwrap();
        alice.kill().unwrap();
        let mut bob = Raw::login(&server, "bob", "two").unwrap();
        bob.send(&message("alice@localhost", "meanwhile")).unwrap();
        let mut again = Raw::authenticate(&server, "alice").unwrap();
        again.send(&format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>")).unwrap();
        again.wait_for(|stanza| stanza.starts_with("<resumed")).unwrap();
        again.wait_for(|stanza| stanza.contains("<body>meanwhile</body>")).unwrap();
    });
}

#[test]
fn after_the_time_ordered_a_lost_stream_is_given_up() {
    on_both(&Setup { resumption: 1, ..Setup::default() }, |server| {
        let mut bob = Raw::login(&server, "bob", "two").unwrap();
        bob.send("<presence/>").unwrap();
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        alice.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/><presence/>").unwrap();
        let is_alice = |stanza: &str| stanza.starts_with("<presence") && stanza.contains("alice@localhost/one");
        bob.wait_for(is_alice).unwrap();
        alice.kill().unwrap();
        let gone = bob.wait_for(is_alice).unwrap();
        assert!(gone.contains("unavailable"), "{gone}");
    });
}

#[test]
fn bad_certificates_are_bad() {
    for (certificate, reason) in [
        (Certificate::Expired, "certificate has expired"),
        (Certificate::Foreign, "unable to get local issuer certificate"),
        (Certificate::OtherName, "hostname mismatch"),
    ] {
        on_both(&Setup { certificate, ..Setup::default() }, |server| {
            let error = Raw::open(&server, false).and_then(|mut raw| raw.features()).unwrap_err();
            assert!(format!("{error:#}").contains(reason), "{certificate:?}: {error:#}");
        });
    }
}

#[test]
fn a_server_may_know_less() {
    let setup = Setup {
        tls13: false,
        archive: false,
        carbons: false,
        stream_management: false,
        strangers: vec!["mallory".to_owned()],
        ..Setup::default()
    };
    on_both(&setup, |server| {
        assert_eq!(tls_version(&server), "TLSv1.2");
        let mut stranger = Raw::login(&server, "mallory", "one").unwrap();
        stranger.send("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").unwrap();
        let roster = stranger.wait_for(|stanza| stanza.contains("id='r'")).unwrap();
        assert!(!roster.contains("<item"), "{roster}");
        let disco = |to: &str| format!("<iq type='get' id='d' to='{to}'>{DISCO}</iq>");
        stranger.send(&(disco("localhost") + &disco("mallory@localhost"))).unwrap();
        for _ in 0..2 {
            let features = stranger.wait_for(|stanza| stanza.contains("id='d'")).unwrap();
            assert!(!features.contains("urn:xmpp:mam") && !features.contains("urn:xmpp:carbons"), "{features}");
        }
        assert!(!stranger.features_when_bound().contains("urn:xmpp:sm"), "{}", stranger.features_when_bound());
    });
}

const DISCO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

#[test]
fn a_server_by_default_knows_everything() {
    on_both(&Setup::default(), |server| {
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        let disco = |to: &str| format!("<iq type='get' id='d' to='{to}'>{DISCO}</iq>");
        alice.send(&(disco("localhost") + &disco("alice@localhost"))).unwrap();
        let features = [(); 2].map(|()| alice.wait_for(|stanza| stanza.contains("id='d'")).unwrap()).concat();
        assert!(features.contains("urn:xmpp:mam:2") && features.contains("urn:xmpp:carbons:2"), "{features}");
        alice.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").unwrap();
        let enabled = alice.wait_for(|stanza| stanza.starts_with("<enabled")).unwrap();
        assert!(enabled.contains("resume"), "{enabled}");
        assert_eq!(tls_version(&server), "TLSv1.3");
        let features = Raw::open(&server, true).unwrap().features().unwrap();
        for mechanism in ["PLAIN<", "SCRAM-SHA-1<", "SCRAM-SHA-256<"] {
            assert!(features.contains(mechanism), "{features}");
        }
    });
}

#[test]
fn a_full_mailbox_refuses() {
    on_both(&Setup { max_offline: Some(2), archive: false, ..Setup::default() }, |server| {
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        for text in ["first", "second", "third"] {
            alice.send(&message("bob@localhost", text)).unwrap();
        }
        let refused = alice.wait_for(|stanza| stanza.contains("type='error'")).unwrap();
        assert!(refused.contains("id='third'"), "{refused}");
    });
}

#[test]
fn a_stanza_that_is_too_long_ends_the_stream() {
    on_both(&Setup { max_stanza: Some(20_000), ..Setup::default() }, |server| {
        let mut alice = Raw::login(&server, "alice", "one").unwrap();
        alice.send("<presence/>").unwrap();
        alice.send(&message("alice@localhost", &"x".repeat(9_000))).unwrap();
        alice.wait_for(|stanza| stanza.contains("xxx")).unwrap();
        alice.send(&message("alice@localhost", &"y".repeat(11_000))).unwrap();
        let error = alice.wait_for(|stanza| stanza.starts_with("<stream:error")).unwrap();
        assert!(error.contains("policy-violation"), "{error}");
    });
}

#[test]
fn a_server_without_starttls_does_not_offer_it() {
    on_both(&Setup { starttls: false, ..Setup::default() }, |server| {
        let mut stream = TcpStream::connect(server.host_port()).unwrap();
        let opening = "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
                       xmlns:stream='http://etherx.jabber.org/streams'></stream:stream>";
        stream.write_all(opening.as_bytes()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("<stream:features") && !answer.contains("xmpp-tls"), "{answer}");
        Raw::open(&server, true).unwrap().features().unwrap();
    });
}
