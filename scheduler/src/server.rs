//! Connections: how many, how long they may take to say what they want and to hear the answer, and how they end. What
//! is said on them is not looked at here.

mod descriptors;
mod peers;
mod socket;

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use self::peers::Peers;
use crate::api::{self, Peer};
use crate::auth::Place;
use crate::service::Service;

/// Bytes of the head and of what is read ahead.
const BUFFER: usize = 64 << 10;
const MOST_HEADERS: usize = 64;
/// Connections that are told at the same time that there are too many; more are closed without a word.
const REFUSED: usize = 64;
/// How long those may take to say what they want.
const REFUSED_HEAD: Duration = Duration::from_secs(5);
/// How long calls that are under way may take to end after a shutdown began.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait when the host has no descriptor left.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `closing`, then lets calls that are under way end.
pub(crate) async fn run(
    service: &Arc<Service>,
    router: Router,
    listener: TcpListener,
    closing: CancellationToken,
) {
    let door = Door::new(service, router);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Nobody is waited for here: one who is not let in is closed, and the next may be served.
                if let Some(manner) = door.enter(peer.ip()) {
                    connections.spawn(connection(manner, stream, peer, closing.clone()));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(BREATH).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    let ended = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!(left = connections.len(), "connections were cut: their calls took too long to end");
    }
}

/// Decides what becomes of a new connection.
struct Door {
    service: Arc<Service>,
    router: Router,
    room: Arc<Semaphore>,
    peers: Peers,
    refused: Arc<Semaphore>,
}

/// How a connection is served.
struct Manner {
    router: Router,
    http: http1::Builder,
    stall: Duration,
    _guard: Guard,
    /// None where it is only told that there are too many.
    _place: Option<Place<IpAddr>>,
}

impl Door {
    fn new(service: &Arc<Service>, router: Router) -> Self {
        let room = descriptors::room(service.config.http.connections);
        Self {
            service: Arc::clone(service),
            router,
            room: Arc::new(Semaphore::new(room)),
            peers: Peers::new(room),
            refused: Arc::new(Semaphore::new(REFUSED)),
        }
    }

    /// How a connection from there is served; one that is not is to be closed.
    fn enter(&self, peer: IpAddr) -> Option<Manner> {
        if let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() {
            let place = self.peers.enter(peer);
            if place.is_none() {
                self.service.metrics.crowded.inc();
                tracing::debug!(%peer, "an address has all the connections it may have");
                return None;
            }
            return Some(self.manner(permit, place));
        }
        self.service.metrics.crowded.inc();
        Arc::clone(&self.refused).try_acquire_owned().ok().map(|permit| self.manner(permit, None))
    }

    fn manner(&self, permit: OwnedSemaphorePermit, place: Option<Place<IpAddr>>) -> Manner {
        let config = &self.service.config.http;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).max_buf_size(BUFFER).max_headers(MOST_HEADERS);
        let router = if place.is_none() {
            http.keep_alive(false).header_read_timeout(REFUSED_HEAD.min(config.head));
            api::crowded()
        } else {
            http.header_read_timeout(config.head);
            self.router.clone()
        };
        Manner { router, http, stall: config.stall, _guard: Guard::new(&self.service, permit), _place: place }
    }
}

/// Counts a connection while it lives.
struct Guard {
    service: Arc<Service>,
    _permit: OwnedSemaphorePermit,
}

impl Guard {
    fn new(service: &Arc<Service>, permit: OwnedSemaphorePermit) -> Self {
        service.metrics.connections.inc();
        Self { service: Arc::clone(service), _permit: permit }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.service.metrics.connections.dec();
    }
}

async fn connection(manner: Manner, stream: TcpStream, peer: SocketAddr, closing: CancellationToken) {
    if let Err(error) = socket::prepare(&stream, manner.stall) {
        tracing::warn!(%error, "a connection that cannot be bounded is not served");
        return;
    }
    let peer = Peer(peer.ip().to_canonical());
    let router = manner.router.clone();
    let service = tower::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let router = router.clone();
        Box::pin(async move {
            let answer = router.oneshot(request.map(axum::body::Body::new)).await;
            Ok::<_, Infallible>(answer.unwrap_or_else(|never| match never {}))
        })
    });
    let mut connection =
        manner.http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let ended = tokio::select! {
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
        () = closing.cancelled() => {
            std::pin::Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    match ended {
        Ok(()) => socket::end(connection.into_parts().io.into_inner()).await,
        Err(error) => tracing::debug!(%error, "a connection ended badly"),
    }
}
