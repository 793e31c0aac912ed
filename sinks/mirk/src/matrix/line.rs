//! The line to the homeserver: nothing on it is endless.
//!
//! The SDK reads an answer whole, however long it is, asks again as soon as it is told to, and has
//! no setting for either. So what it connects to is a socket in this very process, from which the
//! bytes go to the homeserver and back, counted. A connection carries one request (no keep-alive,
//! no HTTP/2) and nothing is packed: what a connection may receive is what an answer may take in
//! memory, and how often one is opened is how often something is asked. TLS is between the SDK and
//! the homeserver, and its keys never come near this. (docs/decisions/0026-a-line-to-the-homeserver.md)

use std::{
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt as _,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use matrix_sdk::reqwest::{self, Client, Url, redirect::Policy, tls};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, copy},
    net::{TcpStream, UnixListener, UnixStream, unix::WriteHalf},
    task::JoinSet,
    time::timeout,
};

use self::allowance::Allowance;

mod allowance;

/// To be connected to, over TLS too.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests at a time; others wait for their turn.
const MAX_REQUESTS: usize = 16;
const BUFFER: usize = 16 << 10;

/// There is no line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// The address has no host.
    #[error("{0} is no address of a homeserver")]
    Address(String),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers")]
    Random(#[source] getrandom::Error),
    /// The socket.
    #[error("could not open a socket for the way to the homeserver")]
    Socket(#[source] io::Error),
    /// The client, most likely for its certificates.
    #[error("could not set up HTTP")]
    Client(#[source] reqwest::Error),
}

/// The line to one homeserver. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Line {
    client: Client,
    /// Whoever uses the line has it open.
    _carrying: JoinSet<()>,
}

/// What a line carries, and where to.
#[derive(Debug)]
struct Carrier {
    host: String,
    port: u16,
    /// How many bytes answers may have, all together that come at the same time.
    max_bytes: usize,
    /// How many they have.
    bytes: AtomicUsize,
}

impl Line {
    /// Opens a line over which an answer, and all that come at the same time, have no more than
    /// `max_bytes`. Nobody is connected to.
    ///
    /// # Errors
    ///
    /// See [`LineError`].
    pub(super) fn open(homeserver: &str, max_bytes: usize) -> Result<Self, LineError> {
        let no_address = || LineError::Address(homeserver.to_owned());
        let url = Url::parse(homeserver).map_err(|_| no_address())?;
        let host = url.host_str().ok_or_else(no_address)?;
        let carrier = Carrier {
            // An address of IPv6 stands in brackets there.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port_or_known_default().ok_or_else(no_address)?,
            max_bytes,
            bytes: AtomicUsize::new(0),
        };
        let socket = socket_name()?;
        let listener = UnixListener::bind(&socket).map_err(LineError::Socket)?;
        let client = client(socket).map_err(LineError::Client)?;
        let mut carrying = JoinSet::new();
        carrying.spawn(serve(listener, Arc::new(carrier)));
        Ok(Self { client, _carrying: carrying })
    }

    /// Makes requests over the line.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }
}

/// No file, and no name that anybody could have taken before.
fn socket_name() -> Result<PathBuf, LineError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(LineError::Random)?;
    let name = [b"\0mirk-", format!("{:032x}", u128::from_be_bytes(random)).as_bytes()].concat();
    Ok(OsString::from_vec(name).into())
}

fn client(socket: PathBuf) -> reqwest::Result<Client> {
    Client::builder()
        .unix_socket(socket)
        // One request a connection, or nobody could tell answers apart.
        .http1_only()
        .pool_max_idle_per_host(0)
        .no_gzip()
        // The homeserver is where the configuration says, and nowhere else.
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .min_tls_version(tls::Version::TLS_1_2)
        .user_agent(concat!("mirk/", env!("CARGO_PKG_VERSION")))
        .build()
}

async fn serve(listener: UnixListener, carrier: Arc<Carrier>) {
    let mut allowance = Allowance::new();
    let mut requests = JoinSet::new();
    loop {
        while requests.len() >= MAX_REQUESTS {
            requests.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) if is_own(&client) => {
                    allowance.wait().await;
                    let carrier = carrier.clone();
                    requests.spawn(async move { carrier.carry(client).await });
                }
                // Somebody else on this machine has no business here.
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a request to the homeserver could not be made");
                    allowance.wait().await;
                }
            },
            Some(_) = requests.join_next() => {}
        }
    }
}

fn is_own(client: &UnixStream) -> bool {
    let own = i32::try_from(std::process::id()).ok();
    own.is_some() && client.peer_cred().is_ok_and(|peer| peer.pid() == own)
}

impl Carrier {
    async fn carry(&self, mut client: UnixStream) {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let connected = timeout(CONNECT_TIMEOUT, connecting).await;
        let mut server = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(server) => server,
            Err(error) => {
                let (host, port) = (&self.host, self.port);
                tracing::warn!(host, port, %error, "could not connect to the homeserver");
                return;
            }
        };
        // What is asked is small, and waits for its answer.
        drop(server.set_nodelay(true));
        let (mut asked, mut answered) = client.split();
        let (mut from_server, mut to_server) = server.split();
        let ended = tokio::select! {
            // Whoever asked has gone.
            ended = copy(&mut asked, &mut to_server) => ended.map(drop),
            ended = self.answer(&mut from_server, &mut answered) => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection to the homeserver broke");
        }
    }

    /// Hands the answer over, and stops where it is too long.
    async fn answer(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut WriteHalf<'_>,
    ) -> io::Result<()> {
        let mut answer = Answer { length: 0, carrier: self };
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = from.read(&mut buffer).await?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                return Ok(());
            };
            if !answer.takes(count) {
                let limit = self.max_bytes;
                tracing::warn!(limit, "an answer of the homeserver is too long: it was cut");
                return Ok(());
            }
            to.write_all(bytes).await?;
        }
    }
}

/// What came of an answer so far.
struct Answer<'c> {
    length: usize,
    carrier: &'c Carrier,
}

impl Answer<'_> {
    fn takes(&mut self, count: usize) -> bool {
        self.length += count;
        let before = self.carrier.bytes.fetch_add(count, Ordering::Relaxed);
        before + count <= self.carrier.max_bytes
    }
}

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        self.carrier.bytes.fetch_sub(self.length, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
