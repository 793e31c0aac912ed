//! `!mirk why`: which events a message tells of, by which rule, and who signed them.

use super::{
    Chat,
    show::{lines, push_page},
};
use crate::{compose::Body, store::StoreError};

/// So many events of a digest are told apart.
const LISTED: usize = 10;

pub(super) async fn why(chat: &Chat, message: &str) -> Result<Body, StoreError> {
    let id = message.to_owned();
    let trails = chat.control.store().with(move |store| store.told_by(&id)).await?;
    if trails.is_empty() {
        return Ok(Body::plain("That message tells of no event that I remember."));
    }
    let events_url = chat.control.settings().config.messages.events_url.clone();
    let mut told = Vec::new();
    if trails.len() > LISTED {
        told.push(Body::plain(format!("It tells of {} events. The first {LISTED}:", trails.len())));
    }
    for trail in trails.iter().take(LISTED) {
        let event = &trail.event;
        let signed = match (&event.problem, event.signers.as_str()) {
            (Some(problem), _) => format!("not verified: {problem}"),
            (None, signers) => format!("signed by {signers}"),
        };
        let seq = event.seq.map_or(String::new(), |seq| format!(" (event {seq})"));
        let (id, rule) = (&event.id, &trail.rule);
        let mut line = Body::plain(format!("{id}{seq}, {signed}, by {rule}"));
        push_page(&mut line, event, events_url.as_deref());
        told.push(line);
        told.push(Body::plain(format!("digest {}", event.digest)));
    }
    Ok(lines(told))
}
