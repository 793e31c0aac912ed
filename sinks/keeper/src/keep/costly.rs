//! Rules whose expressions cost too much for an event: told once, and kept for people who ask.

use std::collections::BTreeMap;

use super::Loop;
use crate::{ledger::Overruns, rules::Rule};

/// How many events each rule had that it was not held against to the end, as far as was told.
#[derive(Debug, Default)]
pub(super) struct Costly(BTreeMap<String, u64>);

impl Loop {
    /// The rules are other ones, which have cost nothing yet.
    pub(super) fn forget_costly(&mut self) -> anyhow::Result<()> {
        self.costly.0.clear();
        Ok(self.keeper.ledger.lock().forget_overruns()?)
    }

    /// Looks which rules have cost too much since the last look.
    pub(super) fn note_costly(&mut self) -> anyhow::Result<()> {
        let now = self.keeper.clock.now();
        let mut more = Vec::new();
        for rule in self.keeper.rules.iter() {
            let events = rule.overruns();
            let known = self.costly.0.get(&rule.name).copied().unwrap_or_default();
            if events == known {
                continue;
            }
            if known == 0 {
                tracing::error!(
                    rule = rule.name,
                    "a rule's expression costs too much for an event, which then does not match"
                );
            }
            self.costly.0.insert(rule.name.clone(), events);
            more.push(Overruns { rule: rule.name.clone(), events, last: now });
        }
        if !more.is_empty() {
            self.keeper.ledger.lock().note_overruns(&more)?;
        }
        Ok(())
    }
}

impl Rule {
    /// How many events it was not held against to the end, since that would have cost too much.
    fn overruns(&self) -> u64 {
        self.filters().map(laniakea_filter::Rule::overruns).sum()
    }
}
