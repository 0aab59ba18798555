//! The accept loop: TLS, time limits for handshake, headers and silence, one task for each connection. It must never wait
//! for a slow peer anywhere but in that peer's own task, and it ends only after open requests have been answered.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use domain::ids::{DeviceId, Sha};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::county::County;
use crate::crowd::{Limits, Place, Places};
use crate::http;
use crate::tls::{self, Peer};

/// For a handshake, and for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(20);
/// A connection on which no byte moved either way for so long is dead: bad lines lose flows without a word.
const SILENCE: Duration = Duration::from_secs(60);
/// For open requests when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// After a failed accept, mostly for want of file descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Why a county cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    /// Its certificate or key does not do.
    #[error("the county's TLS certificate cannot be used")]
    Tls(#[from] rustls::Error),
}

/// Serves the county on `listener` until `shutdown` is done; then open requests are answered and it returns.
///
/// # Errors
/// `Tls` before the first connection is taken.
pub async fn serve(
    county: Arc<County>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeFault> {
    serve_so_many(county, listener, Limits::here(), shutdown).await
}

/// The same, with places for so many.
pub(crate) async fn serve_so_many(
    county: Arc<County>,
    listener: TcpListener,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeFault> {
    let acceptor = TlsAcceptor::from(Arc::new(tls::config(&county)?));
    let crowd = Arc::new(Crowd::of(county, limits));
    let (stop, stopped) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let stream = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
        };
        // In the order in which they came, whatever order their tasks run in.
        let stranger = crowd.strangers.take(());
        tokio::spawn(talk((stream, stranger), acceptor.clone(), Arc::clone(&crowd), stopped.clone()));
    }
    drop(listener);
    drop(stopped);
    stop.send_replace(true);
    // Every connection holds a receiver: when the last is gone, so is the last connection. Who has not taken an answer
    // by then asks again: every step may be repeated.
    tokio::time::timeout(LAST_WORDS, stop.closed()).await.ok();
    Ok(())
}

/// All who are connected, and where they are led.
struct Crowd {
    county: Arc<County>,
    router: axum::Router,
    strangers: Arc<Places<()>>,
    unknown: Arc<Places<()>>,
    devices: Arc<Places<DeviceId>>,
}

/// A place among those whom the county knows, or among the others.
enum Seat {
    Device(Place<DeviceId>),
    Unknown(Place<()>),
}

impl Seat {
    async fn lost(&mut self) {
        match self {
            Self::Device(place) => place.lost().await,
            Self::Unknown(place) => place.lost().await,
        }
    }
}

impl Crowd {
    fn of(county: Arc<County>, limits: Limits) -> Self {
        Self {
            router: http::router(Arc::clone(&county)),
            county,
            strangers: Places::of(limits.strangers),
            unknown: Places::of(limits.unknown),
            devices: Places::of(limits.of_one),
        }
    }

    /// A place for who has shown this certificate.
    async fn seat(&self, Peer(certificate): Peer) -> Seat {
        let county = Arc::clone(&self.county);
        // A laptop that is lost has places of its own, too: it hands in what it has.
        let device = tokio::task::spawn_blocking(move || county.known_by(certificate)).await;
        match device {
            Ok(Some(device)) => Seat::Device(self.devices.take(device)),
            Ok(None) | Err(_) => Seat::Unknown(self.unknown.take(())),
        }
    }
}

/// One connection. Whatever goes wrong on it is the peer's or the line's, and only ends it.
async fn talk(
    (stream, mut stranger): (TcpStream, Place<()>),
    acceptor: TlsAcceptor,
    crowd: Arc<Crowd>,
    mut stopped: watch::Receiver<bool>,
) {
    // Halves the time to the first answer on bad lines; without it, it still works.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let moved = Arc::new(AtomicU64::new(0));
    let stream = Counted { stream, moved: Arc::clone(&moved), deaf: false };
    let handshake = tokio::select! {
        handshake = tokio::time::timeout(PATIENCE, acceptor.accept(stream)) => handshake,
        () = stranger.lost() => return,
        _ = stopped.wait_for(|stop| *stop) => return,
    };
    let Ok(Ok(stream)) = handshake else { return };
    let Some(certificate) = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()) else { return };
    let peer = Peer(Sha::of(certificate));
    let seat = tokio::select! {
        seat = tokio::time::timeout(PATIENCE, crowd.seat(peer)) => seat,
        () = stranger.lost() => return,
        _ = stopped.wait_for(|stop| *stop) => return,
    };
    let Ok(mut seat) = seat else { return };
    drop(stranger);
    let service = TowerToHyperService::new(crowd.router.clone().layer(Extension(peer)));
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut silence = pin!(silent(moved));
    let open = tokio::select! {
        _ = connection.as_mut() => false,
        () = silence.as_mut() => false,
        () = seat.lost() => false,
        _ = stopped.wait_for(|stop| *stop) => true,
    };
    if open {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            _ = connection => {}
            () = silence => {}
        }
    }
}

/// Done when no byte has moved for [`SILENCE`].
async fn silent(moved: Arc<AtomicU64>) {
    let mut before = moved.load(Ordering::Relaxed);
    loop {
        tokio::time::sleep(SILENCE).await;
        let now = moved.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

/// A stream that counts the bytes it moves. When the peer no longer listens, what is written goes nowhere, and what the
/// peer had said before is still read: a county that speaks while it is spoken to must not lose the end of it.
struct Counted {
    stream: TcpStream,
    moved: Arc<AtomicU64>,
    deaf: bool,
}

impl Counted {
    fn count(&self, bytes: usize) {
        self.moved.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
    }

    /// What is said of a write of so many bytes.
    fn written(&mut self, result: Poll<io::Result<usize>>, bytes: usize) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(count)) => {
                self.count(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(_)) => {
                self.deaf = true;
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Counted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, into);
        this.count(into.filled().len().saturating_sub(before));
        read
    }
}

impl AsyncWrite for Counted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let result = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.written(result, bytes.len())
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = bytes.iter().fold(0_usize, |sum, slice| sum.saturating_add(slice.len()));
        if this.deaf {
            return Poll::Ready(Ok(length));
        }
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.written(result, length)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
