//! The actions of a plan.

use core::time::Duration;

use o2tr::conversation::{Conversation, OutboxView};
use o2tr_ekm::media::Fault;
use o2tr_ekm::record::TrustLevel;
use otr_core::{State, Timestamp};

use super::World;
use crate::device::{Device, Fuse, policy};
use crate::disk::Loss;
use crate::invariants::Check;
use crate::plan::Action;
use crate::randomness::Randomness;

/// Devices, clones included.
const MOST_DEVICES: usize = 8;

impl World {
    /// Does one action. One that makes no sense now does nothing.
    pub(crate) fn apply(&mut self, action: &Action) -> Check {
        self.tell(|| format!("{action:?}"));
        match *action {
            Action::Wait(millis) => return self.run_for(millis),
            Action::Send(d, length) => self.send(d, length)?,
            Action::SendClear(d) => self.send_clear(d)?,
            Action::Ask(d) => {
                self.plain(d, |peer, _, _| peer.start());
                self.act(d, |conversation, now, rng| conversation.start(now, rng))?;
            }
            Action::End(d) => {
                self.plain(d, |peer, now, _| peer.end(now));
                self.act(d, |conversation, now, rng| conversation.end(now, rng))?;
            }
            Action::Forget(d) => self.act(d, |conversation, now, rng| conversation.expire_now(now, rng))?,
            Action::Cancel(d) => self.cancel(d)?,
            Action::Release(d) => self.act(d, |conversation, now, rng| conversation.release(now, rng))?,
            Action::Trust(d) => self.act(d, |conversation, now, rng| {
                if let Some(session) = conversation.view().session {
                    conversation.set_trust(session.fingerprint, TrustLevel::Verified, now, rng);
                }
            })?,
            Action::Smp(d, right) => self.smp(d, right)?,
            Action::AbortSmp(d) => self.act(d, |conversation, now, rng| {
                let _ = conversation.abort_smp(now, rng);
            })?,
            Action::ExtraKey(d) => self.act(d, |conversation, now, rng| {
                let _ = conversation.use_extra_key(7, b"file", now, rng);
            })?,
            Action::Threshold(d, k) => self.set(d, |device| {
                device.settings.threshold = k;
                device.watch.k = k;
            }),
            Action::Require(d, requires) => self.set(d, |device| device.settings.policy = policy(requires)),
            Action::Take(d) => self.take(d)?,
            Action::Fuse(d, left, loss, down) => {
                if let Some(device) = self.device(d) {
                    device.fuse = Some(Fuse { left, loss, down });
                }
            }
            Action::Kill(d, loss, down) => {
                if self.device(d).is_some_and(|device| device.program.is_some()) {
                    self.die(d, loss, down);
                }
            }
            Action::Close(d, down) => self.close(d, down)?,
            Action::DiskCrash(d, at, loss, down) => self.break_disk(d, Fault::Crash(at), loss, down),
            Action::DiskFull(d, from) => self.break_disk(d, Fault::Full(from), Loss::Nothing, 0),
            Action::SyncFails(d, from) => self.break_disk(d, Fault::Sync(from), Loss::Nothing, 0),
            Action::Backup(d) => self.back_up(d)?,
            Action::RestoreRows(d) => self.restore(d, false)?,
            Action::RestoreCopy(d) => self.restore(d, true)?,
            Action::Clone(d) => self.clone_device(d, false)?,
            Action::Twin(d) => self.clone_device(d, true)?,
            Action::Cut(d, back) => {
                if let Some(device) = self.devices.get(d) {
                    self.server.cut(device.id, Some(Duration::from_millis(back)));
                }
            }
            Action::Clock(d, by) => {
                if let Some(device) = self.device(d) {
                    device.clock += by;
                }
            }
            Action::Weather(ref weather) => self.set_weather(weather),
            Action::Replay(d, which, stamped) => self.replay(d, which, stamped),
            Action::Forge(d, which) => self.forge(d, which),
            Action::ForgeRevealed(d, which) => self.forge_revealed(d, which),
            Action::Inject(d, what) => self.inject(d, what),
            Action::Intrude(d) => self.intrude(d)?,
        }
        self.run_for(0)
    }

