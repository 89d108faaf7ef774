//! Whether a server is ready for clients.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long one look may take; there is always another.
const GLANCE: Duration = Duration::from_secs(2);

/// Whether something accepts connections.
pub(super) fn listens(port: u16) -> bool {
    connect(port).is_some()
}

/// Whether an XMPP stream to the domain is answered with the features of the server.
pub(super) fn is_ready(port: u16, domain: &str) -> bool {
    let Some(mut stream) = connect(port) else { return false };
    let header = format!(
        "<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    if stream.set_read_timeout(Some(GLANCE)).is_err() || stream.write_all(header.as_bytes()).is_err() {
        return false;
    }
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut part) {
        answer.extend_from_slice(part.get(..read).unwrap_or_default());
        if String::from_utf8_lossy(&answer).contains("<stream:features") {
            return true;
        }
        if answer.len() > 64 * 1024 {
            break;
        }
    }
    false
}

fn connect(port: u16) -> Option<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), GLANCE).ok()
}
