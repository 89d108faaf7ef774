//! Comparing our whole state after a step with libotr's contexts.

use otr_core::smp::SmpState;
use otr_core::toolkit::{data_keys, public_value};
use otr_core::{
    ExchangeSnapshot, KeyPairSnapshot, PairSnapshot, PeerSnapshot, PhaseSnapshot, RingSnapshot, SecretBytes, SessionId,
    SessionSnapshot, Version,
};
use serde_json::Value;

use crate::json::{bytes, element, latin1, list, number, tag, text};
use crate::lines::same_number;
use crate::restore::counter;

/// A difference: which part, and what.
pub(crate) type Difference = (Part, String);

/// Parts of the state that a deviation may concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Session,
    Exchange,
    Reveal,
}

/// Compares; returns the number of values that were compared, and what differs.
pub(crate) struct Comparison {
    pub(crate) values: usize,
    pub(crate) differences: Vec<Difference>,
    part: Part,
}

impl Comparison {
    pub(crate) fn of(ours: &PeerSnapshot, contexts: &[Value]) -> Self {
        let mut comparison = Self { values: 0, differences: Vec::new(), part: Part::Session };
        for context in contexts {
            comparison.context(ours, context);
        }
        // Nothing of ours that libotr has not.
        comparison.part = Part::Session;
        for session in &ours.sessions {
            let known = contexts.iter().any(|context| fits(context, session) && context["msgstate"] != "PLAINTEXT");
            comparison.check("a session of ours only", known);
        }
        comparison
    }

