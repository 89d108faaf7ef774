//! What happens in a cell, and what must come of it. One script serves all transports and peers; every judgement rests on
//! what the endpoints say.

use anyhow::{Context as _, Result, bail, ensure};

use super::cell::{Fault, Peer, Scenario, Transport};
use super::stage::{Comparison, Privacy, Side, Stage};

/// Letters that take more than one byte; nothing that HTML has its own ideas about.
const LETTERS: &str = "Grüße aus Köln";

/// How often somebody goes on talking until everything has arrived.
const NUDGES: usize = 4;

/// How often a user asks again.
const ATTEMPTS: usize = 4;

/// Runs the scenario of the cell.
pub(super) fn run(stage: &mut Stage<'_>) -> Result<()> {
    match stage.cell.scenario {
        Scenario::Begin => begins(stage, Side::Us),
        Scenario::Answer => begins(stage, Side::Them),
        Scenario::Talk => talk(stage),
        Scenario::Smp => smp(stage),
        Scenario::Offline => comes_back(stage),
        Scenario::Refresh => refresh(stage),
        Scenario::End => end(stage),
    }
}

/// A private conversation is asked for, the fault strikes amid the handshake, and then both talk.
fn begins(stage: &mut Stage<'_>, by: Side) -> Result<()> {
    if stage.cell.fault == Fault::Lost {
        // Not the question itself: a user whose question gets no answer asks again, and that shows nothing.
        stage.ask(by)?;
        stage.lose_next(by.other());
    } else {
        stage.ask(by)?;
        if stage.cell.fault == Fault::Kill {
            // Two lines further we wait for an answer to one of ours.
            stage.pass()?;
            stage.pass()?;
        }
        stage.strike()?;
    }
    become_private(stage, by)?;
    check_identities(stage)?;
    hello(stage)
}

/// A private conversation without disturbance, proven by a text each way.
fn private(stage: &mut Stage<'_>) -> Result<()> {
    stage.ask(Side::Us)?;
    become_private(stage, Side::Us)?;
    check_identities(stage)?;
    hello(stage)
}

fn become_private(stage: &mut Stage<'_>, by: Side) -> Result<()> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            stage.note("no private conversation yet: asked again");
            stage.ask(by)?;
        }
        if stage.soon(|stage| both_are(stage, Privacy::Private))?.is_some() {
            return Ok(());
        }
    }
    bail!("no private conversation after asking {ATTEMPTS} times")
}

fn both_are(stage: &mut Stage<'_>, wanted: Privacy) -> Result<Option<()>> {
    Ok((stage.privacy(Side::Us)? == wanted && stage.privacy(Side::Them)? == wanted).then_some(()))
}

/// Each has the other's key, in the version that is expected.
fn check_identities(stage: &mut Stage<'_>) -> Result<()> {
    let secure = stage.events("encrypted");
    let version = secure.last().and_then(|event| event.number("version"));
    let expected = stage.cell.peer.version();
    ensure!(version == Some(expected), "version {version:?} is spoken, expected is {expected}");
    for of in Side::BOTH {
        if let Some((own, seen)) = stage.fingerprints(of)? {
            ensure!(own == seen && own.len() == 40, "the fingerprint of {of:?} is {own}, the other side sees {seen}");
        }
    }
    Ok(())
}

fn hello(stage: &mut Stage<'_>) -> Result<()> {
    for side in [Side::Us, Side::Them] {
        stage.say(side, &format!("hello from {side:?}"))?;
    }
    all_arrives(stage)
}

/// Texts in turn, bursts, and the fault between them.
fn talk(stage: &mut Stage<'_>) -> Result<()> {
    private(stage)?;
    for side in Side::BOTH {
        stage.say(side, &format!("{LETTERS}, {side:?}"))?;
        stage.settle()?;
    }
    if stage.cell.fault == Fault::Lost {
        for side in Side::BOTH {
            stage.say_lost(side, &format!("lost from {side:?}"))?;
            stage.settle()?;
        }
    }
    if stage.cell.fault == Fault::Kill {
        stage.say(Side::Us, "said right before the end")?;
    } else {
        all_arrives(stage)?;
    }
    stage.strike()?;
    for side in Side::BOTH {
        for number in 1..=3 {
            stage.say(side, &format!("burst {number} from {side:?}"))?;
        }
    }
    all_arrives(stage)?;
    hello_again(stage)?;
    ensure!(both_are(stage, Privacy::Private)?.is_some(), "the conversation is not private any more");
    check_shown(stage)
}

fn hello_again(stage: &mut Stage<'_>) -> Result<()> {
    for side in Side::BOTH {
        stage.say(side, &format!("the last from {side:?}"))?;
    }
    all_arrives(stage)
}

