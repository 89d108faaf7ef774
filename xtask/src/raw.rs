//! An XMPP client that knows next to nothing: it logs in, sends what it is told, and shows what comes, byte for byte.
//!
//! TLS is done by the program `openssl`, so that nothing of ours is between the test and the wire.

use std::io::{Read as _, Write as _};
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;

use crate::process::{Guard, guarded};
use crate::servers::Server;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream to a server. Dropping it drops the connection.
#[derive(Debug)]
pub struct Raw {
    process: Guard,
    stdin: ChildStdin,
    bytes: Receiver<Vec<u8>>,
    complaints: Receiver<String>,
    elements: Elements,
    jid: String,
    features: String,
}

impl Raw {
    /// A stream over TLS, before anybody has logged in. It begins with the features of the server.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or its certificate is not what it should be.
    pub fn open(server: &Server, direct_tls: bool) -> Result<Self> {
        let (host, mut port) = server.host_port();
        let mut command = guarded("openssl");
        command.args(["s_client", "-quiet", "-verify_quiet", "-verify_return_error"]);
        command.args(["-verify_hostname", server.domain(), "-servername", server.domain()]);
        command.arg("-CAfile").arg(server.ca_file());
        if direct_tls {
            port = server.direct_tls_port();
        } else {
            command.args(["-starttls", "xmpp", "-xmpphost", server.domain()]);
        }
        command.args(["-connect", &format!("{host}:{port}")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Guard::spawn("openssl", command)?;
        let stdin = process.take_stdin().context("no standard input")?;
        let mut stdout = process.take_stdout().context("no standard output")?;
        let (sender, bytes) = channel();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = stdout.read(&mut part) {
                if sender.send(part.get(..read).unwrap_or_default().to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut stderr = process.take_stderr().context("no standard error")?;
        let (sender, complaints) = channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            let _ = sender.send(text);
        });
        let mut raw = Self {
            process,
            stdin,
            bytes,
            complaints,
            elements: Elements::default(),
            jid: String::new(),
            features: String::new(),
        };
        // If the program has ended already, the first element that is waited for tells why.
        let _ = raw.begin(server);
        Ok(raw)
    }

    /// Logs in by PLAIN and binds a resource; sends no presence.
    ///
    /// # Errors
    ///
    /// As [`Raw::open`], or the server refuses.
    pub fn login(server: &Server, account: &str, resource: &str) -> Result<Self> {
        let mut raw = Self::authenticate(server, account)?;
        raw.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource>\
             </bind></iq>"
        ))?;
        let bound = raw.wait_for(|stanza| stanza.contains("<jid>"))?;
        let jid = bound.split(['<', '>']).skip_while(|part| *part != "jid").nth(1);
        jid.context("no JID in the answer")?.clone_into(&mut raw.jid);
        Ok(raw)
    }

    /// Logs in by PLAIN and binds nothing: a stream may be resumed now.
    ///
    /// # Errors
    ///
    /// As [`Raw::login`].
    pub fn authenticate(server: &Server, account: &str) -> Result<Self> {
        let mut raw = Self::open(server, false)?;
        raw.features()?;
        let secret = format!("\0{account}\0{}", server.password(account));
        let secret = base64::engine::general_purpose::STANDARD.encode(secret);
        raw.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>"))?;
        let answer = raw.element()?;
        if !answer.starts_with("<success") {
            bail!("{account} cannot log in: {answer}");
        }
        raw.begin(server)?;
        raw.features = raw.features()?;
        Ok(raw)
    }

    /// The full JID that the server gave.
    #[must_use]
    pub fn jid(&self) -> &str {
        &self.jid
    }

    /// What the server offered after the login; empty before.
    #[must_use]
    pub fn features_when_bound(&self) -> &str {
        &self.features
    }

