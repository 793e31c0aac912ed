//! Work on several cores.
//!
//! Threads are made for each piece of work. That costs some 20 microseconds each, and what is done here
//! takes milliseconds; in return nothing waits, spins or stands in line with others' work.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// What a thread takes at once, so that none is left with much when the others are done.
const SHARE: usize = 8;

/// Does something to each of these, on so many threads, of which this is one.
pub(super) fn in_parallel<T: Send>(items: &mut [T], threads: usize, work: impl Fn(&mut T) + Sync) {
    let shares = Mutex::new(items.chunks_mut(SHARE));
    let next = || shares.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work_on = || {
        while let Some(share) = next() {
            share.iter_mut().for_each(&work);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            let helper = thread::Builder::new().name("seal".to_owned());
            // Where there is no thread to be had, those that are there do it all.
            if let Err(error) = helper.spawn_scoped(scope, work_on) {
                tracing::debug!(%error, "a thread cannot be started");
                break;
            }
        }
        work_on();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_on_however_many_threads() {
        for threads in [0, 1, 2, 7] {
            for count in [0, 1, SHARE, SHARE + 1, 1_000] {
                let mut items: Vec<usize> = (0..count).collect();
                in_parallel(&mut items, threads, |item| *item += 1);
                assert_eq!(items, (1..=count).collect::<Vec<_>>());
            }
        }
    }
}
