//! A link that can be cut: TCP on loopback, forwarded as long as the test wants it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use crate::ports::Port;

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client that connects.
    ToServer,
    /// From the server behind the proxy.
    ToClient,
}

/// A running proxy. Dropping it closes every connection.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    link: Arc<Link>,
}

#[derive(Debug)]
struct Link {
    target: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    to_server_frozen: bool,
    to_client_frozen: bool,
    /// Nobody listens, or is not to any more.
    refusing: bool,
    /// Both ends of each connection, under a number that is not used twice.
    open: Vec<(u64, [TcpStream; 2])>,
    last: u64,
    /// Connections up to this number are to be closed, also those that are only being made.
    closed: u64,
    bytes: u64,
}

impl Proxy {
    /// Forwards a free port of 127.0.0.1 to a server.
    ///
    /// # Errors
    ///
    /// The target has no address, or no port is free.
    pub fn start(target: (&str, u16)) -> Result<Self> {
        Self::on(Port::free()?, target)
    }

    /// As [`Proxy::start`], on a given port.
    ///
    /// # Errors
    ///
    /// As [`Proxy::start`].
    pub fn on(port: Port, target: (&str, u16)) -> Result<Self> {
        let target = target.to_socket_addrs()?.next().context("the target has no address")?;
        let link = Link { target, state: Mutex::default(), changed: Condvar::new() };
        let proxy = Self { port, link: Arc::new(link) };
        proxy.listen()?;
        Ok(proxy)
    }

    /// Where to connect to.
    #[must_use]
    pub fn host_port(&self) -> (&str, u16) {
        ("127.0.0.1", self.port.number())
    }

    /// From now on nothing arrives, and neither side is told: what is sent waits, connections stay open.
    pub fn freeze(&self) {
        self.set(|state| (state.to_server_frozen, state.to_client_frozen) = (true, true));
    }

    /// As [`Proxy::freeze`], in one direction.
    pub fn freeze_one_way(&self, way: Way) {
        self.set(|state| *state.frozen_mut(way) = true);
    }

    /// What waited goes on, and everything after it. What came over connections that were dropped meanwhile is lost.
    pub fn thaw(&self) {
        self.set(|state| (state.to_server_frozen, state.to_client_frozen) = (false, false));
    }

    /// Closes every connection, on both sides. New ones are accepted.
    pub fn drop_connections(&self) {
        self.set(State::close_all);
    }

    /// From now on nobody listens: connecting is refused. Connections that are open stay open.
    pub fn refuse(&self) {
        self.set(|state| state.refusing = true);
        // Wakes the listening thread; when the connection is closed, so is the port.
        if let Ok(mut wake) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port.number())) {
            let _ = wake.read(&mut [0]);
        }
    }

    /// Listens again after [`Proxy::refuse`].
    ///
    /// # Errors
    ///
    /// Somebody has taken the port.
    pub fn accept(&self) -> Result<()> {
        if self.link.lock().refusing { self.listen() } else { Ok(()) }
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.link.lock().open.len()
    }

    /// How many bytes were forwarded so far, both ways together.
    #[must_use]
    pub fn forwarded(&self) -> u64 {
        self.link.lock().bytes
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.link.lock());
        self.link.changed.notify_all();
    }

    fn listen(&self) -> Result<()> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port.number()))?;
        self.link.lock().refusing = false;
        let link = Arc::clone(&self.link);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if link.lock().refusing {
                    drop(listener);
                    drop(client);
                    return;
                }
                let link = Arc::clone(&link);
                std::thread::spawn(move || link.serve(client));
            }
        });
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse();
        self.drop_connections();
        self.thaw();
    }
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the way is free; `false` when the connection is to be closed.
    fn pass(&self, connection: u64, way: Way) -> bool {
        let state = self.lock();
        let waiting = |state: &mut State| connection > state.closed && *state.frozen_mut(way);
        let state = self.changed.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        connection > state.closed
    }

    fn serve(self: Arc<Self>, client: TcpStream) {
        let connection = {
            let mut state = self.lock();
            state.last += 1;
            state.last
        };
        // Across a link that is down nobody learns that somebody wants to connect.
        if !self.pass(connection, Way::ToServer) {
            return;
        }
        let Ok(server) = TcpStream::connect(self.target) else { return };
        let copies = [&client, &server, &client, &server].map(TcpStream::try_clone);
        let [Ok(client_again), Ok(server_again), Ok(client_kept), Ok(server_kept)] = copies else { return };
        {
            let mut state = self.lock();
            if connection <= state.closed {
                return;
            }
            state.open.push((connection, [client_kept, server_kept]));
        }
        let back = {
            let link = Arc::clone(&self);
            std::thread::spawn(move || link.pump(connection, Way::ToClient, server_again, client_again))
        };
        self.pump(connection, Way::ToServer, client, server);
        let _ = back.join();
        self.lock().open.retain(|(number, _)| *number != connection);
    }

    fn pump(&self, connection: u64, way: Way, mut from: TcpStream, mut to: TcpStream) {
        let mut part = vec![0; 16 * 1024];
        loop {
            // An end and an error are passed on alike: the other side sees the connection close.
            let read = from.read(&mut part).unwrap_or(0);
            if !self.pass(connection, way) {
                return;
            }
            let Some(bytes @ [_, ..]) = part.get(..read) else { break };
            if to.write_all(bytes).is_err() {
                break;
            }
            self.lock().bytes += u64::try_from(read).unwrap_or(0);
        }
        let _ = to.shutdown(Shutdown::Write);
        let _ = from.shutdown(Shutdown::Read);
    }
}