    /// Sends anything.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub fn send(&mut self, xml: &str) -> Result<()> {
        self.stdin.write_all(xml.as_bytes())?;
        self.stdin.flush()?;
        Ok(())
    }

    /// The next element that the server sends on the first level: a stanza, an acknowledgement, an error.
    ///
    /// # Errors
    ///
    /// Nothing comes in time, or the stream has ended.
    pub fn element(&mut self) -> Result<String> {
        self.element_within(PATIENCE)
    }

    /// As [`Raw::element`], with another patience.
    ///
    /// # Errors
    ///
    /// As [`Raw::element`].
    pub fn element_within(&mut self, patience: Duration) -> Result<String> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(element) = self.elements.take() {
                return Ok(element);
            }
            match self.bytes.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.elements.push(&bytes),
                Err(RecvTimeoutError::Timeout) => bail!("{}: nothing came in {patience:?}", self.jid),
                Err(RecvTimeoutError::Disconnected) => {
                    let complaints = self.complaints.recv_timeout(PATIENCE).unwrap_or_default();
                    bail!("{}: the stream has ended; openssl says: {}", self.jid, complaints.trim())
                }
            }
        }
    }

    /// The next element for which the answer is yes; those before it are thrown away.
    ///
    /// # Errors
    ///
    /// It does not come in time; the error has what came instead.
    pub fn wait_for(&mut self, mut is_it: impl FnMut(&str) -> bool) -> Result<String> {
        let mut others = Vec::new();
        loop {
            let element = self.element().with_context(|| format!("instead came {others:?}"))?;
            if is_it(&element) {
                return Ok(element);
            }
            others.push(element);
        }
    }

    /// The features that the server offers at this stage.
    ///
    /// # Errors
    ///
    /// They do not come in time.
    pub fn features(&mut self) -> Result<String> {
        self.wait_for(|element| element.starts_with("<stream:features"))
    }

    /// Drops the connection without a word, as the end of a process does.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub fn kill(self) -> Result<()> {
        self.process.kill()
    }

    fn begin(&mut self, server: &Server) -> Result<()> {
        self.elements = Elements::default();
        self.send(&format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xml:lang='en' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            server.domain()
        ))
    }
}

/// Cuts what comes into the elements below `<stream:stream>`, without looking into them.
#[derive(Debug, Default)]
struct Elements {
    bytes: Vec<u8>,
    /// How far the tags have been read.
    read: usize,
    /// Where the present element begins.
    start: usize,
    depth: usize,
}

impl Elements {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn take(&mut self) -> Option<String> {
        while let Some((begin, end)) = self.next_tag() {
            let tag = self.bytes.get(begin..end).unwrap_or_default();
            self.read = end;
            if tag.starts_with(b"<?") {
                continue;
            }
            if self.depth == 1 && !tag.starts_with(b"</") {
                self.start = begin;
            }
            if tag.starts_with(b"</") {
                self.depth = self.depth.saturating_sub(1);
            } else if !tag.ends_with(b"/>") {
                self.depth += 1;
                if self.depth == 1 {
                    continue;
                }
            }
            if self.depth == 1 {
                let element = self.bytes.get(self.start..end).unwrap_or_default();
                let element = String::from_utf8_lossy(element).into_owned();
                self.bytes.drain(..end);
                self.read = 0;
                return Some(element);
            }
        }
        None
    }

    /// The next whole tag: `>` inside quotes does not end it.
    fn next_tag(&self) -> Option<(usize, usize)> {
        let rest = self.bytes.get(self.read..)?;
        let begin = rest.iter().position(|byte| *byte == b'<')?;
        let mut quote = None;
        for (at, byte) in rest.iter().enumerate().skip(begin) {
            match (quote, byte) {
                (None, b'>') => return Some((self.read + begin, self.read + at + 1)),
                (None, b'\'' | b'"') => quote = Some(*byte),
                (Some(open), byte) if open == *byte => quote = None,
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_its_elements_however_it_arrives() {
        let stream = "<?xml version='1.0'?><stream:stream id='>'><stream:features><a/><b>x</b></stream:features>\n\
                      <r xmlns='urn:xmpp:sm:3'/><message to=\"'>\"><body>&lt;é</body></message></stream:stream>";
        for size in [1, 2, 7, 1000] {
            let mut elements = Elements::default();
            let mut found = Vec::new();
            for part in stream.as_bytes().chunks(size) {
                elements.push(part);
                found.extend(std::iter::from_fn(|| elements.take()));
            }
            let expected = [
                "<stream:features><a/><b>x</b></stream:features>",
                "<r xmlns='urn:xmpp:sm:3'/>",
                "<message to=\"'>\"><body>&lt;é</body></message>",
            ];
            assert_eq!(found, expected, "in parts of {size}");
        }
    }
}
