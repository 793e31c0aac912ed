//! `webhook`: the run as JSON, sent to somebody by HTTP.

mod answer;
mod authority;
mod secret;
mod url;

use std::{
    collections::BTreeMap,
    error::Error as _,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{
    Certificate, Client, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::Sha256;
use tokio::time::{Instant, timeout_at};

use self::{answer::judge, secret::SecretFile, url::UrlTemplate};
pub use self::{authority::InvalidAuthority, secret::InvalidSecret, url::InvalidUrl};
use super::{Ended, Order, Outcome};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may take over its answer's head, and over each piece of the body. The size of a
/// chunk is none, and could have digits for ever.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many headers an answer may have. Together they fit into the 400 KiB that hyper reads ahead.
const MAX_HEADERS: usize = 100;
const SIGNATURE: &str = "x-laniakea-signature";
const DELIVERY: &str = "x-laniakea-delivery";
const RULE: &str = "x-laniakea-rule";
/// Headers that a rule cannot set: HTTP's own, and ours.
const OURS: [&str; 9] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "user-agent",
    SIGNATURE,
    DELIVERY,
    RULE,
];

/// `webhook = { … }`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    url: String,
    #[serde(default)]
    secret_file: Option<PathBuf>,
    #[serde(default)]
    ca_file: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// Somebody who is told of runs.
#[derive(Debug, Clone)]
pub struct Webhook {
    url: UrlTemplate,
    secret: Option<SecretFile>,
    /// Who may have signed the server's certificate, beside the system's authorities.
    authority: Vec<Certificate>,
    headers: HeaderMap,
    patience: Duration,
    /// Made when it is first needed: reading the system's certificates takes a while.
    client: Arc<OnceLock<Client>>,
}

/// `webhook` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWebhook {
    /// The address.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The secret.
    #[error(transparent)]
    Secret(#[from] InvalidSecret),
    /// The authority.
    #[error(transparent)]
    Authority(#[from] InvalidAuthority),
    /// A header.
    #[error("{0:?} with this value is no header that a rule can set")]
    Header(String),
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, InvalidWebhook> {
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let parsed = HeaderName::try_from(name).ok().zip(HeaderValue::try_from(value).ok());
            match parsed.filter(|(name, _)| !OURS.contains(&name.as_str())) {
                Some((name, value)) => drop(headers.insert(name, value)),
                None => return Err(InvalidWebhook::Header(name.clone())),
            }
        }
        Ok(Self {
            url: UrlTemplate::parse(&config.url)?,
            secret: config.secret_file.as_deref().map(SecretFile::new).transpose()?,
            authority: config
                .ca_file
                .as_deref()
                .map(authority::read)
                .transpose()?
                .unwrap_or_default(),
            headers,
            patience: PATIENCE,
            client: Arc::default(),
        })
    }

    /// Where this run would be sent.
    ///
    /// # Errors
    ///
    /// Why the address must not be made of these values.
    pub fn url(&self, values: &Json) -> Result<Url, String> {
        self.url.fill(values).map_err(|error| error.to_string())
    }

    pub(super) async fn run(&self, order: Order) -> Ended {
        let url = match self.url(&order.values) {
            Ok(url) => url,
            Err(reason) => return ended(Outcome::Refused(reason)),
        };
        let request = match self.request(url, &order.values) {
            Ok(request) => request,
            Err(reason) => return ended(Outcome::Failed(reason)),
        };
        let deadline = Instant::now() + order.timeout.min(Duration::from_hours(24 * 365));
        match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => judge(response, deadline).await,
            Ok(Err(error)) => ended(Outcome::Failed(describe(error))),
            Err(_) => {
                let seconds = order.timeout.as_secs_f32();
                ended(Outcome::Failed(format!("it took longer than {seconds} s")))
            }
        }
    }

    fn request(&self, url: Url, values: &Json) -> Result<reqwest::RequestBuilder, String> {
        let body = serde_json::to_vec(values).map_err(|error| error.to_string())?;
        let mut headers = self.headers.clone();
        let header = |text: String| HeaderValue::try_from(text).map_err(|error| error.to_string());
        if let Some(secret) = &self.secret {
            let secret = secret.read().map_err(|error| error.to_string())?;
            headers.insert(SIGNATURE, header(sign(&secret, &body)?)?);
        }
        let number = |name: &str| values.get(name).map(ToString::to_string).unwrap_or_default();
        headers.insert(DELIVERY, header(format!("{}-{}", number("run"), number("attempt")))?);
        let rule = values.get("rule").and_then(Json::as_str).unwrap_or_default();
        headers.insert(RULE, header(rule.to_owned())?);
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        Ok(self.client()?.post(url).headers(headers).body(body))
    }

    fn client(&self) -> Result<&Client, String> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Fails if somebody else was first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            Client::builder()
                .user_agent(concat!("laniakea-keeper/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(self.patience)
                .http1_max_headers(MAX_HEADERS)
                // Whoever answers would choose where our events go.
                .redirect(Policy::none())
                // The rule says where it goes, and the environment does not.
                .no_proxy()
        };
        let authority = || self.authority.iter().cloned();
        let client = builder().tls_certs_merge(authority()).build();
        // A machine without ca-certificates can still speak plain HTTP, and to that authority.
        let client = client.or_else(|_| builder().tls_certs_only(authority()).build());
        let client = client.map_err(|error| format!("could not set up HTTP: {error}"))?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// `sha256=` and the HMAC-SHA-256 of the body in hex.
fn sign(secret: &[u8], body: &[u8]) -> Result<String, String> {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    let mut mac = mac.map_err(|_| "the secret cannot be used".to_owned())?;
    mac.update(body);
    Ok(format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes())))
}

/// The error with its causes, without the address: it may hold what nobody should read in a log.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn ended(outcome: Outcome) -> Ended {
    Ended { outcome, output: Vec::new() }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
