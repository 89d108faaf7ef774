//! What others ask of us.

use xmpp_parsers::disco::DiscoInfoQuery;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::roster::Roster;
use xmpp_parsers::stanza::Stanza;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};
use xmpp_parsers::version::VersionResult;

use o2tr::transport::PeerId;

use super::Session;
use crate::stanza;

impl Session {
    /// Somebody asks to know something. Strangers get what they would get if we were not there.
    pub(super) fn asked(&mut self, from: Option<Jid>, id: String, payload: Element) {
        let may_know = self.is_our_server(from.as_ref())
            || from.as_ref().is_some_and(|from| {
                from.to_bare() == self.account || self.contacts.sees_us(&PeerId::new(from.to_bare().as_str()))
            });
        let answer = if !may_know {
            None
        } else if payload.is("ping", ns::PING) {
            Some(None)
        } else if payload.is("query", ns::DISCO_INFO) {
            let node = DiscoInfoQuery::try_from(payload).ok().and_then(|query| query.node);
            Some(Some(stanza::about_us(node, self.settings.receipts).into()))
        } else if payload.is("query", ns::VERSION) {
            let (name, version) = ("O2TR".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
            Some(Some(VersionResult { name, version, os: None }.into()))
        } else {
            None
        };
        self.reply(from, id, answer);
    }

    /// Somebody tells us to change something. Only our account may, and only the roster (RFC 6121, section 2.1.6).
    pub(super) fn ordered(&mut self, from: Option<Jid>, id: String, payload: Element) {
        let by_account = from.as_ref().is_none_or(|from| *from == self.account);
        match Roster::try_from(payload) {
            Ok(push) if by_account => {
                self.roster_changed(push);
                self.reply(from, id, Some(None));
            }
            Ok(_) | Err(_) => self.reply(from, id, None),
        }
    }

    fn reply(&mut self, to: Option<Jid>, id: String, answer: Option<Option<Element>>) {
        let iq = match answer {
            Some(payload) => Iq::Result { from: None, to, id, payload },
            None => {
                let mut error = StanzaError::new(ErrorType::Cancel, DefinedCondition::ServiceUnavailable, "", "");
                error.texts.clear();
                Iq::Error { from: None, to, id, error, payload: None }
            }
        };
        self.push(Stanza::Iq(iq), None);
    }
}