/// Waits until everything that was said has been shown. Somebody who misses something learns it from what comes later, so
/// people go on talking.
fn all_arrives(stage: &mut Stage<'_>) -> Result<()> {
    for nudge in 0..=NUDGES {
        if stage
            .soon(|stage| {
                Ok((missing(stage, Side::Us)?.is_empty() && missing(stage, Side::Them)?.is_empty()).then_some(()))
            })?
            .is_some()
        {
            return Ok(());
        }
        if nudge < NUDGES {
            for side in Side::BOTH {
                let count = stage.expected(side.other()).0.len();
                stage.say(side, &format!("go on {count} from {side:?}"))?;
            }
        }
    }
    let lacking = Side::BOTH.map(|side| missing(stage, side).unwrap_or_default());
    bail!("never shown: to us {:?}, to the peer {:?}", lacking[0], lacking[1])
}

fn missing(stage: &mut Stage<'_>, at: Side) -> Result<Vec<String>> {
    let shown = stage.shown(at)?;
    let (mut expected, _) = stage.expected(at);
    // What is sent again to a peer without our extension is marked, so it ends with the text.
    expected.retain(|text| !shown.iter().any(|shown| shown.text.ends_with(text.as_str())));
    Ok(expected)
}

/// Nothing was shown twice, nothing that nobody said, nothing unencrypted; and in order where nothing disturbs it.
fn check_shown(stage: &mut Stage<'_>) -> Result<()> {
    for at in Side::BOTH {
        let shown = stage.shown(at)?;
        let (expected, doomed) = stage.expected(at);
        for text in &expected {
            let times = shown.iter().filter(|shown| shown.text.ends_with(text.as_str())).count();
            ensure!(times == 1, "{text:?} was shown {times} times to {at:?}");
        }
        let known = |text: &str| expected.iter().chain(doomed).any(|known| text.ends_with(known.as_str()));
        let strange: Vec<_> = shown.iter().filter(|shown| !known(&shown.text)).collect();
        ensure!(strange.is_empty(), "shown to {at:?}, and said by nobody: {strange:?}");
        let clear: Vec<_> = shown.iter().filter(|shown| shown.encrypted == Some(false)).collect();
        ensure!(clear.is_empty(), "in clear to {at:?}: {clear:?}");
        if stage.cell.fault == Fault::None {
            let order: Vec<_> = shown.iter().map(|shown| shown.text.clone()).collect();
            ensure!(order == expected, "shown to {at:?} in the order {order:?}, said in the order {expected:?}");
        }
    }
    Ok(())
}

/// Secrets are compared three times; the fault strikes in the first.
fn smp(stage: &mut Stage<'_>) -> Result<()> {
    private(stage)?;
    stage.smp_ask(Side::Us, "same")?;
    asked(stage, Side::Them)?;
    if stage.cell.fault == Fault::Lost {
        stage.lose_next(Side::Them);
    }
    stage.strike()?;
    stage.smp_answer(Side::Them, "same")?;
    if stage.soon(|stage| both_compared(stage, Comparison::Same))?.is_none() {
        ensure!(stage.cell.fault != Fault::None, "the secrets are the same, and nobody says so");
        stage.note("the comparison was broken off: it is given up and begun again");
        stage.smp_abort()?;
        stage.settle()?;
        stage.smp_ask(Side::Us, "same")?;
        asked(stage, Side::Them)?;
        stage.smp_answer(Side::Them, "same")?;
        stage.until("the result of the second comparison", |stage| both_compared(stage, Comparison::Same))?;
    }
    for (answer, result) in [("another", Comparison::Different), ("other", Comparison::Same)] {
        stage.smp_ask(Side::Them, "other")?;
        asked(stage, Side::Us)?;
        stage.smp_answer(Side::Us, answer)?;
        stage.until("the result at both", |stage| both_compared(stage, result))?;
    }
    hello_again(stage)?;
    check_shown(stage)
}

fn asked(stage: &mut Stage<'_>, side: Side) -> Result<()> {
    stage.until("the question", |stage| Ok((stage.smp(side)? == Comparison::Asked).then_some(())))
}

fn both_compared(stage: &mut Stage<'_>, wanted: Comparison) -> Result<Option<()>> {
    // Pidgin tells of a failure in a dialogue that its driver cannot read.
    let mute = stage.cell.peer == Peer::Pidgin && wanted == Comparison::Different;
    Ok((stage.smp(Side::Us)? == wanted && (mute || stage.smp(Side::Them)? == wanted)).then_some(()))
}

