//! A wire between a client and a server on loopback: it can be cut, with and without either side being told.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the wire does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Carries everything.
    Whole,
    /// Connections are closed, and new ones too.
    Cut,
    /// Nothing passes any more, but connections stay open; new ones are taken and hang.
    Frozen,
}

/// A forwarding port. Connections end with it.
pub struct Wire {
    port: u16,
    state: Arc<watch::Sender<State>>,
    task: JoinHandle<()>,
}

impl Wire {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(State::Whole));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, port, shared.subscribe()));
            }
        });
        Self { port: own, state, task }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
        self.state.send_replace(State::Cut);
    }
}

async fn carry(mut near: TcpStream, port: u16, mut state: watch::Receiver<State>) {
    if *state.borrow_and_update() == State::Cut {
        return;
    }
    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut up, mut down) = (vec![0; 16384], vec![0; 16384]);
    loop {
        let frozen = match *state.borrow_and_update() {
            State::Cut => return,
            State::Frozen => true,
            State::Whole => false,
        };
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            read = near.read(&mut up), if !frozen => match read {
                Ok(len) if len > 0 => if far.write_all(&up[..len]).await.is_err() { return },
                _ => return,
            },
            read = far.read(&mut down), if !frozen => match read {
                Ok(len) if len > 0 => if near.write_all(&down[..len]).await.is_err() { return },
                _ => return,
            },
        }
    }
}
