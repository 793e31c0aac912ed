//! Secrets that others can read.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use laniakea_event::keys::KeyFile;

use super::findings::Finding;
use crate::commands::key::config::KeyConfig;

/// Looks at the daemon's own key, at Laniakea's `secret` directory beside the trusted keys, and
/// for secrets among the trusted keys themselves.
pub(super) fn audit_secrets(config: &KeyConfig) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(identity) = &config.identity {
        findings.extend(exposed(&identity.key_file));
    }
    let own = config.identity.as_ref().map(|identity| &identity.key_file);
    let beside = config.trust.keys_dir.parent().unwrap_or(Path::new(".")).join("secret");
    match files(&beside) {
        Ok(paths) => {
            findings.extend(
                paths.iter().filter(|path| Some(*path) != own).filter_map(|path| exposed(path)),
            );
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => findings.push(unreadable(&beside, &error)),
    }
    for path in files(&config.trust.keys_dir).unwrap_or_default() {
        if KeyFile::load(&path).is_ok_and(|key| key.signing_key.is_some()) {
            let detail = format!("{} is a secret key among the trusted ones", path.display());
            findings.push(Finding::new("exposed secret", detail));
        }
    }
    findings
}

fn exposed(path: &Path) -> Option<Finding> {
    open_to_others(path, 0o077, "exposed secret", "read")
}

/// A finding of this kind where group or others have one of these rights: what they can do.
pub(super) fn open_to_others(
    path: &Path,
    rights: u32,
    kind: &'static str,
    what: &str,
) -> Option<Finding> {
    match fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o7777;
            (mode & rights != 0).then(|| {
                let path = path.display();
                let detail = format!("{path} can be {what} by group or others (mode {mode:04o})");
                Finding::new(kind, detail)
            })
        }
        Err(error) => Some(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Finding {
    Finding::new("unreadable", format!("{}: {error}", path.display()))
}

pub(super) fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
