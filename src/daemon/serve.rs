//! Listening: addresses are taken before anything is announced, and every connection has limits on
//! its number, its headers and its silence, whether it speaks TLS or not.

use anyhow::Context;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Connections that the system keeps until they are accepted; a whole county fetches at once.
const BACKLOG: u32 = 4_096;
/// Longest time for the headers of a request, and longest silence between two, seconds.
const HEADERS_S_MAX: u64 = 15;
/// Longest line and headers of a request, bytes; 431 above it.
const HEADERS_BYTES_MAX: usize = 64 * 1024;
/// Longest time from a connection to the end of its TLS handshake, seconds.
const HANDSHAKE_S_MAX: u64 = 10;
/// First byte of every TLS connection.
const TLS_FIRST_BYTE: u8 = 0x16;
/// What somebody gets who forgot the s of https, as browsers do by themselves.
const PLAIN_TO_TLS: &str = "这里只接受 HTTPS：请在地址前写 https://\n\
     This address takes HTTPS only: write https:// in front of it.\n";
/// Wait after the system could not give another socket, milliseconds.
const ACCEPT_WAIT_MS: u64 = 200;

/// Takes the address that `key` of `gateway.toml` names; port 0 picks a free one.
///
/// # Errors
/// Address, reason and remedy.
pub(crate) fn bind(key: &str, listen: SocketAddr) -> anyhow::Result<TcpListener> {
    let taken = || -> std::io::Result<TcpListener> {
        let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        socket.listen(BACKLOG)
    };
    taken().map_err(|fault| {
        let remedy = remedy(fault.kind(), listen);
        anyhow::anyhow!("{key}: can't listen on {listen}: {fault}; {remedy}")
    })
}

fn remedy(kind: ErrorKind, listen: SocketAddr) -> String {
    let port = listen.port();
    // Only kinds with a remedy of their own are named.
    if kind == ErrorKind::AddrInUse {
        format!("stop what listens there (`ss -ltnp 'sport = :{port}'` tells) or set another port")
    } else if kind == ErrorKind::AddrNotAvailable {
        "this machine has no such address (`ip address` lists them): set one it has, or 0.0.0.0"
            .to_owned()
    } else if kind == ErrorKind::PermissionDenied {
        "ports below 1024 need a right of their own: set a higher port, or give the service \
         CAP_NET_BIND_SERVICE"
            .to_owned()
    } else {
        "set an address of this machine with a free port".to_owned()
    }
}

/// Where a listener listens.
///
/// # Errors
/// When the system does not tell.
pub(crate) fn local(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener.local_addr().context("asking where a socket listens")
}

/// A listener, and how it speaks.
pub(crate) struct Listener {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }
}

impl Listener {
    /// The same with TLS when there is a certificate.
    pub(crate) fn with_tls(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        Self { listener, tls }
    }
}

/// Serves until `stop` is true; then nothing more is accepted, requests under way are finished, and
/// it returns. At `connections_max` further connections wait in the system's backlog.
pub(crate) async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    connections_max: usize,
    mut stop: watch::Receiver<bool>,
) {
    let Listener { listener, tls } = listener.into();
    let room = Arc::new(Semaphore::new(connections_max));
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = accept(&listener, &room) => accepted,
        };
        while open.try_join_next().is_some() {}
        if let Some((stream, permit)) = accepted {
            let (router, stop, tls) = (router.clone(), stop.clone(), tls.clone());
            open.spawn(async move {
                // Answers are small; waiting to fill a packet would only delay them.
                let _refused = stream.set_nodelay(true);
                let router = router.layer(Extension(Peer::of(&stream, tls.is_some())));
                match tls {
                    None => connection(stream, router, stop).await,
                    Some(tls) => secured(tls, stream, router, stop).await,
                }
                drop(permit);
            });
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// Returns when `stop` is true or nobody can set it any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Its sender is gone only when the daemon is, which is a stop as well.
    let _gone = stop.wait_for(|stop| *stop).await;
}

type Accepted = (TcpStream, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<Accepted> {
    let permit = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, permit)),
        Err(fault) => {
            // Out of file descriptors, or the peer was gone at once: the next may succeed.
            tracing::warn!(%fault, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(ACCEPT_WAIT_MS)).await;
            None
        }
    }
}

