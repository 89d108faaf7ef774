//! From a stream behind the login to a session: resumption (XEP-0198, section 5), or a resource (RFC 6120, section 7).

use core::time::Duration;

use futures::{SinkExt, StreamExt};
use o2tr::transport::{Limits, OfflineReason};
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{FallibleStreamElement, StreamElementError, XmppStreamElement};
use xmpp_parsers::bind::{BindQuery, BindResponse};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::sm;
use xmpp_parsers::stanza::Stanza;
use xmpp_parsers::stream_features::StreamFeatures;

use crate::config::Config;
use crate::connect::{Connected, Link, connect};
use crate::error::{ConnectError, of_io, of_read_error, of_stream_error};
use crate::session::Bound;

/// What a stanza takes beside the line it carries, with room for long addresses (bytes).
const OVERHEAD: usize = 2048;
/// The longest line where the server announces no limit: servers are known to take stanzas of 64 KiB.
const USUAL_LINE: usize = (64 << 10) - OVERHEAD;
/// And where it announces more than anybody needs.
const LONGEST_LINE: usize = 256 << 10;
/// Elements that may come before the one that is awaited.
const MAX_STRAY: usize = 100;
/// Stanzas that may come before stream management is on: what waited for a former stream of the same resource.
const MAX_EARLY: usize = 10_000;

/// A stream with a session.
#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) link: Link,
    pub(crate) limits: Limits,
    pub(crate) outcome: Outcome,
}

/// Which session.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The former one goes on; the server has so many of our stanzas.
    Resumed { h: u32 },
    /// A new one. The server may say how many of the former one's stanzas it has. Some servers send what waited for the
    /// former one at once, before stream management is on; they do not count those.
    Bound { bound: Bound, counted: Option<u32>, early: Vec<Stanza> },
}

/// Connects and gets a session, the former one if the server still has it.
///
/// # Errors
/// There is none, for this reason.
pub(crate) async fn establish(config: &Config, resume: Option<sm::Resume>) -> Result<Established, ConnectError> {
    let Connected { stream: mut link, features, .. } = connect(config).await?;
    let limits = limits(&features);
    let mut dialogue = Dialogue { link: &mut link, patience: config.timing.connect_patience };
    let outcome = dialogue.negotiate(&features, config, resume).await?;
    Ok(Established { link, limits, outcome })
}

/// A line's limit by what the server announces (XEP-0478).
pub(crate) fn limits(features: &StreamFeatures) -> Limits {
    let announced = features.limits.as_ref().and_then(|limits| limits.max_bytes);
    let stanza = announced.and_then(|bytes| usize::try_from(bytes.get()).ok());
    let line = stanza.map_or(USUAL_LINE, |bytes| bytes.saturating_sub(OVERHEAD).min(LONGEST_LINE));
    Limits { max_message_len: line }
}

/// The talk before there is a session: one element is said, one is awaited.
pub(crate) struct Dialogue<'a> {
    pub(crate) link: &'a mut Link,
    pub(crate) patience: Duration,
}

/// An element, or one that could not be read and is named so.
enum Heard {
    Element(Box<XmppStreamElement>),
    Unreadable(String),
}

/// What comes after `<enable/>`.
enum Answer {
    /// Whether stream management is on.
    Enabled(Option<sm::Enabled>),
    Early(Box<Stanza>),
}

