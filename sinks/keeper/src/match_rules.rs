//! Which rules want an event, and under which key.

use std::cell::LazyCell;

use jiff::Timestamp;
use laniakea_event::{SignerId, Trust};
use laniakea_filter::Subject;
use serde_json::Value as Json;

use crate::{
    batch::{self, KeptEvent},
    rules::{Rule, Rules},
    watch::Role,
};

/// A rule that wants an event.
#[derive(Debug)]
pub struct Match<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// What its events are grouped by.
    pub key: String,
}

/// A rule that waits for others, and what an event is to it.
#[derive(Debug)]
pub struct Part<'r> {
    /// The rule.
    pub rule: &'r Rule,
    /// What its events are grouped by.
    pub key: String,
    /// What the event is.
    pub roles: Vec<Role>,
}

/// Who says that an event is true.
#[derive(Debug, Clone, Default)]
pub struct Believed {
    /// The sources that signed it and may emit it.
    pub sources: Vec<SignerId>,
}

/// Asks the trust table who stands for an event; a relay alone never suffices.
///
/// # Errors
///
/// Why nobody does.
pub fn believe(event: &KeptEvent, trust: &Trust, now: Timestamp) -> Result<Believed, String> {
    let verified = event.event().clone().verify_received(trust, now);
    let sources = verified.and_then(|verified| verified.authorise(trust));
    Ok(Believed { sources: sources.map_err(|rejection| rejection.to_string())? })
}

/// The rules that want the event. A key that cannot be made is told and counts as no match: the
/// event lacks what the rule is about.
pub fn matching<'r>(rules: &'r Rules, event: &KeptEvent, believed: &Believed) -> Vec<Match<'r>> {
    let subject = event.subject(signers(believed));
    let candidates = rules.candidates(&subject, event.summary()).into_iter();
    let matching = candidates.filter(|rule| {
        rule.waits.is_none()
            && is_believed(rule, believed)
            && rule.filter.matches(&subject, event.summary())
    });
    // Made for the first key that needs it, and then for all of them.
    let values = LazyCell::new(|| batch::of_event(event));
    let keyed = |rule: &'r Rule| Some(Match { rule, key: make_key(rule, event, || &values)? });
    matching.filter_map(keyed).collect()
}

/// The rules that wait for others and to which the event is something.
pub fn parts<'r>(rules: &'r Rules, event: &KeptEvent, believed: &Believed) -> Vec<Part<'r>> {
    let subject = event.subject(signers(believed));
    let candidates = rules.candidates(&subject, event.summary()).into_iter();
    candidates.filter_map(|rule| part_of(rule, event, believed, &subject)).collect()
}

/// What an event is to a rule that waits for others.
pub fn part<'r>(rule: &'r Rule, event: &KeptEvent, believed: &Believed) -> Option<Part<'r>> {
    part_of(rule, event, believed, &event.subject(signers(believed)))
}

impl Part<'_> {
    /// Takes from it what the rule may not follow: a rule that had a part in an event does not wait
    /// for more of it, but an answer is one.
    pub fn keep_answers(&mut self) {
        self.roles.retain(|role| *role == Role::Answer);
    }
}

fn part_of<'r>(
    rule: &'r Rule,
    event: &KeptEvent,
    believed: &Believed,
    subject: &Subject<'_>,
) -> Option<Part<'r>> {
    let waits = rule.waits.as_ref().filter(|_| is_believed(rule, believed))?;
    let roles = waits.roles(|filter| filter.matches(subject, event.summary()));
    if roles.is_empty() {
        return None;
    }
    Some(Part { rule, key: key_of(rule, event)?, roles })
}

/// Why a rule does not want an event; none if it does.
pub fn why_not(rule: &Rule, event: &KeptEvent, believed: &Believed) -> Option<String> {
    mismatch(rule, event, believed).or_else(|| {
        let template = rule.key.as_ref()?;
        template.key(&batch::of_event(event)).err().map(|error| error.to_string())
    })
}

fn mismatch(rule: &Rule, event: &KeptEvent, believed: &Believed) -> Option<String> {
    if !is_believed(rule, believed) {
        let signers = signers(believed).join(", ");
        return Some(format!("signed by {signers}, which signed_by does not name"));
    }
    rule.filter.mismatch(&event.subject(signers(believed)), event.summary())
}

/// Whether a rule believes who signed.
fn is_believed(rule: &Rule, believed: &Believed) -> bool {
    let is_wanted =
        |wanted: &Vec<SignerId>| believed.sources.iter().any(|source| wanted.contains(source));
    rule.signed_by.as_ref().is_none_or(is_wanted)
}

fn signers(believed: &Believed) -> Vec<&str> {
    believed.sources.iter().map(SignerId::as_str).collect()
}

/// What a rule groups the event by; everything together where it does not say.
pub fn key_of(rule: &Rule, event: &KeptEvent) -> Option<String> {
    let values = LazyCell::new(|| batch::of_event(event));
    make_key(rule, event, || &values)
}

fn make_key<'v>(
    rule: &Rule,
    event: &KeptEvent,
    values: impl FnOnce() -> &'v Json,
) -> Option<String> {
    /// A key is a word or two; whoever makes longer ones wants to fill the ledger.
    const LONGEST: usize = 512;
    let Some(template) = &rule.key else { return Some(String::new()) };
    let key = template.key(values()).map_err(|error| error.to_string());
    let key = key.and_then(|key| {
        if key.len() > LONGEST { Err(format!("longer than {LONGEST} bytes")) } else { Ok(key) }
    });
    match key {
        Ok(key) => Some(key),
        Err(reason) => {
            tracing::warn!(
                rule = rule.name, event.digest = %event.digest, reason,
                "an event has no key for a rule and is passed over"
            );
            None
        }
    }
}