/// Where a request comes from; every request carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Address of the other end of the connection; a proxy's, when there is one.
    pub address: IpAddr,
    /// Whether the connection is encrypted.
    pub secure: bool,
}

impl Peer {
    fn of(stream: &TcpStream, secure: bool) -> Self {
        let address = stream.peer_addr().map(|peer| peer.ip());
        Self { address: address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), secure }
    }
}

/// A connection that must shake hands first. It holds its place meanwhile, so the time is short.
async fn secured(
    tls: TlsAcceptor,
    stream: TcpStream,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let limit = Duration::from_secs(HANDSHAKE_S_MAX);
    let shaken = tokio::select! {
        () = stopped(&mut stop) => return,
        shaken = tokio::time::timeout(limit, handshake(tls, stream)) => shaken,
    };
    match shaken {
        Ok(Ok(Some(stream))) => connection(stream, router, stop).await,
        Ok(Ok(None)) => {}
        Ok(Err(fault)) => tracing::debug!(%fault, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took longer than {HANDSHAKE_S_MAX} s"),
    }
}

/// Shakes hands; `None` = it was no TLS, and was told so.
async fn handshake(
    tls: TlsAcceptor,
    mut stream: TcpStream,
) -> std::io::Result<Option<tokio_rustls::server::TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first == [TLS_FIRST_BYTE] {
        return tls.accept(stream).await.map(Some);
    }
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n";
    let length = PLAIN_TO_TLS.len();
    let answer =
        format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{PLAIN_TO_TLS}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // What was sent is read to its end: closing on unread bytes would take the answer away.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(None)
}

async fn connection<S>(stream: S, router: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEADERS_S_MAX))
        .max_buf_size(HEADERS_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let done = tokio::select! {
        done = connection.as_mut() => done,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(fault) = done {
        tracing::debug!(%fault, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls;

    fn check(listen: &str, expect: &[&str]) {
        let told = bind("http.listen", listen.parse().unwrap()).unwrap_err().to_string();
        for expect in expect {
            assert!(told.contains(expect), "{listen}: `{expect}` is not in {told}");
        }
    }

    #[tokio::test]
    async fn a_refused_address_is_named_with_reason_and_remedy() {
        let first = bind("http.listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let taken = local(&first).unwrap().to_string();
        check(&taken, &["http.listen", &taken, "in use", "ss -ltnp", "another port"]);
        check("192.0.2.1:8721", &["192.0.2.1:8721", "ip address", "0.0.0.0"]);
    }

    /// Who connects and says nothing holds one of the places, and gives it back at the limit.
    #[tokio::test]
    async fn a_handshake_holds_a_place_and_gives_it_back() {
        use tokio::io::AsyncReadExt;
        let dir = std::env::temp_dir().join(format!("mingluo-places-{}", std::process::id()));
        let made = tls::self_signed(&["127.0.0.1".to_owned()], crate::clock::now_utc()).unwrap();
        let (certificate, key) = (dir.join("tls.crt"), dir.join("tls.key"));
        crate::secrets::write_private(&certificate, made.certificate.as_bytes()).unwrap();
        crate::secrets::write_private(&key, made.key.as_bytes()).unwrap();
        let acceptor = TlsAcceptor::from(tls::server(&certificate, &key).unwrap());
        let caller = tls::trusting_client(&certificate).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();

        let listener = bind("http.listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let at = local(&listener).unwrap();
        let (stop, stopping) = watch::channel(false);
        let router = Router::new().route("/", axum::routing::get(async || "served"));
        let listener = Listener::with_tls(listener, Some(acceptor));
        let serving = tokio::spawn(serve(listener, router, 2, stopping));
        let mut silent =
            [TcpStream::connect(at).await.unwrap(), TcpStream::connect(at).await.unwrap()];
        let answer = caller.get(format!("https://{at}/")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "served");
        let mut ended = 0;
        for stream in &mut silent {
            let mut byte = [0];
            let read = tokio::time::timeout(Duration::from_millis(1), stream.read(&mut byte)).await;
            ended += u32::from(read.is_ok());
        }
        assert!(ended > 0, "it was served although both places were held");
        stop.send_replace(true);
        serving.await.unwrap();
    }
}
