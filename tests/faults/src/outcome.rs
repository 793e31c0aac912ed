//! What came of a trial.

use std::time::Duration;

use crate::checker::Findings;

/// What came of a trial.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// The trial's name.
    pub name: &'static str,
    /// How many faults were injected.
    pub faults: u64,
    /// What the checker says.
    pub findings: Findings,
    /// From a fault, or from its end where it lasts, until an event that was made after it was acknowledged and
    /// delivered to everybody: the longest.
    pub recovery: Option<Duration>,
    /// The longest that is allowed.
    pub max_recovery: Option<Duration>,
    /// What is worth knowing beside that.
    pub notes: Vec<String>,
    /// What else was not as it should be.
    pub wrong: Vec<String>,
    /// Why some or all of it could not be tried on this machine.
    pub skipped: Option<String>,
}

impl Outcome {
    /// Everything that is wrong; the trial passed where nothing is.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for (kind, cases) in self.findings.kinds() {
            if let Some(first) = cases.first() {
                failures.push(format!("{kind}: {}, such as: {first}", cases.len()));
            }
        }
        if let (Some(took), Some(most)) = (self.recovery, self.max_recovery)
            && took > most
        {
            failures.push(format!("recovery took {took:.1?}, more than {most:?}"));
        }
        failures.extend(self.wrong.iter().cloned());
        failures
    }

    /// Notes that it took so long until events flowed again.
    pub(crate) fn recovered(&mut self, took: Duration) {
        self.recovery = Some(self.recovery.unwrap_or_default().max(took));
    }

    /// Fails a test with everything that is wrong.
    ///
    /// # Panics
    ///
    /// Something is.
    pub fn assert_passed(&self) {
        let failures = self.failures();
        assert!(failures.is_empty(), "{}: {failures:#?}\n{:#?}", self.name, self.notes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Break = fn(&mut Outcome);

    #[test]
    fn each_thing_that_is_wrong_fails_the_trial_by_itself() {
        let good = Outcome {
            recovery: Some(Duration::from_secs(3)),
            max_recovery: Some(Duration::from_secs(5)),
            ..Outcome::default()
        };
        assert_eq!(good.failures(), [""; 0]);
        let breaks: [Break; 6] = [
            |outcome| outcome.findings.lost.push("one".to_owned()),
            |outcome| outcome.findings.duplicated.push("one".to_owned()),
            |outcome| outcome.findings.reordered.push("one".to_owned()),
            |outcome| outcome.findings.altered.push("one".to_owned()),
            |outcome| outcome.recovered(Duration::from_secs(6)),
            |outcome| outcome.wrong.push("it went on".to_owned()),
        ];
        for breaks in breaks {
            let mut outcome = good.clone();
            breaks(&mut outcome);
            assert_eq!(outcome.failures().len(), 1);
        }
    }
}