    /// A wish of the user.
    pub(super) fn act(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Conversation, Timestamp, &mut Randomness),
    ) -> Check {
        self.turn(index, act)?;
        Ok(())
    }

    pub(super) fn send(&mut self, index: usize, length: usize) -> Check {
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if device.program.is_none() {
            return Ok(());
        }
        device.texts += 1;
        let id = format!("{index}-{}", device.texts);
        let text = format!("text {id} {}", "x".repeat(length.saturating_sub(8)));
        if device.legacy {
            // Whoever has a private conversation says nothing in clear.
            self.plain(index, |peer, now, _| {
                if peer.state() == State::Encrypted {
                    let _ = peer.send(text.as_bytes(), now);
                }
            });
            return Ok(());
        }
        device.watch.texts.insert(id.clone(), text.clone());
        let name = Some(id.clone());
        let generation = device.generation;
        let taken = self.turn(index, |conversation, now, rng| conversation.send(text.as_bytes(), name, now, rng))?;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        // Not taken, or the process died before the text was stored: it never was.
        let stored = device.generation > generation || device.pending.is_some();
        if matches!(taken, Some(Err(_))) || (taken.is_none() && !stored) {
            device.watch.never_taken(&id);
        }
        Ok(())
    }

    fn send_clear(&mut self, index: usize) -> Check {
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        device.texts += 1;
        let text = format!("in clear {index}-{}", device.texts).into_bytes();
        device.watch.commanded.insert(text.clone());
        self.act(index, |conversation, now, rng| drop(conversation.send_clear(&text, now, rng)))
    }

    fn cancel(&mut self, index: usize) -> Check {
        let Some(conversation) = self.device(index).and_then(Device::conversation) else { return Ok(()) };
        let waits = |text: &OutboxView| !text.in_flight;
        let Some(id) = conversation.outbox().into_iter().find(waits).map(|text| text.id) else { return Ok(()) };
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        let generation = device.generation;
        // The user has said so, whatever the process comes to; if it was not stored, the text is still there.
        device.watch.cancelled(&id);
        let name = id.clone();
        let done = self.turn(index, |conversation, now, rng| conversation.cancel(&name, now, rng))?;
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if done.is_none() && device.generation == generation {
            device.watch.not_cancelled(&id);
        }
        Ok(())
    }

    fn smp(&mut self, index: usize, right: bool) -> Check {
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        let asked = core::mem::take(&mut device.smp_asked);
        let secret: &[u8] = if right { b"the secret" } else { b"another" };
        self.act(index, |conversation, now, rng| {
            if asked {
                let _ = conversation.respond_smp(secret, now, rng);
            } else {
                let _ = conversation.start_smp(secret, None, now, rng);
            }
        })
    }

    /// Changes how a device behaves.
    fn set(&mut self, index: usize, change: impl FnOnce(&mut Device)) {
        let Some(device) = self.devices.get_mut(index) else { return };
        change(device);
        let settings = device.settings.clone();
        if let Some(conversation) = device.conversation() {
            conversation.set_settings(settings);
        }
    }

    pub(super) fn take(&mut self, index: usize) -> Check {
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        let ids = core::mem::take(&mut device.untaken);
        self.act(index, |conversation, _, _| ids.into_iter().for_each(|id| conversation.acknowledge(id)))
    }

    fn close(&mut self, index: usize, down: u64) -> Check {
        // What is to be erased is erased first, as a vault does that is closed.
        if !self.flush(index)? {
            return Ok(());
        }
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if device.program.is_some() {
            self.server.close(device.id);
            self.die(index, Loss::Nothing, down);
        }
        Ok(())
    }

    fn break_disk(&mut self, index: usize, fault: Fault, loss: Loss, down: u64) {
        let Some(device) = self.devices.get_mut(index).filter(|device| !device.legacy) else { return };
        device.disk.fail(Some(fault));
        device.disk_fuse = (loss, down);
    }

    fn back_up(&mut self, index: usize) -> Check {
        if !self.flush(index)? {
            return Ok(());
        }
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if device.pending.is_none() && device.program.is_some() {
            device.backup = Some((device.disk.copied(), device.generation));
        }
        Ok(())
    }

    /// The backup comes in place of what is there: its rows, or a copy of all of it.
    fn restore(&mut self, index: usize, whole: bool) -> Check {
        if !self.flush(index)? {
            return Ok(());
        }
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        let Some((backup, _)) = device.backup.clone() else { return Ok(()) };
        if device.program.is_none() {
            return Ok(());
        }
        self.die(index, Loss::Nothing, 0);
        let Some(device) = self.devices.get_mut(index) else { return Ok(()) };
        if whole {
            device.disk = backup.copied();
        } else {
            device.disk.restore_rows(&backup);
        }
        (device.tampered, device.moved) = (true, true);
        self.start(index)
    }

    /// The store is copied and started elsewhere, under the same account and tag.
    fn clone_device(&mut self, index: usize, unnoticed: bool) -> Check {
        if self.devices.len() >= MOST_DEVICES || !self.flush(index)? {
            return Ok(());
        }
        let number = self.devices.len();
        let seed = self.seed;
        let Some(device) = self
            .devices
            .get(index)
            .filter(|device| !device.legacy && device.program.is_some() && device.original.is_none())
        else {
            return Ok(());
        };
        let own = o2tr::transport::PeerId::new(if device.account == 0 { "alice" } else { "bob" });
        let id = self.server.add_device(&own, &format!("device-{number}"));
        let mut clone = device.cloned(id, Randomness::new(seed, number as u64));
        clone.original = Some(index);
        if unnoticed {
            clone.disk = device.disk.twin();
            (clone.tampered, clone.moved) = (device.tampered, device.moved);
            // What one of the two sends and is told, the other does not know.
            clone.watch.strict = false;
        }
        self.devices.push(clone);
        self.start(number)
    }
}
