//! Events to hold rules against.

use laniakea_catalog::{Catalog, Summary};
use laniakea_event::{Limits, Object, Value};
use laniakea_filter::{Index, Rule, Subject};

/// A built package, with members of every type.
pub(crate) const BUILT: &str = r#"{
    "pkgname": "gnome-shell", "version": "47.1-1", "architecture": "amd64", "suite": "landing",
    "repo": "master", "count": 3, "ratio": 0.5, "whole": 4.0, "done": true, "nothing": null,
    "exact": 9007199254740993, "double": 9007199254740992.0, "minus": -0.0,
    "big": 123456789012345678901234567890,
    "tags": ["a/b", 7, false, null, ["deep"], {"er": 1}], "none": [],
    "changes": {"new": 2, "by": {"who": "ann"}}, "changes.new": "literal", "a.b": null, "a": {"b": 1}
}"#;

/// An event, held in parts for a [`Subject`] to borrow.
pub(crate) struct Event {
    id: String,
    covered: Object,
    frame: String,
    signers: Vec<&'static str>,
}

impl Event {
    pub(crate) fn new(id: &str, data: &str) -> Self {
        let data =
            Value::parse(data.as_bytes(), &Limits::FROM_RELAY).expect("a test's data is JSON");
        let id_value = Value::from(id);
        let covered = Object::from([("data".to_owned(), data), ("id".to_owned(), id_value)]);
        let frame = Value::from(covered.clone()).to_canonical();
        Self { id: id.to_owned(), covered, frame, signers: Vec::new() }
    }

    /// The built package, which is an error and signed by the archive.
    pub(crate) fn built() -> Self {
        let event = Self::new("_lk.archive.package-build-failed", BUILT);
        Self { signers: vec!["archive-01"], ..event }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        let Self { id, covered, frame, signers } = self;
        Subject::new(id, covered, frame.as_bytes(), signers.iter().copied())
    }

    pub(crate) fn summary(&self) -> Summary {
        Catalog::builtin().summary(&self.id, self.subject().data())
    }

    /// Whether the rule matches, with the proof that asking why not says the same, and that an
    /// index does not pass the rule over.
    pub(crate) fn is_meant_by(&self, rule: &Rule) -> bool {
        let is_meant = rule.matches(&self.subject(), &self.summary());
        assert_eq!(self.why_not(rule).is_none(), is_meant, "{rule}");
        let mut index = Index::default();
        index.insert(rule, 7);
        let is_candidate = index.candidates(&self.subject(), &self.summary()).contains(&7);
        assert!(is_candidate || !is_meant, "{rule}");
        is_meant
    }

    pub(crate) fn why_not(&self, rule: &Rule) -> Option<String> {
        rule.mismatch(&self.subject(), &self.summary())
    }
}

/// A rule from an inline table.
pub(crate) fn rule(text: &str) -> Rule {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}
