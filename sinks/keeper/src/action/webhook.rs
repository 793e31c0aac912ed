//! `webhook`: the run as JSON, sent to somebody by HTTP.

mod address;
mod answer;
mod authority;
mod exchange;
mod secret;

use std::{
    collections::BTreeMap,
    error::Error,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::Full;
use hyper::{
    Request,
    body::Bytes,
    header::{
        ACCEPT, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
    },
};
use rustls::{ClientConfig, pki_types::CertificateDer};
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::Sha256;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

pub use self::{address::InvalidUrl, authority::InvalidAuthority, secret::InvalidSecret};
use self::{address::UrlTemplate, answer::judge, exchange::exchange, secret::SecretFile};
use super::{Ended, Order, Outcome};

/// An answer that has begun is given its own verdict when its time is over.
const MARGIN: Duration = Duration::from_millis(100);
const PROGRAM: &str = concat!("laniakea-keeper/", env!("CARGO_PKG_VERSION"));
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
    authority: Vec<CertificateDer<'static>>,
    headers: HeaderMap,
    /// Made when it is first needed: reading the system's certificates takes a while.
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
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
            tls: Arc::default(),
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
        let request = match self.request(&url, &order.values) {
            Ok(request) => request,
            Err(reason) => return ended(Outcome::Failed(reason)),
        };
        let tls = match self.tls() {
            Ok(tls) => tls,
            Err(error) => return ended(Outcome::Failed(describe(&error))),
        };
        let deadline = Instant::now() + order.timeout.min(Duration::from_hours(24 * 365));
        let exchange = exchange(&url, tls, request, async |answer| judge(answer, deadline).await);
        match timeout_at(deadline + MARGIN, exchange).await {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => ended(Outcome::Failed(describe(&error))),
            Err(_) => {
                let seconds = order.timeout.as_secs_f32();
                ended(Outcome::Failed(format!("it took longer than {seconds} s")))
            }
        }
    }

    fn request(&self, url: &Url, values: &Json) -> Result<Request<Full<Bytes>>, String> {
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
        headers.insert(HOST, header(url[Position::BeforeHost..Position::AfterPort].to_owned())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(PROGRAM));
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let request = Request::post(target).body(Full::new(Bytes::from(body)));
        let mut request = request.map_err(|error| error.to_string())?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let config = Arc::new(exchange::tls(&self.authority)?);
        Ok(self.tls.get_or_init(|| config).clone())
    }
}

/// `sha256=` and the HMAC-SHA-256 of the body in hex.
fn sign(secret: &[u8], body: &[u8]) -> Result<String, String> {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    let mut mac = mac.map_err(|_| "the secret cannot be used".to_owned())?;
    mac.update(body);
    Ok(format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes())))
}

/// The error with its causes.
fn describe(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |error| Error::source(*error));
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn ended(outcome: Outcome) -> Ended {
    Ended { outcome, output: Vec::new() }
}

#[cfg(test)]
mod tests;
