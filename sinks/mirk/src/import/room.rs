//! What a room gets.

use laniakea_filter::Rule;

use super::{
    ImportError, first_few,
    old::{OldRoom, OldRule},
    rule, shown,
};
use crate::config::RoomName;

/// A room as we write it.
#[derive(Debug)]
pub(super) struct NewRoom {
    pub(super) name: RoomName,
    /// None: everything.
    pub(super) include: Option<Vec<Rule>>,
    /// Inline tables.
    pub(super) exclude: Vec<&'static str>,
}

/// What Mirk posts to no room, whatever its rules are, each with a rule that says the same.
const NEVER_POSTED: [(&str, &str); 3] = [
    ("_lk.debcheck.issue-found", ISSUES),
    ("_lk.debcheck.issue-resolved", ISSUES),
    ("_lk.debcheck.check-completed", IDLE_CHECKS),
];
const ISSUES: &str = r#"{ id = ["_lk.debcheck.issue-found", "_lk.debcheck.issue-resolved"] }"#;
const IDLE_CHECKS: &str = r#"{ id = "_lk.debcheck.check-completed", data = { new_issues_count = 0, resolved_issues_count = 0 } }"#;

/// Types of which Mirk posts nothing at all.
pub(super) fn is_never_posted(id: &str) -> bool {
    NEVER_POSTED.iter().any(|(known, rule)| *known == id && *rule == ISSUES)
}

pub(super) fn translate(
    rooms: &[OldRoom],
    notes: &mut Vec<String>,
) -> Result<Vec<NewRoom>, ImportError> {
    let translated = rooms.iter().map(|room| translate_one(room, notes));
    let translated = translated.collect::<Result<Vec<_>, _>>()?;
    let excluding = translated.iter().filter(|room| !room.exclude.is_empty());
    let excluding = first_few(excluding.map(|room| room.name.as_str()));
    if !excluding.is_empty() {
        notes.push(format!(
            "Mirk never posted debcheck's single issues and checks that changed nothing; the exclude \
             rules keep it so in {excluding}"
        ));
    }
    Ok(translated)
}

fn translate_one(room: &OldRoom, notes: &mut Vec<String>) -> Result<NewRoom, ImportError> {
    let mut include = None;
    for (number, old) in (1..).zip(&room.rules) {
        let place = format!("rule {number} of {}", shown(room.name.as_str()));
        let rules: &mut Vec<Rule> = include.get_or_insert_default();
        rules.extend(rule::translate(&place, old, notes)?);
    }
    let mut exclude = Vec::new();
    for (id, rule) in NEVER_POSTED {
        if may_get(&room.rules, id) && !exclude.contains(&rule) {
            exclude.push(rule);
        }
    }
    Ok(NewRoom { name: room.name.clone(), include, exclude })
}

fn may_get(rules: &[OldRule], id: &str) -> bool {
    rules.is_empty() || rules.iter().any(|rule| rule::may_match(rule, id))
}
