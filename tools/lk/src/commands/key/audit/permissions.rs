//! Who else could change whom the daemon trusts.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::{
    findings::Finding,
    secrets::{files, unreadable},
};

/// Looks at the trusted directory and at every file in it.
pub(super) fn audit_permissions(keys_dir: &Path) -> Vec<Finding> {
    let mut paths = vec![keys_dir.to_owned()];
    paths.extend(files(keys_dir).unwrap_or_default());
    paths.iter().filter_map(|path| writable(path)).collect()
}

fn writable(path: &Path) -> Option<Finding> {
    match fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o7777;
            (mode & 0o022 != 0).then(|| {
                let path = path.display();
                let detail = format!("{path} can be written by group or others (mode {mode:04o})");
                Finding::new("open to others", detail)
            })
        }
        Err(error) => Some(unreadable(path, &error)),
    }
}
