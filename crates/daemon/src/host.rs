//! The machine.

use std::path::Path;

/// The machine's name, if an event can carry it.
pub fn hostname() -> Option<String> {
    let name = laniakea_files::read_text(Path::new("/proc/sys/kernel/hostname"), 4096).ok()?;
    let name = name.trim();
    let fits = !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}
