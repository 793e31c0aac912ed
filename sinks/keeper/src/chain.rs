//! What caused what: the rules that led to an event. Rules whose actions cause events could go
//! round in a circle for ever; the chain, a signed member of every event that keeper emits, is how
//! they notice.
//!
//! A link is `KEEPER/RULE`, so several keepers can be part of one circle. Whatever keeper emits
//! carries all links of all events that it comes from, and its own: a rule that an event's chain
//! names does not run for it again, and an event whose chain is full starts nothing.

use laniakea_event::Value;

use crate::batch::KeptEvent;

/// The member of an event that holds the chain: an array of strings.
pub const MEMBER: &str = "chain";
/// So many rules may follow from each other.
pub const LONGEST: usize = 8;
/// A signer's name, a slash and a rule's name are never longer.
const LONGEST_LINK: usize = 512;

/// The rules that led to something, oldest first, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain(Vec<String>);

impl Chain {
    /// The chain that an event says it has. What is no link is passed over: it is nobody's.
    pub fn of(event: &KeptEvent) -> Self {
        let links = event.covered().get(MEMBER).and_then(Value::as_array).unwrap_or_default();
        links.iter().filter_map(Value::as_str).collect()
    }

    /// All that led to any of these events.
    pub fn of_all(events: &[KeptEvent]) -> Self {
        events.iter().flat_map(|event| Self::of(event).0).collect()
    }

    /// Nothing may follow any more.
    pub fn is_full(&self) -> bool {
        self.0.len() >= LONGEST
    }

    /// Whether this rule is among what led here.
    pub fn holds(&self, link: &str) -> bool {
        self.0.iter().any(|known| known == link)
    }

    /// The chain with one more rule, if it is not full.
    #[must_use]
    pub fn with(mut self, link: &str) -> Self {
        if !self.is_full() && !self.holds(link) && link.len() <= LONGEST_LINK {
            self.0.push(link.to_owned());
        }
        self
    }

    /// The links, oldest first.
    pub fn links(&self) -> &[String] {
        &self.0
    }

    /// Why a rule must not run for an event with this chain; `None` if it may.
    pub fn forbids(&self, link: Option<&str>) -> Option<String> {
        if link.is_some_and(|link| self.holds(link)) {
            return Some(format!("the rule caused it itself: {}", self.0.join(", ")));
        }
        self.is_full()
            .then(|| format!("{LONGEST} rules led to it, and no more may: {}", self.0.join(", ")))
    }
}

impl<'l> FromIterator<&'l str> for Chain {
    fn from_iter<I: IntoIterator<Item = &'l str>>(links: I) -> Self {
        links.into_iter().fold(Self::default(), Self::with)
    }
}

impl FromIterator<String> for Chain {
    fn from_iter<I: IntoIterator<Item = String>>(links: I) -> Self {
        links.into_iter().fold(Self::default(), |chain, link| chain.with(&link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(links: &[&str]) -> Chain {
        links.iter().copied().collect()
    }

    #[test]
    fn a_rule_does_not_follow_from_itself() {
        let chain = chain(&["k/a", "k/b", "k/a"]);
        assert_eq!(chain.links(), ["k/a", "k/b"]);
        assert!(chain.forbids(Some("k/a")).unwrap().contains("k/a, k/b"));
        assert_eq!(chain.forbids(Some("other/a")), None);
        assert_eq!(chain.forbids(None), None);
    }

    #[test]
    fn a_chain_ends() {
        let links = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
        assert_eq!(chain(&links[..7]).forbids(Some("x")), None);
        let full = chain(&links);
        assert_eq!(full.links().len(), LONGEST);
        assert!(full.forbids(Some("x")).unwrap().starts_with("8 rules led to it"));
        assert_eq!(full.clone().with("x"), full);
        assert_eq!(chain(&["y".repeat(600).as_str()]).links(), [] as [String; 0]);
    }
}
