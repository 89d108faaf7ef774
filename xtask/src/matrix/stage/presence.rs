//! Who comes and who goes: our process, the server, and what each has to know of it.

use anyhow::{Result, bail};
use serde_json::json;
use xtask::raw::Raw;

use super::super::cell::Fault;
use super::end::{Pipe, Them};
use super::{Between, Side, Stage};

impl Stage<'_> {
    /// Our process leaves: in order, or by a signal that it cannot catch.
    pub(in super::super) fn leave(&mut self, killed: bool) -> Result<()> {
        if self.away {
            return Ok(());
        }
        self.note(if killed { "we are killed" } else { "we quit" });
        if !killed {
            self.command(Side::Us, json!({"cmd": "quit"}))?;
        }
        self.us.process.terminate()?;
        self.away = true;
        Ok(())
    }

    /// Our process is started again on what it has kept.
    pub(in super::super) fn come_back(&mut self) -> Result<()> {
        let marks = [self.us.said.len(), self.them.pipe().map_or(0, |pipe| pipe.said.len())];
        let server = match &self.between {
            Between::Wire(_) => None,
            Between::Server(server) => Some(&**server),
        };
        let Pipe { process, .. } = self.launch.ours(server)?;
        self.us.process = process;
        self.away = false;
        self.started = marks[0];
        let ready = format!("we are back: {:?}", self.us.process.ready());
        self.note(&ready);
        if self.is_online() { self.see_us(marks[0]) } else { Ok(()) }
    }

    /// The fault of the cell strikes, if it is one that strikes at a moment.
    pub(in super::super) fn strike(&mut self) -> Result<()> {
        match self.cell.fault {
            Fault::Kill => {
                self.leave(true)?;
                self.come_back()
            }
            Fault::Server => self.restart_server(),
            Fault::None | Fault::Lost | Fault::Twice | Fault::Reordered => Ok(()),
        }
    }

    /// Waits until the server has what a program has sent: somebody else has got what it sent after that.
    pub(in super::super) fn sync_with_server(&mut self) -> Result<()> {
        let (Between::Server(server), Them::Program(program, _)) = (&self.between, &mut self.them) else {
            // O2TR keeps a copy until the other end has read it.
            return Ok(());
        };
        let mut witness = Raw::login(server, "carol", "witness")?;
        witness.send("<presence/>")?;
        program.send(&server.jid("carol"), "has it all arrived?")?;
        witness.wait_for(|element| element.contains("has it all arrived?"))?;
        self.note("the server has what the peer has sent");
        Ok(())
    }

    /// The server is killed and comes back; so do those who were logged in.
    pub(in super::super) fn restart_server(&mut self) -> Result<()> {
        let marks = [self.us.said.len(), self.them.pipe().map_or(0, |pipe| pipe.said.len())];
        self.note("the server is killed");
        let Between::Server(server) = &mut self.between else { bail!("there is no server") };
        server.restart()?;
        self.note("the server is back");
        self.log_in(marks)
    }

    /// Both are logged in, and we see the peer.
    pub(super) fn log_in(&mut self, marks: [usize; 2]) -> Result<()> {
        if matches!(self.them, Them::Pipe(_)) {
            self.until("the peer to be logged in", |stage| {
                Ok(stage.them.pipe().is_some_and(|pipe| pipe.has(marks[1], "caught_up")).then_some(()))
            })?;
        }
        if self.away { Ok(()) } else { self.see_us(marks[0]) }
    }

    fn see_us(&mut self, mark: usize) -> Result<()> {
        self.until("us to be logged in and see the peer", |stage| {
            Ok((stage.us.has(mark, "caught_up") && stage.us.sees(mark)).then_some(()))
        })
    }
}
