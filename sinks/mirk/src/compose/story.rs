//! What follows in a story that the room has a message of.

use super::{
    Body, Entry, Mark, MessageKind, NewMessage, Root, Step, StoryStyle, Style,
    body::{event_body, step_lines},
    content::{edit, in_thread},
    transaction_id,
};

/// The messages for the steps of one story, of which there is at least one: the message's new text
/// if it is to show the present state, and what its thread gets.
pub(super) fn go_on(style: &Style, root: &Root, steps: &[&Entry]) -> Vec<NewMessage> {
    let Some(newest) = steps.last() else { return Vec::new() };
    let mut messages = Vec::new();
    let digests = || steps.iter().map(|step| &step.digest);
    if style.stories == StoryStyle::Edit {
        let txn = transaction_id(&style.room, MessageKind::Edit, digests());
        let mark = Mark { txn: &txn, events: Vec::new() };
        let content = edit(style.msgtype, &event_body(style, newest), &root.event_id, &mark);
        messages.push(NewMessage {
            kind: MessageKind::Edit,
            txn,
            content,
            entries: Vec::new(),
            begins: None,
        });
    }
    let txn = transaction_id(&style.room, MessageKind::Thread, digests());
    let mark = Mark { txn: &txn, events: digests().copied().collect() };
    let body = thread_body(style, root, steps);
    messages.push(NewMessage {
        kind: MessageKind::Thread,
        content: in_thread(style.msgtype, &body, &root.event_id, &mark),
        txn,
        entries: steps.iter().map(|step| step.row).collect(),
        begins: None,
    });
    messages
}

/// The steps, each with its time. Where the message itself changes, the thread begins with what it
/// said first.
fn thread_body(style: &Style, root: &Root, steps: &[&Entry]) -> Body {
    let is_replaced = style.stories == StoryStyle::Edit && !root.has_thread;
    let first = is_replaced.then(|| root.first.clone());
    let next = steps.iter().map(|step| Step { time: step.time.clone(), line: step.line.clone() });
    step_lines(&first.into_iter().chain(next).collect::<Vec<_>>())
}
