//! Filters: their texts, and what they say about hostile events.

use std::sync::LazyLock;

use laniakea_catalog::{Catalog, is_hidden};
use laniakea_event::{Limits, Object, SubmittedEvent};
use laniakea_filter::{Expression, Glob, Index, Rule, Subject};

use crate::input::two_texts;

/// A pattern on the first line, and a text on the others.
pub fn glob(bytes: &[u8]) {
    let Some((pattern, text)) = two_texts(bytes) else {
        return;
    };
    let text = &text[..text.floor_char_boundary(1_000)];
    let glob = match pattern.parse::<Glob>() {
        Ok(glob) => glob,
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 8_192 && !message.contains('\u{1b}'), "{message}");
            // What has no special character is a pattern.
            assert!(pattern.len() > 256 || pattern.contains(['[', ']', '{', '}', '\\']));
            return;
        }
    };
    assert_eq!(glob.as_str(), pattern);
    let matches = glob.matches(text);
    assert_eq!(glob.to_string().parse::<Glob>().expect("a pattern").matches(text), matches);
    if !pattern.contains(['[', ']', '{', '}', '\\']) {
        assert_eq!(matches, is_match(pattern.as_bytes(), text.as_bytes()), "{pattern:?} {text:?}");
    }
}

/// `*` and `?` as they are meant, with one step back.
fn is_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((star_at, star_from)) => {
                    star = Some((star_at, star_from + 1));
                    at = star_at + 1;
                    from = star_from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// An event for the filters that are made up.
static EVENT: LazyLock<(Object, String)> = LazyLock::new(|| {
    let text = r#"{"data":{"pkgname":"gnome-shell","version":"47.1-1","architecture":"amd64",
        "suite":"landing","count":3,"ratio":0.5,"done":true,"nothing":null,"tags":["a/b",7,null],
        "changes":{"new":2}},"format":"1.0","id":"_lk.archive.package-build-failed",
        "signatures":{},"time":"2026-11-23T16:00:00Z"}"#;
    let event = SubmittedEvent::parse(text.as_bytes(), &Limits::SUBMISSION).expect("an event");
    (event.covered().clone(), text.to_owned())
});

/// The text of an expression, evaluated on an event. Expressions have no budget, so that long
/// ones are left out.
pub fn expression(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let expression = match text.parse::<Expression>() {
        Ok(expression) => expression,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    // Each nested macro multiplies the time.
    if text.len() > 200 || text.matches(['(', '[']).count() > 20 {
        return;
    }
    assert_eq!(expression.as_str(), text);
    let (covered, frame) = &*EVENT;
    let id = "_lk.archive.package-build-failed";
    let subject = Subject::new(id, covered, frame.as_bytes(), ["archive-01"]);
    let again: Expression = expression.to_string().parse().expect("an expression");
    assert_eq!(expression.matches(&subject), again.matches(&subject));
}

/// The text of a rule.
pub fn rule(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match text.parse::<Rule>() {
        Ok(rule) => {
            let written = rule.to_string();
            let again = written.parse::<Rule>();
            assert!(
                again.as_ref() == Ok(&rule) || written.len() > laniakea_filter::MAX_RULE_BYTES,
                "{written}: {again:?}"
            );
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 4_096 && !message.chars().any(is_hidden), "{message:?}");
        }
    }
}

/// Rules of every kind, and one that nothing matches.
static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let texts = [
        "{}",
        r#"{ id = "_lk.archive.*" }"#,
        r#"{ severity = "warning" }"#,
        r#"{ facets = { suite = "l*", package = ["a?", "*-{b,c}"] } }"#,
        r#"{ data = { name = "a*b", count = 3, ratio = 0.5, done = true, "changes.new" = [1, 2] } }"#,
        r#"{ where = "data.name.startsWith('a') || data.count > 3" }"#,
        r#"{ where = "'a' in data.tags || data.tags.exists(tag, tag.contains('b'))" }"#,
        r#"{ where = "event.data == data && id == event.id && size(signers) > 0" }"#,
        r#"{ where = "data.name.matches('^(a|b)*c$') || time > '2026-01-01T00:00:00Z'" }"#,
        r#"{ where = "data.count / data.count == 1 && data.count * data.count - data.count > -5" }"#,
        r#"{ where = "has(data.name) && origin == 'x' && author != data.name + 'y'" }"#,
        r#"{ id = "no such event" }"#,
    ];
    texts.map(|text| text.parse().expect("a rule")).into()
});

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index::default();
    RULES.iter().enumerate().for_each(|(number, rule)| index.insert(rule, number));
    index
});

/// An event, held against all kinds of rules.
pub fn filtered_event(bytes: &[u8]) {
    let Ok(event) = SubmittedEvent::parse(bytes, &Limits::FROM_RELAY) else {
        return;
    };
    let id = event.id().as_str();
    let subject = Subject::new(id, event.covered(), bytes, ["archive-01"]);
    let summary = Catalog::builtin().summary(id, subject.data());
    let candidates = INDEX.candidates(&subject, &summary);
    for (number, rule) in RULES.iter().enumerate() {
        assert!(candidates.contains(&number) || !rule.matches(&subject, &summary), "{rule}");
        let mismatch = rule.mismatch(&subject, &summary);
        assert_eq!(mismatch.is_none(), rule.matches(&subject, &summary), "{rule}");
        if let Some(sentence) = mismatch {
            assert!(sentence.len() < 4_096 && !sentence.chars().any(is_hidden), "{sentence:?}");
        }
    }
    assert!(RULES[0].matches(&subject, &summary));
    assert!(!RULES[RULES.len() - 1].matches(&subject, &summary));
}
