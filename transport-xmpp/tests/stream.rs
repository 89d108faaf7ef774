//! Streams that break, servers that die, other devices, and what stands on the wire: over real servers.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the helpers of a test")]

#[path = "support/device.rs"]
mod device;

use core::time::Duration;

use device::{Device, bare, config, full, texts};
use o2tr::transport::{Carbon, OfflineReason, PeerId, Refusal, Subscription, Transport, TransportEvent};
use tokio::task::block_in_place;
use xtask::proxy::{Proxy, Way};
use xtask::raw::Raw;
use xtask::servers::{Kind, Server, Setup};

/// Long enough to be sure that nothing comes.
const QUIET: Duration = Duration::from_secs(2);

fn start(kind: Kind, setup: Setup) -> Option<Server> {
    block_in_place(|| device::server(kind, setup))
}

/// A plain client of an account that is there for messages.
fn plain(server: &Server, account: &str, resource: &str) -> Raw {
    block_in_place(|| {
        let mut raw = Raw::login(server, account, resource).unwrap();
        raw.send("<presence/><iq type='get' id='there' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap();
        raw.wait_for(|xml| xml.contains("there") && xml.contains("<iq")).unwrap();
        raw
    })
}

fn wait_for(raw: &mut Raw, is_it: impl FnMut(&str) -> bool) -> String {
    block_in_place(|| raw.wait_for(is_it)).unwrap()
}

fn online(event: &TransportEvent) -> Option<bool> {
    match event {
        TransportEvent::Online { resumed } => Some(*resumed),
        _ => None,
    }
}

fn offline(event: &TransportEvent) -> Option<OfflineReason> {
    match event {
        TransportEvent::Offline { reason, .. } => Some(*reason),
        _ => None,
    }
}

fn cut(link: &Proxy) {
    block_in_place(|| {
        link.refuse();
        link.drop_connections();
    });
}

/// What a plain client sees of our lines.
async fn lines_are_marked(kind: Kind) {
    let Some(server) = start(kind, Setup::default()) else { return };
    let mut alice = Device::available(config(&server, "alice", "desk", None)).await;
    let mut bob = plain(&server, "bob", "phone");
    let mut see = async |to, line: &str| {
        alice.send_accepted(&to, line).await;
        let xml = wait_for(&mut bob, |xml| xml.contains("<body"));
        assert!(xml.contains("type='chat'") || xml.contains("type=\"chat\""), "{xml}");
        assert!(xml.contains(" id="), "{xml}");
        assert!(!xml.contains("no-store"), "{xml}");
        xml
    };
    let xml = see(bare(&server, "bob"), "?OTR:AAMDAAAA.").await;
    assert!(xml.contains("urn:xmpp:eme:0") && xml.contains("urn:xmpp:otr:0"), "{xml}");
    assert!(xml.contains("no-permanent-store") && !xml.contains("no-copy") && !xml.contains("<private"), "{xml}");
    let xml = see(full(&server, "bob", "phone"), "?OTR:AAMDAAAA.").await;
    assert!(xml.contains("urn:xmpp:eme:0") && xml.contains("no-permanent-store") && xml.contains("no-copy"), "{xml}");
    let xml = see(bare(&server, "bob"), "hello").await;
    assert!(!xml.contains("urn:xmpp:eme:0") && !xml.contains("no-permanent-store"), "{xml}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_marked_on_prosody() {
    lines_are_marked(Kind::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_marked_on_ejabberd() {
    lines_are_marked(Kind::Ejabberd).await;
}

/// The connection breaks and the stream goes on: no line twice, none missing, and what was sent is answered.
async fn a_broken_stream_goes_on(kind: Kind) {
    let Some(server) = start(kind, Setup::default()) else { return };
    let link = Proxy::start(server.host_port()).unwrap();
    let mut alice = Device::available(config(&server, "alice", "desk", None)).await;
    let mut bob = Device::available(config(&server, "bob", "phone", Some(&link))).await;
    let (to_alice, to_bob) = (bare(&server, "alice"), bare(&server, "bob"));
    for line in ["one", "two", "three"] {
        alice.send_accepted(&to_bob, line).await;
    }
    let before = bob.receive(3).await;
    bob.transport.acknowledge(before[0].id).await;
    // The server gets it, but its answer does not get through.
    link.freeze_one_way(Way::ToClient);
    let edge = bob.send(&to_alice, "on the edge").await;
    assert_eq!(texts(&alice.receive(1).await), ["on the edge"]);
    cut(&link);
    link.thaw();
    bob.event(offline).await;
    alice.send_accepted(&to_bob, "four").await;
    // Safe only now, while there is no connection.
    bob.transport.acknowledge(before[2].id).await;
    block_in_place(|| link.accept()).unwrap();
    assert!(bob.event(online).await, "resumed");
    let after = bob.receive(1).await;
    assert_eq!(texts(&after), ["four"]);
    bob.event(|event| (*event == TransportEvent::Accepted { token: edge }).then_some(())).await;
    bob.transport.acknowledge(before[1].id).await;
    bob.transport.acknowledge(after[0].id).await;
    assert_eq!(texts(&bob.quiet(QUIET).await), [""; 0]);
    assert_eq!(texts(&alice.quiet(QUIET).await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_goes_on_with_prosody() {
    a_broken_stream_goes_on(Kind::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_stream_goes_on_with_ejabberd() {
    a_broken_stream_goes_on(Kind::Ejabberd).await;
}

/// Nothing passes any more and nobody says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_link_is_noticed() {
    let Some(server) = start(Kind::Prosody, Setup::default()) else { return };
    let link = Proxy::start(server.host_port()).unwrap();
    let mut alice = Device::available(config(&server, "alice", "desk", None)).await;
    let mut settings = config(&server, "bob", "phone", Some(&link));
    settings.timing.ping_after = Duration::from_secs(2);
    settings.timing.ping_patience = Duration::from_secs(10);
    let mut bob = Device::available(settings).await;
    link.freeze();
    let reason = bob.event(offline).await;
    assert_eq!(reason, OfflineReason::Lost);
    link.drop_connections();
    link.thaw();
    assert!(bob.event(online).await, "resumed");
    alice.send_accepted(&bare(&server, "bob"), "still there?").await;
    assert_eq!(texts(&bob.receive(1).await), ["still there?"]);
}

/// The server dies and comes back. What it had not answered for is told as such; the rest goes on by itself.
async fn a_server_dies(kind: Kind) {
    let Some(mut server) = start(kind, Setup::default()) else { return };
    let mut alice = Device::available(config(&server, "alice", "desk", None)).await;
    let mut bob = Device::available(config(&server, "bob", "phone", None)).await;
    let to_bob = bare(&server, "bob");
    block_in_place(|| server.kill()).unwrap();
    alice.event(offline).await;
    bob.event(offline).await;
    let token = alice.send(&to_bob, "into the void").await;
    let reason = alice
        .event(|event| match event {
            TransportEvent::Refused { token: refused, reason } if *refused == token => Some(*reason),
            _ => None,
        })
        .await;
    assert_eq!(reason, Refusal::Offline);
    block_in_place(|| server.restart()).unwrap();
    for device in [&mut alice, &mut bob] {
        assert!(!device.event(online).await, "the server has forgotten the stream");
        device.event(|event| matches!(event, TransportEvent::CaughtUp).then_some(())).await;
    }
    alice.send_accepted(&to_bob, "again").await;
    assert_eq!(texts(&bob.receive(1).await), ["again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_dies() {
    a_server_dies(Kind::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_dies() {
    a_server_dies(Kind::Ejabberd).await;
}

/// Two devices of one account: what one of them gets and sends, the other one sees as a copy, and when it was away, in the
/// archive; nothing comes twice.
async fn another_device_took_it(kind: Kind) {
    let setup = Setup { resumption: 1, ..Setup::default() };
    let Some(server) = start(kind, setup) else { return };
    let link = Proxy::start(server.host_port()).unwrap();
    let mut alice = plain(&server, "alice", "desk");
    let mut phone = Device::available(config(&server, "bob", "phone", None)).await;
    let mut tablet = Device::available(config(&server, "bob", "tablet", Some(&link))).await;
    let mut say = |text: &str| {
        let xml = format!("<message type='chat' id='{text}' to='bob@localhost/phone'><body>{text}</body></message>");
        block_in_place(|| alice.send(&xml)).unwrap();
    };

    say("copied");
    assert_eq!(phone.receive(1).await[0].evidence.carbon, None);
    let copy = tablet.receive(1).await;
    assert_eq!((texts(&copy), copy[0].evidence.carbon), (vec!["copied".to_owned()], Some(Carbon::Received)));
    assert_eq!(copy[0].from, full(&server, "alice", "desk"));
    tablet.transport.acknowledge(copy[0].id).await;

    phone.send_accepted(&bare(&server, "alice"), "an answer").await;
    let copy = tablet.receive(1).await;
    assert_eq!((texts(&copy), copy[0].evidence.carbon), (vec!["an answer".to_owned()], Some(Carbon::Sent)));
    assert_eq!(copy[0].from, full(&server, "bob", "phone"));
    tablet.transport.acknowledge(copy[0].id).await;
    tablet.quiet(QUIET).await;

    cut(&link);
    tablet.event(offline).await;
    // The server gives the tablet's stream up: its contacts see it go.
    let gone = |xml: &str| xml.contains("bob@localhost/tablet") && xml.contains("unavailable");
    wait_for(&mut alice, gone);
    let mut say = |text: &str| {
        let xml = format!("<message type='chat' id='{text}' to='bob@localhost/phone'><body>{text}</body></message>");
        block_in_place(|| alice.send(&xml)).unwrap();
    };
    say("missed 1");
    say("missed 2");
    phone.receive(2).await;
    block_in_place(|| link.accept()).unwrap();
    assert!(!tablet.event(online).await, "a new stream");
    tablet.event(|event| matches!(event, TransportEvent::CaughtUp).then_some(())).await;
    let missed = tablet.deliveries.clone();
    assert_eq!(texts(&missed), ["missed 1", "missed 2"]);
    assert!(missed.iter().all(|delivery| delivery.evidence.archived && delivery.evidence.delayed.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_device_took_it_on_prosody() {
    another_device_took_it(Kind::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_device_took_it_on_ejabberd() {
    another_device_took_it(Kind::Ejabberd).await;
}

/// The program of a device ends and starts again: what its other device took meanwhile comes from the archive, and what
/// it had not made safe comes again.
async fn the_archive_is_read_on_by_the_next_run(kind: Kind) {
    let setup = Setup { resumption: 1, ..Setup::default() };
    let Some(server) = start(kind, setup) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut alice = plain(&server, "alice", "desk");
    let say = |alice: &mut Raw, to: &str, text: &str| {
        let xml = format!("<message type='chat' id='{text}' to='{to}'><body>{text}</body></message>");
        block_in_place(|| alice.send(&xml)).unwrap();
    };
    let mut settings = config(&server, "bob", "tablet", None);
    settings.archive_position = Some(folder.path().join("archive"));
    let gone = |xml: &str| xml.contains("bob@localhost/tablet") && xml.contains("unavailable");

    let mut tablet = Device::available(settings.clone()).await;
    say(&mut alice, "bob@localhost", "safe");
    let line = tablet.receive(1).await.remove(0);
    tablet.transport.acknowledge(line.id).await;
    tablet.transport.close().await;
    drop(tablet);
    wait_for(&mut alice, gone);

    let mut phone = Device::available(config(&server, "bob", "phone", None)).await;
    say(&mut alice, "bob@localhost", "missed");
    let line = phone.receive(1).await.remove(0);
    phone.transport.acknowledge(line.id).await;
    phone.transport.close().await;
    drop(phone);

    let mut tablet = Device::available(settings.clone()).await;
    let missed = tablet.receive(1).await;
    assert_eq!((texts(&missed), missed[0].evidence.archived), (vec!["missed".to_owned()], true));
    tablet.transport.acknowledge(missed[0].id).await;
    // A server may rely on the archive from now on.
    say(&mut alice, "bob@localhost", "not safe");
    assert_eq!(texts(&tablet.receive(1).await), ["not safe"]);
    tablet.quiet(QUIET).await;
    drop(tablet);
    wait_for(&mut alice, gone);
    let mut tablet = Device::available(settings).await;
    assert_eq!(texts(&tablet.receive(1).await), ["not safe"]);
    assert_eq!(texts(&tablet.quiet(QUIET).await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_read_on_by_the_next_run_on_prosody() {
    the_archive_is_read_on_by_the_next_run(Kind::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_read_on_by_the_next_run_on_ejabberd() {
    the_archive_is_read_on_by_the_next_run(Kind::Ejabberd).await;
}

/// A receipt leaves when the text has been read, not when it arrived.
#[tokio::test(flavor = "multi_thread")]
async fn receipts_come_after_reading() {
    let Some(server) = start(Kind::Prosody, Setup::default()) else { return };
    let mut bob = Device::available(config(&server, "bob", "phone", None)).await;
    let mut alice = plain(&server, "alice", "desk");
    let request = "<message type='chat' id='r1' to='bob@localhost'><body>read me</body><request \
                   xmlns='urn:xmpp:receipts'/></message>";
    block_in_place(|| alice.send(request)).unwrap();
    let delivery = bob.receive(1).await.remove(0);
    bob.quiet(QUIET).await;
    block_in_place(|| alice.send("<iq type='get' id='mark' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"))
        .unwrap();
    let mut early = Vec::new();
    wait_for(&mut alice, |xml| {
        early.push(xml.to_owned());
        xml.contains("mark")
    });
    assert!(early.iter().all(|xml| !xml.contains("urn:xmpp:receipts")), "{early:?}");
    bob.transport.confirm(delivery.id).await;
    bob.transport.acknowledge(delivery.id).await;
    let receipt = wait_for(&mut alice, |xml| xml.contains("urn:xmpp:receipts"));
    assert!(receipt.contains("<received") && receipt.contains("r1"), "{receipt}");
}

/// Strangers become contacts when both have said so, and stop being contacts when one says so.
async fn contacts_are_made_and_given_up(kind: Kind) {
    let setup = Setup { strangers: vec!["dave".to_owned()], ..Setup::default() };
    let Some(server) = start(kind, setup) else { return };
    let mut alice = Device::available(config(&server, "alice", "desk", None)).await;
    let mut dave = Device::available(config(&server, "dave", "desk", None)).await;
    let id = |account: &str| PeerId::new(&server.jid(account));
    let standing = |account: &str, wanted: Subscription| {
        let of = id(account);
        move |event: &TransportEvent| match event {
            TransportEvent::Subscription { peer, subscription } if *peer == of && *subscription == wanted => Some(()),
            _ => None,
        }
    };
    let there = |account: &str| {
        let device = full(&server, account, "desk");
        move |event: &TransportEvent| match event {
            TransportEvent::Presence { from, available: true } if *from == device => Some(()),
            _ => None,
        }
    };
    dave.transport.set_contact(&id("alice"), true).await;
    alice.event(standing("dave", Subscription::Requested)).await;
    alice.transport.set_contact(&id("dave"), true).await;
    alice.event(standing("dave", Subscription::Granted)).await;
    dave.event(standing("alice", Subscription::Granted)).await;
    alice.event(there("dave")).await;
    dave.event(there("alice")).await;
    alice.transport.set_contact(&id("dave"), false).await;
    alice.event(standing("dave", Subscription::None)).await;
    dave.event(standing("alice", Subscription::None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_made_and_given_up_on_prosody() {
    contacts_are_made_and_given_up(Kind::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_are_made_and_given_up_on_ejabberd() {
    contacts_are_made_and_given_up(Kind::Ejabberd).await;
}

/// Another program under the same name takes the place of this one, and this one does not fight for it.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_by_another_program() {
    let Some(server) = start(Kind::Prosody, Setup::default()) else { return };
    let mut first = Device::available(config(&server, "alice", "desk", None)).await;
    let _second = Device::available(config(&server, "alice", "desk", None)).await;
    let (reason, retry_in) = first
        .event(|event| match event {
            TransportEvent::Offline { reason, retry_in } => Some((*reason, *retry_in)),
            _ => None,
        })
        .await;
    assert_eq!((reason, retry_in), (OfflineReason::Replaced, None));
    assert_eq!(first.transport.next_event().await, None);
}