impl Dialogue<'_> {
    async fn negotiate(
        &mut self,
        features: &StreamFeatures,
        config: &Config,
        resume: Option<sm::Resume>,
    ) -> Result<Outcome, ConnectError> {
        let managed = features.stream_management.is_some();
        let counted = match resume {
            Some(resume) if managed => match self.resume(resume).await? {
                Ok(h) => return Ok(Outcome::Resumed { h }),
                Err(counted) => counted,
            },
            Some(_) | None => None,
        };
        let (bound, early) = self.begin(features, config.resource.clone()).await?;
        Ok(Outcome::Bound { bound, counted, early })
    }

    /// Gets a new session, under this resource if one is wanted, and what came before stream management was on.
    pub(crate) async fn begin(
        &mut self,
        features: &StreamFeatures,
        resource: Option<String>,
    ) -> Result<(Bound, Vec<Stanza>), ConnectError> {
        let jid = self.bind(resource).await?;
        let mut bound = Bound { jid, managed: false, resumption: None };
        let managed = features.stream_management.is_some();
        let early = if managed { self.enable(&mut bound).await? } else { Vec::new() };
        Ok((bound, early))
    }

    /// Returns the server's count, or that it has not got the session any more, with its last count if it knows it.
    async fn resume(&mut self, resume: sm::Resume) -> Result<Result<u32, Option<u32>>, ConnectError> {
        let previd = resume.previd.clone();
        self.say(XmppStreamElement::SM(sm::Nonza::Resume(resume))).await?;
        self.hear(|heard| match heard {
            Heard::Element(element) => match *element {
                XmppStreamElement::SM(sm::Nonza::Resumed(resumed)) if resumed.previd == previd => Some(Ok(resumed.h)),
                XmppStreamElement::SM(sm::Nonza::Failed(failed)) => Some(Err(failed.h)),
                _ => None,
            },
            // The parser insists on a count, which is optional.
            Heard::Unreadable(name) => (name == "failed").then_some(Err(None)),
        })
        .await
    }

    async fn bind(&mut self, resource: Option<String>) -> Result<xmpp_parsers::jid::FullJid, ConnectError> {
        const ID: &str = "bind";
        let answer = self.ask(ID, Iq::from_set(ID, BindQuery::new(resource))).await?;
        let answer = answer.and_then(|payload| BindResponse::try_from(payload).ok());
        answer.map(|answer| answer.jid).ok_or_else(|| OfflineReason::Server.into())
    }

    /// Asks something that is answered by an element; `None`: by an error, or by nothing.
    pub(crate) async fn ask(&mut self, wanted: &str, iq: Iq) -> Result<Option<Element>, ConnectError> {
        self.say(XmppStreamElement::Stanza(Stanza::Iq(iq))).await?;
        self.hear(|heard| match heard {
            Heard::Element(element) => match *element {
                XmppStreamElement::Stanza(Stanza::Iq(Iq::Result { id, payload, .. })) if id == wanted => Some(payload),
                XmppStreamElement::Stanza(Stanza::Iq(Iq::Error { id, .. })) if id == wanted => Some(None),
                _ => None,
            },
            Heard::Unreadable(_) => None,
        })
        .await
    }

    /// Returns the stanzas that came before the answer.
    async fn enable(&mut self, bound: &mut Bound) -> Result<Vec<Stanza>, ConnectError> {
        self.say(XmppStreamElement::SM(sm::Nonza::Enable(sm::Enable::new().with_resume()))).await?;
        let mut early = Vec::new();
        let enabled = loop {
            let answer = self
                .hear(|heard| match heard {
                    Heard::Element(element) => match *element {
                        XmppStreamElement::SM(sm::Nonza::Enabled(enabled)) => Some(Answer::Enabled(Some(enabled))),
                        XmppStreamElement::SM(sm::Nonza::Failed(_)) => Some(Answer::Enabled(None)),
                        XmppStreamElement::Stanza(stanza) => Some(Answer::Early(Box::new(stanza))),
                        _ => None,
                    },
                    Heard::Unreadable(name) => (name == "failed").then_some(Answer::Enabled(None)),
                })
                .await?;
            match answer {
                Answer::Enabled(enabled) => break enabled,
                Answer::Early(stanza) if early.len() < MAX_EARLY => early.push(*stanza),
                Answer::Early(_) => return Err(OfflineReason::Protocol.into()),
            }
        };
        if let Some(enabled) = enabled {
            bound.managed = true;
            bound.resumption = enabled.id.filter(|_| enabled.resume);
        }
        Ok(early)
    }

    async fn say(&mut self, element: XmppStreamElement) -> Result<(), ConnectError> {
        match timeout(self.patience, self.link.send(&element)).await {
            Ok(sent) => sent.map_err(|error| of_io(&error)),
            Err(_) => Err(OfflineReason::Timeout.into()),
        }
    }

    /// Waits for an element of interest.
    async fn hear<T>(&mut self, mut wanted: impl FnMut(Heard) -> Option<T>) -> Result<T, ConnectError> {
        for _ in 0..MAX_STRAY {
            let heard = match timeout(self.patience, self.link.next()).await {
                Err(_) => return Err(OfflineReason::Timeout.into()),
                Ok(None) => return Err(OfflineReason::Lost.into()),
                Ok(Some(Err(error))) => return Err(of_read_error(&error)),
                Ok(Some(Ok(FallibleStreamElement::Ok(XmppStreamElement::StreamError(error))))) => {
                    return Err(of_stream_error(&error.0));
                }
                Ok(Some(Ok(FallibleStreamElement::Ok(element)))) => Heard::Element(Box::new(element)),
                Ok(Some(Ok(FallibleStreamElement::Err(error)))) => Heard::Unreadable(match error {
                    StreamElementError::InvalidNonza { qname, .. } => qname.1.to_string(),
                    StreamElementError::InvalidStanza { .. } => String::new(),
                }),
            };
            if let Some(found) = wanted(heard) {
                return Ok(found);
            }
        }
        Err(OfflineReason::Protocol.into())
    }
}
