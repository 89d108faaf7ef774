//! Lines that the server does not keep: each is told once, as a refusal or as a line that came back.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the helpers of a test")]

#[path = "support/device.rs"]
mod device;

use core::time::Duration;

use device::{Device, bare, config};
use o2tr::transport::{Address, Refusal, SendToken, TransportEvent};
use tokio::task::block_in_place;
use xtask::servers::{Kind, Server, Setup};

/// Long enough to be sure that nothing comes.
const QUIET: Duration = Duration::from_secs(2);

fn start(kind: Kind, setup: Setup) -> Option<Server> {
    block_in_place(|| device::server(kind, setup))
}

/// Why a line did not arrive.
async fn told(device: &mut Device, to: &Address, token: SendToken) -> Refusal {
    device
        .event(|event| match event {
            TransportEvent::Refused { token: refused, reason } if *refused == token => Some(*reason),
            TransportEvent::Bounced { to: bounced, reason } if bounced == to => Some(*reason),
            _ => None,
        })
        .await
}

async fn nobody_there(kind: Kind) {
    let Some(server) = start(kind, Setup::default()) else { return };
    let mut alice = Device::available(config(&server, "alice", "desk", None)).await;
    let nobody = bare(&server, "nobody");
    let token = alice.send(&nobody, "hello?").await;
    assert_eq!(told(&mut alice, &nobody, token).await, Refusal::Undeliverable);
    alice.send_accepted(&bare(&server, "bob"), "hello").await;
    alice.quiet(QUIET).await;
    let again =
        |event: &TransportEvent| matches!(event, TransportEvent::Bounced { .. } | TransportEvent::Refused { .. });
    assert!(!alice.others.iter().any(again), "{:?}", alice.others);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_on_prosody() {
    nobody_there(Kind::Prosody).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_on_ejabberd() {
    nobody_there(Kind::Ejabberd).await;
}

/// Nothing more fits into the mailbox of somebody who is away; what fitted is there when they come.
async fn full_mailbox(kind: Kind, expected: Refusal) {
    let setup = Setup { max_offline: Some(3), ..Setup::default() };
    let Some(server) = start(kind, setup) else { return };
    let mut alice = Device::available(config(&server, "alice", "desk", None)).await;
    let to_bob = bare(&server, "bob");
    for line in ["one", "two", "three"] {
        alice.send_accepted(&to_bob, line).await;
    }
    let token = alice.send(&to_bob, "four").await;
    assert_eq!(told(&mut alice, &to_bob, token).await, expected);
    let bob = Device::available(config(&server, "bob", "phone", None)).await;
    assert_eq!(device::texts(&bob.deliveries), ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_mailbox_on_prosody() {
    full_mailbox(Kind::Prosody, Refusal::Undeliverable).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn full_mailbox_on_ejabberd() {
    full_mailbox(Kind::Ejabberd, Refusal::MailboxFull).await;
}
