//! The servers that tests start: they come up, die, and come back.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::net::TcpStream;

use xtask::servers::{Kind, Server, Setup};

fn is_up(server: &Server) -> bool {
    TcpStream::connect(server.host_port()).is_ok()
}

#[test]
fn prosody_is_killed_and_comes_back_where_it_was() {
    let Some(mut server) = Server::require(Kind::Prosody, Setup::default()).unwrap() else { return };
    assert!(is_up(&server));
    let port = server.host_port().1;
    server.kill().unwrap();
    assert!(!is_up(&server));
    server.restart().unwrap();
    assert!(is_up(&server));
    assert_eq!(server.host_port().1, port);
    server.stop().unwrap();
    assert!(!is_up(&server));
}
