//! Where the binaries are.

use std::path::PathBuf;

/// The binary of that name from the same build as this test.
///
/// # Panics
///
/// It was not built.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/debug/deps/test-1234, or target/release/bench
    let directories = test.ancestors().skip(1).take(2);
    let path = directories.map(|directory| directory.join(name)).find(|path| path.is_file());
    path.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` first"))
}
