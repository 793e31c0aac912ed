//! What came of a trial.

use std::time::Duration;

use laniakea_e2e::Memory;

use crate::scale::{MAX_PEAK_KIB, PROMPT};

/// What must not have happened, and how often it did.
pub type Zero = (&'static str, u64);

/// What came of a trial.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The trial's name.
    pub name: &'static str,
    /// How many inputs the relay was given.
    pub inputs: u64,
    /// How often the relay panicked or ended by itself.
    pub crashes: u64,
    /// What must be zero.
    pub zeros: Vec<Zero>,
    /// The relay's memory after a warm-up.
    pub before: Memory,
    /// The relay's memory at the end.
    pub after: Memory,
    /// What it may keep of the attack, in KiB.
    pub may_keep_kib: u64,
    /// Inputs a second.
    pub rate: f64,
    /// From the submission of a good event afterwards to its publication.
    pub good_event: Duration,
    /// What is worth knowing beside that.
    pub notes: Vec<String>,
    /// What else was not as it should be.
    pub faults: Vec<String>,
}

impl Outcome {
    /// Everything that is wrong; the trial passed where nothing is.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if self.crashes > 0 {
            failures.push(format!("the relay crashed {} times", self.crashes));
        }
        let zeros = self.zeros.iter().filter(|(_, count)| *count > 0);
        failures.extend(zeros.map(|(what, count)| format!("{what}: {count}")));
        let kept = self.after.resident_kib.saturating_sub(self.before.resident_kib);
        if kept > self.may_keep_kib {
            failures.push(format!("the relay kept {} MiB of memory", kept >> 10));
        }
        if self.after.peak_kib > MAX_PEAK_KIB {
            failures.push(format!("the relay held {} MiB of memory", self.after.peak_kib >> 10));
        }
        if self.good_event > PROMPT {
            failures.push(format!("a good event took {:?} afterwards", self.good_event));
        }
        failures.extend(self.faults.iter().cloned());
        failures
    }

    /// Fails a test with everything that is wrong.
    ///
    /// # Panics
    ///
    /// Something is.
    pub fn assert_passed(&self) {
        let failures = self.failures();
        assert!(failures.is_empty(), "{}: {failures:#?}\n{self:#?}", self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Break = fn(&mut Outcome);

    fn good() -> Outcome {
        let memory = Memory { resident_kib: 10 << 10, peak_kib: 20 << 10 };
        Outcome {
            name: "good",
            inputs: 1,
            crashes: 0,
            zeros: vec![("republished", 0)],
            before: memory,
            after: memory,
            may_keep_kib: 64 << 10,
            rate: 1.0,
            good_event: Duration::from_millis(1),
            notes: Vec::new(),
            faults: Vec::new(),
        }
    }

    #[test]
    fn each_thing_that_is_wrong_fails_the_trial_by_itself() {
        assert_eq!(good().failures(), [""; 0]);
        let broken: [(&str, Break); 6] = [
            ("the relay crashed 1 times", |outcome| outcome.crashes = 1),
            ("republished: 2", |outcome| outcome.zeros = vec![("republished", 2)]),
            ("the relay kept 90 MiB of memory", |outcome| outcome.after.resident_kib = 100 << 10),
            ("the relay held 513 MiB of memory", |outcome| outcome.after.peak_kib = 513 << 10),
            ("a good event took 1h afterwards", |outcome| {
                outcome.good_event = Duration::from_hours(1);
            }),
            ("a hole", |outcome| outcome.faults = vec!["a hole".to_owned()]),
        ];
        for (failure, breaks) in broken {
            let mut outcome = good();
            breaks(&mut outcome);
            assert_eq!(outcome.failures().len(), 1, "{failure}");
            let told = outcome.failures().remove(0).replace("3600s", "1h");
            assert_eq!(told, failure);
        }
    }
}
