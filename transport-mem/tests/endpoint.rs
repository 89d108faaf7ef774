//! The asynchronous side: tasks wake each other, time can be skipped, programs replace each other.

use core::time::Duration;

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, PeerId, SendToken, Transport, TransportEvent};
use tokio::time::timeout;
use transport_mem::{Config, Endpoint, Faults, Hub};

fn hub(config: Config) -> Hub {
    Hub::new(config, 1, Timestamp::from_secs(1_700_000_000))
}

async fn available(hub: &Hub, peer: &str) -> Endpoint {
    let mut endpoint = hub.start(&PeerId::new(peer), "device");
    endpoint.set_presence(true).await;
    assert_eq!(endpoint.next_event().await, Some(TransportEvent::Online { resumed: false }));
    assert_eq!(endpoint.next_event().await, Some(TransportEvent::CaughtUp));
    endpoint
}

fn bob() -> Address {
    Address::bare(PeerId::new("bob"))
}

/// Also without a paused clock: nothing here depends on one.
#[tokio::test]
async fn a_waiting_task_is_woken_by_another() {
    let hub = hub(Config::default());
    let mut alice = available(&hub, "alice").await;
    let mut receiver = available(&hub, "bob").await;
    let waiting = tokio::spawn(async move { timeout(Duration::from_secs(10), receiver.next_event()).await });
    tokio::task::yield_now().await;
    alice.send(&bob(), b"wake up", SendToken(1)).await;
    let event = waiting.await.ok().and_then(Result::ok).flatten();
    assert!(matches!(&event, Some(TransportEvent::Delivery(delivery)) if delivery.line == b"wake up"), "{event:?}");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_task_is_woken_by_the_clock() {
    let way = Faults { latency: Duration::from_secs(3), ..Faults::NONE };
    let hub = hub(Config { up: way, ..Config::default() });
    let mut alice = available(&hub, "alice").await;
    let mut receiver = available(&hub, "bob").await;
    let before = tokio::time::Instant::now();
    alice.send(&bob(), b"in three seconds", SendToken(1)).await;
    assert!(matches!(receiver.next_event().await, Some(TransportEvent::Delivery(_))));
    assert_eq!(before.elapsed(), Duration::from_secs(3));
}

#[tokio::test]
async fn days_can_be_skipped() {
    let day = Duration::from_secs(86_400);
    let hub = hub(Config { up: Faults { latency: 2 * day, ..Faults::NONE }, ..Config::default() });
    let mut alice = available(&hub, "alice").await;
    let mut receiver = available(&hub, "bob").await;
    alice.send(&bob(), b"much later", SendToken(1)).await;
    let waiting = tokio::spawn(async move { timeout(Duration::from_secs(10), receiver.next_event()).await });
    tokio::task::yield_now().await;
    hub.skip(2 * day);
    assert!(matches!(waiting.await, Ok(Ok(Some(TransportEvent::Delivery(_))))));
    assert_eq!(alice.next_event().await, Some(TransportEvent::Accepted { token: SendToken(1) }));
}

#[tokio::test]
async fn a_second_program_takes_the_place_of_the_first() {
    let hub = hub(Config::default());
    let mut first = available(&hub, "bob").await;
    let waiting = tokio::spawn(async move {
        let end = first.next_event().await;
        // What it does now concerns nobody.
        first.set_presence(false).await;
        first.close().await;
        end
    });
    tokio::task::yield_now().await;
    let second = available(&hub, "bob").await;
    assert_eq!(waiting.await.ok().flatten(), None);
    assert!(hub.with(|server| server.is_running(second.device()) && server.is_online(second.device())));
}

#[tokio::test]
async fn dropping_is_a_crash() {
    let hub = hub(Config::default());
    let endpoint = available(&hub, "bob").await;
    let device = endpoint.device();
    assert!(hub.with(|server| server.is_running(device)));
    drop(endpoint);
    assert!(!hub.with(|server| server.is_running(device) || server.is_online(device)));
}
