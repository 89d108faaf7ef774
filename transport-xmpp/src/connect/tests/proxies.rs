//! A SOCKS5 proxy (RFC 1928) that does what it is told and keeps what it was asked.

use std::sync::{Arc, Mutex};

use o2tr::transport::OfflineReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use xtask::servers::{Kind, Setup};

use super::{alice, assert_ready, failure, server};
use crate::config::{Config, Proxy};
use crate::connect::connect;

/// A running proxy, which sends every connection to one port.
struct Socks {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    /// `login`: asks for it. `reply`: the code of the answer to a request; 0 connects to `target`.
    async fn start(login: Option<&'static str>, reply: u8, target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A client that hangs up early ends its own task only.
                tokio::spawn(serve(client, login, reply, target, Arc::clone(&noted)));
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn proxy(&self, login: &str) -> Option<Proxy> {
        Some(format!("socks5://{login}127.0.0.1:{}", self.port).parse().unwrap())
    }
}

async fn serve(
    mut client: TcpStream,
    login: Option<&'static str>,
    reply: u8,
    target: u16,
    asked: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head).await?;
    let mut methods = vec![0; usize::from(head[1])];
    client.read_exact(&mut methods).await?;
    let method = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return client.write_all(&[5, 0xff]).await;
    }
    client.write_all(&[5, method]).await?;
    if let Some(login) = login {
        assert_eq!(client.read_u8().await?, 1);
        let user = field(&mut client).await?;
        let password = field(&mut client).await?;
        let good = format!("{user}:{password}") == login;
        client.write_all(&[1, u8::from(!good)]).await?;
        if !good {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let host = match request[3] {
        3 => field(&mut client).await?,
        1 => {
            let mut number = [0; 4];
            client.read_exact(&mut number).await?;
            format!("number {}", std::net::Ipv4Addr::from(number))
        }
        other => panic!("address of type {other}"),
    };
    let port = client.read_u16().await?;
    asked.lock().unwrap().push(format!("{host} {port}"));
    client.write_all(&[5, reply, 0, 1, 127, 0, 0, 1, 0, 0]).await?;
    if reply == 0 {
        let mut server = TcpStream::connect(("127.0.0.1", target)).await?;
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}

async fn field(client: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn names_go_to_the_proxy_and_only_there() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let socks = Socks::start(None, 0, server.host_port().1).await;
    let mut config = alice(&server);
    config.proxy = socks.proxy("");
    // Without a server, the domain's customary port is asked for; no name server is.
    config.server = None;
    assert_ready(&connect(&config).await.unwrap());
    // A name that no name server knows reaches the server all the same.
    config.server = Some("hidden.onion:5299".parse().unwrap());
    assert_ready(&connect(&config).await.unwrap());
    config.server = Some("192.0.2.1:1234".parse().unwrap());
    assert_ready(&connect(&config).await.unwrap());
    assert_eq!(socks.asked(), ["localhost 5222", "hidden.onion 5299", "number 192.0.2.1 1234"]);
}

#[tokio::test]
async fn a_proxy_may_ask_for_a_login() {
    let Some(server) = server(Kind::Prosody, Setup::default()) else { return };
    let socks = Socks::start(Some("me:it:is"), 0, server.host_port().1).await;
    let mut config = alice(&server);
    config.proxy = socks.proxy("me:it%3Ais@");
    assert_ready(&connect(&config).await.unwrap());
    for wrong in ["me:wrong@", ""] {
        config.proxy = socks.proxy(wrong);
        let (reason, permanent, words) = failure(&config).await;
        assert_eq!((reason, permanent), (OfflineReason::ProxyRefused, false));
        assert!(words.contains("proxy refused"), "{words}");
    }
}

#[tokio::test]
async fn what_the_proxy_answers_is_told_apart() {
    let mut config = Config::new("alice@example.org".into(), "secret".into());
    for (reply, expected) in [
        (1, OfflineReason::Unreachable),
        (2, OfflineReason::ProxyRefused),
        (4, OfflineReason::Unreachable),
        (5, OfflineReason::Unreachable),
        (7, OfflineReason::ProxyRefused),
    ] {
        let socks = Socks::start(None, reply, 0).await;
        config.proxy = socks.proxy("");
        assert_eq!(failure(&config).await.0, expected, "{reply}");
        assert_eq!(socks.asked(), ["example.org 5222"]);
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    config.proxy = Some(format!("socks5://{gone}").parse().unwrap());
    assert_eq!(failure(&config).await.0, OfflineReason::Proxy);
}
