//! Rules about what is sent.

use std::collections::BTreeSet;

use super::Harness;
use super::program::{Outcome, Program, ensure, ensure_lines, lines};
use crate::transport::{Address, PeerId, Refusal, SendToken, TransportEvent};

pub(super) async fn longest_line_arrives(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    let max = alice.transport.limits().max_message_len;
    let long: String = "0123456789abcdef".chars().cycle().take(max).collect();
    let odd = "<&>\"' \u{e9}\u{20ac}\u{1f512} \t.".to_owned();
    let sent = [long, odd];
    alice.send_all(&bob, &sent).await?;
    let received = receiver.receive(2).await?;
    let same = received.iter().zip(&sent).all(|(delivery, line)| delivery.line == line.as_bytes());
    ensure(same, || "the bytes were changed".to_owned())
}

pub(super) async fn too_long_refused(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    let max = alice.transport.limits().max_message_len;
    let token = alice.send(&bob, &vec![b'x'; max + 1]).await;
    let answer = alice.answer(token).await?;
    let expected = Err(Refusal::TooLong { len: max + 1, max });
    ensure(answer == expected, || format!("{answer:?} instead of {expected:?}"))?;
    receiver.receive_nothing().await
}

pub(super) async fn unknown_peer_answered(harness: &mut dyn Harness) -> Outcome {
    let known = harness.peer("bob");
    let stranger = PeerId::new(&format!("no-such-{known}"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let token = alice.send(&Address::bare(stranger), b"is anybody there").await;
    // A server may take the line over and bounce it later; it must not keep silent.
    let _answer = alice.answer(token).await?;
    alice.send_all(&Address::bare(known), &lines("after", 1)).await?;
    let (_receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, &lines("after", 1))
}

pub(super) async fn tokens_answered_once(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let max = alice.transport.limits().max_message_len;
    let mut sent = BTreeSet::new();
    for number in 0..40_usize {
        let line = if number % 7 == 3 { vec![b'x'; max + 1] } else { format!("line {number}").into_bytes() };
        sent.insert(alice.send(&bob, &line).await);
    }
    harness.cut("alice", "desk").await;
    alice.offline().await?;
    for number in 0..5 {
        sent.insert(alice.send(&bob, format!("late {number}").as_bytes()).await);
    }
    harness.mend("alice", "desk").await;
    let mut answered = BTreeSet::new();
    for event in alice.listen().await {
        let token: SendToken = match event {
            TransportEvent::Accepted { token } | TransportEvent::Refused { token, .. } => token,
            _ => continue,
        };
        ensure(sent.contains(&token), || format!("{token:?} was never sent"))?;
        ensure(answered.insert(token), || format!("{token:?} was answered twice"))?;
    }
    ensure(answered == sent, || format!("{} of {} tokens were answered", answered.len(), sent.len()))
}

pub(super) async fn offline_send_refused(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    harness.cut("alice", "desk").await;
    alice.offline().await?;
    let token = alice.send(&bob, b"into the void").await;
    let answer = alice.answer(token).await?;
    ensure(answer == Err(Refusal::Offline), || format!("{answer:?} while offline"))?;
    harness.mend("alice", "desk").await;
    alice.online().await?;
    receiver.receive_nothing().await?;
    alice.send_all(&bob, &lines("again", 1)).await?;
    ensure_lines(&receiver.receive(1).await?, &lines("again", 1))
}

pub(super) async fn device_addressed(harness: &mut dyn Harness) -> Outcome {
    let bob = harness.peer("bob");
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut phone, _) = Program::start_available(harness, "bob", "phone").await?;
    let (mut tablet, _) = Program::start_available(harness, "bob", "tablet").await?;
    let to = phone.transport.local();
    ensure(to.peer == bob && to.resource.is_some(), || format!("{to} is no device of {bob}"))?;
    alice.send_all(&to, &lines("for the phone", 2)).await?;
    let received = phone.receive(2).await?;
    ensure_lines(&received, &lines("for the phone", 2))?;
    phone.acknowledge(&received).await;
    phone.receive_nothing().await?;
    tablet.receive_nothing().await?;
    harness.kill(phone.transport).await;
    alice.send_all(&to, &lines("for who is there", 1)).await?;
    ensure_lines(&tablet.receive(1).await?, &lines("for who is there", 1))
}

pub(super) async fn close_is_orderly(harness: &mut dyn Harness) -> Outcome {
    let bob = Address::bare(harness.peer("bob"));
    let alice_address = Address::bare(harness.peer("alice"));
    let (mut alice, _) = Program::start_available(harness, "alice", "desk").await?;
    let (mut receiver, _) = Program::start_available(harness, "bob", "phone").await?;
    alice.send_all(&bob, &lines("last", 3)).await?;
    let received = receiver.receive(3).await?;
    receiver.acknowledge(&received).await;
    let farewell = receiver.send(&alice_address, b"farewell").await;
    receiver.transport.close().await;
    let answer = receiver.answer(farewell).await?;
    ensure(answer == Ok(()), || format!("the last line ended as {answer:?}"))?;
    receiver.listen().await;
    let next = receiver.transport.next_event().await;
    ensure(next.is_none(), || format!("{next:?} after the end"))?;
    drop(receiver);
    ensure_lines(&alice.receive(1).await?, &["farewell".to_owned()])?;
    let (_receiver, backlog) = Program::start_available(harness, "bob", "phone").await?;
    ensure_lines(&backlog, &[])
}
