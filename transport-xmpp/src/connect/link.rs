//! The stream as it is handed on: elements in, elements out.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use futures::{Sink, Stream};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_xmpp::xmlstream::{FallibleStreamElement, ReadError, XmppStream};

use super::metered::Metered;

/// The encrypted connection below an authenticated stream.
pub(crate) type Wire = Metered<BufReader<TlsStream<TcpStream>>>;

/// An authenticated stream. As a [`Stream`] it yields the server's elements, as a [`Sink`] it takes ours by reference.
///
/// A stanza of more than 4 MiB, or one that is nested more than 60 times or has a name or an attribute of more than 8000
/// bytes, comes as an empty `<message/>`, `<presence/>` or `<iq/>`, so that it can be counted and its server be rid of it.
pub(crate) struct Link {
    stream: XmppStream<Wire>,
}

impl Link {
    pub(super) const fn new(stream: XmppStream<Wire>) -> Self {
        Self { stream }
    }

    /// Sends the stream's end and closes our direction of the connection.
    ///
    /// # Errors
    /// The connection is broken.
    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

impl Stream for Link {
    type Item = Result<FallibleStreamElement, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl<'x, T> Sink<&'x T> for Link
where
    XmppStream<Wire>: Sink<&'x T, Error = io::Error>,
{
    type Error = io::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<&'x T>::poll_ready(Pin::new(&mut self.stream), cx)
    }

    fn start_send(mut self: Pin<&mut Self>, item: &'x T) -> io::Result<()> {
        Pin::new(&mut self.stream).start_send(item)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<&'x T>::poll_flush(Pin::new(&mut self.stream), cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Sink::<&'x T>::poll_close(Pin::new(&mut self.stream), cx)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}
