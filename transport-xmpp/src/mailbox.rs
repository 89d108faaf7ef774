//! Between the task and its handle: events in order, and what can be asked without waiting.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use o2tr::transport::{Address, Limits, TransportEvent};
use tokio::sync::{Notify, mpsc};

#[derive(Debug)]
struct Shared {
    view: Mutex<View>,
    waiting: AtomicUsize,
    taken: Notify,
}

#[derive(Clone, Debug)]
struct View {
    local: Address,
    limits: Limits,
}

/// The task's end.
#[derive(Debug)]
pub(crate) struct Outbox {
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<TransportEvent>,
}

/// The handle's end.
#[derive(Debug)]
pub(crate) struct Inbox {
    shared: Arc<Shared>,
    events: mpsc::UnboundedReceiver<TransportEvent>,
}

/// Both ends. The task sees to it that few events wait: it stops reading the server.
pub(crate) fn mailbox(local: Address, limits: Limits) -> (Outbox, Inbox) {
    let view = Mutex::new(View { local, limits });
    let shared = Arc::new(Shared { view, waiting: AtomicUsize::new(0), taken: Notify::new() });
    let (sender, receiver) = mpsc::unbounded_channel();
    (Outbox { shared: Arc::clone(&shared), events: sender }, Inbox { shared, events: receiver })
}

impl Outbox {
    pub(crate) fn push(&self, event: TransportEvent) {
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        // A handle that is gone takes nothing.
        let _ = self.events.send(event);
    }

    /// How many events the application has not taken.
    pub(crate) fn len(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Waits until the application has taken an event.
    pub(crate) async fn drained(&self) {
        self.shared.taken.notified().await;
    }

    pub(crate) fn set_local(&self, local: Address) {
        self.shared.view().local = local;
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        self.shared.view().limits = limits;
    }
}

impl Inbox {
    /// The next event; `None` when the task has ended. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<TransportEvent> {
        let event = self.events.recv().await?;
        self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        self.shared.taken.notify_one();
        Some(event)
    }

    pub(crate) fn local(&self) -> Address {
        self.shared.view().local.clone()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.shared.view().limits
    }
}

impl Shared {
    /// Nothing in it is ever half-made.
    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
