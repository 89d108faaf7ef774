//! What pidgin has shown, from its signals.

use super::bus::Signal;
use crate::clients::OtrState;

/// Flags of libpurple on what it writes into a window.
mod flag {
    pub(super) const RECEIVED: i64 = 0x02;
    pub(super) const SYSTEM: i64 = 0x04;
    pub(super) const ERROR: i64 = 0x200;
}

/// One thing that pidgin has written into the window of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// The contact's bare JID.
    pub(super) peer: String,
    /// As it is to be read.
    pub(super) text: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text of the contact.
    Received,
    /// A text of the user.
    Sent,
    /// A remark of pidgin or its plugins.
    Remark,
}

/// What a signal says about the window of a contact, if it does.
pub(super) fn shown(signal: &Signal) -> Option<Shown> {
    if signal.name != "WroteImMsg" {
        return None;
    }
    let [_, peer, text, _, flags] = signal.values.as_slice() else { return None };
    let flags = flags.number()?;
    let kind = if flags & (flag::SYSTEM | flag::ERROR) != 0 {
        Kind::Remark
    } else if flags & flag::RECEIVED != 0 {
        Kind::Received
    } else {
        Kind::Sent
    };
    Some(Shown { peer: bare(peer.text()?).to_owned(), text: readable(text.text()?), kind })
}

/// The version of an encoded OTR message that has arrived, and the bare JID of its sender.
pub(super) fn version(signal: &Signal) -> Option<(String, u8)> {
    if signal.name != "ReceivingImMsg" {
        return None;
    }
    let peer = signal.values.get(1)?.text()?;
    let version = match signal.values.get(2)?.text()?.strip_prefix("?OTR:AA")?.as_bytes().first()? {
        b'I' => 2,
        b'M' => 3,
        _ => return None,
    };
    Some((bare(peer).to_owned(), version))
}

/// What a remark of pidgin-otr says about the private conversation, if it does.
pub(super) fn state(remark: &str) -> Option<OtrState> {
    let says = |words: &str| remark.contains(words);
    if says("has ended his/her private conversation") {
        Some(OtrState::Finished)
    } else if says("Private conversation with") && says("lost") {
        Some(OtrState::Plain)
    } else if says("nverified conversation with")
        || says("refreshed the unverified conversation")
        || says("is now: Unverified")
    {
        Some(OtrState::Unverified)
    } else if says("Private conversation with") || says("refreshed the private conversation") || says("is now: Private")
    {
        Some(OtrState::Verified)
    } else if says("is now: Not private") {
        Some(OtrState::Plain)
    } else {
        None
    }
}

/// Without the resource.
pub(super) fn bare(jid: &str) -> &str {
    jid.split('/').next().unwrap_or(jid)
}

/// What a person sees of the HTML that pidgin keeps texts in. A `<` that begins no tag is one to be seen.
fn readable(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let tag = after.starts_with(|first: char| first == '/' || first.is_ascii_alphabetic());
        rest = match after.split_once('>').filter(|_| tag) {
            Some((_, after)) => after,
            None => {
                text.push('<');
                after
            }
        };
    }
    text.push_str(rest);
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text, |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::super::bus::Value;
    use super::*;

    fn wrote(text: &str, flags: i64) -> Signal {
        let number = Value::Number;
        let [peer, text] = ["bob@localhost/bitlbee", text].map(|text| Value::Text(text.to_owned()));
        Signal { name: "WroteImMsg".to_owned(), values: vec![number(85), peer, text, number(3), number(flags)] }
    }

    #[test]
    fn texts_and_remarks_are_told_apart() {
        let received = shown(&wrote("1 &lt; <b>2</b> &amp;amp; 3", 2)).unwrap();
        assert_eq!((received.peer.as_str(), received.text.as_str()), ("bob@localhost", "1 < 2 &amp; 3"));
        assert_eq!(received.kind, Kind::Received);
        assert_eq!(shown(&wrote("1 < 2 & 3 > 2", 2)).unwrap().text, "1 < 2 & 3 > 2");
        assert_eq!(shown(&wrote("hello", 1)).unwrap().kind, Kind::Sent);
        assert_eq!(shown(&wrote("started", 6)).unwrap().kind, Kind::Remark);
    }

    #[test]
    fn remarks_tell_the_state() {
        let state = |html: &str| state(&shown(&wrote(html, 4)).unwrap().text);
        let started =
            "<a href=\"x\">Unverified</a> conversation with bob@localhost started.  Your client is not logging.";
        assert_eq!(state(started), Some(OtrState::Unverified));
        assert_eq!(
            state("Successfully refreshed the <a href=\"x\">unverified</a> conversation with bob."),
            Some(OtrState::Unverified)
        );
        assert_eq!(state("Successfully refreshed the private conversation with bob."), Some(OtrState::Verified));
        assert_eq!(
            state("The privacy status of the current conversation is now: <a href=\"x\">Private</a>"),
            Some(OtrState::Verified)
        );
        assert_eq!(
            state("bob has ended his/her private conversation with you; you should do the same."),
            Some(OtrState::Finished)
        );
        assert_eq!(state("bob is contacting you from an unrecognized computer."), None);
    }

    #[test]
    fn the_version_stands_in_the_first_letters() {
        let [peer, line] = ["bob@localhost/x", "?OTR:AAIDAA=."].map(|text| Value::Text(text.to_owned()));
        let signal = Signal { name: "ReceivingImMsg".to_owned(), values: vec![Value::Number(1), peer, line] };
        assert_eq!(version(&signal), Some(("bob@localhost".to_owned(), 2)));
    }
}
