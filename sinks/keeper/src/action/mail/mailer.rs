//! The way to the mail server, and to whom mails may go.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use laniakea_filter::Glob;
use lettre::{
    Message,
    message::Mailbox,
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::{
    super::Outcome,
    conversation::{Bounds, Server},
};
use crate::config::{MailServerConfig, TlsConfig};

/// How much of what a server says is kept.
const MAX_SAID: usize = 500;

/// Sends mails.
#[derive(Debug)]
pub struct Mailer {
    config: MailServerConfig,
    from: Mailbox,
    domain: String,
    allow: Vec<Glob>,
    bounds: Bounds,
    server: OnceLock<Server>,
}

/// `[mail]` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidMailer {
    /// The sender.
    #[error("mail.from: {0:?} is no address such as \"Archive <archive@example.org>\"")]
    From(String),
    /// A pattern.
    #[error("mail.allow: {0}")]
    Allow(String),
    /// A file.
    #[error("could not read {}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read the password.
    #[error("{} is open to others (mode {mode:04o}): chmod 600 it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// No certificates.
    #[error("could not use TLS")]
    Tls(#[source] Error),
}

impl Mailer {
    /// Checks the configuration; no file is read, and nobody is connected to.
    ///
    /// # Errors
    ///
    /// See [`InvalidMailer`].
    pub fn new(config: &MailServerConfig) -> Result<Self, InvalidMailer> {
        let invalid = || InvalidMailer::From(config.from.clone());
        if config.from.chars().any(char::is_control) {
            return Err(invalid());
        }
        let from: Mailbox = config.from.parse().map_err(|_| invalid())?;
        if !from.email.domain().is_ascii() {
            return Err(invalid());
        }
        // Addresses differ in case by mistake only.
        let allow = config.allow.iter().map(|glob| {
            Glob::try_from(glob.as_str().to_ascii_lowercase())
                .map_err(|error| InvalidMailer::Allow(error.to_string()))
        });
        Ok(Self {
            domain: from.email.domain().to_owned(),
            allow: allow.collect::<Result<_, _>>()?,
            config: config.clone(),
            from,
            bounds: Bounds::default(),
            server: OnceLock::new(),
        })
    }

    /// The same, with other bounds: those that hold are too wide for a test.
    #[cfg(test)]
    pub(super) fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Reads the files: the password, and certificates.
    ///
    /// # Errors
    ///
    /// See [`InvalidMailer`].
    pub fn check(&self) -> Result<(), InvalidMailer> {
        self.server().map(drop)
    }

    pub(super) fn from(&self) -> &Mailbox {
        &self.from
    }

    pub(super) fn domain(&self) -> &str {
        &self.domain
    }

    pub(super) fn templates_dir(&self) -> Option<&Path> {
        self.config.templates_dir.as_deref()
    }

    /// Whether mails may go to this address, in lower case.
    pub(super) fn allows(&self, address: &str) -> bool {
        self.allow.iter().any(|glob| glob.matches(address))
    }

    /// Hands a mail to the server. What it refuses for good is not tried again; what it cannot take
    /// now, and a server that is not there, is.
    pub(super) async fn send(&self, message: &Message) -> (Outcome, String) {
        let server = match self.server() {
            Ok(server) => server,
            Err(error) => return (Outcome::Failed(chain(&error)), String::new()),
        };
        match server.send(message).await {
            Ok(response) => {
                let said: Vec<&str> = response.message().collect();
                (Outcome::Succeeded, bounded(&format!("{} {}", response.code(), said.join(" "))))
            }
            Err(error) if error.is_permanent() => (Outcome::Refused(chain(&error)), String::new()),
            Err(error) => (Outcome::Failed(chain(&error)), String::new()),
        }
    }

    /// Made once: the certificates of a system take a while to read.
    fn server(&self) -> Result<&Server, InvalidMailer> {
        if let Some(server) = self.server.get() {
            return Ok(server);
        }
        let config = &self.config;
        let login = config.username.as_ref().zip(config.password_file.as_ref());
        let credentials = login.map(|(username, file)| {
            password(file).map(|password| Credentials::new(username.clone(), password))
        });
        let server = Server {
            host: config.server.clone(),
            port: config.port(),
            tls: self.tls()?,
            credentials: credentials.transpose()?,
            bounds: self.bounds,
        };
        Ok(self.server.get_or_init(|| server))
    }

    fn tls(&self) -> Result<Tls, InvalidMailer> {
        let mut parameters = TlsParameters::builder(self.config.server.clone());
        if let Some(path) = &self.config.ca_file {
            let wrong = |source| InvalidMailer::File { path: path.clone(), source };
            let pem = laniakea_files::read(path, LONGEST).map_err(wrong)?;
            let authority = Certificate::from_pem(&pem).map_err(InvalidMailer::Tls)?;
            parameters = parameters.add_root_certificate(authority);
        }
        Ok(match self.config.tls {
            TlsConfig::None => Tls::None,
            TlsConfig::StartTls => {
                Tls::Required(parameters.build_rustls().map_err(InvalidMailer::Tls)?)
            }
            TlsConfig::Tls => Tls::Wrapper(parameters.build_rustls().map_err(InvalidMailer::Tls)?),
        })
    }
}

/// The longest file of certificates or of a password, in bytes.
const LONGEST: u64 = 1 << 20;

/// Without the line end that editors leave.
fn password(path: &Path) -> Result<String, InvalidMailer> {
    let wrong = |source| InvalidMailer::File { path: path.to_owned(), source };
    let file = laniakea_files::open(path).map_err(wrong)?;
    let mode = file.metadata().map_err(wrong)?.permissions().mode() & 0o7777;
    // What systemd hands out as a credential is guarded by the directory.
    let is_credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|directory| !directory.is_empty() && path.starts_with(directory));
    if mode & 0o077 != 0 && !is_credential {
        return Err(InvalidMailer::Exposed { path: path.to_owned(), mode });
    }
    let text = String::from_utf8(laniakea_files::read_at_most(file, LONGEST).map_err(wrong)?);
    let text = text.map_err(|_| wrong(io::Error::other("it is not UTF-8")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        // Some libraries tell the cause in the error too.
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        cause = error.source();
    }
    bounded(&text)
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_SAID).collect()
}