impl State {
    fn frozen_mut(&mut self, way: Way) -> &mut bool {
        match way {
            Way::ToServer => &mut self.to_server_frozen,
            Way::ToClient => &mut self.to_client_frozen,
        }
    }

    fn close_all(&mut self) {
        self.closed = self.last;
        for stream in self.open.drain(..).flat_map(|(_, ends)| ends) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::time::Duration;

    use super::*;
    use crate::process::wait_until;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A server that returns what it gets.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                std::thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
            }
        });
        port
    }

    fn connect(proxy: &Proxy) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(proxy.host_port()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }

    fn say(stream: &mut BufReader<TcpStream>, line: &str) {
        stream.get_mut().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn hear(stream: &mut BufReader<TcpStream>) -> String {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    #[test]
    fn what_is_frozen_arrives_after_the_thaw() {
        let proxy = Proxy::start(("127.0.0.1", echo())).unwrap();
        let mut stream = connect(&proxy);
        say(&mut stream, "one");
        assert_eq!(hear(&mut stream), "one");
        for freeze in [Proxy::freeze, |proxy: &Proxy| proxy.freeze_one_way(Way::ToClient)] {
            freeze(&proxy);
            say(&mut stream, "two");
            stream.get_ref().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            assert!(stream.read_line(&mut String::new()).is_err());
            stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
            proxy.thaw();
            assert_eq!(hear(&mut stream), "two");
        }
    }

    #[test]
    fn what_was_frozen_on_a_dropped_connection_is_lost() {
        let proxy = Proxy::start(("127.0.0.1", echo())).unwrap();
        let mut stream = connect(&proxy);
        say(&mut stream, "one");
        assert_eq!(hear(&mut stream), "one");
        assert_eq!(proxy.connections(), 1);
        proxy.freeze_one_way(Way::ToServer);
        say(&mut stream, "two");
        let before = proxy.forwarded();
        proxy.drop_connections();
        proxy.thaw();
        assert_eq!(hear(&mut stream), "");
        assert_eq!((proxy.connections(), proxy.forwarded()), (0, before));
        let mut again = connect(&proxy);
        say(&mut again, "three");
        assert_eq!(hear(&mut again), "three");
    }

    #[test]
    fn a_close_is_passed_on() {
        let proxy = Proxy::start(("127.0.0.1", echo())).unwrap();
        let mut stream = connect(&proxy);
        say(&mut stream, "one");
        assert_eq!(hear(&mut stream), "one");
        drop(stream);
        wait_until("the close", PATIENCE, || Ok((proxy.connections() == 0).then_some(()))).unwrap();
    }

    #[test]
    fn a_refusal_ends() {
        let proxy = Proxy::start(("127.0.0.1", echo())).unwrap();
        let mut stream = connect(&proxy);
        say(&mut stream, "one");
        assert_eq!(hear(&mut stream), "one");
        proxy.refuse();
        assert!(TcpStream::connect(proxy.host_port()).is_err());
        say(&mut stream, "two");
        assert_eq!(hear(&mut stream), "two");
        proxy.accept().unwrap();
        let mut again = connect(&proxy);
        say(&mut again, "three");
        assert_eq!(hear(&mut again), "three");
    }
}
