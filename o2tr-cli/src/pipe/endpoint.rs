//! One conversation, its store and its caller.

use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use o2tr::conversation::{Commit, Conversation, Event, Output, Privacy, Transmission};
use o2tr::settings::Settings;
use o2tr::transport::Evidence;
use o2tr_ekm::Quarantine;
use otr_core::Identity;
use rand_core::UnwrapErr;

use super::clock::Clock;
use super::command::{self, Command, Order};
use super::report::{Report, Reporter};
use super::translate;
use crate::args::PipeArguments;
use crate::failure::Failure;
use crate::fault;
use crate::state::{Creation, Files, Opening, Passphrase, Source, State, ephemeral};

/// More rounds than timers can follow from each other.
const MAX_ROUNDS: usize = 1000;

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There may be more lines.
    Line,
    /// The caller has said `quit`.
    Quit,
}

/// The endpoint.
pub(super) struct Endpoint {
    conversation: Conversation,
    identity: Arc<Identity>,
    /// `None`: nothing is kept.
    state: Option<State>,
    peer: String,
    quarantine: Option<Quarantine>,
    auto_ack: bool,
    mtu: usize,
    clock: Clock,
    rng: UnwrapErr<SysRng>,
    reporter: Reporter,
    /// Writing has failed: whoever read our lines is gone.
    reader_is_gone: bool,
}

impl Endpoint {
    /// Opens everything, says `ready`, and repeats what is unfinished from the last time.
    ///
    /// # Errors
    /// [`Failure`]; `ready` was not said unless the store failed behind it.
    pub(super) fn start(arguments: &PipeArguments) -> Result<Self, Failure> {
        let mut rng = UnwrapErr(SysRng);
        let mut clock = Clock::default();
        let settings = arguments.settings(Settings::default());
        let (name, peer) = names(arguments)?;
        let files = Files { key: arguments.libotr_key.as_deref(), instance: arguments.libotr_instag.as_deref() };
        let (state, identity, conversation, quarantine) = match &arguments.state {
            None => {
                let identity = ephemeral(&Source { name, files, import: None }, &mut rng)?;
                let conversation = Conversation::new(Arc::clone(&identity), settings);
                (None, identity, conversation, None)
            }
            Some(directory) => {
                let passphrase = Passphrase::or(
                    arguments.passphrase_file.as_deref(),
                    arguments.passphrase_command.as_deref(),
                    Passphrase::None,
                );
                let opening = Opening { directory, passphrase, files };
                let creation = Creation { account: name, backend: arguments.store, key: None };
                let mut state = State::open_or_create(&opening, &creation, Some(peer), &mut rng)?;
                for warning in state.warnings() {
                    anstream::eprintln!("o2tr: {}: {warning}", directory.display());
                }
                let identity = Arc::clone(state.identity());
                let (conversation, quarantine) = state.conversation(peer, settings, clock.now(), &mut rng)?;
                (Some(state), identity, conversation, quarantine)
            }
        };
        let mut endpoint = Self {
            conversation,
            identity,
            state,
            peer: peer.to_owned(),
            quarantine,
            auto_ack: !arguments.no_auto_ack,
            mtu: arguments.mtu,
            clock,
            rng,
            reporter: Reporter::default(),
            reader_is_gone: false,
        };
        // A store that does not take the first commit is a refused start.
        let first = endpoint.commit_up_to_output()?;
        endpoint.say_ready();
        let told = matches!(first, Some(Output::Event(Event::Quarantined)));
        if let Some(first) = first {
            endpoint.carry_out(first)?;
        }
        if endpoint.conversation.view().quarantined && !told {
            endpoint.report(&Report::Quarantined { reason: translate::quarantine_word(quarantine) });
        }
        endpoint.drain()?;
        Ok(endpoint)
    }

    /// In how long a timer is due.
    pub(super) fn next_due(&mut self) -> Option<Duration> {
        let now = self.clock.now();
        self.conversation.poll_timeout().map(|due| due.since(now))
    }

    /// Whether nobody reads what we write.
    pub(super) const fn reader_is_gone(&self) -> bool {
        self.reader_is_gone
    }

