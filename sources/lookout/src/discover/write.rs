//! Writes what was found as a configuration.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{Found, FoundArchive, keys::Keys};

/// What a configuration needs besides its archives.
#[derive(Debug, Clone)]
pub struct Destination {
    /// For the state and the outbox.
    pub data_dir: PathBuf,
    /// The secret key.
    pub key_file: PathBuf,
    /// The relay's submit endpoint.
    pub endpoint: String,
    /// The pause between two looks, such as `5m`.
    pub interval: String,
    /// Where keys go that stand in APT's sources themselves.
    pub keys_dir: PathBuf,
}

/// The configuration could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The keys.
    #[error("could not write {}", path.display())]
    Keys {
        /// Where to.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path that is no text, for one.
    #[error("could not write the configuration as TOML")]
    Toml(#[from] toml::ser::Error),
}

#[derive(Serialize)]
struct Configuration<'a> {
    data_dir: &'a Path,
    identity: Identity<'a>,
    submit: Submit<'a>,
    archive: Vec<Archive<'a>>,
}

#[derive(Serialize)]
struct Identity<'a> {
    key_file: &'a Path,
}

#[derive(Serialize)]
struct Submit<'a> {
    endpoint: &'a str,
}

#[derive(Serialize)]
struct Archive<'a> {
    name: &'a str,
    url: &'a str,
    suites: &'a [String],
    components: &'a [String],
    architectures: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signed_by: Vec<PathBuf>,
    #[serde(skip_serializing_if = "is_false")]
    trusted: bool,
    interval: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lists_dir: Option<&'a Path>,
    baseline: &'a str,
    check_dates: bool,
}

/// The text of a configuration that watches what was found.
///
/// # Errors
///
/// See [`WriteError`].
pub fn write(found: &Found, destination: &Destination) -> Result<String, WriteError> {
    let lists_dir = found.lists_dir.as_deref();
    let archives = found.archives.iter().map(|archive| entry(archive, lists_dir, destination));
    let configuration = Configuration {
        data_dir: &destination.data_dir,
        identity: Identity { key_file: &destination.key_file },
        submit: Submit { endpoint: &destination.endpoint },
        archive: archives.collect::<Result<_, _>>()?,
    };
    let text = toml::to_string_pretty(&configuration)?;
    Ok(format!("# The archive of this machine's distribution, by `lookout discover`.\n{text}"))
}

fn entry<'a>(
    archive: &'a FoundArchive,
    lists_dir: Option<&'a Path>,
    destination: &'a Destination,
) -> Result<Archive<'a>, WriteError> {
    let signed_by = match &archive.keys {
        Keys::Files(files) => files.clone(),
        Keys::Trusted => Vec::new(),
        Keys::Inline(keys) => {
            let path = destination.keys_dir.join(format!("{}.asc", archive.name));
            fs::create_dir_all(&destination.keys_dir)
                .and_then(|()| fs::write(&path, keys))
                .map_err(|source| WriteError::Keys { path: path.clone(), source })?;
            vec![path]
        }
    };
    Ok(Archive {
        name: &archive.name,
        url: &archive.url,
        suites: &archive.suites,
        components: &archive.components,
        architectures: &archive.architectures,
        signed_by,
        trusted: archive.keys == Keys::Trusted,
        interval: &destination.interval,
        lists_dir,
        baseline: &archive.baseline,
        check_dates: archive.check_dates,
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
