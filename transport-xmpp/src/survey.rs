//! A look at an account's server: how safe the connection is and what it can do. Nobody is told that we are there, and no
//! message comes.

use core::time::Duration;
use std::collections::BTreeSet;

use o2tr::transport::OfflineReason;
use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::ns;

use crate::config::Config;
use crate::connect::{Connected, Safety, connect};
use crate::error::ConnectError;
use crate::negotiate::{Dialogue, limits};

/// That the server keeps messages for accounts that are away (XEP-0160, section 4).
const OFFLINE: &str = "msgoffline";

/// How long a server may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(5);

/// What was found. The texts are from a table of this crate or of the TLS library, not from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Survey {
    /// The version of TLS.
    pub tls: String,
    /// The cipher suite.
    pub cipher: String,
    /// How we logged in (SASL).
    pub mechanism: String,
    /// The login is bound to this very connection: nobody in between can use it.
    pub bound: bool,
    /// The server says which stanzas it has (XEP-0198): none is lost with a connection.
    pub stream_management: bool,
    /// A lost connection can go on where it broke (XEP-0198, section 5).
    pub resumption: bool,
    /// The longest line that fits, in bytes.
    pub max_message_len: usize,
    /// The server keeps messages while the account is away (XEP-0160). Servers may do so without saying so.
    pub offline: bool,
    /// The account has an archive of messages (XEP-0313).
    pub archive: bool,
    /// Other devices get copies (XEP-0280).
    pub carbons: bool,
}

/// Logs in beside the account's devices, looks, and leaves.
///
/// # Errors
/// Why there was no connection, or why it ended.
pub async fn survey(config: &Config) -> Result<Survey, OfflineReason> {
    look(config).await.map_err(ConnectError::reason)
}

async fn look(config: &Config) -> Result<Survey, ConnectError> {
    let Connected { stream: mut link, features, safety } = connect(config).await?;
    let Safety { tls, cipher, mechanism, bound } = safety;
    let mut dialogue = Dialogue { link: &mut link, patience: config.timing.connect_patience };
    let (session, _) = dialogue.begin(&features, None).await?;
    let account = session.jid.to_bare();
    let server = dialogue.features("server", Jid::from(account.domain().to_owned())).await?;
    let own = dialogue.features("account", Jid::from(account)).await?;
    let survey = Survey {
        tls,
        cipher,
        mechanism,
        bound,
        stream_management: session.managed,
        resumption: session.resumption.is_some(),
        max_message_len: limits(&features).max_message_len,
        offline: server.contains(OFFLINE),
        archive: own.contains(ns::MAM) || server.contains(ns::MAM),
        carbons: server.contains(ns::CARBONS),
    };
    // A server that does not say good-bye has nothing of ours.
    let _ = tokio::time::timeout(FAREWELL, link.shutdown()).await;
    Ok(survey)
}

impl Dialogue<'_> {
    /// What an entity says that it can do (XEP-0030, section 3.1); nothing, if it does not answer that.
    async fn features(&mut self, id: &str, of: Jid) -> Result<BTreeSet<String>, ConnectError> {
        let answer = self.ask(id, Iq::from_get(id, DiscoInfoQuery { node: None }).with_to(of)).await?;
        Ok(answer
            .and_then(|payload| DiscoInfoResult::try_from(payload).ok())
            .map_or_else(BTreeSet::new, |info| info.features))
    }
}
