//! A connection that hears no more of the other side than it can do with: no endless line, no
//! answer that drips.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

/// All that a server may say, certificates among it; a hundred recipients have a line each.
const MAX_BYTES: usize = 256 << 10;
/// One answer. Over certificates they are rarely more than 8 KiB.
const MAX_ANSWER: usize = 16 << 10;
/// One answer. The library reads all lines anew with each that comes: thousands take it minutes.
const MAX_LINES: usize = 100;

/// A TCP connection within bounds.
#[derive(Debug)]
pub(super) struct BoundedStream {
    stream: TcpStream,
    /// How many bytes came.
    bytes: usize,
    /// How many bytes and lines came since something was written.
    answer: usize,
    lines: usize,
    /// How long the other side may take over what it was told last.
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl BoundedStream {
    /// Each answer is complete within `patience`, counted from what was written last.
    pub(super) fn new(stream: TcpStream, patience: Duration) -> Self {
        let deadline = Box::pin(sleep(patience));
        Self { stream, bytes: 0, answer: 0, lines: 0, patience, deadline }
    }

    fn check_deadline(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(context) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("an answer took longer than {} s", self.patience.as_secs_f32()),
            )),
        }
    }
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_deadline(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = buffer.filled().get(before..).unwrap_or_default();
        self.bytes += came.len();
        self.answer += came.len();
        self.lines += came.split(|byte| *byte == b'\n').count() - 1;
        if self.bytes > MAX_BYTES || self.answer > MAX_ANSWER || self.lines > MAX_LINES {
            let problem = io::Error::new(io::ErrorKind::InvalidData, "the server says too much");
            return Poll::Ready(Err(problem));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_deadline(context)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        let deadline = Instant::now() + self.patience;
        self.deadline.as_mut().reset(deadline);
        (self.answer, self.lines) = (0, 0);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for BoundedStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
