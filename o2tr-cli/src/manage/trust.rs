//! `o2tr trust`: which keys of peers were seen, and what the user thinks of them.

use std::path::Path;

use o2tr_ekm::record::{TrustLevel, TrustRecord};
use otr_core::libotr::{Fingerprints, KnownFingerprint};
use serde::Serialize;

use super::{conversation, load, now, open, print, random, store};
use crate::args::{Level, TrustArguments, TrustTask};
use crate::failure::Failure;
use crate::sanitise::harmless;
use crate::state::{State, write_new};

/// The protocol that a fingerprint file gets, in the words of libotr's clients.
const PROTOCOL: &str = "prpl-jabber";

/// Runs it.
///
/// # Errors
/// [`Failure`]; nothing has changed then.
pub(crate) fn run(arguments: &TrustArguments) -> Result<(), Failure> {
    let json = arguments.state.json;
    let mut state = open(&arguments.state)?;
    match &arguments.task {
        TrustTask::List => list(&mut state, json),
        TrustTask::Set { peer, fingerprint, level } => {
            let mut conversation = load(&mut state, peer)?;
            if !conversation.trust().iter().any(|known| known.fingerprint == *fingerprint) {
                return Err(Failure::usage(format!("{peer:?} was never seen with the key {fingerprint}")));
            }
            let level = match level {
                Level::Verified => TrustLevel::Verified,
                Level::Unverified => TrustLevel::Unverified,
            };
            conversation.set_trust(*fingerprint, level, now(), &mut random());
            store(&mut state, peer, conversation)?;
            list(&mut state, json)
        }
        TrustTask::Export { file } => export(&mut state, file),
        TrustTask::Import { file } => {
            import(&mut state, file)?;
            list(&mut state, json)
        }
    }
}

#[derive(Serialize)]
struct Known {
    peer: String,
    fingerprint: String,
    trust: &'static str,
    highest_version: u16,
}

fn list(state: &mut State, json: bool) -> Result<(), Failure> {
    let known: Vec<_> = all(state)?
        .into_iter()
        .map(|(peer, record)| Known {
            peer,
            fingerprint: format!("{:x}", record.fingerprint),
            trust: word(record.level),
            highest_version: record.highest_version,
        })
        .collect();
    print(json, &known, |out| {
        if known.is_empty() {
            return writeln!(out, "no key of any peer was seen yet");
        }
        for Known { peer, fingerprint, trust, .. } in &known {
            let groups: Vec<_> = fingerprint.as_bytes().chunks(8).map(String::from_utf8_lossy).collect();
            writeln!(out, "{:<24} {}  {trust}", harmless(peer), groups.join(" ").to_uppercase())?;
        }
        Ok(())
    })
}

fn all(state: &mut State) -> Result<Vec<(String, TrustRecord)>, Failure> {
    let mut known = Vec::new();
    let mut peers = state.peers()?.0;
    peers.sort();
    for peer in peers {
        let records = conversation(state, &peer)?.trust().to_vec();
        known.extend(records.into_iter().map(|record| (peer.clone(), record)));
    }
    Ok(known)
}

fn export(state: &mut State, file: &Path) -> Result<(), Failure> {
    let entries = all(state)?.into_iter().map(|(username, record)| KnownFingerprint {
        username,
        account: state.account().to_owned(),
        protocol: PROTOCOL.to_owned(),
        fingerprint: record.fingerprint,
        trust: match record.level {
            TrustLevel::Unverified => String::new(),
            level => word(level).to_owned(),
        },
    });
    let fingerprints = Fingerprints { entries: entries.collect() };
    let bytes = fingerprints.write().map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    write_new(file, &bytes)
}

/// Only what raises trust is taken over: a file that says less is no reason to trust less.
fn import(state: &mut State, file: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(file).map_err(|error| Failure::file(file, "read the fingerprints", &error))?;
    let entries = Fingerprints::parse(&bytes).file.entries;
    let ours: Vec<_> = entries.into_iter().filter(|entry| entry.account == state.account()).collect();
    if ours.is_empty() {
        return Err(Failure::usage(format!(
            "{} says nothing of the account {:?}. Nothing was changed.",
            file.display(),
            state.account()
        )));
    }
    for entry in ours.into_iter().filter(KnownFingerprint::is_trusted) {
        let mut conversation = conversation(state, &entry.username)?;
        if conversation.trust_in(&entry.fingerprint) == TrustLevel::Unverified {
            let level = if entry.trust == "smp" { TrustLevel::Smp } else { TrustLevel::Verified };
            conversation.set_trust(entry.fingerprint, level, now(), &mut random());
            store(state, &entry.username, conversation)?;
        }
    }
    Ok(())
}

const fn word(level: TrustLevel) -> &'static str {
    match level {
        TrustLevel::Unverified => "unverified",
        TrustLevel::Smp => "smp",
        TrustLevel::Verified => "verified",
    }
}
