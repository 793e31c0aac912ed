//! An archive over HTTP or HTTPS, through a proxy where there is one.
//!
//! The client is `reqwest` because of the proxies that APT is used with: `squid` and
//! `apt-cacher-ng` refuse `CONNECT` to port 80, so plain HTTP must go through them in absolute
//! form. (ureq 3 tunnels everything.) The client is asynchronous and our reading is not, so each
//! chunk is waited for on a thread that may block.

use std::{
    io::{self, Read},
    time::Duration,
};

use reqwest::{
    Client, Proxy, Response, StatusCode, Url,
    header::{ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
    redirect::Policy,
};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::{Fetch, FetchError, Fetched, Validators};
use crate::stop::Stop;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Until the file itself begins, redirects among it.
const HEAD_TIMEOUT: Duration = Duration::from_mins(1);
/// The longest time for a file that a setting can say.
const LONGEST_PATIENCE: Duration = Duration::from_hours(24);
/// The longest silence.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 5;
/// Validators are kept in the database: a server must not choose how much.
const MAX_VALIDATOR_BYTES: usize = 512;

/// A suite's directory on a server.
#[derive(Debug)]
pub struct Http {
    client: Client,
    directory: Url,
    patience: Duration,
    waiting: Waiting,
}

/// Waits for the network on a thread that may block, and no longer than until the stop.
#[derive(Debug, Clone)]
struct Waiting {
    runtime: Handle,
    stop: Stop,
}

/// How long a file may take, from the request to its last byte.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    patience: Duration,
    at: Instant,
}

impl Deadline {
    fn new(patience: Duration) -> Self {
        Self { patience, at: Instant::now() + patience }
    }

    async fn pass(self) -> io::Error {
        sleep_until(self.at).await;
        let message = format!("the file took longer than {} s", self.patience.as_secs_f32());
        io::Error::new(io::ErrorKind::TimedOut, message)
    }
}

impl Waiting {
    fn wait_for<T>(
        &self,
        deadline: Deadline,
        answer: impl Future<Output = reqwest::Result<T>>,
    ) -> io::Result<T> {
        self.runtime.block_on(async {
            tokio::select! {
                answer = answer => answer.map_err(|error| io::Error::other(error.without_url())),
                error = deadline.pass() => Err(error),
                () = self.stop.wait() => Err(io::Error::other("stopping")),
            }
        })
    }
}

/// A client that cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("could not set up HTTP for {url}")]
pub struct HttpError {
    url: Url,
    source: reqwest::Error,
}

impl Http {
    /// A client for the suite whose directory is at `directory`, an address that ends in `/`. No
    /// file takes longer than `patience`.
    ///
    /// Its methods must be called where blocking is allowed, within `runtime`; what they wait for
    /// fails once `stop` is set.
    ///
    /// # Errors
    ///
    /// If the address of the proxy makes no sense.
    pub fn new(
        directory: Url,
        proxy: Option<&str>,
        patience: Duration,
        runtime: Handle,
        stop: Stop,
    ) -> Result<Self, HttpError> {
        // Fails if somebody else was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client =
            client(proxy).map_err(|source| HttpError { url: directory.clone(), source })?;
        let patience = patience.min(LONGEST_PATIENCE);
        Ok(Self { client, directory, patience, waiting: Waiting { runtime, stop } })
    }
}

fn client(proxy: Option<&str>) -> reqwest::Result<Client> {
    let proxy = proxy.map(Proxy::all).transpose()?;
    let builder = || {
        let builder = Client::builder()
            .user_agent(concat!("laniakea-lookout/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(Policy::limited(MAX_REDIRECTS))
            // Ours is APT's proxy; the environment has been asked already.
            .no_proxy();
        proxy.iter().cloned().fold(builder, reqwest::ClientBuilder::proxy)
    };
    // A machine without ca-certificates can still read plain HTTP, as APT does there.
    builder().build().or_else(|_| builder().tls_certs_only([]).build())
}

impl Fetch for Http {
    fn get(&self, path: &str, known: &Validators) -> Result<Fetched, FetchError> {
        let url = format!("{}{path}", self.directory);
        let mut request = self.client.get(&url);
        if known.url == url {
            let conditions =
                [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)];
            for (header, value) in conditions {
                request =
                    value.iter().fold(request, |request, value| request.header(&header, value));
            }
        }
        let deadline = Deadline::new(self.patience);
        let head = Deadline::new(self.patience.min(HEAD_TIMEOUT));
        let response = match self.waiting.wait_for(head, async { request.send().await }) {
            Ok(response) => response,
            Err(source) => return Err(FetchError::Unreachable { url, source }),
        };
        match response.status() {
            StatusCode::OK => {
                let validators = validators(url, response.headers());
                let (chunk, waiting) = (io::Cursor::default(), self.waiting.clone());
                let body = Body { response, chunk, deadline, waiting };
                Ok(Fetched::File(Box::new(body), validators))
            }
            StatusCode::NOT_MODIFIED if known.url == url => Ok(Fetched::NotModified),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(FetchError::NotFound { url }),
            status => Err(FetchError::Status { url, status: status.as_u16() }),
        }
    }
}

fn validators(url: String, headers: &HeaderMap) -> Validators {
    let text = |name: HeaderName| {
        let value = headers.get(name)?.to_str().ok()?;
        (value.len() <= MAX_VALIDATOR_BYTES).then(|| value.to_owned())
    };
    Validators { url, etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

/// The rest of an answer, as a reader.
struct Body {
    response: Response,
    chunk: io::Cursor<Vec<u8>>,
    deadline: Deadline,
    waiting: Waiting,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.chunk.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match self.waiting.wait_for(self.deadline, self.response.chunk())? {
                Some(chunk) => self.chunk = io::Cursor::new(chunk.into()),
                None => return Ok(0),
            }
        }
    }
}