/// We leave, the peer goes on talking and does nothing else, we come back and have it all.
fn comes_back(stage: &mut Stage<'_>) -> Result<()> {
    private(stage)?;
    let before = stage.shown(Side::Us)?.len();
    stage.leave(stage.cell.fault == Fault::Kill)?;
    for number in 1..=3 {
        let text = format!("while you were away {number}");
        if number == 2 && stage.cell.fault == Fault::Lost {
            stage.settle()?;
            stage.say_lost(Side::Them, &text)?;
        } else {
            stage.say(Side::Them, &text)?;
        }
    }
    stage.settle()?;
    if stage.cell.fault == Fault::Server && stage.cell.scenario == Scenario::Offline {
        stage.sync_with_server()?;
        stage.restart_server()?;
    }
    stage.come_back()?;
    ensure!(stage.privacy(Side::Us)? == Privacy::Private, "the restored conversation is not private");
    if stage.cell.fault == Fault::Kill && stage.cell.transport == Transport::Ejabberd && !stage.is_peer_ours() {
        take_the_rest(stage)?;
    }
    all_arrives(stage)?;
    if stage.cell.fault == Fault::None {
        let first = stage.shown(Side::Us)?.into_iter().nth(before).context("nothing was shown")?;
        ensure!(first.provenance.as_deref() == Some("offline"), "the first text is not told to be offline: {first:?}");
    }
    ensure!(stage.privacy(Side::Them)? == Privacy::Private, "the peer has left the conversation");
    check_shown(stage)
}

/// ejabberd gives up what it has for a killed connection when the next one begins, and stores it beside the login: what
/// comes too late for the login waits for another one. A peer with our extension would send it again.
fn take_the_rest(stage: &mut Stage<'_>) -> Result<()> {
    if stage.soon(|stage| Ok(missing(stage, Side::Us)?.is_empty().then_some(())))?.is_none() {
        stage.note("ejabberd has kept something back: another login");
        stage.leave(false)?;
        stage.come_back()?;
    }
    Ok(())
}

/// Both go on talking until fresh keys have replaced the restored ones; then what comes is live.
fn refresh(stage: &mut Stage<'_>) -> Result<()> {
    comes_back(stage)?;
    if stage.cell.fault == Fault::Lost {
        stage.lose_next(Side::Us);
        stage.linger()?;
        stage.stop_losing();
    }
    stage.strike()?;
    for round in 0..6 {
        for side in Side::BOTH {
            stage.say(side, &format!("round {round} from {side:?}"))?;
            stage.settle()?;
        }
        if stage.soon(|stage| Ok(is_refreshed(stage).then_some(())))?.is_some() {
            break;
        }
    }
    ensure!(is_refreshed(stage), "no fresh keys");
    all_arrives(stage)?;
    stage.say(Side::Them, "and this is live")?;
    all_arrives(stage)?;
    let live = stage.shown(Side::Us)?.into_iter().find(|shown| shown.text == "and this is live");
    let live = live.context("not shown")?;
    ensure!(live.provenance.as_deref() == Some("live"), "not live after the refresh: {live:?}");
    check_shown(stage)
}

/// Fresh keys are in use. A process that starts, and reads nothing before the peer uses a key made since, has nothing to
/// tell: it has not recovered anything.
fn is_refreshed(stage: &Stage<'_>) -> bool {
    let told = !stage.events_since_start("refreshed").is_empty();
    let recovered = !stage.events_since_start("recovered").is_empty();
    let live = stage.events_since_start("plaintext").last().is_some_and(|text| text.text("provenance") == Some("live"));
    told || (!recovered && live)
}

/// We end it; it is begun anew; they end it.
fn end(stage: &mut Stage<'_>) -> Result<()> {
    private(stage)?;
    if stage.cell.fault == Fault::Lost {
        stage.lose_next(Side::Us);
    }
    stage.end(Side::Us)?;
    stage.strike()?;
    ensure!(stage.privacy(Side::Us)? == Privacy::Clear, "we have ended it and are not in clear");
    if stage.cell.fault == Fault::Lost {
        stage.settle()?;
        ensure!(stage.privacy(Side::Them)? == Privacy::Private, "the peer cannot know of the end");
    } else {
        // These two do not wait for their users.
        let goes_on = matches!(stage.cell.peer, Peer::Mcabber | Peer::Profanity);
        let ended = if goes_on { Privacy::Clear } else { Privacy::Finished };
        stage.until("the peer to learn of the end", |stage| Ok((stage.privacy(Side::Them)? == ended).then_some(())))?;
    }
    stage.note("begun anew");
    stage.ask(Side::Them)?;
    become_private(stage, Side::Them)?;
    hello_again(stage)?;
    stage.end(Side::Them)?;
    stage.until("us to learn of the end", |stage| Ok((stage.privacy(Side::Us)? == Privacy::Finished).then_some(())))?;
    stage.type_after_the_end("not for everybody's eyes")?;
    check_shown(stage)
}
