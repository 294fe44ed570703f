//! Connections: how many, how long they may take to say what they want, and how they end. What is said on them is
//! not looked at here.

use std::convert::Infallible;
use std::net::SocketAddr;
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

use crate::api::Peer;
use crate::metrics::Metrics;
use crate::service::Service;

/// How long the head of a call may take to arrive; also how long a connection may say nothing between calls.
const HEAD: Duration = Duration::from_secs(60);
/// Bytes of the head and of what is read ahead.
const BUFFER: usize = 64 << 10;
const MOST_HEADERS: usize = 64;
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
    let room = Arc::new(Semaphore::new(service.config.http.connections));
    let mut connections = JoinSet::new();
    loop {
        // No connection is accepted that there is no room for: it waits in the kernel's queue.
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            () = closing.cancelled() => break,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let guard = Guard::new(service, permit);
                connections.spawn(connection(router.clone(), stream, peer, closing.clone(), guard));
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
        let metrics: &Metrics = &self.service.metrics;
        metrics.connections.dec();
    }
}

async fn connection(
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
    closing: CancellationToken,
    _guard: Guard,
) {
    // Answers are small and are waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let peer = Peer(peer.ip().to_canonical());
    let service = tower::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let router = router.clone();
        async move {
            Ok::<_, Infallible>(
                router
                    .oneshot(request.map(axum::body::Body::new))
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
