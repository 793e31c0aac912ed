//! `!mirk why`: which events a message tells of, by which rule, and who signed them.

use super::{Chat, show::page};
use crate::store::StoreError;

/// So many events of a digest are told apart.
const LISTED: usize = 10;

pub(super) async fn why(chat: &Chat, message: &str) -> Result<String, StoreError> {
    let id = message.to_owned();
    let trails = chat.control.store().with(move |store| store.told_by(&id)).await?;
    if trails.is_empty() {
        return Ok("That message tells of no event that I remember.".to_owned());
    }
    let events_url = chat.control.settings().config.messages.events_url.clone();
    let mut lines = Vec::new();
    if trails.len() > LISTED {
        lines.push(format!("It tells of {} events. The first {LISTED}:", trails.len()));
    }
    for trail in trails.iter().take(LISTED) {
        let event = &trail.event;
        let signed = match (&event.problem, event.signers.as_str()) {
            (Some(problem), _) => format!("not verified: {problem}"),
            (None, signers) => format!("signed by {signers}"),
        };
        let seq = event.seq.map_or(String::new(), |seq| format!(" (event {seq})"));
        lines.push(format!(
            "{}{seq}, {signed}, by {}{}",
            event.id,
            trail.rule,
            page(event, events_url.as_deref())
        ));
        lines.push(format!("digest {}", event.digest));
    }
    Ok(lines.join("\n"))
}
