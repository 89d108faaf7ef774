//! How fast the server is: `cargo run --release -p transport-mem --example throughput`.

use core::time::Duration;
use std::time::Instant;

use o2tr::transport::Timestamp;
use o2tr::transport::{Address, DeliveryId, PeerId, SendToken, TransportEvent};
use transport_mem::{Config, Faults, Server};

fn main() {
    let faulty = Faults {
        drop: 20_000,
        duplicate: 20_000,
        reorder: 50_000,
        delay: 20_000,
        modify: 20_000,
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(20),
        reorder_by: Duration::from_millis(100),
        delay_by: Duration::from_millis(500),
    };
    measure("no faults", Config::default());
    measure("no faults, traced", Config { trace: true, ..Config::default() });
    measure("all faults", Config { up: faulty, down: faulty, ..Config::default() });
}

fn measure(name: &str, config: Config) {
    const MESSAGES: u64 = 500_000;
    let (alice, bob) = (PeerId::new("alice@example.org"), PeerId::new("bob@example.org"));
    let mut server = Server::new(config, 1, Timestamp::from_secs(1_700_000_000));
    let ends = [(alice.clone(), bob.clone()), (bob, alice)]
        .map(|(own, other)| (server.add_device(&own, "device"), Address::bare(other)));
    for (device, _) in &ends {
        server.start(*device);
        server.set_presence(*device, true);
    }
    let line = [b'x'; 300];
    let mut steps = 0;
    let mut received: Vec<DeliveryId> = Vec::new();
    let started = Instant::now();
    for number in 0..MESSAGES / 2 {
        for (device, other) in &ends {
            server.send(*device, other, &line, SendToken(number));
        }
        steps += server.advance_by(Duration::from_millis(10));
        for (device, _) in &ends {
            received.extend(server.take_events(*device).into_iter().flatten().filter_map(|event| match event {
                TransportEvent::Delivery(delivery) => Some(delivery.id),
                _ => None,
            }));
            for id in received.drain(..) {
                server.acknowledge(*device, id);
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = |count: f64| count / seconds / 1e6;
    #[expect(clippy::cast_precision_loss, reason = "for show")]
    let (messages, steps) = (rate(MESSAGES as f64), rate(steps as f64));
    println!("{name}: {messages:.2} million messages, {steps:.2} million steps a second");
}
