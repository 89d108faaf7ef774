//! Equal seeds and equal calls give equal histories.

#[path = "support/scene.rs"]
mod scene;

use core::time::Duration;

use o2tr::transport::{Address, PeerId};
use scene::{Scene, bob, texts};
use transport_mem::{Config, Faults, Malice, Server, TraceEvent};

fn everything_goes_wrong() -> Config {
    let faults = Faults {
        drop: 50_000,
        duplicate: 50_000,
        reorder: 100_000,
        delay: 50_000,
        modify: 50_000,
        latency: Duration::from_millis(20),
        jitter: Duration::from_millis(30),
        reorder_by: Duration::from_millis(200),
        delay_by: Duration::from_secs(3),
    };
    Config {
        up: faults,
        down: faults,
        malice: Malice { replay: 50_000, forge_resource: 50_000, hold_days: 10_000 },
        unconfirmed: 20_000,
        resumption: Duration::from_secs(10),
        trace: true,
        history: true,
        ..Config::default()
    }
}

/// A busy day: lines both ways, a second device, crashes and broken connections.
fn busy(scene: &mut Scene, from: usize, to: usize) -> Vec<String> {
    let tablet = scene.device("tablet");
    let alice = Address::full(PeerId::new("alice"), "desk");
    let mut seen = Vec::new();
    for round in from..to {
        scene.send(scene.alice, &bob(), format!("ping {round}").as_bytes());
        scene.send(scene.bob, &alice, format!("pong {round}").as_bytes());
        match round % 50 {
            10 => scene.server.cut(scene.bob, Some(Duration::from_secs(1))),
            20 => scene.come(tablet),
            30 => scene.server.kill(tablet),
            40 => scene.come(scene.bob),
            45 => scene.server.set_presence(scene.bob, false),
            48 => scene.server.set_presence(scene.bob, true),
            _ => {}
        }
        scene.server.advance_by(Duration::from_millis(70));
        for device in [scene.alice, scene.bob, tablet] {
            let received = scene::deliveries(scene.events(device));
            seen.extend(texts(&received));
            for delivery in received.iter().step_by(2) {
                scene.server.acknowledge(device, delivery.id);
            }
        }
    }
    seen
}

fn run(seed: u64) -> (Vec<String>, Vec<TraceEvent>) {
    let mut scene = Scene::new(everything_goes_wrong(), seed);
    (busy(&mut scene, 0, 1000), scene.server.take_trace())
}

#[test]
fn same_seed_same_trace() {
    let (seen, trace) = run(42);
    assert!(trace.len() > 10_000, "{}", trace.len());
    assert_eq!((seen, trace), run(42));
}

#[test]
fn another_seed_another_trace() {
    assert_ne!(run(42).1, run(43).1);
}

#[test]
fn a_clone_goes_the_same_way() {
    let mut scene = Scene::new(everything_goes_wrong(), 1);
    busy(&mut scene, 0, 300);
    let branch: Server = scene.server.clone();
    let one = busy(&mut scene, 300, 600);
    scene.server = branch;
    assert_eq!(busy(&mut scene, 300, 600), one);
}

#[test]
fn the_trace_can_be_printed() {
    let mut scene = Scene::new(Config { trace: true, ..Config::default() }, 1);
    scene.say("hello");
    scene.taken(scene.bob);
    let printed: Vec<String> = scene.server.trace().iter().skip(4).map(ToString::to_string).collect();
    assert_eq!(
        printed,
        [
            "1700000000000 Sent(DeviceId(0), LineId(1), 5)",
            "1700000000000 Routed(LineId(1), DeviceId(1), DeliveryId(1))",
            "1700000000000 Delivered(LineId(1), DeviceId(1), DeliveryId(1))",
            "1700000000000 Acknowledged(DeviceId(1), DeliveryId(1))",
        ]
    );
}