    /// Lets every timer run that is due.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn run_timers(&mut self) -> Result<(), Failure> {
        for _ in 0..MAX_ROUNDS {
            let now = self.clock.now();
            if self.conversation.poll_timeout().is_none_or(|due| due > now) {
                break;
            }
            self.conversation.handle_timeout(now, &mut self.rng);
            self.drain()?;
        }
        Ok(())
    }

    /// Takes a line of the caller, and answers it.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn handle_line(&mut self, line: &[u8]) -> Result<Next, Failure> {
        match command::parse(line) {
            Ok(Order { name, command: Command::Quit, .. }) => {
                self.close()?;
                self.report(&Report::Done { cmd: &name });
                Ok(Next::Quit)
            }
            Ok(Order { name, command, .. }) => {
                self.obey(command)?;
                self.drain()?;
                self.report(&Report::Done { cmd: &name });
                Ok(Next::Line)
            }
            Err(malformed) => {
                self.report(&Report::Error { code: "usage", msg: &malformed.fault });
                self.report(&Report::Done { cmd: &malformed.name });
                Ok(Next::Line)
            }
        }
    }

    /// Answers a line that was not even read.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn refuse_line(&mut self, why: &str) -> Result<(), Failure> {
        self.report(&Report::Error { code: "usage", msg: why });
        self.report(&Report::Done { cmd: "" });
        Ok(())
    }

    /// Leaves, keeping the session.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn close(&mut self) -> Result<(), Failure> {
        self.drain()?;
        self.state.take().map_or(Ok(()), State::close)
    }

    fn obey(&mut self, command: Command) -> Result<(), Failure> {
        let now = self.clock.now();
        let Self { conversation, rng, .. } = self;
        match command {
            Command::Query => conversation.start(now, rng),
            Command::Recv { msg, delayed, archived } => {
                let evidence = Evidence { delayed, archived, ..Evidence::LIVE };
                conversation.handle_delivery(msg.as_bytes(), &evidence, now, rng);
            }
            Command::Send { text, id } => {
                if let Err(refusal) = conversation.send(text.as_bytes(), id, now, rng) {
                    self.refuse(&refusal);
                }
            }
            Command::Ack { id } => conversation.acknowledge(id),
            Command::SmpStart { secret, question } => {
                let question = question.as_deref().map(str::as_bytes);
                if let Err(refusal) = conversation.start_smp(secret.as_bytes(), question, now, rng) {
                    self.report(&Report::Error { code: "smp", msg: &refusal.to_string() });
                }
            }
            Command::SmpRespond { secret } => {
                if let Err(refusal) = conversation.respond_smp(secret.as_bytes(), now, rng) {
                    self.report(&Report::Error { code: "smp", msg: &refusal.to_string() });
                }
            }
            Command::SmpAbort => {
                if let Err(refusal) = conversation.abort_smp(now, rng) {
                    self.report(&Report::Error { code: "smp", msg: &refusal.to_string() });
                }
            }
            Command::SymKey { usage, data } => {
                if let Err(refusal) = conversation.use_extra_key(usage, &data, now, rng) {
                    self.report(&Report::Error { code: "symkey", msg: &refusal.to_string() });
                }
            }
            Command::End => {
                let was_private = conversation.view().privacy != Privacy::Plaintext;
                conversation.end(now, rng);
                self.drain()?;
                if was_private {
                    self.report(&Report::Insecure);
                }
            }
            Command::Trust { fingerprint, verified } => {
                conversation.set_trust(fingerprint, translate::trust_level(verified), now, rng);
            }
            Command::Release => conversation.release(now, rng),
            Command::Outbox => {
                let items = conversation.outbox().into_iter().map(translate::outbox_item).collect();
                self.report(&Report::Outbox { items });
            }
            Command::Cancel { id } => {
                if let Err(refusal) = conversation.cancel(&id, now, rng) {
                    self.refuse(&refusal);
                }
            }
            Command::Clear { text } => {
                if let Err(refusal) = conversation.send_clear(text.as_bytes(), now, rng) {
                    self.refuse(&refusal);
                }
            }
            Command::Peer { online } => conversation.handle_presence(online, now, rng),
            Command::State => {
                let state = translate::state(&conversation.view(), self.identity.instance());
                self.report(&Report::State(state));
            }
            Command::Mtu { value } => self.mtu = value,
            Command::Poll { now: moment } => {
                if let Some(moment) = moment {
                    self.clock.skip_to(moment);
                }
                // The caller has nothing more from the network: what waited there has arrived.
                let now = self.clock.now();
                self.conversation.handle_caught_up(now, &mut self.rng);
                self.drain()?;
                self.run_timers()?;
            }
            Command::Subscribe => self.report(&Report::Error {
                code: "usage",
                msg: "`subscribe` is for a network: the caller is the network here",
            }),
            // Handled by the caller of this function.
            Command::Quit => {}
        }
        Ok(())
    }

    fn refuse(&mut self, refusal: &o2tr::conversation::SendError) {
        let code = translate::refusal_code(refusal);
        self.report(&Report::Error { code, msg: &refusal.to_string() });
    }

    fn say_ready(&mut self) {
        let privacy = self.conversation.view().privacy;
        self.report(&Report::Ready {
            implementation: concat!("o2tr ", env!("CARGO_PKG_VERSION")),
            fingerprint: format!("{:x}", self.identity.fingerprint()),
            instance: self.identity.instance().get(),
            state: translate::privacy_word(privacy),
            restored: privacy != Privacy::Plaintext,
        });
    }

    /// Carries out everything that is there.
    fn drain(&mut self) -> Result<(), Failure> {
        while let Some(output) = self.commit_up_to_output()? {
            self.carry_out(output)?;
        }
        Ok(())
    }

    /// Makes commits durable up to the first output that leaves the process.
    fn commit_up_to_output(&mut self) -> Result<Option<Output>, Failure> {
        loop {
            match self.conversation.poll_output() {
                Some(Output::Commit(commit)) => self.commit(commit)?,
                Some(output) => return Ok(Some(output)),
                None if self.conversation.is_poisoned() => {
                    return Err(Failure::new(
                        crate::failure::Kind::Store,
                        "store",
                        "the conversation cannot be stored any more. Nothing left that was not stored; start again.",
                    ));
                }
                None => return Ok(None),
            }
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<(), Failure> {
        fault::pass("before-commit");
        let done = match &mut self.state {
            Some(state) => state.commit(&self.peer, commit),
            None => Ok(()),
        };
        match done {
            Ok(()) => self.conversation.commit_done(),
            Err(_) => self.conversation.commit_failed(),
        }
        fault::pass("after-commit");
        done
    }

    fn carry_out(&mut self, output: Output) -> Result<(), Failure> {
        match output {
            Output::Commit(commit) => self.commit(commit)?,
            Output::Transmit(transmission) => self.transmit(&transmission),
            Output::Event(event) => self.tell(&event),
        }
        Ok(())
    }

    fn transmit(&mut self, transmission: &Transmission) {
        fault::pass("before-transmit");
        // What cannot be cut leaves whole.
        let pieces = transmission.split(self.mtu).unwrap_or_else(|_| vec![transmission.line.clone()]);
        for piece in pieces {
            self.report(&Report::Inject { msg: &String::from_utf8_lossy(&piece) });
        }
        fault::pass("after-transmit");
        if !self.reader_is_gone {
            self.conversation.transmitted(transmission.id);
        }
    }

    fn tell(&mut self, event: &Event) {
        fault::pass("before-event");
        let view = self.conversation.view();
        let reporter = &mut self.reporter;
        let now = translate::Circumstances::of(&view, self.quarantine);
        let told = translate::tell(event, &now, |report| reporter.report(report));
        self.reader_is_gone |= told.is_err();
        fault::pass("after-event");
        if self.auto_ack
            && !self.reader_is_gone
            && let Some(id) = event.id()
        {
            self.conversation.acknowledge(id);
        }
    }

    fn report(&mut self, report: &Report<'_>) {
        self.reader_is_gone |= self.reporter.report(report).is_err();
    }
}

/// Our account and the one peer.
fn names(arguments: &PipeArguments) -> Result<(&str, &str), Failure> {
    if let Some(option) = arguments.server.given().or_else(|| arguments.password.given()) {
        return Err(Failure::usage(format!("{option} needs --xmpp or --account")));
    }
    match (&arguments.name, arguments.peer.as_slice()) {
        (Some(name), [peer]) => Ok((name, peer)),
        _ => Err(Failure::usage("without a network there is one --name and one --peer")),
    }
}
