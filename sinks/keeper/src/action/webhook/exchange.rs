//! One request and its answer, over a connection of their own.
//!
//! Whatever the server sends, TLS, preliminary answers, headers, the frames of chunks, no more than
//! [`MAX_BYTES`] of it are read. reqwest and the pool of hyper-util have no place for such a bound.

use std::{future::pending, io, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use rustls_platform_verifier::Verifier;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::action::Ended;

/// To look up the server, to connect to it and for TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// For one of its addresses: there may be another that answers.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(4);
/// How much is read of a connection, all told: a body and what may stand around it.
const MAX_BYTES: u64 = 4 << 20;
/// How many headers an answer may have.
const MAX_HEADERS: usize = 100;
/// How many bytes they may have.
const MAX_HEAD: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("could not connect")]
    Connect(#[source] io::Error),
    #[error("could not connect in {} s", CONNECT_TIMEOUT.as_secs())]
    Unreachable,
    #[error("could not set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("there is no answer")]
    Http(#[from] hyper::Error),
}

trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Sends a request, and has the answer judged while the connection is there.
pub(super) async fn exchange(
    url: &Url,
    tls: Arc<ClientConfig>,
    request: Request<Full<Bytes>>,
    judge: impl AsyncFnOnce(Response<Incoming>) -> Ended,
) -> Result<Ended, NoAnswer> {
    let connected = timeout(CONNECT_TIMEOUT, connect(url, tls)).await;
    let stream = connected.map_err(|_| NoAnswer::Unreachable)?.map_err(NoAnswer::Connect)?;
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    let work = async { Ok(judge(sender.send_request(request).await?).await) };
    let carry = async {
        // What goes wrong here is told where the answer is read.
        drop(connection.await);
        pending().await
    };
    tokio::select! { ended = work => ended, ended = carry => ended }
}

/// Connections to servers that the system's authorities or these vouch for.
pub(super) fn tls(authority: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = || {
        ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()
    };
    let verifier = Verifier::new_with_extra_roots(authority.iter().cloned(), provider.clone());
    if let Ok(verifier) = verifier {
        let builder = builder()?.dangerous();
        return Ok(builder
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth());
    }
    // A machine without ca-certificates can still speak to that authority, and plain HTTP.
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authority.iter().cloned());
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

async fn connect(url: &Url, tls: Arc<ClientConfig>) -> io::Result<Box<dyn Connection>> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().unwrap_or_default();
    let (read, write) = reach(&host, port).await?.into_split();
    let stream = tokio::io::join(read.take(MAX_BYTES), write);
    if url.scheme() == "http" {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await?))
}

/// The first of its addresses that answers.
async fn reach(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut problem = io::Error::other("it has no address");
    for address in lookup_host((host, port)).await? {
        match timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return stream.set_nodelay(true).map(|()| stream),
            Ok(Err(error)) => problem = error,
            Err(_) => problem = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(problem)
}
