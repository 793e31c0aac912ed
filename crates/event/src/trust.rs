//! Who is believed, and for what: the one table that relays and consumers share.

use std::collections::{BTreeMap, BTreeSet};

use crate::{EventId, Keyring, SignerId, Upstream, event_id::is_label};

/// Trusted keys, which of their signers are relays, and what each source may emit.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    keyring: Keyring,
    relays: BTreeSet<SignerId>,
    emit: BTreeMap<SignerId, Vec<EmitRule>>,
    /// Relays whose signature alone stands for some ids.
    vouched: BTreeMap<SignerId, Vec<EmitRule>>,
}

impl Trust {
    /// A table of these keys, relays and rights.
    pub fn new(
        keyring: Keyring,
        relays: BTreeSet<SignerId>,
        emit: BTreeMap<SignerId, Vec<EmitRule>>,
    ) -> Self {
        Self { keyring, relays, emit, vouched: BTreeMap::new() }
    }

    /// The same for whoever reads what a relay with these upstreams took: it took their word for
    /// the ids of their `emit`. No relay judges submissions by such a table.
    #[must_use]
    pub fn vouching(mut self, upstreams: impl IntoIterator<Item = Upstream>) -> Self {
        for Upstream { signer, emit } in upstreams {
            self.vouched.entry(signer).or_default().extend(emit);
        }
        self
    }

    /// The trusted keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Whether this signer is a relay, and so never a source.
    pub fn is_relay(&self, signer: &SignerId) -> bool {
        self.relays.contains(signer)
    }

    /// Whether this signer may emit events of this id, or is a relay whose word is taken for it;
    /// nobody may unless a rule says so.
    pub fn may_emit(&self, signer: &SignerId, id: &EventId) -> bool {
        let allows = |rules: &Vec<EmitRule>| rules.iter().any(|rule| rule.allows(id));
        (!self.is_relay(signer) && self.emit.get(signer).is_some_and(allows))
            || self.vouched.get(signer).is_some_and(allows)
    }
}

/// A right to emit: one id, or everything below a prefix that ends in a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmitRule(String);

/// The text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a whole event id nor a prefix that ends in `.`")]
pub struct InvalidEmitRule(String);

impl EmitRule {
    /// Checks the grammar.
    pub fn parse(text: &str) -> Result<Self, InvalidEmitRule> {
        let is_prefix =
            text.strip_suffix('.').is_some_and(|labels| labels.split('.').all(is_label));
        if is_prefix || EventId::parse(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidEmitRule(text.chars().take(140).collect()))
    }

    /// Whether the rule covers this id.
    pub fn allows(&self, id: &EventId) -> bool {
        id.as_str() == self.0 || (self.0.ends_with('.') && id.as_str().starts_with(&self.0))
    }

    /// The rule as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_without_a_dot_at_its_end_is_a_whole_id() {
        let id = |text| EventId::parse(text).unwrap();
        let whole = EmitRule::parse("_lk.archive.build").unwrap();
        assert!(whole.allows(&id("_lk.archive.build")));
        assert!(!whole.allows(&id("_lk.archive.build-x")));
        let below = EmitRule::parse("_lk.archive.").unwrap();
        assert!(below.allows(&id("_lk.archive.build-x")));
        assert!(!below.allows(&id("_lk.archive2.build")));
    }

    #[test]
    fn a_rule_that_would_allow_more_than_it_says_is_refused() {
        for text in ["", ".", "_lk", "_lk.archive", "*", "_lk.*", "_lk..", " _lk."] {
            assert!(EmitRule::parse(text).is_err(), "{text:?}");
        }
    }
}
