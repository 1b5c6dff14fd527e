//! How long a client may let us wait. A head that comes byte by byte, and an answer that nobody takes, end their connection; what takes
//! long because there is much of it does not.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

const CUT: &str = "annals_connections_cut_total";

/// Whether a request is being answered: then what is read is no head. Counts each begin and each end, so that whoever looks seldom knows
/// that a request came and went.
#[derive(Clone, Default)]
pub struct Busy(Arc<AtomicU64>);

/// Between two of those. Odd while a request is being answered.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stretch(u64);

impl Busy {
    pub fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    pub fn end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn now(&self) -> Stretch {
        Stretch(self.0.load(Ordering::Relaxed))
    }
}

impl Stretch {
    fn is_busy(self) -> bool {
        self.0 % 2 == 1
    }
}

/// A connection with limits to waiting.
pub struct Patient<S> {
    stream: S,
    busy: Busy,
    head: Deadline,
    write: Deadline,
    /// A head has begun then. It is complete as soon as its request has begun: nothing may be read between a request and the next one.
    head_since: Option<Stretch>,
}

/// A time limit that costs nothing until somebody has to wait.
struct Deadline {
    within: Duration,
    what: &'static str,
    running: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    fn new(within: Duration, what: &'static str) -> Self {
        Self { within, what, running: false, sleep: None }
    }

    /// An error when it is over. Begins with the first call after a stop.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let until = Instant::now() + self.within;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !self.running {
            sleep.as_mut().reset(until);
            self.running = true;
        }
        match sleep.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                counter!(CUT, "while" => self.what).increment(1);
                Err(io::Error::new(io::ErrorKind::TimedOut, self.what))
            }
        }
    }

    fn stop(&mut self) {
        self.running = false;
    }
}

impl<S> Patient<S> {
    pub fn new(stream: S, busy: Busy, header_timeout: Duration, write_timeout: Duration) -> Self {
        let (head, write) = (Deadline::new(header_timeout, "head"), Deadline::new(write_timeout, "answer"));
        Self { stream, busy, head, write, head_since: None }
    }

    fn written<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_pending() {
            self.write.check(context)?;
        } else {
            self.write.stop();
        }
        done
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let now = this.busy.now();
        if this.head_since != Some(now) {
            this.head_since = None;
            this.head.stop();
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before && !now.is_busy() {
            this.head_since = Some(now);
        }
        if read.is_pending() && this.head_since.is_some() {
            this.head.check(context)?;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(context, written)
    }
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, bytes);
        this.written(context, written)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LONG: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn a_head_that_comes_byte_by_byte_is_cut_off_and_a_slow_body_is_not() {
        for (answering, is_cut) in [(false, true), (true, false)] {
            let (mut client, server) = tokio::io::duplex(64);
            let busy = Busy::default();
            let mut server = Patient::new(server, busy.clone(), LONG, LONG);
            client.write_all(b"G").await.unwrap();
            server.read_u8().await.unwrap();
            if answering {
                busy.begin();
            }
            let mut read = 0;
            let ended = loop {
                match tokio::time::timeout(LONG / 3, server.read_u8()).await {
                    Ok(Ok(_)) => read += 1,
                    Ok(Err(error)) => break Some(error.kind()),
                    Err(_) if read == 5 => break None,
                    Err(_) => client.write_all(b"x").await.unwrap(),
                }
            };
            assert_eq!(ended, is_cut.then_some(io::ErrorKind::TimedOut));
        }
    }

    #[tokio::test]
    async fn a_connection_may_rest_between_requests() {
        for is_read_meanwhile in [true, false] {
            let (mut client, server) = tokio::io::duplex(64);
            let busy = Busy::default();
            let mut server = Patient::new(server, busy.clone(), LONG, LONG);
            for _ in 0..2 {
                client.write_all(b"G").await.unwrap();
                server.read_u8().await.unwrap();
                busy.begin();
                if is_read_meanwhile {
                    assert!(tokio::time::timeout(LONG * 2, server.read_u8()).await.is_err());
                }
                busy.end();
                assert!(tokio::time::timeout(LONG * 2, server.read_u8()).await.is_err());
            }
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_is_cut_off_and_one_that_is_taken_slowly_is_not() {
        let (mut client, server) = tokio::io::duplex(4);
        let mut server = Patient::new(server, Busy::default(), LONG, LONG);
        let writing = tokio::spawn(async move { server.write_all(&[0; 16]).await });
        for _ in 0..5 {
            tokio::time::sleep(LONG / 3).await;
            client.read_u8().await.unwrap();
        }
        assert!(!writing.is_finished());
        assert_eq!(writing.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
