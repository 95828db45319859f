//! What an upstream said before it hung up.
//!
//! In TLS 1.3 a client has finished its handshake before the server has looked at its certificate
//! (RFC 8446, section 4.4.2.4). The server's alert comes as the first thing that is read, and the
//! HTTP/2 client of hyper tells its callers only that their calls were cancelled.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The alert that ended a connection, by its name, if one did.
pub(super) type Alert = Arc<OnceLock<String>>;

/// A connection that notes the alert that ends it.
#[derive(Debug)]
pub(super) struct Noting {
    stream: TlsStream<TcpStream>,
    alert: Alert,
}

impl Noting {
    pub(super) const fn new(stream: TlsStream<TcpStream>, alert: Alert) -> Self {
        Self { stream, alert }
    }
}

impl AsyncRead for Noting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(ctx, buffer);
        if let Poll::Ready(Err(error)) = &read
            && let Some(rustls::Error::AlertReceived(alert)) =
                error.get_ref().and_then(|inner| inner.downcast_ref())
        {
            // The first one counts; there is hardly a second.
            let _ = self.alert.set(format!("{alert:?}"));
        }
        read
    }
}

impl AsyncWrite for Noting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(ctx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(ctx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(ctx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        ctx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(ctx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
