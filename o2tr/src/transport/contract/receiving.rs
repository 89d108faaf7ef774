//! Rules about deliveries and presence.

use core::time::Duration;

use super::Harness;
use super::program::{Outcome, Program, ensure, ensure_lines, lines, texts};
use crate::transport::{Address, DeliveryId, TransportEvent};

pub(super) async fn silent_before_presence(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    // A former program was available; that must not count for the next one.
    let (former, _) = Program::start_available(harness, "bob", "phone").await?;
    harness.kill(former.transport).await;
    alice.send_all(&bob, &lines("early", 2)).await?;
    let mut receiver = Program::start(harness, "bob", "phone").await?;
    receiver.receive_nothing().await?;
    ensure_lines(&receiver.become_available().await?, &lines("early", 2))
}

pub(super) async fn offline_in_order(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    alice.send_all(&bob, &lines("stored", 20)).await?;
    let (receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, &lines("stored", 20))?;
    let sender = alice.transport.local();
    for delivery in &backlog {
        let evidence = delivery.evidence;
        ensure(evidence.is_late() && evidence.delayed.is_some(), || format!("not marked late: {evidence:?}"))?;
        ensure(delivery.from == sender, || format!("from {} instead of {sender}", delivery.from))?;
    }
    drop(receiver);
    Ok(())
}

pub(super) async fn unacknowledged_comes_again(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    let all = lines("kept", 6);
    alice.send_all(&bob, &all).await?;
    let first = receiver.receive(6).await?;
    ensure_lines(&first, &all)?;
    for delivery in &first {
        ensure(!delivery.evidence.is_late(), || format!("live, but marked {:?}", delivery.evidence))?;
    }
    harness.kill(receiver.transport).await;
    // Nothing was acknowledged; the second program acknowledges two, and crashes.
    let (mut receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, &all)?;
    receiver.acknowledge(backlog.get(..2).unwrap_or_default()).await;
    receiver.receive_nothing().await?;
    harness.kill(receiver.transport).await;
    let (_receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, all.get(2..).unwrap_or_default())
}

pub(super) async fn acknowledged_stays_away(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    alice.send_all(&bob, &lines("stored", 3)).await?;
    let (mut receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    receiver.acknowledge(&backlog).await;
    alice.send_all(&bob, &lines("live", 3)).await?;
    let live = receiver.receive(3).await?;
    ensure_lines(&live, &lines("live", 3))?;
    receiver.acknowledge(&live).await;
    receiver.receive_nothing().await?;
    harness.kill(receiver.transport).await;
    let (mut receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, &[])?;
    receiver.receive_nothing().await
}

pub(super) async fn any_acknowledgement(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    alice.send_all(&bob, &lines("stored", 4)).await?;
    let (mut receiver, mut backlog) = Program::start_available(harness, "bob", "phone").await?;
    backlog.reverse();
    receiver.acknowledge(&backlog).await;
    receiver.acknowledge(&backlog).await;
    receiver.transport.acknowledge(DeliveryId(u64::MAX)).await;
    receiver.receive_nothing().await?;
    harness.kill(receiver.transport).await;
    let (_receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, &[])
}

pub(super) async fn order_per_sender(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut carol, _) = Program::start_available(harness, "carol", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    let (from_alice, from_carol) = (lines("alice", 50), lines("carol", 50));
    for (one, other) in from_alice.iter().zip(&from_carol) {
        alice.send(&bob, one.as_bytes()).await;
        carol.send(&bob, other.as_bytes()).await;
    }
    let received = receiver.receive(100).await?;
    for (peer, sent) in [("alice", from_alice), ("carol", from_carol)] {
        let peer = harness.peer(peer);
        let of_peer: Vec<_> = received.iter().filter(|delivery| delivery.from.peer == peer).cloned().collect();
        ensure_lines(&of_peer, &sent)?;
    }
    Ok(())
}

pub(super) async fn nothing_lost_over_cut(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    alice.send_all(&bob, &lines("before", 4)).await?;
    let before = receiver.receive(4).await?;
    receiver.acknowledge(before.get(..2).unwrap_or_default()).await;
    receiver.receive_nothing().await?;
    harness.cut("bob", "phone").await;
    receiver.offline().await?;
    alice.send_all(&bob, &lines("while away", 3)).await?;
    harness.mend("bob", "phone").await;
    let resumed = receiver.online().await?;
    let expected = if resumed {
        // The ids from before are still good.
        receiver.acknowledge(before.get(2..).unwrap_or_default()).await;
        lines("while away", 3)
    } else {
        [lines("before", 4).split_off(2), lines("while away", 3)].concat()
    };
    let after = receiver.receive(expected.len()).await?;
    ensure_lines(&after, &expected)?;
    receiver.acknowledge(&after).await;
    receiver.receive_nothing().await?;
    harness.kill(receiver.transport).await;
    let (_receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, &[])
}

pub(super) async fn presence_seen(harness: &mut dyn Harness) -> Outcome {
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    alice.listen().await;
    let (bob, _) = Program::start_available(harness, "bob", "phone").await?;
    let mut receiver = bob;
    let place = receiver.transport.local();
    see(&mut alice, &place, true).await?;
    let desk = alice.transport.local();
    see(&mut receiver, &desk, true).await?;
    receiver.transport.set_presence(false).await;
    see(&mut alice, &place, false).await?;
    receiver.transport.set_presence(true).await;
    see(&mut alice, &place, true).await?;
    harness.kill(receiver.transport).await;
    see(&mut alice, &place, false).await
}

pub(super) async fn cancel_safe(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    let sent = lines("cancelled", 10);
    let mut received = Vec::new();
    for line in &sent {
        alice.send(&bob, line.as_bytes()).await;
        for _ in 0..3 {
            let next = receiver.transport.next_event();
            if let Ok(Some(TransportEvent::Delivery(delivery))) = tokio::time::timeout(Duration::ZERO, next).await {
                received.push(delivery);
            }
        }
    }
    let rest = sent.len() - received.len().min(sent.len());
    received.extend(receiver.receive(rest).await?);
    ensure(texts(&received) == sent, || format!("got {:?}", texts(&received)))
}

/// Waits until a program sees a device come or go.
async fn see(program: &mut Program, device: &Address, wanted: bool) -> Outcome {
    let what = format!("{device} {}", if wanted { "coming" } else { "going" });
    program
        .other(&what, |event| match event {
            TransportEvent::Presence { from, available } if from == device && *available == wanted => Some(()),
            _ => None,
        })
        .await
}
