//! `o2tr sessions`: stored conversations.

use std::io::{self, IsTerminal as _, Write as _};

use o2tr::conversation::{Conversation, Hold, Privacy};
use o2tr_ekm::record::TrustLevel;
use serde::Serialize;

use super::{conversation, directory, load, now, open, print, random, store};
use crate::args::{SessionsArguments, SessionsTask, StateArguments};
use crate::failure::Failure;
use crate::sanitise::harmless;
use crate::state::{State, destroy};

/// Runs it.
///
/// # Errors
/// [`Failure`]; nothing has changed then.
pub(crate) fn run(arguments: &SessionsArguments) -> Result<(), Failure> {
    let place = &arguments.state;
    match &arguments.task {
        SessionsTask::List => list(&mut open(place)?, place.json),
        SessionsTask::Show { peer } => {
            let conversation = load(&mut open(place)?, peer)?;
            show(peer, &conversation, place.json)
        }
        SessionsTask::Expire { peer } => {
            let mut state = open(place)?;
            let mut conversation = load(&mut state, peer)?;
            conversation.expire_now(now(), &mut random());
            store(&mut state, peer, conversation)?;
            state.close()
        }
        SessionsTask::Wipe { peer: Some(peer), yes, .. } => {
            let mut state = open(place)?;
            confirm(*yes, &format!("Forget everything about {}?", harmless(peer)))?;
            state.wipe(peer)?;
            state.close()
        }
        SessionsTask::Wipe { peer: None, yes, .. } => wipe_everything(place, *yes),
    }
}

#[derive(Serialize)]
struct Listed {
    peer: String,
    state: &'static str,
    fingerprint: Option<String>,
    version: Option<u16>,
    trust: &'static str,
    queued: usize,
    in_flight: usize,
    peer_keeps_keys: bool,
    quarantined: bool,
    generation: u64,
}

#[derive(Serialize)]
struct List {
    account: String,
    sessions: Vec<Listed>,
    /// Conversations whose rows are damaged.
    unreadable: usize,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    session: Listed,
    ssid: Option<String>,
    our_keyid: u32,
    their_keyid: u32,
    uses_of_key: u32,
    outbox: Vec<ShownText>,
}

#[derive(Serialize)]
struct ShownText {
    id: String,
    state: &'static str,
    reason: Option<&'static str>,
}

fn list(state: &mut State, json: bool) -> Result<(), Failure> {
    let (mut peers, unreadable) = state.peers()?;
    peers.sort();
    let mut sessions = Vec::new();
    for peer in peers {
        let conversation = conversation(state, &peer)?;
        sessions.push(listed(&peer, &conversation));
    }
    let list = List { account: state.account().to_owned(), sessions, unreadable };
    print(json, &list, |out| {
        if list.sessions.is_empty() {
            writeln!(out, "no conversations yet")?;
        } else {
            writeln!(out, "{:<24} {:<11} {:<11} {:>7} {:>9}", "PEER", "STATE", "TRUST", "WAITING", "UNDER WAY")?;
        }
        for Listed { peer, state, trust, queued, in_flight, quarantined, .. } in &list.sessions {
            let note = if *quarantined { "  quarantined" } else { "" };
            writeln!(out, "{:<24} {state:<11} {trust:<11} {queued:>7} {in_flight:>9}{note}", harmless(peer))?;
        }
        if list.unreadable > 0 {
            writeln!(out, "{} damaged: their rows cannot be read", list.unreadable)?;
        }
        Ok(())
    })
}

fn show(peer: &str, conversation: &Conversation, json: bool) -> Result<(), Failure> {
    let view = conversation.view();
    let outbox = conversation.outbox().into_iter().map(|text| ShownText {
        id: text.id,
        state: if text.in_flight { "in_flight" } else { "queued" },
        reason: text.reason.map(hold),
    });
    let shown = Shown {
        session: listed(peer, conversation),
        ssid: view.ssid.map(hex::encode),
        our_keyid: view.keyids.0,
        their_keyid: view.keyids.1,
        uses_of_key: view.uses_of_key,
        outbox: outbox.collect(),
    };
    print(json, &shown, |out| {
        let Shown { session, ssid, our_keyid, their_keyid, uses_of_key, outbox } = &shown;
        writeln!(out, "peer          {}", harmless(&session.peer))?;
        writeln!(out, "state         {}{}", session.state, if session.quarantined { ", quarantined" } else { "" })?;
        if let Some(session) = &view.session {
            writeln!(out, "fingerprint   {}", session.fingerprint)?;
            writeln!(out, "version       {}", session.version.number())?;
        }
        writeln!(out, "trust         {}", session.trust)?;
        if let Some(ssid) = ssid {
            writeln!(out, "session id    {ssid}")?;
            writeln!(
                out,
                "newest keys   {our_keyid} ours, {their_keyid} the peer's; {uses_of_key} messages under the present"
            )?;
        }
        writeln!(
            out,
            "keeps keys    {}",
            if session.peer_keeps_keys { "yes, an O2TR peer" } else { "not as far as is known" }
        )?;
        for text in outbox {
            let reason = text.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            writeln!(out, "text          {}: {}{reason}", harmless(&text.id), text.state)?;
        }
        Ok(())
    })
}

fn listed(peer: &str, conversation: &Conversation) -> Listed {
    let view = conversation.view();
    let in_flight = conversation.outbox().iter().filter(|text| text.in_flight).count();
    Listed {
        peer: peer.to_owned(),
        state: match view.privacy {
            Privacy::Plaintext => "plaintext",
            Privacy::Encrypted => "encrypted",
            Privacy::Finished => "finished",
            Privacy::WasPrivate => "keys gone",
        },
        fingerprint: view.session.map(|session| format!("{:x}", session.fingerprint)),
        version: view.session.map(|session| session.version.number()),
        trust: match view.trust {
            TrustLevel::Unverified => "unverified",
            TrustLevel::Smp => "smp",
            TrustLevel::Verified => "verified",
        },
        queued: view.queued,
        in_flight,
        peer_keeps_keys: view.peer_keeps_keys,
        quarantined: view.quarantined,
        generation: view.generation,
    }
}

/// Without the passphrase, and whoever has the store open: there may be no time to ask.
fn wipe_everything(place: &StateArguments, yes: bool) -> Result<(), Failure> {
    let directory = directory(place)?;
    confirm(yes, &format!("Destroy {} with the identity in it?", directory.display()))?;
    destroy(&directory)
}

fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("this cannot be undone: confirm it with --yes. Nothing was changed."));
    }
    let failed = |error: io::Error| Failure::usage(format!("the terminal does not answer: {error}"));
    let mut out = anstream::stderr();
    write!(out, "{question} This cannot be undone. [y/N] ").and_then(|()| out.flush()).map_err(failed)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(failed)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::usage("nothing was changed")),
    }
}

const fn hold(reason: Hold) -> &'static str {
    match reason {
        Hold::Threshold => "threshold",
        Hold::NoSession => "no session",
        Hold::PeerAway => "peer away",
        Hold::Trust => "trust",
    }
}
