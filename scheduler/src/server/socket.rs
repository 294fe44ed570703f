//! What the kernel does for a connection: it gives up on an end that takes nothing in, and keeps little of what that
//! end has not been sent. It must not know what is said on the connection.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes that the kernel takes from us before the other end has room for them. What is on its way does not count, so
/// this slows no fast reader down.
const UNSENT: u32 = 128 << 10;
/// How long to listen to one who was answered before it had said everything.
const LINGER: Duration = Duration::from_secs(2);

/// Prepares a connection that was accepted.
///
/// The kernel ends it when its other end took nothing in for as long as `stall`: one that is gone and one that does
/// not read. One that reads slowly makes progress, and one that is sent nothing has nothing to take in.
pub(super) fn prepare(stream: &TcpStream, stall: Duration) -> std::io::Result<()> {
    let socket = SockRef::from(stream);
    // Answers are small and are waited for.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_user_timeout(Some(stall))?;
    socket.set_tcp_notsent_lowat(UNSENT)
}

/// Ends a connection so that the other end can read the last answer: one that is still sending when we close would
/// have it thrown away by its kernel.
pub(super) async fn end(mut stream: TcpStream) {
    // Whoever is gone already needs no end.
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut heard = vec![0; 8 << 10];
    let rest = async { while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {} };
    // Who goes on for longer does not listen.
    tokio::time::timeout(LINGER, rest).await.ok();
}
