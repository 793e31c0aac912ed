//! Who else could change whom the daemon trusts.

use std::path::Path;

use super::{
    findings::Finding,
    secrets::{files, open_to_others},
};

/// Looks at the trusted directory and at every file in it.
pub(super) fn audit_permissions(keys_dir: &Path) -> Vec<Finding> {
    let mut paths = vec![keys_dir.to_owned()];
    paths.extend(files(keys_dir).unwrap_or_default());
    paths.iter().filter_map(|path| writable(path)).collect()
}

fn writable(path: &Path) -> Option<Finding> {
    open_to_others(path, 0o022, "open to others", "written")
}
