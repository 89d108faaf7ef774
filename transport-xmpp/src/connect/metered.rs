//! A connection that hands on whole elements only, and none that would break the parser.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, ready};
use std::io;

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::meter::{MAX_ELEMENT, MAX_ELEMENT_BEFORE_LOGIN, Meter, Step};

/// Why a stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unacceptable {
    /// An element that is no stanza exceeds a limit.
    #[error("an element larger or deeper than is accepted")]
    Oversized,
    /// A comment, or the definition of a document type, or no XML.
    #[error("XML that no stream may have (RFC 6120, section 11.1)")]
    Malformed,
}

/// Enough of an element to see its name.
const ENOUGH_FOR_NAME: usize = 16;

/// Gathers the bytes of each element until it is complete.
///
/// A stanza that is too large, too deep or has too long a name or attribute is replaced by an empty one of its kind: so it
/// counts in XEP-0198, the server forgets it, and the stream goes on. Anything else that exceeds a limit ends the stream,
/// as does a stanza before the login.
#[derive(Debug)]
pub(crate) struct Metered<T> {
    inner: T,
    meter: Meter,
    /// Bytes of the element that is not complete; if it is too large, only the first of them.
    gathered: Vec<u8>,
    too_large: bool,
    /// Complete elements, of which so many bytes have been consumed.
    complete: Vec<u8>,
    consumed: usize,
    limit: usize,
    restarted: AtomicBool,
}

impl<T> Metered<T> {
    pub(super) const fn new(inner: T) -> Self {
        Self {
            inner,
            meter: Meter::new(),
            gathered: Vec::new(),
            too_large: false,
            complete: Vec::new(),
            consumed: 0,
            limit: MAX_ELEMENT_BEFORE_LOGIN,
            restarted: AtomicBool::new(false),
        }
    }

    /// The connection, or `None` if something was read from it that nobody has consumed.
    pub(super) fn into_inner(self) -> Option<T> {
        (self.gathered.is_empty() && self.consumed >= self.complete.len()).then_some(self.inner)
    }

    /// The login is through: a new stream begins, on which elements may be larger.
    pub(super) fn restart(&self) {
        self.restarted.store(true, Ordering::Relaxed);
    }

    /// Takes in bytes as they came.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Unacceptable> {
        for byte in bytes {
            let step = self.meter.step(*byte);
            if step == Step::Malformed {
                return Err(Unacceptable::Malformed);
            }
            self.too_large |= self.gathered.len() >= self.limit;
            if !self.too_large {
                self.gathered.push(*byte);
            }
            match step {
                Step::Between => self.complete.append(&mut self.gathered),
                Step::End { spoilt } => self.end(spoilt)?,
                Step::Within if self.too_large => {
                    self.replacement()?;
                    self.gathered.truncate(ENOUGH_FOR_NAME);
                    self.gathered.shrink_to_fit();
                }
                Step::Within | Step::Malformed => {}
            }
        }
        Ok(())
    }

    fn end(&mut self, spoilt: bool) -> Result<(), Unacceptable> {
        if spoilt || self.too_large {
            let replacement = self.replacement()?;
            self.complete.extend_from_slice(replacement);
            self.gathered = Vec::new();
            self.too_large = false;
        } else {
            self.complete.append(&mut self.gathered);
        }
        Ok(())
    }

    /// What stands for the gathered element.
    fn replacement(&self) -> Result<&'static [u8], Unacceptable> {
        let is = |name: &[u8]| {
            let rest = self.gathered.strip_prefix(name);
            rest.and_then(<[u8]>::first).is_some_and(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte))
        };
        let logged_in = self.limit == MAX_ELEMENT;
        match () {
            () if logged_in && is(b"<message") => Ok(b"<message/>"),
            () if logged_in && is(b"<presence") => Ok(b"<presence/>"),
            () if logged_in && is(b"<iq") => Ok(b"<iq/>"),
            () => Err(Unacceptable::Oversized),
        }
    }
}