    fn check(&mut self, what: &str, equal: bool) {
        self.values += 1;
        if !equal {
            self.differences.push((self.part, what.to_owned()));
        }
    }

    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &T, theirs: &T) {
        let equal = ours == theirs;
        self.check(&if equal { String::new() } else { format!("{what}: ours {ours:?}, libotr's {theirs:?}") }, equal);
    }

    fn number(&mut self, what: &str, ours: &[u8], theirs: &Value, name: &str) {
        self.check(what, same_number(ours, &bytes(theirs, name)));
    }

    fn context(&mut self, ours: &PeerSnapshot, context: &Value) {
        self.part = Part::Session;
        let session = ours.sessions.iter().find(|session| fits(context, session));
        let state = match session.map(|session| &session.phase) {
            None => "PLAINTEXT",
            Some(PhaseSnapshot::Encrypted { .. }) => "ENCRYPTED",
            Some(PhaseSnapshot::Finished) => "FINISHED",
        };
        // libotr copies ENCRYPTED into the new context of a stranger; there are no keys behind it.
        let hollow = context["msgstate"] == "ENCRYPTED" && number(context, "our_keyid") == 0;
        self.same("msgstate", &state, &if hollow { "PLAINTEXT" } else { text(context, "msgstate") });
        if let Some((session, PhaseSnapshot::Encrypted { ring, smp })) =
            session.map(|session| (session, &session.phase))
            && context["msgstate"] == "ENCRYPTED"
        {
            self.session(session, context);
            self.ring(ring, context);
            self.smp(smp, &context["smp"]);
        }
        self.held(ours, session, context);
        self.part = Part::Exchange;
        self.exchange(ours, context);
    }

    fn session(&mut self, session: &SessionSnapshot, context: &Value) {
        self.same("ssid", &hex::encode(session.origin.ssid).as_str(), &text(context, "sessionid"));
        let bold = if session.revealed { "first" } else { "second" };
        self.same("sessionid_bold", &bold, &text(context, "sessionid_bold"));
        let SessionId { version, fingerprint, .. } = session.origin.session;
        self.same("protocol_version", &u64::from(version.number()), &number(context, "protocol_version"));
        self.same("fingerprint", &format!("{fingerprint:x}").as_str(), &text(context, "active_fingerprint"));
    }

    fn ring(&mut self, ring: &RingSnapshot, context: &Value) {
        self.same("our_keyid", &u64::from(ring.our_keyid), &number(context, "our_keyid"));
        self.same("their_keyid", &u64::from(ring.their_keyid), &number(context, "their_keyid"));
        for (key, name) in [(&ring.our_newest, "our_dh"), (&ring.our_previous, "our_old_dh")] {
            self.number(name, key.secret.expose(), &context[name], "priv");
            self.number(name, key.public.unwrap().as_padded(), &context[name], "pub");
        }
        self.same("their_y", &Some(ring.their_newest), &element(context, "their_y"));
        self.same("their_old_y", &ring.their_previous, &element(context, "their_old_y"));
        for (i, ours) in [&ring.our_newest, &ring.our_previous].into_iter().enumerate() {
            for (j, theirs) in [Some(ring.their_newest), ring.their_previous].into_iter().enumerate() {
                if let Some(theirs) = theirs {
                    self.pair(ours, &theirs, &ring.pairs[i][j], &context["sess"][i][j]);
                }
            }
        }
        self.same("sendctr", &ring.counter, &counter(&context["sess"][1][0], "sendctr"));
        self.part = Part::Reveal;
        let ours: Vec<_> = ring.reveal.iter().map(|key| hex::encode(key.as_bytes())).collect();
        let theirs: Vec<_> =
            list(context, "saved_mac_keys").iter().map(|key| key.as_str().unwrap().to_owned()).collect();
        self.same("saved_mac_keys", &ours, &theirs);
        self.part = Part::Session;
    }

    fn pair(
        &mut self,
        ours: &KeyPairSnapshot,
        theirs: &otr_core::group::GroupElement,
        pair: &PairSnapshot,
        sess: &Value,
    ) {
        self.same("rcvctr", &pair.accepted.highest(), &counter(sess, "rcvctr"));
        self.same("rcvmacused", &pair.accepted.is_used(), &(sess["rcvmacused"] == 1));
        let keys = data_keys(&ours.secret, theirs).unwrap();
        self.number("sendmac", keys.sending.mac.expose(), sess, "sendmac");
        self.number("rcvmac", keys.receiving.mac.expose(), sess, "rcvmac");
        self.number("extrakey", keys.extra.expose(), sess, "extrakey");
        if let Some(cached) = &pair.keys {
            self.check("cached sending key", cached.sending.expose() == keys.sending.cipher.expose());
            self.check("cached receiving key", cached.receiving.expose() == keys.receiving.cipher.expose());
            self.check("cached extra key", cached.extra.expose() == keys.extra.expose());
        }
    }

    fn smp(&mut self, ours: &SmpState, theirs: &Value) {
        let expect = match ours {
            SmpState::Idle | SmpState::Asked(_) => 1,
            SmpState::Expect2(_) => 2,
            SmpState::Expect3(_) => 3,
            SmpState::Expect4(_) => 4,
        };
        self.same("smp expect", &expect, &number(theirs, "expect"));
        if number(theirs, "expect") != expect {
            return;
        }
        match ours {
            SmpState::Idle => {}
            SmpState::Asked(run) => {
                self.same("question", &run.with_question, &(theirs["received_question"] == 1));
                self.number("x2", run.b2.expose(), theirs, "x2");
                self.number("x3", run.b3.expose(), theirs, "x3");
                self.number("g2", run.g2.expose(), theirs, "g2");
                self.number("g3", run.g3.expose(), theirs, "g3");
                self.number("g3o", run.g3a.as_padded(), theirs, "g3o");
            }
            SmpState::Expect2(run) => {
                self.number("secret", run.x.expose(), theirs, "secret");
                self.number("x2", run.a2.expose(), theirs, "x2");
                self.number("x3", run.a3.expose(), theirs, "x3");
            }
            SmpState::Expect3(run) => {
                self.same("question", &run.with_question, &(theirs["received_question"] == 1));
                self.number("x3", run.b3.expose(), theirs, "x3");
                self.number("g2", run.g2.expose(), theirs, "g2");
                self.number("g3", run.g3.expose(), theirs, "g3");
                self.number("g3o", run.g3a.as_padded(), theirs, "g3o");
                self.number("p", run.pb.as_padded(), theirs, "p");
                self.number("q", run.qb.as_padded(), theirs, "q");
            }
            SmpState::Expect4(run) => {
                self.number("x3", run.a3.expose(), theirs, "x3");
                self.number("g3o", run.g3b.as_padded(), theirs, "g3o");
                self.number("pab", run.pa_over_pb.as_padded(), theirs, "pab");
                self.number("qab", run.qa_over_qb.as_padded(), theirs, "qab");
            }
        }
    }

    /// The text that waits: 2 for a first sending, 1 for a second.
    fn held(&mut self, ours: &PeerSnapshot, session: Option<&SessionSnapshot>, context: &Value) {
        let last = || latin1(context["lastmessage"].as_str().unwrap_or_default());
        match number(context, "may_retransmit") {
            2 => self.check("held text", ours.held.iter().map(|held| &held.0).eq([&last()])),
            1 => {
                let wanted = session.and_then(|session| session.last_text.as_ref());
                self.check(
                    "text to be resent",
                    wanted.is_some_and(|last_text| last_text.wanted && last_text.text.0 == last()),
                );
            }
            _ => {}
        }
    }

    /// The D-H value brought into an exchange; it has keyid 1.
    fn own_key(&mut self, secret: &SecretBytes<40>, auth: &Value) {
        self.number("our_dh_priv", secret.expose(), auth, "our_dh_priv");
        self.number("our_dh_pub", public_value(secret).unwrap().as_padded(), auth, "our_dh_pub");
        self.same("our_keyid", &1, &number(auth, "our_keyid"));
    }

    fn exchange(&mut self, ours: &PeerSnapshot, context: &Value) {
        let auth = &context["auth"];
        let instance = tag(context, "their_instance");
        let contact = ours.contacts.iter().find(|contact| contact.instance == instance);
        let own = contact.map_or(&ExchangeSnapshot::None, |contact| &contact.exchange);
        let open = ours.open_commit.as_ref().filter(|open| {
            // The commit to any device lies in libotr's master; in version 2 its answer replaces it there.
            context["is_master"] == true
                && (open.version == Version::V3 || !contact.is_some_and(|contact| contact.answered_open_commit))
        });
        let exchange = match (own, open) {
            (ExchangeSnapshot::None, Some(open)) => &open.exchange,
            (own, _) => own,
        };
        self.same("auth state", &state_name(exchange), &text(auth, "state"));
        if state_name(exchange) != text(auth, "state") {
            return;
        }
        match exchange {
            ExchangeSnapshot::None => {}
            ExchangeSnapshot::AwaitingDhKey { secret, r, encrypted_gx, hashed_gx } => {
                self.own_key(secret, auth);
                self.number("r", r.expose(), auth, "r");
                self.same("encgx", &hex::encode(encrypted_gx).as_str(), &text(auth, "encgx"));
                self.same("hashgx", &hex::encode(hashed_gx).as_str(), &text(auth, "hashgx"));
            }
            ExchangeSnapshot::AwaitingRevealSignature { secret, encrypted_gx, hashed_gx } => {
                self.own_key(secret, auth);
                self.same("encgx", &hex::encode(encrypted_gx).as_str(), &text(auth, "encgx"));
                self.same("hashgx", &hex::encode(hashed_gx).as_str(), &text(auth, "hashgx"));
            }
            ExchangeSnapshot::AwaitingSignature { secret, gy, r, encrypted: _, mac: _ } => {
                self.own_key(secret, auth);
                self.number("r", r.expose(), auth, "r");
                self.number("their_pub", gy.as_padded(), auth, "their_pub");
            }
        }
    }
}

fn fits(context: &Value, session: &SessionSnapshot) -> bool {
    session.origin.session.instance == tag(context, "their_instance")
}

fn state_name(exchange: &ExchangeSnapshot) -> &'static str {
    match exchange {
        ExchangeSnapshot::None => "NONE",
        ExchangeSnapshot::AwaitingDhKey { .. } => "AWAITING_DHKEY",
        ExchangeSnapshot::AwaitingRevealSignature { .. } => "AWAITING_REVEALSIG",
        ExchangeSnapshot::AwaitingSignature { .. } => "AWAITING_SIG",
    }
}
