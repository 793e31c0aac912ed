//! `[mail]`

use std::{net::IpAddr, path::PathBuf};

use laniakea_filter::Glob;
use serde::Deserialize;

use super::InvalidConfig;

/// The server that mails are handed to, and to whom they may go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailServerConfig {
    /// The server's name or address.
    pub server: String,
    /// Its port; 25, 587 or 465 by default, as `tls` says.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: TlsConfig,
    /// Certificates (PEM) of an authority that is believed too, beside those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Who logs in; nobody does by default.
    #[serde(default)]
    pub username: Option<String>,
    /// The file with the password, which nobody else may read.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The sender of all mails, such as `"Archive <archive@example.org>"`.
    pub from: String,
    /// Patterns for the addresses that mails may go to.
    pub allow: Vec<Glob>,
    /// Where rules find the files of their templates.
    #[serde(default)]
    pub templates_dir: Option<PathBuf>,
}

/// How the connection to the server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsConfig {
    /// Not at all.
    None,
    /// After a greeting; a server that does not offer it gets no mail.
    #[default]
    StartTls,
    /// From the first byte on.
    Tls,
}

impl MailServerConfig {
    /// The port, by default the usual one.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            TlsConfig::None => 25,
            TlsConfig::StartTls => 587,
            TlsConfig::Tls => 465,
        })
    }

    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        let invalid = |key: &str, problem: &str| {
            Err(InvalidConfig::new(format!("mail.{key}"), problem.to_owned()))
        };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if self.server.is_empty() || !self.server.bytes().all(is_plain) {
            return invalid(
                "server",
                "it is neither a name nor an address; the port is a key of its own",
            );
        }
        if self.username.is_some() != self.password_file.is_some() {
            return invalid("username", "who logs in needs both username and password_file");
        }
        if self.tls == TlsConfig::None && self.username.is_some() && !self.is_local() {
            return invalid("tls", "the password would cross the network as it is");
        }
        if self.tls == TlsConfig::None && self.ca_file.is_some() {
            return invalid("ca_file", "nothing is encrypted with tls = \"none\"");
        }
        if self.allow.is_empty() {
            return invalid("allow", "an empty list lets no mail go to anybody");
        }
        Ok(())
    }

    fn is_local(&self) -> bool {
        let address = self.server.parse::<IpAddr>();
        self.server == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}
