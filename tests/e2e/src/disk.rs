//! What the machine's disk takes for a commit: what measurements of commits are held against.

use std::{fs::File, io::Write as _, time::Instant};

/// How long a sync of 4 KiB takes here, the median of a hundred, in milliseconds.
///
/// # Panics
///
/// There is no directory for temporary files.
pub fn median_fsync() -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let mut file = File::create(directory.path().join("file")).unwrap();
    let mut times = Vec::new();
    for _ in 0..101 {
        file.write_all(&[7; 4096]).unwrap();
        let start = Instant::now();
        file.sync_data().unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times[50]
}
