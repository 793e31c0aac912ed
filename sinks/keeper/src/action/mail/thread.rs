//! Names of mails, by which mail programs know a mail again and put it beside its like.

use data_encoding::BASE32_NOPAD;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

/// Names the mail of a batch: every attempt at it gives the same name, so whoever gets it twice can
/// tell. A run without events is its own.
pub(super) fn message_id(values: &Json, domain: &str) -> String {
    let text = |name: &str| values.get(name).map(ToString::to_string).unwrap_or_default();
    let mut parts = vec!["mail".to_owned(), text("rule"), text("key")];
    let events = values.get("events").and_then(Json::as_array);
    let digests = events.into_iter().flatten().filter_map(|event| event.get("digest")?.as_str());
    parts.extend(digests.map(str::to_owned));
    if parts.len() == 3 {
        parts.push(text("run"));
    }
    format!("<{}@{domain}>", name(&parts))
}

/// Names what mails are about. No mail has this name; those that refer to it make up a thread.
pub(super) fn thread_id(rule: &str, thread: &str, domain: &str) -> String {
    let parts = ["thread".to_owned(), rule.to_owned(), thread.to_owned()];
    format!("<{}@{domain}>", name(&parts))
}

fn name(parts: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // No two lists of parts look the same.
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finalize();
    format!("keeper-{}", BASE32_NOPAD.encode(&hash).get(..32).unwrap_or_default().to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mail_has_one_name_whatever_run_and_attempt_send_it() {
        let values = |run: u32, attempt: u32, digests: &[&str]| {
            let events: Vec<Json> =
                digests.iter().map(|digest| json!({"digest": digest})).collect();
            json!({"rule": "r", "key": "k", "run": run, "attempt": attempt, "events": events})
        };
        let id = |values: &Json| message_id(values, "example.org");
        let first = id(&values(1, 1, &["a", "b"]));
        assert_eq!(first, id(&values(2, 3, &["a", "b"])));
        assert!(first.starts_with("<keeper-") && first.ends_with("@example.org>"), "{first}");
        let others =
            [values(1, 1, &["a"]), values(1, 1, &["ab"]), values(1, 1, &[]), values(2, 1, &[])];
        let mut ids: Vec<String> = others.iter().map(id).chain([first]).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 5);
        assert_ne!(thread_id("r", "a", "x"), thread_id("r", "b", "x"));
    }
}
