//! The floor: one strict verification and one signature, and nothing else.

use std::time::{Duration, Instant};

use ed25519_dalek::{Signer as _, SigningKey};
use rustix::time::{ClockId, clock_gettime};

pub(crate) struct Crypto {
    /// CPU time of one verification and one signature, in microseconds, while both cores work.
    pub(crate) cpu_us: f64,
    /// Pairs a second on two cores.
    pub(crate) both_cores: f64,
}

pub(crate) fn measure() -> Crypto {
    let wall = Instant::now();
    let threads: Vec<_> = (0..2).map(|seed| std::thread::spawn(move || work(seed))).collect();
    let done: Vec<(u32, Duration)> =
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).collect();
    let seconds = wall.elapsed().as_secs_f64();
    let pairs: f64 = done.iter().map(|(pairs, _)| f64::from(*pairs)).sum();
    let cpu: f64 = done.iter().map(|(_, cpu)| cpu.as_secs_f64()).sum();
    Crypto { cpu_us: cpu / pairs * 1e6, both_cores: pairs / seconds }
}

fn work(seed: u8) -> (u32, Duration) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let verifying = key.verifying_key();
    let message = [seed; 480];
    let signature = key.sign(&message);
    let cpu_time = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
    };
    let (start, start_cpu) = (Instant::now(), cpu_time());
    let mut pairs = 0;
    while start.elapsed() < Duration::from_secs(2) {
        for _ in 0..50 {
            assert!(verifying.verify_strict(&message, &signature).is_ok());
            std::hint::black_box(key.sign(std::hint::black_box(&message)));
            pairs += 1;
        }
    }
    (pairs, cpu_time().saturating_sub(start_cpu))
}