impl<T: AsyncBufRead + Unpin> AsyncBufRead for Metered<T> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if core::mem::take(this.restarted.get_mut()) {
            (this.meter, this.limit) = (Meter::new(), MAX_ELEMENT);
        }
        while this.consumed >= this.complete.len() {
            this.complete.clear();
            this.consumed = 0;
            let bytes = ready!(Pin::new(&mut this.inner).poll_fill_buf(cx))?;
            if bytes.is_empty() {
                if this.meter.is_open() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                break;
            }
            let (bytes, len) = (bytes.to_vec(), bytes.len());
            Pin::new(&mut this.inner).consume(len);
            this.take(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
        Poll::Ready(Ok(this.complete.get(this.consumed..).unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.consumed = this.consumed.saturating_add(amount);
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
    use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

    use super::*;

    const HEAD: &str = "<?xml version='1.0'?><stream to='a'>";

    /// What the parser sees of a stream that comes in pieces of 7 bytes.
    async fn seen(text: &str, logged_in: bool) -> Result<String, Unacceptable> {
        let mut metered = Metered::new(BufReader::with_capacity(7, text.as_bytes()));
        if logged_in {
            metered.restart();
        }
        let mut all = String::new();
        match metered.read_to_string(&mut all).await {
            Ok(_) => Ok(all),
            Err(error) => Err(*error.get_ref().unwrap().downcast_ref().unwrap()),
        }
    }

    #[tokio::test]
    async fn what_is_in_order_is_not_changed() {
        let text = format!("{HEAD} <message from='x'>a<b c='/>'/></message>\n<iq/></stream>");
        for logged_in in [true, false] {
            assert_eq!(seen(&text, logged_in).await.unwrap(), text);
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_before_its_stream_is_no_matter_of_the_parser() {
        for (text, in_order) in [("", true), (HEAD, false), ("<stream><a", false), ("<stream><a/></stream>", true)] {
            let mut all = Vec::new();
            let read = Metered::new(BufReader::new(text.as_bytes())).read_to_end(&mut all).await;
            assert_eq!(read.map_err(|error| error.kind()).err(), (!in_order).then_some(io::ErrorKind::UnexpectedEof));
        }
    }

    #[tokio::test]
    async fn a_bad_stanza_is_replaced_and_the_next_is_not() {
        let deep = "<a>".repeat(50_000) + &"</a>".repeat(50_000);
        let long = format!("<a b='{}'/>", "x".repeat(9000));
        let large = "x".repeat(MAX_ELEMENT);
        for (name, to) in [("message", " to='a'"), ("presence", ""), ("iq", "\n")] {
            for bad in [&deep, &long, &large] {
                let text = format!("{HEAD}<{name}{to}>{bad}</{name}><r/></stream>");
                assert_eq!(seen(&text, true).await.unwrap(), format!("{HEAD}<{name}/><r/></stream>"));
                assert_eq!(seen(&text, false).await, Err(Unacceptable::Oversized));
                let text = format!("{HEAD}<{name}s{to}>{bad}</{name}s><r/>");
                assert_eq!(seen(&text, true).await, Err(Unacceptable::Oversized));
            }
        }
    }

    #[tokio::test]
    async fn elements_are_larger_after_the_login() {
        let text = format!("{HEAD}<message>{}</message></stream>", "x".repeat(MAX_ELEMENT_BEFORE_LOGIN));
        assert_eq!(seen(&text, false).await, Err(Unacceptable::Oversized));
        assert_eq!(seen(&text, true).await.unwrap(), text);
        let endless = format!("{HEAD}<r>{}", "x".repeat(MAX_ELEMENT));
        assert_eq!(seen(&endless, true).await, Err(Unacceptable::Oversized));
    }

    #[tokio::test]
    async fn comments_and_document_types_end_the_stream() {
        for text in ["<!DOCTYPE x>", "<message><!-- a --></message>", "<message <"] {
            assert_eq!(seen(&format!("{HEAD}{text}"), true).await, Err(Unacceptable::Malformed));
        }
    }

    #[tokio::test]
    async fn what_was_read_too_far_is_not_forgotten() {
        for (text, nothing_left) in [("<a></a>", true), ("<a></a>\n", false), ("<a></a><b", false)] {
            let mut metered = Metered::new(BufReader::new(text.as_bytes()));
            metered.fill_buf().await.unwrap();
            metered.consume("<a></a>".len());
            assert_eq!(metered.into_inner().is_some_and(|inner| inner.buffer().is_empty()), nothing_left, "{text}");
        }
    }
}
