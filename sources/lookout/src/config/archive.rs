//! What is watched.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use laniakea_daemon::Age;
use reqwest::Url;
use serde::{Deserialize, Deserializer};

use super::{InvalidConfig, SuiteName};
use crate::apt::index::IndexName;

/// `[[archive]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// How events and logs call it: `repo` in the events. No `/` in it.
    pub name: String,
    /// The address, as in `sources.list`: `http:`, `https:` or `file:`. Others, such as
    /// `mirror+file:`, work with `lists_dir` alone.
    pub url: String,
    /// The suites to watch, such as `bookworm` and `bookworm-updates`.
    pub suites: Vec<String>,
    /// The components to watch, such as `main`.
    pub components: Vec<String>,
    /// The architectures to watch; `source` for the source packages.
    pub architectures: Vec<String>,
    /// The keyrings whose keys may sign the archive: one file or a list, binary or armoured.
    #[serde(default, deserialize_with = "one_or_many")]
    pub signed_by: Vec<PathBuf>,
    /// Believes the archive without any signature. Default: false.
    #[serde(default)]
    pub trusted: bool,
    /// The pause between two looks, such as `"5m"` (default).
    #[serde(default = "five_minutes")]
    pub interval: Age,
    /// How long each of its files may take over HTTP. Default: `"30m"`.
    #[serde(default = "half_an_hour")]
    pub fetch_timeout: Age,
    /// The proxy: `"apt"` (default) for the one in APT's settings, `"none"`, or an address.
    #[serde(default)]
    pub proxy: ProxySetting,
    /// APT's lists, mostly `/var/lib/apt/lists`: indexes that are there are not downloaded again,
    /// and the whole suite is read from there while the archive cannot be reached. Default: none.
    pub lists_dir: Option<PathBuf>,
    /// The suite that the first look at each other suite is compared with: `"SUITE"` of this
    /// archive or `"ARCHIVE/SUITE"`. What they hold beyond it is told then. Default: none.
    pub baseline: Option<Baseline>,
    /// What the `Release` file calls itself, where that is not the suite's name.
    pub release_name: Option<String>,
    /// Refuses a `Release` file whose `Valid-Until` is past, or whose `Date` is to come. Default: true.
    #[serde(default = "yes")]
    pub check_dates: bool,
    /// No index is unpacked further than this many MiB. Default: 512.
    #[serde(default = "default_max_index_mib")]
    pub max_index_mib: u64,
}

/// The suite that others are compared with, `SUITE` or `ARCHIVE/SUITE`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Baseline(String);

/// Where the proxy is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ProxySetting {
    /// In APT's own configuration.
    #[default]
    Apt,
    /// There is none.
    None,
    /// Here.
    Address(String),
}

impl Archive {
    /// The indexes that the configuration names.
    pub fn indexes(&self) -> impl Iterator<Item = IndexName> {
        self.components.iter().flat_map(|component| {
            let index = |architecture: &String| IndexName::new(component, architecture);
            self.architectures.iter().map(index)
        })
    }

    /// The complete name of one of its suites.
    pub fn suite(&self, suite: &str) -> SuiteName {
        SuiteName { archive: self.name.clone(), suite: suite.to_owned() }
    }

    /// The suite that the first look at `suite` is compared with.
    pub fn baseline_of(&self, suite: &str) -> Option<SuiteName> {
        let Baseline(text) = self.baseline.as_ref()?;
        let baseline = match text.split_once('/') {
            Some((archive, suite)) if !self.suites.contains(text) => {
                SuiteName { archive: archive.to_owned(), suite: suite.to_owned() }
            }
            _ => self.suite(text),
        };
        (baseline != self.suite(suite)).then_some(baseline)
    }

    /// The address of a suite's directory, with a `/` at its end.
    pub fn suite_url(&self, suite: &str) -> String {
        format!("{}/dists/{suite}/", self.url.trim_end_matches('/'))
    }

    pub(super) fn invalid(&self, field: &str, problem: &str) -> InvalidConfig {
        InvalidConfig::new(format!("archive {:?}: {field}", self.name), problem)
    }

    pub(super) fn validate(&self) -> Result<(), InvalidConfig> {
        if !is_word(&self.name) {
            return Err(self.invalid("name", "letters, digits and -._+~ are allowed"));
        }
        self.validate_url()?;
        let lists = [
            ("suites", &self.suites),
            ("components", &self.components),
            ("architectures", &self.architectures),
        ];
        for (field, list) in lists {
            if list.is_empty() {
                return Err(self.invalid(field, "the list is empty"));
            }
            if let Some(bad) = list.iter().find(|word| !word.split('/').all(is_word)) {
                let hint =
                    if bad.ends_with('/') { ": flat archives are not supported" } else { "" };
                return Err(self.invalid(field, &format!("{bad:?} is no name{hint}")));
            }
        }
        match (self.trusted, self.signed_by.is_empty()) {
            (false, true) => {
                Err(self.invalid("signed_by", "a keyring is needed (or trusted = true)"))
            }
            (true, false) => Err(self.invalid("trusted", "an archive with a keyring is verified")),
            _ => Ok(()),
        }?;
        for (field, time) in [("interval", self.interval), ("fetch_timeout", self.fetch_timeout)] {
            if time.limit().is_none_or(|time| time < Duration::from_secs(1)) {
                return Err(self.invalid(field, "it must be at least a second, and limited"));
            }
        }
        Ok(())
    }

    fn validate_url(&self) -> Result<(), InvalidConfig> {
        let url = Url::parse(&self.url).map_err(|error| self.invalid("url", &error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(self.invalid("url", "names and passwords have no place in it"));
        }
        if !matches!(url.scheme(), "http" | "https" | "file") && self.lists_dir.is_none() {
            let problem = format!("{:?} is for APT alone: set lists_dir", url.scheme());
            return Err(self.invalid("url", &problem));
        }
        Ok(())
    }
}

/// One part of a suite's, component's or architecture's name.
fn is_word(word: &str) -> bool {
    let begins = word.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    begins && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+~".contains(&byte))
}

fn yes() -> bool {
    true
}

fn five_minutes() -> Age {
    Age::Limited(Duration::from_mins(5))
}

fn half_an_hour() -> Age {
    Age::Limited(Duration::from_mins(30))
}

fn default_max_index_mib() -> u64 {
    512
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(path) => vec![path],
        OneOrMany::Many(paths) => paths,
    })
}

impl FromStr for ProxySetting {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "apt" => Self::Apt,
            "none" => Self::None,
            address => Self::Address(address.to_owned()),
        })
    }
}

impl<'de> Deserialize<'de> for ProxySetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Ok(setting) = String::deserialize(deserializer)?.parse();
        Ok(setting)
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
