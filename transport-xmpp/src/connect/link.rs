//! The stream as it is handed on: elements in, elements out, under a limit of size.

use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Poll, ready};
use std::io;

use futures::{Sink, Stream};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_xmpp::xmlstream::{FallibleStreamElement, ReadError, XmppStream};

/// The most that a server may send as one element once we are logged in (bytes). The largest element that an honest
/// server has is the list of contacts: some thousand of them take half a megabyte.
const MAX_ELEMENT: usize = 4 << 20;

/// The same while logging in: headers, features, challenges.
const MAX_ELEMENT_BEFORE_LOGIN: usize = 64 << 10;

/// The encrypted connection below an authenticated stream.
pub(crate) type Wire = Metered<BufReader<TlsStream<TcpStream>>>;

/// An authenticated stream. As a [`Stream`] it yields the server's elements, none larger than 4 MiB: a larger one, or as
/// much white space, ends it. As a [`Sink`] it takes ours by reference.
pub(crate) struct Link {
    stream: XmppStream<Wire>,
}

impl Link {
    pub(super) fn new(stream: XmppStream<Wire>) -> Self {
        stream.get_stream().allow(MAX_ELEMENT);
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
        let item = ready!(Pin::new(&mut self.stream).poll_next(cx));
        if let Some(Ok(_) | Err(ReadError::ParseError(_))) = item {
            self.stream.get_stream().allow(MAX_ELEMENT);
        }
        Poll::Ready(item)
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

/// The server exceeded the limit of [`Metered`].
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("more bytes than one element may have")]
pub(crate) struct Oversized;

/// A connection that gives out only so many bytes until it is allowed more: the parser above has a limit for a name or
/// an attribute, but none for an element.
#[derive(Debug)]
pub(crate) struct Metered<T> {
    inner: T,
    left: AtomicUsize,
}

impl<T> Metered<T> {
    pub(super) const fn new(inner: T) -> Self {
        Self { inner, left: AtomicUsize::new(MAX_ELEMENT_BEFORE_LOGIN) }
    }

    pub(super) fn inner(&self) -> &T {
        &self.inner
    }

    pub(super) fn into_inner(self) -> T {
        self.inner
    }

    /// Lets so many more bytes through, counted from now.
    fn allow(&self, bytes: usize) {
        self.left.store(bytes, Ordering::Relaxed);
    }

    /// The same limit again, for the next element before the login is through.
    pub(super) fn next_before_login(&self) {
        self.allow(MAX_ELEMENT_BEFORE_LOGIN);
    }
}

impl<T: AsyncBufRead + Unpin> AsyncBufRead for Metered<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        let left = *this.left.get_mut();
        if left == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, Oversized)));
        }
        let buffer = ready!(Pin::new(&mut this.inner).poll_fill_buf(cx))?;
        Poll::Ready(Ok(buffer.get(..left).unwrap_or(buffer)))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        let left = this.left.get_mut();
        *left = left.saturating_sub(amount);
        Pin::new(&mut this.inner).consume(amount);
    }
}

impl<T: AsyncBufRead + Unpin> AsyncRead for Metered<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let buffer = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = buffer.len().min(into.remaining());
        into.put_slice(buffer.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Metered<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt};

    use super::*;

    #[tokio::test]
    async fn gives_out_no_more_than_allowed() {
        let mut metered = Metered::new(&b"0123456789"[..]);
        metered.allow(4);
        assert_eq!(metered.fill_buf().await.unwrap(), b"0123");
        metered.consume(3);
        assert_eq!(metered.fill_buf().await.unwrap(), b"3");
        metered.consume(1);
        let error = metered.fill_buf().await.unwrap_err();
        assert!(error.get_ref().unwrap().is::<Oversized>());
        metered.allow(2);
        let mut two = [0; 2];
        metered.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"45");
        assert!(metered.read_u8().await.is_err());
    }

    #[tokio::test]
    async fn the_end_is_the_end() {
        let mut metered = Metered::new(&b"ab"[..]);
        let mut all = Vec::new();
        metered.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"ab");
    }
}
